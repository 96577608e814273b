"""What an import would change."""

from collections.abc import Iterable

from hutong_server.catalog.placed import in_scopes
from hutong_server.domain.canonical import institution_body
from hutong_server.domain.recognition import Institution
from hutong_server.store.base import CatalogDiff, CatalogImport, CatalogRow

ADDED, REMOVED, CHANGED = "added", "removed", "changed"


def diff(
    existing_rows: Iterable[CatalogRow], existing_institutions: Iterable[Institution], imported: CatalogImport
) -> list[CatalogDiff]:
    """The differences by kind and key, institutions first. Empty when the import changes nothing."""
    before = {each.code: institution_body(each) for each in existing_institutions}
    found = []
    for institution in sorted(imported.institutions, key=lambda each: each.code):
        found += _compare("institution", institution.code, before.get(institution.code), institution_body(institution))
    scopes = frozenset(imported.scopes)
    replaced = {(row.kind, row.key): row.body for row in existing_rows if in_scopes(row.kind, row.key, scopes)}
    after = {(row.kind, row.key): row.body for row in imported.rows}
    for entry in sorted(replaced.keys() | after.keys()):
        found += _compare(*entry, replaced.get(entry), after.get(entry))
    return found


def _compare(kind: str, key: str, before: str | None, after: str | None) -> list[CatalogDiff]:
    if before == after:
        return []
    change = ADDED if before is None else REMOVED if after is None else CHANGED
    return [CatalogDiff(change, kind, key, before or "", after or "")]
