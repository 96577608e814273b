"""What was published is compared with the ledger: whatever is done to the index of reports by hand is found."""

import secrets
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hutong_server.domain.caller import Caller, Role
from hutong_server.domain.consent import Effect, Scope
from hutong_server.domain.report import Status
from hutong_server.store.base import ROOT_LOG, Sealer
from hutong_server.store.base_certificates import CertificateRow
from hutong_server.store.index_apart import MEMBERS
from hutong_server.store.index_view import IndexView
from hutong_server.store.ledger_view import SqlLedgerView
from hutong_server.store.sql_store import open_store
from hutong_server.trust.ledger import MerkleLedger
from hutong_server.trust.ledger_check import Verified, verify
from hutong_server.trust.ledger_retention import cut_before
from hutong_server.trust.tokens import HmacTokens
from hutong_server.usecases.asking import Context, PatientQuery
from hutong_server.usecases.certificates import revoke as revoke_certificate
from hutong_server.usecases.consent import Told, Wanted, put_directive, revoke_directive
from hutong_server.usecases.open_chart import OpenChart, open_chart
from hutong_server.usecases.patients import Step, link, place_held, undo
from hutong_server.usecases.publish import Published, Publisher
from hutong_server.usecases.reviews import close_review
from hutong_server.usecases.withhold import withhold_report

from tests.building import DAY, NOW, chart_of, report, resident_number, result, withdrawal
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
    found = verified(registry)
    # What was done is in the index: the leaves are all there, and the fault names the one that says otherwise.
    assert all(fault.leaf is not None and fault.log_id != ROOT_LOG for fault in found.faults)
    # In the distributed form an edit by hand also leaves the list of the person as it was, which is said besides.
    strays = [what for what, _ in found.strays if what != MEMBERS]
    return [fault.what.rpartition(": ")[2] for fault in found.faults] + strays


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
    (hidden,) = kept.publish(report("N", issued=NOW - 2 * DAY))
    for lift in (False, True, False):
        kept.store.submit(withhold_report(hidden.report_id, lift=lift, step=ADMIN)).result(30)
        assert faults(kept) == []
    kept.publish(report("N", issued=NOW - DAY))
    assert faults(kept) == []


def test_a_withheld_report_that_was_shown_by_hand_is_named(kept: Registry, store_url: str) -> None:
    (hidden,) = kept.publish(report())
    kept.store.submit(withhold_report(hidden.report_id, lift=False, step=ADMIN)).result(30)
    tamper(store_url, "UPDATE report SET held = false")
    assert faults(kept) == ["it is withheld, and shown"]


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
        (("UPDATE report SET held = true", "UPDATE identity SET withheld = true"), ["whether it is withheld"]),
        (("UPDATE identity SET disputed = true",), ["whether it is disputed"]),
        (("DELETE FROM patient_token",), ["no identifier leads to its patient"]),
        (("DELETE FROM patient",), ["its patient is gone"]),
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
    # Until there is nothing left to cut: a ledger file loses its leaves only then.
    while kept.store.submit(lambda writer: cut_before(writer, ledger, NOW + 1, NOW + 5)).result(30):
        pass
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
    found = verified(kept)
    assert [fault.what for fault in found.faults] == [
        f"the index was changed: report {put.report_id.hex()}: version 1 was never published"
    ]


def told(registry: Registry, now: int) -> Told:
    identifiers, demographics = chart_of(report())
    return Told(
        PatientQuery(identifiers, demographics),
        Context("dr", "visit", "treatment"),
        Caller("H2", Role.EMR, "ab" * 32),
        now,
        "r",
    )


def withhold(registry: Registry, request: str = "d") -> bytes:
    """A directive that withholds everything; its id."""
    publisher = registry.publisher
    wanted = Wanted(request, Effect.WITHHOLD, Scope.EVERYTHING)
    job = put_directive(wanted, told(registry, registry.now), publisher.book, publisher.tokens)
    return registry.store.submit(job).result(30).directive_id


def emergency(registry: Registry) -> None:
    identifiers, demographics = chart_of(report())
    visit = Context("dr", "visit", "emergency", break_glass_reason="collapsed")
    ask = OpenChart("e", PatientQuery(identifiers, demographics), visit, Caller("H2", Role.EMR, "ab" * 32), True)
    publisher = registry.publisher
    answer = registry.store.read(lambda tx: open_chart(ask, tx, publisher.book, publisher.tokens, registry.now))
    registry.store.submit(answer.keep).result(30)
    assert answer.rows


def review(registry: Registry) -> None:
    (opening,) = registry.store.read(lambda tx: tx.openings(None, 10))
    job = close_review(
        opening.patient_key, opening.opening_id, "ok", caller=ADMIN.caller, now=registry.now, request_id="c"
    )
    registry.store.submit(job).result(30)


def revoke(registry: Registry, directive_id: bytes) -> None:
    publisher = registry.publisher
    job = revoke_directive(directive_id, told(registry, registry.now + 1), publisher.book, publisher.tokens)
    registry.store.submit(job).result(30)


