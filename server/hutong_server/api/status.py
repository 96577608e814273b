"""The one error table: reason → gRPC status and public text. Nothing else decides what a caller is told."""

import math
from typing import Any, NamedTuple

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.report import Issue, Severity

DOMAIN = "hutong"
RETRY_SECONDS = 1.0
"""When a caller that was shed may come again, unless the refusal knows better."""
_SHED = frozenset({Reason.OVERLOADED, Reason.RATE_LIMITED})
MAX_VIOLATIONS = 200
"""Details travel in a trailer, whose size HTTP/2 peers limit; the text says when more were found."""
MAX_DETAIL_BYTES = 6000
"""A client refuses trailers above 8 kB by default and would see no reason at all."""


class Refusal(NamedTuple):
    """How a reason leaves the registry."""

    code: grpc.StatusCode
    text: str
    """Public text for errors that bring none of their own."""


_INVALID = grpc.StatusCode.INVALID_ARGUMENT
_DENIED = grpc.StatusCode.PERMISSION_DENIED

ERRORS: dict[Reason, Refusal] = {
    Reason.CERTIFICATE_IDENTITY_INVALID: Refusal(
        grpc.StatusCode.UNAUTHENTICATED, "The certificate's identity is not one SPIFFE URI of this registry."
    ),
    Reason.ROLE_NOT_ALLOWED: Refusal(_DENIED, "The role of the certificate may not call this method."),
    Reason.INSTITUTION_UNKNOWN: Refusal(_DENIED, "The certificate's institution is not registered."),
    Reason.INSTITUTION_SUSPENDED: Refusal(_DENIED, "The institution's access is suspended."),
    Reason.REQUEST_INVALID: Refusal(_INVALID, "A field of the request is missing or malformed."),
    Reason.NOT_JSON: Refusal(_INVALID, "The document is not JSON."),
    Reason.NOT_A_REPORT: Refusal(_INVALID, "The document is not a DiagnosticReport or a Bundle that holds one."),
    Reason.FHIR_INVALID: Refusal(_INVALID, "The report is not valid FHIR."),
    Reason.RELEASE_MISMATCH: Refusal(_INVALID, "The document is of another FHIR release than named."),
    Reason.FIELD_MISSING: Refusal(_INVALID, "A required field is missing."),
    Reason.PATIENT_AMBIGUOUS: Refusal(_INVALID, "The report names two different patients."),
    Reason.PATIENT_IDENTIFIER_MISSING: Refusal(_INVALID, "The patient has no identifier."),
    Reason.PATIENT_IDENTIFIER_INVALID: Refusal(_INVALID, "An identifier fails its check."),
    Reason.TIME_IN_FUTURE: Refusal(_INVALID, "A time lies further ahead than the registry allows."),
    Reason.TIME_INVALID: Refusal(_INVALID, "A time is not a time, or lies before 1900."),
    Reason.TOO_LARGE: Refusal(_INVALID, "The document is too large."),
    Reason.TOO_DEEP: Refusal(_INVALID, "The document is nested too deep."),
    Reason.NOT_THE_ISSUER: Refusal(_DENIED, "The performer is another institution and no agreement covers it."),
    Reason.REPORT_NOT_FOUND: Refusal(grpc.StatusCode.NOT_FOUND, "There is no such report for this caller."),
    Reason.NOT_FOUND: Refusal(grpc.StatusCode.NOT_FOUND, "There is no such thing in the registry."),
    Reason.ALREADY_EXISTS: Refusal(grpc.StatusCode.ALREADY_EXISTS, "It exists with other content."),
    Reason.STATE_CONFLICT: Refusal(grpc.StatusCode.FAILED_PRECONDITION, "The state does not allow it."),
    Reason.CATALOG_INVALID: Refusal(_INVALID, "The catalogue files hold errors."),
    Reason.DEADLINE_TOO_SHORT: Refusal(
        grpc.StatusCode.DEADLINE_EXCEEDED, "The deadline leaves no time to answer safely."
    ),
    Reason.OVERLOADED: Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "The registry sheds load; come again."),
    Reason.STORE_UNAVAILABLE: Refusal(grpc.StatusCode.UNAVAILABLE, "The registry cannot answer now; nothing was done."),
    Reason.INTERNAL: Refusal(grpc.StatusCode.INTERNAL, "A fault of the registry; its log has it under the request id."),
    Reason.PAGE_TOKEN_INVALID: Refusal(_INVALID, "The page token is not one of this list."),
    # Warnings and holds: they stand in answers; as a call's own error they are faults of the content.
    Reason.FIELD_RECOMMENDED: Refusal(_INVALID, "A recommended field is missing or cannot be used."),
    Reason.RESULT_UNREADABLE: Refusal(_INVALID, "A result could not be read."),
    Reason.REFERENCE_UNRESOLVED: Refusal(_INVALID, "A reference leads nowhere."),
    Reason.PATIENT_IN_DOUBT: Refusal(grpc.StatusCode.FAILED_PRECONDITION, "It is not certain who the patient is."),
    Reason.METHOD_UNKNOWN: Refusal(grpc.StatusCode.UNIMPLEMENTED, "There is no such method."),
    Reason.IDENTITY_DISPUTED: Refusal(_INVALID, "Different documents claim one derived identity."),
    Reason.CERTIFICATE_REVOKED: Refusal(_DENIED, "The certificate was revoked."),
    Reason.ENROLLMENT_REFUSED: Refusal(_DENIED, "The enrolment is refused."),
    Reason.AUTHORIZATION_MISSING: Refusal(
        grpc.StatusCode.FAILED_PRECONDITION, "The region asks for the patient's authorisation at the visit."
    ),
    Reason.RATE_LIMITED: Refusal(
        grpc.StatusCode.RESOURCE_EXHAUSTED, "The institution calls more often than it may; come again."
    ),
}


