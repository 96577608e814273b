import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from hutong.v1 import certificate_service_pb2 as _certificate_service_pb2
from hutong.v1 import report_pb2 as _report_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class InstitutionState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INSTITUTION_STATE_UNSPECIFIED: _ClassVar[InstitutionState]
    INSTITUTION_STATE_ACTIVE: _ClassVar[InstitutionState]
    INSTITUTION_STATE_ACCESS_SUSPENDED: _ClassVar[InstitutionState]

class SuspensionScope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SUSPENSION_SCOPE_UNSPECIFIED: _ClassVar[SuspensionScope]
    SUSPENSION_SCOPE_ACCESS: _ClassVar[SuspensionScope]
    SUSPENSION_SCOPE_QUALITY: _ClassVar[SuspensionScope]

class ChangeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHANGE_KIND_UNSPECIFIED: _ClassVar[ChangeKind]
    CHANGE_KIND_ADDED: _ClassVar[ChangeKind]
    CHANGE_KIND_REMOVED: _ClassVar[ChangeKind]
    CHANGE_KIND_CHANGED: _ClassVar[ChangeKind]

class CatalogVersionState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CATALOG_VERSION_STATE_UNSPECIFIED: _ClassVar[CatalogVersionState]
    CATALOG_VERSION_STATE_PENDING: _ClassVar[CatalogVersionState]
    CATALOG_VERSION_STATE_IN_FORCE: _ClassVar[CatalogVersionState]
    CATALOG_VERSION_STATE_FORMER: _ClassVar[CatalogVersionState]
    CATALOG_VERSION_STATE_CANCELLED: _ClassVar[CatalogVersionState]
    CATALOG_VERSION_STATE_FAILED: _ClassVar[CatalogVersionState]
INSTITUTION_STATE_UNSPECIFIED: InstitutionState
INSTITUTION_STATE_ACTIVE: InstitutionState
INSTITUTION_STATE_ACCESS_SUSPENDED: InstitutionState
SUSPENSION_SCOPE_UNSPECIFIED: SuspensionScope
SUSPENSION_SCOPE_ACCESS: SuspensionScope
SUSPENSION_SCOPE_QUALITY: SuspensionScope
CHANGE_KIND_UNSPECIFIED: ChangeKind
CHANGE_KIND_ADDED: ChangeKind
CHANGE_KIND_REMOVED: ChangeKind
CHANGE_KIND_CHANGED: ChangeKind
CATALOG_VERSION_STATE_UNSPECIFIED: CatalogVersionState
CATALOG_VERSION_STATE_PENDING: CatalogVersionState
CATALOG_VERSION_STATE_IN_FORCE: CatalogVersionState
CATALOG_VERSION_STATE_FORMER: CatalogVersionState
CATALOG_VERSION_STATE_CANCELLED: CatalogVersionState
CATALOG_VERSION_STATE_FAILED: CatalogVersionState

class Institution(_message.Message):
    __slots__ = ("code", "name", "tier", "region", "alliances", "feed_interval_hours", "state", "quality_suspended_since", "last_received_at", "reports", "held", "feed_behind", "feed_not_resumed")
    CODE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    ALLIANCES_FIELD_NUMBER: _ClassVar[int]
    FEED_INTERVAL_HOURS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    QUALITY_SUSPENDED_SINCE_FIELD_NUMBER: _ClassVar[int]
    LAST_RECEIVED_AT_FIELD_NUMBER: _ClassVar[int]
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    FEED_BEHIND_FIELD_NUMBER: _ClassVar[int]
    FEED_NOT_RESUMED_FIELD_NUMBER: _ClassVar[int]
    code: str
    name: str
    tier: _report_pb2.Tier
    region: str
    alliances: _containers.RepeatedScalarFieldContainer[str]
    feed_interval_hours: int
    state: InstitutionState
    quality_suspended_since: _timestamp_pb2.Timestamp
    last_received_at: _timestamp_pb2.Timestamp
    reports: int
    held: int
    feed_behind: bool
    feed_not_resumed: bool
    def __init__(self, code: _Optional[str] = ..., name: _Optional[str] = ..., tier: _Optional[_Union[_report_pb2.Tier, str]] = ..., region: _Optional[str] = ..., alliances: _Optional[_Iterable[str]] = ..., feed_interval_hours: _Optional[int] = ..., state: _Optional[_Union[InstitutionState, str]] = ..., quality_suspended_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_received_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reports: _Optional[int] = ..., held: _Optional[int] = ..., feed_behind: _Optional[bool] = ..., feed_not_resumed: _Optional[bool] = ...) -> None: ...

