"""`hutong-server serve --workers N` as its operator has it: one port, one page of metrics, no worker left behind."""

import asyncio
import os
import re
import signal
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from hutong.v1 import catalog_service_pb2, catalog_service_pb2_grpc, reuse_service_pb2, reuse_service_pb2_grpc

from tests.api.documents import CATALOG, chart, context, lab_report, person, publish, question
from tests.api.process import ServerProcess, run
from tests.api.site import Material, Site, outcome, refused
from tests.store.ledgers import rows

COUNT = 2
FOUND = reuse_service_pb2.OUTCOME_FOUND


class Working:
    """A running registry of several workers."""

    def __init__(self, material: Material, url: str, directory: Path) -> None:
        directory.mkdir(exist_ok=True)
        self.environment = material.environment(url, HUTONG_METRICS_LISTEN="127.0.0.1:0", HUTONG_WORKERS=str(COUNT))
        self.process = ServerProcess(self.environment, directory)
        self.site = Site(material, self.process.port)
        self._channels: list[grpc.aio.Channel] = []

    def fresh(self, institution: str) -> Any:
        """Calls over a connection of its own, so that any worker may take it."""
        channel = grpc.aio.secure_channel(
            f"localhost:{self.process.port}",
            self.site.material.credentials(institution, "emr"),
            options=[("grpc.use_local_subchannel_pool", 1)],
        )
        self._channels.append(channel)
        return reuse_service_pb2_grpc.ReuseServiceStub(channel)

    async def close(self) -> None:
        """Ends it and everything that was opened to it."""
        for channel in self._channels:
            await channel.close()
        await self.site.close()
        await asyncio.to_thread(self.process.end)

    def workers(self) -> list[int]:
        """Process ids of those that serve."""
        found = []
        for pid in _children(self.process.pid):
            try:
                if b"--watched" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(pid)
            except OSError:
                continue
        return found

    def metric(self, name: str) -> float:
        """Sum of a metric's values on the page."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.process.metrics_port}/metrics", timeout=10) as page:
            text = page.read().decode()
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE))


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def _soon(what: Callable[[], bool | Awaitable[bool]], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = what()
        if found if isinstance(found, bool) else await found:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("did not come")


@pytest_asyncio.fixture(loop_scope="session")
async def working(material: Material, store_url: str, tmp_path: Path) -> AsyncIterator[Working]:
    started = await asyncio.to_thread(Working, material, store_url, tmp_path / "workers")
    try:
        await started.site.load(CATALOG)
        # Until every worker has the rules, as promised.
        await asyncio.sleep(1)
        yield started
    finally:
        await started.close()


async def test_workers_share_port_database_and_metrics(working: Working, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    await working.site.publishing("H1").PublishReport(publish(lab_report("w-1", patient)), timeout=10)
    before = working.metric("hutong_prompts_total")
    # A connection stays with the worker that took it: many of them find both.
    for number in range(24):
        answer = await working.fresh("H2").OpenChart(chart(patient, f"w-{number}"), timeout=10)
        assert answer.outcome == FOUND
    assert working.metric("hutong_prompts_total") == before + 24
    assert working.metric("hutong_workers") == COUNT
    assert working.metric("hutong_serving") == 1
    connected = [_connections(pid, working.process.port) for pid in working.workers()]
    assert len(connected) == COUNT
    assert all(connected), connected
    assert _files(working) == list(range(COUNT))


def _files(working: Working) -> list[int]:
    """Numbers of the ledger files in which logs stand; of PostgreSQL, which has none, what is expected of SQLite."""
    url = working.environment["HUTONG_DATABASE_URL"]
    if not url.startswith("sqlite"):
        assert rows(url, "SELECT DISTINCT file FROM ledger_log") == [(None,)]
        return list(range(COUNT))
    return sorted(file for (file,) in rows(url, "SELECT DISTINCT file FROM ledger_log"))


def _connections(pid: int, port: int) -> int:
    """Established connections of a process at a local port."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            inodes.add(str(link.readlink()))
        except OSError:
            continue
    count = 0
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            here = int(fields[1].rpartition(":")[2], 16) == port
            count += here and fields[3] == "01" and f"socket:[{fields[9]}]" in inodes
    return count


