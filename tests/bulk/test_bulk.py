"""The bulk path leaves what the real path leaves: the same documents, sent through the API, change nothing; another
person with the same reports, published through the API, has the same rows and the same chart."""

import dataclasses
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from hutong.v1 import registry_service_pb2, report_pb2, reuse_service_pb2
from hutong_client.city.identity import RESIDENT_NUMBER
from hutong_server.domain.report import Report
from hutong_server.fhir.intake import Reading, read_document
from hutong_server.store.base import StoredReport
from hutong_server.store.index_view import IndexView
from hutong_server.store.ledger_view import SqlLedgerView
from hutong_server.trust.ledger import checkpoint_key
from hutong_server.trust.ledger_check import verify

from tests.api.site import Material, Site, start_site
from tests.bench.places import SAMPLE
from tests.bulk.load import NotEmpty, Plan, chosen_for, city_of, load, number_of, pour_city
from tests.bulk.moulds import ZONE, Mould, Person, Poured, make_moulds

PATIENTS = 6
MOULDS = 24


@dataclasses.dataclass
class Loaded:
    """A registry on a database that was loaded in bulk."""

    site: Site
    plan: Plan
    moulds: dict[str, list[Mould]]
    now: int

    def person(self, index: int) -> Person:
        return Person(city_of(max(PATIENTS, index + 1), self.now).patients[index])

    def twin(self, index: int) -> Person:
        """Somebody of the same sex who was not loaded."""
        sex = self.person(index).patient.sex
        return next(each for each in map(self.person, range(PATIENTS, 100)) if each.patient.sex == sex)

    def read(self, job: Any) -> Any:
        registry: Any = self.site.registry
        return registry.store.read(job)

    def rows(self, person: Person) -> list[StoredReport]:
        """Of a person, without what is random and when it came; in order."""
        registry: Any = self.site.registry
        token = registry._ring.tokens.patient(RESIDENT_NUMBER, "", person.patient.resident_number)
        (found,) = self.read(lambda reader: reader.persons([token]))
        assert [said for _, said in found.records] == [person.demographics]
        rows = self.read(lambda reader: reader.reports(found.keys))
        plain = [
            dataclasses.replace(
                row, patient_key=b"", report_id=b"", received=0, results=tuple(row.results), details=tuple(row.details)
            )
            for row in rows
        ]
        return sorted(plain, key=lambda row: (row.institution, row.effective or 0, row.header, row.details))

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


async def test_the_same_documents_change_nothing(loaded: Loaded) -> None:
    sent = 0
    for index in range(PATIENTS):
        person = loaded.person(index)
        for turn, mould in enumerate(chosen_for(person, loaded.moulds, index)):
            result = await loaded.publish(mould, person, number_of(mould, index, turn))
            assert result.unchanged, result
            sent += 1
    assert sent > PATIENTS


async def test_another_person_with_the_same_reports_has_the_same_rows_and_chart(loaded: Loaded) -> None:
    one, other = loaded.person(0), loaded.twin(0)
    for turn, mould in enumerate(chosen_for(one, loaded.moulds, 0)):
        result = await loaded.publish(mould, other, number_of(mould, 999, turn))
        assert (result.unchanged, result.outcome) == (False, registry_service_pb2.PUBLISH_OUTCOME_ACCEPTED)
    assert loaded.rows(one) == loaded.rows(other)
    offered = 0
    for asker in sorted({each.institution for moulds in loaded.moulds.values() for each in moulds}):
        charts = [await loaded.chart(each, asker) for each in (one, other)]
        for chart in charts:
            _without_ids(chart)
            offered += len(chart.lines) + chart.other_result_count
        assert charts[0] == charts[1]
    assert offered > 0


def _without_ids(message: Any) -> None:
    """Takes out what is sealed for one answer, and when it was given."""
    for field, value in message.ListFields():
        if field.name.endswith("_id") or field.name in ("judged_at", "prompt_id"):
            message.ClearField(field.name)
        elif field.message_type is not None and field.message_type.full_name.startswith("hutong."):
            for each in value if field.is_repeated else [value]:
                _without_ids(each)


async def test_the_loaded_registry_verifies_with_its_index(loaded: Loaded) -> None:
    settings = loaded.plan.settings
    key = checkpoint_key(settings.registry_name, settings.ledger_key)
    found = loaded.read(lambda tx: verify(SqlLedgerView(tx), key.verifier, (), IndexView(tx)))
    assert found.faults == []
    published = [each for _, each in loaded.read(lambda reader: reader.access_records()) if each.outcome == "accepted"]
    assert len(published) > PATIENTS


def test_a_registry_with_patients_is_not_loaded_into(loaded: Loaded) -> None:
    with pytest.raises(NotEmpty):
        load(loaded.plan, 1, print)


def test_a_text_is_poured_for_somebody_else() -> None:
    poured = Poured.of("a 17 b 17 17-18", {"number": "17", "other": "18"})
    assert poured.filled({"number": "5", "other": "x"}) == "a 5 b 5 5-x"
    assert poured.filled({"number": "17", "other": "18"}) == "a 17 b 17 17-18"


async def test_a_poured_document_is_about_nobody_else(loaded: Loaded) -> None:
    reading = Reading(zone=ZONE, now=loaded.now)
    for index in range(PATIENTS):
        person = loaded.person(index)
        for mould in loaded.moulds[person.patient.sex]:
            text = mould.sent.filled(person.slots(mould, "R-1"))
            (report,) = read_document(text.encode(), reading=reading)
            assert isinstance(report, Report)
            stated = {(each.system, each.value) for each in report.identifiers}
            assert stated == {(each.system, each.value) for each in person.identifiers(mould)}
            assert report.identity_value == "R-1"
            assert report.digest == mould.digest(person.slots(mould, "R-1"))
            said = report.demographics
            assert (said.names, said.birth_date, said.sex) == dataclasses.astuple(person.demographics)
