"""Fixtures of the tests of bad days.

material   module   certificates and key files of a module's own: these tests take them away
seconds    session  how long what stops stays away: FAULT_SECONDS, 2 by default (`make faults`: 10)
"""

import os

import pytest
from hutong_server.trust.keys import create_key_file

from tests.api.site import Material, load_make_certs


@pytest.fixture(scope="session")
def seconds() -> float:
    return float(os.environ.get("FAULT_SECONDS", "2"))


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    directory = tmp_path_factory.mktemp("material")
    authority = load_make_certs().make_certs(directory / "certs", [("registry", ("admin", "monitor"))])
    for name in ("token.key", "seal.key", "kek.key", "ledger.key"):
        create_key_file(directory / name)
    return Material(authority, directory / "token.key", directory / "seal.key")
