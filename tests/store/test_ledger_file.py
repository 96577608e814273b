"""Ledger files of SQLite: each process its own, leaf first; whatever is missing, older or swapped is named."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hutong_server.store import ledger_file, ledger_file_strays, ledger_slot, upkeep
from hutong_server.store.base import ROOT_LOG, FeedStatus, LeafPlace, SealBroken, Sealer, StoreUnavailable, Writer
from hutong_server.store.database_copy import copy_database
from hutong_server.store.ledger_file import files_of
from hutong_server.store.ledger_slot import LedgerSlot
from hutong_server.store.ledger_view import SqlLedgerView, begin_whole
from hutong_server.trust.keys import create_key_file, read_key_file
from hutong_server.trust.ledger import MerkleLedger
from hutong_server.trust.ledger_check import verify
from hutong_server.trust.ledger_dump import DumpView, dump
from hutong_server.trust.ledger_proof import NoProof, prove
from hutong_server.trust.ledger_retention import cut_before
from hutong_server.trust.merkle import check_inclusion, leaf_hash
from hutong_server.trust.sealing import AesGcmSealer

from tests.store.ledgers import KEY, ledger_store, reopened, rows, seen, tamper, verified, written
from tests.store.rows import NOW, key, write

ROOT = Path(__file__).parents[2]


@pytest.fixture
def url(make_store_url: Callable[[str], str]) -> str:
    return make_store_url("sqlite")


def database(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def found(url: str, sealer: Sealer) -> list[str]:
    with reopened(url, sealer) as store:
        seen = verified(store)
    return [str(fault) for fault in seen.faults] + [f"{count} {what}" for what, count in seen.strays]


def count(path: Path) -> int:
    with sqlite3.connect(path) as connection:
        number: int = connection.execute("SELECT count(*) FROM access_record").fetchone()[0]
    connection.close()
    return number


def recorded(url: str, sealer: Sealer) -> list[str]:
    with reopened(url, sealer) as store:
        return [each.request_id for _, each in store.read(lambda reader: reader.access_records())]  # type: ignore[attr-defined]


def test_two_processes_have_a_file_each_and_the_database_no_leaf(url: str, sealer: Sealer) -> None:
    stores = [ledger_store(url, sealer) for _ in range(2)]
    for number in range(6):
        write(stores[number % 2], lambda writer, number=number: writer.record(seen(number)))
    files = files_of(database(url))
    assert list(files) == [0, 1]
    assert [path.name for path in files.values()] == [f"{database(url).name}-ledger-{n}" for n in range(2)]
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in database(url).parent.glob("*-ledger-*"))
    assert found(url, sealer) == []
    for store in stores:
        store.close()
    assert [count(path) for path in (database(url), *files.values())] == [0, 3, 3]
    assert sorted(file for (file,) in rows(url, "SELECT file FROM ledger_log")) == [0, 1]
    # Numbers are free again, and no third file is made.
    written(url, sealer, 2)
    assert list(files_of(database(url))) == [0, 1]
    assert [count(path) for path in files.values()] == [5, 3]
    assert found(url, sealer) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files for others")
def test_what_root_makes_is_the_database_owners(url: str, sealer: Sealer) -> None:
    with reopened(url, sealer):
        os.chown(database(url), 4711, 4712)
    store = ledger_store(url, sealer)
    write(store, lambda writer: writer.record(seen(0)))
    made = list(database(url).parent.glob("*-ledger-*"))
    assert {each.name.rpartition("-")[2] for each in made} == {"0", "lock", "wal", "shm"}
    assert {(each.stat().st_uid, each.stat().st_gid) for each in made} == {(4711, 4712)}
    store.close()


def test_who_only_reads_takes_no_file(url: str, sealer: Sealer) -> None:
    store = ledger_store(url, sealer)
    assert store.read(lambda reader: verify(SqlLedgerView(reader), KEY.verifier).good)  # type: ignore[arg-type]
    write(store, lambda writer: writer.put_feed(FeedStatus("H1", "lis", "1", NOW, 0)))
    store.close()
    assert files_of(database(url)) == {}


@pytest.mark.parametrize("leaves", [1, 4])
def test_a_process_that_dies_between_its_two_commits_leaves_nothing_that_counts(
    url: str, tmp_path: Path, leaves: int
) -> None:
    create_key_file(tmp_path / "seal.key")
    sealer = AesGcmSealer(read_key_file(tmp_path / "seal.key"))
    died = subprocess.run(
        [sys.executable, "-m", "tests.store.dying", url, str(tmp_path / "seal.key"), str(leaves)], cwd=ROOT, check=False
    )
    assert died.returncode == -signal.SIGKILL
    (path,) = files_of(database(url)).values()
    # It stands in the file, what it tells of does not, and nobody is told of it.
    assert count(path) == leaves
    assert rows(url, "SELECT count(*) FROM feed_status")[0][0] == leaves - 1
    assert found(url, sealer) == []
    with reopened(url, sealer) as store:
        sizes = [size for log, size in verified(store).sizes.items() if log != ROOT_LOG]
        prepared = store.read(lambda reader: SqlLedgerView(reader).prepared())  # type: ignore[arg-type]
    # Of a log that never began nothing is said.
    assert [found[1:] for found in prepared] == ([(leaves - 1, 1)] if leaves > 1 else [])
    assert sizes == ([leaves - 1] if leaves > 1 else [])
    # Who writes next has the same file, and removes it.
    written(url, sealer, 2)
    assert count(path) == leaves - 1 + 2
    assert found(url, sealer) == []


def _breaking(writer: Writer) -> None:
    """Everything is accepted but the commit itself."""
    writer.connection.execute("PRAGMA defer_foreign_keys=ON")  # type: ignore[attr-defined]
    writer.connection.execute("INSERT INTO catalog_entry VALUES ('item', 'x', 999, NULL, '{}')")  # type: ignore[attr-defined]
    writer.record(seen(1))


def test_a_commit_that_fails_after_its_leaf_was_written_leaves_nothing_that_counts(url: str, sealer: Sealer) -> None:
    store = ledger_store(url, sealer)
    write(store, lambda writer: writer.record(seen(0)))
    with pytest.raises(StoreUnavailable, match="refused a write"):
        write(store, _breaking)
    (path,) = files_of(database(url)).values()
    assert count(path) == 2
    assert found(url, sealer) == []
    write(store, lambda writer: writer.record(seen(2)))
    assert count(path) == 2
    assert recorded(url, sealer) == ["r0", "r2"]
    assert found(url, sealer) == []
    store.close()
    assert found(url, sealer) == []


def test_nothing_is_kept_while_the_file_has_no_room(url: str, sealer: Sealer) -> None:
    store = ledger_store(url, sealer)
    write(store, lambda writer: writer.record(seen(0)))
    assert store._slot is not None
    assert store._slot._connection is not None
    store._slot._connection.execute("PRAGMA max_page_count=1")

    def job(writer: Writer) -> None:
        writer.put_feed(FeedStatus("H1", "lis", "1", NOW, 0))
        for number in range(1, 200):
            writer.record(seen(number))

    with pytest.raises(StoreUnavailable, match="refused a write"):
        write(store, job)
    assert rows(url, "SELECT count(*) FROM feed_status")[0][0] == 0
    # The connection was given up, and with it the limit: there is room again.
    write(store, job)
    store.close()
    assert len(recorded(url, sealer)) == 200
    assert found(url, sealer) == []


def test_nothing_is_kept_where_no_file_can_be_made(url: str, sealer: Sealer, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ledger_store(url, sealer)
    blocked = ledger_file.path_of(database(url), 0)
    blocked.mkdir()
    for refusal in ("refused a write", "no ledger file"):
        with pytest.raises(StoreUnavailable, match=refusal):
            write(store, lambda writer: (writer.put_feed(FeedStatus("H1", "lis", "1", NOW, 0)), writer.record(seen(0))))
        assert store._slot is not None
        store._slot.close()
        monkeypatch.setattr(ledger_slot, "_NUMBERS", 0)
    assert rows(url, "SELECT count(*) FROM feed_status")[0][0] == 0
    monkeypatch.undo()
    blocked.rmdir()
    write(store, lambda writer: writer.record(seen(0)))
    store.close()
    assert found(url, sealer) == []


def test_a_missing_file_is_named_and_not_made_by_looking(url: str, sealer: Sealer) -> None:
    written(url, sealer, 3)
    (log_id,) = (bytes(each) for (each,) in rows(url, "SELECT log_id FROM ledger_log"))
    (path,) = files_of(database(url)).values()
    path.rename(path.with_name("elsewhere"))
    missing = "1 logs whose leaves stood in ledger file 0, which is not there"
    cut = f"log {log_id.hex()}, leaf 0: the tail was cut: the log had 3 leaves"
    assert {missing, cut} <= set(found(url, sealer))
    assert files_of(database(url)) == {}
    # A server goes on with a log of its own; those of before stay lost, and come back with their file.
    written(url, sealer, 2)
    assert found(url, sealer)[0] == cut
    path.with_name("elsewhere").replace(path)
    assert any("leaf 0: the tail was cut: the log had 2 leaves" in each for each in found(url, sealer))


def test_a_file_that_is_none_and_an_older_one_are_named(url: str, sealer: Sealer) -> None:
    written(url, sealer, 3)
    (path,) = files_of(database(url)).values()
    older = path.read_bytes()
    written(url, sealer, 3)
    newer = path.read_bytes()
    path.write_bytes(older)
    assert any("the tail was cut: the log had 3 leaves" in each for each in found(url, sealer))
    path.write_bytes(b"something else" * 1000)
    assert sum("the tail was cut" in each for each in found(url, sealer)) == 2
    path.write_bytes(newer)
    assert found(url, sealer) == []


def test_files_that_changed_places_are_named(url: str, sealer: Sealer) -> None:
    stores = [ledger_store(url, sealer) for _ in range(2)]
    for store in stores:
        write(store, lambda writer: writer.record(seen(1)))
    for store in stores:
        store.close()
    one, other = files_of(database(url)).values()
    one.rename(one.with_name("between"))
    other.rename(one)
    one.with_name("between").rename(other)
    faults = found(url, sealer)
    assert sum("the tail was cut" in each for each in faults) == 2
    assert "2 leaves of a log that is not there" in faults


@pytest.fixture
def three_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    """More leaves than three without a checkpoint are no crash's."""
    for module in (ledger_file, ledger_file_strays, ledger_slot):
        monkeypatch.setattr(module, "PREPARED_MOST", 3)


