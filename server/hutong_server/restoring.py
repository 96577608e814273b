"""What a restore asks of a database: to be proved by its ledger, and to have done again what must hold.

No command line here; see restore_commands.py. Instants are milliseconds since 1970-01-01T00:00:00Z.
"""

import datetime
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hutong_server.api.rule_snapshot import read_book
from hutong_server.domain.report import Instant
from hutong_server.domain.restored import Unresumed
from hutong_server.opening import LONGEST_MS
from hutong_server.sealed_store import open_sealed
from hutong_server.settings import Settings, SettingsError
from hutong_server.store.base import AccessRecord, Restoration, SealBroken, ToldAct, Writer
from hutong_server.store.database_copy import Copied
from hutong_server.store.index_view import IndexView
from hutong_server.store.ledger_view import SqlLedgerView, begin_whole, take_any_text
from hutong_server.store.sql_store import SqlStore
from hutong_server.trust import ledger_check
from hutong_server.trust.backup_manifest import Manifest
from hutong_server.trust.checkpoint import CheckpointInvalid, CheckpointVerifier
from hutong_server.trust.key_ring import KeyRing
from hutong_server.trust.keys import UnsafeKey, read_key_file
from hutong_server.trust.ledger import MerkleLedger, checkpoint_key, open_ledger
from hutong_server.trust.ledger_acts import ActsInvalid, keys_told, logs_told, read_acts
from hutong_server.trust.ledger_loss import Compared, compare, tell_loss
from hutong_server.trust.wrapping import unwrapped
from hutong_server.usecases.replay import Replay, Replayed, replay

_NOTICES_LOST = 1_000_000
"""More than an institution is told between two backups."""


@dataclass
class Restored:
    """A database that is being restored, open, with all that is needed to look into it."""

    settings: Settings
    store: SqlStore
    ring: KeyRing
    ledger: MerkleLedger
    verifier: CheckpointVerifier
    exports: tuple[Path, ...]


@contextmanager
def opened(settings: Settings, exports: Sequence[Path] = ()) -> Iterator[Restored]:
    """Opens one. Raises as open_sealed, and SettingsError for the ledger's export."""
    settings = settings.model_copy(update={"database_replica_url": ""})
    try:
        ledger = open_ledger(settings.registry_name, settings.ledger_key, settings.ledger_export)
    except OSError as error:
        raise SettingsError([f"HUTONG_LEDGER_EXPORT: {error.strerror}"]) from None
    verifier = checkpoint_key(settings.registry_name, settings.ledger_key).verifier
    store, ring = open_sealed(settings, now, timeout_ms=LONGEST_MS, any_suite=True, ledger=ledger)
    try:
        yield Restored(settings, store, ring, ledger, verifier, tuple(exports))
    finally:
        ring.close()
        store.close()


def count_faults(manifest: Manifest, found: Copied) -> list[str]:
    """Where tables have other numbers of rows than the manifest says."""
    return [
        f"table {name} has {found.counts.get(name, 0)} rows, and had {count}"
        for name, count in manifest.counts.items()
        if found.counts.get(name, 0) != count
    ]


def seal_faults(it: Restored) -> list[str]:
    """What is wrong when one blob of each kind is opened."""
    try:
        it.store.read(lambda reader: reader.check_seals())
    except SealBroken:
        return ["something sealed does not open: it was changed, moved, or sealed under a key that is not there"]
    return []


def verify(it: Restored, notes: Sequence[str]) -> tuple[list[str], Compared]:
    """(faults of the ledger and of the index by it, what the export has beyond the ledger). `notes`: checkpoints of the
    backup. What was lost since is no fault."""
    exported = [
        path.read_text("utf-8", errors="replace")
        for directory in it.exports
        for path in sorted(directory.glob("*.checkpoint"))
        if not path.name.startswith(".")
    ]
    broken: list[str] = []
    try:
        told = logs_told(it.exports)
    except ActsInvalid as error:
        told, broken = frozenset(), [str(error)]

    def job(tx: Any) -> tuple[list[str], Compared]:
        take_any_text(tx)
        begin_whole(tx)
        view = SqlLedgerView(tx)
        compared = compare(view, it.verifier, exported, told)
        compared = replace(compared, problems=(*compared.problems, *broken))
        good = [note for note in exported if _signed(note, it.verifier)]
        found = ledger_check.verify(view, it.verifier, [*notes, *good], IndexView(tx), compared.loss)
        return [*map(str, found.faults), *(f"{count} {what}" for what, count in found.strays)], compared

    return it.store.read(job)


