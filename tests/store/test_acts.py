"""Acts leave the database before they are acknowledged, or nothing is acknowledged; and open again under later keys."""

import shutil
import threading
from pathlib import Path

import pytest
from hutong_server.domain.restored import Unresumed
from hutong_server.store.base import Act, FeedStatus, Restoration, StoreUnavailable
from hutong_server.store.base_notices import NoticeFilter
from hutong_server.store.ledger_view import SqlLedgerView
from hutong_server.store.sql_store import SqlStore, open_store
from hutong_server.trust.key_ring import KeyRing
from hutong_server.trust.keys import create_key_file
from hutong_server.trust.ledger import MerkleLedger
from hutong_server.trust.ledger_acts import ActExport, keys_told, logs_told, read_acts
from hutong_server.trust.ledger_loss import compare
from hutong_server.trust.sealing import AesGcmSealer

from tests.store.keyed import open_keyed
from tests.store.ledgers import KEY, seen, verified
from tests.store.rows import NOW, write
from tests.store.test_notices import notice

ACT = Act("kind", (b"\x00\x01", "text", 1, None, ("nested",)))


def telling(url: str, sealer: AesGcmSealer, directory: Path) -> SqlStore:
    directory.mkdir(exist_ok=True)
    return open_store(url, sealer, lanes=1, ledger=MerkleLedger(KEY, None, ActExport(directory)))


def test_acts_are_read_as_they_were_told(store_url: str, sealer: AesGcmSealer, tmp_path: Path) -> None:
    store = telling(store_url, sealer, tmp_path)
    write(store, lambda writer: writer.record(seen(1)))
    assert len(list(tmp_path.glob("*.acts"))) == 1, "that the log tells of its acts is told at once"
    write(store, lambda writer: writer.record(seen(2), ACT, ACT))
    write(store, lambda writer: writer.record(seen(3)))
    write(store, lambda writer: writer.record(seen(4), ACT))
    store.close()
    (log,) = logs_told([tmp_path])
    told, broken = read_acts([tmp_path], sealer, {log: 0})
    assert not broken
    assert [(each.number, each.access.request_id, each.acts) for each in told] == [
        (1, "r2", (ACT, ACT)),
        (3, "r4", (ACT,)),
    ]
    assert [each.number for each in read_acts([tmp_path], sealer, {log: 2})[0]] == [3]
    assert b"text" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_what_cannot_be_told_is_not_done(store_url: str, sealer: AesGcmSealer, tmp_path: Path) -> None:
    export = tmp_path / "export"
    store = telling(store_url, sealer, export)
    write(store, lambda writer: writer.record(seen(1), ACT))
    shutil.move(export, tmp_path / "away")
    feed = FeedStatus("H1", "lis", "7", NOW, 0)

    def job(writer) -> None:
        writer.put_feed(feed)
        writer.record(seen(2), ACT)

    with pytest.raises(StoreUnavailable):
        write(store, job)
    assert store.read(lambda reader: reader.feed("H1", "lis")) is None
    # What needs not be told goes on, also in the same batch.
    door = threading.Event()
    waiting = store.submit(lambda _: door.wait(10))
    beside = [store.submit(job), store.submit(lambda writer: writer.record(seen(3)))]
    door.set()
    assert waiting.result(10)
    assert isinstance(beside[0].exception(10), StoreUnavailable)
    assert beside[1].exception(10) is None
    shutil.move(tmp_path / "away", export)
    write(store, job)
    assert store.read(lambda reader: reader.feed("H1", "lis")) == feed
    found = verified(store)
    assert found.good, found.faults
    store.close()
    (log,) = logs_told([export])
    assert [each.access.request_id for each in read_acts([export], sealer, {log: 0})[0]] == ["r1", "r2"]


