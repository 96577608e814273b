"""Fixtures of the enrolment tests.

material   session   certificates and key files (tests/api)
place      module    a registry with authorities of its own and an enrolment listener, on each database
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.api.conftest import material
from tests.api.documents import CATALOG
from tests.api.site import Material
from tests.enrollment.place import Place, start_place

__all__ = ["material"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(
    material: Material, module_store_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Place]:
    started = await start_place(material, module_store_url, tmp_path_factory.mktemp("place"))
    await started.site.load(CATALOG)
    yield started
    await started.site.close()
