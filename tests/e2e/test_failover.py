"""The primary is killed in the middle of load and its synchronous standby promoted: the registry goes on by itself, and
everything acknowledged is on the new primary.

`make failover` does it more often (HUTONG_FAILOVERS).
"""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hutong.v1 import reuse_service_pb2
from hutong_client.clients import HutongClient
from hutong_client.errors import HutongCallError
from hutong_server.store.migrations import migrate

from tests.api.documents import context, person, question
from tests.api.site import Material
from tests.e2e.running import RunningServer
from tests.e2e.test_sigkill import Source, _connect, _import_catalog, _listed
from tests.postgresql import NoPostgresql, PostgresqlServer

FAILOVERS = int(os.environ.get("HUTONG_FAILOVERS", "1"))
STANDBY = "synchronous_standby_names"
FOUND = reuse_service_pb2.OUTCOME_FOUND


class Load:
    """Two hospitals that publish and one that opens charts, whatever happens to the database."""

    def __init__(self, material: Material, port: int) -> None:
        self._material = material
        self._port = port
        self.acknowledged: list[str] = []
        self.charts = 0
        self.refused: list[str] = []
        self._end = False

    async def run(self) -> None:
        """Until end()."""
        async with (
            _connect(self._material, self._port, "H1", "feed") as feed,
            _connect(self._material, self._port, "H2", "emr") as asking,
        ):
            publishing = [self._publish(feed, Source(f"F{number}")) for number in range(3)]
            await asyncio.gather(*publishing, self._ask(asking))

    def end(self) -> None:
        self._end = True

    async def _publish(self, client: HutongClient, source: Source) -> None:
        number = 0
        while not self._end:
            # A call that failed is sent again: it may have been kept, and is then the same report.
            if await self._called(lambda number=number: client.publish(source.document(number), deadline=3)):
                self.acknowledged.append(source.name(number))
                number += 1

    async def _ask(self, client: HutongClient) -> None:
        while not self._end:
            answered = await self._called(lambda: client.open_chart(question(person(1)), context()))
            self.charts += bool(answered)
            await asyncio.sleep(0.02)

    async def _called(self, call: Callable[[], Awaitable[object]]) -> bool:
        try:
            await call()
        except HutongCallError as error:
            self.refused.append(type(error).__name__)
            await asyncio.sleep(0.05)
            return False
        return True

    async def goes_on(self, within: float) -> None:
        """Waits until publishes and charts are answered again."""
        began, before = time.monotonic(), (len(self.acknowledged), self.charts)
        while not (len(self.acknowledged) > before[0] + 3 and self.charts > before[1] + 1):
            assert time.monotonic() - began < within, Counter(self.refused)
            await asyncio.sleep(0.02)


def follow(primary: PostgresqlServer) -> PostgresqlServer:
    """A standby for which every commit of the primary waits."""
    standby = PostgresqlServer(standby_of=primary)
    primary.execute(f"ALTER SYSTEM SET {STANDBY} = '*'")
    primary.execute("SELECT pg_reload_conf()")
    return standby


@pytest.mark.timeout(60 + 40 * FAILOVERS)
async def test_nothing_acknowledged_is_lost_when_the_primary_dies(material: Material, tmp_path: Path) -> None:
    try:
        primary = PostgresqlServer()
    except NoPostgresql as error:
        pytest.skip(str(error))
    migrate(primary.url("postgres"))
    standby = await asyncio.to_thread(follow, primary)
    hosts = [primary.directory, standby.directory]
    dice = random.Random(20_261_123)  # noqa: S311  repeatable, not secret
    server: RunningServer | None = None
    try:
        for number in range(FAILOVERS):
            url = "postgresql://postgres@/postgres?" + "&".join(f"host={each}" for each in hosts)
            environment = material.environment(url, HUTONG_LOG_LEVEL="error", HUTONG_METRICS_LISTEN="")
            server = await asyncio.to_thread(RunningServer, environment, tmp_path / "log")
            if number == 0:
                await _import_catalog(material, server.port)
            load = Load(material, server.port)
            running = asyncio.ensure_future(load.run())
            await load.goes_on(20)
            await asyncio.sleep(dice.uniform(0.1, 0.6))
            before, began = len(load.acknowledged), time.monotonic()
            await asyncio.to_thread(primary.kill)
            await asyncio.to_thread(standby.promote)
            await load.goes_on(20)
            seconds = time.monotonic() - began
            load.end()
            await asyncio.wait_for(running, 20)
            async with _connect(material, server.port, "H2", "emr") as client:
                times = Counter([name for name, _ in [entry async for entry in _listed(client)]])
            assert set(load.acknowledged) <= set(times), "acknowledged reports are missing"
            assert set(times.values()) == {1}, "reports are there twice"
            after = len(load.acknowledged) - before
            print(f"{before} acknowledged before, {after} after; {seconds:.1f} s from the kill to answers")
            assert server.stop() == 0
            primary.stop()
            primary, standby = standby, primary
            if number + 1 < FAILOVERS:
                primary.execute(f"ALTER SYSTEM RESET {STANDBY}")
                standby = await asyncio.to_thread(follow, primary)
                hosts = [primary.directory, standby.directory]
    finally:
        if server is not None:
            with suppress(ProcessLookupError):
                server.kill()
        primary.stop()
        standby.stop()
