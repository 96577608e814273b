"""The access ledger on both databases: what is written verifies, and whatever is done to it is found and named."""

import json
import random
import secrets
import time
from base64 import b64decode
from collections.abc import Callable

import pytest
from hutong_server.store import sql
from hutong_server.store.base import ROOT_LOG, AccessRecord, FeedStatus, SealBroken, Sealer, Store, Writer
from hutong_server.store.distributing import is_distributed
from hutong_server.store.leaves import access_of, canonical, leaf_of
from hutong_server.store.ledger import leaf_context
from hutong_server.store.ledger_view import SqlLedgerView, StoredTree, take_any_text
from hutong_server.store.migrations import migrate
from hutong_server.store.sql_store import SqlStore
from hutong_server.trust.checkpoint import Checkpoint, CheckpointKey, note_of
from hutong_server.trust.ledger import MerkleLedger
from hutong_server.trust.ledger_check import verify
from hutong_server.trust.ledger_dump import DumpInvalid, DumpView, dump
from hutong_server.trust.ledger_proof import NoProof, consistent, prove
from hutong_server.trust.ledger_retention import CutRefused, cut_before
from hutong_server.trust.merkle import Frontier, check_consistency, check_inclusion, leaf_hash
from hypothesis import given
from hypothesis import strategies as st

from tests.store.ledgers import KEY, ledger_store, reopened, rows, seen, tamper, verified, written
from tests.store.rows import NOW, key, opened, write

LEAVES = 9


@pytest.fixture
def written_url(store_url: str, sealer: Sealer) -> str:
    written(store_url, sealer, LEAVES)
    return store_url


def log_of(url: str) -> bytes:
    (row,) = rows(url, "SELECT log_id FROM ledger_log")
    return bytes(row[0])


def newest(url: str, sealer: Sealer, log_id: bytes) -> StoredTree:
    with reopened(url, sealer) as store:
        tree = store.read(lambda reader: SqlLedgerView(reader).newest(log_id))  # type: ignore[arg-type]
    assert tree is not None
    return tree


def note(log_id: bytes, tree: StoredTree, signer: CheckpointKey = KEY) -> str:
    at = Checkpoint(log_id, tree.size, tree.root)
    return note_of(signer.name, at, signer.sign(at))


def faults(url: str, sealer: Sealer, *notes: str) -> list[str]:
    with reopened(url, sealer) as store:
        found = verified(store, notes)
    assert found.good == (not found.faults and not found.strays)
    return [str(fault) for fault in found.faults] + [what for what, _ in found.strays]


TEXT = st.text(max_size=8)
KEYS = st.tuples(st.binary(min_size=16, max_size=16))


@given(st.builds(AccessRecord, st.integers(), *[TEXT] * 6, patient_keys=KEYS, reports=KEYS, detail=st.tuples(TEXT)))
def test_a_leaf_says_all_of_its_record_in_one_form(access: AccessRecord) -> None:
    assert access_of(leaf_of(access)) == access
    assert leaf_of(access_of(leaf_of(access))) == leaf_of(access)


def test_a_full_leaf_holds_every_field() -> None:
    access = seen(1)
    assert all(getattr(access, name) for name in access.__slots__ if name != "reason")
    leaf = leaf_of(access)
    assert access_of(leaf) == access
    assert leaf == canonical(json.loads(leaf))


def test_what_was_written_verifies(written_url: str, sealer: Sealer) -> None:
    log_id = log_of(written_url)
    with reopened(written_url, sealer) as store:
        found = verified(store)
        records = store.read(lambda reader: reader.access_records())  # type: ignore[attr-defined]
    assert found.good, found
    # The start and the end of the log.
    assert found.sizes == {ROOT_LOG: 2, log_id: LEAVES}
    assert [record.request_id for _, record in records] == [f"r{number}" for number in range(LEAVES)]
    assert found.unvouched() == [(ROOT_LOG, 0, 2), (log_id, 0, LEAVES)]


