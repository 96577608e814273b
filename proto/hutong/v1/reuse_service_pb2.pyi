import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from hutong.v1 import report_pb2 as _report_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Purpose(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PURPOSE_UNSPECIFIED: _ClassVar[Purpose]
    PURPOSE_TREATMENT: _ClassVar[Purpose]
    PURPOSE_EMERGENCY: _ClassVar[Purpose]

class EncounterClass(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENCOUNTER_CLASS_UNSPECIFIED: _ClassVar[EncounterClass]
    ENCOUNTER_CLASS_OUTPATIENT: _ClassVar[EncounterClass]
    ENCOUNTER_CLASS_INPATIENT: _ClassVar[EncounterClass]
    ENCOUNTER_CLASS_EMERGENCY: _ClassVar[EncounterClass]
    ENCOUNTER_CLASS_OTHER: _ClassVar[EncounterClass]

class Authorization(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AUTHORIZATION_UNSPECIFIED: _ClassVar[Authorization]
    AUTHORIZATION_CARD_READ: _ClassVar[Authorization]
    AUTHORIZATION_CODE_SCANNED: _ClassVar[Authorization]
    AUTHORIZATION_FORM_SIGNED: _ClassVar[Authorization]
    AUTHORIZATION_GUARDIAN: _ClassVar[Authorization]

class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_UNSPECIFIED: _ClassVar[Outcome]
    OUTCOME_FOUND: _ClassVar[Outcome]
    OUTCOME_NONE: _ClassVar[Outcome]
    OUTCOME_PARTIAL: _ClassVar[Outcome]
    OUTCOME_IN_DOUBT: _ClassVar[Outcome]

class SourceAnswer(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SOURCE_ANSWER_UNSPECIFIED: _ClassVar[SourceAnswer]
    SOURCE_ANSWER_COMPLETE: _ClassVar[SourceAnswer]
    SOURCE_ANSWER_PARTIAL: _ClassVar[SourceAnswer]
    SOURCE_ANSWER_UNAVAILABLE: _ClassVar[SourceAnswer]
PURPOSE_UNSPECIFIED: Purpose
PURPOSE_TREATMENT: Purpose
PURPOSE_EMERGENCY: Purpose
ENCOUNTER_CLASS_UNSPECIFIED: EncounterClass
ENCOUNTER_CLASS_OUTPATIENT: EncounterClass
ENCOUNTER_CLASS_INPATIENT: EncounterClass
ENCOUNTER_CLASS_EMERGENCY: EncounterClass
ENCOUNTER_CLASS_OTHER: EncounterClass
AUTHORIZATION_UNSPECIFIED: Authorization
AUTHORIZATION_CARD_READ: Authorization
AUTHORIZATION_CODE_SCANNED: Authorization
AUTHORIZATION_FORM_SIGNED: Authorization
AUTHORIZATION_GUARDIAN: Authorization
OUTCOME_UNSPECIFIED: Outcome
OUTCOME_FOUND: Outcome
OUTCOME_NONE: Outcome
OUTCOME_PARTIAL: Outcome
OUTCOME_IN_DOUBT: Outcome
SOURCE_ANSWER_UNSPECIFIED: SourceAnswer
SOURCE_ANSWER_COMPLETE: SourceAnswer
SOURCE_ANSWER_PARTIAL: SourceAnswer
SOURCE_ANSWER_UNAVAILABLE: SourceAnswer

class CallContext(_message.Message):
    __slots__ = ("practitioner", "department", "encounter", "encounter_class", "purpose", "authorization", "break_glass_reason")
    PRACTITIONER_FIELD_NUMBER: _ClassVar[int]
    DEPARTMENT_FIELD_NUMBER: _ClassVar[int]
    ENCOUNTER_FIELD_NUMBER: _ClassVar[int]
    ENCOUNTER_CLASS_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    AUTHORIZATION_FIELD_NUMBER: _ClassVar[int]
    BREAK_GLASS_REASON_FIELD_NUMBER: _ClassVar[int]
    practitioner: str
    department: str
    encounter: str
    encounter_class: EncounterClass
    purpose: Purpose
    authorization: Authorization
    break_glass_reason: str
    def __init__(self, practitioner: _Optional[str] = ..., department: _Optional[str] = ..., encounter: _Optional[str] = ..., encounter_class: _Optional[_Union[EncounterClass, str]] = ..., purpose: _Optional[_Union[Purpose, str]] = ..., authorization: _Optional[_Union[Authorization, str]] = ..., break_glass_reason: _Optional[str] = ...) -> None: ...

class PatientQuery(_message.Message):
    __slots__ = ("identifiers", "demographics")
    IDENTIFIERS_FIELD_NUMBER: _ClassVar[int]
    DEMOGRAPHICS_FIELD_NUMBER: _ClassVar[int]
    identifiers: _containers.RepeatedCompositeFieldContainer[_report_pb2.PatientIdentifier]
    demographics: _report_pb2.Demographics
    def __init__(self, identifiers: _Optional[_Iterable[_Union[_report_pb2.PatientIdentifier, _Mapping]]] = ..., demographics: _Optional[_Union[_report_pb2.Demographics, _Mapping]] = ...) -> None: ...

class SourceCoverage(_message.Message):
    __slots__ = ("source", "answer", "feeds_behind", "feeds_behind_count")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    FEEDS_BEHIND_FIELD_NUMBER: _ClassVar[int]
    FEEDS_BEHIND_COUNT_FIELD_NUMBER: _ClassVar[int]
    source: str
    answer: SourceAnswer
    feeds_behind: _containers.RepeatedCompositeFieldContainer[FeedBehind]
    feeds_behind_count: int
    def __init__(self, source: _Optional[str] = ..., answer: _Optional[_Union[SourceAnswer, str]] = ..., feeds_behind: _Optional[_Iterable[_Union[FeedBehind, _Mapping]]] = ..., feeds_behind_count: _Optional[int] = ...) -> None: ...

class FeedBehind(_message.Message):
    __slots__ = ("institution", "last_received_at")
    INSTITUTION_FIELD_NUMBER: _ClassVar[int]
    LAST_RECEIVED_AT_FIELD_NUMBER: _ClassVar[int]
    institution: _report_pb2.InstitutionRef
    last_received_at: _timestamp_pb2.Timestamp
    def __init__(self, institution: _Optional[_Union[_report_pb2.InstitutionRef, _Mapping]] = ..., last_received_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class OpenChartRequest(_message.Message):
    __slots__ = ("request_id", "patient", "context", "include_not_reusable")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PATIENT_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_NOT_REUSABLE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    patient: PatientQuery
    context: CallContext
    include_not_reusable: bool
    def __init__(self, request_id: _Optional[str] = ..., patient: _Optional[_Union[PatientQuery, _Mapping]] = ..., context: _Optional[_Union[CallContext, _Mapping]] = ..., include_not_reusable: _Optional[bool] = ...) -> None: ...

class OpenChartResponse(_message.Message):
    __slots__ = ("prompt_id", "outcome", "lines", "not_reusable", "coverage", "judged_at", "rules_version", "not_reusable_count", "withheld_count", "other_result_count")
    PROMPT_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    NOT_REUSABLE_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    JUDGED_AT_FIELD_NUMBER: _ClassVar[int]
    RULES_VERSION_FIELD_NUMBER: _ClassVar[int]
    NOT_REUSABLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    WITHHELD_COUNT_FIELD_NUMBER: _ClassVar[int]
    OTHER_RESULT_COUNT_FIELD_NUMBER: _ClassVar[int]
    prompt_id: str
    outcome: Outcome
    lines: _containers.RepeatedCompositeFieldContainer[_report_pb2.PromptLine]
    not_reusable: _containers.RepeatedCompositeFieldContainer[_report_pb2.ResultEntry]
    coverage: _containers.RepeatedCompositeFieldContainer[SourceCoverage]
    judged_at: _timestamp_pb2.Timestamp
    rules_version: int
    not_reusable_count: int
    withheld_count: int
    other_result_count: int
    def __init__(self, prompt_id: _Optional[str] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., lines: _Optional[_Iterable[_Union[_report_pb2.PromptLine, _Mapping]]] = ..., not_reusable: _Optional[_Iterable[_Union[_report_pb2.ResultEntry, _Mapping]]] = ..., coverage: _Optional[_Iterable[_Union[SourceCoverage, _Mapping]]] = ..., judged_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., rules_version: _Optional[int] = ..., not_reusable_count: _Optional[int] = ..., withheld_count: _Optional[int] = ..., other_result_count: _Optional[int] = ...) -> None: ...

class ListReportsRequest(_message.Message):
    __slots__ = ("patient", "context", "item", "category", "institution", "taken_from", "taken_before", "page_size", "page_token")
    PATIENT_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    INSTITUTION_FIELD_NUMBER: _ClassVar[int]
    TAKEN_FROM_FIELD_NUMBER: _ClassVar[int]
    TAKEN_BEFORE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    patient: PatientQuery
    context: CallContext
    item: str
    category: str
    institution: str
    taken_from: _timestamp_pb2.Timestamp
    taken_before: _timestamp_pb2.Timestamp
    page_size: int
    page_token: str
    def __init__(self, patient: _Optional[_Union[PatientQuery, _Mapping]] = ..., context: _Optional[_Union[CallContext, _Mapping]] = ..., item: _Optional[str] = ..., category: _Optional[str] = ..., institution: _Optional[str] = ..., taken_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., taken_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListReportsResponse(_message.Message):
    __slots__ = ("reports", "next_page_token", "outcome", "coverage")
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    reports: _containers.RepeatedCompositeFieldContainer[_report_pb2.ReportEntry]
    next_page_token: str
    outcome: Outcome
    coverage: _containers.RepeatedCompositeFieldContainer[SourceCoverage]
    def __init__(self, reports: _Optional[_Iterable[_Union[_report_pb2.ReportEntry, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., coverage: _Optional[_Iterable[_Union[SourceCoverage, _Mapping]]] = ...) -> None: ...

class GetReportRequest(_message.Message):
    __slots__ = ("report_id", "context", "prompt_id")
    REPORT_ID_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    PROMPT_ID_FIELD_NUMBER: _ClassVar[int]
    report_id: str
    context: CallContext
    prompt_id: str
    def __init__(self, report_id: _Optional[str] = ..., context: _Optional[_Union[CallContext, _Mapping]] = ..., prompt_id: _Optional[str] = ...) -> None: ...

class ImageAccess(_message.Message):
    __slots__ = ("study_uid", "modality", "series", "instances", "address", "connection_type")
    STUDY_UID_FIELD_NUMBER: _ClassVar[int]
    MODALITY_FIELD_NUMBER: _ClassVar[int]
    SERIES_FIELD_NUMBER: _ClassVar[int]
    INSTANCES_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_TYPE_FIELD_NUMBER: _ClassVar[int]
    study_uid: str
    modality: _containers.RepeatedScalarFieldContainer[str]
    series: int
    instances: int
    address: str
    connection_type: str
    def __init__(self, study_uid: _Optional[str] = ..., modality: _Optional[_Iterable[str]] = ..., series: _Optional[int] = ..., instances: _Optional[int] = ..., address: _Optional[str] = ..., connection_type: _Optional[str] = ...) -> None: ...

class GetReportResponse(_message.Message):
    __slots__ = ("entry", "document", "images", "received_at")
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_FIELD_NUMBER: _ClassVar[int]
    entry: _report_pb2.ReportEntry
    document: bytes
    images: _containers.RepeatedCompositeFieldContainer[ImageAccess]
    received_at: _timestamp_pb2.Timestamp
    def __init__(self, entry: _Optional[_Union[_report_pb2.ReportEntry, _Mapping]] = ..., document: _Optional[bytes] = ..., images: _Optional[_Iterable[_Union[ImageAccess, _Mapping]]] = ..., received_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
