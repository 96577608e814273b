"""Importing catalogue files: all or nothing, with the difference shown before it is kept."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hutong_server.domain.caller import Caller
from hutong_server.domain.recognition import Institution
from hutong_server.domain.report import Instant
from hutong_server.store.base import CatalogDiff, CatalogImport, CatalogRow, Reader, Writer
from hutong_server.usecases.institutions import admin_access

Check = Callable[[CatalogImport, Sequence[CatalogRow], Sequence[Institution]], None]
"""Raises CATALOG_INVALID when an entry refers to something that neither the files nor the catalogue hold."""
Compare = Callable[[Sequence[CatalogRow], Sequence[Institution], CatalogImport], list[CatalogDiff]]


@dataclass(frozen=True, slots=True)
class ImportCatalog:
    """The command: what the files amount to."""

    imported: CatalogImport
    caller: Caller
    now: Instant
    comment: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Imported:
    """What changed, or would change."""

    version: int
    changes: tuple[CatalogDiff, ...]
    entries: dict[str, int]


def preview(command: ImportCatalog, reader: Reader, check: Check, compare: Compare) -> Imported:
    """The difference that an import would make; keeps nothing."""
    changes, rows, institutions = _difference(command, reader, check, compare)
    return Imported(reader.catalog_version(), tuple(changes), _count(rows, institutions, changes))


def import_catalog(command: ImportCatalog, check: Check, compare: Compare) -> Callable[[Writer], Imported]:
    """The write job. Importing what is there already changes nothing and makes no new version."""

    def job(writer: Writer) -> Imported:
        # One import at a time: the difference must be that to what is replaced.
        writer.lock([b"catalog"])
        changes, rows, institutions = _difference(command, writer, check, compare)
        entries = _count(rows, institutions, changes)
        version = writer.catalog_version()
        if changes:
            version = _apply(command, writer, changes, institutions)
        writer.record(
            admin_access("ImportCatalog", command.caller, f"changes:{len(changes)}", command.now, command.request_id)
        )
        return Imported(version, tuple(changes), entries)

    return job


def _difference(
    command: ImportCatalog, reader: Reader, check: Check, compare: Compare
) -> tuple[list[CatalogDiff], list[CatalogRow], list[Institution]]:
    rows, institutions = reader.catalog_rows(), reader.institutions()
    check(command.imported, rows, institutions)
    return compare(rows, institutions, command.imported), rows, institutions


def _apply(
    command: ImportCatalog, writer: Writer, changes: Sequence[CatalogDiff], institutions: Sequence[Institution]
) -> int:
    known = {institution.code: institution for institution in institutions}
    touched = {change.key for change in changes if change.kind == "institution"}
    for institution in command.imported.institutions:
        if institution.code in touched:
            old = known.get(institution.code, institution)
            # A suspension is an act of its own: a file neither makes nor lifts one.
            writer.put_institution(
                replace(
                    institution,
                    access_suspended=old.access_suspended,
                    quality_suspended_since=old.quality_suspended_since,
                )
            )
    wanted = {(row.kind, row.key): row for row in command.imported.rows}
    put = [wanted[change.kind, change.key] for change in changes if (change.kind, change.key) in wanted]
    remove = [(change.kind, change.key) for change in changes if change.change == "removed"]
    by = f"{command.caller.institution}/{command.caller.role.value}"
    return writer.apply_catalog(put, remove, command.now, by, command.comment)


def _count(
    rows: Sequence[CatalogRow], institutions: Sequence[Institution], changes: Sequence[CatalogDiff]
) -> dict[str, int]:
    """Entries by kind after the changes."""
    count = Counter(row.kind for row in rows)
    count["institution"] = len(institutions)
    for change in changes:
        count[change.kind] += {"added": 1, "removed": -1}.get(change.change, 0)
    return {kind: number for kind, number in sorted(count.items()) if number}