@pytest.mark.usefixtures("three_prepared")
def test_more_than_a_commit_without_its_checkpoint_is_named_and_stays(url: str, sealer: Sealer) -> None:
    store = ledger_store(url, sealer)
    for number in range(9):
        write(store, lambda writer, number=number: writer.record(seen(number)))
    log_id = rows(url, "SELECT log_id FROM ledger_log")[0][0]
    gone = "DELETE FROM ledger_checkpoint WHERE log_id = :l AND size > {}"
    tamper(url, gone.format(7), l=log_id)
    # So few may be a crash's: the patients' lists name them all the same.
    assert found(url, sealer) == ["2 entries of a patient's list without their leaf"]
    tamper(url, gone.format(4), l=log_id)
    assert any("leaf 4: was added: no signed checkpoint covers it" in each for each in found(url, sealer))
    # Nor does the next who writes there remove them.
    assert store._slot is not None
    store._slot.close()
    written(url, sealer, 1)
    assert any("leaf 4: was added: no signed checkpoint covers it" in each for each in found(url, sealer))
    store.close()


@pytest.mark.usefixtures("three_prepared")
def test_who_verifies_beside_a_server_sees_what_was_there_when_he_began(url: str, sealer: Sealer) -> None:
    store = ledger_store(url, sealer)
    for number in range(2):
        write(store, lambda writer, number=number: writer.record(seen(number)))

    def look(reader: Any) -> Any:
        assert len(SqlLedgerView(reader).logs()) == 1
        # In the same log, and in one of another process in another file.
        written(url, sealer, 9)
        for number in range(9):
            write(store, lambda writer, number=number: writer.record(seen(10 + number)))
        return verify(SqlLedgerView(reader), KEY.verifier)

    with reopened(url, sealer) as beside:
        seen_then = beside.read(look)
        assert seen_then.good, seen_then
        assert [size for log, size in seen_then.sizes.items() if log != ROOT_LOG] == [2]
        assert sorted(size for log, size in verified(beside).sizes.items() if log != ROOT_LOG) == [9, 11]
    store.close()


