"""hutong-server restore: puts a database back from a backup, proves that it is whole, and does again what must hold.

In three steps, each of which may be repeated when it was cut off. *Put back*: the database says of itself from its
first row on that it was restored. *Prove*: manifest, counts, ledger, index and keys. *Settle*: what was withdrawn,
withheld, revoked and suspended after the backup is done again from the ledger's export, or its loss is accepted. No
server starts on a database that is not settled, and one that runs shows nothing of it as reusable.
"""

import datetime
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from hutong_server.domain.report import Instant
from hutong_server.refusing import refuse, settings_or_refuse
from hutong_server.settings import Settings, SettingsError

if TYPE_CHECKING:
    from hutong_server.store.base import Writer
    from hutong_server.store.sql_store import SqlStore
    from hutong_server.trust.backup_manifest import Manifest
    from hutong_server.trust.key_ring import KeyRing
    from hutong_server.trust.ledger import MerkleLedger
    from hutong_server.trust.ledger_loss import Compared
    from hutong_server.usecases.replay import Replayed

UNSETTLED = 3
"""Exit status: put back and proved, but not settled."""
_TIMEOUT_MS = 600_000


@dataclass
class _Opened:
    """A database with all that is needed to look into it."""

    settings: Settings
    store: "SqlStore"
    ring: "KeyRing"
    ledger: "MerkleLedger"


def restore(
    from_: Annotated[Path | None, typer.Option("--from", help="Directory that `backup` made.")] = None,
    in_place: Annotated[
        bool,
        typer.Option(
            "--in-place", help="The database was put back by its own means, as PostgreSQL's archive: settle it."
        ),
    ] = False,
    export: Annotated[
        list[Path] | None,
        typer.Option(help="Export of the ledger, one for each server; may be repeated; default: HUTONG_LEDGER_EXPORT."),
    ] = None,
    accept_loss_since: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="Without a whole export: what was withdrawn, withheld, revoked and suspended since then is lost. "
            "Goes on record. ISO 8601.",
        ),
    ] = "",
    excuse: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE", help="Institution that counts as resumed though a feed of it is no more."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Something is there already: move it aside, or drop it.")
    ] = False,
    postgresql_programs: Annotated[Path | None, typer.Option(help="Where pg_restore is; default: by PATH.")] = None,
) -> None:
    """Put a database back, prove it, and do again what must hold; without --from, go on with one that is not settled.

    Exits 0 when servers may start, 1 when it was refused and nothing was changed, 3 when the loss is yet to be settled.
    """
    from hutong_server.store.base import StoreUnavailable
    from hutong_server.store.engine import UnsafeSettings
    from hutong_server.trust.keys import UnsafeKey

    settings = settings_or_refuse()
    if from_ is not None and in_place:
        refuse(["--from and --in-place exclude each other"])
    lost_since = _instant(accept_loss_since) if accept_loss_since else None
    exports = list(export or ([Path(settings.ledger_export)] if settings.ledger_export else []))
    try:
        if from_ is not None:
            _put_back(settings, from_, exports, force, postgresql_programs)
        settled = _settle(settings, exports, lost_since, in_place=in_place, proved=from_ is not None)
        if excuse:
            _excuse(settings, excuse)
    except SettingsError as error:
        refuse(error.problems)
    except UnsafeKey as error:
        refuse([str(error)])
    except (UnsafeSettings, StoreUnavailable) as error:
        refuse([f"HUTONG_DATABASE_URL: {error}"])
    if not settled:
        raise typer.Exit(UNSETTLED)


