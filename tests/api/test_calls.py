"""What every call passes through: deadlines, limits, hidden faults, access records, log lines and metrics."""

import asyncio
import gc
import io
import json
import logging
import sqlite3
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from grpc.aio import AbortError
from hutong.v1 import catalog_service_pb2, patient_service_pb2, registry_service_pb2, report_pb2, reuse_service_pb2
from hutong_server import telemetry
from hutong_server.api import reuse_servicer
from hutong_server.api.admission import LEAST_ROOM, SHED_HOLD, CallLimits, Prompts
from hutong_server.api.call import Call, begin
from hutong_server.domain.caller import Caller, Role
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.room import Room
from hutong_server.store.base import AccessRecord
from hutong_server.store.prompts import access_records
from hutong_server.store.sql import SqlWriter
from hutong_server.store.sql_store import open_store
from hutong_server.trust.keys import read_key_file
from hutong_server.trust.sealing import AesGcmSealer

from tests.api.documents import CATALOG, chart, context, lab_report, person, publish, question
from tests.api.site import Material, Site, outcome, refused, start_site

CANARY = "CANARY-4711-密"


def records(site: Site, url: str) -> list[AccessRecord]:
    """All access records of a database, opened."""
    store = open_store(url, AesGcmSealer(read_key_file(site.material.seal_key)), pool_size=1)
    try:
        return [record for _, record in store.read(lambda reader: access_records(reader, limit=10_000))]  # type: ignore[arg-type]
    finally:
        store.close()


async def test_a_deadline_that_leaves_no_time_is_refused(site: Site, serials: Iterator[int]) -> None:
    call = site.asking("H2").OpenChart(chart(person(next(serials))), timeout=0.005)
    found = await refused(call)
    assert found.code == "DEADLINE_EXCEEDED"


