"""Callers that call too often, hold too much, or do not read: each is limited, and the others do not feel it."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from hutong.v1 import catalog_service_pb2, registry_service_pb2, reuse_service_pb2, reuse_service_pb2_grpc
from hutong_client.errors import Overloaded
from hutong_server.settings import SettingsError, load

from tests.api.documents import CATALOG, chart, context, lab_report, person, publish
from tests.api.process import ServerProcess
from tests.api.site import Material, Site, outcome, refused, start_site
from tests.bench import starvation
from tests.bench.calls import Identity
from tests.conftest import MakeStoreUrl
from tests.faults.load import connect

BURST = 5


@asynccontextmanager
async def limited(material: Material, make_store_url: MakeStoreUrl, **settings: str) -> AsyncIterator[Site]:
    """A registry with the catalogue and these limits."""
    site = await start_site(material, make_store_url("sqlite"), **settings)
    try:
        await site.load(CATALOG)
        yield site
    finally:
        await site.close()


def rated(material: Material, make_store_url: MakeStoreUrl, **settings: str) -> Any:
    return limited(material, make_store_url, HUTONG_CALLS_PER_SECOND="1", HUTONG_CALLS_BURST=str(BURST), **settings)


async def ends(calls: list[Any]) -> list[str]:
    """How each ended: "OK" or the reason."""

    async def one(call: Any) -> str:
        try:
            await call
        except grpc.aio.AioRpcError as error:
            return next(
                _info(detail).reason
                for detail in rpc_status.from_call(error).details
                if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR)
            )
        return "OK"

    return list(await asyncio.gather(*(one(call) for call in calls)))


def _info(detail: Any) -> error_details_pb2.ErrorInfo:
    info = error_details_pb2.ErrorInfo()
    detail.Unpack(info)
    return info


async def test_an_institution_that_calls_too_often_is_told_when_to_come_again(
    material: Material, make_store_url: MakeStoreUrl, serials: Iterator[int]
) -> None:
    async with rated(material, make_store_url) as site:
        patient = person(next(serials))
        asking = site.asking("H2")
        found = await ends([asking.OpenChart(chart(patient), timeout=5) for _ in range(BURST * 2)])
        assert found.count("OK") == BURST
        assert found.count("RATE_LIMITED") == BURST
        shed = await refused(asking.OpenChart(chart(patient), timeout=5))
        assert (shed.code, shed.reason, shed.retry) == ("RESOURCE_EXHAUSTED", "RATE_LIMITED", True)
        # Another institution, and the same one in another role, have limits of their own.
        await site.asking("H1").OpenChart(chart(patient), timeout=5)
        await site.publishing("H2").PublishReport(publish(lab_report("rate", patient)), timeout=5)
        # Whoever waits is let in.
        await asyncio.sleep(1.1)
        await asking.OpenChart(chart(patient), timeout=5)


async def test_the_time_to_wait_is_the_time_until_the_next_call(
    material: Material, make_store_url: MakeStoreUrl, serials: Iterator[int]
) -> None:
    async with limited(material, make_store_url, HUTONG_CALLS_PER_SECOND="0.25", HUTONG_CALLS_BURST="1") as site:
        asking, patient = site.asking("H2"), person(next(serials))
        await asking.OpenChart(chart(patient), timeout=5)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await asking.OpenChart(chart(patient), timeout=5)
        retry = error_details_pb2.RetryInfo()
        (detail,) = (d for d in rpc_status.from_call(raised.value).details if d.Is(retry.DESCRIPTOR))
        detail.Unpack(retry)
        assert 2.5 < retry.retry_delay.ToMilliseconds() / 1000 <= 4


async def test_refused_calls_count_too(
    material: Material, make_store_url: MakeStoreUrl, serials: Iterator[int]
) -> None:
    """Calls that the access table refuses cost as much as others: a wrong role has its limit, a stranger too."""
    async with rated(material, make_store_url) as site:
        for institution, role, reason in (
            ("H2", "supervisor", "ROLE_NOT_ALLOWED"),
            ("STRANGER", "emr", "INSTITUTION_UNKNOWN"),
        ):
            asking, patient = site.asking(institution, role), person(next(serials))
            found = await ends([asking.OpenChart(chart(patient), timeout=5) for _ in range(BURST * 2)])
            assert found.count(reason) == BURST
            assert found.count("RATE_LIMITED") == BURST


async def test_an_institution_can_have_a_rate_of_its_own_and_the_operator_none(
    material: Material, make_store_url: MakeStoreUrl, serials: Iterator[int]
) -> None:
    async with rated(material, make_store_url, HUTONG_CALLS_PER_SECOND_OF="T1=4,H9=0.5") as site:
        asking = site.asking("T1")
        found = await ends([asking.OpenChart(chart(person(next(serials))), timeout=5) for _ in range(BURST * 6)])
        assert BURST * 4 <= found.count("OK") <= BURST * 5
        everyone = catalog_service_pb2.ListInstitutionsRequest()
        await asyncio.gather(*(site.catalog().ListInstitutions(everyone, timeout=5) for _ in range(BURST * 4)))


@pytest.mark.parametrize("wrong", ["H1", "H1=", "H1=x", "H1=1;H2=2", "H1=1H2=2", "H1=-1", "H1=1,", "H 1=1"])
def test_rates_that_are_none_refuse_to_start(wrong: str) -> None:
    with pytest.raises(SettingsError, match="HUTONG_CALLS_PER_SECOND_OF"):
        load({"HUTONG_CALLS_PER_SECOND_OF": wrong})


def test_rates_are_read() -> None:
    assert load({"HUTONG_CALLS_PER_SECOND_OF": "H1=0.5,990421-H02=20"}).rates == {"H1": 0.5, "990421-H02": 20.0}
    assert load({}).calls_per_second == 5


async def test_whoever_goes_on_calling_is_answered_late(
    material: Material, make_store_url: MakeStoreUrl, serials: Iterator[int]
) -> None:
    async with rated(material, make_store_url) as site:
        asking, patient = site.asking("H2"), person(next(serials))
        took: list[float] = []

        async def one() -> None:
            began = time.monotonic()
            await asyncio.gather(asking.OpenChart(chart(patient), timeout=5), return_exceptions=True)
            took.append(time.monotonic() - began)

        await asyncio.gather(*(one() for _ in range(BURST * 6)))
        # The burst is answered, as many refusals come at once, the others a second later.
        late = [each for each in took if each > 0.95]
        assert len(late) == BURST * 4
        assert max(late) < 3
        # Health is asked by the operator's monitor and by balancers: nobody else's flood delays it.
        health: Any = health_pb2_grpc.HealthStub(site.channel("registry", "monitor"))
        began = time.monotonic()
        await health.Check(health_pb2.HealthCheckRequest(), timeout=5)
        assert time.monotonic() - began < 0.9


async def test_one_institution_holds_so_many_calls_and_streams(
    material: Material, make_store_url: MakeStoreUrl, serials: Iterator[int]
) -> None:
    async with limited(
        material, make_store_url, HUTONG_MAX_STREAMS_PER_INSTITUTION="2", HUTONG_MAX_CALLS_PER_INSTITUTION="1"
    ) as site:
        streams = [site.publishing("H1").PublishReports(timeout=20) for _ in range(2)]
        for stream in streams:
            await stream.write(_item(lab_report(f"hold-{next(serials)}", person(next(serials)))))
            await stream.read()
        third = site.publishing("H1").PublishReports(timeout=5)
        found = await refused(third.read())
        assert (found.code, found.reason, found.retry) == ("RESOURCE_EXHAUSTED", "RATE_LIMITED", True)
        # Health's streams count like all others, of an institution that nobody knows too.
        watch: Any = health_pb2_grpc.HealthStub(site.channel("STRANGER", "emr"))
        watched = [watch.Watch(health_pb2.HealthCheckRequest(), timeout=20) for _ in range(2)]
        for each in watched:
            await each.read()
        assert (await refused(watch.Watch(health_pb2.HealthCheckRequest(), timeout=5).read())).reason == "RATE_LIMITED"
        other = site.publishing("H2").PublishReports(timeout=20)
        await other.write(_item(lab_report(f"hold-{next(serials)}", person(next(serials)))))
        await other.read()
        for each in (*streams, *watched, other):
            each.cancel()
        await asyncio.sleep(0.3)
        again = site.publishing("H1").PublishReports(timeout=5)
        await again.write(_item(lab_report(f"hold-{next(serials)}", person(next(serials)))))
        assert (await again.read()).results
        again.cancel()
        patient = person(next(serials))
        found_calls = await ends([site.asking("H2").OpenChart(chart(patient), timeout=5) for _ in range(20)])
        assert "OK" in found_calls
        assert set(found_calls) <= {"OK", "RATE_LIMITED"}


async def test_a_flood_does_not_starve_the_others(
    material: Material, make_store_url: MakeStoreUrl, tmp_path: Path
) -> None:
    """500 calls a second of one institution, at the default of 5. `make bench` has the figure; this bound is wide."""
    url = make_store_url("sqlite")
    environment = material.environment(url, HUTONG_LOG_LEVEL="warning")
    del environment["HUTONG_CALLS_PER_SECOND"]
    # A small one, so that it is soon used up: the figure is about what comes after it.
    environment["HUTONG_CALLS_BURST"] = "100"
    server = ServerProcess(environment, tmp_path)
    codes = [f"Q{number:02d}" for number in range(12)]
    try:
        caller = Site(material, server.port)
        rows = "".join(f"{code},第{code}医院,tertiary,9904,,,0\n" for code in (*codes, "FLOOD"))
        await caller.load(CATALOG | {"institutions.csv": CATALOG["institutions.csv"] + rows})
        await caller.close()
        found = await starvation.measure(
            f"localhost:{server.port}",
            "/hutong.v1.ReuseService/OpenChart",
            [_identity(material, code) for code in codes],
            _identity(material, "FLOOD"),
            lambda number: chart(person(number + 1), f"r{number}").SerializeToString(),
            rounds=2,
            seconds=3,
        )
    finally:
        assert server.end() == 0
    print(found.figures())
    # It is let in as often as it may, and refused: by us, and above the streams of its connection by gRPC's core.
    assert found.ends["OK"] <= 2 * (100 + 5 * 10)
    assert found.ends["RESOURCE_EXHAUSTED"] > 100
    assert set(found.ends) <= {"OK", "RESOURCE_EXHAUSTED", "UNAVAILABLE", "DEADLINE_EXCEEDED"}
    assert len(found.flooded) == len(found.quiet)
    assert found.ratio < 8


async def test_calls_that_wait_inside_grpc_are_bounded(
    material: Material, make_store_url: MakeStoreUrl, tmp_path: Path, serials: Iterator[int]
) -> None:
    """gRPC's core takes calls faster than Python does: above the limit it cuts them itself."""
    environment = material.environment(
        make_store_url("sqlite"),
        HUTONG_MAX_PENDING_CALLS="4",
        HUTONG_MAX_CALLS_PER_INSTITUTION="1000",
        HUTONG_MAX_CONCURRENT_CALLS="1000",
    )
    server = ServerProcess(environment, tmp_path)
    try:
        site = Site(material, server.port)
        await site.load(CATALOG)
        asked = chart(person(next(serials)))
        channels = [site.open(material.credentials("H2", "emr")) for _ in range(6)]
        stubs: list[Any] = [reuse_service_pb2_grpc.ReuseServiceStub(channel) for channel in channels]
        calls = [outcome(stubs[number % 6].OpenChart(asked, timeout=20)) for number in range(700)]
        found = await asyncio.gather(*calls)
        for channel in channels:
            await channel.close()
        assert found.count("OK") > 10
        assert found.count("CANCELLED") > 0
        assert set(found) <= {"OK", "CANCELLED"}
        assert await outcome(site.asking("H1").OpenChart(asked, timeout=5)) == "OK"
        await site.close()
        # Cut calls are tried again by the client that vendors install; what is cut for good is an overload to it.
        async with connect(material, server.port, "H2", "emr", deadline=20) as client:
            calls = [client.open_chart(asked.patient, asked.context) for _ in range(300)]
            ended = await asyncio.gather(*calls, return_exceptions=True)
        cut = [each for each in ended if isinstance(each, BaseException)]
        assert 0 < len(cut) < 300
        assert {(type(each), getattr(each, "reason", "")) for each in cut} == {(Overloaded, "CANCELLED")}
    finally:
        assert server.end() == 0


