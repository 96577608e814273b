"""Decisions and events over real mTLS, on both databases; and the same decision fifty times on two servers."""

import asyncio
import datetime
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp
from hutong.v1 import error_reason_pb2, reuse_service_pb2
from hutong_server.store.base import AccessRecord
from hutong_server.store.prompts import access_records

from tests.api.documents import CATALOG, chart, context, lab_report, person, publish
from tests.api.process import ServerProcess
from tests.api.site import Material, Site, outcome, refused, start_site

RECOGNIZED = reuse_service_pb2.DECISION_KIND_RECOGNIZED
REPEATED = reuse_service_pb2.DECISION_KIND_REPEATED
REVOKED = reuse_service_pb2.DECISION_KIND_REVOKED
RECORDED = reuse_service_pb2.DECISION_OUTCOME_RECORDED
ALREADY = reuse_service_pb2.DECISION_OUTCOME_ALREADY_RECORDED
CONFLICT = reuse_service_pb2.DECISION_OUTCOME_CONFLICT
REFUSED = reuse_service_pb2.DECISION_OUTCOME_REFUSED
PRICED = {
    **CATALOG,
    "prices.csv": "institution,item,yuan,valid_from,valid_to\n*,LAB-K,5.00,,\nH2,LAB-K,12.50,,\n",
}
IN_CHINA = datetime.timezone(datetime.timedelta(hours=8))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(material: Material, module_store_url: str) -> AsyncIterator[Site]:
    started = await start_site(material, module_store_url)
    await started.load(PRICED)
    yield started
    await started.close()


async def opened(site: Site, patient: dict[str, Any], request_id: str = "r1") -> Any:
    return await site.asking("H2").OpenChart(chart(patient, request_id), timeout=10)


async def offered(site: Site, serial: int, **more: Any) -> Any:
    """The chart of a patient with a potassium of H1, opened at H2."""
    patient = person(serial)
    await site.publishing("H1").PublishReport(publish(lab_report(f"decided-{serial}", patient, **more)), timeout=10)
    answer = await opened(site, patient)
    assert [line.result.item.code for line in answer.lines] == ["LAB-K"]
    return answer


def decision(answer: Any, kind: int = RECOGNIZED, **more: Any) -> reuse_service_pb2.Decision:
    """On the potassium of a chart, made when it was opened."""
    ground = "4" if kind == REPEATED else ""
    given = {"prompt_id": answer.prompt_id, "item": "LAB-K", "kind": kind, "ground": ground}
    return reuse_service_pb2.Decision(**(given | {"decided_at": answer.judged_at} | more))


def record(site: Site, *sent: reuse_service_pb2.Decision, institution: str = "H2", role: str = "emr") -> Any:
    request = reuse_service_pb2.RecordDecisionsRequest(context=context(), decisions=sent)
    return site.asking(institution, role).RecordDecisions(request, timeout=20)


def records(site: Site) -> list[AccessRecord]:
    assert site.registry is not None
    found = site.registry.store.read(lambda reader: access_records(reader, limit=10_000))  # type: ignore[arg-type]
    return [each for _, each in found if each.method == "RecordDecisions"]


async def test_a_recognised_result_comes_back_as_a_citation_in_two_languages(
    site: Site, serials: Iterator[int]
) -> None:
    answer = await offered(site, next(serials), value="6.80")
    line = answer.lines[0].result
    [result] = (await record(site, decision(answer))).results
    assert (result.outcome, result.price_fen) == (RECORDED, 1250)
    taken = line.taken_at.ToDatetime(datetime.UTC).astimezone(IN_CHINA).strftime("%Y-%m-%d %H:%M UTC+08:00")
    cited = result.citation
    assert (cited.value, cited.report_id) == ("6.80 mmol/L", line.report_id)
    assert cited.text_zh == (
        f"互认外院结果：钾 6.80 mmol/L（参考范围 3.5-5.3）；检查检验时间 {taken}；出具机构 县医院（H1）；"
        f"互认标识 {line.mark}；报告号 {line.report_id}。"
    )
    assert cited.text_en == (
        f"Outside result recognized: potassium 6.80 mmol/L (reference range 3.5-5.3); taken {taken}; "
        f"by 县医院 (H1); mark {line.mark}; report {line.report_id}."
    )
    assert line.mark
    whole = reuse_service_pb2.GetReportRequest(report_id=cited.report_id, context=context())
    assert (await site.asking("H2").GetReport(whole, timeout=10)).document
    leaf = records(site)[-1]
    assert (leaf.outcome, leaf.practitioner, leaf.encounter, leaf.detail[:2]) == (
        "recorded",
        "D1",
        "E1",
        ("LAB-K", "recognized"),
    )
    assert [each.verdicts for each in leaf.contents] == [("REUSABLE",)]