def _put_back(settings: Settings, source: Path, exports: Sequence[Path], force: bool, programs: Path | None) -> None:
    from hutong_server.store import database_copy as copies
    from hutong_server.store.migrations import migrate, revisions
    from hutong_server.trust.backup_manifest import BackupInvalid, read_manifest
    from hutong_server.trust.keys import read_key_file
    from hutong_server.trust.ledger import checkpoint_key

    url = settings.database_url
    try:
        manifest = read_manifest(source, read_key_file(settings.kek))
    except BackupInvalid as error:
        refuse([f"--from: {error}"])
    verifier = checkpoint_key(settings.registry_name, settings.ledger_key).verifier
    if manifest.ledger_key != verifier.text:
        refuse([f"--from: its ledger is signed by {manifest.ledger_key}, and HUTONG_LEDGER_KEY is {verifier.text}"])
    kind = copies.kind_of(url)
    if kind != manifest.database:
        refuse([f"--from: it is of {manifest.database}, and HUTONG_DATABASE_URL is {kind}"])
    if manifest.schema not in revisions():
        refuse([f"--from: its schema {manifest.schema} is newer than this release knows ({manifest.product} made it)"])
    if copies.in_use(url):
        refuse(["HUTONG_DATABASE_URL: somebody has the database open; stop the servers first"])
    if not force and not copies.empty(url):
        refuse(["HUTONG_DATABASE_URL: something is there already; --force moves a file aside and drops tables"])
    copy, at = source / copies.NAMES[kind], _now()
    place = copies.file_of(url) if kind == "sqlite" else None
    if place is not None:
        # Beside its place, until it is proved.
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = place.with_name(f".{place.name}.unfinished")
        _remove(unfinished)
        settings = settings.model_copy(update={"database_url": f"sqlite:///{unfinished.absolute()}"})
    elif force:
        copies.clear(url)
    try:
        copies.load(settings.database_url, copy, programs, at)
        migrate(settings.database_url)
        faults = _faults(settings, manifest, exports)
    except copies.CopyRefused as error:
        refuse([f"HUTONG_DATABASE_URL: {error}"])
    if faults:
        if place is not None:
            _remove(unfinished)
        refuse([f"--from: {fault}" for fault in faults])
    if place is not None:
        if not copies.empty(url):
            _move_aside(place, at)
        copies.finish_file(unfinished, place)
    rows = sum(manifest.counts.values())
    print(f"put back: {kind}, as of {manifest.taken_at}; {rows} rows in {len(manifest.counts)} tables, as counted then")
    print(
        f"proved: {len(manifest.ledger)} logs of the ledger to their last checkpoint, the index by them, all keys open"
    )