def _identity(material: Material, code: str) -> Identity:
    return Identity(material.authority.certificate_file, *material.authority.client(code, "emr"))


def _item(document: dict[str, Any]) -> registry_service_pb2.PublishReportsRequest:
    return registry_service_pb2.PublishReportsRequest(feed="lis", position="1", report=publish(document))


async def test_a_call_whose_request_never_comes_ends(material: Material, make_store_url: MakeStoreUrl) -> None:
    """Headers alone, and no message: the call has a deadline of the server's, and no place is lost to it."""
    async with limited(
        material, make_store_url, HUTONG_DEFAULT_DEADLINE_SECONDS="0.5", HUTONG_MAX_CALLS_PER_INSTITUTION="1"
    ) as site:
        method = site.channel("H2", "emr").stream_unary("/hutong.v1.ReuseService/GetReport")

        async def never() -> AsyncIterator[bytes]:
            await asyncio.sleep(20)
            yield b""

        began = time.monotonic()
        found = await refused(method(never(), timeout=10))
        assert (found.code, found.reason) == ("DEADLINE_EXCEEDED", "DEADLINE_TOO_SHORT")
        assert time.monotonic() - began < 3
        request = reuse_service_pb2.GetReportRequest(report_id="x", context=context())
        assert (await refused(site.asking("H2").GetReport(request, timeout=5))).code != "RESOURCE_EXHAUSTED"


