"""Statistics over real mTLS, on both databases: what a day of doctors amounts to, who sees which of it, the rows."""

import asyncio
import datetime
from collections.abc import AsyncIterator, Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from hutong.v1 import (
    consent_service_pb2,
    consent_service_pb2_grpc,
    reuse_service_pb2,
    statistics_service_pb2,
    statistics_service_pb2_grpc,
)
from hutong_server.store.base import AccessRecord
from hutong_server.store.prompts import access_records

from tests.api.documents import CATALOG, SODIUM, chart, context, lab_report, person, publish, question
from tests.api.site import Material, Site, refused, start_site

v1 = statistics_service_pb2
PRICED = {
    **CATALOG,
    "prices.csv": "institution,item,yuan,valid_from,valid_to\nH2,LAB-K,12.50,,\n",
    "grounds.yaml": """
grounds:
  - {code: "4", name_zh: 急诊, name_en: emergency}
  - {code: "98", name_zh: 未收到影像, name_en: images not received, counts_as_refusal: false}
""",
}
PRICED["region.yaml"] = PRICED["region.yaml"].partition("grounds:")[0]
IN_CHINA = ZoneInfo("Asia/Shanghai")
RECOGNIZED = reuse_service_pb2.DECISION_KIND_RECOGNIZED
REPEATED = reuse_service_pb2.DECISION_KIND_REPEATED


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(material: Material, module_store_url: str) -> AsyncIterator[Site]:
    started = await start_site(material, module_store_url)
    await started.load(PRICED)
    yield started
    await started.close()


def statistics(site: Site, institution: str = "H2", role: str = "emr") -> Any:
    return statistics_service_pb2_grpc.StatisticsServiceStub(site.channel(institution, role))


def today() -> str:
    return datetime.datetime.now(IN_CHINA).date().isoformat()


def which(**more: Any) -> v1.StatisticsFilter:
    """Yesterday to tomorrow: a test may run over midnight."""
    day = datetime.datetime.now(IN_CHINA).date()
    one = datetime.timedelta(1)
    return v1.StatisticsFilter(first_day=str(day - one), last_day=str(day + one), **more)


async def ask(site: Site, *by: int, who: tuple[str, str] = ("H2", "emr"), **filters: Any) -> Any:
    request = v1.GetStatisticsRequest(filter=which(**filters), group_by=by)
    return await statistics(site, *who).GetStatistics(request, timeout=10)


async def rows(site: Site, measure: int, *, who: tuple[str, str] = ("H2", "emr"), size: int = 0, **filters: Any) -> Any:
    """All rows, page by page."""
    request = v1.ListStatisticsRowsRequest(filter=which(**filters), measure=measure, page_size=size)
    if who[0] != "registry":
        request.context.CopyFrom(looker())
    found: list[Any] = []
    while True:
        page = await statistics(site, *who).ListStatisticsRows(request, timeout=10)
        found += page.rows
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


def looker(**more: Any) -> reuse_service_pb2.CallContext:
    given = {"practitioner": "质控员", "encounter": "质控-2026-07", "purpose": reuse_service_pb2.PURPOSE_QUALITY}
    return reuse_service_pb2.CallContext(**(given | more))


async def count(site: Site) -> None:
    assert site.registry is not None
    assert await asyncio.to_thread(site.registry.counting.count)


def records(site: Site) -> list[AccessRecord]:
    assert site.registry is not None
    found = site.registry.store.read(lambda reader: access_records(reader, limit=10_000))  # type: ignore[arg-type]
    return [each for _, each in found if each.method == "ListStatisticsRows"]


async def visit(site: Site, serial: int, *, codes: tuple[str, ...] = ("2823-3",)) -> Any:
    """A patient with results of H1 is seen at H2: the chart's answer."""
    patient = person(serial)
    for code in codes:
        await site.publishing("H1").PublishReport(
            publish(lab_report(f"st-{serial}-{code}", patient, code=code)), timeout=10
        )
    return await site.asking("H2").OpenChart(chart(patient, f"visit-{serial}"), timeout=10)


