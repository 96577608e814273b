"""Revocation bites on the next call and on open streams, on every worker, within a second."""

import asyncio
import threading
import time
from typing import Any

from hutong.v1 import (
    certificate_service_pb2,
    registry_service_pb2,
    registry_service_pb2_grpc,
    reuse_service_pb2_grpc,
)
from hutong_server import app, settings

from tests.api.documents import chart, person
from tests.api.site import Site, outcome, refused, rest_of
from tests.enrollment.place import Held, Place, until
from tests.enrollment.test_enroll import refill


def asking(channel: Any) -> Any:
    return reuse_service_pb2_grpc.ReuseServiceStub(channel)


async def revoke(place: Place, held: Held) -> Any:
    request = certificate_service_pb2.RevokeCertificateRequest(serial=held.serial.upper(), reason="stolen")
    return (await place.admin().RevokeCertificate(request, timeout=5)).certificate


async def test_the_next_call_fails(place: Place) -> None:
    refill(place)
    held = await place.hold()
    async with place.channel(held) as channel:
        stub = asking(channel)
        assert await outcome(stub.OpenChart(chart(person(2)), timeout=5)) == "OK"
        done = await revoke(place, held)
        assert (done.serial, done.revoked_because) == (held.serial, "stolen")
        found = await refused(stub.OpenChart(chart(person(2)), timeout=5))
        assert (found.code, found.reason) == ("PERMISSION_DENIED", "CERTIFICATE_REVOKED")
    first = done.revoked_at.ToMilliseconds()
    assert (await revoke(place, held)).revoked_at.ToMilliseconds() == first


async def test_another_worker_hears_of_it_within_a_second(place: Place) -> None:
    refill(place)
    held = await place.hold()
    other = await app.start(settings.load(dict(place.environment) | {"HUTONG_ENROLLMENT_LISTEN": ""}))
    try:
        elsewhere = Place(Site(place.site.material, other.port, other), place.directory, place.environment)
        async with elsewhere.channel(held) as channel:
            stub = asking(channel)
            await stub.OpenChart(chart(person(2)), timeout=5)
            await revoke(place, held)

            async def told() -> bool:
                return await outcome(stub.OpenChart(chart(person(2)), timeout=5)) == "PERMISSION_DENIED"

            assert await until(told, 1.0) < 1.0
    finally:
        await other.drain()


async def test_open_streams_of_another_worker_end_within_a_second(place: Place) -> None:
    refill(place)
    held = await place.hold("H1", "feed")
    other = await app.start(settings.load(dict(place.environment) | {"HUTONG_ENROLLMENT_LISTEN": ""}))
    try:
        elsewhere = Place(Site(place.site.material, other.port, other), place.directory, place.environment)
        async with elsewhere.channel(held) as channel:
            stub: Any = registry_service_pb2_grpc.RegistryServiceStub(channel)
            stream = stub.PublishReports()
            await stream.write(registry_service_pb2.PublishReportsRequest(feed="g", position="1"))
            assert (await stream.read()).position == "1"
            await revoke(place, held)
            begun = asyncio.get_running_loop().time()
            found = await refused(asyncio.wait_for(rest_of(stream, []), 5))
            assert asyncio.get_running_loop().time() - begun < 1.0
            assert (found.code, found.reason) == ("PERMISSION_DENIED", "CERTIFICATE_REVOKED")
    finally:
        await other.drain()


async def test_open_streams_end(place: Place) -> None:
    refill(place)
    held = await place.hold("H1", "feed")
    async with place.channel(held) as channel:
        stub: Any = registry_service_pb2_grpc.RegistryServiceStub(channel)
        stream = stub.PublishReports()
        await stream.write(registry_service_pb2.PublishReportsRequest(feed="f", position="1"))
        assert (await stream.read()).position == "1"
        loop = asyncio.get_running_loop()
        await revoke(place, held)
        begun = loop.time()
        found = await refused(asyncio.wait_for(rest_of(stream, []), 5))
        assert loop.time() - begun < 1.0
        assert (found.code, found.reason) == ("PERMISSION_DENIED", "CERTIFICATE_REVOKED")


