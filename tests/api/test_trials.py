"""Trials of a connection (validate_only): answered, silent about everybody, and nothing is left but a record."""

import asyncio
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator

import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from hutong.v1 import registry_service_pb2, reuse_service_pb2
from hutong_server.store.engine import database_of
from hutong_server.store.tables import metadata
from sqlalchemy import create_engine, func, select

from tests.api.documents import CATALOG, chart, context, lab_report, person, publish, question
from tests.api.site import Material, Site, refused, start_site
from tests.api.test_answer_counts import counted
from tests.api.test_refusals_on_record import last

OF_THE_LEDGER = {"access_record", "ledger_log", "ledger_root", "ledger_checkpoint", "ledger_subject"}
BY_ITSELF = {"unmapped_share", "notice_sweep", "intake_count"}
"""What a running server writes now and then, whoever calls; `intake_count` of what was published in earnest."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def tried(material: Material, module_store_url: str) -> AsyncIterator[tuple[Site, str]]:
    started = await start_site(material, module_store_url)
    await started.load(CATALOG)
    yield started, module_store_url
    await started.close()


def rows(url: str) -> dict[str, int]:
    """How many rows each table has, the ledger's and those of running aside."""
    engine = create_engine(database_of(url))
    with engine.connect() as connection:
        found = {
            name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in metadata.tables.items()
            if name not in OF_THE_LEDGER | BY_ITSELF
        }
    engine.dispose()
    return found


def published(site: Site) -> list[str]:
    """What the page of metrics says of reports that were published."""
    assert site.registry is not None
    url = f"http://127.0.0.1:{site.registry.metrics_port}/metrics"
    with urllib.request.urlopen(url, timeout=5) as page:
        lines: list[str] = page.read().decode().splitlines()
    return [line for line in lines if line.startswith("hutong_reports_published_total{")]


async def test_a_trial_prompt_shows_nobody_and_leaves_a_record(tried: tuple[Site, str], serials: Iterator[int]) -> None:
    site, url = tried
    patient = person(next(serials))
    await site.publishing("H1").PublishReport(publish(lab_report("trial-1", patient)), timeout=10)
    asked = chart(patient, "trial")
    # He has something to show, to whoever really asks.
    assert (await site.asking("H2").OpenChart(asked, timeout=10)).outcome == reuse_service_pb2.OUTCOME_FOUND
    before, prompts = rows(url), await counted(site)

    asked.validate_only = asked.include_not_reusable = True
    answer = await site.asking("H2").OpenChart(asked, timeout=10)
    assert answer.outcome == reuse_service_pb2.OUTCOME_NONE
    assert (answer.prompt_id, list(answer.lines), answer.not_reusable_count) == ("", [], 0)
    assert answer.rules_version
    assert answer.coverage
    assert rows(url) == before
    assert await counted(site) == prompts
    kept = await last(site)
    assert (kept.method, kept.outcome, kept.institution, kept.practitioner) == ("OpenChart", "checked", "H2", "D1")
    assert (kept.prompt_id, kept.reports) == (b"", ())

    # Somebody whom nobody knows is answered alike.
    unknown = chart(person(next(serials)), "trial-2", validate_only=True, include_not_reusable=True)
    other = await site.asking("H2").OpenChart(unknown, timeout=10)
    other.judged_at.CopyFrom(answer.judged_at)
    assert other == answer


async def test_a_trial_prompt_is_checked_as_any_other(tried: tuple[Site, str], serials: Iterator[int]) -> None:
    site, url = tried
    before = rows(url)
    asked = chart(person(next(serials)), "trial-3", validate_only=True)
    assert (await refused(site.asking("H2", "feed").OpenChart(asked))).reason == "ROLE_NOT_ALLOWED"
    asked.patient.identifiers[0].value = asked.patient.identifiers[0].value[:-1] + "?"
    assert (await refused(site.asking("H2").OpenChart(asked))).reason == "PATIENT_IDENTIFIER_INVALID"
    emergency = reuse_service_pb2.OpenChartRequest(
        request_id="trial-4",
        patient=question(person(next(serials))),
        context=context(purpose="PURPOSE_EMERGENCY", break_glass_reason="昏迷"),
        validate_only=True,
    )
    found = await refused(site.asking("H2").OpenChart(emergency))
    assert found.paths == ("context.break_glass_reason",)
    assert rows(url) == before


async def test_a_trial_publish_leaves_a_record_and_no_patient(tried: tuple[Site, str], serials: Iterator[int]) -> None:
    site, url = tried
    await site.publishing("H1").PublishReport(publish(lab_report("trial-6", person(next(serials)))), timeout=10)
    before, counted_before = rows(url), await asyncio.to_thread(published, site)
    assert counted_before
    document = publish(lab_report("trial-5", person(next(serials))), validate_only=True)
    answer = await site.publishing("H1").PublishReport(document, timeout=10)
    assert answer.results[0].outcome == registry_service_pb2.PUBLISH_OUTCOME_ACCEPTED_WITH_WARNINGS
    kept = await last(site)
    assert (kept.method, kept.outcome, kept.institution) == ("PublishReport", "checked,accepted_with_warnings", "H1")
    assert (kept.patient_keys, kept.reports, kept.contents) == ((), (), ())
    assert rows(url) == before
    assert await asyncio.to_thread(published, site) == counted_before


async def test_a_trial_publish_tells_nothing_of_whom_the_registry_knows(
    tried: tuple[Site, str], serials: Iterator[int]
) -> None:
    site, _ = tried
    serial = next(serials)
    for name in ("张三", "李四"):
        await site.publishing("H1").PublishReport(publish(lab_report(f"trial-7-{name}", person(serial, name=name))))
    answers = []
    for whose, only_checked in ((serial, True), (next(serials), True), (serial, False)):
        nameless = {name: value for name, value in person(whose).items() if name != "name"}
        document = publish(lab_report("trial-8", nameless), validate_only=only_checked)
        answers.append(await site.publishing("H2").PublishReport(document, timeout=10))
    assert answers[0] == answers[1]
    # In earnest it agrees with both persons, and is held.
    assert answers[2].results[0].outcome == registry_service_pb2.PUBLISH_OUTCOME_HELD


async def test_trials_of_a_stream_are_on_record_also_what_is_no_document(
    tried: tuple[Site, str], serials: Iterator[int]
) -> None:
    site, url = tried
    await site.publishing("H1").PublishReport(publish(lab_report("trial-6", person(next(serials)))), timeout=10)
    before, counted_before = rows(url), await asyncio.to_thread(published, site)
    request = registry_service_pb2.PublishReportsRequest
    sent = [
        request(feed="lis", position="1", report=publish(lab_report("t-6", person(next(serials))), validate_only=True)),
        request(position="2", report=publish(b"no document", validate_only=True)),
    ]
    answers = [answer async for answer in site.publishing("H1").PublishReports(iter(sent), timeout=20)]
    assert [bool(answer.issues) for answer in answers] == [False, True]
    assert (await last(site)).outcome == "checked,rejected"
    assert await asyncio.to_thread(published, site) == counted_before
    assert rows(url) == before


async def test_health_tells_the_time(tried: tuple[Site, str]) -> None:
    site, _ = tried
    call = health_pb2_grpc.HealthStub(site.channel("H2", "emr")).Check(health_pb2.HealthCheckRequest(), timeout=10)
    told = dict(await call.initial_metadata())["hutong-time"]
    assert abs(int(told) / 1000 - time.time()) < 5
