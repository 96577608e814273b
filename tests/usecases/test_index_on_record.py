"""What was published is compared with the ledger: whatever is done to the index of reports by hand is found."""

import secrets
from collections.abc import Iterator

import pytest
from hutong_server.domain.caller import Caller, Role
from hutong_server.domain.report import Status
from hutong_server.store.base import ROOT_LOG, Sealer
from hutong_server.store.index_view import IndexView
from hutong_server.store.ledger_view import SqlLedgerView
from hutong_server.store.sql_store import open_store
from hutong_server.trust.ledger import MerkleLedger
from hutong_server.trust.ledger_check import verify
from hutong_server.trust.ledger_retention import cut_before
from hutong_server.trust.tokens import HmacTokens
from hutong_server.usecases.patients import Step, place_held, undo
from hutong_server.usecases.publish import Published, Publisher

from tests.building import DAY, NOW, report, resident_number, result, withdrawal
from tests.store.ledgers import KEY, ledger_store, rows, tamper
from tests.usecases.conftest import PlainWire, Registry, rule_book

ADMIN = Step(Caller("registry", Role.ADMIN, "ab" * 32), "because", NOW)


@pytest.fixture
def kept(store_url: str, sealer: Sealer) -> Iterator[Registry]:
    """A registry whose accesses stand in a ledger."""
    store = ledger_store(store_url, sealer)
    yield Registry(store, Publisher(rule_book(), HmacTokens(secrets.token_bytes(32)), PlainWire()))
    store.close()


def faults(registry: Registry) -> list[str]:
    store = registry.store
    found = store.read(lambda tx: verify(SqlLedgerView(tx), KEY.verifier, (), IndexView(tx)))  # type: ignore[arg-type]
    # What was done is in the index: the leaves are all there, and the fault names the one that says otherwise.
    assert all(fault.leaf is not None and fault.log_id != ROOT_LOG for fault in found.faults)
    return [fault.what.rpartition(": ")[2] for fault in found.faults] + [what for what, _ in found.strays]


def versions(registry: Registry) -> Published:
    """Three versions of a report, the second of them shown."""
    registry.publish(report(issued=NOW - 3 * DAY))
    registry.publish(report(issued=NOW - DAY, status=Status.CORRECTED, results=(result(value="4.20"),)))
    (late,) = registry.publish(report(issued=NOW - 2 * DAY, results=(result(value="4.30"),)))
    assert not late.current
    return late


def held(registry: Registry) -> Published:
    """A report without demographics."""
    (sent,) = registry.publish(report("H", number=resident_number(9), name="", birth="", sex=""))
    assert sent.outcome == "held"
    return sent


