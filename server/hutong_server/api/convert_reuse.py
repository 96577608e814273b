"""Questions about a patient and their answers, between proto and domain."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from hutong.v1 import report_pb2, reuse_service_pb2

from hutong_server.api.convert import (
    MAX_IDENTIFIERS,
    REASONS,
    Faults,
    demographics_in,
    identifier_in,
    institution_ref,
    item_ref,
    name_institution,
    numbers,
    stamp,
)
from hutong_server.api.convert_trace import trace_out
from hutong_server.domain.errors import Reason
from hutong_server.domain.explanation import place
from hutong_server.domain.prompt import Judged
from hutong_server.domain.report import ResultFlag
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import Ids, StoredReport
from hutong_server.usecases.asking import Context, Outcome, PatientQuery
from hutong_server.usecases.feeds import Coverage
from hutong_server.usecases.get_report import REPORT_ID, WholeReport
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


class Asker(NamedTuple):
    """For whom an answer is written: ids are sealed for this institution."""

    institution: str
    book: RuleBook
    ids: Ids


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
) -> reuse_service_pb2.OpenChartResponse:
    """The prompt."""
    out = reuse_service_pb2.OpenChartResponse(
        prompt_id=prompt_id,
        outcome=OUTCOMES[answer.outcome],
        rules_version=asker.book.version,
        not_reusable_count=len(answer.prompted.not_reusable),
        other_result_count=answer.prompted.others,
        withheld_count=answer.passed.count,
    )
    stamp(out.judged_at, answer.kept.at)
    sealed = SealedReports(asker)
    for line in answer.prompted.lines:
        added = out.lines.add()
        result_out(added.result, line.best, answer.rows[line.best.report.report_id], asker, sealed)
        trace_out(added.result, answer.traces.get(place(line.best), ()))
        for newer in line.newer:
            newer_out(added.newer.add(), newer, answer.rows[newer.report.report_id], asker, sealed)
    if include_not_reusable:
        for judged in answer.prompted.not_reusable[:MAX_NOT_REUSABLE]:
            entry = out.not_reusable.add()
            result_out(entry, judged, answer.rows[judged.report.report_id], asker, sealed)
            trace_out(entry, answer.traces.get(place(judged), ()))
    coverage_out(out.coverage.add(), coverage, source)
    return out


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


class SealedReports:
    """Ids of reports for one asker, each sealed once in an answer."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._done: dict[bytes, str] = {}

    def of(self, row: StoredReport) -> str:
        """The id of a report."""
        known = self._done.get(row.report_id)
        if known is None:
            known = self._asker.ids.seal(REPORT_ID, self._asker.institution, (row.patient_key, row.report_id))
            self._done[row.report_id] = known
        return known


def result_out(
    target: report_pb2.ResultEntry, judged: Judged, row: StoredReport, asker: Asker, sealed: SealedReports
) -> None:
    """One result with its verdict."""
    _, result, verdict, time = judged
    target.report_id = sealed.of(row)
    target.result_index = result.ordinal
    target.status = result.status
    institution_ref(target.issuer, row.institution, asker.book)
    if verdict.item is not None:
        item_ref(target.item, verdict.item)
    stamp(target.taken_at, time)
    target.taken_at_is_issue_time = judged.time_is_issue
    detail = row.details[result.ordinal]
    # Copied as it was stored: no field of it is looked at.
    if detail:
        target.detail.MergeFromString(detail)
    target.critical = critical(judged, target.detail.interpretation, asker.book)
    target.reusable = verdict.reusable
    if verdict.reusable:
        stamp(target.valid_until, verdict.until)
        target.mark = verdict.mark
    else:
        target.reasons.extend(REASONS[reason] for reason in verdict.reasons)


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
