"""deploy/haproxy.cfg before a real registry: calls pass with their certificates, floods of connections do not."""

import asyncio
import re
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest
from hutong.v1 import reuse_service_pb2

from tests.api import raw_http2 as h2
from tests.api.conftest import serials
from tests.api.documents import CATALOG, chart, person
from tests.api.site import Material, Site, refused, start_site
from tests.conftest import MakeStoreUrl
from tests.e2e.replicas import HAPROXY, HAPROXY_CONFIGURATION, haproxy

__all__ = ["serials"]

pytestmark = pytest.mark.skipif(not HAPROXY, reason="haproxy is not installed")


def test_the_configuration_is_one() -> None:
    checked = subprocess.run(
        [HAPROXY, "-c", "-f", HAPROXY_CONFIGURATION], capture_output=True, text=True, timeout=30, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert "WARNING" not in checked.stderr, checked.stderr


@asynccontextmanager
async def balanced(material: Material, url: str, directory: Path, **changed: str) -> AsyncIterator[tuple[Site, Site]]:
    """(the registry itself, the registry behind the balancer)."""
    site = await start_site(material, url)
    await site.load(CATALOG)
    try:
        async with haproxy(directory, site.port, changes=changed) as front:
            behind = Site(material, front)
            yield site, behind
            await behind.close()
    finally:
        await site.close()


async def test_a_call_through_the_balancer_is_the_callers_own(
    material: Material, make_store_url: MakeStoreUrl, tmp_path: Path, serials: Iterator[int]
) -> None:
    async with balanced(material, make_store_url("sqlite"), tmp_path) as (_, behind):
        await behind.asking("H2").OpenChart(chart(person(next(serials))), timeout=5)
        found = await refused(behind.asking("NOBODY").OpenChart(chart(person(next(serials))), timeout=5))
        assert found.reason == "INSTITUTION_UNKNOWN"


def _limit(of: str) -> int:
    """What an address that is not busy may have."""
    return int(re.findall(rf"!busy_sources \{{ {of} gt (\d+) \}}", HAPROXY_CONFIGURATION.read_text())[0])


async def test_one_address_holds_so_many_connections(
    material: Material, make_store_url: MakeStoreUrl, tmp_path: Path
) -> None:
    limit = _limit("sc0_conn_cur")
    tls = h2.client_tls(material.authority.certificate_file, *material.authority.client("H2", "emr"))
    opened: list[h2.Connection] = []
    async with balanced(material, make_store_url("sqlite"), tmp_path) as (_, behind):
        for _ in range(limit + 10):
            with suppress(ConnectionError, ssl.SSLError):
                opened.append(await h2.Connection.open(behind.port, tls))
        for connection in opened:
            connection.close()
    assert len(opened) == limit


async def test_one_address_opens_so_many_connections(tmp_path: Path) -> None:
    limit = _limit("sc0_conn_rate")
    async with _upstream([]) as port, haproxy(tmp_path, port) as front:
        passed = 0
        for _ in range(limit + 10):
            with suppress(ConnectionError):
                reader, writer = await asyncio.open_connection("127.0.0.1", front)
                writer.write(HELLO)
                async with asyncio.timeout(8):
                    passed += await reader.read(1) == b"!"
                writer.transport.abort()
    # One was the probe that waited for the balancer. All those that an address may hold can come back at once.
    assert passed == limit - 1
    assert limit > _limit("sc0_conn_cur")


HELLO = b"\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03" + bytes(32) + b"\x00\x00\x02\x13\x01\x01\x00\x00\x00"
"""How TLS begins."""


@asynccontextmanager
async def _upstream(came: list[bytes]) -> AsyncIterator[int]:
    """Port of a server in the registry's place that keeps the first byte of each connection and answers it."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            # The balancer's own looks end without a word.
            if first := await reader.read(1):
                came.append(first)
                writer.write(b"!")
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_connection_to_one_that_is_gone_goes_to_the_next_at_once(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(_upstream([]))
        async with _upstream([]) as gone:
            front = await stack.enter_async_context(haproxy(tmp_path, gone, port))
        # The balancer does not know yet, and the one that is gone has the fewest connections.
        began = loop.time()
        for _ in range(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", front)
            writer.write(HELLO)
            async with asyncio.timeout(8):
                assert await reader.read(1) == b"!"
            writer.transport.abort()
        assert loop.time() - began < 2
        assert "is DOWN" not in (tmp_path / "haproxy.log").read_text()


async def test_what_is_no_tls_is_not_passed_on(tmp_path: Path) -> None:
    came: list[bytes] = []
    # Whatever stands behind would be asked; the balancer itself looks whether it is TLS.
    async with _upstream(came) as port, haproxy(tmp_path, port) as front:
        for sent, answer in ((b"GET / HTTP/1.1\r\n\r\n", b""), (HELLO, b"!")):
            reader, writer = await asyncio.open_connection("127.0.0.1", front)
            writer.write(sent)
            with suppress(ConnectionError):
                async with asyncio.timeout(8):
                    assert await reader.read(100) == answer
            writer.transport.abort()
    assert came == [HELLO[:1]]


async def test_a_call_in_flight_outlives_the_registry_being_taken_out(
    material: Material, make_store_url: MakeStoreUrl, tmp_path: Path, serials: Iterator[int]
) -> None:
    """A registry that drains refuses connections and is down to the balancer; its calls end as they would have."""
    drained, answered = asyncio.Event(), chart(person(next(serials)))

    async def slowly() -> AsyncIterator[reuse_service_pb2.OpenChartRequest]:
        await drained.wait()
        yield answered

    async with balanced(material, make_store_url("sqlite"), tmp_path, **{"inter 1s": "inter 100ms"}) as (site, behind):
        # To gRPC's core a call is in flight from its first word on; the method is the same on the wire.
        call = behind.channel("H2", "emr").stream_unary(
            "/hutong.v1.ReuseService/OpenChart",
            request_serializer=reuse_service_pb2.OpenChartRequest.SerializeToString,
            response_deserializer=reuse_service_pb2.OpenChartResponse.FromString,
        )(slowly(), timeout=10)
        await asyncio.sleep(0.3)
        assert site.registry is not None
        draining = asyncio.ensure_future(site.registry.drain())
        log = tmp_path / "haproxy.log"
        for _ in range(100):
            if "is DOWN" in log.read_text():
                break
            await asyncio.sleep(0.05)
        assert "is DOWN" in log.read_text()
        await asyncio.sleep(0.2)
        assert not draining.done()
        drained.set()
        assert (await call).prompt_id
        await draining
        site.registry = None
