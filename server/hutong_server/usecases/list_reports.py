"""The doctor's own search through a patient's reports."""

import hashlib
from dataclasses import dataclass

from hutong_server.domain.caller import Caller
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.prompt import Judged
from hutong_server.domain.report import Instant, ResultFacts
from hutong_server.domain.reuse import ReportFacts, Request, assess
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import AccessRecord, Ids, Reader, ReportFilter, StoredReport, Tokens, Writer
from hutong_server.usecases.asking import Context, Outcome, PatientQuery, access, contents_of, facts_of, find, tokens_of
from hutong_server.usecases.gate import Passed, Visit, pass_gate

_TOKEN = "page"  # noqa: S105  the kind of a sealed id, not a secret

_ALL = ReportFilter()


@dataclass(frozen=True, slots=True)
class ListReports:
    """The search."""

    patient: PatientQuery
    context: Context
    caller: Caller
    item: str = ""
    category: str = ""
    only: ReportFilter = _ALL
    page_size: int = 20
    page_token: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class ReportList:
    """A page, newest first."""

    outcome: Outcome
    page: tuple[tuple[StoredReport, tuple[Judged, ...]], ...]
    next_page_token: str
    record: AccessRecord
    passed: Passed

    def keep(self, writer: Writer) -> None:
        """The write job: emergency and access record."""
        self.passed.keep(writer)
        writer.record(self.record)


def list_reports(
    ask: ListReports, reader: Reader, book: RuleBook, tokens: Tokens, ids: Ids, now: Instant
) -> ReportList:
    """Lists the reports that match, with the verdict on each result for the asking institution.

    Raises HutongError as open_chart does, and PAGE_TOKEN_INVALID for a token of another list or caller.
    """
    patient = tokens_of(ask.patient, ask.caller.institution, book, tokens)
    question = _question(ask, patient)
    after = _position(ask, question, ids)
    found = find(reader, patient, ask.patient.demographics, book, tokens)
    visit = Visit("ListReports", ask.context, ask.caller, ask.request_id, found.keys)
    passed = pass_gate(visit, reader, book, now, only=ask.only)
    request = Request(ask.caller.institution, now)
    matching = sorted(
        ((row, judge(row, request, book)) for row in passed.rows if _category_fits(row, ask.category)),
        key=lambda pair: _place(pair[0]),
        reverse=True,
    )
    matching = [pair for pair in matching if not ask.item or any(_item(each) == ask.item for each in pair[1])]
    rest = [pair for pair in matching if after is None or _place(pair[0]) < after]
    # Of a withdrawn report a list says that it was withdrawn, and nothing of what it said.
    page = tuple((row, () if row.withdrawn else results) for row, results in rest[: ask.page_size])
    more = len(rest) > len(page)
    outcome = Outcome.IN_DOUBT if found.in_doubt else Outcome.FOUND if page else Outcome.NONE
    return ReportList(
        outcome=outcome,
        page=page,
        next_page_token=_token(page[-1][0], question, ask.caller, ids) if more else "",
        record=access(
            "ListReports",
            ask.caller,
            ask.context,
            ask.request_id,
            outcome.value,
            now,
            keys=found.keys,
            reports=[row.report_id for row, _ in page],
            consent_basis=passed.basis,
            withheld=passed.withheld,
            contents=contents_of(
                ((row.report_id, results) for row, results in page), {row.report_id: row.version for row, _ in page}
            ),
        ),
        passed=passed,
    )


def judge(row: StoredReport, request: Request, book: RuleBook) -> tuple[Judged, ...]:
    """The verdict on each result of a report."""
    facts = facts_of(row)
    return tuple(_judged(facts, result, request, book) for result in row.results)


def _judged(facts: ReportFacts, result: ResultFacts, request: Request, book: RuleBook) -> Judged:
    return Judged(facts, result, assess(result, facts, request, book), result.time)


def _item(judged: Judged) -> str:
    return judged.verdict.item.code if judged.verdict.item else ""


def _category_fits(row: StoredReport, category: str) -> bool:
    wanted = category.casefold()
    return not wanted or wanted == row.specialty or any(wanted == each.casefold() for each in row.categories)


def _place(row: StoredReport) -> tuple[int, bytes]:
    """Order of a list: by time taken, else issued, else received; the id makes it total."""
    known = (row.effective, row.issued, row.received)
    return next(time for time in known if time is not None), row.report_id


def _question(ask: ListReports, patient: tuple[bytes, ...]) -> bytes:
    """What a page token is good for: this search by this institution, nothing else."""
    only = ask.only
    parts = (
        ask.item,
        ask.category,
        only.institution,
        only.taken_from,
        only.taken_before,
        *sorted(t.hex() for t in patient),
    )
    return hashlib.sha256(repr(parts).encode()).digest()[:16]


def _token(last: StoredReport, question: bytes, caller: Caller, ids: Ids) -> str:
    time, report_id = _place(last)
    return ids.seal(_TOKEN, caller.institution, (question, time.to_bytes(8, "big", signed=True), report_id))


def _position(ask: ListReports, question: bytes, ids: Ids) -> tuple[int, bytes] | None:
    if not ask.page_token:
        return None
    parts = ids.open(_TOKEN, ask.caller.institution, ask.page_token)
    if parts is None or len(parts) != 3 or parts[0] != question:
        raise HutongError(Reason.PAGE_TOKEN_INVALID, "the page token is not one of this list")
    return int.from_bytes(parts[1], "big", signed=True), parts[2]
