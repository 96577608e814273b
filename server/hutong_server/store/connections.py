"""How many connections PostgreSQL has for us, for `hutong-server doctor`."""

from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from hutong_server.store.base import StoreUnavailable
from hutong_server.store.engine import make_engine
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
