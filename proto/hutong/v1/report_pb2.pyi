import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Specialty(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SPECIALTY_UNSPECIFIED: _ClassVar[Specialty]
    SPECIALTY_LABORATORY: _ClassVar[Specialty]
    SPECIALTY_EXAMINATION: _ClassVar[Specialty]

class Tier(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TIER_UNSPECIFIED: _ClassVar[Tier]
    TIER_TERTIARY: _ClassVar[Tier]
    TIER_SECONDARY: _ClassVar[Tier]
    TIER_TOWNSHIP: _ClassVar[Tier]
    TIER_VILLAGE: _ClassVar[Tier]
    TIER_PRIVATE: _ClassVar[Tier]
    TIER_LABORATORY_CENTER: _ClassVar[Tier]

class Sex(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEX_UNSPECIFIED: _ClassVar[Sex]
    SEX_MALE: _ClassVar[Sex]
    SEX_FEMALE: _ClassVar[Sex]
    SEX_OTHER: _ClassVar[Sex]
    SEX_UNKNOWN: _ClassVar[Sex]

class NotReusableReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NOT_REUSABLE_REASON_UNSPECIFIED: _ClassVar[NotReusableReason]
    NOT_REUSABLE_REASON_OUTSIDE_WINDOW: _ClassVar[NotReusableReason]
    NOT_REUSABLE_REASON_NOT_FINAL: _ClassVar[NotReusableReason]
    NOT_REUSABLE_REASON_SUPERSEDED: _ClassVar[NotReusableReason]
    NOT_REUSABLE_REASON_WITHDRAWN: _ClassVar[NotReusableReason]
    NOT_REUSABLE_REASON_NOT_RECOGNIZED_ITEM: _ClassVar[NotReusableReason]
    NOT_REUSABLE_REASON_UNMAPPED_CODE: _ClassVar[NotReusableReason]
    NOT_REUSABLE_REASON_NO_QUALITY_GRANT: _ClassVar[NotReusableReason]
    NOT_REUSABLE_REASON_OUT_OF_RANGE_OF_MARK: _ClassVar[NotReusableReason]
    NOT_REUSABLE_REASON_DIRECTION_NOT_RECOGNIZED: _ClassVar[NotReusableReason]
    NOT_REUSABLE_REASON_SPECIMEN_DIFFERS: _ClassVar[NotReusableReason]
    NOT_REUSABLE_REASON_BODY_PART_OR_METHOD_DIFFERS: _ClassVar[NotReusableReason]
    NOT_REUSABLE_REASON_IMAGES_MISSING: _ClassVar[NotReusableReason]
    NOT_REUSABLE_REASON_NO_VALUE: _ClassVar[NotReusableReason]
    NOT_REUSABLE_REASON_UNREADABLE: _ClassVar[NotReusableReason]
    NOT_REUSABLE_REASON_OTHER_SUBJECT: _ClassVar[NotReusableReason]
    NOT_REUSABLE_REASON_TIME_UNKNOWN: _ClassVar[NotReusableReason]
    NOT_REUSABLE_REASON_IDENTITY_DISPUTED: _ClassVar[NotReusableReason]
    NOT_REUSABLE_REASON_PATIENT_IN_DOUBT: _ClassVar[NotReusableReason]
    NOT_REUSABLE_REASON_OWN_INSTITUTION: _ClassVar[NotReusableReason]
    NOT_REUSABLE_REASON_ALREADY_DECIDED: _ClassVar[NotReusableReason]
    NOT_REUSABLE_REASON_FEED_NOT_RESUMED: _ClassVar[NotReusableReason]

class TraceSubject(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRACE_SUBJECT_UNSPECIFIED: _ClassVar[TraceSubject]
    TRACE_SUBJECT_PATIENT: _ClassVar[TraceSubject]
    TRACE_SUBJECT_STATUS: _ClassVar[TraceSubject]
    TRACE_SUBJECT_VALUE: _ClassVar[TraceSubject]
    TRACE_SUBJECT_MAPPING: _ClassVar[TraceSubject]
    TRACE_SUBJECT_ITEM: _ClassVar[TraceSubject]
    TRACE_SUBJECT_SPECIMEN: _ClassVar[TraceSubject]
    TRACE_SUBJECT_BODY_PART_OR_METHOD: _ClassVar[TraceSubject]
    TRACE_SUBJECT_WINDOW: _ClassVar[TraceSubject]
    TRACE_SUBJECT_IMAGES: _ClassVar[TraceSubject]
    TRACE_SUBJECT_DIRECTION: _ClassVar[TraceSubject]
    TRACE_SUBJECT_GRANT: _ClassVar[TraceSubject]
    TRACE_SUBJECT_ASKER: _ClassVar[TraceSubject]
    TRACE_SUBJECT_OVERRIDE: _ClassVar[TraceSubject]
SPECIALTY_UNSPECIFIED: Specialty
SPECIALTY_LABORATORY: Specialty
SPECIALTY_EXAMINATION: Specialty
TIER_UNSPECIFIED: Tier
TIER_TERTIARY: Tier
TIER_SECONDARY: Tier
TIER_TOWNSHIP: Tier
TIER_VILLAGE: Tier
TIER_PRIVATE: Tier
TIER_LABORATORY_CENTER: Tier
SEX_UNSPECIFIED: Sex
SEX_MALE: Sex
SEX_FEMALE: Sex
SEX_OTHER: Sex
SEX_UNKNOWN: Sex
NOT_REUSABLE_REASON_UNSPECIFIED: NotReusableReason
NOT_REUSABLE_REASON_OUTSIDE_WINDOW: NotReusableReason
NOT_REUSABLE_REASON_NOT_FINAL: NotReusableReason
NOT_REUSABLE_REASON_SUPERSEDED: NotReusableReason
NOT_REUSABLE_REASON_WITHDRAWN: NotReusableReason
NOT_REUSABLE_REASON_NOT_RECOGNIZED_ITEM: NotReusableReason
NOT_REUSABLE_REASON_UNMAPPED_CODE: NotReusableReason
NOT_REUSABLE_REASON_NO_QUALITY_GRANT: NotReusableReason
NOT_REUSABLE_REASON_OUT_OF_RANGE_OF_MARK: NotReusableReason
NOT_REUSABLE_REASON_DIRECTION_NOT_RECOGNIZED: NotReusableReason
NOT_REUSABLE_REASON_SPECIMEN_DIFFERS: NotReusableReason
NOT_REUSABLE_REASON_BODY_PART_OR_METHOD_DIFFERS: NotReusableReason
NOT_REUSABLE_REASON_IMAGES_MISSING: NotReusableReason
NOT_REUSABLE_REASON_NO_VALUE: NotReusableReason
NOT_REUSABLE_REASON_UNREADABLE: NotReusableReason
NOT_REUSABLE_REASON_OTHER_SUBJECT: NotReusableReason
NOT_REUSABLE_REASON_TIME_UNKNOWN: NotReusableReason
NOT_REUSABLE_REASON_IDENTITY_DISPUTED: NotReusableReason
NOT_REUSABLE_REASON_PATIENT_IN_DOUBT: NotReusableReason
NOT_REUSABLE_REASON_OWN_INSTITUTION: NotReusableReason
NOT_REUSABLE_REASON_ALREADY_DECIDED: NotReusableReason
NOT_REUSABLE_REASON_FEED_NOT_RESUMED: NotReusableReason
TRACE_SUBJECT_UNSPECIFIED: TraceSubject
TRACE_SUBJECT_PATIENT: TraceSubject
TRACE_SUBJECT_STATUS: TraceSubject
TRACE_SUBJECT_VALUE: TraceSubject
TRACE_SUBJECT_MAPPING: TraceSubject
TRACE_SUBJECT_ITEM: TraceSubject
TRACE_SUBJECT_SPECIMEN: TraceSubject
TRACE_SUBJECT_BODY_PART_OR_METHOD: TraceSubject
TRACE_SUBJECT_WINDOW: TraceSubject
TRACE_SUBJECT_IMAGES: TraceSubject
TRACE_SUBJECT_DIRECTION: TraceSubject
TRACE_SUBJECT_GRANT: TraceSubject
TRACE_SUBJECT_ASKER: TraceSubject
TRACE_SUBJECT_OVERRIDE: TraceSubject

class PatientIdentifier(_message.Message):
    __slots__ = ("system", "value", "assigner")
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    ASSIGNER_FIELD_NUMBER: _ClassVar[int]
    system: str
    value: str
    assigner: str
    def __init__(self, system: _Optional[str] = ..., value: _Optional[str] = ..., assigner: _Optional[str] = ...) -> None: ...

class Demographics(_message.Message):
    __slots__ = ("name", "birth_date", "sex")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BIRTH_DATE_FIELD_NUMBER: _ClassVar[int]
    SEX_FIELD_NUMBER: _ClassVar[int]
    name: str
    birth_date: str
    sex: Sex
    def __init__(self, name: _Optional[str] = ..., birth_date: _Optional[str] = ..., sex: _Optional[_Union[Sex, str]] = ...) -> None: ...

class Coding(_message.Message):
    __slots__ = ("system", "code", "display")
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_FIELD_NUMBER: _ClassVar[int]
    system: str
    code: str
    display: str
    def __init__(self, system: _Optional[str] = ..., code: _Optional[str] = ..., display: _Optional[str] = ...) -> None: ...

class CodeableConcept(_message.Message):
    __slots__ = ("coding", "text")
    CODING_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    coding: _containers.RepeatedCompositeFieldContainer[Coding]
    text: str
    def __init__(self, coding: _Optional[_Iterable[_Union[Coding, _Mapping]]] = ..., text: _Optional[str] = ...) -> None: ...

class Quantity(_message.Message):
    __slots__ = ("value", "comparator", "unit", "system", "code")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    COMPARATOR_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    value: str
    comparator: str
    unit: str
    system: str
    code: str
    def __init__(self, value: _Optional[str] = ..., comparator: _Optional[str] = ..., unit: _Optional[str] = ..., system: _Optional[str] = ..., code: _Optional[str] = ...) -> None: ...

class ResultValue(_message.Message):
    __slots__ = ("text", "quantity", "coded", "string_value", "boolean", "integer", "date_time", "time")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    CODED_FIELD_NUMBER: _ClassVar[int]
    STRING_VALUE_FIELD_NUMBER: _ClassVar[int]
    BOOLEAN_FIELD_NUMBER: _ClassVar[int]
    INTEGER_FIELD_NUMBER: _ClassVar[int]
    DATE_TIME_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    text: str
    quantity: Quantity
    coded: CodeableConcept
    string_value: str
    boolean: bool
    integer: int
    date_time: str
    time: str
    def __init__(self, text: _Optional[str] = ..., quantity: _Optional[_Union[Quantity, _Mapping]] = ..., coded: _Optional[_Union[CodeableConcept, _Mapping]] = ..., string_value: _Optional[str] = ..., boolean: _Optional[bool] = ..., integer: _Optional[int] = ..., date_time: _Optional[str] = ..., time: _Optional[str] = ...) -> None: ...

class ReferenceRange(_message.Message):
    __slots__ = ("low", "high", "text")
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    low: Quantity
    high: Quantity
    text: str
    def __init__(self, low: _Optional[_Union[Quantity, _Mapping]] = ..., high: _Optional[_Union[Quantity, _Mapping]] = ..., text: _Optional[str] = ...) -> None: ...

class ResultComponent(_message.Message):
    __slots__ = ("code", "value", "interpretation", "reference_range", "data_absent_reason")
    CODE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    INTERPRETATION_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_RANGE_FIELD_NUMBER: _ClassVar[int]
    DATA_ABSENT_REASON_FIELD_NUMBER: _ClassVar[int]
    code: CodeableConcept
    value: ResultValue
    interpretation: _containers.RepeatedScalarFieldContainer[str]
    reference_range: _containers.RepeatedCompositeFieldContainer[ReferenceRange]
    data_absent_reason: str
    def __init__(self, code: _Optional[_Union[CodeableConcept, _Mapping]] = ..., value: _Optional[_Union[ResultValue, _Mapping]] = ..., interpretation: _Optional[_Iterable[str]] = ..., reference_range: _Optional[_Iterable[_Union[ReferenceRange, _Mapping]]] = ..., data_absent_reason: _Optional[str] = ...) -> None: ...

class ResultDetail(_message.Message):
    __slots__ = ("code", "value", "interpretation", "reference_range", "component", "data_absent_reason", "method", "device", "specimen", "body_site", "note", "performer", "reader", "effective")
    CODE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    INTERPRETATION_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_RANGE_FIELD_NUMBER: _ClassVar[int]
    COMPONENT_FIELD_NUMBER: _ClassVar[int]
    DATA_ABSENT_REASON_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    SPECIMEN_FIELD_NUMBER: _ClassVar[int]
    BODY_SITE_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    PERFORMER_FIELD_NUMBER: _ClassVar[int]
    READER_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_FIELD_NUMBER: _ClassVar[int]
    code: CodeableConcept
    value: ResultValue
    interpretation: _containers.RepeatedScalarFieldContainer[str]
    reference_range: _containers.RepeatedCompositeFieldContainer[ReferenceRange]
    component: _containers.RepeatedCompositeFieldContainer[ResultComponent]
    data_absent_reason: str
    method: str
    device: str
    specimen: str
    body_site: str
    note: _containers.RepeatedScalarFieldContainer[str]
    performer: str
    reader: str
    effective: str
    def __init__(self, code: _Optional[_Union[CodeableConcept, _Mapping]] = ..., value: _Optional[_Union[ResultValue, _Mapping]] = ..., interpretation: _Optional[_Iterable[str]] = ..., reference_range: _Optional[_Iterable[_Union[ReferenceRange, _Mapping]]] = ..., component: _Optional[_Iterable[_Union[ResultComponent, _Mapping]]] = ..., data_absent_reason: _Optional[str] = ..., method: _Optional[str] = ..., device: _Optional[str] = ..., specimen: _Optional[str] = ..., body_site: _Optional[str] = ..., note: _Optional[_Iterable[str]] = ..., performer: _Optional[str] = ..., reader: _Optional[str] = ..., effective: _Optional[str] = ...) -> None: ...

class InstitutionRef(_message.Message):
    __slots__ = ("code", "name", "tier")
    CODE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    code: str
    name: str
    tier: Tier
    def __init__(self, code: _Optional[str] = ..., name: _Optional[str] = ..., tier: _Optional[_Union[Tier, str]] = ...) -> None: ...

class ItemRef(_message.Message):
    __slots__ = ("code", "name_zh", "name_en", "specialty")
    CODE_FIELD_NUMBER: _ClassVar[int]
    NAME_ZH_FIELD_NUMBER: _ClassVar[int]
    NAME_EN_FIELD_NUMBER: _ClassVar[int]
    SPECIALTY_FIELD_NUMBER: _ClassVar[int]
    code: str
    name_zh: str
    name_en: str
    specialty: Specialty
    def __init__(self, code: _Optional[str] = ..., name_zh: _Optional[str] = ..., name_en: _Optional[str] = ..., specialty: _Optional[_Union[Specialty, str]] = ...) -> None: ...

class ResultEntry(_message.Message):
    __slots__ = ("report_id", "item", "issuer", "taken_at", "taken_at_is_issue_time", "detail", "status", "reusable", "valid_until", "mark", "reasons", "critical", "result_index", "trace")
    REPORT_ID_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    TAKEN_AT_FIELD_NUMBER: _ClassVar[int]
    TAKEN_AT_IS_ISSUE_TIME_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REUSABLE_FIELD_NUMBER: _ClassVar[int]
    VALID_UNTIL_FIELD_NUMBER: _ClassVar[int]
    MARK_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    CRITICAL_FIELD_NUMBER: _ClassVar[int]
    RESULT_INDEX_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    report_id: str
    item: ItemRef
    issuer: InstitutionRef
    taken_at: _timestamp_pb2.Timestamp
    taken_at_is_issue_time: bool
    detail: ResultDetail
    status: str
    reusable: bool
    valid_until: _timestamp_pb2.Timestamp
    mark: str
    reasons: _containers.RepeatedScalarFieldContainer[NotReusableReason]
    critical: bool
    result_index: int
    trace: _containers.RepeatedCompositeFieldContainer[TraceStep]
    def __init__(self, report_id: _Optional[str] = ..., item: _Optional[_Union[ItemRef, _Mapping]] = ..., issuer: _Optional[_Union[InstitutionRef, _Mapping]] = ..., taken_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., taken_at_is_issue_time: _Optional[bool] = ..., detail: _Optional[_Union[ResultDetail, _Mapping]] = ..., status: _Optional[str] = ..., reusable: _Optional[bool] = ..., valid_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., mark: _Optional[str] = ..., reasons: _Optional[_Iterable[_Union[NotReusableReason, str]]] = ..., critical: _Optional[bool] = ..., result_index: _Optional[int] = ..., trace: _Optional[_Iterable[_Union[TraceStep, _Mapping]]] = ...) -> None: ...

class TraceStep(_message.Message):
    __slots__ = ("subject", "passed", "entry_kind", "entry_key", "detail", "reason", "detail_zh")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PASSED_FIELD_NUMBER: _ClassVar[int]
    ENTRY_KIND_FIELD_NUMBER: _ClassVar[int]
    ENTRY_KEY_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_ZH_FIELD_NUMBER: _ClassVar[int]
    subject: TraceSubject
    passed: bool
    entry_kind: str
    entry_key: str
    detail: str
    reason: NotReusableReason
    detail_zh: str
    def __init__(self, subject: _Optional[_Union[TraceSubject, str]] = ..., passed: _Optional[bool] = ..., entry_kind: _Optional[str] = ..., entry_key: _Optional[str] = ..., detail: _Optional[str] = ..., reason: _Optional[_Union[NotReusableReason, str]] = ..., detail_zh: _Optional[str] = ...) -> None: ...

class NewerResult(_message.Message):
    __slots__ = ("taken_at", "issuer", "reasons", "critical", "report_id", "status")
    TAKEN_AT_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    CRITICAL_FIELD_NUMBER: _ClassVar[int]
    REPORT_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    taken_at: _timestamp_pb2.Timestamp
    issuer: InstitutionRef
    reasons: _containers.RepeatedScalarFieldContainer[NotReusableReason]
    critical: bool
    report_id: str
    status: str
    def __init__(self, taken_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., issuer: _Optional[_Union[InstitutionRef, _Mapping]] = ..., reasons: _Optional[_Iterable[_Union[NotReusableReason, str]]] = ..., critical: _Optional[bool] = ..., report_id: _Optional[str] = ..., status: _Optional[str] = ...) -> None: ...

class PromptLine(_message.Message):
    __slots__ = ("result", "newer")
    RESULT_FIELD_NUMBER: _ClassVar[int]
    NEWER_FIELD_NUMBER: _ClassVar[int]
    result: ResultEntry
    newer: _containers.RepeatedCompositeFieldContainer[NewerResult]
    def __init__(self, result: _Optional[_Union[ResultEntry, _Mapping]] = ..., newer: _Optional[_Iterable[_Union[NewerResult, _Mapping]]] = ...) -> None: ...

class ReportEntry(_message.Message):
    __slots__ = ("report_id", "issuer", "code", "category", "status", "taken_at", "issued_at", "results", "conclusion", "withdrawn", "version", "has_images", "has_attachments")
    REPORT_ID_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    TAKEN_AT_FIELD_NUMBER: _ClassVar[int]
    ISSUED_AT_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    CONCLUSION_FIELD_NUMBER: _ClassVar[int]
    WITHDRAWN_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    HAS_IMAGES_FIELD_NUMBER: _ClassVar[int]
    HAS_ATTACHMENTS_FIELD_NUMBER: _ClassVar[int]
    report_id: str
    issuer: InstitutionRef
    code: CodeableConcept
    category: _containers.RepeatedCompositeFieldContainer[CodeableConcept]
    status: str
    taken_at: _timestamp_pb2.Timestamp
    issued_at: _timestamp_pb2.Timestamp
    results: _containers.RepeatedCompositeFieldContainer[ResultEntry]
    conclusion: str
    withdrawn: bool
    version: int
    has_images: bool
    has_attachments: bool
    def __init__(self, report_id: _Optional[str] = ..., issuer: _Optional[_Union[InstitutionRef, _Mapping]] = ..., code: _Optional[_Union[CodeableConcept, _Mapping]] = ..., category: _Optional[_Iterable[_Union[CodeableConcept, _Mapping]]] = ..., status: _Optional[str] = ..., taken_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., issued_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., results: _Optional[_Iterable[_Union[ResultEntry, _Mapping]]] = ..., conclusion: _Optional[str] = ..., withdrawn: _Optional[bool] = ..., version: _Optional[int] = ..., has_images: _Optional[bool] = ..., has_attachments: _Optional[bool] = ...) -> None: ...
