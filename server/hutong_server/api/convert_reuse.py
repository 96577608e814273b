"""Questions about a patient and their answers, between proto and domain."""

from collections.abc import Iterable
from typing import Final

from hutong.v1 import report_pb2, reuse_service_pb2

from hutong_server.api.convert import (
    MAX_IDENTIFIERS,
    REASONS,
    Faults,
    demographics_in,
    identifier_in,
    institution_ref,
    name_institution,
    numbers,
    stamp,
)
from hutong_server.api.convert_trace import trace_out
from hutong_server.api.result_bytes import Asker as Asker
from hutong_server.api.result_bytes import SealedReports as SealedReports
from hutong_server.api.result_bytes import field, result_bytes, tag
from hutong_server.domain.errors import Reason
from hutong_server.domain.explanation import place
from hutong_server.domain.prompt import Judged
from hutong_server.domain.report import ResultFlag
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import StoredReport
from hutong_server.usecases.asking import Context, Outcome, PatientQuery
from hutong_server.usecases.feeds import Coverage
from hutong_server.usecases.get_report import WholeReport
from hutong_server.usecases.list_reports import ReportList
from hutong_server.usecases.open_chart import MAX_NOT_REUSABLE, ChartAnswer

OUTCOMES: Final = numbers(Outcome, reuse_service_pb2.Outcome, "OUTCOME")
PURPOSES: Final = {reuse_service_pb2.PURPOSE_TREATMENT: "treatment", reuse_service_pb2.PURPOSE_EMERGENCY: "emergency"}
ENCOUNTER_CLASSES: Final = {
    reuse_service_pb2.ENCOUNTER_CLASS_UNSPECIFIED: "",
    reuse_service_pb2.ENCOUNTER_CLASS_OUTPATIENT: "outpatient",
    reuse_service_pb2.ENCOUNTER_CLASS_INPATIENT: "inpatient",
    reuse_service_pb2.ENCOUNTER_CLASS_EMERGENCY: "emergency",
    reuse_service_pb2.ENCOUNTER_CLASS_OTHER: "other",
}


AUTHORIZATIONS: Final = {
    reuse_service_pb2.AUTHORIZATION_UNSPECIFIED: "",
    reuse_service_pb2.AUTHORIZATION_CARD_READ: "card_read",
    reuse_service_pb2.AUTHORIZATION_CODE_SCANNED: "code_scanned",
    reuse_service_pb2.AUTHORIZATION_FORM_SIGNED: "form_signed",
    reuse_service_pb2.AUTHORIZATION_GUARDIAN: "guardian",
}
MAX_BREAK_GLASS_REASON: Final = 500
MAX_REQUEST_ID: Final = 128
PROMPT_ID: Final = "prompt"
"""Kind of the sealed ids of prompts."""


_CRITICAL: Final = ResultFlag.CRITICAL.value


_LINES: Final = tag(reuse_service_pb2.OpenChartResponse, "lines")
_NOT_REUSABLE: Final = tag(reuse_service_pb2.OpenChartResponse, "not_reusable")
_RESULT: Final = tag(report_pb2.PromptLine, "result")
_NEWER: Final = tag(report_pb2.PromptLine, "newer")


def context_in(given: reuse_service_pb2.CallContext, faults: Faults) -> Context:
    """Who asks and why. Required: practitioner, encounter, purpose."""
    if given.purpose not in PURPOSES:
        faults.add("context.purpose", "is required" if given.purpose == 0 else "is not a known value")
    if given.encounter_class not in ENCOUNTER_CLASSES:
        faults.add("context.encounter_class", "is not a known value")
    if given.authorization not in AUTHORIZATIONS:
        faults.add("context.authorization", "is not a known value")
    if given.break_glass_reason and given.purpose != reuse_service_pb2.PURPOSE_EMERGENCY:
        faults.add("context.break_glass_reason", "goes with the purpose emergency only")
    return Context(
        practitioner=faults.text("context.practitioner", given.practitioner, required=True),
        encounter=faults.text("context.encounter", given.encounter, required=True),
        purpose=PURPOSES.get(given.purpose, ""),
        department=faults.text("context.department", given.department),
        encounter_class=ENCOUNTER_CLASSES.get(given.encounter_class, ""),
        authorization=AUTHORIZATIONS.get(given.authorization, ""),
        break_glass_reason=faults.text(
            "context.break_glass_reason", given.break_glass_reason, longest=MAX_BREAK_GLASS_REASON
        ).strip(),
    )


def patient_in(given: reuse_service_pb2.PatientQuery, faults: Faults) -> PatientQuery:
    """Whose chart. Required: an identifier, the birth date, and name or sex."""
    path = "patient.identifiers"
    if not given.identifiers:
        faults.add(path, "at least one identifier is required", Reason.PATIENT_IDENTIFIER_MISSING)
    if len(given.identifiers) > MAX_IDENTIFIERS:
        faults.add(path, f"more than {MAX_IDENTIFIERS} identifiers")
    return PatientQuery(
        identifiers=tuple(
            identifier_in(each, f"{path}[{n}]", faults) for n, each in enumerate(given.identifiers[:MAX_IDENTIFIERS])
        ),
        demographics=demographics_in(given.demographics, "patient.demographics", faults),
    )


