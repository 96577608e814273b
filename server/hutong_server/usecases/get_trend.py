"""One item of one patient across institutions over time."""

from dataclasses import dataclass

from hutong_server.domain.caller import Caller
from hutong_server.domain.decision import standing_items
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.prompt import Judged
from hutong_server.domain.recognition import RecognizedItem
from hutong_server.domain.report import Instant
from hutong_server.domain.reuse import NotReusable, Request, assess
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import AccessRecord, Reader, StoredReport, Tokens, Writer
from hutong_server.usecases.asking import (
    Context,
    Outcome,
    PatientQuery,
    access,
    contents_of,
    encounter_of,
    facts_of,
    find,
    tokens_of,
)
from hutong_server.usecases.gate import Passed, Visit, pass_gate

_NOT_SHOWN = frozenset(
    {
        NotReusable.WITHDRAWN,
        NotReusable.OTHER_SUBJECT,
        NotReusable.UNREADABLE,
        NotReusable.IDENTITY_DISPUTED,
        NotReusable.PATIENT_IN_DOUBT,
        NotReusable.NO_VALUE,
    }
)
"""A result that is none of this patient's, or none at all, is no point of a line."""


@dataclass(frozen=True, slots=True)
class GetTrend:
    """The question."""

    patient: PatientQuery
    context: Context
    caller: Caller
    item: str
    taken_from: Instant | None = None
    taken_before: Instant | None = None
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Trend:
    """The item's results, judged, in no order; what is drawn of them is for who knows their values."""

    outcome: Outcome
    item: RecognizedItem
    results: tuple[Judged, ...]
    """Each with a time."""
    rows: dict[bytes, StoredReport]
    """By report id."""
    record: AccessRecord
    passed: Passed

    def keep(self, writer: Writer) -> None:
        """The write job: emergency and access record."""
        self.passed.keep(writer)
        writer.record(self.record)


def get_trend(ask: GetTrend, reader: Reader, book: RuleBook, tokens: Tokens, now: Instant) -> Trend:
    """The patient's results of an item, as the gate stands now.

    Raises HutongError(NOT_FOUND) for an item that the catalogue does not have, and as open_chart does.
    """
    item = book.item(ask.item)
    if item is None:
        raise HutongError(Reason.NOT_FOUND, "the catalogue has no such item")
    patient = tokens_of(ask.patient, ask.caller.institution, book, tokens)
    found = find(reader, patient, ask.patient.demographics, book, tokens)
    passed = pass_gate(Visit("GetTrend", ask.context, ask.caller, ask.request_id, found.keys), reader, book, now)
    encounter = encounter_of(ask.caller.institution, ask.context.encounter, tokens)
    request = Request(ask.caller.institution, now, standing_items(reader.decisions(found.keys, encounter)))
    shown: list[Judged] = []
    for row in passed.rows:
        facts = facts_of(row)
        for result in row.results:
            verdict = assess(result, facts, request, book)
            if verdict.item is None or verdict.item.code != ask.item or not _NOT_SHOWN.isdisjoint(verdict.reasons):
                continue
            if result.time is not None and _within(ask, result.time):
                shown.append(Judged(facts, result, verdict, result.time))
    rows = {row.report_id: row for row in passed.rows}
    outcome = Outcome.IN_DOUBT if found.in_doubt else Outcome.FOUND if shown else Outcome.NONE
    return Trend(
        outcome=outcome,
        item=item,
        results=tuple(shown),
        rows=rows,
        record=access(
            "GetTrend",
            ask.caller,
            ask.context,
            ask.request_id,
            outcome.value,
            now,
            keys=found.keys,
            reports=[judged.report.report_id for judged in shown],
            consent_basis=passed.basis,
            withheld=passed.withheld,
            contents=contents_of(
                ((judged.report.report_id, (judged,)) for judged in shown),
                {report_id: row.version for report_id, row in rows.items()},
            ),
        ),
        passed=passed,
    )


def _within(ask: GetTrend, time: Instant) -> bool:
    return (ask.taken_from is None or ask.taken_from <= time) and (ask.taken_before is None or time < ask.taken_before)
