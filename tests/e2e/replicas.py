"""Several registries on one database, each a process at an address of its own that it keeps when it comes back."""

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tests.api.site import ROOT
from tests.deploy.files import program
from tests.e2e.running import RunningServer

HAPROXY = program("haproxy")
HAPROXY_CONFIGURATION = ROOT / "deploy" / "haproxy.cfg"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@dataclass(frozen=True)
class Version:
    """Of the server."""

    environment: Mapping[str, str]
    code: str = ""
    """PYTHONPATH of its package; empty: this one's."""

    def variables(self) -> dict[str, str]:
        """For a process that runs it."""
        return {**self.environment} | ({"PYTHONPATH": self.code} if self.code else {})


class Replica:
    """One of them."""

    def __init__(self, log: Path) -> None:
        self.port = free_port()
        self._log = log
        self._server: RunningServer | None = None

    async def start(self, version: Version) -> None:
        """Returns once it listens."""
        environment = version.variables() | {"HUTONG_LISTEN": f"127.0.0.1:{self.port}"}
        self._server = await asyncio.to_thread(RunningServer, environment, self._log)

    async def drain(self) -> int:
        """SIGTERM; its exit status."""
        assert self._server is not None
        return await asyncio.to_thread(self._server.stop)

    async def kill(self) -> None:
        """SIGKILL."""
        assert self._server is not None
        await asyncio.to_thread(self._server.kill)

    async def end(self) -> None:
        """Whatever it was doing."""
        if self._server is not None:
            await asyncio.to_thread(self._server.kill)


@asynccontextmanager
async def haproxy(
    directory: Path, *upstreams: int, changes: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[int]:
    """Its port before what listens on others, with deploy/haproxy.cfg, in which `changes` are made."""
    front = free_port()
    text = HAPROXY_CONFIGURATION.read_text()
    for before, after in ((":7443", f"127.0.0.1:{front}"), (":7445", f"127.0.0.1:{free_port()}")):
        assert text.count(f"bind {before}") == 1
        text = text.replace(f"bind {before}", f"bind {after}")
    line = "    server registry1 127.0.0.1:7444\n"
    assert text.count(line) == 1
    servers = (f"    server registry{number} 127.0.0.1:{port}\n" for number, port in enumerate(upstreams, 1))
    text = text.replace(line, "".join(servers))
    for before, after in changes.items():
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    changed = directory / "haproxy.cfg"
    changed.write_text(text)
    process = _balancing(changed, directory / "haproxy.log")
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", front)) == 0:
                    break
            await asyncio.sleep(0.05)
        yield front
    finally:
        process.terminate()
        process.wait(10)


def _balancing(configuration: Path, log: Path) -> "subprocess.Popen[bytes]":
    with log.open("wb") as file:
        return subprocess.Popen([HAPROXY, "-db", "-f", configuration], stdout=file, stderr=file)
