"""A chart was opened: which earlier results can be reused, until when, under which mark, and why not the others."""

import secrets
from dataclasses import dataclass, field

from hutong_server.domain.caller import Caller
from hutong_server.domain.decision import standing_items
from hutong_server.domain.explanation import Traces, traces_of
from hutong_server.domain.prompt import Prompted, prompt
from hutong_server.domain.report import Instant
from hutong_server.domain.reuse import Request
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import AccessRecord, Prompt, Reader, StoredReport, Tokens, Writer
from hutong_server.usecases.asking import (
    Context,
    Found,
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

CHECKED = "checked"
"""Outcome on record of a question that was only a trial of the connection."""
MAX_NOT_REUSABLE = 500
"""More results than these are counted, not listed."""


@dataclass(frozen=True, slots=True)
class OpenChart:
    """The question."""

    request_id: str
    patient: PatientQuery
    context: Context
    caller: Caller
    include_not_reusable: bool = False
    explain: bool = False
    """Also tell how each verdict was reached."""
    validate_only: bool = False
    """A trial: answered as of a patient whom nobody knows, and nothing is kept but the record."""


@dataclass(frozen=True, slots=True)
class ChartAnswer:
    """The prompt, and what must be durable before it leaves."""

    outcome: Outcome
    prompted: Prompted
    rows: dict[bytes, StoredReport]
    """By report id: the rows that the prompt speaks of."""
    kept: Prompt
    record: AccessRecord
    passed: Passed
    traces: Traces = field(default_factory=dict)
    """How the verdicts on what is listed were reached, when that was asked for."""
    validate_only: bool = False

    def keep(self, writer: Writer) -> None:
        """The write job: prompt, emergency and access record."""
        if not self.validate_only:
            self.passed.keep(writer)
            writer.put_prompt(self.kept)
        writer.record(self.record)


def open_chart(ask: OpenChart, reader: Reader, book: RuleBook, tokens: Tokens, now: Instant) -> ChartAnswer:
    """Answers from index rows, judged at `now`.

    Raises HutongError for an identifier that fails its check or when none counts, and as pass_gate does.
    """
    patient = tokens_of(ask.patient, ask.caller.institution, book, tokens)
    # A trial asks for nobody, whoever is named: else it would be a way to ask without a prompt.
    found = (
        Found(None, (secrets.token_bytes(16),))
        if ask.validate_only
        else find(reader, patient, ask.patient.demographics, book, tokens)
    )
    visit = Visit("OpenChart", ask.context, ask.caller, ask.request_id, found.keys)
    passed = pass_gate(visit, reader, book, now)
    rows = {row.report_id: row for row in passed.rows}
    encounter = encounter_of(ask.caller.institution, ask.context.encounter, tokens)
    request = Request(ask.caller.institution, now, standing_items(reader.decisions(found.keys, encounter)))
    reports = ((facts_of(row), row.results) for row in passed.rows)
    prompted = prompt(reports, request, book, everything=ask.include_not_reusable)
    outcome = Outcome.IN_DOUBT if found.in_doubt else Outcome.FOUND if prompted.lines else Outcome.NONE
    # The id is a digest of what was asked, so a repeat finds the same prompt without a look-up, and a request id that
    # is used again for another patient makes another prompt instead of a mix of two.
    prompt_id = tokens.digest(
        "prompt", ask.caller.institution, ask.request_id, *sorted(tokens.lasting(token).hex() for token in patient)
    )[:16]
    shown = [line.best for line in prompted.lines] + [newer for line in prompted.lines for newer in line.newer]
    if ask.include_not_reusable:
        shown += prompted.not_reusable[:MAX_NOT_REUSABLE]
    return ChartAnswer(
        outcome=outcome,
        prompted=prompted,
        rows=rows,
        kept=Prompt(
            prompt_id=prompt_id,
            institution=ask.caller.institution,
            patient_key=found.keys[0],
            at=now,
            outcome=outcome.value,
            rules_version=book.version,
            lines=tuple(
                (
                    line.item.code,
                    line.best.report.report_id,
                    line.best.result.ordinal,
                    line.best.report.issuer,
                    rows[line.best.report.report_id].version,
                )
                for line in prompted.lines
            ),
            department=ask.context.department,
            encounter=encounter,
        ),
        record=access(
            "OpenChart",
            ask.caller,
            ask.context,
            ask.request_id,
            CHECKED if ask.validate_only else outcome.value,
            now,
            keys=found.keys,
            reports=[judged.report.report_id for judged in shown],
            contents=contents_of(
                ((judged.report.report_id, (judged,)) for judged in shown),
                {report_id: row.version for report_id, row in rows.items()},
            ),
            prompt_id=b"" if ask.validate_only else prompt_id,
            consent_basis=passed.basis,
            withheld=passed.withheld,
        ),
        passed=passed,
        traces=traces_of(shown, request, book) if ask.explain else {},
        validate_only=ask.validate_only,
    )
