"""Brings a database into the distributed form, and keeps it there (see distribution.py). Needs Citus 11.2 or newer."""

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from hutong_server.store.base import StoreUnavailable
from hutong_server.store.distribution import DISTRIBUTED, FILL, PLACEMENTS, plan, tables
from hutong_server.store.distribution_tables import distributed_only
from hutong_server.store.engine import make_engine
from hutong_server.store.migrations import MIGRATION_LOCK
from hutong_server.store.sessions import Timeouts

_LOCK_MS = 60_000
_TIMES = Timeouts(statement=0, lock=_LOCK_MS, idle=0)
"""Rows move for as long as it takes; who holds a table for a minute is told apart from that."""

_FORMED = text("SELECT to_regclass('person_member') IS NOT NULL")
_CITUS = text("SELECT to_regproc('create_reference_table') IS NOT NULL")
_DONE = text("SELECT logicalrelid::text FROM pg_dist_partition")
# A server learns the form of its database with each connection.
_END_SESSIONS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name = 'hutong' AND pid <> pg_backend_pid()"
)


class NoCitus(Exception):
    """The database cannot be distributed: it is SQLite, or Citus is not in it. Says what to do."""


def is_distributed(url: str) -> bool:
    """Whether the database is in the distributed form. Raises as migrate."""
    engine = make_engine(url, pooled=False)
    if engine.dialect.name != "postgresql":
        return False
    try:
        with engine.connect() as connection:
            return bool(connection.execute(_FORMED).scalar_one())
    except SQLAlchemyError as error:
        raise StoreUnavailable(f"the database does not answer ({type(error).__name__})") from None
    finally:
        engine.dispose()


def distribute(url: str) -> tuple[str, ...]:
    """Puts every table of an up-to-date schema in its place; the tables that were not there before, in order.

    Writes wait while it runs. Sessions of servers are ended when it is done: their next ones know the form.
    Raises NoCitus, UnsafeSettings, and StoreUnavailable when the database does not answer or refuses.
    """
    engine = make_engine(url, pooled=False, timeouts=_TIMES)
    if engine.dialect.name != "postgresql":
        raise NoCitus("SQLite is one file; only PostgreSQL with Citus can be distributed")
    try:
        with engine.execution_options(isolation_level="READ COMMITTED").begin() as connection:
            if not connection.execute(_CITUS).scalar_one():
                raise NoCitus("the database has no Citus: CREATE EXTENSION citus, and add its nodes, as a superuser")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
            placed = _place(connection)
        with engine.begin() as connection:
            if placed:
                connection.execute(_END_SESSIONS)
                # What servers that did not know the form wrote in the moment before.
                _fill(connection)
        return placed
    except SQLAlchemyError as error:
        raise StoreUnavailable(f"the database could not be distributed ({type(error).__name__})") from None
    finally:
        engine.dispose()


def _place(connection: Connection) -> tuple[str, ...]:
    formed = bool(connection.execute(_FORMED).scalar_one())
    done = set(connection.execute(_DONE).scalars())
    # Reference tables are changed on all nodes at once, what refers to them one after the other.
    connection.exec_driver_sql("SET LOCAL citus.multi_shard_modify_mode TO 'sequential'")
    if not formed:
        distributed_only.create_all(connection, checkfirst=False)
        _fill(connection)
    for statement in plan(done, formed=formed):
        connection.exec_driver_sql(statement)
    placed = [table.name for table in tables() if table.name not in done and PLACEMENTS[table.name].kind == DISTRIBUTED]
    for name in placed:
        # The rows that were moved away still stand in the coordinator's own table, unseen.
        connection.exec_driver_sql(f"SELECT truncate_local_data_after_distributing_table('{name}')")
    return tuple(placed)


def _fill(connection: Connection) -> None:
    for statement in FILL:
        connection.exec_driver_sql(statement)