def test_an_exported_checkpoint_vouches_for_what_is_before_it(written_url: str, sealer: Sealer) -> None:
    log_id = log_of(written_url)
    kept = note(log_id, newest(written_url, sealer, log_id))
    written(written_url, sealer, 3)
    with reopened(written_url, sealer) as store:
        found = verified(store, [kept])
    assert found.good
    assert {(log, begin) for log, begin, _ in found.unvouched()} == {(log, 0) for log in found.sizes if log != log_id}


def test_an_exported_checkpoint_of_the_root_log_vouches_for_the_logs_whose_end_it_covers(
    written_url: str, sealer: Sealer
) -> None:
    kept = note(ROOT_LOG, newest(written_url, sealer, ROOT_LOG))
    with reopened(written_url, sealer) as store:
        assert verified(store, [kept]).unvouched() == []
    written(written_url, sealer, 2)
    with reopened(written_url, sealer) as store:
        found = verified(store, [kept])
    assert found.good
    assert sorted((begin, count) for _, begin, count in found.unvouched()) == [(0, 2), (2, 2)]


def test_jobs_that_share_a_commit_share_a_checkpoint_and_one_that_fails_leaves_nothing(
    store_url: str, sealer: Sealer
) -> None:
    store = ledger_store(store_url, sealer)
    try:
        gate = store.submit(lambda writer: _wait_a_little(writer))
        waiting = [store.submit(_job(number)) for number in range(40)]
        gate.result(30)
        failed = [future for future in waiting if future.exception(30) is not None]
    finally:
        store.close()
    assert len(failed) == 10
    (commits,) = rows(store_url, "SELECT count(*) FROM ledger_checkpoint")[0]
    assert commits < 20
    with reopened(store_url, sealer) as again:
        assert verified(again).good
        records = again.read(lambda reader: reader.access_records())  # type: ignore[attr-defined]
    assert sorted(record.request_id for _, record in records) == sorted(f"r{n}" for n in range(40) if n % 4)


def _wait_a_little(_: object) -> None:
    # Long enough for the others to queue behind it.
    time.sleep(0.2)


def _job(number: int) -> Callable[..., None]:
    def job(writer: object) -> None:
        writer.record(seen(number))  # type: ignore[attr-defined]
        if number % 4 == 0:
            raise ValueError("a job of its own mind")

    return job


def test_lanes_write_logs_of_their_own(store_url: str, sealer: Sealer) -> None:
    store = ledger_store(store_url, sealer, lanes=3)
    for future in [store.submit(_job(4 * number + 1)) for number in range(60)]:
        future.result(30)
    store.close()
    with reopened(store_url, sealer) as again:
        found = verified(again)
    assert found.good, found
    assert sum(size for log, size in found.sizes.items() if log != ROOT_LOG) == 60


COLUMNS = ("at", "method", "institution", "role", "outcome")


@pytest.mark.parametrize("column", COLUMNS)
def test_an_edited_column_of_the_index_is_named(written_url: str, sealer: Sealer, column: str) -> None:
    value = NOW - 9 if column == "at" else "other"
    assert tamper(written_url, f"UPDATE access_record SET {column} = :v WHERE leaf_index = 4", v=value)  # noqa: S608
    (fault,) = faults(written_url, sealer)
    assert "leaf 4" in fault
    assert column in fault


def test_a_leaf_hidden_from_the_patients_list_is_named(written_url: str, sealer: Sealer) -> None:
    assert tamper(written_url, "DELETE FROM ledger_subject WHERE leaf_index = 5")
    (fault,) = faults(written_url, sealer)
    assert "leaf 5" in fault
    assert "list" in fault
    other = "UPDATE access_record SET patient_keys = :v WHERE leaf_index = 6"
    assert tamper(written_url, other, v=secrets.token_bytes(16))
    assert any("leaf 6" in fault and "patient_keys" in fault for fault in faults(written_url, sealer))