def test_a_directive_or_an_emergency_that_was_edited_by_hand_is_named(kept: Registry, store_url: str) -> None:
    kept.publish(report())
    first, second = withhold(kept), withhold(kept, "d2")
    withhold(kept)
    emergency(kept)
    assert faults(kept) == []
    before = rows(store_url, "SELECT entry_id, kind, body FROM consent_entry")
    revoke(kept, first)
    review(kept)
    assert faults(kept) == []
    after = rows(store_url, "SELECT entry_id, kind, body FROM consent_entry")
    assert len(before) == len(after) == 3
    (opening,) = [bytes(row[0]) for row in before if row[1] == "opening"]

    def put_back(former: Sequence[Any], entry: bytes) -> None:
        (row,) = [row for row in former if bytes(row[0]) == entry]
        statement = "UPDATE consent_entry SET kind = :kind, body = :body WHERE entry_id = :entry"
        assert tamper(store_url, statement, entry=entry, kind=row[1], body=row[2]) == 1

    put_back(before, first)
    assert faults(kept) == [f"directive {first.hex()} was taken back"]
    put_back(after, first)
    put_back(before, opening)
    assert faults(kept) == [f"emergency {opening.hex()} was reviewed"]
    put_back(after, opening)
    tamper(store_url, "UPDATE consent_entry SET kind = 'opening' WHERE kind = 'opening_reviewed'")
    assert faults(kept) == [
        f"entry {opening.hex()} does not open as what it is said to be",
        "the emergency of this answer is gone",
    ]
    put_back(after, opening)
    assert faults(kept) == []
    tamper(store_url, "UPDATE consent_entry SET kind = 'opening_reviewed' WHERE entry_id = :entry", entry=second)
    assert faults(kept) == [
        f"entry {second.hex()} does not open as what it is said to be",
        f"directive {second.hex()} is gone",
    ]
    tamper(store_url, "DELETE FROM consent_entry WHERE kind = 'directive' OR entry_id = :entry", entry=second)
    assert faults(kept) == [f"directive {each.hex()} is gone" for each in (first, second)]
    tamper(store_url, "DELETE FROM consent_entry")
    assert faults(kept)[-1] == "the emergency of this answer is gone"


def test_what_was_decided_without_a_leaf_is_named(kept: Registry, store_url: str, sealer: Sealer) -> None:
    kept.publish(report())
    kept.now += 10
    directive = withhold(kept)
    emergency(kept)
    beside = open_store(store_url, sealer)
    try:
        unseen = Registry(beside, kept.publisher, kept.now)
        added = withhold(unseen, "d3")
        revoke(unseen, directive)
        review(unseen)
    finally:
        beside.close()
    tamper(store_url, "DELETE FROM access_record WHERE log_id IS NULL")
    found = verified(kept)
    said = {fault.what.rpartition(": ")[2] for fault in found.faults}
    assert f"directive {added.hex()} was never recorded" in said
    assert f"directive {directive.hex()} was not taken back" in said
    assert len(said) == 3
    assert any(each.endswith("was not reviewed") for each in said)


def test_a_certificate_whose_revocation_was_undone_by_hand_is_named(kept: Registry, store_url: str) -> None:
    row = CertificateRow("a1", "f1", "H1", "emr", "k", NOW, NOW + 7 * DAY, "a1")
    kept.store.submit(lambda writer: writer.put_certificate(row)).result(30)
    kept.store.submit(revoke_certificate("a1", "stolen", ADMIN.caller, NOW, "r")).result(30)
    assert faults(kept) == []
    tamper(store_url, "UPDATE certificate SET revoked_at = NULL")
    assert faults(kept) == ["certificate a1 was revoked"]
    tamper(store_url, "DELETE FROM certificate")
    assert faults(kept) == ["certificate a1 was revoked"]


def test_two_persons_who_were_made_one_by_hand_are_named(kept: Registry, store_url: str) -> None:
    ours = [kept.publish(report(f"P{n}", number=resident_number(n)))[0].patient_key for n in (1, 2, 3)]
    step = kept.store.submit(link(ours[0], ours[1], ADMIN)).result(30)
    assert faults(kept) == []
    statement = "UPDATE patient SET person = :person WHERE key = :key"
    tamper(store_url, statement, person=min(ours), key=ours[2])
    found = verified(kept)
    assert [fault.what for fault in found.faults] == [f"the index was changed: whose record {ours[2].hex()} is"] or (
        min(ours) == ours[2]
    )
    tamper(store_url, statement, person=ours[2], key=ours[2])
    assert faults(kept) == []
    tamper(store_url, statement, person=max(ours[:2]), key=max(ours[:2]))
    found = verified(kept)
    assert [fault.what for fault in found.faults] == [f"the index was changed: whose record {max(ours[:2]).hex()} is"]
    kept.store.submit(undo(step.step_id, ADMIN)).result(30)
    assert faults(kept) == []


def verified(registry: Registry) -> Verified:
    return registry.store.read(lambda tx: verify(SqlLedgerView(tx), KEY.verifier, (), IndexView(tx)))  # type: ignore[arg-type]


def test_whether_a_report_is_withheld_follows_the_leaves(kept: Registry, store_url: str) -> None:
    (sent,) = kept.publish(report())

    def hide(*, lift: bool) -> None:
        kept.store.submit(withhold_report(sent.report_id, lift=lift, step=ADMIN)).result(30)

    hide(lift=False)
    hide(lift=False)
    assert faults(kept) == []
    kept.publish(report(status=Status.CORRECTED))
    assert faults(kept) == []
    tamper(store_url, "UPDATE report SET held = false", "UPDATE identity SET withheld = false")
    assert faults(kept) == ["whether it is withheld"]
    tamper(store_url, "UPDATE identity SET withheld = true", "UPDATE report SET held = true")
    hide(lift=True)
    assert faults(kept) == []
    tamper(store_url, "UPDATE identity SET withheld = true", "UPDATE report SET held = true")
    assert faults(kept) == ["whether it is withheld"]
