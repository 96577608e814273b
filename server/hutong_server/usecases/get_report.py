"""One report whole, for a doctor who opens it."""

from dataclasses import dataclass

from hutong_server.domain.caller import Caller
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.notice import How, Reliance
from hutong_server.domain.prompt import Judged
from hutong_server.domain.report import Instant
from hutong_server.domain.reuse import Request
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import AccessRecord, Ids, Reader, StoredReport, Tokens, Writer
from hutong_server.usecases.asking import Context, access, contents_of, encounter_of
from hutong_server.usecases.gate import Passed, RefusedOnRecord, Visit, document_of, pass_gate
from hutong_server.usecases.list_reports import judge
from hutong_server.usecases.relying import rely

REPORT_ID = "report"
"""Kind of the sealed ids under which prompts and lists offer reports; their parts are (patient key, report id)."""
PUBLISHED_ID = "published-report"
"""Kind of the ids that a publisher is given. They name a report towards its publisher and open nothing: a report is
read only by who was offered it, for the patient at hand.
"""


@dataclass(frozen=True, slots=True)
class GetReport:
    """The question."""

    report_id: str
    context: Context
    caller: Caller
    prompt_id: bytes = b""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class WholeReport:
    """The report, its verdicts for the asker, and its document."""

    row: StoredReport
    results: tuple[Judged, ...]
    document: bytes
    images: bytes
    record: AccessRecord
    passed: Passed
    relied: Reliance | None
    """That the institution has seen this version; None of a withdrawn report, which says nothing."""
    now: Instant

    def keep(self, writer: Writer) -> None:
        """The write job: emergency, reliance and access record."""
        self.passed.keep(writer)
        if self.relied is not None:
            rely(writer, self.relied, self.now)
        writer.record(self.record)


def get_report(ask: GetReport, reader: Reader, book: RuleBook, tokens: Tokens, ids: Ids, now: Instant) -> WholeReport:
    """Opens a report by the id under which it was offered to the asking institution, as the gate stands now.

    Of a report that passes in part, the open results are shown and no document, images or conclusion: these cover all
    of it. Raises HutongError(REPORT_NOT_FOUND) for an id of anybody else, and, on record, for a report that is
    withheld, held, or another patient's by now; and as pass_gate does.
    """
    parts = ids.open(REPORT_ID, ask.caller.institution, ask.report_id)
    if parts is None or len(parts) != 2:
        raise HutongError(Reason.REPORT_NOT_FOUND, _NOT_FOUND)
    person = reader.person_of(parts[0])
    keys = (person.key, *(key for key in person.keys if key != person.key)) if person else (parts[0],)
    visit = Visit("GetReport", ask.context, ask.caller, ask.request_id, keys)
    passed = pass_gate(visit, reader, book, now, report=(parts[0], parts[1]))
    row = passed.rows[0] if passed.rows else None
    stored = document_of(row, reader) if row is not None else None
    if row is None or stored is None:
        raise RefusedOnRecord(Reason.REPORT_NOT_FOUND, _NOT_FOUND, _refused(visit, passed, ask.prompt_id, now), passed)
    request = Request(ask.caller.institution, now)
    results = () if row.withdrawn else judge(row, request, book)
    return WholeReport(
        row=row,
        results=results,
        document=stored[0],
        images=b"" if row.withdrawn else stored[1],
        record=access(
            "GetReport",
            ask.caller,
            ask.context,
            ask.request_id,
            "withdrawn" if row.withdrawn else "found",
            now,
            keys=keys,
            reports=(row.report_id,),
            prompt_id=ask.prompt_id,
            consent_basis=passed.basis,
            withheld=passed.withheld,
            contents=contents_of([(row.report_id, results)], {row.report_id: row.version}),
        ),
        passed=passed,
        relied=None if row.withdrawn else _opened(ask, row, tokens, now),
        now=now,
    )


def _opened(ask: GetReport, row: StoredReport, tokens: Tokens, now: Instant) -> Reliance:
    return Reliance(
        patient_key=row.patient_key,
        report_id=row.report_id,
        version=row.version,
        institution=ask.caller.institution,
        issuer=row.institution,
        how=How.OPENED,
        at=now,
        visit=encounter_of(ask.caller.institution, ask.context.encounter, tokens),
        encounter=ask.context.encounter,
        practitioner=ask.context.practitioner,
        prompt_id=ask.prompt_id,
        department=ask.context.department,
    )


_NOT_FOUND = "no such report for this institution"


def _refused(visit: Visit, passed: Passed, prompt_id: bytes, now: Instant) -> AccessRecord:
    return access(
        visit.method,
        visit.caller,
        visit.context,
        visit.request_id,
        "refused",
        now,
        keys=visit.keys,
        reports=(),
        prompt_id=prompt_id,
        consent_basis=passed.basis,
        withheld=passed.withheld,
    )
