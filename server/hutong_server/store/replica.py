"""A standby that is asked for what may lag. Whenever it cannot be asked, or is too late, the primary is."""

import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from hutong_server.store import statistics_counts as _counts
from hutong_server.store import unmapped as _unmapped
from hutong_server.store.base import Sealer
from hutong_server.store.base_late import LateReader
from hutong_server.store.engine import UnsafeSettings, make_engine
from hutong_server.store.sessions import SESSION, Prepared, Timeouts
from hutong_server.store.transaction import DRIVER_ERRORS, Transaction

T = TypeVar("T")

REST = 10.0
"""Seconds for which a standby that failed is not asked again: a host that is away would cost each question seconds."""

# Null on a server that is no standby, or not any more. While nothing is written the number grows, and the primary is
# asked: on the safe side.
_LAG = (
    "SELECT CASE WHEN pg_is_in_recovery()"
    " THEN extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8 END"
)


_FAILED: tuple[type[Exception], ...] = (*DRIVER_ERRORS, SQLAlchemyError, UnsafeSettings)


class TooLate(Exception):
    """The standby is further behind than it may be, or is none."""


class LateSqlReader(Transaction):
    """The LateReader, and no more of a Reader than that."""

    __slots__ = ()

    counts = _counts.counts
    counting_run = _counts.counting_run
    unmapped_codes = _unmapped.unmapped_codes
    results_seen = _unmapped.results_seen

    def behind(self) -> float | None:
        """Seconds; None of a server that is no standby."""
        found = self.command(_LAG)[0][0]
        return None if found is None else float(found)


class Replica:
    """Connections to a standby. None is made before the first question."""

    def __init__(
        self, url: str, sealer: Sealer, bound: float, *, pool_size: int, timeouts: Timeouts, prepared: Prepared
    ) -> None:
        """`bound`: seconds that it may be behind."""
        self._engine = make_engine(
            url, pool_size=pool_size, timeout_ms=timeouts.statement, timeouts=timeouts, prepared=prepared, standby=True
        )
        self._sealer = sealer
        self._bound = bound
        self._rests_until = 0.0

    def read(self, job: Callable[[LateReader], T]) -> T:
        """Runs a read job there. Raises TooLate when it is to be run on the primary; what the job raises comes out."""
        if time.monotonic() < self._rests_until:
            raise TooLate
        try:
            return self._read(job)
        except _FAILED:
            self._rests_until = time.monotonic() + REST
            raise TooLate from None

    def _read(self, job: Callable[[LateReader], T]) -> T:
        pooled = self._engine.raw_connection()
        ended = False
        try:
            reader = LateSqlReader(pooled.driver_connection, "postgresql", self._sealer, pooled.info[SESSION])
            reader.begin_read()
            behind = reader.behind()
            if behind is None or behind > self._bound:
                reader.rollback()
                ended = True
                raise TooLate
            value = job(reader)
            reader.end_read()
            ended = True
            return value
        finally:
            if not ended:
                pooled.invalidate()
            pooled.close()

    def close(self) -> None:
        """Releases everything."""
        self._engine.dispose()