def test_an_entry_added_to_a_patients_list_is_found(written_url: str, sealer: Sealer) -> None:
    added = "INSERT INTO ledger_subject (patient_key, at, log_id, leaf_index) VALUES (:k, 1, :l, 99)"
    assert tamper(written_url, added, k=key(), l=log_of(written_url))
    assert faults(written_url, sealer) == ["entries of a patient's list without their leaf"]


def test_any_bit_of_any_leaf_is_found(written_url: str, sealer: Sealer) -> None:
    dice = random.Random(7)  # noqa: S311  repeatable, not secret
    for leaf in range(LEAVES):
        ((body, hashed),) = rows(written_url, "SELECT body, leaf_hash FROM access_record WHERE leaf_index = :n", n=leaf)
        for column, content in (("body", bytes(body)), ("leaf_hash", bytes(hashed))):
            for bit in dice.sample(range(len(content) * 8), 6):
                flipped = bytearray(content)
                flipped[bit // 8] ^= 1 << bit % 8
                change = f"UPDATE access_record SET {column} = :v WHERE leaf_index = :n"  # noqa: S608
                assert tamper(written_url, change, v=bytes(flipped), n=leaf)
                assert f"leaf {leaf}: was changed" in faults(written_url, sealer)[0]
                tamper(written_url, change, v=content, n=leaf)
    assert faults(written_url, sealer) == []


def test_not_one_bit_of_a_sealed_leaf_can_change(written_url: str, sealer: Sealer) -> None:
    log_id = log_of(written_url)
    ((sealed,),) = rows(written_url, "SELECT body FROM access_record WHERE leaf_index = 4")
    plain = sealer.open(bytes(sealed), leaf_context(log_id, 4))
    assert access_of(plain).request_id == "r4"
    for bit in range(len(sealed) * 8):
        flipped = bytearray(sealed)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SealBroken):
            sealer.open(bytes(flipped), leaf_context(log_id, 4))
    for bit in range(len(plain) * 8):
        other = bytearray(plain)
        other[bit // 8] ^= 1 << bit % 8
        assert leaf_hash(bytes(other)) != leaf_hash(plain)


@pytest.mark.parametrize("what", ["'text'", "77", "1.5", "CAST(x'c3' AS TEXT)", "x''", "-1"])
@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("access_record", "body"),
        ("access_record", "leaf_hash"),
        ("access_record", "patient_keys"),
        ("access_record", "log_id"),
        ("access_record", "leaf_index"),
        ("access_record", "at"),
        ("access_record", "institution"),
        ("ledger_root", "body"),
        ("ledger_root", "leaf_hash"),
        ("ledger_checkpoint", "root"),
        ("ledger_checkpoint", "signature"),
        ("ledger_checkpoint", "size"),
        ("ledger_log", "cut_nodes"),
        ("ledger_log", "cut"),
        ("ledger_log", "started"),
        ("ledger_subject", "patient_key"),
    ],
)
def test_what_is_not_of_its_columns_kind_is_a_fault_and_does_not_end_the_check(
    make_store_url: Callable[[str], str], sealer: Sealer, table: str, column: str, what: str
) -> None:
    """SQLite keeps whatever it is given: a text where bytes belong must not keep the check from naming it."""
    url = make_store_url("sqlite")
    written(url, sealer, LEAVES)
    ones = {"ledger_checkpoint": "size = 5", "ledger_subject": "leaf_index = 5"}
    one = ones.get(table, f"rowid = (SELECT max(rowid) FROM {table})")  # noqa: S608
    assert tamper(url, f"UPDATE {table} SET {column} = {what} WHERE {one}") == 1  # noqa: S608
    with reopened(url, sealer) as store:

        def look(tx: object) -> bool:
            take_any_text(tx)  # type: ignore[arg-type]
            return verify(SqlLedgerView(tx), KEY.verifier).good  # type: ignore[arg-type]

        # Nothing was cut off, and what is no number is taken for none; of many checkpoints one is missing.
        harmless = column == "cut" and what in ("'text'", "CAST(x'c3' AS TEXT)", "x''")
        harmless = harmless or (column, what) in (("cut_nodes", "x''"), ("size", "-1"))
        assert store.read(look) is harmless


