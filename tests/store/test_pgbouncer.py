"""Through a real pgbouncer in transaction mode: nothing is left in the server's sessions, and the store works.

The whole store suite runs through it with HUTONG_TEST_BACKENDS=pgbouncer; its core stands here.
"""

import queue
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from hutong_server.store.base import StoreUnavailable
from hutong_server.store.listening import Listening
from hutong_server.store.migrations import migrate, migrations_pending
from hutong_server.store.sessions import Prepared, Timeouts
from hutong_server.store.sql_store import SqlStore, open_store
from hutong_server.trust.sealing import AesGcmSealer

from tests.conftest import MakeStoreUrl
from tests.pgbouncer import Pgbouncer
from tests.postgresql import PostgresqlServer
from tests.store import ledgers
from tests.store.rows import key, opened, report, token, write
from tests.store.test_lanes import no_deadlock, test_locked_jobs_lose_no_update_and_never_wait_for_each_other
from tests.store.test_patients import test_a_link_joins_and_its_undoing_parts
from tests.store.test_reports import test_every_version_is_kept_and_none_replaced
from tests.store.test_shared_jobs import test_prompts_of_a_batch_are_all_there_with_their_records

__all__ = [
    "no_deadlock",
    "test_a_link_joins_and_its_undoing_parts",
    "test_every_version_is_kept_and_none_replaced",
    "test_locked_jobs_lose_no_update_and_never_wait_for_each_other",
    "test_prompts_of_a_batch_are_all_there_with_their_records",
]

SESSION = (
    "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'),"
    " current_setting('idle_in_transaction_session_timeout')"
)


@pytest.fixture(scope="module")
def store_url(make_store_url: MakeStoreUrl, pgbouncer: Pgbouncer) -> str:
    return make_store_url("pgbouncer")


@pytest.fixture
def store(store_url: str, sealer: AesGcmSealer) -> Iterator[SqlStore]:
    store = open_store(store_url, sealer, timeouts=Timeouts(700, 500, 9000))
    yield store
    store.close()


def asked(conninfo: str, statement: str) -> list[Any]:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        return connection.execute(statement.encode()).fetchall()


def settings_of(reader: Any) -> tuple[str, ...]:
    return tuple(reader.command(SESSION)[0])


def test_what_a_transaction_is_set_to_ends_with_it(store: SqlStore, store_url: str, pgbouncer: Pgbouncer) -> None:
    mine = ("700ms", "500ms", "9s")
    assert store.read(settings_of) == mine
    assert write(store, settings_of) == mine
    # More connections than the server's sessions: every one of these is met.
    conninfo = pgbouncer.conninfo(PostgresqlServer.database(store_url))
    with ThreadPoolExecutor(6) as threads:
        found = threads.map(lambda _: asked(conninfo, SESSION + ", pg_sleep(0.05)"), range(12))
    assert {tuple(row[:3]) for (row,) in found} == {("0", "0", "0")}


def test_what_others_left_in_a_session_weakens_no_commit(
    store_url: str, sealer: AesGcmSealer, pgbouncer: Pgbouncer
) -> None:
    store = open_store(store_url, sealer, lanes=1)
    conninfo = pgbouncer.conninfo(PostgresqlServer.database(store_url))
    durable = "SELECT current_setting('synchronous_commit')"

    def found() -> str:
        return write(store, lambda writer: str(writer.command(durable)[0][0]))  # type: ignore[attr-defined]

    assert found() == "on"

    def left(value: str) -> set[str]:
        with ThreadPoolExecutor(6) as threads:
            set_ = f"SELECT set_config('synchronous_commit', '{value}', false), pg_sleep(0.05)"
            return {row[0] for (row,) in threads.map(lambda _: asked(conninfo, set_), range(12))}

    try:
        assert left("off") == {"off"}
        assert asked(conninfo, durable) == [("off",)]
        assert {found() for _ in range(6)} == {"on"}
    finally:
        left("on")
        store.close()


def test_a_statement_that_takes_too_long_is_ended(store: SqlStore) -> None:
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match="QueryCanceled"):
        store.read(lambda reader: reader.command("SELECT pg_sleep(20)"))  # type: ignore[attr-defined]
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("prepared", ["auto", "off"])
def test_no_statement_stays_prepared(
    store_url: str, sealer: AesGcmSealer, pgbouncer: Pgbouncer, prepared: Prepared
) -> None:
    store = open_store(store_url, sealer, pool_size=4, prepared=prepared)
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda _: [opened(store, token()) for _ in range(8)], range(6)))
        keys = [key() for _ in range(40)]
        list(threads.map(lambda each: write(store, lambda writer: writer.put_report(report(each))), keys))
        found = list(threads.map(lambda each: store.read(lambda reader: reader.reports([each])), keys))
    store.close()
    assert [len(each) for each in found] == [1] * 40
    conninfo = pgbouncer.conninfo(PostgresqlServer.database(store_url))
    with ThreadPoolExecutor(6) as threads:
        left = threads.map(lambda _: asked(conninfo, "SELECT count(*) FROM pg_prepared_statements"), range(12))
    assert {row[0] for (row,) in left} == {0}


def test_a_ledger_of_several_lanes_verifies(store_url: str, sealer: AesGcmSealer) -> None:
    store = ledgers.ledger_store(store_url, sealer, lanes=3)
    futures = [store.submit(lambda writer, n=n: writer.record(ledgers.seen(n))) for n in range(60)]
    for future in futures:
        future.result(30)
    store.close()
    with ledgers.reopened(store_url, sealer) as store:
        found = ledgers.verified(store)
    assert not found.faults


def test_the_schema_is_made_through_it(postgresql: PostgresqlServer, pgbouncer: Pgbouncer) -> None:
    url = pgbouncer.url(postgresql.create())
    assert migrate(url)
    assert migrations_pending(url) == ()


def test_nobody_listens_through_it(store_url: str) -> None:
    connected: queue.Queue[bool] = queue.Queue()
    heard: queue.Queue[str] = queue.Queue()
    listening = Listening(store_url, heard.put, connected.put, longest_pause=0.1)
    listening.start()
    assert [connected.get(timeout=10) for _ in range(3)] == [False] * 3
    listening.close()
    assert heard.empty()
