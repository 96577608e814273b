"""Fixtures of the store tests.

directory  function  key files of a new store
keyed      function  an open store with its key ring, on each database
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hutong_server.trust.keys import create_key_file

from tests.store.keyed import Keyed, open_keyed


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for name in ("kek.key", "token.key", "seal.key"):
        create_key_file(tmp_path / name)
    return tmp_path


@pytest.fixture
def keyed(store_url: str, directory: Path) -> Iterator[Keyed]:
    opened = open_keyed(store_url, directory)
    yield opened
    opened.close()
