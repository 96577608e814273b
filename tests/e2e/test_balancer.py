"""deploy/haproxy.cfg before a real registry: calls pass with their certificates, floods of connections do not."""

import asyncio
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.api import raw_http2 as h2
from tests.api.conftest import serials
from tests.api.documents import CATALOG, chart, person
from tests.api.site import ROOT, Material, Site, refused, start_site
from tests.conftest import MakeStoreUrl

__all__ = ["serials"]

CONFIGURATION = ROOT / "deploy" / "haproxy.cfg"
HAPROXY = shutil.which("haproxy") or "/usr/sbin/haproxy"

pytestmark = pytest.mark.skipif(not Path(HAPROXY).exists(), reason="haproxy is not installed")


def test_the_configuration_is_one() -> None:
    checked = subprocess.run(
        [HAPROXY, "-c", "-f", CONFIGURATION], capture_output=True, text=True, timeout=30, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert "WARNING" not in checked.stderr, checked.stderr


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _start(configuration: Path) -> "subprocess.Popen[bytes]":
    with configuration.with_suffix(".log").open("wb") as log:
        return subprocess.Popen([HAPROXY, "-db", "-f", configuration], stdout=log, stderr=log)


@asynccontextmanager
async def balanced(material: Material, url: str, directory: Path, **settings: str) -> AsyncIterator[tuple[Site, Site]]:
    """(the registry itself, the registry behind the balancer)."""
    site = await start_site(material, url, **settings)
    await site.load(CATALOG)
    front = _free_port()
    text = CONFIGURATION.read_text()
    for before, after in ((":7443", f"127.0.0.1:{front}"), (":7445", f"127.0.0.1:{_free_port()}")):
        assert text.count(f"bind {before}") == 1
        text = text.replace(f"bind {before}", f"bind {after}")
    text = text.replace("127.0.0.1:7444", f"127.0.0.1:{site.port}")
    changed = directory / "haproxy.cfg"
    changed.write_text(text)
    process = _start(changed)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", front)) == 0:
                    break
            await asyncio.sleep(0.05)
        behind = Site(material, front)
        yield site, behind
        await behind.close()
    finally:
        process.terminate()
        process.wait(10)
        await site.close()


async def test_a_call_through_the_balancer_is_the_callers_own(
    material: Material, make_store_url: MakeStoreUrl, tmp_path: Path, serials: Iterator[int]
) -> None:
    async with balanced(material, make_store_url("sqlite"), tmp_path) as (_, behind):
        await behind.asking("H2").OpenChart(chart(person(next(serials))), timeout=5)
        found = await refused(behind.asking("NOBODY").OpenChart(chart(person(next(serials))), timeout=5))
        assert found.reason == "INSTITUTION_UNKNOWN"


async def test_one_address_opens_so_many_connections(
    material: Material, make_store_url: MakeStoreUrl, tmp_path: Path
) -> None:
    limit = int(re.findall(r"!busy_sources \{ sc0_conn_rate gt (\d+) \}", CONFIGURATION.read_text())[0])
    tls = h2.client_tls(material.authority.certificate_file, *material.authority.client("H2", "emr"))
    opened: list[h2.Connection] = []
    turned_away = 0
    async with balanced(material, make_store_url("sqlite"), tmp_path) as (_, behind):
        for _ in range(limit + 20):
            try:
                opened.append(await h2.Connection.open(behind.port, tls))
            except (ConnectionError, ssl.SSLError):
                turned_away += 1
        for connection in opened:
            connection.close()
    # One was the probe that waited for the balancer.
    assert limit - 2 <= len(opened) <= limit
    assert turned_away == limit + 20 - len(opened)


async def test_what_is_no_tls_does_not_reach_the_registry(
    material: Material, make_store_url: MakeStoreUrl, tmp_path: Path
) -> None:
    async with balanced(material, make_store_url("sqlite"), tmp_path) as (_, behind):
        reader, writer = await asyncio.open_connection("127.0.0.1", behind.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        try:
            async with asyncio.timeout(8):
                answer = await reader.read(100)
        except ConnectionError:
            answer = b""
        writer.transport.abort()
        # The registry would send a TLS alert.
        assert answer == b""
