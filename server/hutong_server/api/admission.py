"""Who is let in: calls a second, calls and streams at a time, for each institution and for all.

gRPC queues calls in its core before Python sees them, so what is refused here has cost a little already. An institution
that goes on calling is therefore answered late: its refusals are held back for a second, and the number of streams that
its connection may hold (HTTP/2, enforced by the core) slows it down without any work of ours.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from hutong_server.api import policy
from hutong_server.api.call import current
from hutong_server.api.chain import Answer, Context
from hutong_server.api.status import refusal
from hutong_server.domain.caller import Caller
from hutong_server.domain.errors import Reason
from hutong_server.domain.room import Room
from hutong_server.domain.token_bucket import TokenBucket
from hutong_server.usecases.institutions import OPERATOR

HOLD = 1.0
"""Seconds that a refusal is held back, at least, when an institution has had `burst` of them and goes on calling."""
SPACING = 0.01
"""Seconds between two refusals that were held back: all at once, they would be in everybody's way."""
MAX_HELD = 2048
"""Refusals held back at a time for one caller: each costs memory."""
SHED_HOLD = 0.1
"""Seconds that a shed call is held back: who asks again at once would cost as much as those who are let in."""
WAITED_FOR = frozenset(f"/hutong.v1.ReuseService/{name}" for name in ("OpenChart", "CheckOrders"))
"""Prompts: an answer that comes late is worth less than none."""
LEAST_ROOM = 6
"""Of these calls so many are let in, however long they take: those that share a commit are cheaper together."""
_KNOWN = 4096
"""Accounts kept before those that nobody would miss are dropped."""


@dataclass(frozen=True, slots=True)
class CallLimits:
    """What one institution may do, and all together."""

    per_second: float = 5.0
    """Calls a second of an institution in one role; 0: any number."""
    burst: int = 100
    """Calls that it may make at once after a pause."""
    per_second_of: Mapping[str, float] = field(default_factory=dict)
    """Other rates, by institution. The burst grows with the rate."""
    calls: int = 64
    """Calls of one institution at a time."""
    streams: int = 16
    """Open streams of one institution at a time."""
    total: int = 512
    """Calls in work, of all."""
    target: float = 0.05
    """Seconds that an answer which a doctor waits for may take before fewer such calls are let in."""

    def bucket(self, institution: str, now: float) -> TokenBucket | None:
        """A new bucket of an institution; None when it may call as often as it likes."""
        rate = self.per_second_of.get(institution, self.per_second)
        if rate <= 0:
            return None
        grown = rate / self.per_second if self.per_second > 0 else 1.0
        return TokenBucket(rate, max(1.0, self.burst * max(1.0, grown)), now)


@dataclass(slots=True)
class _Account:
    """One institution in one role."""

    calls: TokenBucket | None
    refusals: TokenBucket | None
    held: int = 0
    due: float = 0.0
    """When the refusal that was held back last may leave."""


