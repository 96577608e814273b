"""Killed with SIGKILL in the middle of publishing, ten times: every acknowledged report is there, none twice."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest
from hutong.v1 import registry_service_pb2
from hutong_client.admin import AdminClient
from hutong_client.clients import HutongClient
from hutong_client.errors import Unavailable
from hutong_client.publishing import Document

from tests.api.documents import CATALOG, context, encoded, lab_report, person, question
from tests.api.site import Material
from tests.e2e.running import RunningServer

KILLS = 10
PATIENTS = 7
FEED = "lis"

_KEPT = (
    registry_service_pb2.PUBLISH_OUTCOME_ACCEPTED,
    registry_service_pb2.PUBLISH_OUTCOME_ACCEPTED_WITH_WARNINGS,
)


class Source:
    """Reports without end. Each says its own name as its conclusion, so that a list of reports tells which it is."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._made: list[bytes] = []

    def name(self, number: int) -> str:
        return f"{self._prefix}-{number:05d}"

    def document(self, number: int) -> bytes:
        while len(self._made) <= number:
            name = self.name(len(self._made))
            patient = person(1 + len(self._made) % PATIENTS)
            self._made.append(encoded(lab_report(name, patient, conclusion=name, days_ago=1 + len(self._made) / 1000)))
        return self._made[number]

    def documents(self) -> Iterator[Document]:
        number = 0
        while True:
            yield Document(self.document(number), self.name(number))
            number += 1


class Feeds:
    """A laboratory that streams and one that publishes one by one, both until their registry is gone."""

    def __init__(self) -> None:
        self.stream = Source("S")
        self.single = Source("U")
        self.acknowledged: list[str] = []
        self.answers = 0
        self._next_single = 0
        self._last_streamed = ""

    async def run_stream(self, client: HutongClient) -> None:
        """Resumes after the position that the registry says is durable."""
        position = (await client.feed_status(FEED)).position
        # Names sort in their order: what was acknowledged is never behind the position.
        assert position >= self._last_streamed
        sending = client.publish_stream(self.stream.documents(), feed=FEED, resume_after=position, attempts=1)
        async with aclosing(aiter(sending)) as answers:
            async for published in answers:
                (result,) = published.response.results
                self._acknowledge(result, published.document.position)
                self._last_streamed = published.document.position

    async def run_single(self, client: HutongClient) -> None:
        """Goes on with the first document that was not acknowledged."""
        while True:
            response = await client.publish(self.single.document(self._next_single))
            (result,) = response.results
            self._acknowledge(result, self.single.name(self._next_single))
            self._next_single += 1

    def _acknowledge(self, result: registry_service_pb2.PublishResult, name: str) -> None:
        assert result.outcome in _KEPT
        assert result.version == 1
        self.acknowledged.append(name)
        self.answers += 1


def _connect(material: Material, port: int, institution: str, role: str) -> HutongClient:
    certificate, key = material.authority.client(institution, role)
    ca = material.authority.certificate_file
    return HutongClient.connect(f"localhost:{port}", ca=ca, certificate=certificate, key=key, deadline=10)


async def _publish_until_killed(material: Material, server: RunningServer, feeds: Feeds, dice: random.Random) -> None:
    """Kills at a moment when both are publishing; a kill before any answer would prove little."""
    async with _connect(material, server.port, "H1", "feed") as client:
        before = feeds.answers
        tasks = [asyncio.ensure_future(feeds.run_stream(client)), asyncio.ensure_future(feeds.run_single(client))]
        for _ in range(1000):
            if feeds.answers >= before + 2 or any(task.done() for task in tasks):
                break
            await asyncio.sleep(0.01)
        await asyncio.sleep(dice.uniform(0.02, 0.8))
        server.kill()
        # The stream learns it at once; the single call would be tried again for a while.
        await asyncio.wait(tasks, timeout=0.3)
        await client.close()
        for ended in await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 30):
            assert isinstance(ended, Unavailable), ended
        assert feeds.answers > before


async def _listed(client: HutongClient) -> AsyncIterator[tuple[str, int]]:
    """(name, version) of every report of every patient, as a doctor elsewhere sees them."""
    for serial in range(1, PATIENTS + 1):
        asked = question(person(serial))
        async for page in client.list_reports(asked, context(), page_size=100):
            for entry in page.reports:
                yield entry.conclusion, entry.version


@pytest.mark.timeout(180)
async def test_what_was_acknowledged_before_a_kill_is_there_once(material: Material, tmp_path: Path) -> None:
    environment = material.environment(f"sqlite:///{tmp_path / 'hutong.db'}", HUTONG_LOG_LEVEL="warning")
    dice = random.Random(20_261_122)  # noqa: S311  repeatable, not secret
    feeds = Feeds()
    for number in range(KILLS):
        server = RunningServer(environment, tmp_path / "log")
        try:
            if number == 0:
                await _import_catalog(material, server.port)
            await _publish_until_killed(material, server, feeds, dice)
        finally:
            server.kill()
    server = RunningServer(environment, tmp_path / "log")
    try:
        async with _connect(material, server.port, "H2", "emr") as client:
            found = [entry async for entry in _listed(client)]
    finally:
        assert server.stop() == 0
    times = Counter(name for name, _ in found)
    assert set(feeds.acknowledged) <= set(times), "acknowledged reports are missing"
    assert not [name for name, count in times.items() if count > 1], "reports are there twice"
    assert {version for _, version in found} == {1}
    # Not acknowledged may be there too, but only what was on its way at a kill.
    assert len(times) - len(set(feeds.acknowledged)) <= KILLS * 65
    print(f"{len(feeds.acknowledged)} acknowledged, {len(found)} found, after {KILLS} kills")


async def _import_catalog(material: Material, port: int) -> None:
    async with _connect(material, port, "registry", "admin") as client:
        admin: AdminClient = client.admin
        await admin.import_catalog([(name, text.encode()) for name, text in CATALOG.items()])
