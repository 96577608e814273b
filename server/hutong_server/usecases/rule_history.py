"""Versions of the rules: what they were, what waits for its moment, and going back.

An import that waits is kept as what its files amounted to. It is checked when it is made, and once more when its
moment comes, against the catalogue of then. Whoever sees first that the moment has come applies it, under the
catalogue's lock.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from hutong_server.domain.caller import Caller, Role
from hutong_server.domain.canonical import institution_entry, institution_of
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.report import Instant
from hutong_server.store.base import Act, CatalogDiff, Reader, Writer
from hutong_server.store.base_catalog import (
    CANCELLED,
    DONE,
    FAILED,
    PENDING,
    CatalogVersion,
    HistoryPosition,
    PendingImport,
)
from hutong_server.usecases.acts import rules
from hutong_server.usecases.import_catalog import (
    INSTITUTION,
    LOCK,
    Check,
    Compare,
    ImportCatalog,
    Imported,
    apply_changes,
    apply_import,
    preview,
)
from hutong_server.usecases.institutions import OPERATOR, admin_access

MAX_WAITING = 100
"""Imports that may wait at a time."""
_LONGEST_NOTE = 1000


@dataclass(frozen=True, slots=True)
class MovePending:
    """The command: another moment for an import that waits, or its end."""

    pending_id: bytes
    activate_at: Instant | None
    """None: now."""
    cancel: bool
    comment: str
    caller: Caller
    now: Instant
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class RollBack:
    """The command: the content of a former version."""

    to_version: int
    comment: str
    caller: Caller
    now: Instant
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """A page of the history."""

    waiting: tuple[PendingImport, ...]
    """On the first page."""
    past: tuple[CatalogVersion | PendingImport, ...]
    """Versions, and imports that were cancelled or failed; newest first."""
    in_force: int
    next: HistoryPosition | None


def schedule_import(
    command: ImportCatalog, activate_at: Instant, check: Check, compare: Compare
) -> Callable[[Writer], Imported]:
    """The write job that keeps an import for its moment. The same again finds the same one, and revives a cancelled
    one. Raises CATALOG_INVALID when it does not fit now, STATE_CONFLICT when too many wait.
    """
    pending_id = _id_of(command, activate_at)

    def job(writer: Writer) -> Imported:
        writer.lock([LOCK])
        shown = preview(command, writer, check, compare)
        waiting = {each.pending_id for each in writer.waiting_imports()}
        if pending_id not in waiting:
            if len(waiting) >= MAX_WAITING:
                raise HutongError(Reason.STATE_CONFLICT, f"{MAX_WAITING} imports wait already; cancel some")
            by = f"{command.caller.institution}/{command.caller.role.value}"
            made = PendingImport(
                pending_id,
                PENDING,
                activate_at,
                command.now,
                command.now,
                by,
                command.caller.certificate,
                command.comment,
                change_count=len(shown.changes),
            )
            writer.put_pending(made, command.imported)
        outcome = f"waits:{pending_id.hex()}"
        told = () if pending_id in waiting else (rules(outcome),)
        writer.record(admin_access("ImportCatalog", command.caller, outcome, command.now, command.request_id), *told)
        return replace(shown, pending_id=pending_id)

    return job


def _id_of(command: ImportCatalog, activate_at: Instant) -> bytes:
    made = command.imported
    institutions = [institution_entry(each) for each in made.institutions]
    rows = [(row.kind, row.key, row.body) for row in made.rows]
    whole = [command.caller.institution, activate_at, command.comment, institutions, rows, made.scopes]
    return hashlib.sha256(json.dumps(whole, ensure_ascii=False).encode()).digest()[:8]


def move_pending(command: MovePending, check: Check, compare: Compare) -> Callable[[Writer], PendingImport]:
    """The write job that gives an import another moment, applies it now, or cancels it.

    Raises NOT_FOUND, ROLE_NOT_ALLOWED for that of another institution, STATE_CONFLICT when it is in force already,
    CATALOG_INVALID when it is to be applied now and does not fit.
    """

    def job(writer: Writer) -> PendingImport:
        writer.lock([LOCK])
        found = writer.pending_import(command.pending_id)
        if found is None:
            raise HutongError(Reason.NOT_FOUND, "no such import")
        known, content = found
        caller = command.caller
        if caller.institution not in (OPERATOR, known.by.partition("/")[0]):
            raise HutongError(Reason.ROLE_NOT_ALLOWED, "the import is another institution's")
        if known.state == DONE:
            if command.cancel or command.activate_at is not None:
                raise HutongError(Reason.STATE_CONFLICT, "the import is in force already; roll back instead")
            return known
        if command.cancel:
            moved, outcome = replace(known, state=CANCELLED, note=command.comment), "cancelled"
        elif command.activate_at is not None:
            moved, outcome = replace(known, state=PENDING, activate_at=command.activate_at, note=""), "waits"
        else:
            act = ImportCatalog(content, caller, command.now, command.comment or known.comment, command.request_id)
            done = apply_import(act, writer, check, compare)
            moved, outcome = _applied(known, done, command.now), f"applied:{done.version}"
        outcome = f"{outcome}:{known.pending_id.hex()}"
        told: tuple[Act, ...] = ()
        if moved != known:
            moved = replace(moved, changed_at=command.now)
            writer.put_pending(moved)
            told = (rules(outcome),)
        writer.record(admin_access("ActivateCatalog", caller, outcome, command.now, command.request_id), *told)
        return moved

    return job


def apply_due(
    pending_id: bytes, now: Instant, check: Check, compare: Compare
) -> Callable[[Writer], PendingImport | None]:
    """The write job that applies an import whose moment has come; None when another worker has.

    One that does not fit the catalogue any more fails as a whole, with the reason noted.
    """

    def job(writer: Writer) -> PendingImport | None:
        writer.lock([LOCK])
        found = writer.pending_import(pending_id)
        if found is None or found[0].state != PENDING or found[0].activate_at > now:
            return None
        known, content = found
        institution, _, role = known.by.partition("/")
        caller = Caller(institution, Role(role), known.certificate)
        command = ImportCatalog(content, caller, now, known.comment, known.pending_id.hex())
        try:
            done = apply_import(command, writer, check, compare)
        except HutongError as error:
            faults = "; ".join(f"{issue.path}: {issue.message}" for issue in error.issues)
            moved = replace(known, state=FAILED, changed_at=now, note=faults[:_LONGEST_NOTE])
            outcome = "failed"
        else:
            moved, outcome = _applied(known, done, now), f"applied:{done.version}"
        writer.put_pending(moved)
        writer.record(admin_access("ActivateCatalog", caller, f"{outcome}:{pending_id.hex()}", now, pending_id.hex()))
        return moved

    return job


def _applied(known: PendingImport, done: Imported, now: Instant) -> PendingImport:
    return replace(known, state=DONE, changed_at=now, note="", version=done.version, change_count=len(done.changes))


def list_history(before: HistoryPosition | None, limit: int, reader: Reader) -> History:
    """A page of the history, newest first."""
    versions, ended = reader.catalog_history(before, limit + 1)
    merged: list[CatalogVersion | PendingImport] = []
    while len(merged) < limit and (versions or ended):
        if versions and (not ended or versions[0].at >= ended[0].changed_at):
            merged.append(versions.pop(0))
        else:
            merged.append(ended.pop(0))
    position = before or HistoryPosition(1 << 62, (1 << 62, b""))
    for each in merged:
        if isinstance(each, CatalogVersion):
            position = position._replace(version=each.version)
        else:
            position = position._replace(ended=(each.changed_at, each.pending_id))
    return History(
        waiting=tuple(reader.waiting_imports()) if before is None else (),
        past=tuple(merged),
        in_force=reader.catalog_version(),
        next=position if versions or ended else None,
    )


def diff_versions(from_version: int, to_version: int, reader: Reader) -> list[CatalogDiff]:
    """What differs from one version to another; `to_version` 0: the one in force. Raises NOT_FOUND."""
    last = reader.catalog_version()
    to_version = to_version or last
    for version in (from_version, to_version):
        if not 1 <= version <= last:
            raise HutongError(Reason.NOT_FOUND, "no such version of the rules")
    changes = reader.catalog_changes(min(from_version, to_version), max(from_version, to_version))
    return changes if from_version <= to_version else [_turned(each) for each in changes]


_TURNED = {"added": "removed", "removed": "added", "changed": "changed"}


def _turned(change: CatalogDiff) -> CatalogDiff:
    return CatalogDiff(_TURNED[change.change], change.kind, change.key, change.after, change.before)


def preview_roll_back(to_version: int, reader: Reader) -> Imported:
    """The difference that going back would make. Raises NOT_FOUND.

    Institutions that came later stay, and suspensions are left as they are.
    """
    changes = []
    for each in diff_versions(reader.catalog_version(), to_version, reader):
        if each.kind != INSTITUTION:
            changes.append(each)
        elif each.change == "changed":
            before, after = (institution_of(json.loads(body)) for body in (each.before, each.after))
            if before != after:
                changes.append(each)
    return Imported(reader.catalog_version(), tuple(changes), {})


def roll_back(command: RollBack) -> Callable[[Writer], Imported]:
    """The write job that makes a new version with the content of a former one; none when nothing differs."""

    def job(writer: Writer) -> Imported:
        writer.lock([LOCK])
        shown = preview_roll_back(command.to_version, writer)
        version = shown.version
        if shown.changes:
            stated = [institution_of(json.loads(each.after)) for each in shown.changes if each.kind == INSTITUTION]
            by = f"{command.caller.institution}/{command.caller.role.value}"
            comment = f"as version {command.to_version}: {command.comment}"
            version = apply_changes(writer, shown.changes, stated, command.now, by, comment)
        outcome = f"to:{command.to_version}:changes:{len(shown.changes)}"
        told = (rules(outcome),) if shown.changes else ()
        writer.record(admin_access("RollBackCatalog", command.caller, outcome, command.now, command.request_id), *told)
        return replace(shown, version=version)

    return job
