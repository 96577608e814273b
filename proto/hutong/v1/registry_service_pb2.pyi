import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from hutong.v1 import error_reason_pb2 as _error_reason_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FhirRelease(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FHIR_RELEASE_UNSPECIFIED: _ClassVar[FhirRelease]
    FHIR_RELEASE_R4: _ClassVar[FhirRelease]
    FHIR_RELEASE_R4B: _ClassVar[FhirRelease]
    FHIR_RELEASE_R5: _ClassVar[FhirRelease]

class PublishOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PUBLISH_OUTCOME_UNSPECIFIED: _ClassVar[PublishOutcome]
    PUBLISH_OUTCOME_ACCEPTED: _ClassVar[PublishOutcome]
    PUBLISH_OUTCOME_ACCEPTED_WITH_WARNINGS: _ClassVar[PublishOutcome]
    PUBLISH_OUTCOME_HELD: _ClassVar[PublishOutcome]
    PUBLISH_OUTCOME_REJECTED: _ClassVar[PublishOutcome]

class IssueSeverity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ISSUE_SEVERITY_UNSPECIFIED: _ClassVar[IssueSeverity]
    ISSUE_SEVERITY_ERROR: _ClassVar[IssueSeverity]
    ISSUE_SEVERITY_WARNING: _ClassVar[IssueSeverity]
FHIR_RELEASE_UNSPECIFIED: FhirRelease
FHIR_RELEASE_R4: FhirRelease
FHIR_RELEASE_R4B: FhirRelease
FHIR_RELEASE_R5: FhirRelease
PUBLISH_OUTCOME_UNSPECIFIED: PublishOutcome
PUBLISH_OUTCOME_ACCEPTED: PublishOutcome
PUBLISH_OUTCOME_ACCEPTED_WITH_WARNINGS: PublishOutcome
PUBLISH_OUTCOME_HELD: PublishOutcome
PUBLISH_OUTCOME_REJECTED: PublishOutcome
ISSUE_SEVERITY_UNSPECIFIED: IssueSeverity
ISSUE_SEVERITY_ERROR: IssueSeverity
ISSUE_SEVERITY_WARNING: IssueSeverity

class Issue(_message.Message):
    __slots__ = ("severity", "reason", "path", "message")
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    severity: IssueSeverity
    reason: _error_reason_pb2.ErrorReason
    path: str
    message: str
    def __init__(self, severity: _Optional[_Union[IssueSeverity, str]] = ..., reason: _Optional[_Union[_error_reason_pb2.ErrorReason, str]] = ..., path: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class PublishResult(_message.Message):
    __slots__ = ("outcome", "report_id", "version", "current", "unchanged", "results", "unreadable", "issues", "path", "identity_system")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REPORT_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    UNREADABLE_FIELD_NUMBER: _ClassVar[int]
    ISSUES_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_SYSTEM_FIELD_NUMBER: _ClassVar[int]
    outcome: PublishOutcome
    report_id: str
    version: int
    current: bool
    unchanged: bool
    results: int
    unreadable: int
    issues: _containers.RepeatedCompositeFieldContainer[Issue]
    path: str
    identity_system: str
    def __init__(self, outcome: _Optional[_Union[PublishOutcome, str]] = ..., report_id: _Optional[str] = ..., version: _Optional[int] = ..., current: _Optional[bool] = ..., unchanged: _Optional[bool] = ..., results: _Optional[int] = ..., unreadable: _Optional[int] = ..., issues: _Optional[_Iterable[_Union[Issue, _Mapping]]] = ..., path: _Optional[str] = ..., identity_system: _Optional[str] = ...) -> None: ...

class PublishReportRequest(_message.Message):
    __slots__ = ("document", "release", "validate_only")
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    document: bytes
    release: FhirRelease
    validate_only: bool
    def __init__(self, document: _Optional[bytes] = ..., release: _Optional[_Union[FhirRelease, str]] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class PublishReportResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[PublishResult]
    def __init__(self, results: _Optional[_Iterable[_Union[PublishResult, _Mapping]]] = ...) -> None: ...

class PublishReportsRequest(_message.Message):
    __slots__ = ("feed", "position", "report")
    FEED_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    feed: str
    position: str
    report: PublishReportRequest
    def __init__(self, feed: _Optional[str] = ..., position: _Optional[str] = ..., report: _Optional[_Union[PublishReportRequest, _Mapping]] = ...) -> None: ...

class PublishReportsResponse(_message.Message):
    __slots__ = ("position", "results", "issues")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    ISSUES_FIELD_NUMBER: _ClassVar[int]
    position: str
    results: _containers.RepeatedCompositeFieldContainer[PublishResult]
    issues: _containers.RepeatedCompositeFieldContainer[Issue]
    def __init__(self, position: _Optional[str] = ..., results: _Optional[_Iterable[_Union[PublishResult, _Mapping]]] = ..., issues: _Optional[_Iterable[_Union[Issue, _Mapping]]] = ...) -> None: ...

class GetFeedStatusRequest(_message.Message):
    __slots__ = ("feed",)
    FEED_FIELD_NUMBER: _ClassVar[int]
    feed: str
    def __init__(self, feed: _Optional[str] = ...) -> None: ...

class GetFeedStatusResponse(_message.Message):
    __slots__ = ("position", "last_received_at")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    LAST_RECEIVED_AT_FIELD_NUMBER: _ClassVar[int]
    position: str
    last_received_at: _timestamp_pb2.Timestamp
    def __init__(self, position: _Optional[str] = ..., last_received_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
