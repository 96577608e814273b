"""Engines with durable settings only: weaker ones refuse to start.

SQLite: write-ahead log, synchronous=FULL, foreign keys. PostgreSQL: fsync, full_page_writes, synchronous_commit on or
stronger, and no standby (sessions.py). Each connection is checked when it is made. Parameters are never shown in errors
or logs.
"""

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool

from hutong_server.store import bounded
from hutong_server.store.sessions import KEEPALIVE, SESSION, Prepared, Timeouts, begin
from hutong_server.store.sessions import UnsafeSettings as UnsafeSettings

BUSY_MS = 2000
"""How long a statement may take, or wait for a lock, before it fails."""

_SQLITE_WANTED = (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1))


def database_of(url: str) -> URL:
    """The URL, checked, with the driver that is used here.

    Raises UnsafeSettings for another database, for SQLite in memory and for SQLite options (they can weaken it).
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise UnsafeSettings("the database URL cannot be read") from None
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise UnsafeSettings(f"the database must be sqlite or postgresql, not {backend}")
    if parsed.database in (None, "", ":memory:") or (parsed.database or "").startswith("file:"):
        raise UnsafeSettings("a SQLite database must be a file: what is in memory is lost")
    if parsed.query:
        raise UnsafeSettings("a SQLite URL takes no options: " + ", ".join(sorted(parsed.query)))
    return parsed.set(drivername="sqlite+pysqlite")


def make_engine(
    url: str,
    *,
    pool_size: int = 8,
    timeout_ms: int = BUSY_MS,
    pooled: bool = True,
    timeouts: Timeouts | None = None,
    prepared: Prepared = "auto",
    standby: bool = False,
) -> Engine:
    """An engine whose connections are in autocommit: store/ says BEGIN and COMMIT itself.

    `timeouts` are PostgreSQL's, derived from `timeout_ms` where not given. `standby`: connections to a replica.
    """
    target = database_of(url)
    options: dict[str, Any] = {"hide_parameters": True, "echo": False}
    if pooled:
        options |= {"pool_size": pool_size, "max_overflow": 0, "pool_timeout": timeout_ms / 1000}
        options |= {"pool_reset_on_return": None, "pool_use_lifo": True}
    else:
        options["poolclass"] = NullPool
    if target.get_backend_name() == "sqlite":
        return _sqlite(target, options, timeout_ms)
    return _postgresql(target, options, timeouts or Timeouts.of(timeout_ms), prepared, standby)


def _sqlite(target: URL, options: dict[str, Any], timeout_ms: int) -> Engine:
    path = Path(target.database or "")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The log and the index beside it take the file's mode.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    engine = create_engine(target, connect_args={"check_same_thread": False}, **options)

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        set_up_sqlite(connection, timeout_ms)

    return engine


def set_up_sqlite(connection: sqlite3.Connection, timeout_ms: int) -> None:
    """Sets a new connection up so that no commit is lost. Raises UnsafeSettings when that cannot be."""
    connection.execute(f"PRAGMA busy_timeout={timeout_ms}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA cache_size=-8000")
    check_sqlite(connection)


def check_sqlite(connection: sqlite3.Connection) -> None:
    """Raises UnsafeSettings when this connection could lose a commit."""
    for name, wanted in _SQLITE_WANTED:
        (found,) = connection.execute(f"PRAGMA {name}").fetchone()
        if found != wanted:
            raise UnsafeSettings(f"SQLite: {name} is {found} and must be {wanted}")


def _postgresql(target: URL, options: dict[str, Any], timeouts: Timeouts, prepared: Prepared, standby: bool) -> Engine:
    arguments: dict[str, Any] = {"autocommit": True, "application_name": "hutong"}
    # What the URL says itself stands.
    arguments |= {name: value for name, value in KEEPALIVE.items() if name not in target.query}
    if not standby:
        arguments |= primary_of(target)
    engine = create_engine(target, connect_args=arguments, **options)

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: Any, _record: Any, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        return bounded.connect(timeouts.statement, *given, **named)

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, record: Any) -> None:
        record.info[SESSION] = begin(connection, timeouts, prepared, standby=standby)

    return engine


def primary_of(target: URL) -> dict[str, str]:
    """What finds the primary among several hosts: `?host=a:5432&host=b:5432`, or with commas as libpq has them."""
    named = target.query.get("host", ())
    hosts = sum(len(each.split(",")) for each in ((named,) if isinstance(named, str) else named))
    return {"target_session_attrs": "read-write"} if hosts > 1 and "target_session_attrs" not in target.query else {}