def test_any_leaf_removed_is_named(written_url: str, sealer: Sealer) -> None:
    log_id = log_of(written_url)
    for leaf in range(LEAVES - 1):
        copy = rows(written_url, "SELECT * FROM access_record WHERE leaf_index = :n", n=leaf)[0]._mapping
        assert tamper(written_url, "DELETE FROM access_record WHERE leaf_index = :n", n=leaf)
        assert f"log {log_id.hex()}, leaf {leaf}: was removed" in faults(written_url, sealer)[0]
        names = ", ".join(copy)
        marks = ", ".join(f":{name}" for name in copy)
        tamper(written_url, f"INSERT INTO access_record ({names}) VALUES ({marks})", **copy)  # noqa: S608
    assert faults(written_url, sealer) == []


def test_a_leaf_removed_with_the_later_ones_moved_up_is_named(written_url: str, sealer: Sealer) -> None:
    tamper(written_url, "DELETE FROM access_record WHERE leaf_index = 3")
    for leaf in range(4, LEAVES):
        tamper(written_url, "UPDATE access_record SET leaf_index = :n - 1 WHERE leaf_index = :n", n=leaf)
    assert "leaf 3: was changed or moved" in faults(written_url, sealer)[0]


def test_leaves_that_changed_places_are_named(written_url: str, sealer: Sealer) -> None:
    for old, new in ((2, 100), (6, 2), (100, 6)):
        tamper(written_url, "UPDATE access_record SET leaf_index = :new WHERE leaf_index = :old", old=old, new=new)
    assert "leaf 2: was changed or moved" in faults(written_url, sealer)[0]


def test_a_leaf_rewritten_by_who_holds_the_seal_key_is_named(written_url: str, sealer: Sealer) -> None:
    _rewrite(written_url, sealer, 4)
    (fault, *_) = faults(written_url, sealer)
    assert "leaf 4: this leaf was changed" in fault


def test_a_rewritten_leaf_with_its_checkpoints_gone_is_narrowed_down(written_url: str, sealer: Sealer) -> None:
    _rewrite(written_url, sealer, 4)
    tamper(written_url, "DELETE FROM ledger_checkpoint WHERE size BETWEEN 4 AND 6")
    (fault, *_) = faults(written_url, sealer)
    assert "leaf 3: one of the leaves 3 to 6 was changed" in fault


def _rewrite(url: str, sealer: Sealer, leaf: int) -> None:
    log_id = log_of(url)
    ((sealed,),) = rows(url, "SELECT body FROM access_record WHERE leaf_index = :n", n=leaf)
    plain = sealer.open(bytes(sealed), leaf_context(log_id, leaf)).replace(b"E1", b"E2")
    change = "UPDATE access_record SET body = :body, leaf_hash = :hash WHERE leaf_index = :n"
    tamper(url, change, body=sealer.seal(plain, leaf_context(log_id, leaf)), hash=leaf_hash(plain), n=leaf)


def test_an_added_leaf_is_named(written_url: str, sealer: Sealer) -> None:
    log_id = log_of(written_url)
    plain = leaf_of(seen(77))
    tamper(
        written_url,
        "INSERT INTO access_record (at, method, institution, role, outcome, patient_keys, body, log_id, leaf_index, "
        "leaf_hash) VALUES (1, 'm', 'H', 'emr', 'o', :k, :body, :log, :n, :hash)",
        k=b"",
        body=sealer.seal(plain, leaf_context(log_id, LEAVES)),
        log=log_id,
        n=LEAVES,
        hash=leaf_hash(plain),
    )
    assert any(f"leaf {LEAVES}: was added" in fault for fault in faults(written_url, sealer))


