"""A database without room refuses at once, and takes jobs again when there is room."""

from collections.abc import Callable
from typing import Any

import pytest
from hutong_server.store.base import StoreUnavailable
from hutong_server.store.sql_store import SqlStore, open_store
from hutong_server.trust.sealing import AesGcmSealer

BIG = 1 << 20


@pytest.fixture
def small(make_store_url: Callable[[str], str], sealer: AesGcmSealer) -> Any:
    opened = open_store(make_store_url("sqlite"), sealer)
    yield opened
    opened.close()


def _most_pages(store: SqlStore, count: int) -> None:
    store.submit(lambda writer: writer.connection.execute(f"PRAGMA max_page_count={count}")).result(10)  # type: ignore[attr-defined]


def test_a_job_without_room_is_not_tried_again(small: SqlStore) -> None:
    ran = 0

    def big(writer: Any) -> None:
        nonlocal ran
        ran += 1
        writer.connection.execute("CREATE TABLE IF NOT EXISTS big (x BLOB)")
        writer.connection.execute("INSERT INTO big VALUES (zeroblob(?))", (BIG,))

    # As many as there are: none more.
    _most_pages(small, 1)
    with pytest.raises(StoreUnavailable):
        small.submit(big).result(10)
    assert ran == 1
    _most_pages(small, 1_000_000)
    small.submit(big).result(10)
    assert ran == 2