async def record(site: Site, answer: Any, item: str, kind: int, ground: str = "") -> None:
    sent = reuse_service_pb2.Decision(
        prompt_id=answer.prompt_id, item=item, kind=kind, ground=ground, decided_at=answer.judged_at
    )
    request = reuse_service_pb2.RecordDecisionsRequest(context=context(), decisions=[sent])
    [result] = (await site.asking("H2").RecordDecisions(request, timeout=10)).results
    assert result.outcome == reuse_service_pb2.DECISION_OUTCOME_RECORDED


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def day(site: Site, serials: Iterator[int]) -> list[Any]:
    """Three visits with results and one without; potassium recognised once with a price, once sodium without."""
    answers = [await visit(site, next(serials), codes=("2823-3", SODIUM)) for _ in range(3)]
    answers.append(await visit(site, next(serials), codes=()))
    first, second, third, _ = answers
    await record(site, first, "LAB-K", RECOGNIZED)
    await record(site, first, "LAB-NA", RECOGNIZED)
    await record(site, second, "LAB-K", REPEATED, "4")
    await record(site, second, "LAB-NA", REPEATED, "98")
    line = next(line for line in third.lines if line.result.item.code == "LAB-K")
    opened = reuse_service_pb2.GetReportRequest(
        report_id=line.result.report_id, context=context(), prompt_id=third.prompt_id
    )
    await site.asking("H2").GetReport(opened, timeout=10)
    shown = reuse_service_pb2.PromptEvent(
        prompt_id=third.prompt_id, kind=reuse_service_pb2.PROMPT_EVENT_KIND_SHOWN, at=third.judged_at
    )
    told = reuse_service_pb2.ReportPromptEventsRequest(events=[shown])
    assert (await site.asking("H2").ReportPromptEvents(told, timeout=10)).recorded == 1
    await count(site)
    return answers


async def test_nothing_counted_yet_is_said(site: Site) -> None:
    answer = await ask(site)
    assert not answer.HasField("counted_until")
    assert answer.rows[0].counts == v1.StatisticsCounts()
    await count(site)
    answer = await ask(site)
    age = datetime.datetime.now(datetime.UTC) - answer.counted_until.ToDatetime(datetime.UTC)
    assert datetime.timedelta(seconds=59) < age < datetime.timedelta(seconds=90)


async def test_a_day_of_doctors_is_counted(site: Site, day: list[Any]) -> None:
    [row] = (await ask(site)).rows
    assert row.counts == v1.StatisticsCounts(
        prompts=4,
        reminders=3,
        returned=6,
        shown=2,
        opened=1,
        recognized=2,
        repeated_all=2,
        refused=1,
        savings_fen=1250,
        unpriced=1,
    )
    rates = {each.name: (each.numerator, each.denominator, each.of) for each in row.rates}
    assert rates == {
        "reminders_of_prompts": (3, 4, "prompts"),
        "shown_of_returned": (2, 6, "eligible results"),
        "opened_of_returned": (1, 6, "eligible results"),
        "recognized_of_reminders": (2, 3, "reminders"),
        "recognized_of_opened": (2, 1, "retrievals"),
        "recognized_of_returned": (2, 6, "eligible results"),
        "recognized_of_decided": (2, 4, "decisions"),
        "refused_of_decided": (1, 4, "decisions"),
    }
    by_item = (await ask(site, v1.GROUPING_SPECIALTY, v1.GROUPING_ITEM)).rows
    assert [(*each.group, *each.group_zh, *each.group_en) for each in by_item] == [
        ("laboratory", "LAB-K", "检验", "钾", "laboratory", "potassium"),
        ("laboratory", "LAB-NA", "检验", "钠", "laboratory", "sodium"),
    ]
    assert [(each.counts.prompts, each.counts.returned, each.counts.savings_fen) for each in by_item] == [
        (0, 3, 1250),
        (0, 3, 0),
    ]
    grounds = (await ask(site, v1.GROUPING_GROUND)).rows
    assert [(*each.group_en, each.counts.repeated_all, each.counts.refused, len(each.rates)) for each in grounds] == [
        ("emergency", 1, 1, 0),
        ("images not received", 1, 0, 0),
    ]
    [department] = (await ask(site, v1.GROUPING_RECEIVER, v1.GROUPING_DEPARTMENT)).rows
    assert (*department.group, *department.group_zh) == ("H2", context().department, "市医院", context().department)
    assert department.counts == row.counts