def chart_out(
    answer: ChartAnswer, asker: Asker, prompt_id: str, coverage: Coverage, source: str, *, include_not_reusable: bool
) -> bytes:
    """The prompt: an OpenChartResponse on the wire."""
    out = reuse_service_pb2.OpenChartResponse(
        prompt_id=prompt_id,
        outcome=OUTCOMES[answer.outcome],
        rules_version=asker.book.version,
        not_reusable_count=len(answer.prompted.not_reusable),
        other_result_count=answer.prompted.others,
        withheld_count=answer.passed.count,
    )
    stamp(out.judged_at, answer.kept.at)
    coverage_out(out.coverage.add(), coverage, source)
    sealed = SealedReports(asker)

    def entry(judged: Judged) -> bytes:
        row = answer.rows[judged.report.report_id]
        found = result_bytes(judged, row, sealed)
        if answer.traces:
            told = report_pb2.ResultEntry()
            trace_out(told, answer.traces.get(place(judged), ()))
            found += told.SerializeToString()
        return found

    parts = [out.SerializeToString()]
    for line in answer.prompted.lines:
        written = field(_RESULT, entry(line.best))
        for newer in line.newer:
            told = report_pb2.NewerResult()
            newer_out(told, newer, answer.rows[newer.report.report_id], asker, sealed)
            written += field(_NEWER, told.SerializeToString())
        parts.append(field(_LINES, written))
    if include_not_reusable:
        parts += [field(_NOT_REUSABLE, entry(judged)) for judged in answer.prompted.not_reusable[:MAX_NOT_REUSABLE]]
    return b"".join(parts)


def list_out(
    answer: ReportList, asker: Asker, coverage: Coverage, source: str
) -> reuse_service_pb2.ListReportsResponse:
    """A page of reports."""
    out = reuse_service_pb2.ListReportsResponse(
        next_page_token=answer.next_page_token, outcome=OUTCOMES[answer.outcome]
    )
    sealed = SealedReports(asker)
    for row, results in answer.page:
        _report(out.reports.add(), row, results, asker, sealed)
    coverage_out(out.coverage.add(), coverage, source)
    return out


def report_out(answer: WholeReport, asker: Asker) -> reuse_service_pb2.GetReportResponse:
    """One report whole."""
    out = reuse_service_pb2.GetReportResponse(document=answer.document)
    out.MergeFromString(answer.images)
    stamp(out.received_at, answer.row.received)
    _report(out.entry, answer.row, answer.results, asker, SealedReports(asker))
    return out


def coverage_out(target: reuse_service_pb2.SourceCoverage, coverage: Coverage, source: str) -> None:
    """This registry as a source: it answered, and these feeds are behind."""
    target.source, target.answer = source, reuse_service_pb2.SOURCE_ANSWER_COMPLETE
    target.feeds_behind_count = coverage.count
    for behind in coverage.behind:
        feed = target.feeds_behind.add()
        name_institution(feed.institution, behind.institution)
        stamp(feed.last_received_at, behind.last_received)


def result_out(
    target: report_pb2.ResultEntry, judged: Judged, row: StoredReport, asker: Asker, sealed: SealedReports
) -> None:
    """One result with its verdict."""
    del asker  # `sealed` is for the same one
    target.MergeFromString(result_bytes(judged, row, sealed))


def newer_out(
    target: report_pb2.NewerResult, judged: Judged, row: StoredReport, asker: Asker, sealed: SealedReports
) -> None:
    """That a newer result exists, and why it cannot be reused."""
    stamp(target.taken_at, judged.time)
    institution_ref(target.issuer, row.institution, asker.book)
    target.reasons.extend(REASONS[reason] for reason in judged.verdict.reasons)
    detail = report_pb2.ResultDetail.FromString(row.details[judged.result.ordinal])
    target.critical = critical(judged, detail.interpretation, asker.book)
    target.report_id = sealed.of(row)
    target.status = judged.result.status


def critical(judged: Judged, flags: Iterable[str], book: RuleBook) -> bool:
    """Whether the source flagged it critical, or the region's rules call its flag critical."""
    return bool(judged.result.flags & _CRITICAL) or not frozenset(book.policy.critical_flags).isdisjoint(flags)


def _report(
    target: report_pb2.ReportEntry, row: StoredReport, results: Iterable[Judged], asker: Asker, sealed: SealedReports
) -> None:
    target.MergeFromString(row.header)
    target.report_id = sealed.of(row)
    institution_ref(target.issuer, row.institution, asker.book)
    target.status, target.version, target.withdrawn = row.status, row.version, row.withdrawn
    stamp(target.taken_at, row.effective)
    stamp(target.issued_at, row.issued)
    if row.withdrawn:
        # What it said of the patient is taken back; that it existed is not.
        target.conclusion = ""
        target.has_attachments = False
        return
    if row.partly_withheld:
        # These speak of all results, and so of those that are withheld.
        target.conclusion = ""
        target.has_attachments = False
    else:
        target.has_images = row.has_images
    for judged in results:
        result_out(target.results.add(), judged, row, asker, sealed)
