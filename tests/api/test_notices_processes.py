"""Two server processes on one database: a change by one is told by the other, and no kill in between loses it."""

import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest_asyncio

from tests.api.documents import CATALOG
from tests.api.noticing import (
    CORRECTED,
    LIVE,
    NOT_REUSABLE,
    WITHDRAWN,
    Relied,
    acknowledge,
    acknowledge_all,
    recognize,
    watching,
)
from tests.api.process import ServerProcess
from tests.api.site import Material, Site

ANNULLED = {"grants.csv": CATALOG["grants.csv"].replace("H1,*,9904,,,", "H1,*,9904,,2020-12-31,")}


class Pair:
    """Servers on one database; each can be killed and started again."""

    def __init__(self, material: Material, url: str, directory: Path) -> None:
        self._material = material
        self._url = url
        self._directory = directory
        self._servers: list[ServerProcess] = []
        self._sites: list[Site] = []

    def start(self) -> tuple[ServerProcess, Site]:
        directory = self._directory / str(len(self._servers))
        directory.mkdir()
        server = ServerProcess(self._material.environment(self._url), directory)
        site = Site(self._material, server.port)
        self._servers.append(server)
        self._sites.append(site)
        return server, site

    async def close(self) -> None:
        for site in self._sites:
            await site.close()
        for server in self._servers:
            server.end()


@pytest_asyncio.fixture(loop_scope="session")
async def pair(material: Material, store_url: str, tmp_path: Path) -> AsyncIterator[Pair]:
    servers = Pair(material, store_url, tmp_path)
    yield servers
    await servers.close()


async def test_a_change_is_told_live_by_the_other_server_and_a_kill_before_that_loses_nothing(
    pair: Pair, serials: Iterator[int]
) -> None:
    first, one = pair.start()
    await one.load(CATALOG)
    second, other = pair.start()
    early, relied = Relied(one, next(serials)), Relied(one, next(serials))
    await early.open()
    await relied.open()
    async with watching(other) as stream:
        assert await stream.live() == []
        await early.correct(one)
        began = time.monotonic()
        seen = await stream.next()
        assert time.monotonic() - began < LIVE
        assert (seen.kind, seen.report_id) == (CORRECTED, early.offered)
        # The server that would deliver stands still, and dies before it has.
        second.signal(signal.SIGSTOP)
        await relied.withdraw(one)
        second.signal(signal.SIGKILL)
        second.wait()
        # So does the one that made the change, right after it was acknowledged.
        first.signal(signal.SIGKILL)
        first.wait()
    _, again = pair.start()
    async with watching(again, resume_token=seen.resume_token) as stream:
        (notice,) = await stream.live()
        assert (notice.kind, notice.report_id) == (WITHDRAWN, relied.offered)
    # Seen and not acknowledged: without the token both come.
    async with watching(again) as stream:
        assert [each.kind for each in await stream.live()] == [CORRECTED, WITHDRAWN]
    await acknowledge(again, seen.notice_id)
    async with watching(again) as stream:
        assert [each.notice_id for each in await stream.live()] == [notice.notice_id]


async def test_a_walk_that_is_killed_is_finished_by_another_server_and_tells_once(
    pair: Pair, serials: Iterator[int]
) -> None:
    first, one = pair.start()
    await one.load(CATALOG)
    _, other = pair.start()
    relied = [Relied(one, next(serials)) for _ in range(3)]
    for each in relied:
        await recognize(one, await each.open())
    await acknowledge_all(one)
    async with watching(other) as stream:
        await stream.live()
        await one.load(ANNULLED)
        first.signal(signal.SIGKILL)
        first.wait()
        told = [await stream.next(20) for _ in relied]
    assert {each.kind for each in told} == {NOT_REUSABLE}
    assert {each.report_id for each in told} == {each.offered for each in relied}
    async with watching(other) as stream:
        assert len(await stream.live()) == len(relied)
