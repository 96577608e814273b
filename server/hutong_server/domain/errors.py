"""The errors of the registry: a reason, a public text, and the paths at fault.

A reason is the name of a value of hutong.v1.ErrorReason without its prefix; api/status.py maps each to a gRPC status,
and a test proves both tables total. Public texts hold no patient data.
"""

from enum import StrEnum

from hutong_server.domain.report import Issue


class Reason(StrEnum):
    """Why a call, or one report of a call, was refused. Mirrors hutong.v1.ErrorReason."""

    CERTIFICATE_IDENTITY_INVALID = "CERTIFICATE_IDENTITY_INVALID"
    ROLE_NOT_ALLOWED = "ROLE_NOT_ALLOWED"
    INSTITUTION_UNKNOWN = "INSTITUTION_UNKNOWN"
    INSTITUTION_SUSPENDED = "INSTITUTION_SUSPENDED"
    REQUEST_INVALID = "REQUEST_INVALID"
    NOT_JSON = "NOT_JSON"
    NOT_A_REPORT = "NOT_A_REPORT"
    FHIR_INVALID = "FHIR_INVALID"
    RELEASE_MISMATCH = "RELEASE_MISMATCH"
    FIELD_MISSING = "FIELD_MISSING"
    PATIENT_AMBIGUOUS = "PATIENT_AMBIGUOUS"
    PATIENT_IDENTIFIER_MISSING = "PATIENT_IDENTIFIER_MISSING"
    PATIENT_IDENTIFIER_INVALID = "PATIENT_IDENTIFIER_INVALID"
    TIME_IN_FUTURE = "TIME_IN_FUTURE"
    TIME_INVALID = "TIME_INVALID"
    TOO_LARGE = "TOO_LARGE"
    TOO_DEEP = "TOO_DEEP"
    NOT_THE_ISSUER = "NOT_THE_ISSUER"
    REPORT_NOT_FOUND = "REPORT_NOT_FOUND"
    NOT_FOUND = "NOT_FOUND"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    STATE_CONFLICT = "STATE_CONFLICT"
    CATALOG_INVALID = "CATALOG_INVALID"
    DEADLINE_TOO_SHORT = "DEADLINE_TOO_SHORT"
    OVERLOADED = "OVERLOADED"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    INTERNAL = "INTERNAL"
    PAGE_TOKEN_INVALID = "PAGE_TOKEN_INVALID"  # noqa: S105  a reason, not a secret
    FIELD_RECOMMENDED = "FIELD_RECOMMENDED"
    RESULT_UNREADABLE = "RESULT_UNREADABLE"
    REFERENCE_UNRESOLVED = "REFERENCE_UNRESOLVED"
    PATIENT_IN_DOUBT = "PATIENT_IN_DOUBT"
    METHOD_UNKNOWN = "METHOD_UNKNOWN"
    IDENTITY_DISPUTED = "IDENTITY_DISPUTED"
    CERTIFICATE_REVOKED = "CERTIFICATE_REVOKED"
    ENROLLMENT_REFUSED = "ENROLLMENT_REFUSED"
    AUTHORIZATION_MISSING = "AUTHORIZATION_MISSING"
    RATE_LIMITED = "RATE_LIMITED"


class HutongError(Exception):
    """A refusal that a caller may read.

    `message` is public: no patient data. `issues` name the fields at fault (their paths become BadRequest fields).
    `retry_after`: seconds after which the same call may succeed; 0 where waiting changes nothing, or is not known.
    """

    def __init__(
        self, reason: Reason, message: str, issues: tuple[Issue, ...] = (), *, retry_after: float = 0.0
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.reason = reason
        self.message = message
        self.issues = issues

    def __reduce__(self) -> tuple[type["HutongError"], tuple[Reason, str, tuple[Issue, ...]]]:
        """Passes from one process to another whole."""
        return type(self), (self.reason, self.message, self.issues)
