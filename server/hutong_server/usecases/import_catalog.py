"""Importing catalogue files: all or nothing, with the difference shown before it is kept."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hutong_server.domain.caller import Caller
from hutong_server.domain.recognition import Institution
from hutong_server.domain.report import Instant
from hutong_server.store.base import CatalogDiff, CatalogImport, CatalogRow, Reader, Writer
from hutong_server.usecases.acts import rules
from hutong_server.usecases.institutions import admin_access

Check = Callable[[CatalogImport, Sequence[CatalogRow], Sequence[Institution]], None]
"""Raises CATALOG_INVALID when an entry refers to something that neither the files nor the catalogue hold."""
Compare = Callable[[Sequence[CatalogRow], Sequence[Institution], CatalogImport], list[CatalogDiff]]

LOCK = b"catalog"
"""Serialises changes of the catalogue."""
INSTITUTION = "institution"
"""Kind of the differences between institutions."""


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
    pending_id: bytes = b""
    """While it waits for its moment."""
    stated: Mapping[str, int] = field(default_factory=dict)
    """Entries that the files state, by kind."""


def preview(command: ImportCatalog, reader: Reader, check: Check, compare: Compare) -> Imported:
    """The difference that an import would make; keeps nothing."""
    changes, rows, institutions = _difference(command, reader, check, compare)
    entries = _count(rows, institutions, changes)
    return Imported(reader.catalog_version(), tuple(changes), entries, stated=stated_by(command.imported))


def import_catalog(command: ImportCatalog, check: Check, compare: Compare) -> Callable[[Writer], Imported]:
    """The write job. Importing what is there already changes nothing and makes no new version."""

    def job(writer: Writer) -> Imported:
        # One import at a time: the difference must be that to what is replaced.
        writer.lock([LOCK])
        done = apply_import(command, writer, check, compare)
        outcome = f"changes:{len(done.changes)}"
        told = (rules(outcome),) if done.changes else ()
        writer.record(admin_access("ImportCatalog", command.caller, outcome, command.now, command.request_id), *told)
        return done

    return job


def apply_import(command: ImportCatalog, writer: Writer, check: Check, compare: Compare) -> Imported:
    """Applies an import within a job that holds the catalogue's lock. Raises CATALOG_INVALID when it does not fit."""
    changes, rows, institutions = _difference(command, writer, check, compare)
    version = writer.catalog_version()
    if changes:
        by = f"{command.caller.institution}/{command.caller.role.value}"
        version = apply_changes(writer, changes, command.imported.institutions, command.now, by, command.comment)
    entries = _count(rows, institutions, changes)
    return Imported(version, tuple(changes), entries, stated=stated_by(command.imported))


def stated_by(imported: CatalogImport) -> dict[str, int]:
    """How many entries files state, by kind."""
    count = Counter(row.kind for row in imported.rows)
    count[INSTITUTION] = len(imported.institutions)
    return {kind: number for kind, number in sorted(count.items()) if number}


def apply_changes(
    writer: Writer,
    changes: Sequence[CatalogDiff],
    stated: Sequence[Institution],
    now: Instant,
    by: str,
    comment: str,
) -> int:
    """Makes the version in which these differences hold; `stated` are the institutions as they are to be."""
    known = {institution.code: institution for institution in writer.institutions()}
    touched = {change.key for change in changes if change.kind == INSTITUTION}
    institutions = []
    for institution in stated:
        if institution.code in touched:
            old = known.get(institution.code, institution)
            # A suspension is an act of its own: a file neither makes nor lifts one.
            institutions.append(
                replace(
                    institution,
                    access_suspended=old.access_suspended,
                    quality_suspended_since=old.quality_suspended_since,
                )
            )
    entries = [change for change in changes if change.kind != INSTITUTION]
    put = [CatalogRow(change.kind, change.key, change.after) for change in entries if change.change != "removed"]
    remove = [(change.kind, change.key) for change in entries if change.change == "removed"]
    return writer.apply_catalog(put, remove, now, by, comment, institutions)


def _difference(
    command: ImportCatalog, reader: Reader, check: Check, compare: Compare
) -> tuple[list[CatalogDiff], list[CatalogRow], list[Institution]]:
    rows, institutions = reader.catalog_rows(), reader.institutions()
    check(command.imported, rows, institutions)
    return compare(rows, institutions, command.imported), rows, institutions


def _count(
    rows: Sequence[CatalogRow], institutions: Sequence[Institution], changes: Sequence[CatalogDiff]
) -> dict[str, int]:
    """Entries by kind after the changes."""
    count = Counter(row.kind for row in rows)
    count[INSTITUTION] = len(institutions)
    for change in changes:
        count[change.kind] += {"added": 1, "removed": -1}.get(change.change, 0)
    return {kind: number for kind, number in sorted(count.items()) if number}