def _signed(note: str, verifier: CheckpointVerifier) -> bool:
    """Whether a note can be gone by; compare() names those that cannot."""
    try:
        verifier.read(note)
    except CheckpointInvalid:
        return False
    return True


def reaches(it: Restored) -> Instant:
    """How far the database has come: when its newest checkpoint was signed; 0 for none."""

    def job(tx: Any) -> Instant:
        view = SqlLedgerView(tx)
        trees = [view.newest(log.log_id) for log in view.logs()]
        return max((tree.at for tree in trees if tree is not None), default=0)

    return it.store.read(job)


def mark(it: Restored) -> None:
    """Says of a database that was put back by its own means that it is restored."""
    marked = Restoration(now(), now(), reaches(it))
    it.store.submit(lambda writer: writer.put_restoration(marked)).result()


def acts_after(it: Restored, compared: Compared) -> tuple[list[ToldAct], list[str]]:
    """(acts of what was lost, in their order; what is wrong with the files that tell of them)."""
    _take_keys(it)
    told, broken = read_acts(it.exports, it.ring.sealer, compared.wanted)
    return [each for each in told if each.access.at >= compared.since], broken


def _take_keys(it: Restored) -> None:
    """Keys that were made after the backup open what was sealed since; nothing is sealed with them any more."""
    known = {key.number for key in it.store.read(lambda reader: reader.data_keys())}
    kek = read_key_file(it.settings.kek)
    for key in keys_told(it.exports):
        if key.number in known:
            continue
        with suppress(UnsafeKey):  # under a key-encryption key that is not here: what it seals is named later
            unwrapped(kek, key)
            it.store.submit(lambda writer, key=key: writer.put_data_key(key)).result()  # type: ignore[misc]
    it.ring.load()


def settle(
    it: Restored, last: Restoration, told: Sequence[ToldAct], compared: Compared, lost_since: Instant | None
) -> Replayed:
    """Does again what must hold, and says in ledger and database that it was done. All of it or nothing."""
    at = now()
    again = replay(told, Replay(it.store.read(read_book), it.ring.tokens, at))

    def job(writer: Writer) -> Replayed:
        # Listeners go on after the last number they were given, and what is replayed gives new ones.
        writer.skip_notices([each.code for each in writer.institutions()], _NOTICES_LOST)
        done = again(writer)
        tell_loss(writer, it.ledger, compared.loss.with_acts(told, compared.wanted), last.reaches, lost_since, at)
        writer.put_restoration(replace(last, settled=at, lost_since=lost_since))
        detail = (
            f"put back {iso(last.at)}, reaches {iso(last.reaches)}",
            f"replayed {sum(done.done.values())}, not there {sum(done.left.values())}",
            *([f"loss accepted since {iso(lost_since)}"] if lost_since is not None else []),
        )
        writer.record(AccessRecord(at, "RestoreRegistry", "registry", "registry", "", "", "done", detail=detail))
        return done

    return it.store.submit(job).result()


def excuse(it: Restored, codes: Sequence[str]) -> bool:
    """Lets institutions count as resumed. False where one does not exist, or there was no restore."""

    def job(writer: Writer) -> bool:
        last = writer.restoration()
        if last is None or any(writer.institution(code) is None for code in codes):
            return False
        writer.put_restoration(replace(last, excused=tuple(sorted({*last.excused, *codes}))))
        writer.record(AccessRecord(now(), "ExcuseFeed", "registry", "registry", "", "", "done", detail=tuple(codes)))
        return True

    return it.store.submit(job).result()


def standing(it: Restored) -> tuple[Restoration | None, Unresumed]:
    """The newest restore, and of whom nothing is reusable since."""
    return it.store.read(lambda reader: (reader.restoration(), reader.unresumed()))


def iso(at: Instant) -> str:
    """ISO 8601, UTC."""
    return datetime.datetime.fromtimestamp(at / 1000, datetime.UTC).isoformat(timespec="milliseconds")


def now() -> Instant:
    """The wall clock."""
    return time.time_ns() // 1_000_000
