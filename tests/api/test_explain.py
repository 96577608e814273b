"""How a verdict was reached, over real mTLS, on both databases."""

from collections.abc import Iterator
from typing import Any

from hutong.v1 import report_pb2, reuse_service_pb2
from hutong_server.store.base import AccessRecord
from hutong_server.store.prompts import access_records

from tests.api.documents import chart, context, lab_report, person, publish, question
from tests.api.site import Site, refused


def ask(site: Site, patient: dict[str, Any], item: str, institution: str = "H2") -> Any:
    request = reuse_service_pb2.ExplainItemRequest(patient=question(patient), context=context(), item=item)
    return site.asking(institution).ExplainItem(request, timeout=10)


def records(site: Site) -> list[AccessRecord]:
    assert site.registry is not None
    return [record for _, record in site.registry.store.read(lambda reader: access_records(reader, limit=10_000))]  # type: ignore[arg-type]


async def test_each_result_of_the_item_is_explained_newest_first(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    for number, (days, status, code) in enumerate(
        [(20, "final", "2823-3"), (2, "final", "2823-3"), (1, "preliminary", "2823-3"), (1, "final", "2951-2")]
    ):
        document = lab_report(
            f"explained-{patient['identifier'][0]['value']}-{number}", patient, days_ago=days, status=status, code=code
        )
        await site.publishing("H1").PublishReport(publish(document), timeout=10)
    answer = await ask(site, patient, "LAB-K")
    assert (answer.outcome, answer.item.code) == (reuse_service_pb2.OUTCOME_FOUND, "LAB-K")
    assert answer.rules_version > 0
    assert answer.HasField("judged_at")
    assert [(each.status, each.reusable) for each in answer.results] == [
        ("preliminary", False),
        ("final", True),
        ("final", False),
    ]
    names = report_pb2.NotReusableReason.Name
    for each in answer.results:
        given = [names(step.reason) for step in each.trace if step.reason]
        assert given == [names(reason) for reason in each.reasons]
    first, good, old = answer.results
    assert [step.detail for step in first.trace if step.reason] == ["not final: result preliminary, report preliminary"]
    assert [step.detail_zh[:3] for step in old.trace if step.reason] == ["自采样"]
    assert {(step.entry_kind, step.entry_key) for step in good.trace if step.passed and step.entry_kind} == {
        ("mapping", "*|http://loinc.org|2823-3||LAB-K"),
        ("item", "LAB-K"),
        ("rule", "EVERYWHERE"),
        ("grant", "H1|9904|*"),
    }
    # A source's own code leads to the same results; another one to its own.
    assert [each.result_index for each in (await ask(site, patient, "2823-3")).results] == [0, 0, 0]
    assert [each.item.code for each in (await ask(site, patient, "2951-2")).results] == ["LAB-NA"]
    nothing = await ask(site, patient, "LAB-X")
    assert (nothing.outcome, len(nothing.results), nothing.HasField("item")) == (
        reuse_service_pb2.OUTCOME_NONE,
        0,
        False,
    )


async def test_an_explanation_is_on_record(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    await site.publishing("H1").PublishReport(publish(lab_report(f"explained-{id(patient)}", patient)), timeout=10)
    await ask(site, patient, "LAB-K", "T1")
    record = records(site)[-1]
    assert (record.method, record.institution, record.outcome, record.practitioner, record.encounter) == (
        "ExplainItem",
        "T1",
        "found",
        "D1",
        "E1",
    )
    assert (len(record.reports), record.consent_basis) == (1, "opt_out")
    assert [(each.version, each.verdicts) for each in record.contents] == [(1, ("REUSABLE",))]


async def test_the_same_steps_are_in_a_chart_when_asked_for(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    for number, status in enumerate(["final", "preliminary"]):
        document = lab_report(f"explained-{id(patient)}-{number}", patient, days_ago=2 - number, status=status)
        await site.publishing("H1").PublishReport(publish(document), timeout=10)
    silent = await site.asking("H2").OpenChart(chart(patient, "explain-1", include_not_reusable=True), timeout=10)
    assert not silent.lines[0].result.trace
    told = await site.asking("H2").OpenChart(
        chart(patient, "explain-2", include_not_reusable=True, explain=True), timeout=10
    )

    def steps(result: report_pb2.ResultEntry) -> list[tuple[int, bool, int, str]]:
        # The window's step names the moment of asking.
        return [
            (
                step.subject,
                step.passed,
                step.reason,
                "" if step.subject == report_pb2.TRACE_SUBJECT_WINDOW else step.detail,
            )
            for step in result.trace
        ]

    by_item = (await ask(site, patient, "LAB-K")).results
    assert steps(told.lines[0].result) == steps(by_item[1])
    assert steps(told.not_reusable[0]) == steps(by_item[0])
    assert len(by_item[0].trace) > 5
    lines_only = await site.asking("H2").OpenChart(chart(patient, "explain-3", explain=True), timeout=10)
    assert steps(lines_only.lines[0].result) == steps(by_item[1])


async def test_the_item_is_asked_for(site: Site, serials: Iterator[int]) -> None:
    found = await refused(ask(site, person(next(serials)), ""))
    assert (found.code, found.paths) == ("INVALID_ARGUMENT", ("item",))


async def test_what_was_decided_in_the_visit_is_explained(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    await site.publishing("H1").PublishReport(publish(lab_report(f"explained-{id(patient)}", patient)), timeout=10)
    opened = await site.asking("H2").OpenChart(chart(patient, "explain-4"), timeout=10)
    decision = reuse_service_pb2.Decision(
        prompt_id=opened.prompt_id,
        item="LAB-K",
        kind=reuse_service_pb2.DECISION_KIND_RECOGNIZED,
        decided_at=opened.judged_at,
    )
    request = reuse_service_pb2.RecordDecisionsRequest(context=context(), decisions=[decision])
    answer = await site.asking("H2").RecordDecisions(request, timeout=10)
    assert answer.results[0].outcome == reuse_service_pb2.DECISION_OUTCOME_RECORDED
    (decided,) = (await ask(site, patient, "LAB-K")).results
    assert list(decided.reasons) == [report_pb2.NOT_REUSABLE_REASON_ALREADY_DECIDED]
    (step,) = [step for step in decided.trace if step.reason]
    assert (step.subject, step.detail) == (report_pb2.TRACE_SUBJECT_ASKER, "already decided in this encounter")
    elsewhere = reuse_service_pb2.ExplainItemRequest(
        patient=question(patient), context=context(encounter="E2"), item="LAB-K"
    )
    (undecided,) = (await site.asking("H2").ExplainItem(elsewhere, timeout=10)).results
    assert undecided.reusable
