"""What the night shift sees on the page of metrics: of a real registry, after something happened."""

import asyncio
import urllib.request
from collections.abc import AsyncIterator, Iterator

import pytest_asyncio
from hutong_server.api.observations import GRANT_LABELS, grants_by_days_left
from hutong_server.app import now
from hutong_server.domain.recognition import Dates, QualityGrant
from hutong_server.domain.rulebook import RuleBook
from prometheus_client.parser import text_string_to_metric_families

from tests.api.documents import CATALOG, chart, lab_report, person, publish
from tests.api.site import Material, Site, start_site


@pytest_asyncio.fixture(loop_scope="session")
async def site(material: Material, store_url: str) -> AsyncIterator[Site]:
    started = await start_site(material, store_url)
    await started.load(CATALOG)
    yield started
    await started.close()


async def page(site: Site) -> dict[tuple[str, tuple[str, ...]], float]:
    """Values by name and values of the labels."""
    assert site.registry is not None
    await site.registry.observations.look()
    url = f"http://127.0.0.1:{site.registry.metrics_port}/metrics"
    text = await asyncio.to_thread(lambda: urllib.request.urlopen(url, timeout=5).read().decode())
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_feeds_held_reports_and_the_ledger_are_seen(site: Site, serials: Iterator[int]) -> None:
    before = await page(site)
    assert before["hutong_feed_last_received_timestamp_seconds", ("H1",)] == 0
    assert sum(value for (name, _), value in before.items() if name == "hutong_institutions") >= 2
    patient = person(next(serials))
    await site.publishing("H1").PublishReport(publish(lab_report("seen-1", patient)), timeout=10)
    nameless = {name: value for name, value in patient.items() if name in ("resourceType", "id", "identifier")}
    await site.publishing("H1").PublishReport(publish(lab_report("seen-2", nameless)), timeout=10)
    await site.asking("H2").OpenChart(chart(patient), timeout=10)
    # The event loop's timer comes once in a quarter of a second.
    await asyncio.sleep(0.3)
    after = await page(site)
    received = after["hutong_feed_last_received_timestamp_seconds", ("H1",)]
    assert 0 <= now() / 1000 - received < 60
    assert after["hutong_feed_behind", ("H1",)] == 0
    assert after["hutong_reports_held", ()] == before["hutong_reports_held", ()] + 1
    assert after["hutong_ledger_leaves", ()] >= before["hutong_ledger_leaves", ()] + 3
    assert after["hutong_ledger_last_checkpoint_timestamp_seconds", ()] >= received - 1
    assert after["hutong_ledger_export_lag_seconds", ()] == 0
    assert after["hutong_write_jobs_waiting", ()] >= 0
    assert after["hutong_event_loop_lag_seconds_count", ()] > 0
    # By the names of the labels: category, outcome, tier.
    published = {labels for (name, labels) in after if name == "hutong_reports_published_total"}
    assert published == {
        ("laboratory", "accepted_with_warnings", "secondary"),
        ("laboratory", "held", "secondary"),
    }


async def test_disk_is_watched_where_the_registry_keeps_things(site: Site, store_url: str) -> None:
    found = {labels for name, labels in await page(site) if name == "hutong_disk_free_bytes"}
    assert found == ({("database",)} if store_url.startswith("sqlite") else set())


def test_grants_are_counted_by_days_left() -> None:
    def grant(valid_from: str, valid_to: str) -> QualityGrant:
        return QualityGrant("H1", ("*",), "national", "全国HR", dates=Dates(valid_from, valid_to))

    book = RuleBook(
        grants=[
            grant("2026-01-01", "2026-06-30"),
            grant("2026-01-01", "2026-07-30"),
            grant("2026-01-01", "2026-08-29"),
            grant("", ""),
            grant("2026-01-01", "2026-06-29"),
            grant("2026-07-01", ""),
        ]
    )
    assert grants_by_days_left(book, "2026-06-30") == dict(zip(GRANT_LABELS, (1, 2, 1), strict=True))