def test_a_record_written_beside_the_ledger_is_found(written_url: str, sealer: Sealer) -> None:
    with reopened(written_url, sealer) as store:
        write(store, lambda writer: writer.record(seen(5000)))
    assert faults(written_url, sealer) == ["records outside of every log, written after the ledger began"]


def test_a_cut_tail_is_found_by_every_witness(written_url: str, sealer: Sealer) -> None:
    log_id = log_of(written_url)
    kept = note(log_id, newest(written_url, sealer, log_id))
    gone = ("DELETE FROM access_record WHERE leaf_index >= 6", "DELETE FROM ledger_subject WHERE leaf_index >= 6")
    tamper(written_url, *gone)
    assert any("leaf 6: the tail was cut: the log had 9 leaves" in fault for fault in faults(written_url, sealer))
    # Its checkpoints go too: the end of the log, on record in the root log, tells.
    tamper(written_url, "DELETE FROM ledger_checkpoint WHERE size > 6")
    assert any("leaf 6: the tail was cut" in fault for fault in faults(written_url, sealer))
    # The root log's entry goes as well: what was exported tells.
    tamper(
        written_url,
        "DELETE FROM ledger_root WHERE leaf_index = 1",
        "DELETE FROM ledger_checkpoint WHERE size = 2 AND log_id = :root",
        root=ROOT_LOG,
    )
    assert faults(written_url, sealer) == []
    assert any("leaf 6: the tail was cut" in fault for fault in faults(written_url, sealer, kept))


def test_a_log_that_is_gone_is_missed(written_url: str, sealer: Sealer) -> None:
    first = log_of(written_url)
    kept = note(first, newest(written_url, sealer, first))
    written(written_url, sealer, 2)
    values = {"l": first}
    tamper(written_url, "DELETE FROM access_record WHERE log_id = :l", **values)
    for table in ("ledger_subject", "ledger_checkpoint", "ledger_log"):
        tamper(written_url, f"DELETE FROM {table} WHERE log_id = :l", **values)  # noqa: S608
    assert faults(written_url, sealer) == [f"log {first.hex()}: the log is missing"]
    tamper(written_url, "DELETE FROM ledger_root", "DELETE FROM ledger_checkpoint WHERE log_id = :r", r=ROOT_LOG)
    found = faults(written_url, sealer, kept)
    assert f"log {first.hex()}: the log is missing" in found
    assert "root log: the root log is missing" in found


def test_a_leaf_moved_to_a_log_that_is_not_there_is_found_twice(written_url: str, sealer: Sealer) -> None:
    tamper(written_url, "UPDATE access_record SET log_id = :l WHERE leaf_index = 3", l=key())
    found = faults(written_url, sealer)
    assert "leaf 3: was removed" in found[0]
    assert "leaves of a log that is not there" in found


def test_a_leaf_taken_out_of_its_log_is_found(written_url: str, sealer: Sealer) -> None:
    none = "''" if is_distributed(written_url) else "NULL"
    tamper(written_url, f"UPDATE access_record SET log_id = {none}, leaf_index = NULL WHERE leaf_index = 3")  # noqa: S608
    found = faults(written_url, sealer)
    assert "leaf 3: was removed" in found[0]
    assert "records outside of every log, written after the ledger began" in found


def test_an_edited_beginning_of_a_log_is_found(written_url: str, sealer: Sealer) -> None:
    tamper(written_url, "UPDATE ledger_log SET started = started + 1000000")
    assert any("when the log began" in fault for fault in faults(written_url, sealer))


