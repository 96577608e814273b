"""CheckOrders over real mTLS, on both databases: answers, decisions, emergencies, records, what may not be asked."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from hutong.v1 import report_pb2, reuse_service_pb2
from hutong_server.store.base import AccessRecord
from hutong_server.store.prompts import access_records

from tests.api.documents import CATALOG, SODIUM, chart, context, lab_report, person, publish, question
from tests.api.site import Material, Site, refused, start_site

FOUND, NONE, IN_DOUBT = (reuse_service_pb2.Outcome.Value(f"OUTCOME_{name}") for name in ("FOUND", "NONE", "IN_DOUBT"))
SATISFIED, PARTLY, NOTHING, UNMAPPED, DECIDED = (
    reuse_service_pb2.OrderCoverage.Value(f"ORDER_COVERAGE_{name}")
    for name in ("SATISFIED", "PARTLY", "NONE", "UNMAPPED", "ALREADY_DECIDED")
)
LAB = "urn:h2:orders"
ORDER_CODES = {
    "mappings.csv": f"institution,system,code,item\nH2,{LAB},K01,LAB-K\nH2,{LAB},NA01,LAB-NA\n",
    "panels.csv": f"institution,system,code,items,name\nH2,{LAB},LYTES,LAB-K;LAB-NA,电解质\n",
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(material: Material, module_store_url: str) -> AsyncIterator[Site]:
    started = await start_site(material, module_store_url)
    await started.load({**CATALOG, **ORDER_CODES})
    yield started
    await started.close()


def order(code: str, order_id: str = "", **more: Any) -> reuse_service_pb2.Order:
    concept = report_pb2.CodeableConcept(coding=[report_pb2.Coding(system=LAB, code=code)])
    return reuse_service_pb2.Order(order_id=order_id or code, code=concept, **more)


def checking(
    patient: dict[str, Any], *orders: reuse_service_pb2.Order, request_id: str = "o1", **more: Any
) -> reuse_service_pb2.CheckOrdersRequest:
    who = more.pop("who", None) or context()
    return reuse_service_pb2.CheckOrdersRequest(
        request_id=request_id, patient=question(patient), context=who, orders=orders, **more
    )


async def check(site: Site, patient: dict[str, Any], *orders: reuse_service_pb2.Order, **more: Any) -> Any:
    return await site.asking("H2").CheckOrders(checking(patient, *orders, **more), timeout=10)


async def publish_to(
    site: Site, identifier: str, patient: dict[str, Any], institution: str = "H1", **more: Any
) -> None:
    document = lab_report(identifier, patient, **more)
    await site.publishing(institution).PublishReport(publish(document), timeout=10)


def records(site: Site) -> list[AccessRecord]:
    assert site.registry is not None
    return [record for _, record in site.registry.store.read(lambda reader: access_records(reader, limit=10_000))]  # type: ignore[arg-type]


async def test_one_answer_for_the_whole_set_of_orders(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    await publish_to(site, "orders-k", patient)
    await publish_to(site, "orders-na-old", patient, code=SODIUM, days_ago=8)
    answer = await check(site, patient, order("LYTES"), order("K01"), order("NA01"), order("?"), order("K01", "twice"))
    assert [(each.order_id, each.coverage) for each in answer.answers] == [
        ("LYTES", PARTLY),
        ("K01", SATISFIED),
        ("NA01", NOTHING),
        ("?", UNMAPPED),
        ("twice", SATISFIED),
    ]
    assert (answer.outcome, answer.ask) == (FOUND, True)
    potassium, sodium = answer.answers[0].items
    assert (potassium.item.code, potassium.item.name_zh) == ("LAB-K", "钾")
    assert potassium.line.result.detail.value.quantity.value == "4.10"
    assert potassium.line.result.mark == "样例市HR"
    assert potassium.line.result.valid_until.seconds > answer.judged_at.seconds
    assert not sodium.HasField("line")
    assert [list(each.reasons) for each in sodium.not_reusable] == [[report_pb2.NOT_REUSABLE_REASON_OUTSIDE_WINDOW]]
    assert answer.answers[1].items[0] == answer.answers[4].items[0] == potassium
    assert answer.rules_version > 0
    # What a repeat can be reasoned with comes with the question: a plugin knows no other way to it.
    (ground,) = answer.grounds
    assert (ground.code, ground.name_zh, ground.name_en, ground.needs_text) == ("4", "急诊", "emergency", False)
    assert answer.coverage[0].answer == reuse_service_pb2.SOURCE_ANSWER_COMPLETE
    # The report behind a line opens with the id that was given.
    asked = reuse_service_pb2.GetReportRequest(
        report_id=potassium.line.result.report_id, context=context(), prompt_id=answer.prompt_id
    )
    assert (await site.asking("H2").GetReport(asked, timeout=10)).document


async def test_the_prompt_and_the_record_say_what_was_shown(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    await publish_to(site, "orders-kept", patient)
    before = len(records(site))
    answer = await check(site, patient, order("LYTES"), request_id="kept")
    again = await check(site, patient, order("LYTES"), request_id="kept")
    assert answer.prompt_id == again.prompt_id
    opened = await site.asking("H2").OpenChart(chart(patient, "kept"), timeout=10)
    assert opened.prompt_id != answer.prompt_id, "a chart of the same request id has a prompt of its own"
    kept = [each for each in records(site)[before:] if each.method == "CheckOrders"]
    assert len(kept) == 2
    assert {(each.outcome, each.practitioner, each.purpose, len(each.reports)) for each in kept} == {
        ("found", "D1", "treatment", 1)
    }
    assert [each.verdicts for each in kept[0].contents] == [("REUSABLE",)]
    assert site.registry is not None
    prompt_id = kept[0].prompt_id
    (prompt,) = site.registry.store.read(lambda reader: reader.prompts(prompt_id))
    assert (prompt.kind, prompt.department, [line[0] for line in prompt.lines]) == ("order", "内科", ["LAB-K"])
    assert [line[3] for line in prompt.lines] == ["H1"]


@pytest.mark.parametrize(
    "emergency", [{"purpose": "PURPOSE_EMERGENCY"}, {"encounter_class": "ENCOUNTER_CLASS_EMERGENCY"}]
)
async def test_an_emergency_is_answered_without_a_question(
    site: Site, serials: Iterator[int], emergency: dict[str, str]
) -> None:
    patient = person(next(serials))
    await publish_to(site, "orders-emergency", patient)
    answer = await check(site, patient, order("K01"), who=context(**emergency))
    assert (answer.outcome, answer.answers[0].coverage, answer.ask) == (FOUND, SATISFIED, False)


async def test_nothing_to_reuse_is_nothing_to_ask(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    unknown = await check(site, patient, order("K01"), order("?"))
    assert (unknown.outcome, unknown.ask) == (NONE, False)
    assert [each.coverage for each in unknown.answers] == [NOTHING, UNMAPPED]
    await publish_to(site, "orders-own", patient, institution="H2")
    own = await check(site, patient, order("K01"))
    assert (own.outcome, own.answers[0].coverage) == (NONE, NOTHING)
    assert own.answers[0].items[0].not_reusable[0].reasons[0] == report_pb2.NOT_REUSABLE_REASON_OWN_INSTITUTION


async def test_who_is_in_doubt_is_shown_nothing(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    await publish_to(site, "orders-doubt", patient)
    answer = await check(site, {**patient, "birthDate": "1999-01-01"}, order("K01"))
    assert (answer.outcome, answer.ask, answer.answers[0].coverage) == (IN_DOUBT, False, NOTHING)
    assert not answer.answers[0].items[0].HasField("line")


async def test_what_is_ordered_in_other_words(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    await publish_to(site, "orders-words", patient)
    by_item = reuse_service_pb2.Order(order_id="item", item="LAB-K")
    standard = reuse_service_pb2.Order(
        order_id="loinc",
        code=report_pb2.CodeableConcept(coding=[report_pb2.Coding(system="http://loinc.org", code="2823-3")]),
    )
    urine = order("K01", "urine", specimen=report_pb2.CodeableConcept(text="血清"))
    answer = await check(site, patient, by_item, standard, urine)
    assert [each.coverage for each in answer.answers] == [SATISFIED] * 3
    # Another hospital's codes say nothing here.
    elsewhere = await site.asking("T1").CheckOrders(checking(patient, order("K01")), timeout=10)
    assert elsewhere.answers[0].coverage == UNMAPPED


async def test_how_verdicts_were_reached_when_asked_for(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    await publish_to(site, "orders-explained", patient)
    await publish_to(site, "orders-explained-na", patient, code=SODIUM, days_ago=9)
    explained = await check(site, patient, order("LYTES"), explain=True)
    potassium, sodium = explained.answers[0].items
    assert all(step.passed for step in potassium.line.result.trace)
    assert potassium.line.result.trace
    assert any(not step.passed for step in sodium.not_reusable[0].trace)
    plain = await check(site, patient, order("LYTES"))
    assert not plain.answers[0].items[0].line.result.trace


async def test_what_is_wrong_with_a_request_is_all_told_at_once(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    broken = [
        reuse_service_pb2.Order(order_id="1"),
        order("K01", "1"),
        order("K01", "x" * 129),
        reuse_service_pb2.Order(code=report_pb2.CodeableConcept(text="钾")),
        reuse_service_pb2.Order(order_id="4", code=report_pb2.CodeableConcept(coding=[report_pb2.Coding(system=LAB)])),
    ]
    found = await refused(check(site, patient, *broken))
    assert (found.code, found.reason) == ("INVALID_ARGUMENT", "REQUEST_INVALID")
    assert set(found.paths) >= {
        "orders[0].code",
        "orders[1].order_id",
        "orders[2].order_id",
        "orders[3].order_id",
        "orders[4].code.coding[0].code",
    }
    assert (await refused(check(site, patient))).paths == ("orders",)
    many = [order("K01", str(n)) for n in range(201)]
    assert (await refused(check(site, patient, *many))).paths == ("orders",)
    assert (await refused(check(site, patient, order("K01"), request_id=""))).paths == ("request_id",)
    assert len((await check(site, patient, *many[:200])).answers) == 200


async def test_what_was_decided_in_this_encounter_is_not_asked_again(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    await publish_to(site, "orders-decided-k", patient)
    await publish_to(site, "orders-decided-na", patient, code=SODIUM)
    first = await check(site, patient, order("LYTES"))
    assert first.answers[0].coverage == SATISFIED

    async def decide(kind: str, prompt: Any) -> None:
        decision = reuse_service_pb2.Decision(
            prompt_id=prompt.prompt_id, item="LAB-K", kind=kind, decided_at=prompt.judged_at
        )
        request = reuse_service_pb2.RecordDecisionsRequest(context=context(), decisions=[decision])
        answer = await site.asking("H2").RecordDecisions(request, timeout=10)
        assert answer.results[0].outcome == reuse_service_pb2.DECISION_OUTCOME_RECORDED, answer

    await decide("DECISION_KIND_RECOGNIZED", first)
    again = await check(site, patient, order("LYTES"), order("K01"), request_id="again")
    assert [each.coverage for each in again.answers] == [PARTLY, DECIDED]
    assert [each.already_decided for each in again.answers[0].items] == [True, False]
    alone = await check(site, patient, order("K01"), request_id="alone")
    assert (alone.outcome, alone.ask) == (NONE, False)
    # Another visit is another question, and so is the same one once the decision was taken back.
    visit = await check(site, patient, order("K01"), request_id="visit", who=context(encounter="E2"))
    assert visit.answers[0].coverage == SATISFIED
    await decide("DECISION_KIND_REVOKED", first)
    revoked = await check(site, patient, order("K01"), request_id="revoked")
    assert revoked.answers[0].coverage == SATISFIED


async def test_without_the_patients_authorization_nothing_is_said_and_the_refusal_is_on_record(
    material: Material, make_store_url: Any, serials: Iterator[int]
) -> None:
    rule = "  consent: {basis: visit_authorization, count_withheld: true, break_glass_hours: 1}\n"
    region = CATALOG["region.yaml"].replace("  regions:\n", rule + "  regions:\n", 1)
    site = await start_site(material, make_store_url("sqlite"))
    try:
        await site.load({**CATALOG, **ORDER_CODES, "region.yaml": region})
        patient, stranger = person(next(serials)), person(next(serials))
        await publish_to(site, "orders-authorized", patient)
        for each in (patient, stranger):
            found = await refused(check(site, each, order("K01")))
            assert (found.code, found.reason) == ("FAILED_PRECONDITION", "AUTHORIZATION_MISSING")
        kept = [each for each in records(site) if each.method == "CheckOrders"]
        assert [(each.outcome, each.reason, each.reports) for each in kept] == [
            ("refused", "AUTHORIZATION_MISSING", ())
        ] * 2
        answer = await check(site, patient, order("K01"), who=context(authorization="AUTHORIZATION_CARD_READ"))
        assert answer.answers[0].coverage == SATISFIED
        assert records(site)[-1].consent_basis == "visit_authorization:card_read"
        # An emergency that is declared with the order opens, and waits for its review.
        who = context(purpose="PURPOSE_EMERGENCY", break_glass_reason="昏迷")
        opened = await check(site, patient, order("K01"), who=who, request_id="emergency")
        assert (opened.answers[0].coverage, opened.ask) == (SATISFIED, False)
        assert records(site)[-1].consent_basis == "break_glass"
    finally:
        await site.close()