def test_a_copy_that_is_made_meanwhile_holds_every_leaf_and_no_other(url: str, sealer: Sealer, tmp_path: Path) -> None:
    store = ledger_store(url, sealer)
    stop = threading.Event()

    def go_on() -> None:
        number = 0
        while not stop.is_set() and number < 5000:
            number += 1
            write(store, lambda writer, number=number: writer.record(seen(number)))

    writing = threading.Thread(target=go_on)
    writing.start()
    try:
        for number in range(8):
            place = tmp_path / f"copy{number}" / "hutong.db"
            place.parent.mkdir()
            copied = copy_database(url, place, None)
            copy = f"sqlite:///{place}"
            if copied.trees:
                sizes = sum(tree.size for log_id, tree in copied.trees if log_id != ROOT_LOG)
                assert copied.counts["access_record"] == sizes
            assert found(copy, sealer) == []
    finally:
        stop.set()
        writing.join()
        store.close()
    assert sizes > 0


def test_what_retention_cut_off_goes_with_the_next_run(url: str, sealer: Sealer) -> None:
    written(url, sealer, 9)
    (path,) = files_of(database(url)).values()
    store = ledger_store(url, sealer)

    def cut() -> list[Any]:
        return write(store, lambda writer: cut_before(writer, MerkleLedger(KEY), NOW + 4, NOW + 10**6))

    assert [leaves for _, leaves in cut()] == [4]
    # Cut off in the database, and not deleted yet, as after a crash in between: nobody reads them. One tells of it.
    assert count(path) == 9 + 1
    assert found(url, sealer) == []
    (log_id,) = (bytes(log) for (log,) in rows(url, "SELECT log_id FROM ledger_log WHERE cut > 0"))
    with reopened(url, sealer) as again:
        view = SqlLedgerView
        proof = again.read(lambda reader: prove(view(reader), KEY.name, log_id, 6))  # type: ignore[arg-type]
        assert verify(DumpView(again.read(lambda reader: list(dump(view(reader))))), KEY.verifier).good  # type: ignore[arg-type]
        with pytest.raises(NoProof):
            again.read(lambda reader: prove(view(reader), KEY.name, log_id, 2))  # type: ignore[arg-type]
    at = KEY.verifier.read(proof.checkpoint)
    check_inclusion(leaf_hash(proof.leaf), 6, at.size, proof.path, at.root)
    assert cut() == []
    store.close()
    assert count(path) == 5 + 1
    assert found(url, sealer) == []