async def test_an_answer_that_would_come_too_late_is_given_up_in_time(
    site: Site, serials: Iterator[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*_: Any) -> None:
        time.sleep(1)
        raise AssertionError("the answer of a call that was given up")

    monkeypatch.setattr(reuse_servicer, "open_chart", slow)
    started = time.monotonic()
    found = await refused(site.asking("H2").OpenChart(chart(person(next(serials))), timeout=0.3))
    assert found.code == "DEADLINE_EXCEEDED"
    # Ours, with its reason, and not the client's own: it came before the deadline.
    assert found.reason == "DEADLINE_TOO_SHORT"
    assert time.monotonic() - started < 0.6
    await asyncio.sleep(1)


async def test_a_refusal_leaves_nothing_for_the_collector(site: Site) -> None:
    empty = reuse_service_pb2.OpenChartRequest()
    await refused(site.asking("H2").OpenChart(empty, timeout=10))
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for _ in range(5):
            assert (await refused(site.asking("H2").OpenChart(empty, timeout=10))).code == "INVALID_ARGUMENT"
            assert (await refused(site.asking("H2", "feed").OpenChart(empty, timeout=10))).code == "PERMISSION_DENIED"
        # The last one's coroutine may still be at its end.
        await asyncio.sleep(0.2)
        gc.collect()
        assert not [each for each in gc.garbage if isinstance(each, Call | HutongError | AbortError)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


async def test_a_call_without_deadline_gets_the_servers(
    material: Material, make_store_url: Any, serials: Iterator[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = await start_site(material, make_store_url("sqlite"), HUTONG_DEFAULT_DEADLINE_SECONDS="0.2")
    try:
        await site.load(CATALOG)
        monkeypatch.setattr(reuse_servicer, "open_chart", lambda *_: time.sleep(1))
        found = await refused(site.asking("H2").OpenChart(chart(person(next(serials)))))
        assert (found.code, found.reason) == ("DEADLINE_EXCEEDED", "DEADLINE_TOO_SHORT")
    finally:
        await asyncio.sleep(1)
        await site.close()


async def test_calls_above_the_limit_are_told_to_come_again(
    material: Material, make_store_url: Any, serials: Iterator[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = await start_site(material, make_store_url("sqlite"), HUTONG_MAX_CONCURRENT_CALLS="2")
    try:
        await site.load(CATALOG)
        answered = reuse_servicer.open_chart

        def slow(*arguments: Any) -> Any:
            time.sleep(0.5)
            return answered(*arguments)

        monkeypatch.setattr(reuse_servicer, "open_chart", slow)
        asking = site.asking("H2")
        calls = [asking.OpenChart(chart(person(next(serials))), timeout=5) for _ in range(6)]
        done = await asyncio.gather(*calls, return_exceptions=True)
        shed = [error for error in done if isinstance(error, grpc.aio.AioRpcError)]
        assert len(shed) == 4
        found = await refused(_raise(shed[0]))
        assert (found.code, found.reason, found.retry) == ("RESOURCE_EXHAUSTED", "OVERLOADED", True)
        await asking.OpenChart(chart(person(next(serials))), timeout=5)
    finally:
        await site.close()


async def test_while_answers_are_late_fewer_are_let_in(
    material: Material, make_store_url: Any, serials: Iterator[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = await start_site(material, make_store_url("sqlite"), HUTONG_ANSWER_TARGET_SECONDS="0.05")
    try:
        await site.load(CATALOG)
        answered = reuse_servicer.open_chart
        pause = 0.02

        def slow(*arguments: Any) -> Any:
            time.sleep(pause)
            return answered(*arguments)

        monkeypatch.setattr(reuse_servicer, "open_chart", slow)
        asking, patient = site.asking("H2"), person(next(serials))

        async def crowd() -> list[str]:
            return await asyncio.gather(*(outcome(asking.OpenChart(chart(patient), timeout=10)) for _ in range(60)))

        # The first are a burst; the second find that it did not get shorter, and half of the least room at least.
        assert (await crowd()).count("OK") > LEAST_ROOM
        others = site.asking("T1")
        await outcome(others.OpenChart(chart(patient), timeout=10))
        second = asyncio.ensure_future(crowd())
        await asyncio.sleep(0.05)
        assert await outcome(others.OpenChart(chart(patient), timeout=10)) == "OK"
        found = Counter(await second)
        assert found["OK"] >= LEAST_ROOM // 2
        assert found["RESOURCE_EXHAUSTED"] > 0
        # What no doctor waits for is let in as before.
        await site.catalog().ListInstitutions(catalog_service_pb2.ListInstitutionsRequest(), timeout=5)
        pause = 0.0
        for _ in range(3):
            assert await outcome(asking.OpenChart(chart(patient), timeout=5)) == "OK"
    finally:
        await site.close()


async def test_those_who_wait_to_be_told_are_a_quarter_at_most_of_the_calls_in_work() -> None:
    opened = asyncio.Event()
    method = "/hutong.v1.ReuseService/OpenChart"
    begin(Call(method, caller=Caller("H2", Role.EMR, "")))

    async def inner(_: Any, __: Any) -> None:
        await opened.wait()

    answer = Prompts(CallLimits(total=8)).wrap(method, inner, False)
    context: Any = None
    calls = [asyncio.ensure_future(answer(None, context)) for _ in range(20)]
    await asyncio.sleep(SHED_HOLD / 5)
    # Eight are in work and two wait: more would keep the other methods out, which count them.
    assert sum(call.done() for call in calls) == 10
    opened.set()
    done = await asyncio.gather(*calls, return_exceptions=True)
    assert done.count(None) == 8


async def test_who_finds_no_room_is_turned_away_before_anything_is_read() -> None:
    opened = asyncio.Event()
    method = "/hutong.v1.ReuseService/OpenChart"
    begin(Call(method, caller=Caller("H2", Role.EMR, "")))
    prompts = Prompts(CallLimits(total=8))
    read: list[str] = []
    context: Any = None

    async def inner(_: Any, __: Any) -> None:
        await opened.wait()

    async def reading(request: Any, context: Any) -> Any:
        read.append(request)
        return await within(request, context)

    within = prompts.wrap(method, inner, False)
    door = prompts.door.wrap(method, reading, False)
    other = prompts.door.wrap("/hutong.v1.ReuseService/GetReport", reading, False)
    calls = [asyncio.ensure_future(door(f"call {number}", context)) for number in range(8)]
    await asyncio.sleep(0)
    assert len(read) == 8
    with pytest.raises(HutongError) as refused:
        await door("too many", context)
    assert refused.value.reason is Reason.OVERLOADED
    assert len(read) == 8
    # Another method is not asked at this door.
    waiting = asyncio.ensure_future(other("a report", context))
    await asyncio.sleep(0)
    assert read[8:] == ["a report"]
    opened.set()
    await asyncio.gather(*calls, waiting, return_exceptions=True)


async def test_who_is_turned_away_with_little_time_left_is_told_why(
    site: Site, serials: Iterator[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Room, "full", lambda *_: True)
    asked = chart(person(next(serials)))
    assert (await refused(site.asking("H2").OpenChart(asked, timeout=5))).reason == "OVERLOADED"
    # Its time ends while it waits to be told.
    found = await refused(site.asking("H2").OpenChart(asked, timeout=0.8 * SHED_HOLD))
    assert (found.code, found.reason) == ("DEADLINE_EXCEEDED", "DEADLINE_TOO_SHORT")


async def _raise(error: Exception) -> None:
    raise error


async def test_an_unexpected_fault_is_hidden_and_can_be_found(
    site: Site, serials: Iterator[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(*_: Any) -> None:
        raise RuntimeError(f"{CANARY} said the driver")

    monkeypatch.setattr(reuse_servicer, "open_chart", faulty)
    root = logging.getLogger()
    kept = root.handlers[:], root.level
    stream = io.StringIO()
    telemetry.start_logging("info", stream)
    try:
        found = await refused(site.asking("H2").OpenChart(chart(person(next(serials))), timeout=5))
    finally:
        root.handlers[:], root.level = kept[0], kept[1]
    assert (found.code, found.reason) == ("INTERNAL", "INTERNAL")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    (fault,) = [line for line in lines if line["event"] == "unexpected"]
    assert fault["request_id"] == found.request_id
    assert fault["error_type"] == "RuntimeError"
    assert "faulty" in fault["error_at"]
    (called,) = [line for line in lines if line["event"] == "call"]
    assert (called["code"], called["reason"], called["institution"]) == ("INTERNAL", "INTERNAL", "H2")
    for where in (found.everything, stream.getvalue()):
        assert "CANARY" not in where


async def test_the_trace_of_a_caller_goes_on_in_the_log_and_in_the_answer(site: Site, serials: Iterator[int]) -> None:
    trace, theirs = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    root = logging.getLogger()
    kept = root.handlers[:], root.level
    stream = io.StringIO()
    telemetry.start_logging("info", stream)
    try:
        answers = []
        for given in (f"00-{trace}-{theirs}-01", "00-this-is-no-trace", None):
            metadata = (("traceparent", given),) if given else ()
            call = site.asking("H2").OpenChart(chart(person(next(serials))), timeout=5, metadata=metadata)
            await call
            answers.append(dict(await call.trailing_metadata()).get("traceresponse"))
    finally:
        root.handlers[:], root.level = kept[0], kept[1]
    lines = [line for line in map(json.loads, stream.getvalue().splitlines()) if line["event"] == "call"]
    assert [line["trace_id"] == trace for line in lines] == [True, False, False]
    assert answers == [f"00-{trace}-{lines[0]['span_id']}-01", None, None]
    assert len({line["span_id"] for line in lines} | {theirs}) == 4
    assert len({line["trace_id"] for line in lines}) == 3
    assert "this-is-no" not in stream.getvalue()


async def test_what_was_shown_is_recorded(site: Site, serials: Iterator[int], module_store_url: str) -> None:
    patient, stranger = person(next(serials)), person(next(serials))
    before = len(records(site, module_store_url))
    published = await site.publishing("H1").PublishReport(publish(lab_report("record-1", patient)), timeout=5)
    asking = site.asking("H2")
    answer = await asking.OpenChart(chart(patient, "asked-1"), timeout=5)
    await asking.OpenChart(chart(stranger, "asked-2"), timeout=5)
    await asking.ListReports(
        reuse_service_pb2.ListReportsRequest(patient=question(patient), context=context()), timeout=5
    )
    await asking.GetReport(
        reuse_service_pb2.GetReportRequest(
            report_id=answer.lines[0].result.report_id, context=context(purpose="PURPOSE_EMERGENCY")
        ),
        timeout=5,
    )
    number = report_pb2.PatientIdentifier(**patient["identifier"][0])
    await site.patients().ShowPatient(patient_service_pb2.ShowPatientRequest(identifier=number), timeout=5)
    added = records(site, module_store_url)[before:]
    assert [record.method for record in added] == [
        "PublishReport",
        "OpenChart",
        "OpenChart",
        "ListReports",
        "GetReport",
        "ShowPatient",
    ]
    sent, opened, unknown, listed, read, shown = added
    assert published.results[0].report_id
    assert (sent.institution, sent.role) == ("H1", "feed")
    assert len(sent.reports) == 1
    for record in (opened, listed, read):
        assert record.reports == sent.reports
        assert record.patient_keys == sent.patient_keys
        assert (record.institution, record.role) == ("H2", "emr")
        assert (record.practitioner, record.department, record.encounter) == ("D1", "内科", "E1")
    assert (opened.request_id, opened.outcome, opened.purpose) == ("asked-1", "found", "treatment")
    assert read.purpose == "emergency"
    assert (unknown.request_id, unknown.outcome, unknown.reports) == ("asked-2", "none", ())
    assert (shown.institution, shown.role, shown.patient_keys) == ("registry", "admin", sent.patient_keys)
    assert len(opened.certificate) == 64


async def test_no_answer_leaves_before_its_record_is_durable(
    site: Site, serials: Iterator[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record's commit is held back: so is the answer. When the commit fails, there is no answer."""
    real, held, let_go = SqlWriter.commit, threading.Event(), threading.Event()

    def holding(self: SqlWriter) -> None:
        held.set()
        assert let_go.wait(10)
        real(self)

    monkeypatch.setattr(SqlWriter, "commit", holding)
    call = site.asking("H2").OpenChart(chart(person(next(serials))), timeout=5)
    assert await asyncio.to_thread(held.wait, 5)
    await asyncio.sleep(0.1)
    assert not call.done()
    let_go.set()
    assert (await call).prompt_id

    def failing(_: SqlWriter) -> None:
        raise sqlite3.OperationalError("no disk")

    monkeypatch.setattr(SqlWriter, "commit", failing)
    found = await refused(site.asking("H2").OpenChart(chart(person(next(serials))), timeout=5))
    assert (found.code, found.reason) == ("UNAVAILABLE", "STORE_UNAVAILABLE")


async def test_metrics_count_calls_by_method_and_code(site: Site, serials: Iterator[int]) -> None:
    assert site.registry is not None

    def scraped() -> dict[str, float]:
        with urllib.request.urlopen(f"http://127.0.0.1:{site.registry.metrics_port}/metrics", timeout=5) as page:
            lines = page.read().decode().splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}

    patient = person(next(serials))
    before = await asyncio.to_thread(scraped)
    await site.publishing("H1").PublishReport(publish(lab_report("metric", patient)), timeout=5)
    await site.asking("H2").OpenChart(chart(patient), timeout=5)
    await refused(site.asking("H2").OpenChart(reuse_service_pb2.OpenChartRequest(), timeout=5))
    after = await asyncio.to_thread(scraped)

    def grown(name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    asked = 'grpc_method="OpenChart",grpc_service="hutong.v1.ReuseService",grpc_type="unary"'
    assert grown(f"grpc_server_started_total{{{asked}}}") == 2
    handled = 'grpc_server_handled_total{{grpc_code="{}",{}}}'
    assert grown(handled.format("OK", asked)) == 1
    assert grown(handled.format("INVALID_ARGUMENT", asked)) == 1
    assert grown(f"grpc_server_handling_seconds_count{{{asked}}}") == 2
    assert grown(f"grpc_server_msg_received_total{{{asked}}}") == 2
    assert grown(f"grpc_server_msg_sent_total{{{asked}}}") == 1
    assert grown('hutong_prompts_total{kind="chart",outcome="found"}') == 1
    assert grown('hutong_calls_refused_total{reason="REQUEST_INVALID"}') == 1
    assert sum(grown(name) for name in after if name.startswith("hutong_reports_published_total")) == 1
    assert after["hutong_rules_version"] > 0
    assert after["hutong_serving"] == 1


async def test_get_feed_status_says_when_the_institution_last_published(site: Site, serials: Iterator[int]) -> None:
    await site.publishing("H1").PublishReport(publish(lab_report("status", person(next(serials)))), timeout=5)
    status = await site.publishing("H1").GetFeedStatus(registry_service_pb2.GetFeedStatusRequest(), timeout=5)
    assert abs(status.last_received_at.seconds - time.time()) < 10
