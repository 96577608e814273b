"""A registry on PostgreSQL whose database stops, dies, or cannot be reached any more, under load."""

import asyncio
import re
import urllib.request
from collections.abc import Iterator

import pytest
from hutong_server.store.migrations import migrate

from tests.api.documents import CATALOG
from tests.api.process import ServerProcess
from tests.api.site import Material, Site
from tests.faults.load import under_load
from tests.faults.proxy import Line
from tests.postgresql import NoPostgresql, PostgresqlServer

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def database() -> Iterator[PostgresqlServer]:
    """Of this module's own: it is stopped and killed."""
    try:
        server = PostgresqlServer()
    except NoPostgresql as error:
        pytest.skip(str(error))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def line(database: PostgresqlServer) -> Iterator[Line]:
    made = Line(database.directory / ".s.PGSQL.5432")
    yield made
    made.close()


@pytest.fixture(scope="module")
def registry(
    database: PostgresqlServer, line: Line, material: Material, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    name = database.create()
    migrate(database.url(name))
    url = f"postgresql://postgres@127.0.0.1:{line.port}/{name}"
    # Shorter than as shipped, so that what is to be noticed is noticed sooner.
    shorter = {"HEALTH_INTERVAL": "0.3", "STATEMENT_TIMEOUT": "1", "LOCK_TIMEOUT": "0.7"}
    environment = material.environment(url, **{f"HUTONG_{name}_SECONDS": each for name, each in shorter.items()})
    server = ServerProcess(environment, tmp_path_factory.mktemp("registry"))
    asyncio.run(_with_catalog(material, server.port))
    yield server
    assert server.end() == 0


async def _with_catalog(material: Material, port: int) -> None:
    site = Site(material, port)
    await site.load(CATALOG)
    await site.close()


def serving(registry: ServerProcess) -> bool:
    """What Prometheus sees; RegistryNotServing is about it."""
    with urllib.request.urlopen(f"http://127.0.0.1:{registry.metrics_port}/metrics", timeout=10) as page:
        found = re.search(r"^hutong_serving (\S+)$", page.read().decode(), re.MULTILINE)
    assert found is not None
    return float(found[1]) == 1.0


async def is_serving(registry: ServerProcess, wanted: bool, within: float = 20) -> None:
    for _ in range(int(within * 10)):
        if await asyncio.to_thread(serving, registry) is wanted:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"hutong_serving did not become {wanted}")


async def test_a_database_that_stops_and_goes_on(
    registry: ServerProcess, database: PostgresqlServer, material: Material, seconds: float
) -> None:
    async with under_load(material, registry.port) as load:
        before = load.failures
        database.pause()
        try:
            await asyncio.gather(asyncio.sleep(seconds), is_serving(registry, False))
        finally:
            database.resume()
        assert load.failures > before
        await is_serving(registry, True)


async def test_a_database_that_is_killed_and_started_again(
    registry: ServerProcess, database: PostgresqlServer, material: Material
) -> None:
    async with under_load(material, registry.port) as load:
        before = load.failures
        await asyncio.to_thread(database.crash)
        await is_serving(registry, False)
        await load.until(lambda: load.failures > before + 2)
        await asyncio.to_thread(database.come_back)
        await is_serving(registry, True)
        assert set(load.chart_failures) <= {"STORE_UNAVAILABLE", "DEADLINE_TOO_SHORT", "DEADLINE_EXCEEDED"}


async def test_a_line_to_the_database_that_is_cut(
    registry: ServerProcess, line: Line, material: Material, seconds: float
) -> None:
    """No connection is closed: nothing tells the registry that nobody is there any more."""
    async with under_load(material, registry.port) as load:
        before = load.failures
        line.cut()
        await asyncio.gather(asyncio.sleep(seconds), is_serving(registry, False))
        assert load.failures > before
        line.mend()
        await is_serving(registry, True)


async def test_the_log_of_bad_days_names_nobody(registry: ServerProcess) -> None:
    """After all of the above: what went wrong is told, of patients nothing."""
    said = registry.log.read_text()
    assert '"event":"not serving"' in said
    assert '"event":"store unavailable"' in said
    assert not [word for word in ("张三", "19800512", "1980-05-12", "@@", "mmol") if word in said]