async def test_who_sees_what(site: Site, day: list[Any]) -> None:
    everything = (await ask(site, who=("registry", "supervisor"))).rows[0].counts
    assert everything == (await ask(site, who=("registry", "admin"))).rows[0].counts == (await ask(site)).rows[0].counts
    source = (await ask(site, v1.GROUPING_RECEIVER, who=("H1", "emr"), source="H1")).rows
    assert [(*each.group, each.counts.returned, each.counts.recognized) for each in source] == [("H2", 6, 2)]
    for role in ("emr", "admin"):
        assert (await ask(site, who=("H1", role))).rows[0].counts == v1.StatisticsCounts()
        assert (await refused(ask(site, who=("H1", role), receiver="H2"))).reason == "ROLE_NOT_ALLOWED"
    for filters in ({"receiver": "H2"}, {"source": "H2"}):
        assert (await refused(ask(site, who=("H1", "emr"), **filters))).reason == "ROLE_NOT_ALLOWED"
    found = await refused(ask(site, v1.GROUPING_DEPARTMENT, who=("H1", "emr"), source="H1"))
    assert (found.code, found.paths) == ("INVALID_ARGUMENT", ("filter.receiver",))
    assert (await refused(ask(site, who=("H2", "feed")))).reason == "ROLE_NOT_ALLOWED"


async def test_rows_lead_back_to_the_receivers_own_prompts(site: Site, day: list[Any]) -> None:
    first = day[0]
    recognized = await rows(site, v1.STATISTICS_MEASURE_RECOGNIZED)
    assert {(row.prompt_id, row.item, row.source, row.receiver) for row in recognized} == {
        (first.prompt_id, item, "H1", "H2") for item in ("LAB-K", "LAB-NA")
    }
    assert {(row.item, row.HasField("price_fen"), row.price_fen) for row in recognized} == {
        ("LAB-K", True, 1250),
        ("LAB-NA", False, 0),
    }
    assert {row.department for row in recognized} == {context().department}
    [unpriced] = await rows(site, v1.STATISTICS_MEASURE_UNPRICED)
    assert unpriced.item == "LAB-NA"
    [refusal] = await rows(site, v1.STATISTICS_MEASURE_REFUSED)
    assert (refusal.prompt_id, refusal.ground) == (day[1].prompt_id, "4")
    assert len(await rows(site, v1.STATISTICS_MEASURE_REPEATED, ground="98")) == 1
    prompts = await rows(site, v1.STATISTICS_MEASURE_PROMPTS, size=1)
    assert {row.prompt_id for row in prompts} == {answer.prompt_id for answer in day}
    assert [row.item for row in prompts] == [""] * 4
    returned = await rows(site, v1.STATISTICS_MEASURE_RETURNED, size=4)
    assert len({(row.prompt_id, row.item) for row in returned}) == len(returned) == 6
    assert {row.day for row in returned} <= {today(), returned[0].day}
    leaf = records(site)[-1]
    assert (leaf.practitioner, leaf.encounter, leaf.purpose, leaf.outcome, leaf.consent_basis) == (
        "质控员",
        "质控-2026-07",
        "quality",
        "found",
        "statistics",
    )
    assert len(leaf.patient_keys) == 1
    assert len(leaf.reports) == 2


async def test_a_source_gets_rows_that_open_nothing(site: Site, day: list[Any]) -> None:
    own = {row.prompt_id for row in await rows(site, v1.STATISTICS_MEASURE_RECOGNIZED)}
    for who, department in (
        (("H1", "emr"), ""),
        (("H1", "admin"), ""),
        (("registry", "supervisor"), context().department),
    ):
        found = await rows(site, v1.STATISTICS_MEASURE_RECOGNIZED, who=who, source="H1")
        assert len(found) == 2
        assert {(row.receiver, row.department) for row in found} == {("H2", department)}
        assert not own & {row.prompt_id for row in found}
    source = await rows(site, v1.STATISTICS_MEASURE_RECOGNIZED, who=("H1", "emr"), source="H1")
    sent = reuse_service_pb2.Decision(
        prompt_id=source[0].prompt_id,
        item="LAB-K",
        kind=reuse_service_pb2.DECISION_KIND_REVOKED,
        decided_at=day[0].judged_at,
    )
    request = reuse_service_pb2.RecordDecisionsRequest(context=context(), decisions=[sent])
    [result] = (await site.asking("H1").RecordDecisions(request, timeout=10)).results
    assert result.outcome == reuse_service_pb2.DECISION_OUTCOME_REFUSED
    reading = reuse_service_pb2.GetReportRequest(report_id="h", context=context(), prompt_id=source[0].prompt_id)
    assert (await refused(site.asking("H1").GetReport(reading, timeout=10))).paths == ("prompt_id",)
    leaf = records(site)[-1]
    assert (leaf.institution, leaf.role, leaf.practitioner) == ("H1", "emr", "质控员")
    assert next(each for each in records(site) if each.role == "supervisor").purpose == "administration"


