"""Who may see what, over real mTLS, on both databases: directives, sensitive categories, break-glass, its reviews."""

import ast
import asyncio
import copy
import datetime
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hutong.v1 import (
    consent_service_pb2,
    consent_service_pb2_grpc,
    report_pb2,
    reuse_service_pb2,
    statistics_service_pb2,
    statistics_service_pb2_grpc,
)
from hutong_server.api.policy import ROLES
from hutong_server.store.base import AccessRecord
from hutong_server.store.prompts import access_records

from tests.api.documents import CATALOG, chart, context, encoded, lab_report, person, publish, question
from tests.api.noticing import listed, watching
from tests.api.site import Material, Refused, Site, refused, start_site

FOUND, NONE = reuse_service_pb2.OUTCOME_FOUND, reuse_service_pb2.OUTCOME_NONE
WITHHOLD = consent_service_pb2.DIRECTIVE_EFFECT_WITHHOLD
ALLOW = consent_service_pb2.DIRECTIVE_EFFECT_ALLOW
EVERYTHING = consent_service_pb2.DIRECTIVE_SCOPE_EVERYTHING
INSTITUTION = consent_service_pb2.DIRECTIVE_SCOPE_INSTITUTION
CATEGORY = consent_service_pb2.DIRECTIVE_SCOPE_CATEGORY
HIV = "56888-1"
SENSITIVE = {
    "sensitive.yaml": """
sensitive_categories:
  - {code: hiv, name_zh: 艾滋病, name_en: HIV, codes: [{system: "http://loinc.org", code: 56888-1}]}
"""
}
REASON = "CANARY-昏迷不醒"

