"""Whose report is whose: persons, doubt, links and their undoing, on a real store."""

import pytest
from hutong_server.domain.caller import Role
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.report import RawIdentifier
from hutong_server.usecases import patients
from hutong_server.usecases.asking import Outcome as Asked
from hutong_server.usecases.publish import Outcome

from tests.building import NOW, RESIDENT, caller, report, resident_number, withdrawal
from tests.usecases.conftest import Registry

NUMBER = resident_number(1)


def step(reason: str = "asked at the ward") -> patients.Step:
    return patients.Step(caller("registry", Role.ADMIN), reason, NOW)


def do(registry: Registry, job):
    return registry.store.submit(job).result(30)


def held(registry: Registry):
    return registry.store.read(lambda reader: patients.list_held(None, 10, reader, registry.publisher.book))[0]


def mrn(value: str, assigner: str = "H1") -> RawIdentifier:
    return RawIdentifier("urn:h1:mrn", value, assigner, "p")


def both(number: str, record: str) -> tuple[RawIdentifier, ...]:
    return (RawIdentifier(RESIDENT, number, path="p"), mrn(record))


@pytest.mark.parametrize(
    "seen",
    [dict(name=""), dict(birth=""), dict(sex=""), dict(name="", birth=""), dict(name="测试 一")],
    ids=["no name", "no birth date", "no sex", "sex only", "spaced name"],
)
def test_a_missing_field_is_no_contradiction(registry: Registry, seen: dict) -> None:
    registry.publish(report("A"))
    assert registry.publish(report("B", **seen))[0].outcome is Outcome.ACCEPTED
    assert len(registry.chart(report()).rows) == 2


@pytest.mark.parametrize("other", [dict(name="别人"), dict(birth="2020-01-01"), dict(sex="female")])
def test_a_contradiction_opens_a_second_person_and_hides_neither(registry: Registry, other: dict) -> None:
    registry.publish(report("A"))
    assert registry.publish(report("B", **other))[0].outcome is Outcome.ACCEPTED
    first, second = registry.chart(report()), registry.chart(report(**other))
    assert (len(first.rows), len(second.rows)) == (1, 1)
    assert set(first.rows).isdisjoint(second.rows)


def test_a_newborn_under_the_mother_s_number_is_apart(registry: Registry) -> None:
    registry.publish(report("mother", name="王芳", birth="1990-02-03", sex="female"))
    registry.publish(report("child", name="王芳之女", birth="2026-05-20", sex="female"))
    assert len(registry.chart(report(name="王芳", birth="1990-02-03", sex="female")).rows) == 1


def test_a_chart_that_agrees_with_nobody_is_in_doubt_and_shows_nothing(registry: Registry) -> None:
    registry.publish(report())
    answer = registry.chart(report(name="别人"))
    assert answer.outcome is Asked.IN_DOUBT
    assert answer.rows == {}


def test_a_chart_that_agrees_with_two_is_in_doubt(registry: Registry) -> None:
    registry.publish(report("A", name="甲"))
    registry.publish(report("B", name="乙"))
    answer = registry.chart(report(name=""))
    assert answer.outcome is Asked.IN_DOUBT
    assert answer.prompted.lines == ()


def test_an_unknown_patient_is_answered_and_recorded_as_one_with_nothing(registry: Registry) -> None:
    answer = registry.chart(report(number=resident_number(77)))
    assert answer.outcome is Asked.NONE
    assert answer.record.outcome == "none"


def test_identifiers_link(registry: Registry) -> None:
    registry.publish(report("A", identifiers=(RawIdentifier(RESIDENT, NUMBER, path="p"),)))
    registry.publish(report("B", identifiers=(mrn("0042"),)))
    assert len(registry.chart(report()).rows) == 1
    registry.publish(report("C", identifiers=both(NUMBER, "0042")))
    assert len(registry.chart(report()).rows) == 3


def test_identifiers_do_not_link_what_is_not_surely_the_same(registry: Registry) -> None:
    registry.publish(report("A", identifiers=(RawIdentifier(RESIDENT, NUMBER, path="p"),), birth=""))
    registry.publish(report("B", identifiers=(mrn("0042"),), name=""))
    published = registry.publish(report("C", identifiers=both(NUMBER, "0042"), birth=""))[0]
    assert published.outcome is Outcome.HELD
    assert len(registry.chart(report(birth="")).rows) == 1


def test_a_record_number_counts_within_its_hospital(registry: Registry) -> None:
    registry.publish(report("A", identifiers=(mrn("0042", "H1"),)))
    elsewhere = report("B", identifiers=(mrn("0042", "H3"),))
    registry.publish(elsewhere, institution="H3")
    assert len(registry.chart(elsewhere).rows) == 1


