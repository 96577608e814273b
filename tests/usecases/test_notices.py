"""Who relied on a report is told what became of it: once for each change, and of nothing that is withheld."""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hutong_server.domain.caller import Role
from hutong_server.domain.consent import Directive, Effect, Scope
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.notice import How, Notice, NoticeKind
from hutong_server.domain.recognition import ConsentBasis, ConsentRule
from hutong_server.domain.report import Report, Status
from hutong_server.store.base import Store, Writer
from hutong_server.usecases import notices, patients
from hutong_server.usecases.asking import PatientQuery
from hutong_server.usecases.consent import Told, Wanted, put_directive, revoke_directive
from hutong_server.usecases.publish import PublishDocument, publish
from hutong_server.usecases.withhold import withhold_report

from tests.building import DAY, NOW, caller, chart_of, report, resident_number, result, withdrawal
from tests.usecases.conftest import Registry
from tests.usecases.noticing import (
    CONTEXT,
    HIV_CODE,
    do,
    kinds,
    listed,
    listener,
    looked_at,
    opened,
    recognized,
    registry_of,
    step,
    watched,
)
from tests.usecases.test_patient_index import both, mrn


@pytest.fixture
def registry(store: Store) -> Registry:
    return registry_of(store)


def test_each_institution_that_relied_gets_one_notice_of_a_correction(registry: Registry) -> None:
    (first,) = registry.publish(report(issued=NOW - DAY))
    opened(registry, first)
    opened(registry, first, encounter="another")
    opened(registry, first, "H3")
    recognized(registry, first)
    registry.publish(report(issued=NOW - DAY + 1, content="corrected", status=Status.CORRECTED))
    (notice,) = listed(registry)
    assert (notice.kind, notice.how, notice.item, notice.issuer) == (
        NoticeKind.CORRECTED,
        How.RECOGNIZED,
        "K",
        "H1",
    )
    assert (notice.encounter, notice.practitioner, notice.relied_at) == ("visit", "dr", NOW)
    assert kinds(listed(registry, "H3")) == [NoticeKind.CORRECTED]
    assert listed(registry, "H4") == []
    # Opened by the id that the notice gives.
    assert opened(registry, replace_key(first, notice)).row.version == 2


def replace_key(published: Any, notice: Notice) -> Any:
    return replace(published, patient_key=notice.patient_key, report_id=notice.report_id)


def test_nobody_is_told_of_what_changes_nothing_that_is_shown(registry: Registry) -> None:
    (first,) = registry.publish(report(issued=NOW - DAY))
    opened(registry, first)
    registry.publish(report(issued=NOW - DAY))  # again the same
    registry.publish(report(issued=NOW - 2 * DAY, content="older and late"))
    registry.publish(report("R2", issued=NOW - DAY))
    assert listed(registry) == []


def test_a_withdrawn_report_is_told_and_opens_as_withdrawn(registry: Registry) -> None:
    (first,) = registry.publish(report())
    opened(registry, first)
    registry.publish(withdrawal())
    (notice,) = listed(registry)
    assert notice.kind is NoticeKind.WITHDRAWN
    whole = opened(registry, replace_key(first, notice))
    assert (whole.row.withdrawn, whole.results, whole.relied) == (True, (), None)


def test_what_changes_while_a_report_is_being_opened_is_told(registry: Registry) -> None:
    (first,) = registry.publish(report(version_id=1))
    read = looked_at(registry, first)
    registry.publish(report(version_id=2))
    do(registry, read.keep)
    assert kinds(listed(registry)) == [NoticeKind.CORRECTED]
    # Told by the change itself or here, and not by both.
    opened(registry, first)
    registry.publish(report(version_id=3))
    assert kinds(listed(registry)) == [NoticeKind.CORRECTED, NoticeKind.CORRECTED]


@pytest.mark.parametrize("opening_first", [True, False])
def test_of_a_report_that_is_opened_and_changed_at_once_nobody_is_left_out(
    registry: Registry, opening_first: bool
) -> None:
    """One has written and not committed when the other comes, on another connection where the database has several."""
    (first,) = registry.publish(report(version_id=1))
    read = looked_at(registry, first)
    command = PublishDocument((report(version_id=2),), caller("H1"), registry.now, "r", "lis")
    jobs: list[Callable[[Writer], Any]] = [read.keep, publish(command, registry.publisher)]
    early, late = jobs if opening_first else reversed(jobs)
    written = threading.Event()

    def slowly(writer: Writer) -> None:
        early(writer)
        written.set()
        time.sleep(0.2)

    done = registry.store.submit(slowly)
    assert written.wait(30)
    registry.store.submit(late).result(30)
    done.result(30)
    assert kinds(listed(registry)) == [NoticeKind.CORRECTED]


