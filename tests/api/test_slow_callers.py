"""Callers that are slow on purpose, or gone without a word: what they hold is taken back within a stated time.

By hand on the wire (raw_http2), for no client library misbehaves like this.
"""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Iterator

import grpc
import pytest
import pytest_asyncio
from hutong.v1 import registry_service_pb2, reuse_service_pb2
from hutong_client.errors import call_error

from tests.api import raw_http2 as h2
from tests.api.documents import CATALOG, chart, context, lab_report, person, publish
from tests.api.site import Material, Site, start_site
from tests.conftest import MakeStoreUrl

OPEN_CHART = "/hutong.v1.ReuseService/OpenChart"
PUBLISH = "/hutong.v1.RegistryService/PublishReports"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def quick(material: Material, make_store_url: MakeStoreUrl) -> AsyncIterator[Site]:
    """A registry whose patience is short, so that the tests are."""
    site = await start_site(
        material,
        make_store_url("sqlite"),
        HUTONG_KEEPALIVE_SECONDS="1",
        HUTONG_KEEPALIVE_TIMEOUT_SECONDS="1",
        HUTONG_CONNECTION_IDLE_SECONDS="2",
        HUTONG_CONNECTION_AGE_SECONDS="4",
        HUTONG_CONNECTION_GRACE_SECONDS="1",
        HUTONG_DEFAULT_DEADLINE_SECONDS="1",
        HUTONG_STALL_SECONDS="1",
    )
    await site.load(CATALOG)
    yield site
    await site.close()


async def connect(site: Site, institution: str = "H2", role: str = "emr", *, preface: bool = True) -> h2.Connection:
    authority = site.material.authority
    tls = h2.client_tls(authority.certificate_file, *authority.client(institution, role))
    return await h2.Connection.open(site.port, tls, preface=preface)


async def still_serves(site: Site, serials: Iterator[int]) -> None:
    await site.asking("H1").OpenChart(chart(person(next(serials))), timeout=5)


async def test_a_call_by_hand_is_answered(quick: Site, serials: Iterator[int]) -> None:
    """So that the refusals below are not for a fault of the test's own frames."""
    connection = await connect(quick)
    request = chart(person(next(serials))).SerializeToString()
    connection.send(h2.frame(h2.HEADERS, h2.END_HEADERS, 1, h2.call_headers(OPEN_CHART)))
    connection.send(h2.frame(h2.DATA, h2.END_STREAM, 1, h2.message(request)))
    seen = await connection.watch(1)
    connection.close()
    assert seen.received > 20
    assert any(kind == h2.HEADERS and flags & h2.END_STREAM for kind, flags, *_ in seen.frames)


async def test_a_peer_that_is_gone_is_found(quick: Site, serials: Iterator[int]) -> None:
    """Half-open: it answers no ping."""
    connection = await connect(quick)
    seen = await connection.watch(8, answers_pings=False)
    connection.close()
    assert seen.closed
    assert seen.seconds < 4
    assert h2.PING in seen.kinds()
    await still_serves(quick, serials)


async def test_a_connection_without_calls_is_closed(quick: Site) -> None:
    connection = await connect(quick)
    seen = await connection.watch(8)
    connection.close()
    assert seen.closed
    assert h2.GOAWAY in seen.kinds()
    assert 1.5 < seen.seconds < 6


async def test_half_a_message_ends_with_the_deadline(quick: Site, serials: Iterator[int]) -> None:
    """Slow loris: a byte now and then, and a length that is never reached."""
    connection = await connect(quick)
    connection.send(h2.frame(h2.HEADERS, h2.END_HEADERS, 1, h2.call_headers(OPEN_CHART)))
    connection.send(h2.frame(h2.DATA, 0, 1, h2.message(b"", length=1000)))

    async def drip() -> None:
        for _ in range(40):
            connection.send(h2.frame(h2.DATA, 0, 1, b"\0"))
            await asyncio.sleep(0.1)

    dripping = asyncio.ensure_future(drip())
    began = time.monotonic()
    ended = 0.0
    while not ended and time.monotonic() - began < 6:
        seen = await connection.watch(0.2)
        if any(stream == 1 and kind in (h2.HEADERS, h2.RST_STREAM) for kind, _, stream, _ in seen.frames):
            ended = time.monotonic() - began
    dripping.cancel()
    connection.close()
    assert 0.5 < ended < 3
    await still_serves(quick, serials)


async def test_a_reader_that_never_reads_is_cut_and_costs_one_place(quick: Site, serials: Iterator[int]) -> None:
    """It answers every ping and never widens its window: 64 kB of answers, then no more."""
    connection = await connect(quick, "H1", "feed")
    connection.send(h2.frame(h2.HEADERS, h2.END_HEADERS, 1, h2.call_headers(PUBLISH)))
    assert quick.registry is not None
    received, before, streams = 0, time.monotonic(), []
    # An answer is longer than its request. gRPC keeps 64 kB of answers beside the window before it waits.
    for number in range(3000):
        request = registry_service_pb2.PublishReportsRequest(
            feed="slow", position=f"{number:050d}", report=publish(b"[")
        )
        connection.send(h2.frame(h2.DATA, 0, 1, h2.message(request.SerializeToString())))
        if number % 300 == 299:
            received += (await connection.watch(0.1)).received
            streams.append(len(quick.registry.server.streams))
    assert streams[0] == 1
    later = await connection.watch(max(0.1, before + 3 - time.monotonic()))
    received += later.received
    # The stream has ended for the registry, while its connection is still there to be read from.
    assert not later.closed
    assert len(quick.registry.server.streams) == 0
    assert 60_000 < received <= 65_535
    last = await connection.watch(9)
    connection.close()
    assert last.closed
    await still_serves(quick, serials)