def test_a_wrong_check_digit_alone_is_refused_and_beside_a_good_one_a_warning(registry: Registry) -> None:
    wrong = NUMBER[:-1] + ("0" if NUMBER[-1] != "0" else "1")
    alone = registry.publish(report("A", number=wrong))[0]
    assert (alone.outcome, alone.issues[0].reason) == (Outcome.REJECTED, "PATIENT_IDENTIFIER_INVALID")
    assert wrong not in repr(alone)
    beside = registry.publish(report("B", identifiers=both(wrong, "0042")))[0]
    assert (beside.outcome, beside.issues[0].reason) == (Outcome.ACCEPTED_WITH_WARNINGS, "PATIENT_IDENTIFIER_INVALID")
    with pytest.raises(HutongError) as caught:
        registry.chart(report(number=wrong))
    assert caught.value.reason is Reason.PATIENT_IDENTIFIER_INVALID


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (dict(name="", birth="", sex=""), "no_demographics"),
        (dict(identifiers=()), "no_identifier"),
    ],
)
def test_what_is_not_certain_is_held_placed_and_undone(registry: Registry, said: dict, why: str) -> None:
    registry.publish(report("A"))
    published = registry.publish(report("B", **said))[0]
    assert published.outcome is Outcome.HELD
    (waiting,) = held(registry)
    assert waiting.held.reason == why
    assert len(registry.chart(report()).rows) == 1
    person = registry.store.read(lambda reader: reader.reports(list(registry.chart(report()).record.patient_keys)))
    placed = do(registry, patients.place_held(waiting.held.held_id, person[0].patient_key, step()))
    assert held(registry) == []
    assert len(registry.chart(report()).rows) == 2
    with pytest.raises(HutongError) as caught:
        do(registry, patients.place_held(waiting.held.held_id, None, step()))
    assert caught.value.reason is Reason.STATE_CONFLICT
    do(registry, patients.undo(placed.step_id, step()))
    assert len(registry.chart(report()).rows) == 1
    assert len(held(registry)) == 1
    with pytest.raises(HutongError) as caught:
        do(registry, patients.undo(placed.step_id, step()))
    assert caught.value.reason is Reason.STATE_CONFLICT


def test_a_placed_report_stays_placed_with_its_next_version(registry: Registry) -> None:
    registry.publish(report("A"))
    registry.publish(report("B", name="", birth="", sex="", version_id=1))
    (waiting,) = held(registry)
    key = registry.chart(report()).record.patient_keys[0]
    do(registry, patients.place_held(waiting.held.held_id, key, step()))
    assert (
        registry.publish(report("B", name="", birth="", sex="", version_id=2))[0].outcome
        is Outcome.ACCEPTED_WITH_WARNINGS
    )
    assert len(registry.chart(report()).rows) == 2


def test_a_placed_report_that_moved_on_is_not_held_again(registry: Registry) -> None:
    registry.publish(report("A"))
    registry.publish(report("B", name="", birth="", sex="", version_id=1))
    (waiting,) = held(registry)
    key = registry.chart(report()).record.patient_keys[0]
    placed = do(registry, patients.place_held(waiting.held.held_id, key, step()))
    moved = report("B", name="测试二", number=resident_number(2), version_id=2)
    assert registry.publish(moved)[0].outcome is Outcome.ACCEPTED
    do(registry, patients.undo(placed.step_id, step()))
    assert held(registry) == [], "it is another patient's, and certain"
    assert len(registry.chart(moved).rows) == 1


def test_a_held_report_that_becomes_certain_leaves_the_queue(registry: Registry) -> None:
    registry.publish(report("B", name="", birth="", sex="", version_id=1))
    assert registry.publish(report("B", version_id=2))[0].outcome is Outcome.ACCEPTED
    assert held(registry) == []
    assert len(registry.chart(report()).rows) == 1


def test_a_held_report_that_is_withdrawn_leaves_the_queue(registry: Registry) -> None:
    registry.publish(report("R1", name="", birth="", sex=""))
    registry.publish(withdrawal("R1"))
    assert held(registry) == []
    late = registry.publish(report("R1", name="", birth="", sex="", content="late"))[0]
    assert not late.current
    assert held(registry) == [], "nothing is left to place"
    assert registry.chart(report()).outcome is Asked.NONE


def test_link_and_unlink_can_be_undone(registry: Registry) -> None:
    one, two = report("A"), report("B", number=resident_number(2))
    registry.publish(one)
    registry.publish(two)
    keys = [registry.chart(each).record.patient_keys[0] for each in (one, two)]
    linked = do(registry, patients.link(keys[0], keys[1], step()))
    assert do(registry, patients.link(keys[0], keys[1], step())).step_id == linked.step_id
    assert len(registry.chart(one).rows) == len(registry.chart(two).rows) == 2
    parted = do(registry, patients.unlink(keys[0], step()))
    assert len(registry.chart(one).rows) == 1
    do(registry, patients.undo(parted.step_id, step()))
    assert len(registry.chart(one).rows) == 2
    do(registry, patients.undo(linked.step_id, step()))
    assert len(registry.chart(one).rows) == 1
    with pytest.raises(HutongError):
        do(registry, patients.unlink(keys[0], step()))


def test_a_link_of_two_that_contradict_answers_both_charts_together(registry: Registry) -> None:
    one, two = report("A", name="张三"), report("B", name="张山")
    registry.publish(one)
    registry.publish(two)
    keys = [registry.chart(each).record.patient_keys[0] for each in (one, two)]
    linked = do(registry, patients.link(keys[0], keys[1], step()))
    assert len(registry.chart(one).rows) == len(registry.chart(two).rows) == 2
    for stranger in (report(name="张五"), report(name="张三", birth="1981-05-12")):
        assert registry.chart(stranger).outcome is Asked.IN_DOUBT
    # A report that comes meanwhile stays with its record when the link turns out to be wrong.
    registry.publish(report("C", name="张三"))
    do(registry, patients.undo(linked.step_id, step()))
    assert [len(registry.chart(each).rows) for each in (one, two)] == [2, 1]


def test_who_says_nothing_of_himself_agrees_with_nobody(registry: Registry) -> None:
    registry.publish(report("A", name="", birth="", sex=""))
    (waiting,) = held(registry)
    do(registry, patients.place_held(waiting.held.held_id, None, step()))
    assert registry.chart(report(name="不相干")).outcome is Asked.IN_DOUBT
    registry.publish(report("B"))
    assert len(registry.chart(report()).rows) == 1, "the other person under the number is not in doubt for it"