def test_no_visit_is_asked_for_its_authorization(store: Store) -> None:
    registry = registry_of(store, ConsentRule(ConsentBasis.VISIT_AUTHORIZATION))
    (first,) = registry.publish(report())
    relied = recognized(registry, first)
    registry.publish(withdrawal())
    assert [each.report_id for each in listed(registry)] == [relied.report_id]
    assert {record.consent_basis for record in watched(registry).records} == {"visit_authorization"}


def test_each_change_has_a_notice_of_its_own(registry: Registry) -> None:
    (first,) = registry.publish(report(version_id=1))
    opened(registry, first)
    registry.publish(report(version_id=2))
    registry.publish(report(version_id=3))
    registry.publish(withdrawal(version_id=4))
    assert kinds(listed(registry)) == [NoticeKind.CORRECTED, NoticeKind.CORRECTED, NoticeKind.WITHDRAWN]


def test_a_report_that_names_another_patient_is_told_and_does_not_open(registry: Registry) -> None:
    (first,) = registry.publish(report(version_id=1))
    opened(registry, first)
    registry.publish(report(version_id=2, number=resident_number(2), name="别人"))
    (notice,) = listed(registry)
    assert notice.kind is NoticeKind.PATIENT_CHANGED
    with pytest.raises(HutongError) as refused:
        opened(registry, replace_key(first, notice))
    assert refused.value.reason is Reason.REPORT_NOT_FOUND
    # What becomes of it there is not theirs to know; when it comes back, it is.
    registry.publish(report(version_id=3, number=resident_number(2), name="别人"))
    assert len(listed(registry)) == 1
    registry.publish(report(version_id=4))
    _, back = listed(registry)
    assert back.kind is NoticeKind.CORRECTED
    assert opened(registry, replace_key(first, back)).row.version == 4


def test_a_correction_that_says_more_of_the_patient_is_no_other_patient(registry: Registry) -> None:
    (first,) = registry.publish(report(version_id=1, name=""))
    opened(registry, first)
    registry.publish(report(version_id=2))
    (notice,) = listed(registry)
    assert notice.kind is NoticeKind.CORRECTED
    assert notice.patient_key != first.patient_key
    assert opened(registry, replace_key(first, notice)).row.version == 2


def test_linking_unlinking_and_undoing_are_told(registry: Registry) -> None:
    one, other = report("A", name="甲"), report("B", name="乙")
    (first,), (second,) = registry.publish(one), registry.publish(other)
    opened(registry, first)
    opened(registry, second, "H3")
    linked = do(registry, patients.link(first.patient_key, second.patient_key, step()))
    assert kinds(listed(registry)) == kinds(listed(registry, "H3")) == [NoticeKind.PATIENT_CHANGED]
    # Linked already: nothing changes, nobody is told.
    do(registry, patients.link(first.patient_key, second.patient_key, step()))
    assert len(listed(registry)) == 1
    do(registry, patients.undo(linked.step_id, step()))
    assert (len(listed(registry)), len(listed(registry, "H3"))) == (2, 2)
    do(registry, patients.link(first.patient_key, second.patient_key, step()))
    parted = do(registry, patients.unlink(second.patient_key, step()))
    do(registry, patients.undo(parted.step_id, step()))
    assert (len(listed(registry)), len(listed(registry, "H3"))) == (5, 5)


def test_a_record_of_the_same_person_that_says_more_is_no_change(registry: Registry) -> None:
    (first,) = registry.publish(report("A", name=""))
    opened(registry, first)
    registry.publish(report("B"))
    assert listed(registry) == []


def test_two_persons_whom_a_report_joins_are_told(registry: Registry) -> None:
    (first,) = registry.publish(report("A"))
    (second,) = registry.publish(report("B", identifiers=(mrn("7"),)))
    assert first.patient_key != second.patient_key
    opened(registry, first)
    opened(registry, second, "H3")
    registry.publish(report("C", identifiers=both(resident_number(1), "7")))
    assert kinds(listed(registry)) == kinds(listed(registry, "H3")) == [NoticeKind.PATIENT_CHANGED]


