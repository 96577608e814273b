"""The answer for a plugin that must never be in the doctor's way: always an answer, always in time."""

import asyncio
import functools
import math
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Concatenate, ParamSpec, TypeVar

from hutong.v1 import reuse_service_pb2 as reuse

from hutong_client.calls import DEFAULT_DEADLINE
from hutong_client.errors import HutongCallError

P = ParamSpec("P")
Owner = TypeVar("Owner")
Response = TypeVar("Response")
Answer = TypeVar("Answer")


class ChartState(StrEnum):
    """What an answer amounts to, seen from the plugin."""

    FOUND = "FOUND"
    """At least one result can be reused."""
    NONE = "NONE"
    """The registry answered: nothing can be reused, or it does not know the patient."""
    PARTIAL = "PARTIAL"
    """What is shown is right; more may exist."""
    IN_DOUBT = "IN_DOUBT"
    """It is not certain who the patient is: nothing is shown."""
    UNAVAILABLE = "UNAVAILABLE"
    """No answer. Says nothing about the patient; show no prompt."""


@dataclass(frozen=True, slots=True)
class ChartAnswer:
    """What to show at chart opening."""

    state: ChartState
    reason: str = ""
    """For UNAVAILABLE: the error's reason (see hutong_client.errors), e.g. "DEADLINE_EXCEEDED". Else empty."""
    message: str = ""
    """For UNAVAILABLE: the error's public text. Else empty."""
    response: reuse.OpenChartResponse = field(default_factory=reuse.OpenChartResponse)
    """The prompt; empty for UNAVAILABLE."""


_STATES = {
    reuse.OUTCOME_FOUND: ChartState.FOUND,
    reuse.OUTCOME_NONE: ChartState.NONE,
    reuse.OUTCOME_IN_DOUBT: ChartState.IN_DOUBT,
}


def state_of(response: reuse.OpenChartResponse | reuse.CheckOrdersResponse) -> ChartState:
    """The state of a prompt. An outcome that this client does not know claims the least: PARTIAL."""
    return _STATES.get(response.outcome, ChartState.PARTIAL)


def or_empty(
    call: Callable[Concatenate[Owner, P], Awaitable[reuse.OpenChartResponse]],
) -> Callable[Concatenate[Owner, P], Coroutine[Any, Any, ChartAnswer]]:
    """Makes of OpenChart a method that never raises: see always_answered."""
    return always_answered(
        call,
        lambda response: ChartAnswer(state_of(response), response=response),
        lambda reason, message: ChartAnswer(ChartState.UNAVAILABLE, reason, message),
        "a ChartAnswer whose state is FOUND, NONE, PARTIAL, IN_DOUBT or UNAVAILABLE",
    )


def always_answered(
    call: Callable[Concatenate[Owner, P], Awaitable[Response]],
    answered: Callable[[Response], Answer],
    unanswered: Callable[[str, str], Answer],
    says: str,
) -> Callable[Concatenate[Owner, P], Coroutine[Any, Any, Answer]]:
    """Makes of a call a method with the same arguments that never raises and never takes longer than its deadline.

    Whatever happens inside (wrong arguments, a closed channel, a cancelled call, a registry that accepts and never
    answers) becomes `unanswered` of a reason and a public text. Only cancelling the task that awaits the answer passes
    through. `says`: what the method answers, for its documentation.
    """

    @functools.wraps(call)
    async def never_raising(self: Owner, /, *args: P.args, **kwargs: P.kwargs) -> Answer:
        limit = _seconds(kwargs.get("deadline"), _seconds(getattr(self, "deadline", None), DEFAULT_DEADLINE))

        async def ask() -> Response:
            return await call(self, *args, **kwargs)

        inner = asyncio.ensure_future(ask())
        # A cancelled or failed call nobody waits for any more must not be reported as never retrieved.
        inner.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            await asyncio.wait({inner}, timeout=limit)
        except asyncio.CancelledError:
            inner.cancel()
            raise
        if not inner.done():
            inner.cancel()
            return unanswered("DEADLINE_EXCEEDED", "The registry did not answer in time.")
        if inner.cancelled():
            return unanswered("CANCELLED", "The call was cancelled.")
        error = inner.exception()
        if error is None:
            return answered(inner.result())
        if isinstance(error, HutongCallError):
            return unanswered(error.reason, error.message)
        # The text of a foreign exception may repeat an argument, and arguments are patient data.
        return unanswered("REQUEST_INVALID", f"The call could not be made ({type(error).__name__}).")

    never_raising.__doc__ = (
        f"As `{call.__name__}`, but never raises and never takes longer than its deadline: answers {says}. "
        "Only cancelling the awaiting task passes through."
    )
    return never_raising


def _seconds(given: object, otherwise: float) -> float:
    if isinstance(given, int | float) and math.isfinite(given) and given > 0:
        return float(given)
    return otherwise
