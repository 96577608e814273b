"""Migrations of the schema (Alembic), run from the program: there is no alembic.ini.

Each is online: version N's server runs on version N+1's schema.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event
from sqlalchemy.exc import SQLAlchemyError

from hutong_server.store.base import StoreUnavailable
from hutong_server.store.engine import make_engine

# Serialises migrations of several servers that start at once; any number that is nobody else's.
_LOCK = 0x68_75_74_6F_6E_67


def migrate(url: str) -> tuple[str, ...]:
    """Brings the schema at a database URL up to date, in one transaction. Returns the migrations applied, in order.

    Raises UnsafeSettings for settings that could lose a commit, StoreUnavailable when the database does not answer.
    """
    engine = make_engine(url, pooled=False, timeout_ms=600_000)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    else:
        engine = engine.execution_options(isolation_level="READ COMMITTED")
    try:
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            applied = _pending(connection)
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            return applied
    except SQLAlchemyError as error:
        raise StoreUnavailable(f"the schema could not be changed ({type(error).__name__})") from None
    finally:
        engine.dispose()


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
    known = [script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()]
    return tuple(reversed(known))


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config


def _pending(connection: Connection) -> tuple[str, ...]:
    scripts = ScriptDirectory.from_config(_config())
    current = MigrationContext.configure(connection).get_current_revision()
    known = [script.revision for script in scripts.walk_revisions()]
    if current is not None and current not in known:
        return ()
    newer = known if current is None else known[: known.index(current)]
    return tuple(reversed(newer))
