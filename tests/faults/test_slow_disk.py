"""A registry on a disk that takes seconds for a sync, for a while, under load."""

import asyncio
import os
import re
import shutil
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.api.documents import CATALOG
from tests.api.process import ServerProcess
from tests.api.site import Material, Site
from tests.faults.load import DEADLINE, under_load

pytestmark = pytest.mark.timeout(120)

FIRST = 40
"""Syncs of the thread that commits before the disk becomes slow: those of the catalogue and of the first calls."""


async def test_a_slow_disk(
    material: Material, make_store_url: Callable[[str], str], tmp_path: Path, seconds: float
) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed (apt install strace)")
    probe = await asyncio.create_subprocess_exec("strace", "-o", os.devnull, "true")
    if await probe.wait():
        pytest.skip("strace may not trace here")
    # Three syncs, together as long as asked for: a call needs one or two of them.
    calls, each = "fsync,fdatasync", int(seconds / 3 * 1e6)
    tracer = ["strace", "-f", "--seccomp-bpf", "-qq", "-o", os.devnull, "-e", f"trace={calls}"]
    tracer += ["-e", f"inject={calls}:delay_exit={each}:when={FIRST}..{FIRST + 2}"]
    environment = material.environment(make_store_url("sqlite"))
    server = await asyncio.to_thread(ServerProcess, environment, tmp_path, tracer)
    try:
        site = Site(material, server.port)
        await site.load(CATALOG)
        await site.close()
        async with under_load(material, server.port) as load:
            # Nobody is acknowledged before the disk has it: some waited for it, and said so in time.
            await load.until(lambda: load.slowest > min(DEADLINE, seconds / 3))
            await load.answered()
        # The disk was slow, not the registry: it went on looking at its timers.
        assert _late(server.metrics_port) == 0
    finally:
        assert await asyncio.to_thread(server.end) == 0


def _late(port: int) -> float:
    """How often the event loop came back to a timer a second late or later."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as page:
        text = page.read().decode()
    name = "hutong_event_loop_lag_seconds"
    buckets = dict(re.findall(rf'^{name}_bucket{{le="([^"]+)"}} (\S+)$', text, re.MULTILINE))
    return float(buckets["+Inf"]) - float(buckets["1.0"])