async def test_certificates_are_listed_with_their_end(place: Place) -> None:
    refill(place)
    held, gone = await place.hold("H2", "feed"), await place.hold("H2", "feed")
    await revoke(place, gone)

    async def listed(**asked: Any) -> list[Any]:
        token, rows = "", []
        while True:
            request = certificate_service_pb2.ListCertificatesRequest(
                institution="H2", page_size=2, page_token=token, **asked
            )
            page = await place.admin().ListCertificates(request, timeout=5)
            rows += page.certificates
            token = page.next_page_token
            if not token:
                return rows

    good, every = await listed(), await listed(include_ended=True)
    assert held.serial in [row.serial for row in good]
    assert gone.serial not in [row.serial for row in good]
    assert gone.serial in [row.serial for row in every]
    assert [row.not_after.ToMilliseconds() for row in every] == sorted(row.not_after.ToMilliseconds() for row in every)
    (row,) = [row for row in good if row.serial == held.serial]
    assert row.not_after.seconds == int(held.leaf.not_valid_after_utc.timestamp())
    assert (row.institution, row.role, row.HasField("revoked_at")) == ("H2", "feed", False)


async def test_an_unknown_serial_is_not_found(place: Place) -> None:
    for serial, code in (("abc123", "NOT_FOUND"), ("", "INVALID_ARGUMENT"), ("xyz", "INVALID_ARGUMENT")):
        request = certificate_service_pb2.RevokeCertificateRequest(serial=serial, reason="test")
        assert await outcome(place.admin().RevokeCertificate(request, timeout=5)) == code


async def test_only_registered_certificates_where_that_is_required(place: Place) -> None:
    refill(place)
    held = await place.hold()
    environment = dict(place.environment) | {
        "HUTONG_ENROLLMENT_LISTEN": "",
        "HUTONG_REQUIRE_REGISTERED_CERTIFICATES": "true",
    }
    strict = await app.start(settings.load(environment))
    try:
        elsewhere = Place(
            type(place.site)(place.site.material, strict.port, strict), place.directory, place.environment
        )
        elsewhere.site.roots = place.site.roots  # type: ignore[attr-defined]
        async with elsewhere.channel(held) as channel:
            assert await outcome(asking(channel).OpenChart(chart(person(2)), timeout=5)) == "OK"
            await revoke(place, held)
        found = await refused(asking(elsewhere.site.channel("H1", "emr")).OpenChart(chart(person(2)), timeout=5))
        assert (found.code, found.reason) == ("UNAUTHENTICATED", "CERTIFICATE_IDENTITY_INVALID")
        async with elsewhere.channel(held) as channel:

            async def told() -> bool:
                return await outcome(asking(channel).OpenChart(chart(person(2)), timeout=5)) == "PERMISSION_DENIED"

            await until(told, 1.0)
        await elsewhere.site.channel("H1", "emr").close()
    finally:
        await strict.drain()


async def test_expiry_is_in_the_metrics(place: Place) -> None:
    registry = place.site.registry
    assert registry is not None
    await place.hold()
    await registry.expiry.look()
    value = registry.metrics.registry.get_sample_value
    # Seven days, rounded up to whole seconds.
    found = [value("hutong_client_certificates", {"days_left": label}) for label in ("3-7", "7-30")]
    assert sum(each or 0 for each in found) >= 1
    assert value("hutong_client_certificates", {"days_left": "90+"}) == 0
    end = value("hutong_client_certificate_expiry_timestamp_seconds", {"institution": "H1", "role": "emr"})
    assert end is not None
    assert 0 < end - time.time() <= 7 * 86400 + 1
    for name, days in (("server", 1), ("issuing", 730), ("root", 3651)):
        left = value("hutong_certificate_seconds_left", {"certificate": name})
        assert left is not None
        assert (days - 1.1) * 86400 < left < (days + 0.1) * 86400


async def test_a_worker_whose_threads_are_all_busy_hears_of_it_within_a_second(place: Place) -> None:
    refill(place)
    held = await place.hold()
    busy = await app.start(settings.load(dict(place.environment) | {"HUTONG_ENROLLMENT_LISTEN": ""}))
    let_go = threading.Event()
    try:
        elsewhere = Place(Site(place.site.material, busy.port, busy), place.directory, place.environment)
        async with elsewhere.channel(held) as channel:
            stub = asking(channel)
            await stub.OpenChart(chart(person(2)), timeout=5)
            for _ in range(100):
                busy._threads.submit(let_go.wait, 10)
            await revoke(place, held)

            async def told() -> bool:
                return await outcome(stub.OpenChart(chart(person(2)), timeout=0.2)) == "PERMISSION_DENIED"

            assert await until(told, 1.0) < 1.0
    finally:
        let_go.set()
        await busy.drain()