async def test_a_worker_that_dies_is_started_again_and_nothing_is_lost(
    working: Working, serials: Iterator[int], tmp_path: Path
) -> None:
    patient = person(next(serials))
    publishing = working.site.publishing("H1")
    victim = working.workers()[0]
    acknowledged = []
    for number in range(12):
        if number == 4:
            (working_pid,) = [pid for pid in working.workers() if pid == victim]
            os.kill(working_pid, signal.SIGKILL)
        document = lab_report(f"w-dies-{number}", patient)
        for _ in range(100):
            # A call's connection may go with its worker; sent again it is the same report.
            if (code := await outcome(publishing.PublishReport(publish(document), timeout=10))) == "OK":
                acknowledged.append(number)
                break
            assert code == "UNAVAILABLE"
            await asyncio.sleep(0.1)
    assert len(acknowledged) == 12
    await _soon(lambda: len(working.workers()) == COUNT and victim not in working.workers())
    await _soon(lambda: working.metric("hutong_workers") == COUNT)
    assert working.metric("hutong_worker_restarts_total") == 1
    listed = await working.fresh("H2").ListReports(
        reuse_service_pb2.ListReportsRequest(patient=question(patient), context=context()), timeout=10
    )
    assert len(listed.reports) == 12
    # Who took the dead one's place took its ledger file.
    for number in range(24):
        await working.fresh("H2").OpenChart(chart(patient, f"w-dies-{number}"), timeout=10)
    assert _files(working) == list(range(COUNT))
    # What the dead one had counted still counts.
    assert working.metric("hutong_reports_published_total") >= 12


async def test_a_change_of_rules_or_standing_reaches_every_worker_within_a_second(
    working: Working, serials: Iterator[int]
) -> None:
    patient = person(next(serials))
    await working.site.publishing("H1").PublishReport(publish(lab_report("w-2", patient)), timeout=10)
    connections = [working.fresh("H2") for _ in range(12)]
    for number, each in enumerate(connections):
        await each.OpenChart(chart(patient, f"w2-{number}"), timeout=10)
    admin = catalog_service_pb2_grpc.CatalogServiceStub(working.site.channel("registry", "admin"))
    suspend = catalog_service_pb2.SuspendInstitutionRequest(
        code="H2", scope=catalog_service_pb2.SUSPENSION_SCOPE_ACCESS, reason="a test"
    )
    await admin.SuspendInstitution(suspend, timeout=10)
    await asyncio.sleep(1)
    for number, each in enumerate(connections):
        found = await refused(each.OpenChart(chart(patient, f"w3-{number}"), timeout=10))
        assert found.reason == "INSTITUTION_SUSPENDED"
    suspend.lift = True
    await admin.SuspendInstitution(suspend, timeout=10)


async def test_all_are_drained_together(material: Material, store_url: str, tmp_path: Path) -> None:
    working = await asyncio.to_thread(Working, material, store_url, tmp_path / "drained")
    pids = working.workers()
    working.process.signal(signal.SIGTERM)
    assert await asyncio.to_thread(working.process.wait) == 0
    assert not any(_alive(pid) for pid in pids)
    verified = run(["audit", "verify"], working.environment | {"HUTONG_WORKERS": "1"}, tmp_path)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    await working.close()


async def test_workers_end_when_their_watcher_is_killed(material: Material, store_url: str, tmp_path: Path) -> None:
    working = await asyncio.to_thread(Working, material, store_url, tmp_path / "orphans")
    pids = working.workers()
    working.process.signal(signal.SIGKILL)
    await asyncio.to_thread(working.process.wait)
    await _soon(lambda: not any(_alive(pid) for pid in pids))
    await working.close()


def _alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


async def test_a_taken_port_and_unsafe_settings_refuse_to_start(
    material: Material, store_url: str, tmp_path: Path
) -> None:
    working = await asyncio.to_thread(Working, material, store_url, tmp_path / "first")
    taken = working.environment | {"HUTONG_LISTEN": f"127.0.0.1:{working.process.port}"}
    second = await asyncio.to_thread(run, ["serve"], taken, tmp_path)
    assert second.returncode == 1
    assert "HUTONG_LISTEN: the address is taken" in second.stderr
    unsafe = working.environment | {"HUTONG_TLS_KEY": str(tmp_path / "none.key")}
    third = await asyncio.to_thread(run, ["serve"], unsafe, tmp_path)
    assert third.returncode == 1
    assert "none.key" in third.stderr
    assert await asyncio.to_thread(working.process.end) == 0
    await working.close()


@pytest.mark.parametrize("given", ["0x", "65", "-1"])
def test_a_wrong_number_of_workers_is_told(material: Material, tmp_path: Path, given: str) -> None:
    done = run(["check-config"], material.environment("sqlite:///x.db", HUTONG_WORKERS=given), tmp_path)
    assert done.returncode == 1
    assert "HUTONG_WORKERS" in done.stderr
