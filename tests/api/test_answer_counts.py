"""What the page of metrics tells of charts and orders that were answered."""

import asyncio
import urllib.request
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from tests.api.documents import CATALOG, POTASSIUM, SODIUM, chart, lab_report, person, publish
from tests.api.site import Material, Site, start_site
from tests.api.test_orders import ORDER_CODES, checking, order

Counted = dict[tuple[str, tuple[str, ...]], float]


@pytest_asyncio.fixture(loop_scope="session")
async def site(material: Material, store_url: str) -> AsyncIterator[Site]:
    started = await start_site(material, store_url)
    await started.load({**CATALOG, **ORDER_CODES})
    yield started
    await started.close()


async def counted(site: Site) -> Counted:
    """Prompts and verdicts by their labels."""
    assert site.registry is not None
    url = f"http://127.0.0.1:{site.registry.metrics_port}/metrics"
    text = await asyncio.to_thread(lambda: urllib.request.urlopen(url, timeout=5).read().decode())
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name in ("hutong_prompts_total", "hutong_verdicts_total")
    }


async def grown(site: Site, before: Counted) -> Counted:
    """What came since."""
    after = await counted(site)
    return {key: value - before.get(key, 0) for key, value in after.items() if value != before.get(key, 0)}


def verdicts(**expected: int) -> Counted:
    return {("hutong_verdicts_total", (verdict,)): count for verdict, count in expected.items()}


async def patient_with_results(site: Site, serials: Iterator[int]) -> dict[str, Any]:
    """Potassium: one to reuse, a newer one not final. Sodium: two that are too old."""
    patient = person(next(serials))
    name = patient["identifier"][0]["value"]
    for identifier, more in (
        ("k", {}),
        ("k-new", {"days_ago": 0.1, "status": "preliminary"}),
        ("na", {"code": SODIUM, "days_ago": 8}),
        ("na-2", {"code": SODIUM, "days_ago": 9}),
    ):
        document = lab_report(f"{name}-{identifier}", patient, **{"code": POTASSIUM, **more})
        await site.publishing("H1").PublishReport(publish(document), timeout=10)
    return patient


async def test_charts_count_by_outcome_and_verdicts_by_the_first_reason(site: Site, serials: Iterator[int]) -> None:
    patient = await patient_with_results(site, serials)
    prompts = {("hutong_prompts_total", ("chart", "found")): 1}
    for everything in (False, True):
        before = await counted(site)
        await site.asking("H2").OpenChart(chart(patient, include_not_reusable=everything), timeout=10)
        assert await grown(site, before) == prompts | verdicts(REUSABLE=1, NOT_FINAL=1, OUTSIDE_WINDOW=2)
    before = await counted(site)
    await site.asking("H2").OpenChart(chart(person(next(serials))), timeout=10)
    assert await grown(site, before) == {("hutong_prompts_total", ("chart", "none")): 1}


async def test_orders_count_apart_from_charts_and_each_result_once(site: Site, serials: Iterator[int]) -> None:
    patient = await patient_with_results(site, serials)
    before = await counted(site)
    await site.asking("H2").CheckOrders(checking(patient, order("LYTES"), order("K01")), timeout=10)
    prompts = {("hutong_prompts_total", ("order", "found")): 1}
    assert await grown(site, before) == prompts | verdicts(REUSABLE=1, NOT_FINAL=1, OUTSIDE_WINDOW=2)
