"""How many connections PostgreSQL has for us, for `hutong-server doctor`."""

from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from hutong_server.store.base import StoreUnavailable
from hutong_server.store.engine import UnsafeSettings, make_engine
from hutong_server.store.sessions import SESSION

# The reserved ones are for superusers and, since PostgreSQL 16, for roles that were granted them.
_ROOM = text(
    "SELECT sum(CASE WHEN name = 'max_connections' THEN setting::int ELSE -setting::int END) FROM pg_settings"
    " WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')"
)


class Room(NamedTuple):
    """What a server has."""

    connections: int
    """That may be open at once, those that are reserved left out."""
    pooled: bool
    """Whether a pooler is between: then it is the pooler's own settings that count."""


# A standby has the identifier of its primary.
_WHICH = text("SELECT system_identifier::text, current_database()::text FROM pg_control_system()")
_STANDBY = text("SELECT pg_is_in_recovery()")


class Which(NamedTuple):
    """Which database a connection leads to."""

    cluster: str
    database: str


def which(url: str, *, standby: bool = False) -> Which:
    """Of PostgreSQL. Raises UnsafeSettings, also for a `standby` that is none, and StoreUnavailable."""
    engine = make_engine(url, pooled=False, standby=standby)
    try:
        with engine.connect() as connection:
            if standby and not connection.execute(_STANDBY).scalar_one():
                raise UnsafeSettings("PostgreSQL: this is no standby; it is not asked")
            return Which(*connection.execute(_WHICH).one())
    except SQLAlchemyError as error:
        raise StoreUnavailable(f"the database does not answer ({type(error).__name__})") from None
    finally:
        engine.dispose()


def room(url: str) -> Room | None:
    """None for SQLite. Raises UnsafeSettings, and StoreUnavailable when there is no answer."""
    engine = make_engine(url, pooled=False)
    if engine.dialect.name != "postgresql":
        return None
    try:
        with engine.connect() as connection:
            session = connection.connection.info[SESSION]
            return Room(int(connection.execute(_ROOM).scalar_one()), bool(session.begin_with))
    except SQLAlchemyError as error:
        raise StoreUnavailable(f"the database does not answer ({type(error).__name__})") from None
    finally:
        engine.dispose()
