"""What can go wrong with a call, as types to catch and reasons to switch on. Never switch on the text.

A registry gives each error one reason of hutong.v1.ErrorReason. When no registry answered (connection refused, deadline
passed on the way) the reason is the name of the gRPC status code, e.g. "UNAVAILABLE".
"""

from collections.abc import Iterable
from dataclasses import dataclass

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

_DETAILS_KEY = "grpc-status-details-bin"


@dataclass(frozen=True, slots=True)
class Violation:
    """One fault of a request."""

    path: str
    """Path of the field, or `file:line:column` for catalogue files."""
    description: str
    """What is wrong, without the value."""
    reason: str = ""
    """Reason of this fault, when it has one of its own."""


class HutongCallError(Exception):
    """A call that did not succeed. Its text is public: it holds no patient data."""

    def __init__(
        self,
        reason: str,
        code: grpc.StatusCode,
        message: str,
        violations: Iterable[Violation] = (),
        request_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        """Name of an ErrorReason without its prefix, or of a gRPC status code when no registry gave a reason."""
        self.code = code
        """gRPC status code."""
        self.message = message
        """Public text, in English."""
        self.violations = tuple(violations)
        """Fields at fault."""
        self.request_id = request_id
        """The registry's log holds the call under this id; empty when no registry answered."""
        self.retry_after = retry_after
        """Seconds after which the registry asks to be called again, when it says so."""


class Unauthenticated(HutongCallError):
    """The certificate's identity is not one of this registry."""


class PermissionDenied(HutongCallError):
    """Role, institution or agreement does not allow the call."""


class InvalidRequest(HutongCallError):
    """The request or the document is at fault; `violations` names where. Sending it again will not help."""


class TooLarge(InvalidRequest):
    """The document is larger than the registry takes."""


class CatalogInvalid(InvalidRequest):
    """Catalogue files hold errors; each violation's path is `file:line:column`."""


class NotFound(HutongCallError):
    """No such report or thing for this caller."""


class AlreadyExists(HutongCallError):
    """The thing to be added exists with other content."""


class StateConflict(HutongCallError):
    """The state does not allow it, e.g. a step that was undone already."""


class Unavailable(HutongCallError):
    """Nothing was answered, and nothing is wrong with the call: it may be tried again.

    Itself when the registry says that its database is away, when nobody is there to enrol at, and when this client
    was closed; else an Overloaded.
    """


class DeadlineExceeded(HutongCallError):
    """The deadline passed, or was too short to answer safely. A publish may have been kept: send it again."""


class Overloaded(Unavailable):
    """The registry sheds load, cut the call or cannot be reached; try again after `retry_after`, or a growing pause.

    A registry or a balancer that has too much to do refuses connections and cuts calls before it can say why
    (UNAVAILABLE and CANCELLED without a reason): seen from here that is one thing, and asks for the same patience.
    """


class MethodUnknown(HutongCallError):
    """The registry is older than this client."""


class RegistryFault(HutongCallError):
    """A fault inside the registry; its log holds it under `request_id`."""


BY_REASON: dict[str, type[HutongCallError]] = {
    "CERTIFICATE_IDENTITY_INVALID": Unauthenticated,
    "ROLE_NOT_ALLOWED": PermissionDenied,
    "INSTITUTION_UNKNOWN": PermissionDenied,
    "INSTITUTION_SUSPENDED": PermissionDenied,
    "NOT_THE_ISSUER": PermissionDenied,
    "TOO_LARGE": TooLarge,
    "CATALOG_INVALID": CatalogInvalid,
    "REPORT_NOT_FOUND": NotFound,
    "NOT_FOUND": NotFound,
    "ALREADY_EXISTS": AlreadyExists,
    "STATE_CONFLICT": StateConflict,
    "DEADLINE_TOO_SHORT": DeadlineExceeded,
    "OVERLOADED": Overloaded,
    "STORE_UNAVAILABLE": Unavailable,
    "INTERNAL": RegistryFault,
    "METHOD_UNKNOWN": MethodUnknown,
}
"""Types of the reasons that do not follow from the status code alone."""

BY_CODE: dict[grpc.StatusCode, type[HutongCallError]] = {
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.OUT_OF_RANGE: InvalidRequest,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExists,
    grpc.StatusCode.FAILED_PRECONDITION: StateConflict,
    grpc.StatusCode.ABORTED: StateConflict,
    # What this client did not bring about itself: calls of a closed client never come here (see calls.py).
    grpc.StatusCode.UNAVAILABLE: Overloaded,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Overloaded,
    grpc.StatusCode.CANCELLED: Overloaded,
    grpc.StatusCode.UNIMPLEMENTED: MethodUnknown,
    grpc.StatusCode.INTERNAL: RegistryFault,
    grpc.StatusCode.UNKNOWN: RegistryFault,
    grpc.StatusCode.DATA_LOSS: RegistryFault,
}
"""Types of errors for which no registry gave a reason."""


def call_error(error: grpc.aio.AioRpcError) -> HutongCallError:
    """The typed error of a failed call."""
    code = error.code()
    text = error.details() or ""
    status = _rich_status(error)
    info, faults, retry = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.BadRequest(),
        error_details_pb2.RetryInfo(),
    )
    for detail in status.details:
        for kind in (info, faults, retry):
            _unpack(detail, kind)
    reason = info.reason
    if not reason:
        # gRPC itself refuses a message above the limit, without a reason.
        too_large = code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in text
        # A write on a connection that has just broken: grpc.aio calls it INTERNAL, on this side of the wire.
        if code is grpc.StatusCode.INTERNAL and text == "Internal error from Core":
            code = grpc.StatusCode.UNAVAILABLE
        reason = "TOO_LARGE" if too_large else code.name
    return BY_REASON.get(reason, BY_CODE.get(code, HutongCallError))(
        reason,
        code,
        status.message or text,
        [Violation(fault.field, fault.description, fault.reason) for fault in faults.field_violations],
        info.metadata.get("request_id", ""),
        retry.retry_delay.ToMilliseconds() / 1000 if retry.HasField("retry_delay") else None,
    )


def _rich_status(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS_KEY and isinstance(value, bytes):
            try:
                return status_pb2.Status.FromString(value)
            except DecodeError:
                break
    return status_pb2.Status()


def _unpack(detail: object, into: Message) -> None:
    try:
        detail.Unpack(into)  # type: ignore[attr-defined]  # google.protobuf.Any, by its well-known methods
    except DecodeError:
        into.Clear()
