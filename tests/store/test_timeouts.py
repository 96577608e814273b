"""What may take how long in PostgreSQL: statements, waits for locks, transactions in which nothing happens."""

import time
from collections.abc import Iterator

import psycopg
import pytest
from hutong_server.opening import LONGEST_MS
from hutong_server.store import bounded, transaction
from hutong_server.store.base import StoreUnavailable, Writer
from hutong_server.store.sessions import Timeouts
from hutong_server.store.sql_store import SqlStore, open_store
from hutong_server.store.statements import Statement
from hutong_server.trust.sealing import AesGcmSealer
from sqlalchemy import text

from tests.conftest import MakeStoreUrl
from tests.postgresql import PostgresqlServer
from tests.store.rows import write
from tests.store.test_lanes import put_feed

LOCK = b"held by somebody"


@pytest.fixture(scope="module")
def url(make_store_url: MakeStoreUrl) -> str:
    return make_store_url("postgresql")


@pytest.fixture
def store(url: str, sealer: AesGcmSealer) -> Iterator[SqlStore]:
    opened = open_store(url, sealer, lanes=1, timeouts=Timeouts(statement=400, lock=150, idle=300))
    yield opened
    opened.close()


def test_others_are_derived() -> None:
    derived = Timeouts.of(2000)
    assert derived == Timeouts(statement=2000, lock=1500, idle=30_000)
    assert Timeouts.of(600_000).idle > 600_000
    # A command that was halted lets go of what it holds within the hour, however long its statements may take.
    assert Timeouts.of(LONGEST_MS).idle == 3_600_000


def test_a_statement_is_ended_and_the_store_goes_on(store: SqlStore) -> None:
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match="QueryCanceled"):
        store.read(lambda reader: reader.command("SELECT pg_sleep(20)"))  # type: ignore[attr-defined]
    assert time.monotonic() - began < 10
    store.read(lambda reader: reader.ping())


def test_what_is_many_statements_may_take_longer_than_one(
    url: str, sealer: AesGcmSealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "GRACE", 0.1)
    monkeypatch.setattr(transaction, "_AT_ONCE", 5)
    sleep = Statement(text("SELECT pg_sleep(:seconds)"))
    many = [{"seconds": 0.01}] * 80
    store = open_store(url, sealer, lanes=1, timeouts=Timeouts(statement=500, lock=150, idle=5000))
    write(store, lambda writer: writer.run_many(sleep, many))  # type: ignore[attr-defined]
    assert len(store.read(lambda reader: reader.rows_of_many(sleep, many))) == 80  # type: ignore[attr-defined]
    store.close()


def test_a_wait_for_a_lock_is_ended_before_a_statement(store: SqlStore, url: str, postgresql: PostgresqlServer) -> None:
    with psycopg.connect(postgresql.conninfo(postgresql.database(url)), autocommit=True) as holder:
        holder.execute("BEGIN")
        holder.execute("LOCK TABLE feed_status")
        with pytest.raises(StoreUnavailable, match="LockNotAvailable"):
            write(store, put_feed("one"))
        holder.execute("ROLLBACK")
    assert write(store, put_feed("one")) == "one"


def test_a_transaction_in_which_nothing_happens_lets_go_of_its_locks(store: SqlStore) -> None:
    runs = 0

    def stands_still(writer: Writer) -> str:
        nonlocal runs
        runs += 1
        writer.lock([LOCK])
        if runs == 1:
            time.sleep(0.6)
        return put_feed("two")(writer)

    assert write(store, stands_still) == "two"
    assert runs == 2
