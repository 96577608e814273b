"""One report whole, for a doctor who opens it."""

from dataclasses import dataclass

from hutong_server.domain.caller import Caller
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.prompt import Judged
from hutong_server.domain.report import Instant
from hutong_server.domain.reuse import Request
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import AccessRecord, Ids, Reader, StoredReport, Writer
from hutong_server.usecases.asking import Context, access
from hutong_server.usecases.list_reports import judge

REPORT_ID = "report"
"""Kind of the sealed ids of reports; their parts are (patient key, report id)."""


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

    def keep(self, writer: Writer) -> None:
        """The write job: the access record."""
        writer.record(self.record)


def get_report(ask: GetReport, reader: Reader, book: RuleBook, ids: Ids, now: Instant) -> WholeReport:
    """Opens a report by the id that the asking institution was given.

    Raises HutongError(REPORT_NOT_FOUND) for an id of anybody else, and for a report that is held or is another
    patient's by now.
    """
    parts = ids.open(REPORT_ID, ask.caller.institution, ask.report_id)
    row = reader.report(parts[0], parts[1]) if parts is not None and len(parts) == 2 else None
    if row is None:
        raise HutongError(Reason.REPORT_NOT_FOUND, "no such report for this institution")
    stored = _document(row, reader)
    if stored is None:
        raise HutongError(Reason.REPORT_NOT_FOUND, "no such report for this institution")
    person = reader.person_of(row.patient_key)
    request = Request(ask.caller.institution, now)
    return WholeReport(
        row=row,
        results=() if row.withdrawn else judge(row, request, book),
        document=stored[0],
        images=b"" if row.withdrawn else stored[1],
        record=access(
            "GetReport",
            ask.caller,
            ask.context,
            ask.request_id,
            "withdrawn" if row.withdrawn else "found",
            now,
            person=person,
            reports=(row.report_id,),
            prompt_id=ask.prompt_id,
        ),
    )


def _document(row: StoredReport, reader: Reader) -> tuple[bytes, bytes] | None:
    stored = reader.document(row.patient_key, row.report_id, row.version)
    if stored is None and row.withdrawn:
        # A withdrawal that came before its report stands under the key that it had then.
        identity = reader.identity_of(row.report_id)
        former = identity.former_keys if identity else ()
        stored = next(filter(None, (reader.document(key, row.report_id, row.version) for key in former)), None)
    return stored
