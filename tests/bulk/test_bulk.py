"""The bulk path leaves what the real path leaves: the same documents, sent through the API, change nothing; another
person with the same reports, published through the API, has the same rows and the same chart."""

import dataclasses
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from hutong.v1 import registry_service_pb2, report_pb2, reuse_service_pb2
from hutong_client.city.identity import RESIDENT_NUMBER

from tests.api.site import Material, Site, start_site
from tests.bench.places import SAMPLE
from tests.bulk.load import Plan, chosen_for, city_of, load, number_of, pour_city
from tests.bulk.moulds import Mould, Person, make_moulds

PATIENTS = 6
MOULDS = 24
_NO_ANSWER = ("registered_at", "received_at")


@dataclasses.dataclass
class Loaded:
    """A registry on a database that was loaded in bulk."""

    site: Site
    plan: Plan
    moulds: dict[str, list[Mould]]
    now: int

    def person(self, index: int) -> Person:
        return Person(city_of(PATIENTS, self.now).patients[index])

    async def publish(self, mould: Mould, person: Person, number: str) -> Any:
        text = mould.sent.filled(person.slots(mould, number))
        request = registry_service_pb2.PublishReportRequest(document=text.encode())
        (result,) = (await self.site.publishing(mould.institution).PublishReport(request, timeout=20)).results
        return result

    async def chart(self, person: Person, asker: str) -> Any:
        patient = person.patient
        request = reuse_service_pb2.OpenChartRequest(
            request_id=f"r-{patient.resident_number}",
            patient=reuse_service_pb2.PatientQuery(
                identifiers=[report_pb2.PatientIdentifier(system=RESIDENT_NUMBER, value=patient.resident_number)],
                demographics=report_pb2.Demographics(
                    name=patient.name,
                    birth_date=patient.birth_date.isoformat(),
                    sex=report_pb2.SEX_MALE if patient.sex == "male" else report_pb2.SEX_FEMALE,
                ),
            ),
            context=reuse_service_pb2.CallContext(
                practitioner="D1", department="内科", encounter="E1", purpose=reuse_service_pb2.PURPOSE_TREATMENT
            ),
        )
        return await self.site.asking(asker).OpenChart(request, timeout=20)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def loaded(material: Material, module_store_url: str) -> AsyncIterator[Loaded]:
    now = time.time_ns() // 1_000_000
    city = city_of(PATIENTS, now)
    by_shape = {each.shape: each.code for each in city.institutions if each.tier in ("tertiary", "secondary")}
    site = await start_site(material, module_store_url)
    files = {path.name: path.read_text() for path in SAMPLE.glob("*.yaml")}
    made = {name: text.decode() for name, text in city.catalog_files(sorted(by_shape.values())).items()}
    await site.load({**files, **made})
    await site.close()
    plan = Plan(material.environment(module_store_url), PATIENTS, pour_city, moulds=MOULDS)
    assert load(plan, 2, print) >= PATIENTS
    again = await start_site(material, module_store_url)
    registry: Any = again.registry
    moulds = make_moulds(city_of(400, now), registry.rules.book, registry._ring.tokens, now, MOULDS)
    yield Loaded(again, plan, moulds, now)
    await again.close()


@pytest.fixture
def rows(loaded: Loaded) -> Iterator[Any]:
    registry: Any = loaded.site.registry
    return registry.store


async def test_the_same_documents_change_nothing(loaded: Loaded) -> None:
    sent = 0
    for index in range(PATIENTS):
        person = loaded.person(index)
        for turn, mould in enumerate(chosen_for(person, loaded.moulds, index)):
            result = await loaded.publish(mould, person, number_of(mould, index, turn))
            assert result.unchanged, result
            sent += 1
    assert sent > PATIENTS