PATIENT_DATA = {
    "/hutong.v1.ReuseService/OpenChart",
    "/hutong.v1.ReuseService/ListReports",
    "/hutong.v1.ReuseService/GetReport",
    "/hutong.v1.ReuseService/CheckOrders",
    "/hutong.v1.ReuseService/RecordDecisions",
    "/hutong.v1.ReuseService/ExplainItem",
    "/hutong.v1.ReuseService/GetTrend",
    "/hutong.v1.ReuseService/WatchNotices",
    "/hutong.v1.ReuseService/ListNotices",
    "/hutong.v1.StatisticsService/ListStatisticsRows",
}
"""Methods that return a patient's results: each passes the gate, and is called below for one who withholds all."""
CHARTS = ("OpenChart", "ListReports", "ExplainItem", "CheckOrders", "GetTrend")
"""Those that are asked about a patient, and not about a report."""
NO_RESULTS = {
    "/hutong.v1.ReuseService/ReportPromptEvents": "what happened on the caller's own screens",
    "/hutong.v1.ReuseService/AcknowledgeNotice": "a notice, which holds no values",
    "/hutong.v1.StatisticsService/GetStatistics": "counts",
    "/hutong.v1.StatisticsService/ListFeedFreshness": "institutions",
    "RegistryService": "what became of a publish, to its publisher",
    "CatalogService": "institutions and rules",
    "PatientService": "identities, to administrators, with a reason",
    "ConsentService": "what the patient decided; who broke the glass, not whose results",
    "CertificateService": "certificates",
    "AuditService": "who looked, not at what was found",
    "Health": "nobody",
    "ServerReflection": "nobody",
}
"""Methods, and services whose other methods, return none."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(material: Material, module_store_url: str) -> AsyncIterator[Site]:
    started = await start_site(material, module_store_url)
    await started.load({**CATALOG, **SENSITIVE})
    yield started
    await started.close()


def deciding(site: Site, institution: str = "H2", role: str = "emr") -> Any:
    return consent_service_pb2_grpc.ConsentServiceStub(site.channel(institution, role))


async def decide(
    site: Site, patient: dict[str, Any], effect: int = WITHHOLD, scope: int = EVERYTHING, **more: Any
) -> Any:
    request = consent_service_pb2.PutDirectiveRequest(
        request_id=more.pop("request_id", f"d-{effect}-{scope}-{more.get('target', '')}"),
        patient=question(patient),
        context=context(),
        directive=consent_service_pb2.Directive(effect=effect, scope=scope, **more),
    )
    return (await deciding(site).PutDirective(request, timeout=10)).directive


async def ask_list(site: Site, patient: dict[str, Any], **more: Any) -> Any:
    request = reuse_service_pb2.ListReportsRequest(patient=question(patient), context=context(), **more)
    return await site.asking("H2").ListReports(request, timeout=10)


async def ask_why(site: Site, patient: dict[str, Any]) -> Any:
    request = reuse_service_pb2.ExplainItemRequest(patient=question(patient), context=context(), item="LAB-K")
    return await site.asking("H2").ExplainItem(request, timeout=10)


async def ask_trend(site: Site, patient: dict[str, Any]) -> Any:
    request = reuse_service_pb2.GetTrendRequest(patient=question(patient), context=context(), item="LAB-K")
    return await site.asking("H2").GetTrend(request, timeout=20)


async def ask_citation(site: Site, prompt: Any) -> Any:
    """Decides to rely on the potassium of a prompt."""
    decision = reuse_service_pb2.Decision(
        prompt_id=prompt.prompt_id, item="LAB-K", kind="DECISION_KIND_RECOGNIZED", decided_at=prompt.judged_at
    )
    request = reuse_service_pb2.RecordDecisionsRequest(context=context(), decisions=[decision])
    return (await site.asking("H2").RecordDecisions(request, timeout=10)).results[0]


async def ask_orders(site: Site, patient: dict[str, Any]) -> Any:
    """Orders a potassium."""
    request = reuse_service_pb2.CheckOrdersRequest(
        request_id="gate",
        patient=question(patient),
        context=context(),
        orders=[reuse_service_pb2.Order(order_id="1", item="LAB-K")],
    )
    return await site.asking("H2").CheckOrders(request, timeout=10)


def ask_report(site: Site, report_id: str, **more: Any) -> Any:
    request = reuse_service_pb2.GetReportRequest(report_id=report_id, context=context(**more))
    return site.asking("H2").GetReport(request, timeout=10)


async def ask_rows(site: Site) -> list[str]:
    """Prompts of H2 that offered something, as the statistics list them."""
    assert site.registry is not None
    await asyncio.to_thread(site.registry.counting.count)
    day = datetime.datetime.now(datetime.UTC).date()
    events = statistics_service_pb2.StatisticsFilter(
        first_day=str(day - datetime.timedelta(1)), last_day=str(day + datetime.timedelta(1))
    )
    request = statistics_service_pb2.ListStatisticsRowsRequest(
        filter=events,
        measure=statistics_service_pb2.STATISTICS_MEASURE_RETURNED,
        context=context(purpose="PURPOSE_QUALITY"),
        page_size=1000,
    )
    stub = statistics_service_pb2_grpc.StatisticsServiceStub(site.channel("H2", "emr"))
    return [row.prompt_id for row in (await stub.ListStatisticsRows(request, timeout=10)).rows]


def records(site: Site) -> list[AccessRecord]:
    assert site.registry is not None
    return [record for _, record in site.registry.store.read(lambda reader: access_records(reader, limit=10_000))]  # type: ignore[arg-type]


def mixed_report(identifier: str, patient: dict[str, Any]) -> dict[str, Any]:
    """Potassium, and something sensitive."""
    document = lab_report(identifier, patient, conclusion="CANARY-结论")
    second = copy.deepcopy(document["contained"][2])
    second["id"] = "o2"
    second["code"] = {"coding": [{"system": "http://loinc.org", "code": HIV}], "text": "CANARY-项目"}
    second.pop("valueQuantity")
    second["valueString"] = "CANARY-阳性"
    document["contained"].append(second)
    document["result"].append({"reference": "#o2"})
    document["presentedForm"] = [{"contentType": "text/plain", "data": "Q0FOQVJZ"}]
    return document


def plain(answer: Any) -> Any:
    """The answer without what differs from call to call."""
    kept = copy.deepcopy(answer)
    if isinstance(kept, list):
        return kept
    for name in ("prompt_id", "judged_at"):
        if name in kept.DESCRIPTOR.fields_by_name:
            kept.ClearField(name)
    return kept


def told(found: Refused) -> tuple[str, str, str, tuple[str, ...]]:
    return found.code, found.reason, found.text, found.paths


def test_every_method_is_known_to_return_patient_data_or_not() -> None:
    """A new method must be listed above, and called in the test below when it returns results."""
    for method in ROLES:
        service = method.split("/")[1].rpartition(".")[2]
        assert method in PATIENT_DATA or service in NO_RESULTS or method in NO_RESULTS, method
    assert set(ROLES) >= PATIENT_DATA


def test_rows_and_documents_are_read_at_the_gate_only() -> None:
    """Nobody else asks a reader for reports or documents, but who answers no doctor: publishing asks for the row that
    it replaces, decisions and the sweep for what was relied on, the patient index for what can be withheld.
    """
    server = Path(__file__).parents[2] / "server" / "hutong_server"
    found = set()
    for path in [*(server / "usecases").glob("*.py"), *(server / "api").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                called = ast.unparse(node.func)
                if called.partition(".")[0] in ("reader", "writer", "tx", "store") and called.partition(".")[2] in (
                    "report",
                    "reports",
                    "hidden_report",
                    "hidden_reports",
                    "document",
                ):
                    found.add((path.name, called))
    assert found == {
        ("gate.py", "reader.report"),
        ("gate.py", "reader.reports"),
        ("gate.py", "reader.document"),
        ("gate.py", "reader.hidden_report"),
        ("publish_version.py", "writer.hidden_report"),
        ("relying.py", "writer.hidden_report"),
        ("sweep_notices.py", "writer.report"),
        ("patients.py", "reader.hidden_reports"),
    }


async def test_whoever_withholds_everything_is_unknown_to_every_method(site: Site, serials: Iterator[int]) -> None:
    patient, stranger = person(next(serials)), person(next(serials))
    await site.publishing("H1").PublishReport(publish(lab_report("gate-1", patient)), timeout=10)
    opened = await site.asking("H2").OpenChart(chart(patient), timeout=10)
    offered = opened.lines[0].result.report_id
    assert (await ask_list(site, patient)).reports[0].report_id == offered
    assert (await ask_report(site, offered)).document
    assert (await ask_why(site, patient)).results[0].trace
    assert (await ask_orders(site, patient)).answers[0].items[0].HasField("line")
    assert opened.prompt_id in await ask_rows(site)
    await decide(site, patient)
    before = len(records(site))
    called = set()

    async def both(method: str, withheld: Any, unknown: Any) -> None:
        called.add(f"/hutong.v1.ReuseService/{method}")
        assert plain(withheld) == plain(unknown)

    # What was offered before may be decided on: the decision stands, and shows nothing.
    late = await ask_citation(site, opened)
    assert (late.outcome, late.HasField("citation")) == (reuse_service_pb2.DECISION_OUTCOME_RECORDED, False)
    for include in (False, True):
        answers = [
            await site.asking("H2").OpenChart(chart(each, f"gate-{include}", include_not_reusable=include), timeout=10)
            for each in (patient, stranger)
        ]
        await both("OpenChart", *answers)
        assert (answers[0].outcome, answers[0].not_reusable_count, answers[0].withheld_count) == (NONE, 0, 0)
        await both("RecordDecisions", *[await ask_citation(site, each) for each in answers])
    await both("ListReports", await ask_list(site, patient), await ask_list(site, stranger))
    # What was decided before is not told of either, now that there is nothing.
    await both("CheckOrders", await ask_orders(site, patient), await ask_orders(site, stranger))
    await both("ExplainItem", await ask_why(site, patient), await ask_why(site, stranger))
    await both("GetTrend", await ask_trend(site, patient), await ask_trend(site, stranger))
    nobody = "h" + "A" * (len(offered) - 1)
    refusals = [told(await refused(ask_report(site, each))) for each in (offered, nobody)]
    called.add("/hutong.v1.ReuseService/GetReport")
    assert refusals[0] == refusals[1]
    assert refusals[0][:2] == ("NOT_FOUND", "REPORT_NOT_FOUND")
    # What becomes of a report that was relied on is told as to somebody who relied on nothing.
    withdrawn = lab_report("gate-1", patient, status="entered-in-error", days_ago=0.1)
    await site.publishing("H1").PublishReport(publish(withdrawn), timeout=10)
    await both("ListNotices", await listed(site), await listed(site, "T1"))
    async with watching(site) as stream, watching(site, "T1") as other:
        await both("WatchNotices", await stream.live(), await other.live())
    assert opened.prompt_id not in await ask_rows(site)
    called.add("/hutong.v1.StatisticsService/ListStatisticsRows")
    assert called == PATIENT_DATA
    # Recorded alike; why nothing was shown is known inside only.
    kept = [each for each in records(site)[before:] if each.method in CHARTS]
    assert {(each.outcome, each.reports, each.consent_basis, len(each.patient_keys)) for each in kept} == {
        ("none", (), "opt_out", 1)
    }
    (read,) = [each for each in records(site)[before:] if each.method == "GetReport" and each.patient_keys]
    assert (read.outcome, read.reason, read.reports) == ("refused", "REPORT_NOT_FOUND", ())
    assert [reason for _, _, reason in read.withheld] == ["CONSENT_WITHHELD"]


async def test_of_a_mixed_report_nothing_that_covers_the_withheld_result_is_shown(
    site: Site, serials: Iterator[int]
) -> None:
    patient = person(next(serials))
    document = encoded(mixed_report("gate-2", patient))
    await site.publishing("H1").PublishReport(publish(document), timeout=10)
    answer = await site.asking("H2").OpenChart(chart(patient, include_not_reusable=True), timeout=10)
    (line,) = answer.lines
    listed = await ask_list(site, patient)
    whole = await ask_report(site, line.result.report_id)
    for each in (answer, listed, whole):
        assert b"CANARY" not in each.SerializeToString()
        assert HIV.encode() not in each.SerializeToString()
    assert [result.item.code for result in whole.entry.results] == ["LAB-K"]
    assert (whole.document, len(whole.images), whole.entry.has_attachments, whole.entry.conclusion) == (
        b"",
        0,
        False,
        "",
    )
    assert answer.not_reusable_count == 0
    await decide(site, patient, ALLOW, CATEGORY, target="hiv")
    whole = await ask_report(site, line.result.report_id)
    assert whole.document == document
    assert len(whole.entry.results) == 2
    assert whole.entry.conclusion
    # The kind of reason is never the answer's: a sensitive result has no reason, it does not exist.
    names = {value.name for value in report_pb2.NotReusableReason.DESCRIPTOR.values}
    assert not [name for name in names if "CONSENT" in name or "SENSITIVE" in name]


async def test_a_publishers_id_opens_nothing(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    published = await site.publishing("H1").PublishReport(publish(lab_report("gate-3", patient)), timeout=10)
    request = reuse_service_pb2.GetReportRequest(report_id=published.results[0].report_id, context=context())
    found = await refused(site.asking("H1").GetReport(request, timeout=10))
    assert (found.code, found.reason) == ("NOT_FOUND", "REPORT_NOT_FOUND")
    # The publisher's own doctor reads it when the chart offers it.
    offered = (
        (
            await site.asking("H1").ListReports(
                reuse_service_pb2.ListReportsRequest(patient=question(patient), context=context()), timeout=10
            )
        )
        .reports[0]
        .report_id
    )
    request.report_id = offered
    assert (await site.asking("H1").GetReport(request, timeout=10)).document


@pytest.mark.parametrize("missing", ["practitioner", "encounter", "purpose"])
async def test_who_in_which_visit_and_why_is_asked_for(site: Site, serials: Iterator[int], missing: str) -> None:
    patient = person(next(serials))
    given = context(**{missing: 0 if missing == "purpose" else ""})
    asking = site.asking("H2")
    calls = [
        asking.OpenChart(
            reuse_service_pb2.OpenChartRequest(request_id="r", patient=question(patient), context=given), timeout=10
        ),
        asking.ListReports(reuse_service_pb2.ListReportsRequest(patient=question(patient), context=given), timeout=10),
        asking.GetReport(reuse_service_pb2.GetReportRequest(report_id="h", context=given), timeout=10),
        deciding(site).ListDirectives(
            consent_service_pb2.ListDirectivesRequest(patient=question(patient), context=given), timeout=10
        ),
    ]
    for call in calls:
        found = await refused(call)
        assert (found.code, found.paths) == ("INVALID_ARGUMENT", (f"context.{missing}",))


async def test_directives_are_put_listed_and_taken_back(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    await site.publishing("H1").PublishReport(publish(lab_report("gate-4", patient)), timeout=10)
    first = await decide(site, patient, scope=INSTITUTION, target="H1")
    assert (first.recorded_by, first.target, first.HasField("revoked_at")) == ("H2", "H1", False)
    assert await decide(site, patient, scope=INSTITUTION, target="H1") == first
    second = await decide(site, patient, ALLOW, CATEGORY, target="hiv")
    ask = consent_service_pb2.ListDirectivesRequest(patient=question(patient), context=context())
    assert list((await deciding(site).ListDirectives(ask, timeout=10)).directives) == [second, first]
    # Another institution, or the patient's portal, sees them under ids of its own, and may take one back.
    elsewhere = (await deciding(site, "T1", "portal").ListDirectives(ask, timeout=10)).directives
    assert [each.target for each in elsewhere] == ["hiv", "H1"]
    assert elsewhere[1].directive_id != first.directive_id
    assert (await site.asking("H2").OpenChart(chart(patient), timeout=10)).outcome == NONE
    stolen = consent_service_pb2.RevokeDirectiveRequest(
        directive_id=elsewhere[1].directive_id, patient=question(patient), context=context()
    )
    assert (await refused(deciding(site).RevokeDirective(stolen, timeout=10))).reason == "NOT_FOUND"
    revoked = (await deciding(site, "T1", "portal").RevokeDirective(stolen, timeout=10)).directive
    assert revoked.HasField("revoked_at")
    assert (await site.asking("H2").OpenChart(chart(patient), timeout=10)).outcome == FOUND
    key = records(site)[-1].patient_keys
    kept = [each for each in records(site) if "Directive" in each.method][-7:]
    assert [(each.method, each.outcome) for each in kept] == [
        ("PutDirective", "recorded"),
        ("PutDirective", "unchanged"),
        ("PutDirective", "recorded"),
        ("ListDirectives", "found"),
        ("ListDirectives", "found"),
        ("RevokeDirective", "refused"),
        ("RevokeDirective", "revoked"),
    ]
    assert {each.patient_keys for each in kept if each.outcome != "refused"} == {key}


async def test_a_directive_of_somebody_else_is_not_found_and_doubt_is_told(site: Site, serials: Iterator[int]) -> None:
    patient, other = person(next(serials)), person(next(serials))
    await site.publishing("H1").PublishReport(publish(lab_report("gate-5", patient)), timeout=10)
    given = await decide(site, patient)
    request = consent_service_pb2.RevokeDirectiveRequest(
        directive_id=given.directive_id, patient=question(other), context=context()
    )
    found = await refused(deciding(site).RevokeDirective(request, timeout=10))
    assert (found.code, found.reason) == ("NOT_FOUND", "NOT_FOUND")
    mistyped = patient | {"name": [{"text": "李四"}]}
    found = await refused(decide(site, mistyped))
    assert (found.code, found.reason) == ("FAILED_PRECONDITION", "PATIENT_IN_DOUBT")
    assert records(site)[-1].reason == "PATIENT_IN_DOUBT"
    ask = consent_service_pb2.ListDirectivesRequest(patient=question(other), context=context())
    assert not (await deciding(site).ListDirectives(ask, timeout=10)).directives


@pytest.mark.parametrize(
    ("given", "paths"),
    [
        ({}, ("directive.effect", "directive.scope")),
        ({"effect": 9, "scope": 9}, ("directive.effect", "directive.scope")),
        ({"effect": WITHHOLD, "scope": INSTITUTION}, ("directive.target",)),
        ({"effect": WITHHOLD, "scope": CATEGORY, "target": "nothing"}, ("directive.target",)),
        ({"effect": ALLOW, "scope": EVERYTHING}, ("directive.scope",)),
    ],
)
async def test_a_directive_that_says_nothing_is_refused_by_path(
    site: Site, serials: Iterator[int], given: dict[str, Any], paths: tuple[str, ...]
) -> None:
    request = consent_service_pb2.PutDirectiveRequest(
        request_id="r",
        patient=question(person(next(serials))),
        context=context(),
        directive=consent_service_pb2.Directive(**given),
    )
    found = await refused(deciding(site).PutDirective(request, timeout=10))
    assert (found.code, found.paths) == ("INVALID_ARGUMENT", paths)


def metric(site: Site, name: str) -> float:
    assert site.registry is not None
    with urllib.request.urlopen(f"http://127.0.0.1:{site.registry.metrics_port}/metrics", timeout=10) as page:
        lines = page.read().decode().splitlines()
    return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])


async def test_break_glass_needs_no_round_trip_and_waits_for_its_review(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    await site.publishing("H1").PublishReport(publish(lab_report("gate-6", patient)), timeout=10)
    await decide(site, patient)
    waiting, broken = metric(site, "hutong_reviews_open"), metric(site, "hutong_break_glass_total")
    practitioner = f"D-{next(serials)}"

    async def opened(**more: Any) -> Any:
        request = reuse_service_pb2.OpenChartRequest(
            request_id="r", patient=question(patient), context=context(practitioner=practitioner, **more)
        )
        return await site.asking("H2").OpenChart(request, timeout=10)

    assert (await opened(purpose="PURPOSE_EMERGENCY")).outcome == NONE
    found = await refused(opened(break_glass_reason=REASON))
    assert (found.code, found.paths) == ("INVALID_ARGUMENT", ("context.break_glass_reason",))
    answer = await opened(purpose="PURPOSE_EMERGENCY", break_glass_reason=REASON)
    assert answer.outcome == FOUND
    assert (records(site)[-1].consent_basis, records(site)[-1].practitioner) == ("break_glass", practitioner)
    assert (await opened()).outcome == FOUND
    assert (await ask_report(site, answer.lines[0].result.report_id, practitioner=practitioner)).document
    assert (await site.asking("H2").OpenChart(chart(patient), timeout=10)).outcome == NONE
    assert metric(site, "hutong_reviews_open") == waiting + 1
    assert metric(site, "hutong_break_glass_total") == broken + 1

    reviewing = deciding(site, "registry", "admin")
    reviews = await all_reviews(reviewing)
    (mine,) = [each for each in reviews if each.practitioner == practitioner]
    assert (mine.institution, mine.encounter, mine.reason, mine.answers) == ("H2", "E1", REASON, 3)
    assert mine.open_until.seconds - mine.opened_at.seconds == 24 * 3600
    # Whose results they were is the record's to say.
    assert patient["identifier"][0]["value"] not in str(mine)
    close = consent_service_pb2.CloseReviewRequest(review_id=mine.review_id, finding="属实")
    closed = (await reviewing.CloseReview(close, timeout=10)).review
    assert (closed.closed_by, closed.finding, closed.HasField("closed_at")) == ("registry/admin", "属实", True)
    assert metric(site, "hutong_reviews_open") == waiting
    again = await refused(reviewing.CloseReview(close, timeout=10))
    assert (again.code, again.reason) == ("FAILED_PRECONDITION", "STATE_CONFLICT")
    assert practitioner not in {each.practitioner for each in await all_reviews(reviewing)}
    assert practitioner in {each.practitioner for each in await all_reviews(reviewing, include_closed=True)}
    assert [each.method for each in records(site)][-1] == "ListReviews"


async def all_reviews(reviewing: Any, **more: Any) -> list[Any]:
    found: list[Any] = []
    ask = consent_service_pb2.ListReviewsRequest(page_size=1, **more)
    for _ in range(100):
        page = await reviewing.ListReviews(ask, timeout=10)
        assert len(page.reviews) <= 1
        found += page.reviews
        if not page.next_page_token:
            return found
        ask.page_token = page.next_page_token
    raise AssertionError("the list does not end")


async def test_pages_of_reviews_are_their_own(site: Site, serials: Iterator[int]) -> None:
    for number in range(2):
        request = chart(person(next(serials)))
        request.context.CopyFrom(
            context(practitioner=f"P{number}", purpose="PURPOSE_EMERGENCY", break_glass_reason="昏迷")
        )
        assert (await site.asking("H2").OpenChart(request, timeout=10)).outcome == NONE
    reviewing = deciding(site, "registry", "admin")
    found = await all_reviews(reviewing)
    assert len({each.review_id for each in found}) == len(found) >= 2
    page = await reviewing.ListReviews(consent_service_pb2.ListReviewsRequest(page_size=1), timeout=10)
    other = consent_service_pb2.ListReviewsRequest(page_token=page.next_page_token, include_closed=True)
    assert (await refused(reviewing.ListReviews(other, timeout=10))).reason == "PAGE_TOKEN_INVALID"
    unknown = consent_service_pb2.CloseReviewRequest(review_id="h1", finding="x")
    assert (await refused(reviewing.CloseReview(unknown, timeout=10))).reason == "NOT_FOUND"


async def test_visit_authorisation_and_the_count(
    material: Material, make_store_url: Any, serials: Iterator[int]
) -> None:
    rule = "  consent: {basis: visit_authorization, count_withheld: true, break_glass_hours: 1}\n"
    region = CATALOG["region.yaml"].replace("  regions:\n", rule + "  regions:\n", 1)
    assert rule in region
    site = await start_site(material, make_store_url("sqlite"))
    try:
        await site.load({**CATALOG, "region.yaml": region, **SENSITIVE})
        patient, stranger = person(next(serials)), person(next(serials))
        await site.publishing("H1").PublishReport(publish(encoded(mixed_report("gate-7", patient))), timeout=10)
        refusals = set()
        for each in (patient, stranger):
            refusals.add(told(await refused(site.asking("H2").OpenChart(chart(each), timeout=10))))
            refusals.add(told(await refused(ask_list(site, each))))
        assert {each[:2] for each in refusals} == {("FAILED_PRECONDITION", "AUTHORIZATION_MISSING")}
        assert len(refusals) == 1
        kept = [each for each in records(site) if each.reason == "AUTHORIZATION_MISSING"]
        assert len({(each.outcome, each.consent_basis, len(each.patient_keys)) for each in kept}) == 1
        assert [each.method for each in kept][:4] == ["OpenChart", "ListReports", "OpenChart", "ListReports"]

        async def authorised(of: dict[str, Any]) -> Any:
            request = chart(of)
            request.context.authorization = reuse_service_pb2.AUTHORIZATION_CARD_READ
            return await site.asking("H2").OpenChart(request, timeout=10)

        answer = await authorised(patient)
        assert (answer.outcome, answer.withheld_count) == (FOUND, 1)
        assert records(site)[-1].consent_basis == "visit_authorization:card_read"
        found = await refused(ask_report(site, answer.lines[0].result.report_id))
        assert found.reason == "AUTHORIZATION_MISSING"
        assert (
            await ask_report(site, answer.lines[0].result.report_id, authorization="AUTHORIZATION_GUARDIAN")
        ).entry.results
        assert (await authorised(stranger)).withheld_count == 0
        request = chart(patient)
        request.context.CopyFrom(context(purpose="PURPOSE_EMERGENCY", break_glass_reason="昏迷"))
        answer = await site.asking("H2").OpenChart(request, timeout=10)
        assert (answer.outcome, answer.withheld_count) == (FOUND, 0)
        unknown = chart(patient)
        unknown.context.authorization = 99
        assert (await refused(site.asking("H2").OpenChart(unknown, timeout=10))).paths == ("context.authorization",)
    finally:
        await site.close()


async def test_nothing_of_a_break_glass_stands_in_clear(
    site: Site, serials: Iterator[int], module_store_url: str
) -> None:
    """The declared reason may name the patient: it is sealed like everything else."""
    if not module_store_url.startswith("sqlite"):
        pytest.skip("the file of SQLite is searched")
    patient = person(next(serials))
    await decide(site, patient, scope=INSTITUTION, target="H1")
    request = chart(patient)
    request.context.CopyFrom(context(purpose="PURPOSE_EMERGENCY", break_glass_reason=REASON, practitioner="CANARY-4"))
    await site.asking("H2").OpenChart(request, timeout=10)
    directory = Path(module_store_url.removeprefix("sqlite:///")).parent
    raw = b"".join(path.read_bytes() for path in directory.iterdir() if path.is_file())
    # What is searched is what was written: the kind of the entry stands in clear.
    assert b"opening" in raw
    for secret in (REASON, "CANARY-4", "昏迷不醒"):
        assert secret.encode() not in raw
