"""Decisions, citations and events on screen, between proto and domain."""

from collections.abc import Callable
from typing import Final, TypeVar

from hutong.v1 import error_reason_pb2, report_pb2, reuse_service_pb2

from hutong_server.api.convert import Faults, instant, numbers, stamp
from hutong_server.api.convert_reuse import Asker, SealedReports, critical
from hutong_server.domain.citation import Citation, chinese, english
from hutong_server.domain.decision import Decision, DecisionKind, PromptEventKind
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.report import Issue, Quantity
from hutong_server.usecases.citing import Cited
from hutong_server.usecases.prompt_events import GivenEvent, Reported
from hutong_server.usecases.record_decisions import Answered, DecisionOutcome, Given

T = TypeVar("T")

KINDS: Final = numbers(DecisionKind, reuse_service_pb2.DecisionKind, "DECISION_KIND")
OUTCOMES: Final = numbers(DecisionOutcome, reuse_service_pb2.DecisionOutcome, "DECISION_OUTCOME")
EVENT_KINDS: Final = numbers(PromptEventKind, reuse_service_pb2.PromptEventKind, "PROMPT_EVENT_KIND")
_KIND_OF: Final[dict[int, DecisionKind]] = {number: kind for kind, number in KINDS.items()}
_EVENT_KIND_OF: Final[dict[int, PromptEventKind]] = {number: kind for kind, number in EVENT_KINDS.items()}
_REASONS: Final = numbers(Reason, error_reason_pb2.ErrorReason, "ERROR_REASON")
MAX_TEXT: Final = 1000

PromptId = Callable[[str], bytes]
"""Opens the id of a prompt; b"" for one that the institution was not given."""


def decision_in(given: reuse_service_pb2.Decision, path: str, prompt_id: PromptId) -> Given | Issue:
    """A decision, or the first thing that is wrong with it."""

    def read(faults: Faults) -> Given:
        kind = _KIND_OF.get(given.kind)
        if kind is None:
            faults.add(f"{path}.kind", "is not a known value" if given.kind else "is required")
        if kind is DecisionKind.REPEATED and not given.ground:
            faults.add(f"{path}.ground", "is required for an examination that is repeated")
        if kind is not DecisionKind.REPEATED and given.ground:
            faults.add(f"{path}.ground", "goes with an examination that is repeated")
        if not given.HasField("decided_at"):
            faults.add(f"{path}.decided_at", "is required")
        if len(given.text) > MAX_TEXT:
            faults.add(f"{path}.text", f"is longer than {MAX_TEXT} characters")
        faults.text(f"{path}.prompt_id", given.prompt_id, longest=2048, required=True)
        return Given(
            path=path,
            prompt_id=prompt_id(given.prompt_id),
            item=faults.text(f"{path}.item", given.item, required=True),
            kind=kind or DecisionKind.REVOKED,
            ground=faults.text(f"{path}.ground", given.ground),
            text=given.text,
            decided_at=instant(given.decided_at, f"{path}.decided_at", faults),
        )

    return _or_issue(read)


def event_in(given: reuse_service_pb2.PromptEvent, path: str, prompt_id: PromptId) -> GivenEvent | Issue:
    """An event, or the first thing that is wrong with it."""

    def read(faults: Faults) -> GivenEvent:
        kind = _EVENT_KIND_OF.get(given.kind)
        if kind is None:
            faults.add(f"{path}.kind", "is not a known value" if given.kind else "is required")
        if not given.HasField("at"):
            faults.add(f"{path}.at", "is required")
        faults.text(f"{path}.prompt_id", given.prompt_id, longest=2048, required=True)
        return GivenEvent(
            path=path,
            prompt_id=prompt_id(given.prompt_id),
            item=faults.text(f"{path}.item", given.item),
            kind=kind or PromptEventKind.SHOWN,
            at=instant(given.at, f"{path}.at", faults),
        )

    return _or_issue(read)


def _or_issue(read: Callable[[Faults], T]) -> T | Issue:
    faults = Faults()
    value = read(faults)
    try:
        faults.check()
    except HutongError as error:
        return error.issues[0]
    return value


def result_out(
    target: reuse_service_pb2.DecisionResult, answer: Answered, sent: reuse_service_pb2.Decision, asker: Asker
) -> None:
    """What became of one decision."""
    target.outcome = OUTCOMES[answer.outcome]
    if answer.issue is not None:
        target.reason = _REASONS[Reason(answer.issue.reason)]
        target.message, target.path = answer.issue.message, answer.issue.path
        return
    stands = answer.stands
    if stands is None:
        return
    target.revoked = answer.revoked
    if answer.outcome is DecisionOutcome.CONFLICT:
        _decision(target.standing, stands, sent.prompt_id)
        target.refused.CopyFrom(sent)
        return
    if stands.price_fen is not None:
        target.price_fen = stands.price_fen
    if answer.cited is not None:
        _cite(target.citation, answer.cited, asker)


def reported_out(reported: Reported) -> reuse_service_pb2.ReportPromptEventsResponse:
    """What became of events."""
    out = reuse_service_pb2.ReportPromptEventsResponse(
        recorded=reported.recorded, already_recorded=reported.already_recorded
    )
    for index, issue in reported.faults:
        out.faults.add(index=index, reason=_REASONS[Reason(issue.reason)], message=f"{issue.path}: {issue.message}")
    return out


def _decision(target: reuse_service_pb2.Decision, known: Decision, prompt_id: str) -> None:
    target.prompt_id, target.item, target.kind = prompt_id, known.item, KINDS[known.kind]
    target.ground, target.text = known.ground, known.text
    stamp(target.decided_at, known.decided_at)


def _cite(target: reuse_service_pb2.Citation, cited: Cited, asker: Asker) -> None:
    row, judged = cited.row, cited.judged
    item = judged.verdict.item
    if item is None:
        return
    detail = report_pb2.ResultDetail.FromString(row.details[judged.result.ordinal])
    issuer = asker.book.institution(row.institution)
    said = Citation(
        item=item,
        value=_value(detail),
        issuer=issuer.name if issuer is not None else row.institution,
        issuer_code=row.institution,
        report_id=SealedReports(asker).of(row),
        flags=tuple(detail.interpretation),
        ranges=tuple(_range(each) for each in detail.reference_range),
        critical=critical(judged, detail.interpretation, asker.book),
        taken=judged.time,
        taken_is_issue=judged.time_is_issue,
        mark=judged.verdict.mark,
        corrected=cited.corrected,
    )
    target.text_zh, target.text_en = chinese(said, asker.book.zone), english(said, asker.book.zone)
    target.value, target.report_id = said.value, said.report_id


def _value(detail: report_pb2.ResultDetail) -> str:
    """The value in words, with that of each part."""
    parts = [detail.value.text, *map(_component, detail.component)]
    return "; ".join(part for part in parts if part)


def _component(part: report_pb2.ResultComponent) -> str:
    name = part.code.text or next((each.display or each.code for each in part.code.coding), "")
    ranges = "; ".join(_range(each) for each in part.reference_range)
    flags = ", ".join(part.interpretation)
    return f"{name} {part.value.text}{f' ({ranges})' if ranges else ''}{f' [{flags}]' if flags else ''}".strip()


def _range(given: report_pb2.ReferenceRange) -> str:
    if given.text:
        return given.text
    low, high = _words(given.low), _words(given.high)
    if low and high:
        return f"{low} – {high}"
    return f"≥ {low}" if low else f"≤ {high}" if high else ""


def _words(given: report_pb2.Quantity) -> str:
    return Quantity(given.value, given.comparator, given.unit, given.system, given.code).words