async def test_a_critical_value_is_said_and_its_flag_shown(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    document = lab_report("critical", patient, value="7.9")
    document["contained"][2]["interpretation"] = [{"coding": [{"code": "HH"}]}]
    document["contained"][2]["referenceRange"] = [{"low": {"value": 3.5, "unit": "mmol/L"}, "high": {"value": 5.3}}]
    document["contained"][2]["component"] = [
        {
            "code": {"text": "溶血指数"},
            "valueString": "轻度",
            "interpretation": [{"coding": [{"code": "A"}]}],
            "referenceRange": [{"high": {"value": 20}}],
        }
    ]
    await site.publishing("H1").PublishReport(publish(document), timeout=10)
    [result] = (await record(site, decision(await opened(site, patient)))).results
    assert result.citation.value == "7.9 mmol/L; 溶血指数 轻度 (≤ 20) [A]"
    assert (
        "钾 7.9 mmol/L; 溶血指数 轻度 (≤ 20) [A]（参考范围 3.5 mmol/L – 5.3） [HH]；危急值；" in result.citation.text_zh
    )
    assert (
        "potassium 7.9 mmol/L; 溶血指数 轻度 (≤ 20) [A] (reference range 3.5 mmol/L – 5.3) [HH]; CRITICAL VALUE; "
        in result.citation.text_en
    )


async def test_what_is_decided_is_not_offered_again_in_the_visit(site: Site, serials: Iterator[int]) -> None:
    serial = next(serials)
    answer = await offered(site, serial)
    [result] = (await record(site, decision(answer, REPEATED))).results
    assert (result.outcome, result.HasField("citation"), result.price_fen) == (RECORDED, False, 1250)
    assert not (await opened(site, person(serial), "r2")).lines
    other = chart(person(serial), "r3")
    other.context.encounter = "E2"
    assert (await site.asking("H2").OpenChart(other, timeout=10)).lines


async def test_the_same_again_a_conflict_and_a_revocation(site: Site, serials: Iterator[int]) -> None:
    answer = await offered(site, next(serials))
    sent = decision(answer, text="患者同意")
    [first] = (await record(site, sent)).results
    [again] = (await record(site, sent)).results
    assert again.outcome == ALREADY
    assert (again.citation, again.price_fen) == (first.citation, first.price_fen)
    other = decision(answer, REPEATED)
    [conflict] = (await record(site, other)).results
    assert (conflict.outcome, conflict.standing, conflict.refused) == (CONFLICT, sent, other)
    assert not conflict.HasField("citation")
    [taken_back] = (await record(site, decision(answer, REVOKED))).results
    assert (taken_back.outcome, taken_back.HasField("price_fen")) == (RECORDED, False)
    [after] = (await record(site, sent)).results
    assert (after.outcome, after.HasField("citation")) == (ALREADY, False)
    assert [each.revoked for each in (first, again, conflict, taken_back, after)] == [False, False, False, True, True]


async def test_each_decision_is_refused_for_itself(site: Site, serials: Iterator[int]) -> None:
    answer = await offered(site, next(serials))
    later = Timestamp()
    later.FromDatetime(datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1))
    bad = {
        "prompt_id": decision(answer, prompt_id=""),
        "prompt_id ": decision(answer, prompt_id=answer.lines[0].result.report_id),
        "item": decision(answer, item=""),
        "item ": decision(answer, item="LAB-NA"),
        "kind": decision(answer, 0),
        "kind ": decision(answer, 9),
        "ground": decision(answer, REPEATED, ground=""),
        "ground ": decision(answer, REPEATED, ground="77"),
        "ground  ": decision(answer, ground="4"),
        "text": decision(answer, text="x" * 1001),
        "decided_at": decision(answer, decided_at=None),
        "decided_at ": decision(answer, decided_at=Timestamp(seconds=2**40)),
        "decided_at  ": decision(answer, decided_at=later),
        "decided_at   ": decision(answer, decided_at=Timestamp(seconds=answer.judged_at.seconds - 400)),
    }
    found = (await record(site, *bad.values(), decision(answer))).results
    assert [each.path for each in found[:-1]] == [
        f"decisions[{number}].{name.strip()}" for number, name in enumerate(bad)
    ]
    assert {each.outcome for each in found[:-1]} == {REFUSED}
    assert all(each.message and each.reason for each in found[:-1])
    assert found[-1].outcome == RECORDED


async def test_a_prompt_of_another_institution_is_as_unknown_as_any(site: Site, serials: Iterator[int]) -> None:
    answer = await offered(site, next(serials))
    sent = decision(answer)
    [foreign] = (await record(site, sent, institution="T1")).results
    sent.prompt_id = "h" + "A" * (len(sent.prompt_id) - 1)
    [unknown] = (await record(site, sent, institution="T1")).results
    assert foreign == unknown
    assert (foreign.outcome, foreign.reason) == (REFUSED, error_reason_pb2.ERROR_REASON_NOT_FOUND)


