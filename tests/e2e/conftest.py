"""Fixtures of the end-to-end tests.

material   session   certificates and key files
"""

import pytest
from hutong_server.trust.keys import create_key_file

from tests.api.site import Material, load_make_certs


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    directory = tmp_path_factory.mktemp("material")
    authority = load_make_certs().make_certs(directory / "certs", [("registry", ("admin", "monitor"))])
    for name in ("token.key", "seal.key", "kek.key", "ledger.key"):
        create_key_file(directory / name)
    return Material(authority, directory / "token.key", directory / "seal.key")
