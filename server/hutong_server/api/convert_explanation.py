"""Explanations, from use case to proto."""

from hutong.v1 import reuse_service_pb2

from hutong_server.api.convert import item_ref, stamp
from hutong_server.api.convert_reuse import OUTCOMES, Asker, SealedReports, result_out
from hutong_server.api.convert_trace import trace_out
from hutong_server.usecases.explain_item import Explanation


def explanation_out(answer: Explanation, asker: Asker) -> reuse_service_pb2.ExplainItemResponse:
    """Verdicts with their steps."""
    out = reuse_service_pb2.ExplainItemResponse(outcome=OUTCOMES[answer.outcome], rules_version=asker.book.version)
    stamp(out.judged_at, answer.record.at)
    if answer.item is not None:
        item_ref(out.item, answer.item)
    sealed = SealedReports(asker)
    for judged, trace in answer.results:
        added = out.results.add()
        result_out(added, judged, answer.rows[judged.report.report_id], asker, sealed)
        trace_out(added, trace)
    return out
