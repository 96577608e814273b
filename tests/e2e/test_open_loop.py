"""The open loop of `make bench`, in short: calls come when they are due, and a stall shows in each that was due."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
from hutong_server.store.sql_store import open_store
from hutong_server.trust.keys import read_key_file
from hutong_server.trust.sealing import AesGcmSealer

from tests.api.site import Material
from tests.bench import chart_load, charts, open_loop, places
from tests.bench.day import SHARES
from tests.bench.open_loop import GENERATORS, Seen, at

RATE = 100.0
SECONDS = 1.5
STALL = 0.5

Answer = Callable[[], Awaitable[None]]


@asynccontextmanager
async def echoing(material: Material, answer: Answer) -> AsyncIterator[str]:
    """Address of a server of the benchmark's echo, which does `answer` first."""

    async def echo(_request: bytes, _context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        await answer()
        return b"x"

    server = grpc.aio.server()
    handler = grpc.method_handlers_generic_handler("bench.Echo", {"Echo": grpc.unary_unary_rpc_method_handler(echo)})
    server.add_generic_rpc_handlers((handler,))
    certificate, key = (path.read_bytes() for path in material.authority.server())
    ca = material.authority.certificate_file.read_bytes()
    credentials = grpc.ssl_server_credentials([(key, certificate)], ca, require_client_auth=True)
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    try:
        yield f"localhost:{port}"
    finally:
        await server.stop(1)


async def echoed(material: Material, target: str) -> Seen:
    doctor = places.identity(material, chart_load.ASKER, "emr")
    return await open_loop.run(target, doctor, {"echo": 1}, RATE, SECONDS, patients=10)


async def test_a_stall_of_the_server_shows_in_every_call_that_was_due_meanwhile(material: Material) -> None:
    began: list[float] = []

    async def answer() -> None:
        began.append(time.monotonic())
        stall_ends = began[0] + SECONDS / 2 + STALL
        if stall_ends - STALL <= began[-1] < stall_ends:
            await asyncio.sleep(stall_ends - began[-1])

    async with echoing(material, answer) as target:
        seen = await echoed(material, target)
    assert seen.ends == {"OK": round(RATE * SECONDS)}
    assert at(seen.all, 0.5) < 1000 * STALL / 5
    # A third of all calls was due while it stalled, and waited for what was left of it. A caller that waits for its
    # answers before it goes on would tell of two.
    slow = [took for took in seen.all if took > 1000 * STALL / 2]
    assert len(slow) > 0.7 * RATE * STALL / 2
    assert seen.all[-1] > 900 * STALL


async def test_a_generator_that_stalls_is_told_and_counts_as_late(material: Material) -> None:
    first = asyncio.Event()

    async def answer() -> None:
        first.set()

    async with echoing(material, answer) as target:
        running = asyncio.ensure_future(echoed(material, target))
        await asyncio.wait_for(first.wait(), 30)
        generators = callers()
        assert len(generators) == GENERATORS
        for pid in generators:
            os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(STALL)
        for pid in generators:
            os.kill(pid, signal.SIGCONT)
        seen = await running
    assert "late" in seen.invalid()
    # None was left out, and their times begin when they were due.
    assert seen.ends == {"OK": round(RATE * SECONDS)}
    assert len([took for took in seen.all if took > 1000 * STALL / 2]) > 0.7 * RATE * STALL / 2


def callers() -> list[int]:
    """The generators that this process started."""
    started = {
        int(child)
        for task in Path("/proc/self/task").iterdir()
        for child in (task / "children").read_text().split()
        if b"tests.bench.caller" in Path(f"/proc/{child}/cmdline").read_bytes()
    }
    return sorted(started)


async def test_the_calls_of_a_made_day_are_answered_and_kept(material: Material, tmp_path: Path) -> None:
    with places.database("sqlite", tmp_path) as url, places.registry(material, url, tmp_path / "log") as server:
        catalog = {name: text.encode() for name, text in chart_load.CATALOG.items()}
        await places.import_catalog(material, server.port, catalog)
        charts.load(material, url, 4)
        seen = await open_loop.run(
            f"localhost:{server.port}",
            places.identity(material, chart_load.ASKER, "emr"),
            {**SHARES, "journey": 20},
            40,
            SECONDS,
            patients=4,
            feeds=[places.identity(material, code, "feed") for code in chart_load.ISSUERS],
            deadline=20,
        )
    assert seen.ends == {"OK": 60}
    assert set(seen.took) == {*SHARES, "journey"}
    store = open_store(url, AesGcmSealer(read_key_file(material.seal_key)))
    try:
        kept = store.read(lambda reader: reader.institution_counts(chart_load.ISSUERS[0])[0])
    finally:
        store.close()
    # Beside those that were loaded: each institution published.
    assert kept > 4 * chart_load.REPORTS // len(chart_load.ISSUERS)
