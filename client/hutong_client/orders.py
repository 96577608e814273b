"""Orders about to be signed: how they are written, and the answer for a plugin that must never be in the way."""

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar

from hutong.v1 import report_pb2 as v1
from hutong.v1 import reuse_service_pb2 as reuse

from hutong_client.chart import ChartState, always_answered, state_of

P = ParamSpec("P")
Owner = TypeVar("Owner")

Words = str | Iterable[tuple[str, str]]
"""A text, or (system, code) pairs that mean the same."""


def order(
    order_id: str, code: Words = "", *, body_site: Words = "", method: Words = "", specimen: Words = "", item: str = ""
) -> reuse.Order:
    """One order, as the hospital has it.

    Args:
        order_id: the hospital's id of the order, unique within the request.
        code: what is ordered; the hospital's own code and, if it has one, a standard one. Or `item`.
        body_site: body site with its side.
        method: method, contrast.
        specimen: specimen and condition of collection.
        item: the recognised item's code, when the hospital knows it.
    """
    return reuse.Order(
        order_id=order_id,
        code=_concept(code),
        body_site=_concept(body_site),
        method=_concept(method),
        specimen=_concept(specimen),
        item=item,
    )


def _concept(words: Words) -> v1.CodeableConcept | None:
    if isinstance(words, str):
        return v1.CodeableConcept(text=words) if words else None
    return v1.CodeableConcept(coding=[v1.Coding(system=system, code=code) for system, code in words])


@dataclass(frozen=True, slots=True)
class OrdersAnswer:
    """What to show when orders are signed."""

    state: ChartState
    ask: bool = False
    """Whether to put a question to the doctor. Never for UNAVAILABLE: then the orders are signed as they are."""
    reason: str = ""
    """For UNAVAILABLE: the error's reason (see hutong_client.errors), e.g. "DEADLINE_EXCEEDED". Else empty."""
    message: str = ""
    """For UNAVAILABLE: the error's public text. Else empty."""
    response: reuse.CheckOrdersResponse = field(default_factory=reuse.CheckOrdersResponse)
    """The answer; empty for UNAVAILABLE."""


def orders_or_empty(
    call: Callable[Concatenate[Owner, P], Awaitable[reuse.CheckOrdersResponse]],
) -> Callable[Concatenate[Owner, P], Coroutine[Any, Any, OrdersAnswer]]:
    """Makes of CheckOrders a method that never raises: see chart.always_answered."""
    return always_answered(
        call,
        lambda response: OrdersAnswer(state_of(response), response.ask, response=response),
        lambda reason, message: OrdersAnswer(ChartState.UNAVAILABLE, reason=reason, message=message),
        "an OrdersAnswer whose state is FOUND, NONE, PARTIAL, IN_DOUBT or UNAVAILABLE",
    )
