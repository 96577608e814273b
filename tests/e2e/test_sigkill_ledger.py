"""Killed with SIGKILL at random moments of a mixed load, twenty times: every answer that a caller received, refusals
among them, has its leaf, and the whole ledger verifies against the checkpoints that were exported meanwhile.
"""

import asyncio
import itertools
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from hutong.v1 import reuse_service_pb2

from tests.api.documents import CATALOG, chart, context, lab_report, person, publish
from tests.api.process import run
from tests.api.site import Material, Site, refusal_of
from tests.e2e.running import RunningServer

KILLS = 20
PATIENTS = 7


class Received:
    """What callers were answered."""

    def __init__(self) -> None:
        self.requests: set[str] = set()
        """Ids of the calls."""
        self.published = 0
        self.number = itertools.count()

    @property
    def answers(self) -> int:
        return len(self.requests) + self.published


async def look(site: Site, got: Received) -> None:
    while True:
        request_id = f"look-{next(got.number)}"
        await site.asking("H2").OpenChart(chart(person(1 + next(got.number) % PATIENTS), request_id), timeout=10)
        got.requests.add(request_id)


async def send(site: Site, got: Received) -> None:
    while True:
        number = next(got.number)
        document = publish(lab_report(f"ledger-{number}", person(1 + number % PATIENTS)))
        await site.publishing("H1").PublishReport(document, timeout=10)
        got.published += 1


async def be_refused(site: Site, got: Received) -> None:
    request = reuse_service_pb2.GetReportRequest(report_id="hAAAA", context=context())
    while True:
        try:
            await site.asking("H2").GetReport(request, timeout=10)
        except grpc.aio.AioRpcError as error:
            found = refusal_of(error)
            if not found.reason or found.reason == "STORE_UNAVAILABLE":
                raise
            got.requests.add(found.request_id)


async def until_killed(site: Site, server: RunningServer, got: Received, dice: random.Random) -> None:
    """Kills at a moment when all are calling; a kill before any answer would prove little."""
    before = got.answers
    work = [look, look, look, send, be_refused]
    tasks = [asyncio.ensure_future(each(site, got)) for each in work]
    for _ in range(1000):
        if got.answers >= before + 10 or any(task.done() for task in tasks):
            break
        await asyncio.sleep(0.01)
    await asyncio.sleep(dice.uniform(0.0, 0.4))
    server.kill()
    for ended in await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 30):
        assert isinstance(ended, grpc.aio.AioRpcError), ended
    assert got.answers >= before + 10


@pytest.mark.timeout(400)
@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
async def test_every_answer_before_a_kill_has_its_leaf(
    material: Material, tmp_path: Path, make_store_url: Callable[[str], str], backend: str
) -> None:
    exported = tmp_path / "checkpoints"
    more = {
        "HUTONG_LOG_LEVEL": "warning",
        "HUTONG_CALLS_PER_SECOND": "0",
        "HUTONG_LEDGER_EXPORT": str(exported),
    }
    environment = material.environment(make_store_url(backend), **more)
    dice = random.Random(20_261_122)  # noqa: S311  repeatable, not secret
    got = Received()
    for number in range(KILLS):
        server = RunningServer(environment, tmp_path / "log")
        try:
            site = Site(material, server.port)
            if number == 0:
                await site.load(CATALOG)
            await until_killed(site, server, got, dice)
            await site.close()
        finally:
            server.kill()
    dumped = tmp_path / "dump"
    done = await asyncio.to_thread(run, ["audit", "verify", "--against", str(exported)], environment, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    written = await asyncio.to_thread(run, ["audit", "dump", "--to", str(dumped)], environment, tmp_path)
    assert written.returncode == 0, written.stderr
    leaves = list(leaves_of(dumped))
    on_record = {leaf["request"] for leaf in leaves if "request" in leaf}
    assert got.requests <= on_record, "answers without a leaf"
    assert got.published <= sum(leaf.get("method") == "PublishReport" for leaf in leaves)
    assert len(list(exported.glob("*.checkpoint"))) >= KILLS // 2
    print(f"{backend}: {got.answers} answers, {len(leaves)} leaves, after {KILLS} kills")


def leaves_of(dumped: Path) -> Iterator[dict[str, object]]:
    with dumped.open() as lines:
        for line in lines:
            read = json.loads(line)
            if "leaf" in read:
                yield json.loads(read["text"])
