"""Migrations of the schema (Alembic), run from the program: there is no alembic.ini.

Each is online: version N's server runs on version N+1's schema, and serves while it is made. What that asks of a
migration stands in CONTRIBUTING.md and is held by tests/store/test_migrations.py.
"""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from hutong_server.store.base import StoreUnavailable
from hutong_server.store.engine import make_engine
from hutong_server.store.sessions import Timeouts

SCRIPTS = Path(__file__).parent
"""Where Alembic finds them."""
# Serialises migrations of several servers that start at once; any number that is nobody else's.
MIGRATION_LOCK = 0x68_75_74_6F_6E_67
_YIELD_MS = 500
"""How long a migration waits for a table in use. Whoever comes after it waits behind it: less than a call may take."""
_TRIES = 60
_TIMES = Timeouts(statement=0, lock=0, idle=600_000)
"""An index of a large table takes hours, and waits for whoever began to read before it, in nobody's way. What is in
others' way has limits of its own (_YIELD_MS)."""
_SQLITE_WAIT_MS = 600_000
_IN_USE = ("55P03", "40P01")
"""PostgreSQL's lock_not_available and deadlock_detected."""


def migrate(url: str) -> tuple[str, ...]:
    """Brings the schema at a database URL up to date. Returns the migrations applied, in order.

    An empty database gets all in one transaction. On one in use each has its own, and gives way to calls: on PostgreSQL
    it waits half a second for a table, lets those go first that queue behind it, and tries again. What was broken off
    is continued by the next run.

    Raises UnsafeSettings for settings that could lose a commit, StoreUnavailable when the database does not answer or
    its tables could not be had.
    """
    engine = make_engine(url, pooled=False, timeout_ms=_SQLITE_WAIT_MS, timeouts=_TIMES)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    else:
        engine = engine.execution_options(isolation_level="READ COMMITTED")
    try:
        with _alone(engine):
            with engine.connect() as connection:
                pending = _pending(connection)
            if pending == revisions():
                with engine.begin() as connection:
                    applied = _pending(connection)
                    _upgrade(connection, "head")
                return applied
            return tuple(revision for revision in pending if _give_way(engine, revision))
    except SQLAlchemyError as error:
        raise StoreUnavailable(f"the schema could not be changed ({type(error).__name__})") from None
    finally:
        engine.dispose()


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    """No other migration runs meanwhile. On SQLite each of their transactions looks for itself."""
    if engine.dialect.name == "sqlite":
        yield
        return
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
        # This transaction does nothing but hold the lock, for as long as the others take.
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
        yield


def _give_way(engine: Engine, revision: str) -> bool:
    """Applies one migration, as often as its tables are in use. False when it was there already."""
    for left in reversed(range(_TRIES)):
        try:
            return _apply(engine, revision)
        except DBAPIError as error:
            if not left or getattr(error.orig, "sqlstate", "") not in _IN_USE:
                raise
            time.sleep(random.uniform(0.5, 1.0))  # noqa: S311  jitter, not a secret
    return False


def _apply(engine: Engine, revision: str) -> bool:
    postgresql = engine.dialect.name == "postgresql"
    if postgresql and getattr(_scripts().get_revision(revision).module, "CONCURRENTLY", False):
        # Statement by statement: an index is not built beside its writers within a transaction.
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            _upgrade(connection, revision, concurrently=True)
        return True
    with engine.begin() as connection:
        if revision not in _pending(connection):
            return False
        if postgresql:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_YIELD_MS}")
        _upgrade(connection, revision)
        return True


def _upgrade(connection: Connection, revision: str, *, concurrently: bool = False) -> None:
    config = _config()
    config.attributes |= {"connection": connection, "concurrently": concurrently}
    command.upgrade(config, revision)


def migrations_pending(url: str) -> tuple[str, ...]:
    """Migrations that the schema at a database URL lacks, in order; empty when it is up to date, or newer than we are.

    Raises as migrate.
    """
    engine = make_engine(url, pooled=False)
    try:
        with engine.connect() as connection:
            return _pending(connection)
    except SQLAlchemyError as error:
        raise StoreUnavailable(f"the database does not answer ({type(error).__name__})") from None
    finally:
        engine.dispose()


def revisions() -> tuple[str, ...]:
    """All migrations, in order: what an empty database lacks."""
    known = [script.revision for script in _scripts().walk_revisions()]
    return tuple(reversed(known))


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _pending(connection: Connection) -> tuple[str, ...]:
    scripts = _scripts()
    current = MigrationContext.configure(connection).get_current_revision()
    known = [script.revision for script in scripts.walk_revisions()]
    if current is not None and current not in known:
        return ()
    newer = known if current is None else known[: known.index(current)]
    return tuple(reversed(newer))
