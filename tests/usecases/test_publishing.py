"""Versions, withdrawals, moves between patients, who may publish: on a real store."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hutong_server.domain.report import Party, Status
from hutong_server.domain.reuse import NotReusable
from hutong_server.usecases.asking import Outcome as Asked
from hutong_server.usecases.publish import Outcome, checked

from tests.building import DAY, NOW, again, report, resident_number, result, withdrawal
from tests.usecases.conftest import Registry


def reusable(registry: Registry, of, institution: str = "H2"):
    """(item, value as stored) of each line of the chart."""
    answer = registry.chart(of, institution)
    return [
        (line.item.code, answer.rows[line.best.report.report_id].details[line.best.result.ordinal].decode())
        for line in answer.prompted.lines
    ]


def refused(registry: Registry, of, institution: str = "H2"):
    """Reasons of each result that may not be reused."""
    return [judged.verdict.reasons for judged in registry.chart(of, institution).prompted.not_reusable]


def test_a_published_result_is_in_the_next_chart(registry: Registry) -> None:
    sent = report()
    (published,) = registry.publish(sent)
    assert (published.outcome, published.version, published.current) == (Outcome.ACCEPTED, 1, True)
    lines = reusable(registry, sent)
    assert [item for item, _ in lines] == ["K"]
    assert "4.10" in lines[0][1], "the written precision stands"


def test_the_same_document_again_is_a_no_op_with_the_same_answer(registry: Registry) -> None:
    first = registry.publish(report())[0]
    second = registry.publish(report())[0]
    assert second.unchanged
    assert not first.unchanged
    assert (second.report_id, second.version, second.outcome) == (first.report_id, first.version, first.outcome)


def test_a_newer_version_wins_and_an_older_one_that_comes_late_does_not(registry: Registry) -> None:
    registry.publish(report(version_id=2, results=(result(value="4.20"),)))
    late = registry.publish(report(version_id=1, results=(result(value="9.99"),)))[0]
    assert (late.current, late.version) == (False, 2)
    ((_, shown),) = reusable(registry, report())
    assert "4.20" in shown


@pytest.mark.parametrize(
    ("first", "second", "winner"),
    [
        (dict(issued=NOW - 2 * DAY), dict(issued=NOW - DAY), "second"),
        (dict(issued=NOW - DAY), dict(issued=NOW - 2 * DAY), "first"),
        (dict(status=Status.FINAL), dict(status=Status.CORRECTED), "second"),
        (dict(status=Status.FINAL), dict(status=Status.PRELIMINARY), "first"),
        (dict(issued=None), dict(issued=None, content="other"), "second"),
        (dict(version_id=10, issued=NOW - 2 * DAY), dict(version_id=9, issued=NOW - DAY), "first"),
    ],
)
def test_what_orders_versions(registry: Registry, first: dict, second: dict, winner: str) -> None:
    registry.publish(report(results=(result(value="1.00"),), **first))
    registry.publish(report(results=(result(value="2.00"),), **second))
    ((_, shown),) = reusable(registry, report())
    assert ("1.00" if winner == "first" else "2.00") in shown


def test_a_withdrawal_hides_the_values_and_says_so(registry: Registry) -> None:
    registry.publish(report())
    assert registry.publish(withdrawal())[0].current
    assert reusable(registry, report()) == []
    assert [reasons[0] for reasons in refused(registry, report())] == [NotReusable.WITHDRAWN]
    answer = registry.chart(report())
    assert all(detail == b"" for row in answer.rows.values() for detail in row.details)


def test_a_withdrawal_counts_when_it_comes_first_and_is_sticky(registry: Registry) -> None:
    registry.publish(withdrawal(issued=NOW - DAY))
    late = registry.publish(report(issued=NOW - DAY))[0]
    assert not late.current
    assert [reasons[0] for reasons in refused(registry, report())] == [NotReusable.WITHDRAWN]
    again_final = registry.publish(report(issued=NOW - DAY, status=Status.AMENDED))[0]
    assert not again_final.current, "rank alone does not re-open"
    assert reusable(registry, report()) == []
    newer = registry.publish(report(issued=NOW - DAY // 2))[0]
    assert newer.current
    assert len(reusable(registry, report())) == 1


def test_a_withdrawal_that_leads_to_nothing_is_told_so(registry: Registry) -> None:
    """It waits for its report; or it names the report otherwise than the report itself does, and will wait for ever."""
    registry.publish(report("R1"))
    for _ in range(2):
        (answer,) = registry.publish(withdrawal("ANOTHER-NUMBER-OF-R1"))
        assert answer.outcome is Outcome.ACCEPTED_WITH_WARNINGS
        assert [(issue.reason, issue.path) for issue in answer.issues] == [
            ("REFERENCE_UNRESOLVED", "DiagnosticReport.identifier")
        ]
    (answer,) = registry.publish(withdrawal("R1"))
    assert (answer.outcome, answer.issues) == (Outcome.ACCEPTED, ())
    (answer,) = registry.publish(withdrawal("R1"))
    assert (answer.outcome, answer.unchanged) == (Outcome.ACCEPTED, True)


def test_a_withdrawal_of_a_report_without_time_or_version_stays(registry: Registry) -> None:
    registry.publish(withdrawal())
    registry.publish(report(issued=None))
    registry.publish(report(issued=None, content="again", status=Status.CORRECTED))
    assert reusable(registry, report()) == []


def test_a_version_that_names_another_patient_moves_the_report(registry: Registry) -> None:
    old = report(number=resident_number(1), issued=NOW - 2 * DAY)
    new = report(number=resident_number(2), name="测试二", issued=NOW - DAY)
    registry.publish(old)
    moved = registry.publish(new)[0]
    assert moved.current
    assert moved.version == 2
    assert registry.chart(old).rows == {}
    assert len(reusable(registry, new)) == 1
    # The same old document again changes nothing, and is not shown under the old patient either.
    assert registry.publish(old)[0].unchanged
    assert registry.chart(old).rows == {}


def test_a_report_moved_back_is_under_one_patient_only(registry: Registry) -> None:
    one, two = resident_number(1), resident_number(2)
    registry.publish(report(number=one, issued=NOW - 3 * DAY))
    registry.publish(report(number=two, name="测试二", issued=NOW - 2 * DAY))
    registry.publish(report(number=one, issued=NOW - DAY))
    assert len(reusable(registry, report(number=one))) == 1
    assert registry.chart(report(number=two, name="测试二")).rows == {}


def test_two_documents_with_one_derived_identity_that_nothing_orders_are_both_disputed(registry: Registry) -> None:
    derived = ("facts", "code", "time", "specimen", "0")
    sent = report("", derived=derived, issued=None)
    registry.publish(sent)
    other = registry.publish(report("", derived=derived, issued=None, results=(result(value="8.00"),)))[0]
    assert other.outcome is Outcome.ACCEPTED_WITH_WARNINGS
    assert [issue.reason for issue in other.issues] == ["IDENTITY_DISPUTED"]
    assert refused(registry, sent) == [(NotReusable.IDENTITY_DISPUTED,)]
    # One that is newer settles it.
    registry.publish(report("", derived=derived, issued=NOW, results=(result(value="4.30"),)))
    registry.publish(report("", derived=derived, issued=NOW + 1, results=(result(value="4.40"),)))
    assert "4.40" in reusable(registry, sent)[0][1]


def test_facts_identities_of_two_patients_are_apart(registry: Registry) -> None:
    derived = ("facts", "code", "time", "specimen", "0")
    one = registry.publish(report("", derived=derived, number=resident_number(1)))[0]
    two = registry.publish(report("", derived=derived, number=resident_number(2)))[0]
    assert one.report_id != two.report_id


def test_facts_identities_of_two_patients_without_identifiers_are_apart(registry: Registry) -> None:
    derived = ("facts", "code", "time", "specimen", "0")
    one = registry.publish(report("", derived=derived, identifiers=(), name="测试一"))[0]
    two = registry.publish(report("", derived=derived, identifiers=(), name="测试二"))[0]
    assert one.report_id != two.report_id
    held = registry.store.read(lambda reader: reader.held(None, 10))
    assert {each.demographics.names for each in held} == {("测试一",), ("测试二",)}


def test_what_is_held_says_why(registry: Registry) -> None:
    registry.publish(report("R1", name="测试一", birth="2026-05-01"))
    registry.publish(report("R2", name="测试二", birth="2026-05-01"))
    for _ in range(2):
        (published,) = registry.publish(report("R3", name="", birth="2026-05-01"))
        assert published.outcome is Outcome.HELD
        assert [(issue.reason, issue.path) for issue in published.issues] == [
            ("PATIENT_IN_DOUBT", "DiagnosticReport.subject")
        ]


def test_the_same_identifier_at_two_institutions_is_two_reports(registry: Registry) -> None:
    one = registry.publish(report(), institution="H1")[0]
    two = registry.publish(report(), institution="H3")[0]
    assert one.report_id != two.report_id


def test_validate_only_keeps_nothing(registry: Registry) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011  the rollback carries the answer
        registry.publish(report(), validate_only=True)
    found = checked(caught.value)
    assert found is not None
    assert [each.outcome for each in found] == [Outcome.ACCEPTED]
    assert found[0].report_id == b""
    assert registry.chart(report()).outcome is Asked.NONE


def test_a_check_tells_nothing_of_whom_the_registry_knows(registry: Registry) -> None:
    registry.publish(report("R1", name="测试一", birth="2026-05-01"))
    registry.publish(report("R2", name="测试二", birth="2026-05-01"))
    # In earnest it agrees with both, and is held: that both are known is for nobody to find out without a trace.
    asked = report("R3", name="", birth="2026-05-01")
    with pytest.raises(Exception) as caught:  # noqa: PT011  the rollback carries the answer
        registry.publish(asked, institution="H3", validate_only=True)
    assert [(each.outcome, each.issues) for each in checked(caught.value) or ()] == [(Outcome.ACCEPTED, ())]
    assert registry.publish(asked, institution="H3")[0].outcome is Outcome.HELD


def test_twenty_concurrent_publishes_of_one_report_make_one(registry: Registry) -> None:
    with ThreadPoolExecutor(20) as pool:
        published = [each[0] for each in pool.map(lambda _: registry.publish(report()), range(20))]
    assert len({each.report_id for each in published}) == 1
    assert [each.unchanged for each in published].count(False) == 1
    assert len(registry.chart(report()).rows) == 1


def test_twenty_concurrent_versions_of_one_new_patient_make_one_person(registry: Registry) -> None:
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda n: registry.publish(report(f"R{n}")), range(20)))
    answer = registry.chart(report())
    assert answer.outcome is Asked.FOUND
    assert len(answer.rows) == 20


def performed_by(name: str):
    """A reading whose performer is named."""
    party = Party(name=name, path="DiagnosticReport.performer[0]")
    plain = report(results=())
    measured = result()
    return again(
        plain, performers=(party,), results=(type(measured)(measured.facts, measured.detail, "", performers=(party,)),)
    )


def test_another_registered_performer_is_refused_without_an_agreement(registry: Registry) -> None:
    (published,) = registry.publish(performed_by("丙医院"), institution="H1")
    assert published.outcome is Outcome.REJECTED
    assert [(issue.reason, issue.path) for issue in published.issues] == [
        ("NOT_THE_ISSUER", "DiagnosticReport.performer[0]")
    ]


def test_an_agreement_lets_the_laboratory_center_s_results_be_sent(registry: Registry) -> None:
    sent = performed_by("检验中心")
    assert registry.publish(sent, institution="H1")[0].outcome is Outcome.ACCEPTED
    assert len(reusable(registry, sent)) == 1


def test_quality_is_the_performer_s_never_the_sender_s(registry: Registry) -> None:
    sent = performed_by("一家不知名的医院")
    assert registry.publish(sent, institution="H1")[0].outcome is Outcome.ACCEPTED
    assert refused(registry, sent) == [(NotReusable.NO_QUALITY_GRANT,)]


def test_own_results_are_not_offered(registry: Registry) -> None:
    registry.publish(report(), institution="H1")
    assert reusable(registry, report(), "H1") == []
    assert refused(registry, report(), "H1") == [(NotReusable.OWN_INSTITUTION,)]


def test_a_newer_result_is_always_named_beside_an_older_reusable_one(registry: Registry) -> None:
    registry.publish(report("OLD", results=(result(time=NOW - 3 * DAY),)))
    registry.publish(report("NEW", results=(result(time=NOW - DAY, status="preliminary"),), status=Status.PRELIMINARY))
    answer = registry.chart(report(), everything=False)
    (line,) = answer.prompted.lines
    assert [newer.verdict.reasons for newer in line.newer] == [(NotReusable.NOT_FINAL,)]
    own = registry.publish(report("OWN", results=(result(time=NOW - DAY // 2),)), institution="H2")[0]
    (line,) = registry.chart(report(), everything=False).prompted.lines
    assert line.newer[0].report.report_id == own.report_id
    assert line.newer[0].verdict.reasons == (NotReusable.OWN_INSTITUTION,)
