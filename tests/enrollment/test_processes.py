"""Two server processes on one database: what one is told the other knows within a second, and each has its own logs."""

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest_asyncio
from hutong.v1 import catalog_service_pb2, registry_service_pb2, registry_service_pb2_grpc, reuse_service_pb2_grpc
from hutong_server.trust import ca_directory

from tests.api.documents import CATALOG, chart, person
from tests.api.process import ServerProcess, run
from tests.api.site import Material, outcome, refused, rest_of
from tests.enrollment.place import Held, Place, TrustingSite, make_authorities, new_server_certificate, until
from tests.enrollment.test_revoke import revoke
from tests.store.ledgers import rows, tamper


@dataclass
class Served(Place):
    """One process of the registry."""

    process: ServerProcess = field(kw_only=True)

    @property
    def enrollment_address(self) -> str:
        found = re.search(r"enrolment on (\d+)", self.process.output.read_text())
        assert found is not None
        return f"localhost:{found[1]}"


@dataclass
class Fleet:
    """Processes on one database."""

    material: Material
    database: str
    directory: Path
    running: list[Served] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return self.material.environment(
            self.database,
            HUTONG_CA_DIRECTORY=str(self.directory / "ca"),
            HUTONG_ENROLLMENT_LISTEN="127.0.0.1:0",
            HUTONG_TLS_CERTIFICATE=str(self.directory / "server.pem"),
            HUTONG_TLS_KEY=str(self.directory / "server.key"),
        )

    async def start(self) -> Served:
        directory = self.directory / f"server-{len(self.running)}"
        directory.mkdir()
        process = await asyncio.to_thread(ServerProcess, self.environment, directory)
        site = TrustingSite(self.material, process.port)
        site.roots = self.directory / "ca" / ca_directory.ROOTS_FILE
        self.running.append(Served(site, self.directory, self.environment, process=process))
        return self.running[-1]

    def audit(self, *arguments: str) -> Any:
        return run(["audit", *arguments], self.environment, self.directory)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def fleet(material: Material, module_store_url: str, tmp_path_factory: Any) -> AsyncIterator[Fleet]:
    directory = tmp_path_factory.mktemp("fleet")
    make_authorities(directory / "ca", directory / "root.key")
    new_server_certificate(directory / "ca", directory / "server.pem", directory / "server.key")
    made = Fleet(material, module_store_url, directory)
    await (await made.start()).site.load(CATALOG)
    await made.start()
    yield made
    for each in made.running:
        await each.site.close()
        await asyncio.to_thread(each.process.end)


async def feeding(place: Place, held: Held) -> tuple[Any, Any]:
    """(channel, stream that was answered once)."""
    channel = place.channel(held)
    stub: Any = registry_service_pb2_grpc.RegistryServiceStub(channel)
    stream = stub.PublishReports()
    await stream.write(registry_service_pb2.PublishReportsRequest(feed="f", position="1"))
    assert (await stream.read()).position == "1"
    return channel, stream


async def ended(stream: Any) -> tuple[str, float]:
    """(reason, seconds)"""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    found = await refused(asyncio.wait_for(rest_of(stream, []), 5))
    return found.reason, loop.time() - begun


async def test_what_one_process_is_told_ends_calls_and_streams_of_the_other_within_a_second(fleet: Fleet) -> None:
    one, other = fleet.running
    feed, asking = await one.hold("H1", "feed"), await one.hold("H1", "emr")
    second = await one.hold("H2", "feed")
    channel, stream = await feeding(other, feed)
    channel_2, stream_2 = await feeding(other, second)
    async with other.channel(asking) as asked:
        stub: Any = reuse_service_pb2_grpc.ReuseServiceStub(asked)

        async def turned_away() -> bool:
            return await outcome(stub.OpenChart(chart(person(2)), timeout=5)) == "PERMISSION_DENIED"

        assert not await turned_away()
        await revoke(one, feed)
        reason, seconds = await ended(stream)
        assert (reason, seconds < 1.0) == ("CERTIFICATE_REVOKED", True), seconds
        await revoke(one, asking)
        assert await until(turned_away, 1.0) < 1.0
    suspend = catalog_service_pb2.SuspendInstitutionRequest(code="H2", scope="SUSPENSION_SCOPE_ACCESS", reason="test")
    await one.site.catalog().SuspendInstitution(suspend, timeout=5)
    reason, seconds = await ended(stream_2)
    assert (reason, seconds < 1.0) == ("INSTITUTION_SUSPENDED", True), seconds
    found = await refused(other.site.asking("H2").OpenChart(chart(person(2)), timeout=5))
    assert found.reason == "INSTITUTION_SUSPENDED"
    for each in (channel, channel_2):
        await each.close()


async def test_each_process_has_its_own_logs_and_the_root_log_knows_all(fleet: Fleet, tmp_path: Path) -> None:
    one, other = fleet.running

    async def look(place: Place, name: str) -> None:
        calls = [place.site.asking("H1").OpenChart(chart(person(n), f"{name}-{n}"), timeout=10) for n in range(30)]
        await asyncio.gather(*calls)

    await asyncio.gather(look(one, "one"), look(other, "other"))
    other.process.signal(signal.SIGKILL)
    other.process.wait()
    third = await fleet.start()
    await look(third, "third")
    assert await asyncio.to_thread(one.process.end) == 0
    assert await asyncio.to_thread(third.process.end) == 0

    done = await asyncio.to_thread(fleet.audit, "verify")
    assert done.returncode == 0, done.stdout + done.stderr
    dumped = tmp_path / "dump"
    assert (await asyncio.to_thread(fleet.audit, "dump", "--to", str(dumped))).returncode == 0
    logs: dict[str, set[str]] = {"one": set(), "other": set(), "third": set()}
    root: dict[str, set[str]] = {}
    for line in map(json.loads, dumped.read_text().splitlines()):
        if "leaf" not in line:
            continue
        leaf = json.loads(line["text"])
        if not int(line["leaf"], 16):
            root.setdefault(leaf["log"], set()).add(leaf["type"])
        elif leaf["method"] == "OpenChart" and "-" in leaf["request"]:
            logs.get(leaf["request"].partition("-")[0], set()).add(line["leaf"])
    assert all(logs.values())
    assert not logs["one"] & logs["other"]
    assert not logs["other"] & logs["third"]
    assert all("start" in root[log] for each in logs.values() for log in each)
    # In good order, or as far as the next start found them.
    assert all("end" in root[log] for log in logs["one"] | logs["third"])
    assert all(root[log] == {"start", "found"} for log in logs["other"])

    gone = bytes.fromhex(min(logs["other"]))
    for table in ("access_record", "ledger_subject", "ledger_checkpoint", "ledger_log"):
        assert tamper(fleet.database, f"DELETE FROM {table} WHERE log_id = :log", log=gone) > 0  # noqa: S608
    assert rows(fleet.database, "SELECT count(*) FROM ledger_log")[0][0] > 0
    done = await asyncio.to_thread(fleet.audit, "verify")
    assert done.returncode == 1
    assert f"log {gone.hex()}: the log is missing" in done.stdout
