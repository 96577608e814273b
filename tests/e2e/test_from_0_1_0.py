"""The way from 0.1.0: it serves until the schema is migrated, then stops; what it kept is there. There is no way back.

0.1.0 cannot open what later versions seal, and knows nothing of what patients withhold: it must not run beside them.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from hutong_client.errors import RegistryFault
from hutong_server.store.migrations import migrate

from tests.api.conftest import serials
from tests.api.documents import CATALOG, chart, context, lab_report, person, publish, question
from tests.api.process import run
from tests.api.site import Material, Site, start_site
from tests.e2e.former import former_server, known
from tests.e2e.replicas import Replica, Version
from tests.e2e.steady_load import connect

__all__ = ["serials"]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'hutong.db'}"


@pytest_asyncio.fixture(loop_scope="session")
async def former(material: Material, url: str, tmp_path: Path) -> AsyncIterator[Site]:
    """0.1.0, running on a database of its own making."""
    code = former_server("v0.1.0", tmp_path / "former")
    version = Version(known(material.environment(url), code), code)
    await asyncio.to_thread(run, ["migrate"], version.variables(), tmp_path)
    replica = Replica(tmp_path / "log")
    await replica.start(version)
    site = Site(material, replica.port)
    try:
        await site.load(CATALOG)
        yield site
    finally:
        await site.close()
        await replica.end()


async def test_it_serves_while_the_schema_is_migrated_and_what_it_kept_is_there(
    former: Site, material: Material, url: str, serials: Iterator[int]
) -> None:
    patients = [person(next(serials)) for _ in range(3)]
    feed, asking = former.publishing("H1"), former.asking("H2")
    await feed.PublishReport(publish(lab_report("before", patients[0])), timeout=10)
    applied = await asyncio.to_thread(migrate, url)
    assert applied[0] == "0002"
    await feed.PublishReport(publish(lab_report("after", patients[1])), timeout=10)
    for patient in patients[:2]:
        assert (await asking.OpenChart(chart(patient), timeout=10)).lines
    present = await start_site(material, url)
    for patient in patients[:2]:
        assert (await present.asking("H2").OpenChart(chart(patient), timeout=10)).lines
    # Why it has to be stopped before the new one is started.
    await present.publishing("H1").PublishReport(publish(lab_report("new", patients[2])), timeout=10)
    await present.close()
    async with connect(material, f"localhost:{former.port}", "H2", "emr", deadline=10) as doctor:
        with pytest.raises(RegistryFault):
            await doctor.open_chart(question(patients[2]), context())
