"""Settings under which an acknowledged write could be lost are refused."""

import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hutong_server.store.base import StoreUnavailable
from hutong_server.store.engine import UnsafeSettings, check_sqlite, database_of, make_engine
from hutong_server.store.migrations import migrate, migrations_pending
from hutong_server.store.sql_store import open_store
from hutong_server.trust.sealing import AesGcmSealer

from tests.postgresql import NoPostgresql, PostgresqlServer


@pytest.fixture(scope="module")
def weak() -> Iterator[PostgresqlServer]:
    """A server of its own, to be weakened."""
    try:
        server = PostgresqlServer()
    except NoPostgresql as error:
        pytest.skip(str(error))
    yield server
    server.stop()


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:x?mode=memory",
        "sqlite:///x.db?synchronous=off",
        "mysql://localhost/x",
        "not a url",
    ],
)
def test_a_database_that_would_lose_data_is_refused(url: str) -> None:
    with pytest.raises(UnsafeSettings):
        database_of(url)


def test_a_refused_url_is_not_repeated() -> None:
    with pytest.raises(UnsafeSettings) as refused:
        database_of("mysql://user:secret@host/x")
    assert "secret" not in str(refused.value)


def test_sqlite_is_durable_and_its_file_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "new" / "hutong.db"
    engine = make_engine(f"sqlite:///{path}")
    connection = engine.raw_connection()
    names = ("journal_mode", "synchronous", "foreign_keys")
    pragmas = {name: connection.cursor().execute(f"PRAGMA {name}").fetchone()[0] for name in names}
    connection.close()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    engine.dispose()


@pytest.mark.parametrize("pragma", ["synchronous=NORMAL", "synchronous=OFF", "foreign_keys=OFF", "journal_mode=MEMORY"])
def test_a_weaker_sqlite_connection_is_found_out(tmp_path: Path, pragma: str) -> None:
    connection = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    for wanted in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {wanted}")
    check_sqlite(connection)
    connection.execute(f"PRAGMA {pragma}")
    with pytest.raises(UnsafeSettings, match=pragma.partition("=")[0]):
        check_sqlite(connection)
    connection.close()


@pytest.mark.parametrize(
    ("setting", "value"),
    [("fsync", "off"), ("full_page_writes", "off"), ("synchronous_commit", "off"), ("synchronous_commit", "local")],
)
def test_a_weaker_postgresql_is_refused(weak: PostgresqlServer, sealer: AesGcmSealer, setting: str, value: str) -> None:
    url = weak.url("postgres")
    weak.execute(f"ALTER SYSTEM SET {setting} = {value}")
    weak.restart()
    with pytest.raises(UnsafeSettings, match=setting):
        open_store(url, sealer)
    with pytest.raises(UnsafeSettings, match=setting):
        migrate(url)
    weak.execute(f"ALTER SYSTEM RESET {setting}")
    weak.restart()
    open_store(url, sealer).close()


def test_a_stronger_postgresql_is_accepted(weak: PostgresqlServer, sealer: AesGcmSealer) -> None:
    weak.execute("ALTER ROLE postgres SET synchronous_commit = remote_apply")
    open_store(weak.url("postgres"), sealer).close()
    weak.execute("ALTER ROLE postgres RESET synchronous_commit")


def test_a_database_that_is_not_there_is_unavailable(sealer: AesGcmSealer, tmp_path: Path) -> None:
    url = f"postgresql://user:secret@/x?host={tmp_path}"
    for use in (lambda: open_store(url, sealer), lambda: migrate(url), lambda: migrations_pending(url)):
        with pytest.raises(StoreUnavailable) as refused:
            use()
        assert "secret" not in str(refused.value)


def test_migrations_are_pending_until_they_are_applied(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/hutong.db"
    pending = migrations_pending(url)
    assert pending[0] == "0001"
    assert migrate(url) == pending
    assert migrations_pending(url) == ()
    assert migrate(url) == ()


def test_migrations_are_pending_on_postgresql_too(postgresql: PostgresqlServer) -> None:
    name = postgresql.create()
    url = postgresql.url(name)
    pending = migrations_pending(url)
    assert migrate(url) == pending != ()
    assert migrations_pending(url) == ()
    postgresql.drop(name)


def test_a_newer_schema_serves_an_older_program(store_url: str) -> None:
    engine = make_engine(store_url, pooled=False)
    with engine.connect() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    assert migrations_pending(store_url) == ()
