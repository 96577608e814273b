"""The steps of a verdict, from domain to proto."""

from typing import Final

from hutong.v1 import report_pb2

from hutong_server.api.convert import REASONS, numbers
from hutong_server.domain.trace import Trace, TraceSubject

SUBJECTS: Final = numbers(TraceSubject, report_pb2.TraceSubject, "TRACE_SUBJECT")


def trace_out(target: report_pb2.ResultEntry, trace: Trace) -> None:
    """Adds how the verdict on a result was reached."""
    for step in trace:
        added = target.trace.add(
            subject=SUBJECTS[step.subject],
            passed=step.passed,
            entry_kind=step.entry_kind,
            entry_key=step.entry_key,
            detail=step.english,
            detail_zh=step.chinese,
        )
        if step.reason is not None:
            added.reason = REASONS[step.reason]