def test_who_verifies_while_retention_deletes_sees_what_was_there(url: str, sealer: Sealer) -> None:
    store = ledger_store(url, sealer)
    for number in range(9):
        write(store, lambda writer, number=number: writer.record(seen(number)))
    (path,) = files_of(database(url)).values()

    def look(reader: Any) -> Any:
        begin_whole(reader)
        # The second run deletes what the first cut off.
        for _ in range(2):
            write(store, lambda writer: cut_before(writer, MerkleLedger(KEY), NOW + 4, NOW + 10**6))
        assert count(path) == 5 + 1
        return verify(SqlLedgerView(reader), KEY.verifier)

    with reopened(url, sealer) as beside:
        seen_then = beside.read(look)
    assert seen_then.good, seen_then
    assert [size for log, size in seen_then.sizes.items() if log != ROOT_LOG] == [9]
    store.close()


def test_sealed_leaves_are_found_and_sealed_anew_in_every_file(url: str, sealer: Sealer) -> None:
    for _ in range(2):
        written(url, sealer, 3)
    store = ledger_store(url, sealer)
    uses = store.read(lambda reader: reader.seal_uses())
    ((prefix, places),) = uses.items()
    (place,) = (name for name in places if name.startswith("access_record"))
    assert places[place] == 6
    (path,) = files_of(database(url)).values()
    before = {body for (body,) in rows(url, "SELECT body FROM access_record")}
    # As after the key was exchanged: whatever does not begin as what is sealed now.
    done, after = 0, None
    while True:
        swept = write(store, lambda writer, after=after: writer.reseal(place, b"\0" + prefix[1:], after, 2))
        done, after = done + swept.changed, swept.last
        if after is None:
            break
    assert done == 6
    assert not before & {body for (body,) in rows(url, "SELECT body FROM access_record")}
    store.read(lambda reader: reader.check_seals())
    store.close()
    assert found(url, sealer) == []
    tamper(url, "UPDATE access_record SET body = :b", b=b"x" * 50)
    with reopened(url, sealer) as again, pytest.raises(SealBroken):
        again.read(lambda reader: reader.check_seals())
    assert count(path) == 6


def test_upkeep_looks_at_every_file(url: str, sealer: Sealer) -> None:
    written(url, sealer, 3)
    (path,) = files_of(database(url)).values()
    assert [each.text for each in upkeep.check(url) if path.name in each.text] == [f"{path.name}: quick_check: ok"]
    assert any(path.name in each.text for each in upkeep.vacuum(url, (), compact=True))
    assert found(url, sealer) == []


def test_a_patients_list_is_read_through_all_files(url: str, sealer: Sealer) -> None:
    patient = key()
    # One of before there were files, then one in each of two.
    plain = ledger_store(url, sealer)
    plain._slot, slot = None, plain._slot
    assert isinstance(slot, LedgerSlot)
    stores = [plain, *(ledger_store(url, sealer) for _ in range(2))]
    for number, store in enumerate(stores):
        write(store, lambda writer, number=number: writer.record(seen(number, patient)))
    for store in stores:
        store.close()
    assert [count(path) for path in (database(url), *files_of(database(url)).values())] == [1, 1, 1]
    assert found(url, sealer) == []
    with reopened(url, sealer) as store:
        last = LeafPlace(NOW + 100, b"\xff" * 16, 0)
        leaves = store.read(lambda reader: reader.accesses([patient], NOW - 1, last, 10))
    assert [leaf.access.request_id for leaf in leaves] == ["r2", "r1", "r0"]
