"""How verdicts were reached. No answer leaves before its access record is durable."""

from concurrent.futures import Future
from typing import Any

import grpc
from hutong.v1 import reuse_service_pb2

from hutong_server.api import call
from hutong_server.api.convert import Faults
from hutong_server.api.convert_explanation import explanation_out
from hutong_server.api.convert_reuse import Asker, context_in, patient_in
from hutong_server.api.parts import Parts
from hutong_server.api.refusals import keeping_refusals
from hutong_server.usecases.explain_item import ExplainItem, explain_item

Context = grpc.aio.ServicerContext[Any, Any]


class ExplanationMethods:
    """See the contract."""

    _parts: Parts

    async def ExplainItem(
        self, request: reuse_service_pb2.ExplainItemRequest, context: Context
    ) -> reuse_service_pb2.ExplainItemResponse:
        """See the contract."""
        parts, this = self._parts, call.current()
        faults = Faults()
        ask = ExplainItem(
            patient=patient_in(request.patient, faults),
            context=context_in(request.context, faults),
            caller=this.peer,
            item=faults.text("item", request.item, required=True),
            request_id=this.request_id,
        )
        faults.check()
        asker = Asker(this.peer.institution, parts.rules.book, parts.ids)

        def answer() -> tuple[reuse_service_pb2.ExplainItemResponse, Future[None]]:
            found = parts.store.read(lambda reader: explain_item(ask, reader, asker.book, parts.tokens, parts.clock()))
            kept = parts.store.submit(found.keep)
            this.outcome = found.outcome.value
            if found.passed.declared:
                parts.metrics.break_glass.inc()
            return explanation_out(found, asker), kept

        return await parts.run_kept(keeping_refusals(parts.store, answer))
