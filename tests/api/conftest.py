"""Fixtures of the API tests.

material   session   certificates and key files
site       module    a registry in this process, on each database, with the catalogue of documents.CATALOG
serials    session   the next serial number of a made person: nobody is used twice
"""

from collections.abc import AsyncIterator, Iterator
from itertools import count

import pytest
import pytest_asyncio
from hutong_server.trust.keys import create_key_file

from tests.api.documents import CATALOG
from tests.api.site import Material, Site, load_make_certs, start_site


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    directory = tmp_path_factory.mktemp("material")
    authority = load_make_certs().make_certs(directory / "certs", [("registry", ("admin", "monitor"))])
    for name in ("token.key", "seal.key", "kek.key", "ledger.key"):
        create_key_file(directory / name)
    return Material(authority, directory / "token.key", directory / "seal.key")


@pytest.fixture(scope="session")
def serials() -> Iterator[int]:
    return count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(material: Material, module_store_url: str) -> AsyncIterator[Site]:
    started = await start_site(material, module_store_url)
    await started.load(CATALOG)
    yield started
    await started.close()