def refusal(reason: Reason | str, retry_after: float = 0.0) -> HutongError:
    """The error of a reason with its public text. `retry_after`: see HutongError."""
    known = Reason(reason)
    return HutongError(known, ERRORS[known].text, retry_after=retry_after)


def of_issues(issues: tuple[Issue, ...]) -> HutongError:
    """The error of a document of which every report was refused: the first fault leads, all are listed."""
    faults = tuple(issue for issue in issues if issue.severity is Severity.ERROR) or issues
    first = Reason(faults[0].reason) if faults else Reason.NOT_A_REPORT
    return HutongError(first, ERRORS[first].text, faults)


def to_status(error: HutongError, request_id: str) -> grpc.Status:
    """The gRPC status of an error, with ErrorInfo, BadRequest for its paths and RetryInfo for shed load."""
    code, text = ERRORS[error.reason]
    details: list[Message] = [
        error_details_pb2.ErrorInfo(reason=error.reason.value, domain=DOMAIN, metadata={"request_id": request_id})
    ]
    message = error.message or text
    if error.issues:
        violations, left_out = _violations(error.issues)
        details.append(error_details_pb2.BadRequest(field_violations=violations))
        if left_out:
            message = f"{message} ({left_out} more faults are not listed.)"
    if error.retry_after > 0 or error.reason in _SHED:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(math.ceil(1000 * (error.retry_after or RETRY_SECONDS)))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    packed = []
    for detail in details:
        packed.append(any_pb2.Any())
        packed[-1].Pack(detail)
    number: Any = code.value[0]  # the stubs want their own class of it
    return rpc_status.to_status(  # type: ignore[no-any-return]  # untyped library
        status_pb2.Status(code=number, message=message, details=packed)
    )


def _violations(issues: tuple[Issue, ...]) -> tuple[list[error_details_pb2.BadRequest.FieldViolation], int]:
    listed: list[error_details_pb2.BadRequest.FieldViolation] = []
    size = 0
    for issue in issues[:MAX_VIOLATIONS]:
        one = error_details_pb2.BadRequest.FieldViolation(
            field=issue.path, description=issue.message, reason=issue.reason
        )
        size += one.ByteSize()
        if size > MAX_DETAIL_BYTES and listed:
            break
        listed.append(one)
    return listed, len(issues) - len(listed)
