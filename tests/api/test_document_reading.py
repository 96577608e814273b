"""Documents are read in a process of their own: the same answers, no orphans, and a reader that dies costs nothing."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from hutong.v1 import reuse_service_pb2

from tests.api.documents import CATALOG, chart, encoded, lab_report, person, publish
from tests.api.process import ServerProcess
from tests.api.site import Material, Site, refused


@pytest.fixture
def server(material: Material, tmp_path: Path) -> Iterator[ServerProcess]:
    environment = material.environment(f"sqlite:///{tmp_path}/var/hutong.db", HUTONG_DOCUMENT_PROCESSES="1")
    started = ServerProcess(environment, tmp_path)
    yield started
    started.end()


@pytest_asyncio.fixture(loop_scope="session")
async def site(server: ServerProcess, material: Material) -> AsyncIterator[Site]:
    opened = Site(material, server.port)
    await opened.load(CATALOG)
    yield opened
    await opened.close()


def readers(server: ServerProcess) -> list[int]:
    """Pids of the reading processes: children of the server with a whole interpreter, the resource tracker left out."""
    tasks = Path(f"/proc/{server.pid}/task").iterdir()
    children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    return [child for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def gone(pids: list[int]) -> bool:
    for _ in range(200):
        if not any(map(alive, pids)):
            return True
        await asyncio.sleep(0.05)
    return False


async def test_a_report_read_elsewhere_is_whole(site: Site, server: ServerProcess, serials: Iterator[int]) -> None:
    assert readers(server) == [], "a registry that only answers needs no reader"
    patient = person(next(serials))
    document = encoded(lab_report("elsewhere", patient, value="4.10"))
    published = await site.publishing("H1").PublishReport(publish(document), timeout=30)
    assert published.results[0].results == 1
    assert len(readers(server)) == 1
    answer = await site.asking("H2").OpenChart(chart(patient), timeout=10)
    assert answer.outcome == reuse_service_pb2.OUTCOME_FOUND
    assert answer.lines[0].result.detail.value.quantity.value == "4.10"


async def test_a_refusal_crosses_with_its_reason_and_path(site: Site) -> None:
    told = await refused(
        site.publishing("H1").PublishReport(publish(b'{"resourceType": "DiagnosticReport",'), timeout=30)
    )
    assert (told.code, told.reason) == ("INVALID_ARGUMENT", "NOT_JSON")


async def test_a_reader_that_is_killed_is_replaced_and_nothing_is_lost(
    site: Site, server: ServerProcess, serials: Iterator[int]
) -> None:
    for turn in range(3):
        patient = person(next(serials))
        published = await site.publishing("H1").PublishReport(
            publish(encoded(lab_report(f"killed-{turn}", patient))), timeout=30
        )
        assert published.results[0].report_id
        for pid in readers(server):
            os.kill(pid, signal.SIGKILL)
    assert server.running()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_readers_end_with_their_registry(
    site: Site, server: ServerProcess, serials: Iterator[int], how: signal.Signals
) -> None:
    await site.publishing("H1").PublishReport(publish(encoded(lab_report("last", person(next(serials))))), timeout=30)
    pids = readers(server)
    assert pids
    server.signal(how)
    assert server.wait() == (0 if how is signal.SIGTERM else -signal.SIGKILL)
    assert await gone(pids)