def test_what_is_sealed_under_a_key_of_after_the_backup_opens(store_url: str, tmp_path: Path) -> None:
    for name in ("kek.key", "token.key", "seal.key"):
        create_key_file(tmp_path / name)
    keyed = open_keyed(store_url, tmp_path)
    before = keyed.store.read(lambda reader: reader.data_keys())
    keyed.rotation().seal()
    keyed.ring.load()
    export = tmp_path / "export"
    export.mkdir()
    now = keyed.store.read(lambda reader: reader.data_keys())
    ActExport(export).put(b"l" * 16, b"\x90", keyed.ring.sealer, [key for key in now if key.purpose == "seal"])

    # The older state has no such key.
    new = {key.number for key in now} - {key.number for key in before}
    ring = KeyRing(tmp_path / "kek.key", lambda: NOW)
    ring.attach(keyed.store)
    for number in new:
        write(keyed.store, lambda writer, number=number: writer.remove_data_key(number))
    for key in before:
        write(keyed.store, lambda writer, key=key: writer.put_data_key(key))
    ring.load()
    _, (said,) = read_acts([export], ring.sealer, {b"l" * 16: 0})
    assert "sealed under a key that the database does not have" in said
    (told,) = [key for key in keys_told([export]) if key.number in new]
    write(keyed.store, lambda writer: writer.put_data_key(told))
    ring.load()
    assert read_acts([export], ring.sealer, {b"l" * 16: 0}) == ([], [])
    keyed.close()


def test_numbers_that_were_given_away_are_not_given_again(store: SqlStore) -> None:
    told = [notice("H1"), notice("H1"), notice("H2")]
    write(store, lambda writer: writer.put_notice(told[0]))
    write(store, lambda writer: writer.skip_notices(["H1", "H2"], 1000))
    for each in told[1:]:
        write(store, lambda writer, each=each: writer.put_notice(each))
    assert [each.number for each in store.read(lambda reader: reader.notices("H1", NoticeFilter(1), 9))] == [1002]
    assert [each.number for each in store.read(lambda reader: reader.notices("H2", NoticeFilter(), 9))] == [1001]


def test_an_institution_has_gone_on_once_all_its_feeds_have(store: SqlStore) -> None:
    def unresumed() -> Unresumed:
        return store.read(lambda reader: reader.unresumed())

    def put(institution: str, feed: str, at: int) -> None:
        write(store, lambda writer: writer.put_feed(FeedStatus(institution, feed, "", at, 0)))

    for institution, feed in (("H1", "lis"), ("H1", "ris"), ("H2", "lis"), ("H3", "lis")):
        put(institution, feed, NOW)
    assert unresumed() == Unresumed()
    restored = Restoration(1, NOW + 10, NOW + 5)
    write(store, lambda writer: writer.put_restoration(restored))
    assert store.read(lambda reader: reader.restoration()) == restored
    assert unresumed() == Unresumed(True, frozenset({"H1", "H2", "H3"}))
    settled = Restoration(1, NOW + 10, NOW + 5, NOW + 11, NOW, ("H3",))
    write(store, lambda writer: writer.put_restoration(settled))
    put("H2", "lis", NOW + 10)
    put("H1", "lis", NOW + 20)
    assert unresumed() == Unresumed(False, frozenset({"H1"}))
    put("H1", "ris", NOW + 20)
    assert unresumed() == Unresumed()
    assert store.read(lambda reader: reader.restoration()) == settled


def test_the_export_of_a_server_that_is_missing_is_told(store_url: str, sealer: AesGcmSealer, tmp_path: Path) -> None:
    exports = [tmp_path / "one", tmp_path / "other"]
    stores = [telling(store_url, sealer, export) for export in exports]
    for number, store in enumerate(stores, 1):
        write(store, lambda writer, number=number: writer.record(seen(number), ACT))

    def problems(*given: Path) -> tuple[str, ...]:
        return stores[0].read(lambda tx: compare(SqlLedgerView(tx), KEY.verifier, (), logs_told(given))).problems

    (missing,) = problems(exports[1])
    assert "the export of another server is missing" in missing
    assert problems(*exports) == ()
    # The same place, named twice: each file counts once.
    told, broken = read_acts([*exports, *exports], sealer, dict.fromkeys(logs_told(exports), 0))
    assert (len(told), broken) == (2, [])
    # Who stopped in good order before the backup is not asked for.
    stores[1].close()
    stores[1] = telling(store_url, sealer, exports[1])
    write(stores[1], lambda writer: writer.record(seen(3), ACT))
    stores[0].close()
    assert (
        stores[1].read(
            lambda tx: compare(SqlLedgerView(tx), KEY.verifier, (), logs_told(exports[1:])).problems  # type: ignore[arg-type]
        )
        == ()
    )
    stores[1].close()