async def test_a_large_answer_that_is_not_read_is_cut_with_its_connection(quick: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    report = lab_report(f"large-{next(serials)}", patient, conclusion="长" * 100_000)
    await quick.publishing("H1").PublishReport(publish(report), timeout=10)
    found = await quick.asking("H2").OpenChart(chart(patient), timeout=5)
    request = reuse_service_pb2.GetReportRequest(
        report_id=found.lines[0].result.report_id, context=context(), prompt_id=found.prompt_id
    )
    connection = await connect(quick)
    connection.send(h2.frame(h2.HEADERS, h2.END_HEADERS, 1, h2.call_headers("/hutong.v1.ReuseService/GetReport")))
    connection.send(h2.frame(h2.DATA, h2.END_STREAM, 1, h2.message(request.SerializeToString())))
    seen = await connection.watch(12)
    connection.close()
    assert 60_000 < seen.received <= 65_535
    assert seen.closed
    assert seen.seconds < 9


async def test_tls_without_http2_is_closed(
    material: Material, make_store_url: MakeStoreUrl, serials: Iterator[int]
) -> None:
    """The handshake done, and then silence. gRPC's own limit of 10 seconds holds, long before keepalive's."""
    patient = await start_site(material, make_store_url("sqlite"))
    await patient.load(CATALOG)
    connection = await connect(patient, preface=False)
    seen = await connection.watch(15, answers_settings=False)
    connection.close()
    assert seen.closed
    assert 5 < seen.seconds < 13
    await still_serves(patient, serials)
    await patient.close()


async def test_a_connection_without_tls_is_closed(quick: Site, serials: Iterator[int]) -> None:
    """Connected, and not a byte sent."""

    def wait() -> tuple[bytes, float]:
        with socket.create_connection(("127.0.0.1", quick.port), timeout=15) as raw:
            began = time.monotonic()
            return raw.recv(1), time.monotonic() - began

    received, took = await asyncio.to_thread(wait)
    assert received == b""
    assert took < 13
    await still_serves(quick, serials)


async def test_frames_of_nothing_do_not_stop_the_others(quick: Site, serials: Iterator[int]) -> None:
    """Pings, settings and streams that are opened and reset at once (rapid reset), as fast as they can be sent."""
    connections = [await connect(quick) for _ in range(3)]
    pings, settings, resets = connections
    pings.send(h2.frame(h2.PING, 0, 0, bytes(8)) * 5000)
    settings.send(h2.frame(h2.SETTINGS, 0, 0) * 5000)
    begun = h2.call_headers(OPEN_CHART)
    resets.send(
        b"".join(
            h2.frame(h2.HEADERS, h2.END_HEADERS, number, begun) + h2.frame(h2.RST_STREAM, 0, number, bytes(4))
            for number in range(1, 4001, 2)
        )
    )
    took = []
    for _ in range(20):
        began = time.monotonic()
        await still_serves(quick, serials)
        took.append(time.monotonic() - began)
    for connection in connections:
        connection.close()
    assert max(took) < 2


async def test_no_call_fails_while_a_connection_ages(quick: Site, serials: Iterator[int]) -> None:
    """Over more than two lives of a connection: the client moves to another by itself."""
    asking, patient = quick.asking("T1"), person(next(serials))
    began, calls = time.monotonic(), 0
    while time.monotonic() - began < 9:
        await asking.OpenChart(chart(patient), timeout=5)
        calls += 1
        await asyncio.sleep(0.01)
    assert calls > 100


async def test_a_stream_older_than_its_connection_may_be_ends_and_can_be_resumed(
    quick: Site, serials: Iterator[int]
) -> None:
    stream = quick.publishing("H2").PublishReports(timeout=30)
    began, answered = time.monotonic(), ""

    async def publish_on() -> None:
        nonlocal answered
        for number in range(200):
            report = publish(lab_report(f"aging-{number}", person(1)))
            await stream.write(
                registry_service_pb2.PublishReportsRequest(feed="aging", position=f"{number:03d}", report=report)
            )
            answered = (await stream.read()).position
            await asyncio.sleep(0.05)

    # Writing to a stream that has ended is an error of its own.
    with contextlib.suppress(asyncio.InvalidStateError, grpc.aio.AioRpcError):
        await publish_on()
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await stream.read()
    # As the client tells it: a write that meets the closing is INTERNAL to grpc.aio, on this side of the wire.
    assert call_error(ended.value).code is grpc.StatusCode.UNAVAILABLE
    assert 3 < time.monotonic() - began < 8
    status = registry_service_pb2.GetFeedStatusRequest(feed="aging")
    kept = (await quick.publishing("H2").GetFeedStatus(status, timeout=5)).position
    assert kept >= answered > ""
