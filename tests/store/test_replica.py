"""A real standby: what may lag is asked of it, nothing else is; and what goes wrong between it and its primary."""

import inspect
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hutong_server import settings
from hutong_server.sealed_store import open_sealed
from hutong_server.store import database_copy
from hutong_server.store.base import LateReader, StoreUnavailable
from hutong_server.store.engine import UnsafeSettings, make_engine
from hutong_server.store.migrations import migrate
from hutong_server.store.replica import LateSqlReader, Replica
from hutong_server.store.sessions import Session, Timeouts
from hutong_server.store.sql import SqlReader
from hutong_server.store.sql_store import SqlStore, open_store
from hutong_server.store.transaction import Transaction
from hutong_server.trust.sealing import AesGcmSealer

from tests.postgresql import NoPostgresql, PostgresqlServer
from tests.store.rows import NOW, key, report, write

BOUND = 0.5
TIMES = Timeouts(statement=2000, lock=1500, idle=10_000)
KEY_FILES = {"KEK": "kek", "TOKEN_KEY": "token", "SEAL_KEY": "seal"}
MAY_LAG = {"counts", "counting_run", "unmapped_codes", "results_seen"}


class Pair:
    """A primary and its standby."""

    def __init__(self) -> None:
        self.primary = PostgresqlServer()
        migrate(self.primary.url("postgres"))
        self.standby = PostgresqlServer(standby_of=self.primary)

    def asked(self, statement: str) -> Any:
        """Of the primary."""
        with psycopg.connect(self.primary.conninfo("postgres"), autocommit=True) as connection:
            return (connection.execute(statement.encode()).fetchone() or (None,))[0]

    def stop(self) -> None:
        self.primary.stop()
        self.standby.stop()


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    try:
        made = Pair()
    except NoPostgresql as error:
        pytest.skip(str(error))
    yield made
    made.stop()


@pytest.fixture
def store(pair: Pair, sealer: AesGcmSealer) -> Iterator[SqlStore]:
    replica = Replica(pair.standby.url("postgres"), sealer, BOUND, pool_size=2, timeouts=TIMES, prepared="auto")
    opened = open_store(pair.primary.url("postgres"), sealer, lanes=1, replica=replica)
    yield opened
    opened.close()


def on_standby(reader: Any) -> bool:
    return bool(reader.command("SELECT pg_is_in_recovery()")[0][0])


def until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_only_these_may_be_asked_of_it() -> None:
    promised = {name for name, _ in inspect.getmembers(LateReader, inspect.isfunction) if not name.startswith("_")}
    possible = {name for name in dir(LateSqlReader) if not name.startswith("_")} - set(dir(Transaction))
    assert promised == MAY_LAG
    assert possible == MAY_LAG | {"behind"}
    assert set(dir(SqlReader)) >= MAY_LAG


def test_what_may_lag_is_read_there_and_nothing_else(store: SqlStore) -> None:
    write(store, lambda writer: writer.add_results_seen("H1", 7))
    until(lambda: store.read_late(lambda reader: on_standby(reader) and reader.results_seen().get("H1", 0) >= 7))
    assert not store.read(on_standby)
    assert not store.answer(lambda reader: (on_standby(reader), lambda _: None)).result(10)


def test_one_that_is_too_far_behind_is_not_asked(store: SqlStore, pair: Pair) -> None:
    write(store, lambda writer: writer.add_results_seen("H2", 1))
    until(lambda: store.read_late(lambda reader: "H2" in reader.results_seen()))
    pair.standby.execute("SELECT pg_wal_replay_pause()")
    write(store, lambda writer: writer.add_results_seen("H2", 1))
    until(lambda: store.read_late(lambda reader: reader.results_seen()["H2"]) == 2)
    assert not store.read_late(on_standby)
    pair.standby.execute("SELECT pg_wal_replay_resume()")
    write(store, lambda writer: writer.add_results_seen("H2", 1))
    until(lambda: store.read_late(on_standby))


def test_one_that_is_away_or_is_none_costs_nothing_but_itself(pair: Pair, sealer: AesGcmSealer) -> None:
    for url in ("postgresql://nobody@/x?host=/nowhere", pair.primary.url("postgres")):
        replica = Replica(url, sealer, BOUND, pool_size=1, timeouts=TIMES, prepared="auto")
        store = open_store(pair.primary.url("postgres"), sealer, lanes=1, replica=replica)
        assert not store.read_late(on_standby)
        store.close()


