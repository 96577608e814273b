"""Orders about to be signed. No answer leaves before its access record is durable."""

from collections.abc import Callable
from typing import Any

import grpc
from hutong.v1 import reuse_service_pb2

from hutong_server.api import call
from hutong_server.api.answer_counts import count_orders
from hutong_server.api.convert import Faults
from hutong_server.api.convert_orders import orders_in, orders_out
from hutong_server.api.convert_reuse import MAX_REQUEST_ID, PROMPT_ID, Asker, context_in, patient_in
from hutong_server.api.parts import Parts
from hutong_server.api.status import refusal
from hutong_server.domain.errors import Reason
from hutong_server.store.base import Question, Reader, Writer
from hutong_server.usecases.check_orders import ChangedMeanwhile, CheckOrders, OrdersAnswer, check_orders

TRIES = 5
"""An answer is worked out anew when something changed under it, at most this often."""

Context = grpc.aio.ServicerContext[Any, Any]


class OrderMethods:
    """See the contract."""

    _parts: Parts

    async def CheckOrders(
        self, request: reuse_service_pb2.CheckOrdersRequest, context: Context
    ) -> reuse_service_pb2.CheckOrdersResponse:
        """See the contract."""
        parts, this = self._parts, call.current()
        faults = Faults()
        ask = CheckOrders(
            request_id=faults.text("request_id", request.request_id, longest=MAX_REQUEST_ID, required=True),
            patient=patient_in(request.patient, faults),
            context=context_in(request.context, faults),
            caller=this.peer,
            orders=orders_in(request, faults),
            explain=request.explain,
        )
        faults.check()
        for tries in range(1, TRIES + 1):
            asker = Asker(this.peer.institution, parts.rules.book, parts.ids)
            try:
                found, response = await parts.answer(_question(parts, ask, asker))
                break
            except ChangedMeanwhile:
                if tries == TRIES:
                    raise refusal(Reason.OVERLOADED) from None
                await parts.rules.refresh()
        this.outcome = found.outcome.value
        count_orders(parts.metrics, found)
        if found.passed.declared:
            parts.metrics.break_glass.inc()
        return response


def _question(
    parts: Parts, ask: CheckOrders, asker: Asker
) -> Question[tuple[OrdersAnswer, reuse_service_pb2.CheckOrdersResponse]]:
    def answer(
        reader: Reader,
    ) -> tuple[tuple[OrdersAnswer, reuse_service_pb2.CheckOrdersResponse], Callable[[Writer], None]]:
        found = check_orders(ask, reader, asker.book, parts.tokens, parts.clock())
        prompt_id = parts.ids.seal(PROMPT_ID, asker.institution, (found.kept.prompt_id,))
        return (found, orders_out(found, asker, prompt_id, parts.coverage(), parts.source)), found.keep

    return answer