def _remove(file: Path) -> None:
    for each in (file, file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm")):
        each.unlink(missing_ok=True)


def _move_aside(file: Path, at: Instant) -> None:
    aside = file.with_name(f"{file.name}.before-{at}")
    for end in ("", "-wal", "-shm"):
        each = file.with_name(file.name + end)
        if each.exists():
            each.rename(aside.with_name(aside.name + end))
    print(f"moved aside: {aside}")


def _faults(settings: Settings, manifest: "Manifest", exports: Sequence[Path]) -> list[str]:
    """What is not as the manifest, the ledger and its export say."""
    from hutong_server.store.base import SealBroken
    from hutong_server.store.database_copy import look

    counts = look(settings.database_url).counts
    faults = [
        f"table {name} has {counts.get(name, 0)} rows, and had {count}"
        for name, count in manifest.counts.items()
        if counts.get(name, 0) != count
    ]
    with _opened(settings) as it:
        try:
            it.store.read(lambda reader: reader.check_seals())
        except SealBroken:
            faults.append(
                "something sealed does not open: it was changed, moved, or sealed under a key that is not there"
            )
        return faults + _verified(it, manifest.ledger, exports)[0]


def _verified(it: _Opened, notes: Sequence[str], exports: Sequence[Path]) -> "tuple[list[str], Compared]":
    """(faults of the ledger and what it says of the index, what the export has beyond it)."""
    from hutong_server.store.index_view import IndexView
    from hutong_server.store.ledger_view import SqlLedgerView, take_any_text
    from hutong_server.trust import ledger_check, ledger_loss
    from hutong_server.trust.ledger import checkpoint_key

    verifier = checkpoint_key(it.settings.registry_name, it.settings.ledger_key).verifier
    exported = _notes(exports)

    def job(tx: Any) -> "tuple[list[str], Compared]":
        take_any_text(tx)
        view = SqlLedgerView(tx)
        compared = ledger_loss.compare(view, verifier, exported, _told(exports))
        good = [note for note in exported if _of_ours(note, verifier)]
        found = ledger_check.verify(view, verifier, [*notes, *good], IndexView(tx), compared.loss)
        return [*map(str, found.faults), *(f"{count} {what}" for what, count in found.strays)], compared

    return it.store.read(job)


def _of_ours(note: str, verifier: Any) -> bool:
    """Whether a note can be gone by; compare() names those that cannot."""
    from hutong_server.trust.checkpoint import CheckpointInvalid

    try:
        verifier.read(note)
    except CheckpointInvalid:
        return False
    return True


def _told(exports: Sequence[Path]) -> frozenset[bytes]:
    from hutong_server.trust.ledger_acts import ActsInvalid, logs_told

    try:
        return logs_told(exports)
    except ActsInvalid as error:
        refuse([f"the ledger's export: {error}"])


def _notes(exports: Sequence[Path]) -> list[str]:
    paths = [path for directory in exports for path in sorted(directory.glob("*.checkpoint"))]
    return [path.read_text("utf-8", errors="replace") for path in paths if not path.name.startswith(".")]


def _settle(
    settings: Settings, exports: Sequence[Path], lost_since: Instant | None, *, in_place: bool, proved: bool
) -> bool:
    """Does again what must hold, or accepts its loss. Whether servers may start."""
    from hutong_server import app
    from hutong_server.store.base import Restoration
    from hutong_server.trust.ledger_acts import read_acts

    if app.is_new_file(settings.database_url):
        refuse(["HUTONG_DATABASE_URL: there is no database yet"])
    app.prepare_schema(settings.database_url)
    with _opened(settings) as it:
        last = it.store.read(lambda reader: reader.restoration())
        if in_place:
            last = Restoration(_now(), _now(), 0)
            marked = last
            it.store.submit(lambda writer: writer.put_restoration(marked)).result()
        if last is None:
            print("this database was never put back from a backup")
            return True
        if last.settled is not None:
            return _tell_standing(it)
        last = replace(last, reaches=_reaches(it))
        faults, compared = _verified(it, (), exports)
        if faults and not proved:
            refuse(faults)
        problems = (
            list(compared.problems)
            if exports
            else ["there is no export of the ledger: HUTONG_LEDGER_EXPORT, or --export"]
        )
        told, broken = read_acts(exports, it.ring.sealer, compared.wanted)
        problems += broken
        if problems and lost_since is None:
            for problem in problems:
                print(f"NOT SETTLED: {problem}")
            print(
                "nothing is reusable, and no server starts, until the whole export is given (--export) or the loss is "
                f"accepted: --accept-loss-since {_iso(last.reaches)}"
            )
            return False
        told = [each for each in told if each.access.at >= compared.since]
        replayed = _replay(it, last, told, compared, lost_since if problems else None)
    _tell_replayed(replayed, told, last.reaches, lost_since if problems else None)
    with _opened(settings) as it:
        return _tell_standing(it)


def _reaches(it: _Opened) -> Instant:
    """How far the database has come: when its newest checkpoint was signed."""
    from hutong_server.store.ledger_view import SqlLedgerView

    def job(tx: Any) -> Instant:
        view = SqlLedgerView(tx)
        trees = [view.newest(log.log_id) for log in view.logs()]
        return max((tree.at for tree in trees if tree is not None), default=0)

    return it.store.read(job)


def _replay(
    it: _Opened, last: Any, told: Sequence[Any], compared: "Compared", lost_since: Instant | None
) -> "Replayed":
    from hutong_server.api.rule_snapshot import read_book
    from hutong_server.store.base import AccessRecord
    from hutong_server.trust.ledger_loss import tell_loss
    from hutong_server.usecases.replay import Replay, replay

    now = _now()
    again = replay(told, Replay(it.store.read(read_book), it.ring.tokens, now))

    def job(writer: "Writer") -> "Replayed":
        done = again(writer)
        tell_loss(writer, it.ledger, compared.loss, last.reaches, lost_since, now)
        writer.put_restoration(replace(last, settled=now, lost_since=lost_since))
        detail = (
            f"put back {_iso(last.at)}, reaches {_iso(last.reaches)}",
            f"replayed {sum(done.done.values())}, not there {sum(done.left.values())}",
            *([f"loss accepted since {_iso(lost_since)}"] if lost_since is not None else []),
        )
        writer.record(AccessRecord(now, "RestoreRegistry", "registry", "registry", "", "", "done", detail=detail))
        return done

    return it.store.submit(job).result()


def _tell_replayed(done: "Replayed", told: Sequence[Any], reaches: Instant, lost_since: Instant | None) -> None:
    for kind, count in sorted(done.done.items()):
        print(f"replayed: {count} × {kind}")
    if told:
        print(f"the export reaches to {_iso(told[-1].access.at)}; the backup to {_iso(reaches)}")
    for kind, count in sorted(done.left.items()):
        print(f"MISSING: {count} × {kind}: about what is not in the backup; look again when it has come back")
    if lost_since is not None:
        print(
            f"LOST, and on record: whatever else was withdrawn, withheld, revoked or suspended since {_iso(lost_since)}"
        )
    print(
        f"missing until it comes again: reports, prompts and decisions after {_iso(reaches)}; rules that were imported "
        "after it: import them again"
    )


def _tell_standing(it: _Opened) -> bool:
    def look(reader: Any) -> tuple[Any, Any]:
        return reader.restoration(), reader.unresumed()

    last, unresumed = it.store.read(look)
    print(f"settled {_iso(last.settled)}: servers may start")
    if unresumed.institutions:
        print(
            f"nothing is reusable of {len(unresumed.institutions)} institutions until their feeds go on: "
            f"{', '.join(sorted(unresumed.institutions))}"
        )
    return True


def _excuse(settings: Settings, codes: Sequence[str]) -> None:
    from hutong_server.store.base import AccessRecord

    def job(writer: "Writer") -> bool:
        last = writer.restoration()
        if last is None or any(writer.institution(code) is None for code in codes):
            return False
        writer.put_restoration(replace(last, excused=tuple(sorted({*last.excused, *codes}))))
        writer.record(AccessRecord(_now(), "ExcuseFeed", "registry", "registry", "", "", "done", detail=tuple(codes)))
        return True

    with _opened(settings) as it:
        if not it.store.submit(job).result():
            refuse(["--excuse: no such institution, or there was no restore"])
    print(f"excused, and on record: {', '.join(codes)}")


@contextmanager
def _opened(settings: Settings) -> "Iterator[_Opened]":
    from hutong_server.sealed_store import open_sealed
    from hutong_server.trust.ledger import open_ledger

    settings = settings.model_copy(update={"database_replica_url": ""})
    try:
        ledger = open_ledger(settings.registry_name, settings.ledger_key, settings.ledger_export)
    except OSError as error:
        refuse([f"HUTONG_LEDGER_EXPORT: {error.strerror}"])
    store, ring = open_sealed(settings, _now, timeout_ms=_TIMEOUT_MS, any_suite=True, ledger=ledger)
    try:
        yield _Opened(settings, store, ring, ledger)
    finally:
        ring.close()
        store.close()


def _instant(text: str) -> Instant:
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        _wrong_time()
    if moment.tzinfo is None:
        _wrong_time()
    return round(moment.timestamp() * 1000)


def _wrong_time() -> NoReturn:
    refuse(["--accept-loss-since: a time with its offset, as 2026-03-01T08:00:00+08:00"])


def _iso(at: Instant) -> str:
    return datetime.datetime.fromtimestamp(at / 1000, datetime.UTC).isoformat(timespec="milliseconds")


def _now() -> Instant:
    return time.time_ns() // 1_000_000