async def test_who_looks_and_what_for_is_asked_of_institutions(site: Site, day: list[Any]) -> None:
    request = v1.ListStatisticsRowsRequest(filter=which(), measure=v1.STATISTICS_MEASURE_RETURNED)
    for missing, paths in (
        ({"practitioner": ""}, ("context.practitioner",)),
        ({"encounter": ""}, ("context.encounter",)),
        ({"purpose": reuse_service_pb2.PURPOSE_TREATMENT}, ("context.purpose",)),
        ({"purpose": 0}, ("context.purpose",)),
    ):
        request.context.CopyFrom(looker(**missing))
        found = await refused(statistics(site).ListStatisticsRows(request, timeout=10))
        assert (found.code, found.paths) == ("INVALID_ARGUMENT", paths)
    found = await refused(statistics(site, "H2", "admin").ListStatisticsRows(request, timeout=10))
    assert found.paths == ("context.purpose",)
    # Supervision may say it, too.
    for given, noted in ((looker(), "质控员"), (reuse_service_pb2.CallContext(), "")):
        request.context.CopyFrom(given)
        await statistics(site, "registry", "supervisor").ListStatisticsRows(request, timeout=10)
        assert (records(site)[-1].practitioner, records(site)[-1].purpose) == (noted, "administration")
    asked = chart(person(1))
    asked.context.purpose = reuse_service_pb2.PURPOSE_QUALITY
    found = await refused(site.asking("H2").OpenChart(asked, timeout=10))
    assert found.paths == ("context.purpose",)


@pytest.mark.parametrize(
    ("filters", "by", "paths"),
    [
        ({"first_day": ""}, (), ("filter.first_day",)),
        ({"first_day": "20260401"}, (), ("filter.first_day",)),
        ({"last_day": "2026-02-30"}, (), ("filter.last_day",)),
        ({"first_day": "2026-04-02", "last_day": "2026-04-01"}, (), ("filter.last_day",)),
        ({"first_day": "2025-01-01", "last_day": "2026-02-05"}, (), ("filter.last_day",)),
        ({"specialty": 9}, (), ("filter.specialty",)),
        ({}, (1, 1), ("group_by",)),
        ({}, (1, 2, 3, 4), ("group_by",)),
        ({}, (0, 99), ("group_by[0]", "group_by[1]")),
        ({"first_day": "2026-01-01", "last_day": "2026-02-01"}, (2, 3, 5), ("filter",)),
        ({"first_day": "2026-01-02", "last_day": "2026-03-30"}, (2, 5), ("filter",)),
        ({"first_day": "2026-01-01", "last_day": "2026-03-31", "department": "内科"}, (1, 5), ("filter",)),
    ],
)
async def test_what_cannot_be_asked(
    site: Site, filters: dict[str, Any], by: tuple[int, ...], paths: tuple[str, ...]
) -> None:
    wanted = v1.StatisticsFilter(**({"first_day": "2026-01-01", "last_day": "2026-01-31"} | filters))
    request = v1.GetStatisticsRequest(filter=wanted, group_by=by)
    found = await refused(statistics(site, "registry", "supervisor").GetStatistics(request, timeout=10))
    assert (found.code, found.paths) == ("INVALID_ARGUMENT", paths)


@pytest.mark.parametrize(
    ("filters", "by"),
    [
        ({}, (2, 5)),
        ({}, (1, 2, 5)),
        ({"source": "H1"}, (3, 4, 5)),
        ({"receiver": "H2", "department": "内科"}, (2, 5)),
        ({"last_day": "2026-02-28"}, (2, 3)),
    ],
)
async def test_what_can_be_asked_of_a_long_time(site: Site, filters: dict[str, Any], by: tuple[int, ...]) -> None:
    wanted = v1.StatisticsFilter(**({"first_day": "2025-03-01", "last_day": "2026-03-31"} | filters))
    request = v1.GetStatisticsRequest(filter=wanted, group_by=by)
    await statistics(site, "registry", "supervisor").GetStatistics(request, timeout=10)


