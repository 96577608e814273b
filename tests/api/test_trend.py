"""GetTrend over real mTLS, on both databases."""

import datetime
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from hutong.v1 import reuse_service_pb2

from tests.api.documents import CATALOG, context, lab_report, person, publish, question
from tests.api.site import Material, Site, refused, start_site

FOUND, NONE = reuse_service_pb2.OUTCOME_FOUND, reuse_service_pb2.OUTCOME_NONE
MASS = {
    "items.yaml": """
items:
  - {code: LAB-K, name_zh: 钾, name_en: potassium, specialty: laboratory, loinc: [2823-3], specimen: [SERUM],
     window_days: 7, molar_mass: "39.0983"}
"""
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(material: Material, module_store_url: str) -> AsyncIterator[Site]:
    started = await start_site(material, module_store_url)
    await started.load(CATALOG)
    await started.load(MASS)
    yield started
    await started.close()


def measured(identifier: str, patient: dict[str, Any], value: str, unit: str, days_ago: float, **more: Any) -> Any:
    document = lab_report(identifier, patient, value=value, days_ago=days_ago, **more)
    quantity = document["contained"][2]["valueQuantity"]
    quantity.clear()
    quantity |= {"value": float(value), "unit": unit}
    if unit.isascii():
        quantity |= {"system": "http://unitsofmeasure.org", "code": unit}
    return publish(document)


async def ask(site: Site, patient: dict[str, Any], **more: Any) -> Any:
    request = reuse_service_pb2.GetTrendRequest(
        patient=question(patient), context=context(), **({"item": "LAB-K"} | more)
    )
    return await site.asking("H2").GetTrend(request, timeout=30)


async def test_a_line_across_institutions_in_the_sources_units(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    for number, (institution, value, unit, days) in enumerate(
        [("H1", "4.5", "mmol/L", 30), ("T1", "17.6", "mg/dL", 20), ("H1", "4.1", "mmol/L", 2), ("T1", "9.0", "格", 10)]
    ):
        document = measured(f"t-{number}", patient, value, unit, days)
        await site.publishing(institution).PublishReport(document, timeout=10)
    await site.publishing("H1").PublishReport(publish(lab_report("t-na", patient, code="2951-2")), timeout=10)
    answer = await ask(site, patient)
    assert (answer.outcome, answer.item.code, len(answer.coverage)) == (FOUND, "LAB-K", 1)
    shown = [
        (each.unit, each.group, [(point.value, point.converted, point.result.issuer.code) for point in each.points])
        for each in answer.series
    ]
    assert shown == [
        ("mmol/L", 0, [("4.5", "", "H1"), ("4.1", "", "H1")]),
        ("格", 1, [("9.0", "", "T1")]),
        ("mg/dL", 0, [("17.6", "4.50", "T1")]),
    ]
    conversion = answer.series[2].conversion
    assert (conversion.unit, conversion.factor, conversion.molar_mass) == ("mmol/L", "100000/390983", "39.0983")
    assert [point.result.reusable for point in answer.series[0].points] == [False, True]
    assert answer.series[0].points[0].result.detail.value.text == "4.5 mmol/L"
    in_mass = await ask(site, patient, unit="mg/dL")
    assert [[point.converted for point in each.points] for each in in_mass.series] == [["17.6", "16.0"], [""], [""]]


async def test_only_what_is_a_point_of_this_patient(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    await site.publishing("H1").PublishReport(measured("p-1", patient, "4.5", "mmol/L", 30), timeout=10)
    await site.publishing("H1").PublishReport(measured("p-2", patient, "4.6", "mmol/L", 20), timeout=10)
    await site.publishing("H1").PublishReport(
        publish(lab_report("p-2", patient, status="entered-in-error", days_ago=19)), timeout=10
    )
    await site.publishing("H1").PublishReport(measured("p-3", patient, "4.7", "mmol/L", 10), timeout=10)
    (series,) = (await ask(site, patient)).series
    assert [point.value for point in series.points] == ["4.5", "4.7"]
    request = reuse_service_pb2.GetTrendRequest(patient=question(patient), context=context(), item="LAB-K")
    since = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=15)
    request.taken_from.FromDatetime(since)
    (newer,) = (await site.asking("H2").GetTrend(request, timeout=30)).series
    assert [point.value for point in newer.points] == ["4.7"]
    request.taken_before.FromDatetime(since)
    assert (await site.asking("H2").GetTrend(request, timeout=30)).outcome == NONE
    assert (await ask(site, person(next(serials)))).outcome == NONE


@pytest.mark.parametrize(
    ("more", "code", "paths"),
    [
        ({"item": ""}, "INVALID_ARGUMENT", ("item",)),
        ({"item": "LAB-NONE"}, "NOT_FOUND", ()),
        ({"unit": "furlongs per fortnight"}, "INVALID_ARGUMENT", ("unit",)),
        ({"unit": "x" * 100}, "INVALID_ARGUMENT", ("unit",)),
    ],
)
async def test_what_cannot_be_asked(
    site: Site, serials: Iterator[int], more: dict[str, str], code: str, paths: tuple[str, ...]
) -> None:
    found = await refused(ask(site, person(next(serials)), **more))
    assert (found.code, found.paths) == (code, paths)