class PutInstitutionRequest(_message.Message):
    __slots__ = ("institution", "update")
    INSTITUTION_FIELD_NUMBER: _ClassVar[int]
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    institution: Institution
    update: bool
    def __init__(self, institution: _Optional[_Union[Institution, _Mapping]] = ..., update: _Optional[bool] = ...) -> None: ...

class PutInstitutionResponse(_message.Message):
    __slots__ = ("institution", "created")
    INSTITUTION_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    institution: Institution
    created: bool
    def __init__(self, institution: _Optional[_Union[Institution, _Mapping]] = ..., created: _Optional[bool] = ...) -> None: ...

class ListInstitutionsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListInstitutionsResponse(_message.Message):
    __slots__ = ("institutions", "next_page_token")
    INSTITUTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    institutions: _containers.RepeatedCompositeFieldContainer[Institution]
    next_page_token: str
    def __init__(self, institutions: _Optional[_Iterable[_Union[Institution, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetInstitutionRequest(_message.Message):
    __slots__ = ("code",)
    CODE_FIELD_NUMBER: _ClassVar[int]
    code: str
    def __init__(self, code: _Optional[str] = ...) -> None: ...

class GetInstitutionResponse(_message.Message):
    __slots__ = ("institution", "certificates", "intake")
    INSTITUTION_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATES_FIELD_NUMBER: _ClassVar[int]
    INTAKE_FIELD_NUMBER: _ClassVar[int]
    institution: Institution
    certificates: _containers.RepeatedCompositeFieldContainer[_certificate_service_pb2.Certificate]
    intake: Intake
    def __init__(self, institution: _Optional[_Union[Institution, _Mapping]] = ..., certificates: _Optional[_Iterable[_Union[_certificate_service_pb2.Certificate, _Mapping]]] = ..., intake: _Optional[_Union[Intake, _Mapping]] = ...) -> None: ...

class Intake(_message.Message):
    __slots__ = ("first_day", "last_day", "reports", "held", "late", "rejected", "issues")
    FIRST_DAY_FIELD_NUMBER: _ClassVar[int]
    LAST_DAY_FIELD_NUMBER: _ClassVar[int]
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    LATE_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    ISSUES_FIELD_NUMBER: _ClassVar[int]
    first_day: str
    last_day: str
    reports: int
    held: int
    late: int
    rejected: int
    issues: _containers.RepeatedCompositeFieldContainer[IntakeIssue]
    def __init__(self, first_day: _Optional[str] = ..., last_day: _Optional[str] = ..., reports: _Optional[int] = ..., held: _Optional[int] = ..., late: _Optional[int] = ..., rejected: _Optional[int] = ..., issues: _Optional[_Iterable[_Union[IntakeIssue, _Mapping]]] = ...) -> None: ...

class IntakeIssue(_message.Message):
    __slots__ = ("reason", "field", "refused", "reports")
    REASON_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    reason: str
    field: str
    refused: bool
    reports: int
    def __init__(self, reason: _Optional[str] = ..., field: _Optional[str] = ..., refused: _Optional[bool] = ..., reports: _Optional[int] = ...) -> None: ...

class SuspendInstitutionRequest(_message.Message):
    __slots__ = ("code", "scope", "since", "lift", "reason")
    CODE_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    LIFT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    code: str
    scope: SuspensionScope
    since: _timestamp_pb2.Timestamp
    lift: bool
    reason: str
    def __init__(self, code: _Optional[str] = ..., scope: _Optional[_Union[SuspensionScope, str]] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., lift: _Optional[bool] = ..., reason: _Optional[str] = ...) -> None: ...

class SuspendInstitutionResponse(_message.Message):
    __slots__ = ("institution",)
    INSTITUTION_FIELD_NUMBER: _ClassVar[int]
    institution: Institution
    def __init__(self, institution: _Optional[_Union[Institution, _Mapping]] = ...) -> None: ...

class CatalogFile(_message.Message):
    __slots__ = ("name", "content")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    name: str
    content: bytes
    def __init__(self, name: _Optional[str] = ..., content: _Optional[bytes] = ...) -> None: ...

class ImportCatalogRequest(_message.Message):
    __slots__ = ("files", "dry_run", "comment", "activate_at", "list_faults", "activate_on")
    FILES_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    ACTIVATE_AT_FIELD_NUMBER: _ClassVar[int]
    LIST_FAULTS_FIELD_NUMBER: _ClassVar[int]
    ACTIVATE_ON_FIELD_NUMBER: _ClassVar[int]
    files: _containers.RepeatedCompositeFieldContainer[CatalogFile]
    dry_run: bool
    comment: str
    activate_at: _timestamp_pb2.Timestamp
    list_faults: bool
    activate_on: str
    def __init__(self, files: _Optional[_Iterable[_Union[CatalogFile, _Mapping]]] = ..., dry_run: _Optional[bool] = ..., comment: _Optional[str] = ..., activate_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., list_faults: _Optional[bool] = ..., activate_on: _Optional[str] = ...) -> None: ...

class CatalogFault(_message.Message):
    __slots__ = ("place", "message")
    PLACE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    place: str
    message: str
    def __init__(self, place: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class CatalogChange(_message.Message):
    __slots__ = ("change", "kind", "key", "before", "after")
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    change: ChangeKind
    kind: str
    key: str
    before: str
    after: str
    def __init__(self, change: _Optional[_Union[ChangeKind, str]] = ..., kind: _Optional[str] = ..., key: _Optional[str] = ..., before: _Optional[str] = ..., after: _Optional[str] = ...) -> None: ...

class ImportCatalogResponse(_message.Message):
    __slots__ = ("rules_version", "changes", "change_count", "entries", "pending_id", "faults", "fault_count", "stated")
    class EntriesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class StatedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    RULES_VERSION_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    CHANGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    PENDING_ID_FIELD_NUMBER: _ClassVar[int]
    FAULTS_FIELD_NUMBER: _ClassVar[int]
    FAULT_COUNT_FIELD_NUMBER: _ClassVar[int]
    STATED_FIELD_NUMBER: _ClassVar[int]
    rules_version: int
    changes: _containers.RepeatedCompositeFieldContainer[CatalogChange]
    change_count: int
    entries: _containers.ScalarMap[str, int]
    pending_id: str
    faults: _containers.RepeatedCompositeFieldContainer[CatalogFault]
    fault_count: int
    stated: _containers.ScalarMap[str, int]
    def __init__(self, rules_version: _Optional[int] = ..., changes: _Optional[_Iterable[_Union[CatalogChange, _Mapping]]] = ..., change_count: _Optional[int] = ..., entries: _Optional[_Mapping[str, int]] = ..., pending_id: _Optional[str] = ..., faults: _Optional[_Iterable[_Union[CatalogFault, _Mapping]]] = ..., fault_count: _Optional[int] = ..., stated: _Optional[_Mapping[str, int]] = ...) -> None: ...

class ListCatalogEntriesRequest(_message.Message):
    __slots__ = ("kind", "page_size", "page_token")
    KIND_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    kind: str
    page_size: int
    page_token: str
    def __init__(self, kind: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class CatalogEntry(_message.Message):
    __slots__ = ("kind", "key", "body")
    KIND_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    kind: str
    key: str
    body: str
    def __init__(self, kind: _Optional[str] = ..., key: _Optional[str] = ..., body: _Optional[str] = ...) -> None: ...

class ListCatalogEntriesResponse(_message.Message):
    __slots__ = ("entries", "next_page_token", "rules_version")
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    RULES_VERSION_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[CatalogEntry]
    next_page_token: str
    rules_version: int
    def __init__(self, entries: _Optional[_Iterable[_Union[CatalogEntry, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., rules_version: _Optional[int] = ...) -> None: ...

class CatalogVersion(_message.Message):
    __slots__ = ("version", "state", "active_from", "made_at", "made_by", "comment", "change_count", "pending_id")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FROM_FIELD_NUMBER: _ClassVar[int]
    MADE_AT_FIELD_NUMBER: _ClassVar[int]
    MADE_BY_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    CHANGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    PENDING_ID_FIELD_NUMBER: _ClassVar[int]
    version: int
    state: CatalogVersionState
    active_from: _timestamp_pb2.Timestamp
    made_at: _timestamp_pb2.Timestamp
    made_by: str
    comment: str
    change_count: int
    pending_id: str
    def __init__(self, version: _Optional[int] = ..., state: _Optional[_Union[CatalogVersionState, str]] = ..., active_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., made_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., made_by: _Optional[str] = ..., comment: _Optional[str] = ..., change_count: _Optional[int] = ..., pending_id: _Optional[str] = ...) -> None: ...

class ListCatalogVersionsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListCatalogVersionsResponse(_message.Message):
    __slots__ = ("versions", "next_page_token")
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedCompositeFieldContainer[CatalogVersion]
    next_page_token: str
    def __init__(self, versions: _Optional[_Iterable[_Union[CatalogVersion, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DiffCatalogVersionsRequest(_message.Message):
    __slots__ = ("from_version", "to_version")
    FROM_VERSION_FIELD_NUMBER: _ClassVar[int]
    TO_VERSION_FIELD_NUMBER: _ClassVar[int]
    from_version: int
    to_version: int
    def __init__(self, from_version: _Optional[int] = ..., to_version: _Optional[int] = ...) -> None: ...

class DiffCatalogVersionsResponse(_message.Message):
    __slots__ = ("changes", "change_count")
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    CHANGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[CatalogChange]
    change_count: int
    def __init__(self, changes: _Optional[_Iterable[_Union[CatalogChange, _Mapping]]] = ..., change_count: _Optional[int] = ...) -> None: ...

class ActivateCatalogRequest(_message.Message):
    __slots__ = ("pending_id", "activate_at", "cancel", "comment", "activate_on")
    PENDING_ID_FIELD_NUMBER: _ClassVar[int]
    ACTIVATE_AT_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    ACTIVATE_ON_FIELD_NUMBER: _ClassVar[int]
    pending_id: str
    activate_at: _timestamp_pb2.Timestamp
    cancel: bool
    comment: str
    activate_on: str
    def __init__(self, pending_id: _Optional[str] = ..., activate_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., cancel: _Optional[bool] = ..., comment: _Optional[str] = ..., activate_on: _Optional[str] = ...) -> None: ...

class ActivateCatalogResponse(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: CatalogVersion
    def __init__(self, version: _Optional[_Union[CatalogVersion, _Mapping]] = ...) -> None: ...

class RollBackCatalogRequest(_message.Message):
    __slots__ = ("to_version", "comment", "dry_run")
    TO_VERSION_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    to_version: int
    comment: str
    dry_run: bool
    def __init__(self, to_version: _Optional[int] = ..., comment: _Optional[str] = ..., dry_run: _Optional[bool] = ...) -> None: ...

class RollBackCatalogResponse(_message.Message):
    __slots__ = ("rules_version", "changes", "change_count")
    RULES_VERSION_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    CHANGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    rules_version: int
    changes: _containers.RepeatedCompositeFieldContainer[CatalogChange]
    change_count: int
    def __init__(self, rules_version: _Optional[int] = ..., changes: _Optional[_Iterable[_Union[CatalogChange, _Mapping]]] = ..., change_count: _Optional[int] = ...) -> None: ...

class ListUnmappedCodesRequest(_message.Message):
    __slots__ = ("institution", "page_size", "page_token")
    INSTITUTION_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    institution: str
    page_size: int
    page_token: str
    def __init__(self, institution: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class UnmappedCode(_message.Message):
    __slots__ = ("institution", "system", "code", "display", "occurrences", "first_seen_at", "last_seen_at")
    INSTITUTION_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_FIELD_NUMBER: _ClassVar[int]
    OCCURRENCES_FIELD_NUMBER: _ClassVar[int]
    FIRST_SEEN_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_AT_FIELD_NUMBER: _ClassVar[int]
    institution: _report_pb2.InstitutionRef
    system: str
    code: str
    display: str
    occurrences: int
    first_seen_at: _timestamp_pb2.Timestamp
    last_seen_at: _timestamp_pb2.Timestamp
    def __init__(self, institution: _Optional[_Union[_report_pb2.InstitutionRef, _Mapping]] = ..., system: _Optional[str] = ..., code: _Optional[str] = ..., display: _Optional[str] = ..., occurrences: _Optional[int] = ..., first_seen_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_seen_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListUnmappedCodesResponse(_message.Message):
    __slots__ = ("codes", "next_page_token", "unmapped_per_mille")
    class UnmappedPerMilleEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    CODES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    UNMAPPED_PER_MILLE_FIELD_NUMBER: _ClassVar[int]
    codes: _containers.RepeatedCompositeFieldContainer[UnmappedCode]
    next_page_token: str
    unmapped_per_mille: _containers.ScalarMap[str, int]
    def __init__(self, codes: _Optional[_Iterable[_Union[UnmappedCode, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., unmapped_per_mille: _Optional[_Mapping[str, int]] = ...) -> None: ...