def test_a_report_placed_wrongly_is_told_when_that_is_undone(registry: Registry) -> None:
    (known,) = registry.publish(report("A"))
    (held,) = registry.publish(report("B", identifiers=()))
    opened(registry, known)
    placed = do(registry, patients.place_held(held.report_id, known.patient_key, step()))
    assert listed(registry) == []
    opened(registry, held)
    do(registry, patients.undo(placed.step_id, step()))
    (notice,) = listed(registry)
    assert (notice.kind, notice.report_id) == (NoticeKind.PATIENT_CHANGED, held.report_id)


def test_a_withheld_report_is_nowhere_until_it_is_lifted(registry: Registry) -> None:
    plain = report(version_id=1)
    (first,) = registry.publish(plain)
    opened(registry, first)
    done = do(registry, withhold_report(first.report_id, lift=False, step=step()))
    assert (done.withheld, done.notified) == (True, 1)
    assert registry.chart(plain).rows == {}
    with pytest.raises(HutongError) as refused:
        opened(registry, first)
    assert refused.value.reason is Reason.REPORT_NOT_FOUND
    assert kinds(listed(registry)) == [NoticeKind.WITHHELD]
    # Once more changes nothing; nor does what its source sends meanwhile bring it back.
    assert do(registry, withhold_report(first.report_id, lift=False, step=step())).notified == 0
    registry.publish(report(version_id=2))
    assert registry.chart(plain).rows == {}
    assert do(registry, withhold_report(first.report_id, lift=True, step=step())).withheld is False
    assert [row.version for row in registry.chart(plain).rows.values()] == [2]
    assert kinds(listed(registry)) == [NoticeKind.WITHHELD, NoticeKind.CORRECTED]


def test_a_withdrawal_reaches_a_report_that_is_withheld(registry: Registry) -> None:
    plain = report()
    (first,) = registry.publish(plain)
    do(registry, withhold_report(first.report_id, lift=False, step=step()))
    registry.publish(withdrawal())
    assert registry.chart(plain).rows == {}
    do(registry, withhold_report(first.report_id, lift=True, step=step()))
    assert [row.withdrawn for row in registry.chart(plain).rows.values()] == [True]


def test_a_withheld_report_that_moves_stays_withheld(registry: Registry) -> None:
    (first,) = registry.publish(report(version_id=1))
    do(registry, withhold_report(first.report_id, lift=False, step=step()))
    other = report(version_id=2, number=resident_number(2), name="别人")
    registry.publish(other)
    assert registry.chart(other).rows == {}
    do(registry, withhold_report(first.report_id, lift=True, step=step()))
    assert len(registry.chart(other).rows) == 1


def test_placing_does_not_show_what_is_withheld(registry: Registry) -> None:
    plain = report("A")
    (known,) = registry.publish(plain)
    (held,) = registry.publish(report("B", identifiers=()))
    do(registry, withhold_report(held.report_id, lift=False, step=step()))
    do(registry, patients.place_held(held.report_id, known.patient_key, step()))
    assert len(registry.chart(plain).rows) == 1
    do(registry, withhold_report(held.report_id, lift=True, step=step()))
    assert len(registry.chart(plain).rows) == 2


def test_an_unknown_report_cannot_be_withheld(registry: Registry) -> None:
    with pytest.raises(HutongError) as refused:
        do(registry, withhold_report(b"?" * 16, lift=False, step=step()))
    assert refused.value.reason is Reason.NOT_FOUND


# What the patient withholds


def decide(at: Registry, of: Report, effect: Effect, scope: Scope, target: str = "") -> Directive:
    told = Told(PatientQuery(*chart_of(of)), CONTEXT, caller("H4", Role.EMR), at.now, "r")
    wanted = Wanted(secrets.token_hex(8), effect, scope, target)
    directive: Directive = do(at, put_directive(wanted, told, at.publisher.book, at.publisher.tokens))
    return directive


def revoke(at: Registry, of: Report, given: Directive) -> None:
    told = Told(PatientQuery(*chart_of(of)), CONTEXT, caller("H4", Role.EMR), at.now, "r")
    do(at, revoke_directive(given.directive_id, told, at.publisher.book, at.publisher.tokens))