async def test_pages_are_good_for_their_own_question_and_caller(site: Site, day: list[Any]) -> None:
    request = v1.GetStatisticsRequest(filter=which(receiver="H2"), group_by=[v1.GROUPING_ITEM], page_size=1)
    first = await statistics(site).GetStatistics(request, timeout=10)
    request.page_token = first.next_page_token
    second = await statistics(site).GetStatistics(request, timeout=10)
    assert [*first.rows[0].group, *second.rows[0].group, second.next_page_token] == ["LAB-K", "LAB-NA", ""]
    stolen = await refused(statistics(site, "registry", "supervisor").GetStatistics(request, timeout=10))
    assert stolen.reason == "PAGE_TOKEN_INVALID"
    request.filter.department = "x"
    assert (await refused(statistics(site).GetStatistics(request, timeout=10))).reason == "PAGE_TOKEN_INVALID"


async def test_feeds_are_fresh_or_behind(site: Site, day: list[Any]) -> None:
    everybody = statistics(site, "registry", "supervisor")
    request = v1.ListFeedFreshnessRequest(page_size=2)
    first = await everybody.ListFeedFreshness(request, timeout=10)
    request.page_token = first.next_page_token
    second = await everybody.ListFeedFreshness(request, timeout=10)
    feeds = {feed.institution.code: feed for feed in [*first.feeds, *second.feeds]}
    assert list(feeds) == ["H1", "H2", "T1"]
    assert (len(first.feeds), second.next_page_token) == (2, "")
    assert (feeds["H1"].reports, feeds["H1"].held, feeds["H1"].behind) == (6, 0, False)
    assert feeds["H1"].HasField("last_received_at")
    assert not feeds["T1"].HasField("last_received_at")
    [own] = (await statistics(site).ListFeedFreshness(v1.ListFeedFreshnessRequest(), timeout=10)).feeds
    assert (own.institution.code, own.institution.name) == ("H2", "市医院")


@pytest.mark.parametrize(
    ("scope", "target"),
    [(consent_service_pb2.DIRECTIVE_SCOPE_EVERYTHING, ""), (consent_service_pb2.DIRECTIVE_SCOPE_INSTITUTION, "H1")],
)
async def test_what_is_withheld_by_now_has_no_rows(site: Site, serials: Iterator[int], scope: int, target: str) -> None:
    serial = next(serials)
    answer = await visit(site, serial)
    await record(site, answer, "LAB-K", RECOGNIZED)
    await count(site)
    measures = (v1.STATISTICS_MEASURE_REMINDERS, v1.STATISTICS_MEASURE_RETURNED, v1.STATISTICS_MEASURE_RECOGNIZED)

    async def found(measure: int) -> bool:
        return answer.prompt_id in {row.prompt_id for row in await rows(site, measure, size=1000)}

    assert all([await found(measure) for measure in measures])
    before = (await ask(site)).rows[0].counts
    deciding = consent_service_pb2_grpc.ConsentServiceStub(site.channel("H2", "emr"))
    directive = consent_service_pb2.Directive(
        effect=consent_service_pb2.DIRECTIVE_EFFECT_WITHHOLD, scope=scope, target=target
    )
    request = consent_service_pb2.PutDirectiveRequest(
        request_id=f"st-{serial}", patient=question(person(serial)), context=context(), directive=directive
    )
    put = (await deciding.PutDirective(request, timeout=10)).directive
    assert not any([await found(measure) for measure in measures])
    withheld = [reason for _, _, reason in records(site)[-1].withheld]
    assert withheld == ["CONSENT_WITHHELD"]
    # That the chart was opened is the institution's own act, and the number is of what was counted then.
    assert await found(v1.STATISTICS_MEASURE_PROMPTS)
    assert (await ask(site)).rows[0].counts == before
    back = consent_service_pb2.RevokeDirectiveRequest(
        directive_id=put.directive_id, patient=question(person(serial)), context=context()
    )
    await deciding.RevokeDirective(back, timeout=10)
    assert all([await found(measure) for measure in measures])