def test_a_jobs_own_refusal_there_comes_out(store: SqlStore) -> None:
    def refuses(reader: Any) -> None:
        raise LookupError(on_standby(reader))

    write(store, lambda writer: writer.add_results_seen("H3", 1))
    until(lambda: store.read_late(on_standby))
    with pytest.raises(LookupError, match="True"):
        store.read_late(refuses)


def test_a_standby_is_no_store(pair: Pair, sealer: AesGcmSealer) -> None:
    url = pair.standby.url("postgres")
    with pytest.raises(UnsafeSettings, match="standby"):
        open_store(url, sealer)
    with pytest.raises(UnsafeSettings, match="standby"):
        migrate(url)


def test_a_pooler_that_leads_to_a_standby_meanwhile_is_refused(pair: Pair, sealer: AesGcmSealer) -> None:
    """The connection to it was checked when it was made, and its next transaction may be another server's."""
    for server, standby, permitted in (
        (pair.primary, False, True),
        (pair.standby, False, False),
        (pair.standby, True, True),
    ):
        with psycopg.connect(server.conninfo("postgres"), autocommit=True) as connection:
            session = Session("; SET LOCAL lock_timeout = 5", standby=standby)
            reader = SqlReader(connection, "postgresql", sealer, session)
            if not permitted:
                with pytest.raises(psycopg.Error, match="recovery"):
                    reader.begin_read()
                continue
            reader.begin_read()
            assert reader.command("SHOW transaction_read_only") == [("on",)]
            assert reader.command("SHOW transaction_isolation") == [("repeatable read",)]
            reader.end_read()


def test_of_several_hosts_the_primary_is_found(pair: Pair) -> None:
    url = f"postgresql://postgres@/postgres?host={pair.standby.directory}&host={pair.primary.directory}"
    connection = make_engine(url, pooled=False).raw_connection()
    assert connection.cursor().execute("SELECT pg_is_in_recovery()").fetchone() == (False,)
    connection.close()
    # For backups as well.
    with database_copy._connected(url) as copied:
        assert copied.execute("SELECT pg_is_in_recovery()").fetchone() == (False,)


def test_a_commit_that_no_standby_confirmed_is_not_acknowledged(store: SqlStore, pair: Pair) -> None:
    """Who cancels the wait by hand gets it committed here, with a warning."""
    pair.primary.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    pair.primary.execute("SELECT pg_reload_conf()")
    until(lambda: pair.asked("SHOW synchronous_standby_names") == "nobody")
    row = report(key())
    waiting = store.submit(lambda writer: writer.put_report(row))
    cancel = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    try:
        until(lambda: pair.asked(cancel) == 0 and waiting.done())
        with pytest.raises(StoreUnavailable):
            waiting.result(0)
    finally:
        pair.primary.execute("ALTER SYSTEM RESET synchronous_standby_names")
        pair.primary.execute("SELECT pg_reload_conf()")
    write(store, lambda writer: writer.put_report(row))
    assert store.read(lambda reader: reader.reports([row.patient_key])) == [row]


def test_the_settings_lead_there(pair: Pair, directory: Path) -> None:
    given = {
        "HUTONG_DATABASE_URL": pair.primary.url("postgres"),
        "HUTONG_DATABASE_REPLICA_URL": pair.standby.url("postgres"),
        "HUTONG_STATEMENT_TIMEOUT_SECONDS": "1.25",
        "HUTONG_LOCK_TIMEOUT_SECONDS": "0.75",
        "HUTONG_IDLE_TRANSACTION_SECONDS": "7",
        "HUTONG_PREPARED_STATEMENTS": "off",
        **{f"HUTONG_{name}": str(directory / f"{file}.key") for name, file in KEY_FILES.items()},
    }
    store, ring = open_sealed(settings.load(given), lambda: NOW)
    write(store, lambda writer: writer.add_results_seen("H4", 1))
    until(lambda: store.read_late(on_standby))
    names = "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"

    def found(reader: Any) -> tuple[object, ...]:
        return *(reader.command(f"SHOW {name}")[0][0] for name in names), reader.connection.prepare_threshold

    for read in (store.read, store.read_late):
        assert read(found) == ("1250ms", "750ms", "7s", None)
    assert write(store, found) == ("1250ms", "750ms", "7s", None)
    ring.close()
    store.close()
