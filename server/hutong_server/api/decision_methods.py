"""Decisions, and what happened on screen. No answer leaves before all of it is durable."""

from typing import Any, Final

import grpc
from hutong.v1 import reuse_service_pb2

from hutong_server.api import call
from hutong_server.api.convert import Faults
from hutong_server.api.convert_decisions import decision_in, event_in, reported_out, result_out
from hutong_server.api.convert_reuse import PROMPT_ID, Asker, context_in
from hutong_server.api.parts import Parts
from hutong_server.usecases.prompt_events import ReportPromptEvents, report_prompt_events
from hutong_server.usecases.record_decisions import RecordDecisions, record_decisions

Context = grpc.aio.ServicerContext[Any, Any]

MAX_DECISIONS: Final = 500
MAX_EVENTS: Final = 1000


class DecisionMethods:
    """See the contract."""

    _parts: Parts

    async def RecordDecisions(
        self, request: reuse_service_pb2.RecordDecisionsRequest, context: Context
    ) -> reuse_service_pb2.RecordDecisionsResponse:
        """See the contract."""
        parts, this = self._parts, call.current()
        faults = Faults()
        asked_by = context_in(request.context, faults)
        _count(request.decisions, "decisions", MAX_DECISIONS, faults)
        faults.check()
        asker = Asker(this.peer.institution, parts.rules.book, parts.ids)
        ask = RecordDecisions(
            context=asked_by,
            caller=this.peer,
            given=tuple(decision_in(each, f"decisions[{n}]", self._opened) for n, each in enumerate(request.decisions)),
            request_id=this.request_id,
            now=parts.clock(),
            allowance=parts.limits.future_tolerance,
        )
        recorded = await parts.write(record_decisions(ask, asker.book, parts.tokens))
        parts.metrics.break_glass.inc(recorded.declared)
        response = reuse_service_pb2.RecordDecisionsResponse()
        for answer, sent in zip(recorded.answers, request.decisions, strict=True):
            result_out(response.results.add(), answer, sent, asker)
            parts.metrics.decisions.labels(answer.outcome.value).inc()
        return response

    async def ReportPromptEvents(
        self, request: reuse_service_pb2.ReportPromptEventsRequest, context: Context
    ) -> reuse_service_pb2.ReportPromptEventsResponse:
        """See the contract."""
        parts, this = self._parts, call.current()
        faults = Faults()
        _count(request.events, "events", MAX_EVENTS, faults)
        faults.check()
        ask = ReportPromptEvents(
            caller=this.peer,
            given=tuple(event_in(each, f"events[{n}]", self._opened) for n, each in enumerate(request.events)),
            now=parts.clock(),
            allowance=parts.limits.future_tolerance,
        )
        return reported_out(await parts.write(report_prompt_events(ask)))

    def _opened(self, prompt_id: str) -> bytes:
        found = self._parts.ids.open(PROMPT_ID, call.current().peer.institution, prompt_id)
        return found[0] if found else b""


def _count(given: Any, path: str, most: int, faults: Faults) -> None:
    if not given:
        faults.add(path, "at least one is required")
    elif len(given) > most:
        faults.add(path, f"more than {most}")
