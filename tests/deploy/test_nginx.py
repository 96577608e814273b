"""deploy/nginx-stream.conf in a real nginx before a real registry: calls pass as the caller's own, floods do not."""

import asyncio
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.api import raw_http2 as h2
from tests.api.conftest import material, serials
from tests.api.documents import CATALOG, chart, person
from tests.api.site import Material, Site, refused, start_site
from tests.conftest import MakeStoreUrl
from tests.deploy.files import DEPLOY, SYSTEM, program
from tests.enrollment.test_commands import free_port

__all__ = ["material", "serials"]

CONFIGURATION = DEPLOY / "nginx-stream.conf"
NGINX = program("nginx")
MODULE = SYSTEM / "usr" / "lib" / "nginx" / "modules" / "ngx_stream_module.so"

pytestmark = pytest.mark.skipif(not NGINX, reason="nginx is not here; `make packages` gets it on Debian")


def command(configuration: Path, prefix: Path, *more: str) -> list[str]:
    """nginx with its module, wherever that is."""
    installed = any(Path("/etc/nginx/modules-enabled").glob("*stream*"))
    load = "" if installed else f"load_module {MODULE};"
    return [NGINX, *more, "-p", str(prefix), "-e", str(prefix / "errors"), "-c", str(configuration), "-g", load]


def test_nginx_takes_the_file(tmp_path: Path) -> None:
    own = tmp_path / "nginx.conf"
    own.write_text(CONFIGURATION.read_text().replace("/run/nginx-hutong.pid", str(tmp_path / "pid")))
    said = subprocess.run(command(own, tmp_path, "-t"), capture_output=True, text=True, timeout=30, check=False)
    assert said.returncode == 0, said.stderr
    assert "warn" not in said.stderr


@asynccontextmanager
async def nginx(*upstreams: int) -> AsyncIterator[int]:
    """Its port before what listens on others."""
    front = free_port()
    with tempfile.TemporaryDirectory(prefix="hutong-nginx-") as name:
        directory = Path(name)
        text = CONFIGURATION.read_text()
        server = "        server 127.0.0.1:7444 max_fails=1 fail_timeout=1s;\n"
        for before, after in {
            "listen 7443 ": f"listen 127.0.0.1:{front} ",
            "listen 7445;": f"listen 127.0.0.1:{free_port()};",
            server: "".join(server.replace("7444", str(port)) for port in upstreams),
            "/run/nginx-hutong.pid": str(directory / "pid"),
        }.items():
            assert text.count(before) == 1, before
            text = text.replace(before, after)
        configuration = directory / "nginx.conf"
        configuration.write_text("daemon off;\n" + text)
        process = _start(configuration, directory)
        try:
            await asyncio.to_thread(_listens, front, process, directory / "log")
            yield front
        finally:
            process.terminate()
            process.wait(10)


@asynccontextmanager
async def balanced(material: Material, url: str) -> AsyncIterator[Site]:
    """A registry behind nginx."""
    site = await start_site(material, url)
    await site.load(CATALOG)
    try:
        async with nginx(site.port) as front:
            behind = Site(material, front)
            yield behind
            await behind.close()
    finally:
        await site.close()


def _start(configuration: Path, directory: Path) -> "subprocess.Popen[bytes]":
    with (directory / "log").open("wb") as log:
        return subprocess.Popen(command(configuration, directory), stdout=log, stderr=log)


def _listens(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(100):
        assert process.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), 0.1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text())


async def test_calls_pass_with_their_certificates(
    material: Material, make_store_url: MakeStoreUrl, serials: Iterator[int]
) -> None:
    async with balanced(material, make_store_url("sqlite")) as behind:
        await behind.asking("H2").OpenChart(chart(person(next(serials))), timeout=5)
        found = await refused(behind.asking("NOBODY").OpenChart(chart(person(next(serials))), timeout=5))
        assert found.reason == "INSTITUTION_UNKNOWN"


async def test_what_is_no_tls_is_not_passed_on() -> None:
    came: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(await reader.read(1))
        writer.close()

    # Whatever stands behind would be asked; nginx itself looks whether it is TLS.
    server = await asyncio.start_server(take, "127.0.0.1", 0)
    hello = b"\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03" + bytes(32) + b"\x00\x00\x02\x13\x01\x01\x00\x00\x00"
    async with server, nginx(server.sockets[0].getsockname()[1]) as front:
        for sent in (b"GET / HTTP/1.1\r\n\r\n", hello):
            reader, writer = await asyncio.open_connection("127.0.0.1", front)
            writer.write(sent)
            with suppress(ConnectionError):
                async with asyncio.timeout(8):
                    await reader.read(100)
            writer.transport.abort()
    assert came == [b"\x16"]


async def test_one_address_holds_so_many_connections(material: Material, make_store_url: MakeStoreUrl) -> None:
    text = CONFIGURATION.read_text()
    low = 5
    assert text.count("limit_conn addresses 100;") == 1
    tls = h2.client_tls(material.authority.certificate_file, *material.authority.client("H2", "emr"))
    opened: list[h2.Connection] = []
    turned_away = 0
    async with balanced(material, make_store_url("sqlite")) as behind:
        for _ in range(100 + low):
            try:
                opened.append(await h2.Connection.open(behind.port, tls))
            except (OSError, ssl.SSLError):
                turned_away += 1
        for connection in opened:
            connection.close()
    assert (len(opened), turned_away) == (100, low)
