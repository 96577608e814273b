"""Orders are about to be signed: which earlier results satisfy them, so that one question can be asked about all."""

from dataclasses import dataclass, field

from hutong_server.domain.caller import Caller
from hutong_server.domain.decision import standing_items
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.explanation import Traces, traces_of
from hutong_server.domain.ordered_items import Order
from hutong_server.domain.orders import CheckedOrders
from hutong_server.domain.orders import check_orders as check
from hutong_server.domain.report import Instant, Issue, Severity
from hutong_server.domain.reuse import Request
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import AccessRecord, Prompt, Reader, StoredReport, Tokens, Writer
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
from hutong_server.usecases.gate import EMERGENCY, Passed, Visit, pass_gate

METHOD = "CheckOrders"
MAX_ITEMS = 1000
"""Items that the orders of one question may ask for together, each as often as it is asked for."""


@dataclass(frozen=True, slots=True)
class CheckOrders:
    """The question."""

    request_id: str
    patient: PatientQuery
    context: Context
    caller: Caller
    orders: tuple[Order, ...]
    explain: bool = False
    """Also tell how each verdict was reached."""


class ChangedMeanwhile(Exception):
    """Patient or rules have changed since the answer was worked out: it is not kept, and must not leave."""


@dataclass(frozen=True, slots=True)
class OrdersAnswer:
    """The answer, and what must be durable before it leaves."""

    outcome: Outcome
    checked: CheckedOrders
    ask: bool
    """Whether the doctor is to be asked anything."""
    rows: dict[bytes, StoredReport]
    """By report id: the rows that the answer speaks of."""
    kept: Prompt
    record: AccessRecord
    passed: Passed
    changes: tuple[int, ...]
    """Of the patient's records (Reader.changes), as they stood when the answer was worked out."""
    traces: Traces = field(default_factory=dict)

    def keep(self, writer: Writer) -> None:
        """The write job: prompt, emergency and access record.

        Raises ChangedMeanwhile when one fresh read shows that the patient, or the rules, are not what they were: a
        report that was withdrawn on another worker, while this one judged, is in no answer that is recorded after it.
        """
        fresh = writer.catalog_version(), writer.changes(self.record.patient_keys)
        if fresh != (self.kept.rules_version, self.changes):
            raise ChangedMeanwhile
        self.passed.keep(writer)
        writer.put_prompt(self.kept)
        writer.record(self.record)


def check_orders(ask: CheckOrders, reader: Reader, book: RuleBook, tokens: Tokens, now: Instant) -> OrdersAnswer:
    """Answers from index rows, judged at `now`.

    Raises HutongError for an identifier that fails its check or when none counts, for orders that ask for too much
    (REQUEST_INVALID), and as pass_gate does.
    """
    caller, context = ask.caller, ask.context
    patient = tokens_of(ask.patient, caller.institution, book, tokens)
    found = find(reader, patient, ask.patient.demographics, book, tokens)
    passed = pass_gate(Visit(METHOD, context, caller, ask.request_id, found.keys), reader, book, now)
    rows = {row.report_id: row for row in passed.rows}
    encounter = encounter_of(caller.institution, context.encounter, tokens)
    request = Request(caller.institution, now, standing_items(reader.decisions(found.keys, encounter)))
    checked = check(ask.orders, ((facts_of(row), row.results) for row in passed.rows), request, book)
    if sum(len(each.items) for each in checked.answers) > MAX_ITEMS:
        issue = Issue(Severity.ERROR, Reason.REQUEST_INVALID.value, "orders", f"more than {MAX_ITEMS} items together")
        raise HutongError(Reason.REQUEST_INVALID, "The request is not valid; see its fields.", (issue,))
    outcome = Outcome.IN_DOUBT if found.in_doubt else Outcome.FOUND if checked.lines else Outcome.NONE
    # As a chart's (see open_chart.py), and never the same as one's: the plugin may number both alike.
    prompt_id = tokens.digest(
        "order prompt", caller.institution, ask.request_id, *sorted(tokens.lasting(token).hex() for token in patient)
    )[:16]
    shown = checked.shown
    return OrdersAnswer(
        outcome=outcome,
        checked=checked,
        ask=bool(checked.lines) and EMERGENCY not in (context.purpose, context.encounter_class),
        rows=rows,
        kept=Prompt(
            prompt_id=prompt_id,
            institution=caller.institution,
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
                for line in checked.lines
            ),
            kind="order",
            department=context.department,
            encounter=encounter,
        ),
        record=access(
            METHOD,
            caller,
            context,
            ask.request_id,
            outcome.value,
            now,
            keys=found.keys,
            reports=[judged.report.report_id for judged in shown],
            contents=contents_of(
                ((judged.report.report_id, (judged,)) for judged in shown),
                {report_id: row.version for report_id, row in rows.items()},
            ),
            prompt_id=prompt_id,
            consent_basis=passed.basis,
            withheld=passed.withheld,
        ),
        passed=passed,
        changes=reader.changes(found.keys),
        traces=traces_of(shown, request, book) if ask.explain else {},
    )
