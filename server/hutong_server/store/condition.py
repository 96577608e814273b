"""How a database stands, for `hutong-server doctor`: one look on a connection of its own, nothing is changed."""

import json
import time
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from hutong_server.domain.restored import not_resumed
from hutong_server.store.base import StoreUnavailable
from hutong_server.store.engine import make_engine
from hutong_server.store.migrations import migrations_pending

_CLOCK = {
    "sqlite": text("SELECT (julianday('now') - 2440587.5) * 86400.0"),
    "postgresql": text("SELECT extract(epoch FROM clock_timestamp())::float8"),
}
# A log begins with each start of a server: some thousand rows, where the ledger itself has millions.
_RESTORED = text("SELECT at, reaches, settled, excused FROM restoration ORDER BY number DESC LIMIT 1")
_HEARD = text("SELECT institution, last_received FROM feed_status")
_NEWEST_LOG = text("SELECT max(started) FROM ledger_log")


@dataclass(frozen=True, slots=True)
class Condition:
    """What the look found. Seconds."""

    pending: tuple[str, ...]
    """Migrations that the schema lacks."""
    ahead: float
    """By how much the database's clock is ahead of ours; negative: behind."""
    unsure: float
    """How long the question for the clock took: `ahead` is right to half of it."""
    future: float
    """By how much the newest start of a server, as it stands in the ledger, is ahead of our clock; negative: past."""
    unsettled: bool = False
    """It was put back from a backup, and what happened since is not replayed."""
    silent: tuple[str, ...] = ()
    """Institutions with a feed that has not gone on since it was put back."""


def condition(url: str) -> Condition:
    """Looks. Raises UnsafeSettings when a commit could be lost, StoreUnavailable when there is no answer."""
    pending = migrations_pending(url)
    engine = make_engine(url, pooled=False)
    try:
        with engine.connect() as connection:
            began = time.time()
            database = float(connection.execute(_CLOCK[engine.dialect.name]).scalar_one())
            ended = time.time()
            # A schema that lacks migrations may lack the table.
            newest = None if pending else connection.execute(_NEWEST_LOG).scalar_one()
            restored = None if pending else connection.execute(_RESTORED).one_or_none()
            heard = connection.execute(_HEARD).all() if restored else []
    except SQLAlchemyError as error:
        raise StoreUnavailable(f"the database does not answer ({type(error).__name__})") from None
    finally:
        engine.dispose()
    return Condition(
        pending=pending,
        ahead=database - (began + ended) / 2,
        unsure=ended - began,
        future=float("-inf") if newest is None else newest / 1000 - ended,
        unsettled=restored is not None and restored.settled is None,
        silent=tuple(
            sorted(
                not_resumed(
                    ((each.institution, each.last_received) for each in heard),
                    restored.at,
                    restored.reaches,
                    json.loads(restored.excused),
                )
            )
        )
        if restored
        else (),
    )
