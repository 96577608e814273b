"""A worker of several is killed, then all of them are, and the registry is started again on its port, under load."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.api.documents import CATALOG
from tests.api.process import ServerProcess
from tests.api.site import Material, Site
from tests.faults.load import under_load

pytestmark = pytest.mark.timeout(120)


def workers(server: ServerProcess) -> list[int]:
    """Process ids of those that serve."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    return [int(pid) for pid in children if b"--watched" in Path(f"/proc/{pid}/cmdline").read_bytes()]


async def test_a_worker_and_then_the_registry(
    material: Material, make_store_url: Callable[[str], str], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = material.environment(make_store_url("sqlite"), HUTONG_LISTEN=f"127.0.0.1:{port}", HUTONG_WORKERS="2")
    server = await asyncio.to_thread(ServerProcess, environment, tmp_path)
    try:
        site = Site(material, port)
        await site.load(CATALOG)
        await site.close()
        # Every worker has the rules within their poll.
        await asyncio.sleep(1)
        async with under_load(material, port) as load:
            former = workers(server)
            assert len(former) == 2
            os.kill(former[0], signal.SIGKILL)
            await load.answered()
            await load.until(lambda: len(workers(server)) == 2 and former[0] not in workers(server))
            before = load.failures
            for pid in (server.pid, *workers(server)):
                os.kill(pid, signal.SIGKILL)
            await asyncio.to_thread(server.wait)
            await load.until(lambda: load.failures > before)
            # As systemd or a cluster starts it again. The callers are still the same.
            server = await asyncio.to_thread(ServerProcess, environment, tmp_path)
            await load.answered()
    finally:
        assert await asyncio.to_thread(server.end) == 0