@pytest.mark.parametrize(
    ("scope", "target"), [(Scope.EVERYTHING, ""), (Scope.INSTITUTION, "H1")], ids=["everything", "issuer"]
)
def test_a_notice_that_consent_withholds_does_not_exist_and_comes_when_consent_changes(
    registry: Registry, scope: Scope, target: str
) -> None:
    plain = report(version_id=1)
    (first,) = registry.publish(plain)
    opened(registry, first)
    given = decide(registry, plain, Effect.WITHHOLD, scope, target)
    registry.publish(withdrawal(version_id=2))
    assert listed(registry) == []
    hidden = watched(registry)
    assert hidden.notices == ()
    assert [len(record.withheld) for record in hidden.records] == [1]
    with pytest.raises(HutongError) as refused:
        acknowledged(registry, hidden.hide[0].notice_id)
    assert refused.value.reason is Reason.NOT_FOUND
    assert watched(registry, 0).notices == ()
    revoke(registry, plain, given)
    assert kinds(listed(registry)) == [NoticeKind.WITHDRAWN]
    again = registry.store.read(
        lambda reader: notices.look_again(listener(), 0, reader, registry.publisher.book, registry.now)
    )
    do(registry, again.keep)
    # It comes after everything that the stream has passed already.
    (notice,) = watched(registry, hidden.last).notices
    assert notice.number > hidden.last


def acknowledged(at: Registry, notice_id: bytes, institution: str = "H2") -> Notice:
    answer = at.store.read(
        lambda reader: notices.acknowledge_notice(
            listener(institution, "AcknowledgeNotice"), notice_id, reader, at.publisher.book, at.now
        )
    )
    do(at, answer.keep)
    return answer.notice


def test_a_notice_about_a_sensitive_result_does_not_exist_one_about_an_open_one_does(registry: Registry) -> None:
    mixed = (result(), result(HIV_CODE, "阳性", ordinal=1))
    (first,) = registry.publish(report(version_id=1, results=mixed))
    recognized(registry, first, "H2", ordinal=0)
    recognized(registry, first, "H3", ordinal=1, item="HIV")
    registry.publish(report(version_id=2, results=mixed))
    assert kinds(listed(registry)) == [NoticeKind.CORRECTED]
    assert listed(registry, "H3") == []


def test_a_notice_is_acknowledged_once_and_not_delivered_again(registry: Registry) -> None:
    (first,) = registry.publish(report())
    opened(registry, first)
    registry.publish(withdrawal())
    (notice,) = listed(registry)
    with pytest.raises(HutongError):
        acknowledged(registry, notice.notice_id, "H3")
    assert acknowledged(registry, notice.notice_id).acknowledged_at == NOW
    registry.now += 5
    assert acknowledged(registry, notice.notice_id).acknowledged_at == NOW
    assert listed(registry) == []
    assert watched(registry).notices == ()
    (kept,) = listed(registry, acknowledged=True)
    assert kept.acknowledged_at == NOW


def test_pages_of_a_list_hold_every_notice_once(registry: Registry) -> None:
    for number in range(7):
        (first,) = registry.publish(report(f"R{number}"))
        opened(registry, first)
        registry.publish(withdrawal(f"R{number}"))
    numbers: list[int] = []
    after, more = 0, True
    while more:
        page = registry.store.read(
            lambda reader, after=after: notices.list_notices(
                listener(), after, 3, reader, registry.publisher.book, registry.now, acknowledged=False
            )
        )
        assert len(page.notices) <= 3
        numbers += [each.number for each in page.notices]
        after, more = page.last, page.more
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 7


def test_the_record_of_each_patient_speaks_of_that_patient_alone(registry: Registry) -> None:
    people = [report(f"R{serial}", number=resident_number(serial)) for serial in (1, 2)]
    for each in people:
        (first,) = registry.publish(each)
        opened(registry, first)
        registry.publish(withdrawal(each.identity_value))
    page = watched(registry)
    assert [len(record.patient_keys) for record in page.records] == [1, 1]
    assert [record.reports for record in page.records] == [(each.report_id,) for each in page.notices]
    assert {record.consent_basis for record in page.records} == {"opt_out"}
    assert {record.method for record in page.records} == {"WatchNotices"}
