"""The call that is being answered: what the interceptors learn of it, for those after them."""

import asyncio
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field

from hutong_server.api.trace_context import Span, span_of
from hutong_server.domain.caller import Caller
from hutong_server.domain.errors import HutongError
from hutong_server.trust.random_bytes import random_bytes


@dataclass(slots=True)
class Call:
    """One call."""

    method: str
    """Full name, "/package.Service/Method"."""
    request_id: str = field(default_factory=lambda: random_bytes(8).hex())
    """Ours, not the caller's: it stands in errors, log lines and access records."""
    span: Span = field(default_factory=lambda: span_of(()))
    """Our part of the caller's trace."""
    started: float = field(default_factory=time.perf_counter)
    caller: Caller | None = None
    code: str = "OK"
    reason: str = ""
    outcome: str = ""
    """What the answer amounts to, for the log."""
    on_received: Callable[[], None] = lambda: None
    """Called for each message of the caller's."""
    on_sent: Callable[[], None] = lambda: None
    """Called for each message of ours."""
    ending: "asyncio.Future[HutongError] | None" = None
    """Of a stream: resolves with the reason when it must end (access suspended, the server drains)."""

    @property
    def peer(self) -> Caller:
        """The caller, once the identity is known. Before it, a fault of the interceptor list."""
        if self.caller is None:
            raise LookupError("the identity of the call is not established")
        return self.caller


_current: ContextVar[Call] = ContextVar("hutong_call")


def begin(call: Call) -> None:
    """Makes it the current call of this task."""
    _current.set(call)


def current() -> Call:
    """The call of this task."""
    return _current.get()