def test_two_servers_on_one_database_write_one_ledger(store_url: str, sealer: Sealer) -> None:
    stores = [ledger_store(store_url, sealer, lanes=2) for _ in range(2)]
    futures = [stores[number % 2].submit(_job(4 * number + 1)) for number in range(80)]
    for future in futures:
        future.result(60)
    for store in stores:
        store.close()
    with reopened(store_url, sealer) as again:
        found = verified(again)
    assert found.good, found
    assert sum(size for log, size in found.sizes.items() if log != ROOT_LOG) == 80


def test_a_log_that_was_put_there_is_found(written_url: str, sealer: Sealer) -> None:
    added = "INSERT INTO ledger_log (log_id, started, ended, cut, cut_nodes) VALUES (:l, 1, :e, 0, :n)"
    tamper(written_url, added, l=key(), e=True, n=b"")
    assert any("does not know that it began" in fault for fault in faults(written_url, sealer))


@pytest.mark.parametrize("leaf", [0, 1])
def test_a_changed_root_log_is_found(written_url: str, sealer: Sealer, leaf: int) -> None:
    ((body,),) = rows(written_url, "SELECT body FROM ledger_root WHERE leaf_index = :n", n=leaf)
    tamper(
        written_url,
        "UPDATE ledger_root SET body = :b WHERE leaf_index = :n",
        b=bytes(body).replace(b'"v":1', b'"v":2'),
        n=leaf,
    )
    assert any(f"root log, leaf {leaf}: was changed" in fault for fault in faults(written_url, sealer))


def test_a_checkpoint_of_another_key_is_found(written_url: str, sealer: Sealer) -> None:
    log_id = log_of(written_url)
    stranger = CheckpointKey(KEY.name, secrets.token_bytes(32))
    tree = newest(written_url, sealer, log_id)
    forged = stranger.sign(Checkpoint(log_id, tree.size, tree.root))
    tamper(
        written_url, "UPDATE ledger_checkpoint SET signature = :s WHERE size = :n AND log_id = :l",
        s=forged, n=tree.size, l=log_id,
    )  # fmt: skip
    assert any("signed by another key" in fault for fault in faults(written_url, sealer))
    assert any("signed by another key" in fault for fault in faults(written_url, sealer, note(log_id, tree, stranger)))


def test_a_log_that_did_not_end_is_put_on_record_by_the_next_start(store_url: str, sealer: Sealer) -> None:
    store = ledger_store(store_url, sealer)
    write(store, lambda writer: writer.record(seen(0)))
    first = log_of(store_url)
    # Not closed, as after a SIGKILL.
    written(store_url, sealer, 1)
    entries = [bytes(body) for (body,) in rows(store_url, "SELECT body FROM ledger_root ORDER BY leaf_index")]
    assert any(b'"type":"found"' in entry and first.hex().encode() in entry for entry in entries)
    with reopened(store_url, sealer) as again:
        assert verified(again).good
    store.close()
    with reopened(store_url, sealer) as again:
        assert verified(again).good


def test_a_commit_that_fails_begins_another_log(store_url: str, sealer: Sealer) -> None:
    store = ledger_store(store_url, sealer)
    write(store, lambda writer: writer.record(seen(0)))
    tamper(store_url, "ALTER TABLE ledger_checkpoint RENAME TO elsewhere")
    with pytest.raises(Exception, match="refused"):
        write(store, lambda writer: writer.record(seen(1)))
    tamper(store_url, "ALTER TABLE elsewhere RENAME TO ledger_checkpoint")
    write(store, lambda writer: writer.record(seen(2)))
    store.close()
    with reopened(store_url, sealer) as again:
        assert verified(again).good
        records = again.read(lambda reader: reader.access_records())  # type: ignore[attr-defined]
    # What could not be put on record was not kept at all.
    assert [record.request_id for _, record in records] == ["r0", "r2"]


