"""Two replicas on one PostgreSQL are upgraded, drained, killed and rolled back while doctors and laboratories go on.

They go by HAProxy, by nginx and by the client's own list of both, at the same time. Whoever uses the client sees no
failed call; what was acknowledged is there, once; streams go on. The next version is made (tests/next_version.py), or
this one comes after one of before (`make upgrade FROM=TAG`).
"""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests import next_version
from tests.api.documents import CATALOG, context, question
from tests.api.process import run
from tests.api.site import Material
from tests.conftest import MakeStoreUrl
from tests.deploy.test_nginx import NGINX, nginx
from tests.e2e.former import former_server, known
from tests.e2e.replicas import HAPROXY, Replica, Version, haproxy
from tests.e2e.steady_load import SERIALS, SteadyLoad, connect
from tests.postgresql import PostgresqlServer

# On a machine that does much else beside.
pytestmark = pytest.mark.timeout(300)

FRONTS = ("haproxy", "nginx", "list")
OFTEN = {"inter 1s": "inter 200ms"}
"""HAProxy looks whether they are there."""
RUSH = 40
"""Charts at once over each way when a replica is killed."""
DEADLINE = 5.0
"""Seconds: the doctor's two, and what a machine takes on which tests run beside each other."""


@dataclass
class Day:
    """What is left of it."""

    material: Material
    loads: dict[str, SteadyLoad]
    migrated: str
    """What the migration said."""
    statuses: list[int]
    """Of the replicas that were drained."""
    told: dict[str, bool]
    port: int
    """Of a replica that serves."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def day(
    material: Material,
    postgresql: PostgresqlServer,
    make_store_url: MakeStoreUrl,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Day]:
    directory = tmp_path_factory.mktemp("replicas")
    reference = os.environ.get("UPGRADE_FROM")
    url = postgresql.url(postgresql.create()) if reference else make_store_url("postgresql")
    # The same institution asks over three ways.
    environment = material.environment(url, HUTONG_LOG_LEVEL="warning", HUTONG_MAX_CALLS_PER_INSTITUTION="256")
    if reference:
        code = former_server(reference, directory / "former")
        former, coming = Version(known(environment, code), code), Version(environment)
        assert "applied" in await _migrated(former, directory)
    else:
        former, coming = Version(environment), Version(environment, str(next_version.copy_server(directory / "next")))
    first, second = (Replica(directory / name) for name in ("first", "second"))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(first.end)
        stack.push_async_callback(second.end)
        await asyncio.gather(first.start(former), second.start(former))
        async with connect(material, f"localhost:{first.port}", "registry", "admin", deadline=20) as admin:
            await admin.admin.import_catalog([(name, text.encode()) for name, text in CATALOG.items()])
        # Until the other has the rules, as promised.
        await asyncio.sleep(1)
        addresses = await _fronts(stack, directory, first.port, second.port)
        loads = {name: _load(material, name, address) for name, address in addresses.items()}
        async with AsyncExitStack() as going:
            for load in loads.values():
                await going.enter_async_context(load)
            _phase(loads, "the schema is migrated")
            migrated = await _migrated(coming, directory)
            statuses = [await _drained(first, loads)]
            await _back(first, loads, coming)
            told = await _killed(second, loads)
            await _back(second, loads, coming)
            # The former version is taken back, on the next one's schema.
            statuses.append(await _drained(first, loads))
            await _back(first, loads, former)
            statuses.append(await _drained(second, loads))
            await asyncio.sleep(0.5)
        yield Day(material, loads, migrated, statuses, told, first.port)


async def _migrated(version: Version, directory: Path) -> str:
    """What its `hutong-server migrate` says."""
    done = await asyncio.to_thread(run, ["migrate"], version.variables(), directory)
    return done.stdout + done.stderr


async def _fronts(stack: AsyncExitStack, directory: Path, *ports: int) -> dict[str, str]:
    found = {"list": ",".join(f"127.0.0.1:{port}" for port in ports)}
    if HAPROXY:
        found["haproxy"] = f"localhost:{await stack.enter_async_context(haproxy(directory, *ports, changes=OFTEN))}"
    if NGINX:
        found["nginx"] = f"localhost:{await stack.enter_async_context(nginx(*ports))}"
    return found


def _load(material: Material, name: str, address: str) -> SteadyLoad:
    doctor = connect(material, address, "H2", "emr", deadline=DEADLINE, server_name="localhost")
    feed = connect(material, address, "H1", "feed", deadline=DEADLINE, server_name="localhost")
    return SteadyLoad(name, doctor, feed, 1 + SERIALS * FRONTS.index(name))


def _phase(loads: dict[str, SteadyLoad], name: str) -> None:
    for load in loads.values():
        load.phase = name


async def _back(replica: Replica, loads: dict[str, SteadyLoad], version: Version) -> None:
    """Until balancers and clients have seen that it is: a client that has a list looks every second."""
    await replica.start(version)
    _phase(loads, "one came back")
    await asyncio.sleep(1.5)


async def _drained(replica: Replica, loads: dict[str, SteadyLoad]) -> int:
    _phase(loads, "one is drained")
    async with AsyncExitStack() as stack:
        for load in loads.values():
            await stack.enter_async_context(load.hurry(2))
        status = await replica.drain()
    _phase(loads, "one was drained")
    return status


async def _killed(replica: Replica, loads: dict[str, SteadyLoad]) -> dict[str, bool]:
    """In a rush; whether each heard of a withdrawal afterwards."""
    _phase(loads, "one is killed")
    rushes = [asyncio.ensure_future(load.rush(RUSH)) for load in loads.values()]
    await asyncio.sleep(0.05)
    await replica.kill()
    await asyncio.gather(*rushes)
    _phase(loads, "one was killed")
    return {name: await load.is_told() for name, load in loads.items()}


@pytest.mark.parametrize("front", FRONTS)
def test_no_call_failed(day: Day, front: str) -> None:
    if front not in day.loads:
        pytest.skip(f"{front} is not here; `make packages` gets nginx on Debian, and HAProxy is a package of its own")
    load = day.loads[front]
    assert load.failed == []
    assert load.answered > 50
    assert day.told[front], "the stream of notices did not go on"


def test_the_schema_was_migrated_and_the_drained_ended_in_good_order(day: Day) -> None:
    if "UPGRADE_FROM" not in os.environ:
        assert day.migrated == "applied 9001\napplied 9002\n"
    assert day.statuses == [0, 0, 0]


async def test_what_was_acknowledged_is_there_once(day: Day) -> None:
    async with connect(day.material, f"localhost:{day.port}", "H2", "emr", deadline=20) as client:
        for load in day.loads.values():
            found: Counter[str] = Counter()
            for patient in load.patients:
                async for page in client.list_reports(question(patient), context(), page_size=100):
                    found.update(report.conclusion for report in page.reports)
                    assert {report.version for report in page.reports} == {1}
            missing = (set(load.acknowledged) | set(load.streamed)) - set(found)
            assert not missing
            assert set(found.values()) == {1}


def test_a_laboratorys_stream_went_on_in_its_order(day: Day) -> None:
    for load in day.loads.values():
        assert len(load.streamed) > 20
        assert load.streamed == sorted(set(load.streamed))
