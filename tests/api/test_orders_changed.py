"""What changes between chart and order, on another worker of the same database, is in the answer at ordering."""

import copy
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest_asyncio
from hutong.v1 import consent_service_pb2, consent_service_pb2_grpc, patient_service_pb2, report_pb2, reuse_service_pb2

from tests.api.documents import CATALOG, chart, context, lab_report, person, publish, question
from tests.api.process import ServerProcess
from tests.api.site import Material, Site, start_site
from tests.api.test_orders import FOUND, NOTHING, ORDER_CODES, SATISFIED, check, order

WITHDRAWN = report_pb2.NOT_REUSABLE_REASON_WITHDRAWN


@dataclass
class Workers:
    """Two servers on one database: the doctor asks here, everything else happens there."""

    here: Site
    there: Site

    async def chart_and_order(
        self, patient: dict[str, Any], meanwhile: Callable[[], Awaitable[Any]]
    ) -> tuple[Any, Any, Any]:
        """(chart, order before the change, order after it), the same order each time."""
        opened = await self.here.asking("H2").OpenChart(chart(patient, "chart"), timeout=10)
        before = await check(self.here, patient, order("K01"), request_id="before")
        await meanwhile()
        return opened, before, await check(self.here, patient, order("K01"), request_id="after")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def workers(material: Material, module_store_url: str, tmp_path_factory: Any) -> AsyncIterator[Workers]:
    # The slowest poll that is allowed: what is found at once was found by a fresh read.
    here = await start_site(material, module_store_url, HUTONG_RULES_POLL_SECONDS="1")
    await here.load({**CATALOG, **ORDER_CODES})
    directory: Path = tmp_path_factory.mktemp("other-worker")
    other = ServerProcess(material.environment(module_store_url), directory)
    there = Site(material, other.port)
    yield Workers(here, there)
    await there.close()
    await here.close()
    assert other.end() == 0


async def test_a_report_that_is_withdrawn(workers: Workers, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    document = lab_report("changed-withdrawn", patient)
    await workers.there.publishing("H1").PublishReport(publish(document), timeout=10)

    async def withdraw() -> None:
        taken_back = copy.deepcopy(document) | {"status": "entered-in-error"}
        await workers.there.publishing("H1").PublishReport(publish(taken_back), timeout=10)

    opened, before, after = await workers.chart_and_order(patient, withdraw)
    assert (opened.outcome, before.answers[0].coverage) == (FOUND, SATISFIED)
    (item,) = after.answers[0].items
    assert (after.answers[0].coverage, after.ask, item.HasField("line")) == (NOTHING, False, False)
    assert WITHDRAWN in item.not_reusable[0].reasons


async def test_a_newer_result(workers: Workers, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    await workers.there.publishing("H1").PublishReport(
        publish(lab_report("changed-older", patient, days_ago=2)), timeout=10
    )

    async def newer() -> None:
        document = lab_report("changed-newer", patient, value="6.90")
        await workers.there.publishing("H1").PublishReport(publish(document), timeout=10)

    _, before, after = await workers.chart_and_order(patient, newer)
    values = [each.answers[0].items[0].line.result.detail.value.quantity.value for each in (before, after)]
    assert values == ["4.10", "6.90"]


async def test_what_the_patient_withholds(workers: Workers, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    await workers.there.publishing("H1").PublishReport(publish(lab_report("changed-withheld", patient)), timeout=10)

    async def withhold() -> None:
        request = consent_service_pb2.PutDirectiveRequest(
            request_id="d1",
            patient=question(patient),
            context=context(),
            directive=consent_service_pb2.Directive(
                effect=consent_service_pb2.DIRECTIVE_EFFECT_WITHHOLD,
                scope=consent_service_pb2.DIRECTIVE_SCOPE_EVERYTHING,
            ),
        )
        stub: Any = consent_service_pb2_grpc.ConsentServiceStub(workers.there.channel("H2", "emr"))
        await stub.PutDirective(request, timeout=10)

    _, before, after = await workers.chart_and_order(patient, withhold)
    assert before.answers[0].coverage == SATISFIED
    (item,) = after.answers[0].items
    assert (after.answers[0].coverage, len(item.not_reusable), item.HasField("line")) == (NOTHING, 0, False)


async def test_who_the_patient_is(workers: Workers, serials: Iterator[int]) -> None:
    """Linked: what the other record has is found. Parted: it is gone again."""
    one, other = person(next(serials)), person(next(serials))
    admin = workers.there.patients()
    for number, (patient, code) in enumerate(((one, "2951-2"), (other, "2823-3"))):
        document = lab_report(f"changed-linked-{number}", patient, code=code)
        await workers.there.publishing("H1").PublishReport(publish(document), timeout=10)
    records = []
    for patient in (one, other):
        identifier = report_pb2.PatientIdentifier(**patient["identifier"][0])
        shown = await admin.ShowPatient(patient_service_pb2.ShowPatientRequest(identifier=identifier), timeout=10)
        records.append(shown.persons[0].records[0].record)

    async def link() -> None:
        request = patient_service_pb2.LinkPatientsRequest(record=records[0], other_record=records[1], reason="同一人")
        await admin.LinkPatients(request, timeout=10)

    async def part() -> None:
        request = patient_service_pb2.UnlinkPatientRequest(record=records[1], reason="看错了")
        await admin.UnlinkPatient(request, timeout=10)

    _, before, after = await workers.chart_and_order(one, link)
    assert [each.answers[0].coverage for each in (before, after)] == [NOTHING, SATISFIED]
    _, before, after = await workers.chart_and_order(one, part)
    assert [each.answers[0].coverage for each in (before, after)] == [SATISFIED, NOTHING]


async def test_what_the_rules_say(workers: Workers, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    await workers.there.publishing("H1").PublishReport(publish(lab_report("changed-rules", patient)), timeout=10)
    for window, coverage in ((0, NOTHING), (7, SATISFIED), (0, NOTHING), (7, SATISFIED)):
        items = CATALOG["region.yaml"].replace("window_days: 7", f"window_days: {window}")
        opened = await workers.here.asking("H2").OpenChart(chart(patient, f"rules-{window}"), timeout=10)
        await workers.there.load({**CATALOG, "region.yaml": items})
        # At once, and not when this worker next looks.
        answer = await check(workers.here, patient, order("K01"), request_id=f"rules-{window}")
        assert answer.answers[0].coverage == coverage
        assert answer.rules_version > opened.rules_version


async def test_what_was_decided(workers: Workers, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    await workers.there.publishing("H1").PublishReport(publish(lab_report("changed-decided", patient)), timeout=10)
    opened = await workers.here.asking("H2").OpenChart(chart(patient, "decided"), timeout=10)

    async def decide() -> None:
        decision = reuse_service_pb2.Decision(
            prompt_id=opened.prompt_id,
            item="LAB-K",
            kind="DECISION_KIND_RECOGNIZED",
            decided_at=opened.judged_at,
        )
        request = reuse_service_pb2.RecordDecisionsRequest(context=context(), decisions=[decision])
        await workers.there.asking("H2").RecordDecisions(request, timeout=10)

    _, before, after = await workers.chart_and_order(patient, decide)
    assert before.answers[0].coverage == SATISFIED
    assert after.answers[0].coverage == reuse_service_pb2.ORDER_COVERAGE_ALREADY_DECIDED