def test_whatever_publishing_does_agrees_with_its_leaves(kept: Registry) -> None:
    versions(kept)
    kept.publish(report(issued=NOW - DAY, status=Status.CORRECTED, results=(result(value="4.20"),)))
    # Withdrawn, withdrawn before it came, opened again, disputed, moved to another patient, held, placed, held again.
    kept.publish(report("W"))
    kept.publish(withdrawal("W"))
    kept.publish(withdrawal("F", issued=NOW - DAY))
    assert faults(kept) == []
    kept.publish(report("F", issued=NOW - DAY))
    kept.publish(report("F", issued=NOW - DAY // 2))
    kept.publish(report("", derived=("facts", "x"), issued=None))
    kept.publish(report("", derived=("facts", "x"), issued=None, content="other"))
    kept.publish(report("M", issued=NOW - 2 * DAY))
    kept.publish(report("M", number=resident_number(2), name="测试二", issued=NOW - DAY))
    sent = held(kept)
    assert faults(kept) == []
    done = kept.store.submit(place_held(sent.report_id, None, ADMIN)).result(30)
    assert faults(kept) == []
    kept.store.submit(undo(done.step_id, ADMIN)).result(30)
    assert faults(kept) == []
    kept.publish(withdrawal("H"))
    assert faults(kept) == []


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (("DELETE FROM report",), ["its row is gone"]),
        (("DELETE FROM report_version WHERE version = 2",), ["version 2 is gone"]),
        (("DELETE FROM report_version WHERE version = 3",), ["version 3 is gone"]),
        (("UPDATE identity SET current_version = 1",), ["another version is current"]),
        (("UPDATE report SET version = 1",), ["its row does not open at its place"]),
        (("UPDATE report SET institution = 'H9'",), ["its row does not open at its place"]),
        (("UPDATE report SET held = true",), ["whether it is held"]),
        (("UPDATE identity SET held = true",), ["whether it is held"]),
        (("UPDATE report SET held = true", "UPDATE identity SET held = true"), ["whether it is held"]),
        (("UPDATE identity SET disputed = true",), ["whether it is disputed"]),
        (("UPDATE report_version SET version = 4 WHERE version = 3",), ["a version does not open at its place"]),
        (
            ("DELETE FROM identity",),
            ["is gone", "rows of reports under a patient whose they are not", "versions of reports that are not there"],
        ),
        (("DELETE FROM identity", "DELETE FROM report", "DELETE FROM report_version"), ["is gone"]),
        (
            ("UPDATE identity SET patient_key = report_id",),
            ["version 1 is gone", "version 2 is gone", "version 3 is gone"],
        ),
    ],
)
def test_what_is_edited_by_hand_is_named(
    kept: Registry, store_url: str, statements: tuple[str, ...], expected: list[str]
) -> None:
    late = versions(kept)
    assert faults(kept) == []
    assert tamper(store_url, *statements) > 0
    found = [what.removeprefix(f"report {late.report_id.hex()} ") for what in faults(kept)]
    assert [what for what in found if what in expected] == expected
    assert set(found) - set(expected) <= {"rows of reports under a patient whose they are not", "its row is gone"}


def test_an_older_row_that_was_put_back_is_named(kept: Registry, store_url: str) -> None:
    kept.publish(report(issued=NOW - 2 * DAY))
    ((before,),) = rows(store_url, "SELECT body FROM report")
    kept.publish(withdrawal(issued=NOW - DAY))
    # Everything that stands in clear is edited with it.
    tamper(store_url, "UPDATE report SET version = 1, body = :body", body=before)
    assert faults(kept) == ["its row is another version's"]
    tamper(store_url, "UPDATE identity SET current_version = 1")
    assert faults(kept) == ["another version is current"]
    tamper(store_url, "DELETE FROM report_version WHERE version = 2")
    assert faults(kept) == ["version 2 is gone"]


def test_a_held_report_that_was_let_out_by_hand_is_named(kept: Registry, store_url: str) -> None:
    held(kept)
    for statement in ("UPDATE report SET held = false", "UPDATE identity SET held = false"):
        tamper(store_url, statement)
        assert faults(kept) == ["whether it is held"]
    tamper(store_url, "UPDATE held_report SET placed = true")
    assert faults(kept) == ["whether it is held"]


def test_a_report_that_nobody_published_is_named(kept: Registry, store_url: str, sealer: Sealer) -> None:
    # Leaves of before retention's cut are gone, and what was published then is no fault; what came later is.
    kept.publish(report("old"))
    ledger = MerkleLedger(KEY)
    kept.store.submit(lambda writer: cut_before(writer, ledger, NOW + 1, NOW + 5)).result(30)
    assert rows(store_url, "SELECT count(*) FROM access_record WHERE method = 'PublishReport'")[0][0] == 0
    kept.now = NOW + 10
    kept.publish(report("new"))
    assert faults(kept) == []
    beside = open_store(store_url, sealer)
    sent = report("beside")
    try:
        (put,) = Registry(beside, kept.publisher, NOW + 20).publish(sent)
    finally:
        beside.close()
    tamper(store_url, "DELETE FROM access_record WHERE log_id IS NULL")
    found = kept.store.read(lambda tx: verify(SqlLedgerView(tx), KEY.verifier, (), IndexView(tx)))  # type: ignore[arg-type]
    assert [fault.what for fault in found.faults] == [
        f"the index was changed: report {put.report_id.hex()}: version 1 was never published"
    ]
