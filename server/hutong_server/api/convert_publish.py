"""Publishing between proto and domain."""

from collections.abc import Iterable
from typing import Final

from hutong.v1 import error_reason_pb2, registry_service_pb2

from hutong_server.api.convert import Faults, numbers
from hutong_server.domain.caller import Caller
from hutong_server.domain.errors import Reason
from hutong_server.domain.report import Issue, Severity
from hutong_server.store.base import Ids
from hutong_server.usecases.get_report import PUBLISHED_ID
from hutong_server.usecases.publish import Outcome, Published

OUTCOMES: Final = numbers(Outcome, registry_service_pb2.PublishOutcome, "PUBLISH_OUTCOME")
SEVERITIES: Final = numbers(Severity, registry_service_pb2.IssueSeverity, "ISSUE_SEVERITY")
REASONS: Final = numbers(Reason, error_reason_pb2.ErrorReason, "ERROR_REASON")
RELEASES: Final = {
    registry_service_pb2.FHIR_RELEASE_UNSPECIFIED: "",
    registry_service_pb2.FHIR_RELEASE_R4: "R4",
    registry_service_pb2.FHIR_RELEASE_R4B: "R4B",
    registry_service_pb2.FHIR_RELEASE_R5: "R5",
}
MAX_FEED: Final = 64
MAX_POSITION: Final = 256
MAX_ISSUES: Final = 1000
"""Per report; a document with more faults than these is not helped by more."""


def release_in(given: registry_service_pb2.PublishReportRequest) -> str:
    """The release named, "" for none. Raises HutongError for a request without document or with an unknown release."""
    faults = Faults()
    if not given.document:
        faults.add("document", "is required")
    if given.release not in RELEASES:
        faults.add("release", "is not a known value")
    faults.check()
    return RELEASES[given.release]


def feed_in(feed: str, path: str = "feed") -> str:
    """The name of a feed. Raises HutongError."""
    faults = Faults()
    faults.text(path, feed, longest=MAX_FEED)
    faults.check()
    return feed


def position_in(position: str) -> str:
    """The caller's position of a document. Raises HutongError."""
    faults = Faults()
    faults.text("position", position, longest=MAX_POSITION)
    faults.check()
    return position


def results_out(target: Iterable[Published], caller: Caller, ids: Ids) -> Iterable[registry_service_pb2.PublishResult]:
    """What became of each report, in the order of the document."""
    for each in target:
        yield registry_service_pb2.PublishResult(
            outcome=OUTCOMES[each.outcome],
            report_id=ids.seal(PUBLISHED_ID, caller.institution, (each.patient_key, each.report_id))
            if each.report_id
            else "",
            version=each.version,
            current=each.current,
            unchanged=each.unchanged,
            results=each.results,
            unreadable=each.unreadable,
            issues=issues_out(each.issues),
            path=each.path,
            identity_system=each.identity_system,
        )


def issues_out(issues: Iterable[Issue]) -> Iterable[registry_service_pb2.Issue]:
    """Faults as the answer lists them."""
    for number, issue in enumerate(issues):
        if number == MAX_ISSUES:
            return
        yield registry_service_pb2.Issue(
            severity=SEVERITIES[issue.severity],
            reason=REASONS[Reason(issue.reason)],
            path=issue.path,
            message=issue.message,
        )
