"""From a published report to the doctor's prompt, over real mTLS, on both databases."""

from collections.abc import Iterator

from hutong.v1 import patient_service_pb2, registry_service_pb2, report_pb2, reuse_service_pb2

from tests.api.documents import SODIUM, chart, context, encoded, lab_report, person, publish, question
from tests.api.site import Site, refused

FOUND, NONE, IN_DOUBT = (
    reuse_service_pb2.OUTCOME_FOUND,
    reuse_service_pb2.OUTCOME_NONE,
    reuse_service_pb2.OUTCOME_IN_DOUBT,
)
ACCEPTED = registry_service_pb2.PUBLISH_OUTCOME_ACCEPTED


async def test_a_published_report_is_in_the_chart_at_once(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    published = await site.publishing("H1").PublishReport(
        publish(lab_report("main-1", patient, value="4.10")), timeout=10
    )
    (result,) = published.results
    assert result.outcome in (ACCEPTED, registry_service_pb2.PUBLISH_OUTCOME_ACCEPTED_WITH_WARNINGS)
    assert (result.version, result.current, result.unchanged, result.results) == (1, True, False, 1)

    answer = await site.asking("H2").OpenChart(chart(patient), timeout=10)
    assert answer.outcome == FOUND
    (line,) = answer.lines
    shown = line.result
    assert (shown.item.code, shown.item.name_zh, shown.issuer.code, shown.issuer.name) == (
        "LAB-K",
        "钾",
        "H1",
        "县医院",
    )
    assert shown.issuer.tier == report_pb2.TIER_SECONDARY
    # The written precision is part of the result.
    assert shown.detail.value.quantity.value == "4.10"
    assert shown.detail.value.text == "4.10 mmol/L"
    assert shown.detail.reference_range[0].text == "3.5-5.3"
    assert shown.reusable
    assert shown.mark == "样例市HR"
    assert shown.valid_until.seconds - shown.taken_at.seconds == 7 * 86400
    assert not line.newer
    (source,) = answer.coverage
    assert (source.source, source.answer) == ("hutong.local", reuse_service_pb2.SOURCE_ANSWER_COMPLETE)
    assert answer.rules_version > 0


async def test_the_report_behind_a_line_comes_back_as_published(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    document = encoded(lab_report("main-2", patient, conclusion="未见异常"))
    await site.publishing("H1").PublishReport(publish(document), timeout=10)
    asking = site.asking("H2")
    answer = await asking.OpenChart(chart(patient), timeout=10)
    whole = await asking.GetReport(
        reuse_service_pb2.GetReportRequest(
            report_id=answer.lines[0].result.report_id, context=context(), prompt_id=answer.prompt_id
        ),
        timeout=10,
    )
    assert whole.document == document
    assert whole.entry.conclusion == "未见异常"
    assert whole.entry.code.text == "电解质"
    assert [each.item.code for each in whole.entry.results] == ["LAB-K"]
    assert whole.HasField("received_at")


async def test_an_id_is_good_only_for_the_institution_that_was_given_it(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    await site.publishing("H1").PublishReport(publish(lab_report("main-3", patient)), timeout=10)
    answer = await site.asking("H2").OpenChart(chart(patient), timeout=10)
    stolen = reuse_service_pb2.GetReportRequest(report_id=answer.lines[0].result.report_id, context=context())
    found = await refused(site.asking("T1").GetReport(stolen, timeout=10))
    assert (found.code, found.reason) == ("NOT_FOUND", "REPORT_NOT_FOUND")
    foreign = reuse_service_pb2.GetReportRequest(
        report_id=answer.lines[0].result.report_id, context=context(), prompt_id=answer.prompt_id
    )
    found = await refused(site.asking("T1").GetReport(foreign, timeout=10))
    assert (found.code, found.reason, found.paths) == ("INVALID_ARGUMENT", "REQUEST_INVALID", ("prompt_id",))


async def test_a_repeat_with_the_same_request_id_is_the_same_prompt(site: Site, serials: Iterator[int]) -> None:
    patient, other = person(next(serials)), person(next(serials))
    asking = site.asking("H2")
    first = await asking.OpenChart(chart(patient, "same"), timeout=10)
    assert first.outcome == NONE
    await site.publishing("H1").PublishReport(publish(lab_report("main-4", patient)), timeout=10)
    again = await asking.OpenChart(chart(patient, "same"), timeout=10)
    assert again.prompt_id == first.prompt_id
    assert again.outcome == FOUND
    assert (await asking.OpenChart(chart(patient, "another"), timeout=10)).prompt_id != first.prompt_id
    assert (await asking.OpenChart(chart(other, "same"), timeout=10)).prompt_id != first.prompt_id
    assert (await site.asking("T1").OpenChart(chart(patient, "same"), timeout=10)).prompt_id != first.prompt_id


async def test_a_newer_result_that_may_not_be_reused_is_named_unasked(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    feed = site.publishing("H1")
    await feed.PublishReport(publish(lab_report("main-5a", patient, days_ago=3)), timeout=10)
    await feed.PublishReport(
        publish(lab_report("main-5b", patient, value="6.9", status="preliminary", days_ago=0.1)), timeout=10
    )
    answer = await site.asking("H2").OpenChart(chart(patient), timeout=10)
    (line,) = answer.lines
    (newer,) = line.newer
    assert newer.issuer.code == "H1"
    assert report_pb2.NOT_REUSABLE_REASON_NOT_FINAL in newer.reasons
    assert newer.status == "preliminary"
    assert newer.taken_at.seconds > line.result.taken_at.seconds
    # Counted, not listed, unless asked for.
    assert not answer.not_reusable
    assert answer.other_result_count == 1
    asked = await site.asking("H2").OpenChart(chart(patient, include_not_reusable=True), timeout=10)
    assert [each.report_id for each in asked.not_reusable] == [newer.report_id]
    assert asked.not_reusable_count == 1


async def test_an_unknown_patient_is_answered_as_one_with_nothing_to_show(site: Site, serials: Iterator[int]) -> None:
    known, unknown = person(next(serials)), person(next(serials))
    await site.publishing("H2").PublishReport(publish(lab_report("main-6", known)), timeout=10)
    # H2's own results are none that H2 could reuse.
    nothing = await site.asking("H2").OpenChart(chart(known), timeout=10)
    nobody = await site.asking("H2").OpenChart(chart(unknown), timeout=10)
    assert nothing.outcome == nobody.outcome == NONE
    assert len(nothing.prompt_id) == len(nobody.prompt_id)


async def test_a_contradiction_is_doubt(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    await site.publishing("H1").PublishReport(publish(lab_report("main-7", patient)), timeout=10)
    answer = await site.asking("H2").OpenChart(chart(patient | {"name": [{"text": "李四"}]}), timeout=10)
    assert answer.outcome == IN_DOUBT
    assert not answer.lines


async def test_lists_have_pages_and_tokens_of_their_own(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    feed, asking = site.publishing("H1"), site.asking("H2")
    for number in range(5):
        report = lab_report(f"main-8-{number}", patient, days_ago=number + 1)
        await feed.PublishReport(publish(report), timeout=10)
    ask = reuse_service_pb2.ListReportsRequest(patient=question(patient), context=context(), page_size=2)
    taken: list[int] = []
    for _ in range(5):
        page = await asking.ListReports(ask, timeout=10)
        assert len(page.reports) <= 2
        taken += [each.taken_at.seconds for each in page.reports]
        if not page.next_page_token:
            break
        ask.page_token = page.next_page_token
    assert len(taken) == 5
    assert taken == sorted(taken, reverse=True)
    # A token is good for the same search by the same caller.
    ask.item = "LAB-NA"
    assert (await refused(asking.ListReports(ask, timeout=10))).reason == "PAGE_TOKEN_INVALID"
    ask.item = ""
    assert (await refused(site.asking("T1").ListReports(ask, timeout=10))).reason == "PAGE_TOKEN_INVALID"


async def test_lists_are_narrowed(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    await site.publishing("H1").PublishReport(publish(lab_report("main-9a", patient, days_ago=2)), timeout=10)
    await site.publishing("H2").PublishReport(
        publish(lab_report("main-9b", patient, code=SODIUM, value="140", days_ago=1)), timeout=10
    )

    async def items(**narrowed: object) -> list[str]:
        ask = reuse_service_pb2.ListReportsRequest(patient=question(patient), context=context(), **narrowed)
        page = await site.asking("T1").ListReports(ask, timeout=10)
        return [each.results[0].item.code for each in page.reports]

    assert await items() == ["LAB-NA", "LAB-K"]
    assert await items(item="LAB-K") == ["LAB-K"]
    assert await items(institution="H2") == ["LAB-NA"]
    assert await items(category="lab") == ["LAB-NA", "LAB-K"]
    assert await items(category="RAD") == []
    listed = await site.asking("T1").ListReports(
        reuse_service_pb2.ListReportsRequest(patient=question(patient), context=context()), timeout=10
    )
    assert await items(taken_from=listed.reports[0].taken_at) == ["LAB-NA"]
    assert await items(taken_before=listed.reports[0].taken_at) == ["LAB-K"]


async def test_the_same_document_again_changes_nothing(site: Site, serials: Iterator[int]) -> None:
    request = publish(lab_report("main-10", person(next(serials))))
    first = (await site.publishing("H1").PublishReport(request, timeout=10)).results[0]
    again = (await site.publishing("H1").PublishReport(request, timeout=10)).results[0]
    assert again.unchanged
    assert (again.report_id, again.version) == (first.report_id, 1)


async def test_a_withdrawn_report_is_answered_as_withdrawn(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    feed, asking = site.publishing("H1"), site.asking("H2")
    await feed.PublishReport(publish(lab_report("main-11", patient, conclusion="结论")), timeout=10)
    shown = (await asking.OpenChart(chart(patient), timeout=10)).lines[0].result.report_id
    withdrawal = encoded(
        {
            "resourceType": "DiagnosticReport",
            "identifier": [{"system": "urn:h1:reports", "value": "main-11"}],
            "status": "entered-in-error",
            "code": {"text": "电解质"},
        }
    )
    await feed.PublishReport(publish(withdrawal), timeout=10)
    answer = await asking.OpenChart(chart(patient, include_not_reusable=True), timeout=10)
    assert answer.outcome == NONE
    assert [each.reasons[0] for each in answer.not_reusable] == [report_pb2.NOT_REUSABLE_REASON_WITHDRAWN]
    # What it said is gone, that it was there is not.
    assert not answer.not_reusable[0].HasField("detail")
    whole = await asking.GetReport(reuse_service_pb2.GetReportRequest(report_id=shown, context=context()), timeout=10)
    assert whole.entry.withdrawn
    assert not whole.entry.results
    assert not whole.entry.conclusion
    assert whole.document == withdrawal


async def test_validate_only_keeps_nothing(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    request = publish(lab_report("main-12", patient), validate_only=True)
    (result,) = (await site.publishing("H1").PublishReport(request, timeout=10)).results
    assert result.outcome != registry_service_pb2.PUBLISH_OUTCOME_REJECTED
    assert not result.report_id
    assert (await site.asking("H2").OpenChart(chart(patient), timeout=10)).outcome == NONE


async def test_a_report_without_demographics_is_held_and_can_be_placed(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    nameless = {key: patient[key] for key in ("resourceType", "id", "identifier")}
    await site.publishing("H1").PublishReport(publish(lab_report("main-13a", patient, days_ago=2)), timeout=10)
    published = await site.publishing("H1").PublishReport(publish(lab_report("main-13b", nameless)), timeout=10)
    assert published.results[0].outcome == registry_service_pb2.PUBLISH_OUTCOME_HELD
    admin = site.patients()
    held = await admin.ListHeldReports(patient_service_pb2.ListHeldReportsRequest(page_size=100), timeout=10)
    (mine,) = [each for each in held.held if each.institution == "H1"]
    shown = await admin.ShowPatient(
        patient_service_pb2.ShowPatientRequest(identifier=report_pb2.PatientIdentifier(**patient["identifier"][0])),
        timeout=10,
    )
    (found,) = shown.persons
    assert found.records[0].demographics.name == "张三"
    before = await site.asking("H2").OpenChart(chart(patient, "before"), timeout=10)
    placed = await admin.PlaceHeldReport(
        patient_service_pb2.PlaceHeldReportRequest(held=mine.held, record=found.records[0].record, reason="电话核实"),
        timeout=10,
    )
    assert placed.step.by == "registry/admin"
    after = await site.asking("H2").OpenChart(chart(patient, "after"), timeout=10)
    assert after.lines[0].result.taken_at.seconds > before.lines[0].result.taken_at.seconds
    undone = await admin.UndoPatientStep(
        patient_service_pb2.UndoPatientStepRequest(step=placed.step.step, reason="看错了"), timeout=10
    )
    assert undone.step.HasField("undone_at")
    again = await refused(
        admin.UndoPatientStep(
            patient_service_pb2.UndoPatientStepRequest(step=placed.step.step, reason="再来"), timeout=10
        )
    )
    assert (again.code, again.reason) == ("FAILED_PRECONDITION", "STATE_CONFLICT")
    back = await site.asking("H2").OpenChart(chart(patient, "back"), timeout=10)
    assert back.lines[0].result.taken_at.seconds == before.lines[0].result.taken_at.seconds