class Rate:
    """Counts every call of an institution, the refused ones too, and refuses those above its rate.

    By institution and role: a feed that publishes report by report must not use up what the hospital's doctors need.
    The registry's operator is not limited: it adds institutions by the hundred, and its health checks must be answered.
    """

    def __init__(self, limits: CallLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._accounts: dict[tuple[str, str], _Account] = {}

    def wrap(self, method: str, inner: Answer, streaming: bool) -> Answer:
        """See the class."""

        async def answer(request: Any, context: Context) -> Any:
            account = self._account(current().peer)
            if account is not None and account.calls is not None and (wait := account.calls.take(self._clock())) > 0:
                await self._hold(account)
                raise refusal(Reason.RATE_LIMITED, retry_after=wait)
            return await inner(request, context)

        return answer

    def _account(self, caller: Caller) -> _Account | None:
        if caller.institution == OPERATOR:
            return None
        key = caller.institution, caller.role.value
        account = self._accounts.get(key)
        if account is None:
            if len(self._accounts) >= _KNOWN:
                self._forget()
            now = self._clock()
            bucket = self._limits.bucket
            account = _Account(bucket(caller.institution, now), bucket(caller.institution, now))
            self._accounts[key] = account
        return account

    async def _hold(self, account: _Account) -> None:
        refusals, now = account.refusals, self._clock()
        if refusals is None or refusals.take(now) == 0.0 or account.held >= MAX_HELD:
            return
        account.held += 1
        account.due = max(now + HOLD, account.due + SPACING)
        try:
            await asyncio.sleep(account.due - now)
        except asyncio.CancelledError:
            # The caller did not wait for it: its turn is the next one's.
            account.due -= SPACING
            raise
        finally:
            account.held -= 1

    def _forget(self) -> None:
        now = self._clock()
        for key, account in list(self._accounts.items()):
            idle = all(bucket is None or bucket.is_full(now) for bucket in (account.calls, account.refusals))
            if idle and not account.held:
                del self._accounts[key]


class Admission:
    """Sheds what is above the limits of calls and streams at a time, before it costs anything.

    A health check is always answered; open streams of it count like all others.
    """

    def __init__(self, limits: CallLimits) -> None:
        self._limits = limits
        self._in_work = 0
        self._calls: dict[str, int] = {}
        self._streams: dict[str, int] = {}

    def wrap(self, method: str, inner: Answer, streaming: bool) -> Answer:
        """See the class."""
        for_all = method in policy.OPEN_TO_UNREGISTERED
        if for_all and not streaming:
            return inner
        counts = self._streams if streaming else self._calls
        most = self._limits.streams if streaming else self._limits.calls
        total = self._limits.total

        async def answer(request: Any, context: Context) -> Any:
            institution = current().peer.institution
            own = counts.get(institution, 0)
            if own >= most:
                raise refusal(Reason.RATE_LIMITED)
            if self._in_work >= total and not for_all:
                raise refusal(Reason.OVERLOADED)
            counts[institution] = own + 1
            self._in_work += not for_all
            try:
                return await inner(request, context)
            finally:
                self._in_work -= not for_all
                if counts[institution] == 1:
                    del counts[institution]
                else:
                    counts[institution] -= 1

        return answer


class Prompts:
    """Of the calls that a doctor waits for, lets in as many as are answered soon (domain.room).

    Takes room where the request has been read: who sends half of one takes nobody's. Where there is none it turns away
    before anything is read (`door`), for what is refused costs those who are let in.
    """

    def __init__(self, limits: CallLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # They count among the calls in work: the other methods must not be refused for those who only wait to be told.
        self._most_held = limits.total // 4
        self._room = Room(limits.total, LEAST_ROOM, limits.target)
        self._own: dict[str, int] = {}
        self._held = 0
        self.door = _Door(self)

    def wrap(self, method: str, inner: Answer, streaming: bool) -> Answer:
        """See the class."""
        if method not in WAITED_FOR:
            return inner
        room, clock, in_work = self._room, self._clock, self._own

        async def answer(request: Any, context: Context) -> Any:
            institution = current().peer.institution
            own = in_work.get(institution, 0)
            if not room.enter(own, clock()):
                await self.turn_away()
            in_work[institution] = own + 1
            began = clock()
            answered = False
            try:
                response = await inner(request, context)
                answered = True
                return response
            finally:
                ended = clock()
                room.leave(ended - began, ended, answered)
                if in_work[institution] == 1:
                    del in_work[institution]
                else:
                    in_work[institution] -= 1

        return answer

    def full(self) -> bool:
        """Whether the current call finds no room."""
        return self._room.full(self._own.get(current().peer.institution, 0), self._clock())

    def shedding(self) -> bool:
        """Whether not all are let in now: what can wait should."""
        return self._room.crowded(self._clock())

    async def turn_away(self) -> NoReturn:
        """Raises OVERLOADED, a little later."""
        if self._held < self._most_held:
            self._held += 1
            try:
                await asyncio.sleep(SHED_HOLD)
            finally:
                self._held -= 1
        raise refusal(Reason.OVERLOADED)


class _Door:
    """The interceptor that turns away before the request is read."""

    def __init__(self, prompts: Prompts) -> None:
        self._prompts = prompts

    def wrap(self, method: str, inner: Answer, streaming: bool) -> Answer:
        """See the class."""
        if method not in WAITED_FOR:
            return inner
        prompts = self._prompts

        async def answer(request: Any, context: Context) -> Any:
            if prompts.full():
                await prompts.turn_away()
            return await inner(request, context)

        return answer