def test_nothing_is_kept_whose_leaf_cannot_be_written(store_url: str, sealer: Sealer) -> None:
    store = ledger_store(store_url, sealer)
    tamper(store_url, "ALTER TABLE ledger_subject RENAME TO elsewhere")
    patient = key()

    def job(writer: Writer) -> None:
        writer.put_feed(FeedStatus("H1", "lis", "1", NOW, 0))
        writer.record(seen(0, patient))

    with pytest.raises(Exception, match="refused"):
        write(store, job)
    store.close()
    assert rows(store_url, "SELECT count(*) FROM access_record")[0][0] == 0
    assert rows(store_url, "SELECT count(*) FROM feed_status")[0][0] == 0


def test_records_of_before_the_ledger_are_read_and_are_no_fault(store_url: str, sealer: Sealer) -> None:
    with reopened(store_url, sealer) as old:
        write(old, lambda writer: writer.record(seen(-50_000)))
    written(store_url, sealer, 1)
    assert faults(store_url, sealer) == []
    with reopened(store_url, sealer) as store:
        records = store.read(lambda reader: reader.access_records())  # type: ignore[attr-defined]
    assert [record.request_id for _, record in records] == ["r-50000", "r0"]


def test_migrating_twice_changes_nothing(store_url: str) -> None:
    assert migrate(store_url) == ()


def test_a_patient_opened_beside_a_record_is_kept_with_it(store_url: str, sealer: Sealer) -> None:
    store: Store = ledger_store(store_url, sealer)
    opened(store, b"t" * 32)
    store.close()
    # No record, no leaf, no log.
    assert rows(store_url, "SELECT count(*) FROM ledger_log")[0][0] == 0


def test_a_log_that_grew_long_ends_and_another_begins(
    store_url: str, sealer: Sealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "LOG_LEAVES", 3)
    written(store_url, sealer, 8)
    with reopened(store_url, sealer) as store:
        found = verified(store)
    assert found.good, found
    assert sorted(size for log, size in found.sizes.items() if log != ROOT_LOG) == [2, 3, 3]
    # Each has its start and its end.
    assert found.sizes[ROOT_LOG] == 6


def retained(store: SqlStore, since: int) -> list[tuple[bytes, int]]:
    return write(store, lambda writer: cut_before(writer, MerkleLedger(KEY), since, NOW + 10**6))


def test_what_is_past_retention_is_cut_off_and_the_rest_verifies(written_url: str, sealer: Sealer) -> None:
    log_id = log_of(written_url)
    old = [note(log_id, tree) for tree in trees(written_url, sealer, log_id)]
    store = ledger_store(written_url, sealer)
    assert retained(store, NOW + 4) == [(log_id, 4)]
    assert retained(store, NOW + 4) == []
    store.close()
    assert faults(written_url, sealer, *old) == []
    left = rows(written_url, "SELECT leaf_index FROM access_record WHERE log_id = :l ORDER BY leaf_index", l=log_id)
    assert [number for (number,) in left] == [4, 5, 6, 7, 8]
    assert rows(written_url, "SELECT count(*) FROM ledger_subject WHERE log_id = :l", l=log_id)[0][0] == 5
    with reopened(written_url, sealer) as again:
        proof = again.read(lambda reader: prove(SqlLedgerView(reader), KEY.name, log_id, 6))  # type: ignore[arg-type]
    at = KEY.verifier.read(proof.checkpoint)
    check_inclusion(leaf_hash(proof.leaf), 6, at.size, proof.path, at.root)
    # Again, later, and then all of it.
    store = ledger_store(written_url, sealer)
    assert retained(store, NOW + 6) == [(log_id, 2)]
    cuts = [cut for _ in range(9) for cut, _ in retained(store, NOW + 500)]
    assert cuts == [log_id]
    store.close()
    assert faults(written_url, sealer, *old) == []


