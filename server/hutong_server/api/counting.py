"""Keeps the statistics: one process at a time looks every few seconds for what was recorded, and counts its days anew.

Nothing of it happens while a chart is answered.
"""

import asyncio
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterable

from hutong_server.domain.report import Instant
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import SealBroken, Store
from hutong_server.store.base_statistics import Change
from hutong_server.telemetry import Metrics, log, where
from hutong_server.usecases.statistics_counting import (
    LEASE,
    OVERLAP,
    NotCounting,
    ZoneChanged,
    claim,
    keep,
    look,
    recount,
)

INTERVAL = 15.0
"""Seconds between two looks, at least."""
SHARE = 1
"""How many times as long as the last look took it rests before the next: a large registry is a little less fresh."""
CHANGES = 10
"""Changes that are kept at once: each touches some sixteen rows, and charts wait for a job to end."""


_BREATH = 0.001
"""Seconds of work after which it rests, so that it is never long at a time."""
_REST = 15
"""How many times as long it rests: a sixteenth of a processor, whatever there is to count."""
_PATIENCE = 60.0
"""Seconds that a look waits in all while calls are turned away: then it goes on all the same."""
_TURN = 0.0001
"""Seconds after which the thread that counts hands the interpreter to whoever waits for it. A chart waits for it some
thirty times: at Python's own 5 ms each, all charts took a fifth of a second more while a large day was counted."""


class _Breath:
    """Called between steps of work; now and then it takes its time. Within it, work hands the interpreter over soon."""

    def __init__(self, rest: float, shedding: Callable[[], bool]) -> None:
        self._rest = rest
        self._shedding = shedding
        self._patience = 0.0
        self._since = 0.0
        self._usual = 0.0

    def __enter__(self) -> None:
        self._usual = sys.getswitchinterval()
        sys.setswitchinterval(_TURN)
        self._patience = _PATIENCE
        self._since = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        sys.setswitchinterval(self._usual)

    def __call__(self) -> None:
        worked = time.perf_counter() - self._since
        if worked >= _BREATH:
            self.pause(worked)

    def pause(self, worked: float) -> None:
        """Rests for what was worked; not at all where there is nobody to rest for."""
        if self._rest:
            # The interval is that of all threads: where two are always busy, each change costs them.
            sys.setswitchinterval(self._usual)
            # What took long at once was another's: a statement, or a wait for the interpreter.
            time.sleep(self._rest * min(worked, 10 * _BREATH))
            sys.setswitchinterval(_TURN)
        self._since = time.perf_counter()

    def outside(self) -> bool:
        """Waits a second while calls are turned away; False where that is over, or was long enough.

        Only where no read goes on: a database ends a transaction that is idle for long, and cleans up behind none.
        """
        if self._patience <= 0 or not self._shedding():
            return False
        self._patience -= 1.0
        sys.setswitchinterval(self._usual)
        time.sleep(1.0)
        sys.setswitchinterval(_TURN)
        self._since = time.perf_counter()
        return True


class Counting:
    """Counts, when it is this process's turn."""

    def __init__(
        self,
        store: Store,
        book: Callable[[], RuleBook],
        clock: Callable[[], Instant],
        metrics: Metrics,
        rest: float = _REST,
        shedding: Callable[[], bool] = lambda: False,
    ) -> None:
        """`rest`: how many times as long as it works it rests, for calls that this process answers; 0: it has none.

        `shedding`: whether it turns calls away for want of room. Each look then waits for a minute at most.
        """
        self._store = store
        self._book = book
        self._clock = clock
        self._metrics = metrics
        self._breath = _Breath(rest, shedding)
        self.holder = secrets.token_bytes(16)
        """Names this process among those that count."""
        self._one = threading.Lock()
        self._kept: Instant = 0

    def count(self) -> bool:
        """Counts everything that was recorded. False when another process does. Takes a thread while it lasts.

        Raises StoreUnavailable, and ZoneChanged.
        """
        with self._one, self._breath:
            try:
                return self._count()
            except NotCounting:
                return False

    def _count(self) -> bool:
        now, book = self._clock(), self._book()
        if not self._store.submit(claim(self.holder, book, now)).result():
            return False
        self._kept = self._clock()
        found = self._store.read(lambda reader: look(reader, book, now))
        days = set(found.days)
        while found.more:
            # First all of what was recorded, so that a day of many rows is counted once.
            positions = found.positions
            found = self._store.read(lambda reader: look(reader, book, now, positions))  # noqa: B023  read at once
            days |= set(found.days)
            self._hold()
            self._breath()
        self._days(sorted(days))
        until = now - OVERLAP
        # Where more than a batch was recorded since, a look ends later than that; and what is still to be committed may
        # be older.
        reached = {raw: min(at, until) for raw, at in found.positions.items()}
        self._store.submit(keep(self.holder, self._clock(), (), reached.items(), until)).result()
        self._metrics.statistics_counted.set(until / 1000)
        return True

    def _days(self, days: Iterable[tuple[str, str]]) -> None:
        waiting: list[Change] = []
        for day, receiver in days:
            try:
                waiting += recount(self._store.read, day, receiver, self._book(), self._breath, self._hold)
            except SealBroken:
                # Counted as it was; `hutong-server audit verify` and backups are for such rows.
                log().warning("a day cannot be counted", extra={"institution": receiver})
            while len(waiting) >= CHANGES or (waiting and self._late()):
                self._keep(waiting[:CHANGES])
                del waiting[:CHANGES]
            self._hold()
            self._breath()
        while waiting:
            self._keep(waiting[:CHANGES])
            del waiting[:CHANGES]

    def _late(self) -> bool:
        """Whether it is time to say again that this process counts."""
        return self._clock() - self._kept > LEASE // 3

    def _hold(self) -> None:
        """Between two reads: waits while calls are turned away, and says in time that this process counts."""
        while True:
            if self._late():
                self._keep([])
            if not self._breath.outside():
                return

    def _keep(self, changes: list[Change]) -> None:
        began = time.perf_counter()
        self._store.submit(keep(self.holder, self._clock(), changes)).result()
        self._kept = self._clock()
        self._breath.pause(time.perf_counter() - began)

    async def poll(self) -> None:
        """Looks for ever; a look that fails is told, and made good by the next."""
        took = 0.0
        while True:
            await asyncio.sleep(max(INTERVAL, SHARE * took))
            began = time.perf_counter()
            try:
                await asyncio.get_running_loop().run_in_executor(None, self.count)
            except ZoneChanged:
                log().warning("statistics stand still: the time zone changed; run `hutong-server statistics rebuild`")
            except Exception as error:  # a fault here must not end the polling
                log().warning(
                    "statistics not counted", extra={"error_type": type(error).__name__, "error_at": where(error)}
                )
            took = time.perf_counter() - began
