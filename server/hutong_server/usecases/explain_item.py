"""Why results of an item can or cannot be reused: each result of it, with the steps of its verdict."""

from dataclasses import dataclass

from hutong_server.domain.caller import Caller
from hutong_server.domain.decision import standing_items
from hutong_server.domain.explanation import explain
from hutong_server.domain.prompt import Judged, recency
from hutong_server.domain.recognition import RecognizedItem
from hutong_server.domain.report import Instant
from hutong_server.domain.reuse import Request
from hutong_server.domain.rulebook import RuleBook
from hutong_server.domain.trace import Trace
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

MAX_EXPLAINED = 100
"""Results of an answer, the newest."""


@dataclass(frozen=True, slots=True)
class ExplainItem:
    """The question."""

    patient: PatientQuery
    context: Context
    caller: Caller
    item: str
    """Code of a recognised item, or a source's own code, in any system."""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The results, newest first, each with its steps."""

    outcome: Outcome
    item: RecognizedItem | None
    """The item of that code, when the catalogue has it."""
    results: tuple[tuple[Judged, Trace], ...]
    rows: dict[bytes, StoredReport]
    """By report id."""
    record: AccessRecord
    passed: Passed

    def keep(self, writer: Writer) -> None:
        """The write job: emergency and access record."""
        self.passed.keep(writer)
        writer.record(self.record)


def explain_item(ask: ExplainItem, reader: Reader, book: RuleBook, tokens: Tokens, now: Instant) -> Explanation:
    """Explains the patient's results of an item, or with a code, judged at `now` as a chart would judge them.

    Raises HutongError as open_chart does.
    """
    patient = tokens_of(ask.patient, ask.caller.institution, book, tokens)
    found = find(reader, patient, ask.patient.demographics, book, tokens)
    visit = Visit("ExplainItem", ask.context, ask.caller, ask.request_id, found.keys)
    passed = pass_gate(visit, reader, book, now)
    rows = {row.report_id: row for row in passed.rows}
    encounter = encounter_of(ask.caller.institution, ask.context.encounter, tokens)
    request = Request(ask.caller.institution, now, standing_items(reader.decisions(found.keys, encounter)))
    explained: list[tuple[Judged, Trace]] = []
    for row in passed.rows:
        facts = facts_of(row)
        for result in row.results:
            verdict, trace = explain(result, facts, request, book)
            item = verdict.item.code if verdict.item else ""
            if ask.item == item or any(ask.item == code for _, code in result.codes):
                explained.append((Judged(facts, result, verdict, result.time), trace))
    explained.sort(key=lambda pair: recency(pair[0]), reverse=True)
    shown = tuple(explained[:MAX_EXPLAINED])
    reusable = any(judged.verdict.reusable for judged, _ in explained)
    outcome = Outcome.IN_DOUBT if found.in_doubt else Outcome.FOUND if reusable else Outcome.NONE
    return Explanation(
        outcome=outcome,
        item=book.item(ask.item),
        results=shown,
        rows=rows,
        record=access(
            "ExplainItem",
            ask.caller,
            ask.context,
            ask.request_id,
            outcome.value,
            now,
            keys=found.keys,
            reports=[judged.report.report_id for judged, _ in shown],
            consent_basis=passed.basis,
            withheld=passed.withheld,
            contents=contents_of(
                ((judged.report.report_id, (judged,)) for judged, _ in shown),
                {report_id: row.version for report_id, row in rows.items()},
            ),
        ),
        passed=passed,
    )