def test_a_cut_that_nobody_recorded_is_found(written_url: str, sealer: Sealer) -> None:
    log_id = log_of(written_url)
    frontier = Frontier()
    for leaf in rows(written_url, "SELECT leaf_hash FROM access_record ORDER BY leaf_index")[:4]:
        frontier.append(bytes(leaf[0]))
    tamper(
        written_url,
        "DELETE FROM access_record WHERE leaf_index < 4",
        "DELETE FROM ledger_subject WHERE leaf_index < 4",
        "DELETE FROM ledger_checkpoint WHERE size < 4 AND log_id = :l",
        "UPDATE ledger_log SET cut = 4, cut_nodes = :n WHERE log_id = :l",
        l=log_id,
        n=b"".join(frontier.nodes),
    )
    assert faults(written_url, sealer) == [
        f"log {log_id.hex()}, leaf 0: 4 leaves were cut off, and the root log does not know it"
    ]


def test_nothing_is_cut_off_that_does_not_verify(written_url: str, sealer: Sealer) -> None:
    tamper(written_url, "UPDATE access_record SET leaf_hash = :h WHERE leaf_index = 2", h=secrets.token_bytes(32))
    store = ledger_store(written_url, sealer)
    with pytest.raises(CutRefused, match="does not verify"):
        retained(store, NOW + 4)
    store.close()
    assert rows(written_url, "SELECT count(*) FROM access_record")[0][0] == LEAVES


def test_a_dump_verifies_with_the_public_key_alone(written_url: str, sealer: Sealer) -> None:
    with reopened(written_url, sealer) as store:
        lines = store.read(lambda reader: list(dump(SqlLedgerView(reader))))  # type: ignore[arg-type]
    assert verify(DumpView(lines), KEY.verifier).good
    place = next(number for number, line in enumerate(lines) if '"n":3,' in line)
    changed = [*lines[:place], lines[place].replace("E1", "E2"), *lines[place + 1 :]]
    assert "leaf 3: was changed" in str(verify(DumpView(changed), KEY.verifier).faults[0])
    assert "leaf 3: was removed" in str(verify(DumpView(lines[:place] + lines[place + 1 :]), KEY.verifier).faults[0])
    with pytest.raises(DumpInvalid, match="line 1 "):
        DumpView(["{}"])


def test_proofs_of_every_leaf_and_between_all_checkpoints_hold(written_url: str, sealer: Sealer) -> None:
    log_id = log_of(written_url)
    notes = [note(log_id, tree) for tree in trees(written_url, sealer, log_id)]
    assert len(notes) == LEAVES
    with reopened(written_url, sealer) as store:
        for number in range(LEAVES):
            found = store.read(lambda reader, n=number: prove(SqlLedgerView(reader), KEY.name, log_id, n))  # type: ignore[arg-type,misc]
            at = KEY.verifier.read(found.checkpoint)
            check_inclusion(leaf_hash(found.leaf), number, at.size, found.path, at.root)
        for old, new in ((2, 5), (0, 8), (7, 8), (3, 3)):
            found_between = store.read(
                lambda reader, o=old, n=new: consistent(SqlLedgerView(reader), KEY, notes[o], notes[n])  # type: ignore[arg-type,misc]
            )
            first, second = KEY.verifier.read(notes[old]), KEY.verifier.read(notes[new])
            path = [b64decode(node) for node in found_between["path"]]
            check_consistency(first.size, first.root, second.size, second.root, path)
        with pytest.raises(NoProof):
            store.read(lambda reader: prove(SqlLedgerView(reader), KEY.name, log_id, LEAVES))  # type: ignore[arg-type]
        with pytest.raises(NoProof):
            store.read(lambda reader: prove(SqlLedgerView(reader), KEY.name, key(), 0))  # type: ignore[arg-type]


def trees(url: str, sealer: Sealer, log_id: bytes) -> list[StoredTree]:
    with reopened(url, sealer) as store:
        return store.read(lambda reader: list(SqlLedgerView(reader).trees(log_id)))  # type: ignore[arg-type]
