"""Decisions on a real store: what stands does not depend on how often, in which order, or how late they come."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hutong_server.domain.caller import Role
from hutong_server.domain.consent import Directive, Effect, Scope
from hutong_server.domain.decision import Decision, DecisionKind, PromptEventKind
from hutong_server.domain.notice import How, NoticeKind
from hutong_server.domain.prices import Price
from hutong_server.domain.recognition import ConsentBasis, ConsentRule, Dates, Policy, RepeatGround
from hutong_server.domain.report import Issue, Report, Severity
from hutong_server.domain.restored import Unresumed
from hutong_server.domain.reuse import NotReusable
from hutong_server.store.base import AccessRecord
from hutong_server.store.base_notices import NoticeFilter
from hutong_server.store.prompts import access_records
from hutong_server.usecases.asking import Context, encounter_of
from hutong_server.usecases.open_chart import ChartAnswer
from hutong_server.usecases.prompt_events import GivenEvent, Reported, ReportPromptEvents, report_prompt_events
from hutong_server.usecases.record_decisions import (
    Answered,
    DecisionOutcome,
    Given,
    RecordDecisions,
    record_decisions,
)

from tests.building import DAY, NOW, again, caller, report, resident_number, result, withdrawal
from tests.usecases.conftest import Registry, rule_book

RECORDED, ALREADY = DecisionOutcome.RECORDED, DecisionOutcome.ALREADY_RECORDED
CONFLICT, REFUSED = DecisionOutcome.CONFLICT, DecisionOutcome.REFUSED
MINUTE = 60_000


@pytest.fixture
def ward(registry: Registry) -> Registry:
    """The registry, in a region with grounds and prices."""
    book = rule_book(
        grounds=[RepeatGround("4", "急诊", "emergency"), RepeatGround("6", "其他", "other", needs_text=True)],
        prices=[Price("*", "K", 500), Price("H2", "K", 1250)],
    )
    registry.publisher = replace(registry.publisher, book=book)
    return registry


def offered(ward: Registry, number: int = 1, **more: Any) -> tuple[Report, ChartAnswer]:
    """A patient with a potassium of H1, whose chart H2 opened."""
    reading = report(f"R{number}", number=resident_number(number), **more)
    ward.publish(reading)
    return reading, ward.chart(reading)


def given(chart: ChartAnswer, kind: str = "recognized", **more: Any) -> Given:
    ground = "4" if kind == "repeated" else ""
    made = Given("decisions[0]", chart.kept.prompt_id, "K", DecisionKind(kind), ground, "", chart.kept.at + 1000)
    return replace(made, **more)


def command(
    ward: Registry, *sent: Given | Issue, institution: str = "H2", context: Context | None = None
) -> RecordDecisions:
    asked_by = context or Context("dr", "visit", "treatment", department="内科")
    return RecordDecisions(asked_by, caller(institution, Role.EMR), sent, "r", ward.now + MINUTE, 5 * MINUTE)


def record(ward: Registry, *sent: Given | Issue, **more: Any) -> Sequence[Answered]:
    job = record_decisions(command(ward, *sent, **more), ward.publisher.book, ward.publisher.tokens)
    return ward.store.submit(job).result(30).answers


def kept(ward: Registry, chart: ChartAnswer) -> list[Decision]:
    return ward.store.read(lambda reader: reader.decisions_on(chart.kept.prompt_id))


def leaves(ward: Registry) -> list[AccessRecord]:
    found = ward.store.read(lambda reader: access_records(reader, limit=10_000))  # type: ignore[arg-type]
    return [each for _, each in found if each.method == "RecordDecisions"]


def relied(ward: Registry, chart: ChartAnswer) -> list[How]:
    line = chart.prompted.lines[0]
    keys = ward.store.read(lambda reader: reader.identity_of(line.best.report.report_id))
    assert keys is not None
    return [each.how for each in ward.store.read(lambda reader: reader.reliances([keys.patient_key]))]


def test_a_recognised_result_is_recorded_priced_relied_on_and_cited(ward: Registry) -> None:
    _, chart = offered(ward)
    [answer] = record(ward, given(chart))
    assert answer.outcome is RECORDED
    [decision] = kept(ward, chart)
    line = chart.prompted.lines[0]
    assert (decision.institution, decision.source, decision.item) == ("H2", "H1", "K")
    assert (decision.report_id, decision.ordinal, decision.version) == (line.best.report.report_id, 0, 1)
    assert (decision.practitioner, decision.encounter_id, decision.department) == ("dr", "visit", "内科")
    assert decision.price_fen == 1250
    assert answer.cited is not None
    assert (answer.cited.row.report_id, answer.cited.corrected) == (line.best.report.report_id, False)
    assert answer.cited.judged.verdict.mark == "99HR"
    assert relied(ward, chart) == [How.RECOGNIZED]


def test_every_decision_that_was_sent_is_a_leaf(ward: Registry) -> None:
    _, chart = offered(ward)
    sent = given(chart)
    unknown = given(chart, item="NA")
    broken = Issue(Severity.ERROR, "REQUEST_INVALID", "decisions[2].kind", "is required")
    record(ward, sent, replace(sent, kind=DecisionKind.REPEATED, ground="4"), unknown, broken)
    first, second, third, fourth = leaves(ward)
    report_id = chart.prompted.lines[0].best.report.report_id
    assert (first.outcome, first.reports, first.consent_basis) == ("recorded", (report_id,), "opt_out")
    assert first.contents[0].verdicts == ("REUSABLE",)
    assert first.detail == ("K", "recognized", "", report_id.hex(), "1")
    assert first.patient_keys == chart.record.patient_keys
    assert (second.outcome, second.detail[1], second.reports) == ("conflict", "repeated", ())
    assert (third.outcome, third.reason, third.patient_keys) == ("refused", "NOT_FOUND", ())
    assert (fourth.outcome, fourth.reason) == ("refused", "REQUEST_INVALID")


def test_the_same_again_is_answered_the_same_and_another_is_a_conflict_with_both(ward: Registry) -> None:
    _, chart = offered(ward)
    sent = given(chart)
    [first] = record(ward, sent)
    [again_] = record(ward, sent)
    assert (again_.outcome, again_.stands, again_.cited) == (ALREADY, first.stands, first.cited)
    for other in (given(chart, "repeated"), replace(sent, decided_at=sent.decided_at + 1), replace(sent, text="x")):
        [answer] = record(ward, other)
        assert (answer.outcome, answer.stands, answer.given, answer.cited) == (CONFLICT, first.stands, other, None)
    assert kept(ward, chart) == [first.stands]
    # Within one batch as well.
    _, other_chart = offered(ward, 2)
    batch = record(ward, given(other_chart), given(other_chart), given(other_chart, "repeated"))
    assert [each.outcome for each in batch] == [RECORDED, ALREADY, CONFLICT]


@pytest.mark.parametrize("order", list(itertools.permutations(["recognized", "revoked", "recognized"])))
def test_a_decision_and_its_revocation_come_out_the_same_in_any_order(ward: Registry, order: tuple[str, ...]) -> None:
    _, chart = offered(ward)
    for kind in order:
        # A moment apart: a revocation has a time of its own.
        record(ward, given(chart, kind, decided_at=chart.kept.at + (2000 if kind == "revoked" else 1000)))
    assert sorted((each.kind.value, each.decided_at - chart.kept.at, each.price_fen) for each in kept(ward, chart)) == [
        ("recognized", 1000, 1250),
        ("revoked", 2000, None),
    ]
    assert relied(ward, chart) == []
    # What was taken back is not cited, and may be asked again.
    [answer] = record(ward, given(chart))
    assert (answer.outcome, answer.revoked, answer.cited) == (ALREADY, True, None)
    assert [line.item.code for line in ward.chart(report("R1", number=resident_number(1)), request="q2").prompted.lines]


def test_what_was_decided_in_the_visit_is_not_asked_again_and_elsewhere_it_is(ward: Registry) -> None:
    reading, chart = offered(ward)
    record(ward, given(chart, "repeated"))
    repeat = ward.chart(reading, request="q2")
    assert not repeat.prompted.lines
    assert [each.verdict.reasons for each in repeat.prompted.not_reusable] == [(NotReusable.ALREADY_DECIDED,)]
    assert not ward.chart(reading, everything=False, request="q3").prompted.lines
    # Another institution's visit of the same number is another visit.
    assert ward.chart(reading, institution="H3", request="q2").prompted.lines
    digest = encounter_of("H2", "visit", ward.publisher.tokens)
    assert [each.encounter for each in kept(ward, chart)] == [digest]


def test_a_prompt_of_another_institution_is_as_unknown_as_one_of_nobody(ward: Registry) -> None:
    _, chart = offered(ward)
    [foreign] = record(ward, given(chart), institution="H3")
    [unknown] = record(ward, given(chart, prompt_id=b"x" * 16))
    assert foreign.outcome is REFUSED
    assert foreign.issue == unknown.issue
    assert foreign.issue is not None
    assert foreign.issue.reason == "NOT_FOUND"
    assert not kept(ward, chart)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"item": "NA"}, "item"),
        ({"kind": "repeated", "ground": "99"}, "ground"),
        ({"kind": "repeated", "ground": "6"}, "text"),
        ({"kind": "repeated", "ground": "6", "text": " \n"}, "text"),
        ({"decided_at": NOW - 6 * MINUTE}, "decided_at"),
        ({"decided_at": NOW + 7 * MINUTE}, "decided_at"),
    ],
)
def test_what_cannot_be_is_refused_for_itself(ward: Registry, changes: dict[str, Any], path: str) -> None:
    _, chart = offered(ward)
    _, other = offered(ward, 2)
    sent = given(chart, **changes) if "kind" in changes else given(chart, "recognized", **changes)
    bad, good = record(ward, sent, given(other))
    assert (bad.outcome, bad.issue.path if bad.issue else "") == (REFUSED, f"decisions[0].{path}")
    assert good.outcome is RECORDED
    assert not kept(ward, chart)


@pytest.mark.parametrize("decided_at", [NOW - 4 * MINUTE, NOW + 5 * MINUTE])
def test_a_clock_may_be_off_a_little(ward: Registry, decided_at: int) -> None:
    _, chart = offered(ward)
    [answer] = record(ward, given(chart, decided_at=decided_at))
    assert answer.outcome is RECORDED


def test_a_late_decision_counts_for_the_day_on_which_it_was_made(ward: Registry) -> None:
    _, chart = offered(ward)
    # The price changes at midnight in China, a few hours after the decision; the decision comes thirty days late.
    midnight = NOW - NOW % DAY + DAY + 16 * 3_600_000
    day = ward.publisher.book.day_of(midnight - 1)
    next_day = ward.publisher.book.day_of(midnight)
    dated = [Price("H2", "K", 700, Dates("", day)), Price("H2", "K", 900, Dates(next_day, ""))]
    ward.publisher = replace(ward.publisher, book=rule_book(prices=dated))
    _, second = offered(ward, 2)
    ward.now += 30 * DAY
    early, late = record(ward, given(chart, decided_at=midnight - 1), given(second, decided_at=midnight))
    assert early.stands is not None
    assert late.stands is not None
    assert (early.stands.price_fen, late.stands.price_fen) == (700, 900)
    assert early.stands.recorded - early.stands.decided_at > 29 * DAY
    # Outside the window by now, and cited with the mark that it had.
    assert early.cited is not None
    assert early.cited.judged.verdict.mark == "99HR"


def test_the_price_is_frozen_and_an_unpriced_item_has_none(ward: Registry) -> None:
    _, chart = offered(ward)
    record(ward, given(chart))
    ward.publisher = replace(ward.publisher, book=rule_book())
    [answer] = record(ward, given(chart))
    assert answer.stands is not None
    assert answer.stands.price_fen == 1250
    _, other = offered(ward, 2)
    [unpriced] = record(ward, given(other))
    assert unpriced.stands is not None
    assert unpriced.stands.price_fen is None


def test_a_ground_that_was_dropped_since_does_not_undo_what_was_recorded(ward: Registry) -> None:
    _, chart = offered(ward)
    record(ward, given(chart, "repeated"))
    ward.publisher = replace(ward.publisher, book=rule_book())
    [answer] = record(ward, given(chart, "repeated"))
    assert answer.outcome is ALREADY


def test_a_line_of_an_earlier_answer_can_be_decided_after_the_request_was_repeated(ward: Registry) -> None:
    reading, chart = offered(ward)
    newer = again(
        report("N1", number=resident_number(1), results=(result(value="5.20", time=NOW + 1000),), issued=NOW + 1000)
    )
    ward.publish(newer)
    ward.now += 10 * MINUTE
    repeat = ward.chart(reading)
    assert repeat.kept.prompt_id == chart.kept.prompt_id
    first, second = (each.prompted.lines[0].best.report.report_id for each in (chart, repeat))
    assert first != second
    # Decided between the two answers, on what the first had offered.
    [answer] = record(ward, given(chart, decided_at=NOW + MINUTE))
    assert answer.stands is not None
    assert answer.stands.report_id == first
    # And after the line had gone altogether.
    other, before = offered(ward, 2)
    ward.publish(withdrawal("R2"))
    ward.now += MINUTE
    assert not ward.chart(other).prompted.lines
    [late] = record(ward, given(before))
    assert (late.outcome, late.cited) == (RECORDED, None)


def test_what_was_decided_after_a_repeat_is_about_what_that_offered(ward: Registry) -> None:
    reading, _ = offered(ward)
    ward.publish(
        report("N1", number=resident_number(1), results=(result(value="5.20", time=NOW + 1000),), issued=NOW + 1000)
    )
    ward.now += 10 * MINUTE
    repeat = ward.chart(reading)
    [answer] = record(ward, given(repeat))
    assert answer.stands is not None
    assert answer.stands.report_id == repeat.prompted.lines[0].best.report.report_id


def test_nothing_withheld_is_cited_and_the_decision_stands(ward: Registry) -> None:
    _, chart = offered(ward)
    key = chart.kept.patient_key
    assert key is not None
    withhold = Directive(b"d" * 16, key, Effect.WITHHOLD, Scope.INSTITUTION, "H1", 0, None, "H2", NOW)
    ward.store.submit(lambda writer: writer.put_directive(withhold)).result(30)
    [answer] = record(ward, given(chart))
    assert (answer.outcome, answer.cited) == (RECORDED, None)
    [leaf] = leaves(ward)
    assert leaf.reports == ()
    assert leaf.withheld == ((chart.prompted.lines[0].best.report.report_id, -1, "CONSENT_WITHHELD"),)
    # Once it is open again, the same decision is answered with the citation.
    ward.store.submit(lambda writer: writer.put_directive(replace(withhold, revoked_at=NOW))).result(30)
    assert record(ward, given(chart))[0].cited is not None


def test_a_visit_without_authorisation_decides_and_is_shown_nothing(ward: Registry) -> None:
    _, chart = offered(ward)
    policy = Policy(consent=ConsentRule(ConsentBasis.VISIT_AUTHORIZATION))
    ward.publisher = replace(ward.publisher, book=rule_book(policy=policy))
    [answer] = record(ward, given(chart))
    assert (answer.outcome, answer.cited) == (RECORDED, None)
    assert leaves(ward)[-1].reason == "AUTHORIZATION_MISSING"
    card = Context("dr", "visit", "treatment", authorization="card_read")
    assert record(ward, given(chart), context=card)[0].cited is not None
    assert leaves(ward)[-1].consent_basis == "visit_authorization:card_read"


def test_nothing_is_cited_that_may_have_changed_unheard_since_a_restore(ward: Registry) -> None:
    _, chart = offered(ward)
    book = ward.publisher.book
    for lost in (Unresumed(everything=True), Unresumed(institutions=frozenset({"H1"}))):
        ward.publisher = replace(ward.publisher, book=book.after_restore(lost))
        [answer] = record(ward, given(chart))
        assert (answer.outcome in (RECORDED, ALREADY), answer.cited) == (True, None)
    # Its feed has gone on.
    ward.publisher = replace(ward.publisher, book=book.after_restore(Unresumed(institutions=frozenset({"H3"}))))
    assert record(ward, given(chart))[0].cited is not None


def test_in_an_emergency_what_is_withheld_is_cited_and_reviewed(ward: Registry) -> None:
    _, chart = offered(ward)
    key = chart.kept.patient_key or b""
    withhold = Directive(b"d" * 16, key, Effect.WITHHOLD, Scope.EVERYTHING, "", 0, None, "H2", NOW)
    ward.store.submit(lambda writer: writer.put_directive(withhold)).result(30)
    context = Context("dr", "visit", "emergency", break_glass_reason="unconscious")
    ask = command(ward, given(chart), given(chart), context=context)
    declared = []
    for _ in range(2):
        job = record_decisions(ask, ward.publisher.book, ward.publisher.tokens)
        recorded = ward.store.submit(job).result(30)
        assert all(each.cited for each in recorded.answers)
        declared.append(recorded.declared)
    assert declared == [1, 0]
    [opening] = ward.store.read(lambda reader: reader.openings(None, 10))
    assert (opening.reason, opening.answers) == ("unconscious", 2)
    assert {each.consent_basis for each in leaves(ward)} == {"break_glass"}


def test_a_report_that_is_another_patients_by_now_is_not_cited(ward: Registry) -> None:
    reading, chart = offered(ward)
    moved = again(reading, identifiers=report("X", number=resident_number(9)).identifiers)
    ward.publish(replace(moved, version=replace(moved.version, issued=NOW)))
    [answer] = record(ward, given(chart))
    assert (answer.outcome, answer.cited) == (RECORDED, None)
    assert answer.stands is not None
    assert answer.stands.report_key == chart.kept.patient_key


def test_a_corrected_result_is_cited_as_it_is_now_and_said_to_be(ward: Registry) -> None:
    reading, chart = offered(ward)
    corrected = again(reading, results=(result(value="5.20"),), version=replace(reading.version, issued=NOW))
    ward.publish(corrected)
    [answer] = record(ward, given(chart))
    assert answer.cited is not None
    assert (answer.cited.corrected, answer.cited.row.version) == (True, 2)
    assert answer.stands is not None
    assert answer.stands.version == 1


def test_of_many_results_of_the_item_the_one_that_was_decided_on_is_cited(ward: Registry) -> None:
    """Of a person with two records, and four reports of two potassiums each."""
    for number in range(4):
        both = (result(time=NOW - 2 * DAY), result(value="4.20", time=NOW - DAY - number, ordinal=1))
        sex = "male" if number else ""
        ward.publish(report(f"R{number}", number=resident_number(1), sex=sex, results=both, issued=NOW - DAY))
    chart = ward.chart(report("R", number=resident_number(1)))
    best = chart.prompted.lines[0].best
    assert best.result.ordinal == 1
    [answer] = record(ward, given(chart))
    assert answer.cited is not None
    assert (answer.cited.row.report_id, answer.cited.judged.result.ordinal) == (best.report.report_id, 1)
    [leaf] = leaves(ward)
    assert set(leaf.patient_keys) == set(chart.record.patient_keys)
    assert len(leaf.patient_keys) == 2


def told(ward: Registry) -> list[NoticeKind]:
    found = ward.store.read(lambda reader: reader.notices("H2", NoticeFilter(), 10))
    return [each.kind for each in found]


@pytest.mark.parametrize("change", ["corrected", "withdrawn", "moved", "nothing"])
@pytest.mark.parametrize("late", ["recognized", "cited", "taken back"])
def test_who_tells_late_what_it_relied_on_is_told_what_changed_meanwhile(
    ward: Registry, change: str, late: str
) -> None:
    reading, chart = offered(ward)
    version = replace(reading.version, issued=NOW)
    if change == "corrected":
        ward.publish(again(reading, results=(result(value="5.20"),), version=version))
    elif change == "withdrawn":
        ward.publish(withdrawal("R1"))
    elif change == "moved":
        ward.publish(again(reading, identifiers=report("X", number=resident_number(9)).identifiers, version=version))
    assert told(ward) == []
    if late == "cited":
        for _ in range(2):
            events(ward, event(chart, "cited"))
    else:
        if late == "taken back":
            record(ward, given(chart, "revoked"))
        for _ in range(2):
            record(ward, given(chart))
    expected = {
        "corrected": [NoticeKind.CORRECTED],
        "withdrawn": [NoticeKind.WITHDRAWN],
        "moved": [NoticeKind.PATIENT_CHANGED],
        "nothing": [],
    }
    assert told(ward) == ([] if late == "taken back" else expected[change])


def test_who_was_told_of_a_change_already_is_not_told_twice(ward: Registry) -> None:
    reading, chart = offered(ward)
    events(ward, event(chart, "cited"))
    ward.publish(again(reading, results=(result(value="5.20"),), version=replace(reading.version, issued=NOW)))
    assert told(ward) == [NoticeKind.CORRECTED]
    record(ward, given(chart))
    assert told(ward) == [NoticeKind.CORRECTED]


def test_one_line_is_decided_once_whichever_person_the_repeats_were_answered_from(ward: Registry) -> None:
    _, chart = offered(ward)
    other = replace(chart.kept, patient_key=b"k" * 16, at=chart.kept.at + 5000)
    ward.store.submit(lambda writer: writer.put_prompt(other)).result(30)
    outcomes = [record(ward, given(chart, decided_at=chart.kept.at + at))[0].outcome for at in (1000, 1000, 9000)]
    assert outcomes == [RECORDED, ALREADY, CONFLICT]
    assert [each.patient_key for each in kept(ward, chart)] == [chart.kept.patient_key]


def test_batches_of_many_patients_are_answered_in_order(ward: Registry) -> None:
    charts = [offered(ward, number)[1] for number in range(1, 6)]
    answers = record(ward, *(given(chart) for chart in charts))
    assert [each.outcome for each in answers] == [RECORDED] * 5
    shown = [each.cited.row.report_id for each in answers if each.cited]
    assert shown == [chart.prompted.lines[0].best.report.report_id for chart in charts]


def events(ward: Registry, *sent: GivenEvent | Issue, institution: str = "H2") -> Reported:
    command = ReportPromptEvents(caller(institution, Role.EMR), sent, ward.now + MINUTE, 5 * MINUTE)
    return ward.store.submit(report_prompt_events(command)).result(30)


def event(chart: ChartAnswer, kind: str, item: str = "K", at: int = 0) -> GivenEvent:
    return GivenEvent("events[0]", chart.kept.prompt_id, item, PromptEventKind(kind), at or chart.kept.at + 1000)


def test_events_are_kept_once_with_whom_they_are_about(ward: Registry) -> None:
    _, chart = offered(ward)
    sent = [
        event(chart, "shown", ""),
        event(chart, "shown"),
        event(chart, "opened"),
        event(chart, "dismissed", ""),
        event(chart, "reordered"),
        event(chart, "shown", "", chart.kept.at + 2000),
    ]
    assert events(ward, *sent, sent[0]) == Reported(6, 1, ())
    assert events(ward, *sent) == Reported(0, 6, ())
    found = ward.store.read(lambda reader: reader.events_on(chart.kept.prompt_id))
    assert {(each.kind.value, each.item, each.source) for each in found} == {
        ("shown", "", ""),
        ("shown", "K", "H1"),
        ("opened", "K", "H1"),
        ("dismissed", "", ""),
        ("reordered", "K", "H1"),
    }
    assert {(each.institution, each.patient_key) for each in found} == {("H2", chart.kept.patient_key)}
    assert relied(ward, chart) == []


def test_what_was_put_into_a_chart_is_relied_on(ward: Registry) -> None:
    _, chart = offered(ward)
    record(ward, given(chart))
    assert events(ward, event(chart, "cited")).recorded == 1
    assert sorted(relied(ward, chart)) == [How.CITED, How.RECOGNIZED]
    line = chart.prompted.lines[0]
    found = ward.store.read(
        lambda reader: reader.reliances([chart.kept.patient_key or b""], line.best.report.report_id)
    )
    assert {(each.encounter, each.practitioner, each.version) for each in found} == {("visit", "dr", 1)}


def test_events_that_cannot_be_are_told_by_their_place_and_the_others_are_kept(ward: Registry) -> None:
    _, chart = offered(ward)
    broken = Issue(Severity.ERROR, "REQUEST_INVALID", "events[0].kind", "is required")
    sent = [
        broken,
        event(chart, "opened", ""),
        event(chart, "shown", "NA"),
        event(chart, "shown"),
        event(chart, "shown", at=NOW - 6 * MINUTE),
        event(chart, "shown", at=NOW + 7 * MINUTE),
        replace(event(chart, "shown"), prompt_id=b"x" * 16),
    ]
    reported = events(ward, *sent)
    assert reported.recorded == 1
    assert [(index, issue.reason) for index, issue in reported.faults] == [
        (0, "REQUEST_INVALID"),
        (1, "REQUEST_INVALID"),
        (2, "NOT_FOUND"),
        (4, "REQUEST_INVALID"),
        (5, "TIME_IN_FUTURE"),
        (6, "NOT_FOUND"),
    ]
    foreign = events(ward, event(chart, "shown", at=NOW + 2000), institution="H3")
    assert foreign.faults[0][1].message == reported.faults[-1][1].message