async def test_requests_that_never_come_take_nobodys_room(
    material: Material, make_store_url: MakeStoreUrl, serials: Iterator[int]
) -> None:
    """Sixty charts of which one institution sends the headers alone, after answers were late once."""
    async with limited(material, make_store_url, HUTONG_ANSWER_TARGET_SECONDS="0.0001") as site:
        asked = chart(person(next(serials)))
        # All are late by this target: the room is as small as it gets.
        for _ in range(3):
            await asyncio.gather(*(outcome(site.asking("H1").OpenChart(asked, timeout=5)) for _ in range(60)))
        method = site.channel("H2", "emr").stream_unary("/hutong.v1.ReuseService/OpenChart")

        async def never() -> AsyncIterator[bytes]:
            await asyncio.sleep(20)
            yield b""

        held = [asyncio.ensure_future(outcome(method(never(), timeout=15))) for _ in range(60)]
        await asyncio.sleep(0.3)
        assert [await outcome(site.asking("H1").OpenChart(asked, timeout=5)) for _ in range(5)] == ["OK"] * 5
        for each in held:
            each.cancel()
        await asyncio.gather(*held, return_exceptions=True)


async def test_a_call_that_ends_without_a_request_is_refused(site: Site) -> None:
    method = site.channel("H2", "emr").stream_unary("/hutong.v1.ReuseService/GetReport")

    async def nothing() -> AsyncIterator[bytes]:
        return
        yield b""

    found = await refused(method(nothing(), timeout=5))
    assert (found.code, found.reason) == ("INVALID_ARGUMENT", "REQUEST_INVALID")