async def test_faults_of_the_whole_call_fail_it(site: Site, serials: Iterator[int]) -> None:
    answer = await offered(site, next(serials))
    calls = site.asking("H2")
    for request, path in (
        (reuse_service_pb2.RecordDecisionsRequest(context=context()), "decisions"),
        (
            reuse_service_pb2.RecordDecisionsRequest(context=context(), decisions=[decision(answer)] * 501),
            "decisions",
        ),
        (
            reuse_service_pb2.RecordDecisionsRequest(context=context(encounter=""), decisions=[decision(answer)]),
            "context.encounter",
        ),
    ):
        found = await refused(calls.RecordDecisions(request, timeout=10))
        assert (found.code, found.paths) == ("INVALID_ARGUMENT", (path,))
    assert await outcome(record(site, decision(answer), role="feed")) == "PERMISSION_DENIED"
    for events in ([], [reuse_service_pb2.PromptEvent()] * 1001):
        request = reuse_service_pb2.ReportPromptEventsRequest(events=events)
        found = await refused(calls.ReportPromptEvents(request, timeout=10))
        assert (found.code, found.paths) == ("INVALID_ARGUMENT", ("events",))


async def test_a_batch_of_five_hundred_is_answered_in_order(site: Site, serials: Iterator[int]) -> None:
    answers = [await offered(site, next(serials)) for _ in range(2)]
    sent = [decision(answers[number % 2]) for number in range(500)]
    found = (await record(site, *sent)).results
    assert [each.outcome for each in found] == [RECORDED] * 2 + [ALREADY] * 498
    assert [each.citation.report_id for each in found] == [
        answers[number % 2].lines[0].result.report_id for number in range(500)
    ]


async def test_events_are_kept_once_and_late_ones_too(site: Site, serials: Iterator[int]) -> None:
    answer = await offered(site, next(serials))

    def event(kind: str, item: str = "", **more: Any) -> reuse_service_pb2.PromptEvent:
        given = {"prompt_id": answer.prompt_id, "item": item, "kind": f"PROMPT_EVENT_KIND_{kind}"}
        return reuse_service_pb2.PromptEvent(**(given | {"at": answer.judged_at} | more))

    sent = [
        event("SHOWN"),
        event("OPENED", "LAB-K"),
        event("CITED", "LAB-K"),
        event("REORDERED", "LAB-K"),
        event("DISMISSED"),
        event("OPENED"),
        event("SHOWN", "LAB-NA"),
        event("UNSPECIFIED"),
        event("SHOWN", at=None),
        event("SHOWN", prompt_id="h1"),
        event("SHOWN"),
    ]
    calls = site.asking("H2")
    request = reuse_service_pb2.ReportPromptEventsRequest(events=sent)
    first = await calls.ReportPromptEvents(request, timeout=10)
    assert (first.recorded, first.already_recorded, [each.index for each in first.faults]) == (5, 1, [5, 6, 7, 8, 9])
    assert all(each.message and each.reason for each in first.faults)
    second = await calls.ReportPromptEvents(request, timeout=10)
    assert (second.recorded, second.already_recorded, second.faults) == (0, 6, first.faults)


@pytest.mark.timeout(180)
async def test_fifty_times_at_once_in_any_order_on_two_servers_has_one_outcome(
    material: Material, store_url: str, tmp_path: Path, serials: Iterator[int]
) -> None:
    """The second server is a process of its own, on the same database."""
    here = await start_site(material, store_url)
    await here.load(PRICED)
    other = ServerProcess(material.environment(store_url), tmp_path)
    there = Site(material, other.port)
    rng = random.Random(4)  # noqa: S311  an order, no secret
    try:
        for _ in range(3):
            serial = next(serials)
            answer = await offered(here, serial)
            sent = [decision(answer)] * 50 + [decision(answer, REVOKED)] * 10
            rng.shuffle(sent)
            calls = [record(here if number % 2 else there, each) for number, each in enumerate(sent)]
            results = [each.results[0] for each in await asyncio.gather(*calls)]
            found: dict[int, list[int]] = {RECOGNIZED: [], REVOKED: []}
            for each, result in zip(sent, results, strict=True):
                found[each.kind].append(result.outcome)
            assert sorted(found[RECOGNIZED]) == [RECORDED] + [ALREADY] * 49
            assert sorted(found[REVOKED]) == [RECORDED] + [ALREADY] * 9
            kept = _kept(here)
            assert sorted((each.kind, each.price_fen) for each in kept) == [("recognized", 1250), ("revoked", None)]
            # A contradiction in parallel: one stands, and all others are told which.
            contradiction = await offered(here, next(serials))
            both = [decision(contradiction), decision(contradiction, REPEATED)] * 5
            calls = [record(here if number % 4 < 2 else there, each) for number, each in enumerate(both)]
            results = [each.results[0] for each in await asyncio.gather(*calls)]
            assert sorted(each.outcome for each in results) == [RECORDED] + [ALREADY] * 4 + [CONFLICT] * 5
            [stands] = _kept(here)
            conflicts = [each for each in results if each.outcome == CONFLICT]
            assert {each.standing.ground for each in conflicts} == {stands.ground}
    finally:
        await there.close()
        await here.close()
        other.end()


def _kept(site: Site) -> list[Any]:
    """What stands on the prompt that was decided on last."""
    assert site.registry is not None
    recorded = [each for each in records(site) if each.outcome == "recorded"]
    # On SQLite those of each server stand in a file of their own.
    prompt_id = max(recorded, key=lambda each: each.at).prompt_id
    return site.registry.store.read(lambda reader: reader.decisions_on(prompt_id))
