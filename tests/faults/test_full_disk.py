"""A registry on PostgreSQL whose tables' disk fills, under load: a small disk of that server's own."""

import asyncio
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hutong_server.store.migrations import migrate

from tests.api.documents import CATALOG
from tests.api.process import ServerProcess
from tests.api.site import Material, Site
from tests.faults.disk import fill
from tests.faults.load import under_load
from tests.postgresql import NoPostgresql, PostgresqlServer, unprivileged

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def database() -> Iterator[PostgresqlServer]:
    if unprivileged() is None:
        pytest.skip("only root can give a server a disk of its own")
    try:
        server = PostgresqlServer(small_disk=64)
    except NoPostgresql as error:
        pytest.skip(str(error))
    except RuntimeError as error:
        pytest.skip(f"no mount namespace can be had here: {error}")
    yield server
    server.stop()


async def test_a_full_disk_of_postgresql(
    database: PostgresqlServer, material: Material, tmp_path: Path, seconds: float
) -> None:
    name, disk = database.create_on_small_disk()
    migrate(database.url(name))
    registry = ServerProcess(material.environment(database.url(name)), tmp_path)
    site = Site(material, registry.port)
    await site.load(CATALOG)
    await site.close()
    async with under_load(material, registry.port) as load:
        filler = await asyncio.to_thread(fill, disk)
        try:
            # Pages that are there are written first.
            await load.until(lambda: load.chart_failures.total() > 2 and load.publish_failures.total() > 2)
            await asyncio.sleep(seconds / 3)
            assert os.strerror(errno.ENOSPC) in database.said()
        finally:
            filler.unlink()
        assert set(load.chart_failures) <= {"STORE_UNAVAILABLE", "DEADLINE_TOO_SHORT", "DEADLINE_EXCEEDED"}
    assert '"event":"store unavailable"' in registry.log.read_text()
    assert registry.end() == 0
