"""Connections to PostgreSQL that wait only so long for an answer, whatever has become of the other side.

PostgreSQL's own time limits hold while it runs, and TCP's while the host is gone. A database that was stopped, or a
pooler or firewall between that keeps the connection and passes nothing on, answers neither: without this, the one
thread that commits would wait for ever, and go on waiting after the database is back.
"""

from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

RV = TypeVar("RV")

GRACE = 1.0
"""Seconds beyond a statement's own limit: the database's refusal is to come first while it can."""
_EVERY = 0.1
"""Seconds after which a wait looks for ^C, as psycopg's own."""


class BoundedConnection(psycopg.Connection[Any]):
    """A connection of which a wait that takes longer than `longest` seconds is an error, and its end."""

    longest: float | None = None
    """None: for ever."""

    def wait(self, gen: PQGen[RV], interval: float = _EVERY, timeout: float | None = None) -> RV:
        """See psycopg. Raises OperationalError after `longest`; whoever asks for a time limit of their own has that."""
        if timeout is not None or self.longest is None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.longest)
        except psycopg.errors._WaitTimeout:
            # What is still under way cannot be known; nothing more can be asked here.
            self.pgconn.finish()
            raise psycopg.OperationalError("the database did not answer in time") from None


def connect(statement_ms: int, *given: Any, **named: Any) -> BoundedConnection:
    """A connection whose statements may take so long; 0: for ever. Raises psycopg.Error."""
    connection = BoundedConnection.connect(*given, **named)
    connection.longest = statement_ms / 1000 + GRACE if statement_ms else None
    return connection
