import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from hutong.v1 import error_reason_pb2 as _error_reason_pb2
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
    PURPOSE_QUALITY: _ClassVar[Purpose]

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

class OrderCoverage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ORDER_COVERAGE_UNSPECIFIED: _ClassVar[OrderCoverage]
    ORDER_COVERAGE_SATISFIED: _ClassVar[OrderCoverage]
    ORDER_COVERAGE_PARTLY: _ClassVar[OrderCoverage]
    ORDER_COVERAGE_NONE: _ClassVar[OrderCoverage]
    ORDER_COVERAGE_UNMAPPED: _ClassVar[OrderCoverage]
    ORDER_COVERAGE_ALREADY_DECIDED: _ClassVar[OrderCoverage]

class DecisionKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DECISION_KIND_UNSPECIFIED: _ClassVar[DecisionKind]
    DECISION_KIND_RECOGNIZED: _ClassVar[DecisionKind]
    DECISION_KIND_REPEATED: _ClassVar[DecisionKind]
    DECISION_KIND_REVOKED: _ClassVar[DecisionKind]

class DecisionOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DECISION_OUTCOME_UNSPECIFIED: _ClassVar[DecisionOutcome]
    DECISION_OUTCOME_RECORDED: _ClassVar[DecisionOutcome]
    DECISION_OUTCOME_ALREADY_RECORDED: _ClassVar[DecisionOutcome]
    DECISION_OUTCOME_CONFLICT: _ClassVar[DecisionOutcome]
    DECISION_OUTCOME_REFUSED: _ClassVar[DecisionOutcome]

class PromptEventKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PROMPT_EVENT_KIND_UNSPECIFIED: _ClassVar[PromptEventKind]
    PROMPT_EVENT_KIND_SHOWN: _ClassVar[PromptEventKind]
    PROMPT_EVENT_KIND_OPENED: _ClassVar[PromptEventKind]
    PROMPT_EVENT_KIND_DISMISSED: _ClassVar[PromptEventKind]
    PROMPT_EVENT_KIND_CITED: _ClassVar[PromptEventKind]
    PROMPT_EVENT_KIND_REORDERED: _ClassVar[PromptEventKind]

class NoticeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NOTICE_KIND_UNSPECIFIED: _ClassVar[NoticeKind]
    NOTICE_KIND_CORRECTED: _ClassVar[NoticeKind]
    NOTICE_KIND_WITHDRAWN: _ClassVar[NoticeKind]
    NOTICE_KIND_NOT_REUSABLE: _ClassVar[NoticeKind]
    NOTICE_KIND_PATIENT_CHANGED: _ClassVar[NoticeKind]
    NOTICE_KIND_WITHHELD: _ClassVar[NoticeKind]

class Reliance(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RELIANCE_UNSPECIFIED: _ClassVar[Reliance]
    RELIANCE_OPENED: _ClassVar[Reliance]
    RELIANCE_CITED: _ClassVar[Reliance]
    RELIANCE_RECOGNIZED: _ClassVar[Reliance]
PURPOSE_UNSPECIFIED: Purpose
PURPOSE_TREATMENT: Purpose
PURPOSE_EMERGENCY: Purpose
PURPOSE_QUALITY: Purpose
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
ORDER_COVERAGE_UNSPECIFIED: OrderCoverage
ORDER_COVERAGE_SATISFIED: OrderCoverage
ORDER_COVERAGE_PARTLY: OrderCoverage
ORDER_COVERAGE_NONE: OrderCoverage
ORDER_COVERAGE_UNMAPPED: OrderCoverage
ORDER_COVERAGE_ALREADY_DECIDED: OrderCoverage
DECISION_KIND_UNSPECIFIED: DecisionKind
DECISION_KIND_RECOGNIZED: DecisionKind
DECISION_KIND_REPEATED: DecisionKind
DECISION_KIND_REVOKED: DecisionKind
DECISION_OUTCOME_UNSPECIFIED: DecisionOutcome
DECISION_OUTCOME_RECORDED: DecisionOutcome
DECISION_OUTCOME_ALREADY_RECORDED: DecisionOutcome
DECISION_OUTCOME_CONFLICT: DecisionOutcome
DECISION_OUTCOME_REFUSED: DecisionOutcome
PROMPT_EVENT_KIND_UNSPECIFIED: PromptEventKind
PROMPT_EVENT_KIND_SHOWN: PromptEventKind
PROMPT_EVENT_KIND_OPENED: PromptEventKind
PROMPT_EVENT_KIND_DISMISSED: PromptEventKind
PROMPT_EVENT_KIND_CITED: PromptEventKind
PROMPT_EVENT_KIND_REORDERED: PromptEventKind
NOTICE_KIND_UNSPECIFIED: NoticeKind
NOTICE_KIND_CORRECTED: NoticeKind
NOTICE_KIND_WITHDRAWN: NoticeKind
NOTICE_KIND_NOT_REUSABLE: NoticeKind
NOTICE_KIND_PATIENT_CHANGED: NoticeKind
NOTICE_KIND_WITHHELD: NoticeKind
RELIANCE_UNSPECIFIED: Reliance
RELIANCE_OPENED: Reliance
RELIANCE_CITED: Reliance
RELIANCE_RECOGNIZED: Reliance

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
    __slots__ = ("request_id", "patient", "context", "include_not_reusable", "explain", "validate_only")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PATIENT_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_NOT_REUSABLE_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    patient: PatientQuery
    context: CallContext
    include_not_reusable: bool
    explain: bool
    validate_only: bool
    def __init__(self, request_id: _Optional[str] = ..., patient: _Optional[_Union[PatientQuery, _Mapping]] = ..., context: _Optional[_Union[CallContext, _Mapping]] = ..., include_not_reusable: _Optional[bool] = ..., explain: _Optional[bool] = ..., validate_only: _Optional[bool] = ...) -> None: ...

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

class Order(_message.Message):
    __slots__ = ("order_id", "code", "body_site", "method", "specimen", "item")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    BODY_SITE_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    SPECIMEN_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    order_id: str
    code: _report_pb2.CodeableConcept
    body_site: _report_pb2.CodeableConcept
    method: _report_pb2.CodeableConcept
    specimen: _report_pb2.CodeableConcept
    item: str
    def __init__(self, order_id: _Optional[str] = ..., code: _Optional[_Union[_report_pb2.CodeableConcept, _Mapping]] = ..., body_site: _Optional[_Union[_report_pb2.CodeableConcept, _Mapping]] = ..., method: _Optional[_Union[_report_pb2.CodeableConcept, _Mapping]] = ..., specimen: _Optional[_Union[_report_pb2.CodeableConcept, _Mapping]] = ..., item: _Optional[str] = ...) -> None: ...

class OrderedItem(_message.Message):
    __slots__ = ("item", "line", "not_reusable", "already_decided")
    ITEM_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    NOT_REUSABLE_FIELD_NUMBER: _ClassVar[int]
    ALREADY_DECIDED_FIELD_NUMBER: _ClassVar[int]
    item: _report_pb2.ItemRef
    line: _report_pb2.PromptLine
    not_reusable: _containers.RepeatedCompositeFieldContainer[_report_pb2.ResultEntry]
    already_decided: bool
    def __init__(self, item: _Optional[_Union[_report_pb2.ItemRef, _Mapping]] = ..., line: _Optional[_Union[_report_pb2.PromptLine, _Mapping]] = ..., not_reusable: _Optional[_Iterable[_Union[_report_pb2.ResultEntry, _Mapping]]] = ..., already_decided: _Optional[bool] = ...) -> None: ...

class OrderAnswer(_message.Message):
    __slots__ = ("order_id", "coverage", "items")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    order_id: str
    coverage: OrderCoverage
    items: _containers.RepeatedCompositeFieldContainer[OrderedItem]
    def __init__(self, order_id: _Optional[str] = ..., coverage: _Optional[_Union[OrderCoverage, str]] = ..., items: _Optional[_Iterable[_Union[OrderedItem, _Mapping]]] = ...) -> None: ...

class CheckOrdersRequest(_message.Message):
    __slots__ = ("request_id", "patient", "context", "orders", "explain")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PATIENT_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    ORDERS_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    patient: PatientQuery
    context: CallContext
    orders: _containers.RepeatedCompositeFieldContainer[Order]
    explain: bool
    def __init__(self, request_id: _Optional[str] = ..., patient: _Optional[_Union[PatientQuery, _Mapping]] = ..., context: _Optional[_Union[CallContext, _Mapping]] = ..., orders: _Optional[_Iterable[_Union[Order, _Mapping]]] = ..., explain: _Optional[bool] = ...) -> None: ...

class CheckOrdersResponse(_message.Message):
    __slots__ = ("prompt_id", "outcome", "answers", "ask", "coverage", "judged_at", "rules_version", "withheld_count", "grounds")
    PROMPT_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    ASK_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    JUDGED_AT_FIELD_NUMBER: _ClassVar[int]
    RULES_VERSION_FIELD_NUMBER: _ClassVar[int]
    WITHHELD_COUNT_FIELD_NUMBER: _ClassVar[int]
    GROUNDS_FIELD_NUMBER: _ClassVar[int]
    prompt_id: str
    outcome: Outcome
    answers: _containers.RepeatedCompositeFieldContainer[OrderAnswer]
    ask: bool
    coverage: _containers.RepeatedCompositeFieldContainer[SourceCoverage]
    judged_at: _timestamp_pb2.Timestamp
    rules_version: int
    withheld_count: int
    grounds: _containers.RepeatedCompositeFieldContainer[RepeatGround]
    def __init__(self, prompt_id: _Optional[str] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., answers: _Optional[_Iterable[_Union[OrderAnswer, _Mapping]]] = ..., ask: _Optional[bool] = ..., coverage: _Optional[_Iterable[_Union[SourceCoverage, _Mapping]]] = ..., judged_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., rules_version: _Optional[int] = ..., withheld_count: _Optional[int] = ..., grounds: _Optional[_Iterable[_Union[RepeatGround, _Mapping]]] = ...) -> None: ...

class RepeatGround(_message.Message):
    __slots__ = ("code", "name_zh", "name_en", "needs_text")
    CODE_FIELD_NUMBER: _ClassVar[int]
    NAME_ZH_FIELD_NUMBER: _ClassVar[int]
    NAME_EN_FIELD_NUMBER: _ClassVar[int]
    NEEDS_TEXT_FIELD_NUMBER: _ClassVar[int]
    code: str
    name_zh: str
    name_en: str
    needs_text: bool
    def __init__(self, code: _Optional[str] = ..., name_zh: _Optional[str] = ..., name_en: _Optional[str] = ..., needs_text: _Optional[bool] = ...) -> None: ...

class Decision(_message.Message):
    __slots__ = ("prompt_id", "item", "kind", "ground", "text", "decided_at")
    PROMPT_ID_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    GROUND_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    DECIDED_AT_FIELD_NUMBER: _ClassVar[int]
    prompt_id: str
    item: str
    kind: DecisionKind
    ground: str
    text: str
    decided_at: _timestamp_pb2.Timestamp
    def __init__(self, prompt_id: _Optional[str] = ..., item: _Optional[str] = ..., kind: _Optional[_Union[DecisionKind, str]] = ..., ground: _Optional[str] = ..., text: _Optional[str] = ..., decided_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Citation(_message.Message):
    __slots__ = ("text_zh", "text_en", "value", "report_id")
    TEXT_ZH_FIELD_NUMBER: _ClassVar[int]
    TEXT_EN_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    REPORT_ID_FIELD_NUMBER: _ClassVar[int]
    text_zh: str
    text_en: str
    value: str
    report_id: str
    def __init__(self, text_zh: _Optional[str] = ..., text_en: _Optional[str] = ..., value: _Optional[str] = ..., report_id: _Optional[str] = ...) -> None: ...

class DecisionResult(_message.Message):
    __slots__ = ("outcome", "reason", "message", "path", "standing", "refused", "citation", "price_fen", "revoked")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    STANDING_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    CITATION_FIELD_NUMBER: _ClassVar[int]
    PRICE_FEN_FIELD_NUMBER: _ClassVar[int]
    REVOKED_FIELD_NUMBER: _ClassVar[int]
    outcome: DecisionOutcome
    reason: _error_reason_pb2.ErrorReason
    message: str
    path: str
    standing: Decision
    refused: Decision
    citation: Citation
    price_fen: int
    revoked: bool
    def __init__(self, outcome: _Optional[_Union[DecisionOutcome, str]] = ..., reason: _Optional[_Union[_error_reason_pb2.ErrorReason, str]] = ..., message: _Optional[str] = ..., path: _Optional[str] = ..., standing: _Optional[_Union[Decision, _Mapping]] = ..., refused: _Optional[_Union[Decision, _Mapping]] = ..., citation: _Optional[_Union[Citation, _Mapping]] = ..., price_fen: _Optional[int] = ..., revoked: _Optional[bool] = ...) -> None: ...

class RecordDecisionsRequest(_message.Message):
    __slots__ = ("context", "decisions")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    context: CallContext
    decisions: _containers.RepeatedCompositeFieldContainer[Decision]
    def __init__(self, context: _Optional[_Union[CallContext, _Mapping]] = ..., decisions: _Optional[_Iterable[_Union[Decision, _Mapping]]] = ...) -> None: ...

class RecordDecisionsResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[DecisionResult]
    def __init__(self, results: _Optional[_Iterable[_Union[DecisionResult, _Mapping]]] = ...) -> None: ...

class PromptEvent(_message.Message):
    __slots__ = ("prompt_id", "item", "kind", "at")
    PROMPT_ID_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    prompt_id: str
    item: str
    kind: PromptEventKind
    at: _timestamp_pb2.Timestamp
    def __init__(self, prompt_id: _Optional[str] = ..., item: _Optional[str] = ..., kind: _Optional[_Union[PromptEventKind, str]] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ReportPromptEventsRequest(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[PromptEvent]
    def __init__(self, events: _Optional[_Iterable[_Union[PromptEvent, _Mapping]]] = ...) -> None: ...

class ReportPromptEventsResponse(_message.Message):
    __slots__ = ("recorded", "already_recorded", "faults")
    RECORDED_FIELD_NUMBER: _ClassVar[int]
    ALREADY_RECORDED_FIELD_NUMBER: _ClassVar[int]
    FAULTS_FIELD_NUMBER: _ClassVar[int]
    recorded: int
    already_recorded: int
    faults: _containers.RepeatedCompositeFieldContainer[PromptEventFault]
    def __init__(self, recorded: _Optional[int] = ..., already_recorded: _Optional[int] = ..., faults: _Optional[_Iterable[_Union[PromptEventFault, _Mapping]]] = ...) -> None: ...

class PromptEventFault(_message.Message):
    __slots__ = ("index", "reason", "message")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    index: int
    reason: _error_reason_pb2.ErrorReason
    message: str
    def __init__(self, index: _Optional[int] = ..., reason: _Optional[_Union[_error_reason_pb2.ErrorReason, str]] = ..., message: _Optional[str] = ...) -> None: ...

class Notice(_message.Message):
    __slots__ = ("notice_id", "kind", "report_id", "item", "issuer", "reliance", "encounter", "practitioner", "relied_at", "created_at", "acknowledged_at", "reasons", "resume_token")
    NOTICE_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    REPORT_ID_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    RELIANCE_FIELD_NUMBER: _ClassVar[int]
    ENCOUNTER_FIELD_NUMBER: _ClassVar[int]
    PRACTITIONER_FIELD_NUMBER: _ClassVar[int]
    RELIED_AT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGED_AT_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    notice_id: str
    kind: NoticeKind
    report_id: str
    item: _report_pb2.ItemRef
    issuer: _report_pb2.InstitutionRef
    reliance: Reliance
    encounter: str
    practitioner: str
    relied_at: _timestamp_pb2.Timestamp
    created_at: _timestamp_pb2.Timestamp
    acknowledged_at: _timestamp_pb2.Timestamp
    reasons: _containers.RepeatedScalarFieldContainer[_report_pb2.NotReusableReason]
    resume_token: str
    def __init__(self, notice_id: _Optional[str] = ..., kind: _Optional[_Union[NoticeKind, str]] = ..., report_id: _Optional[str] = ..., item: _Optional[_Union[_report_pb2.ItemRef, _Mapping]] = ..., issuer: _Optional[_Union[_report_pb2.InstitutionRef, _Mapping]] = ..., reliance: _Optional[_Union[Reliance, str]] = ..., encounter: _Optional[str] = ..., practitioner: _Optional[str] = ..., relied_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., acknowledged_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reasons: _Optional[_Iterable[_Union[_report_pb2.NotReusableReason, str]]] = ..., resume_token: _Optional[str] = ...) -> None: ...

class WatchNoticesRequest(_message.Message):
    __slots__ = ("context", "resume_token")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    context: CallContext
    resume_token: str
    def __init__(self, context: _Optional[_Union[CallContext, _Mapping]] = ..., resume_token: _Optional[str] = ...) -> None: ...

class WatchNoticesResponse(_message.Message):
    __slots__ = ("notice",)
    NOTICE_FIELD_NUMBER: _ClassVar[int]
    notice: Notice
    def __init__(self, notice: _Optional[_Union[Notice, _Mapping]] = ...) -> None: ...

class ListNoticesRequest(_message.Message):
    __slots__ = ("context", "include_acknowledged", "page_size", "page_token")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_ACKNOWLEDGED_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    context: CallContext
    include_acknowledged: bool
    page_size: int
    page_token: str
    def __init__(self, context: _Optional[_Union[CallContext, _Mapping]] = ..., include_acknowledged: _Optional[bool] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListNoticesResponse(_message.Message):
    __slots__ = ("notices", "next_page_token")
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    notices: _containers.RepeatedCompositeFieldContainer[Notice]
    next_page_token: str
    def __init__(self, notices: _Optional[_Iterable[_Union[Notice, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class AcknowledgeNoticeRequest(_message.Message):
    __slots__ = ("context", "notice_id")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    NOTICE_ID_FIELD_NUMBER: _ClassVar[int]
    context: CallContext
    notice_id: str
    def __init__(self, context: _Optional[_Union[CallContext, _Mapping]] = ..., notice_id: _Optional[str] = ...) -> None: ...

class AcknowledgeNoticeResponse(_message.Message):
    __slots__ = ("notice",)
    NOTICE_FIELD_NUMBER: _ClassVar[int]
    notice: Notice
    def __init__(self, notice: _Optional[_Union[Notice, _Mapping]] = ...) -> None: ...

class GetTrendRequest(_message.Message):
    __slots__ = ("patient", "context", "item", "taken_from", "taken_before", "unit")
    PATIENT_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    TAKEN_FROM_FIELD_NUMBER: _ClassVar[int]
    TAKEN_BEFORE_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    patient: PatientQuery
    context: CallContext
    item: str
    taken_from: _timestamp_pb2.Timestamp
    taken_before: _timestamp_pb2.Timestamp
    unit: str
    def __init__(self, patient: _Optional[_Union[PatientQuery, _Mapping]] = ..., context: _Optional[_Union[CallContext, _Mapping]] = ..., item: _Optional[str] = ..., taken_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., taken_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., unit: _Optional[str] = ...) -> None: ...

class TrendPoint(_message.Message):
    __slots__ = ("result", "value", "converted")
    RESULT_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    CONVERTED_FIELD_NUMBER: _ClassVar[int]
    result: _report_pb2.ResultEntry
    value: str
    converted: str
    def __init__(self, result: _Optional[_Union[_report_pb2.ResultEntry, _Mapping]] = ..., value: _Optional[str] = ..., converted: _Optional[str] = ...) -> None: ...

class TrendSeries(_message.Message):
    __slots__ = ("unit", "ucum", "method", "specimen", "points", "conversion", "group")
    UNIT_FIELD_NUMBER: _ClassVar[int]
    UCUM_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    SPECIMEN_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    CONVERSION_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    unit: str
    ucum: str
    method: str
    specimen: str
    points: _containers.RepeatedCompositeFieldContainer[TrendPoint]
    conversion: Conversion
    group: int
    def __init__(self, unit: _Optional[str] = ..., ucum: _Optional[str] = ..., method: _Optional[str] = ..., specimen: _Optional[str] = ..., points: _Optional[_Iterable[_Union[TrendPoint, _Mapping]]] = ..., conversion: _Optional[_Union[Conversion, _Mapping]] = ..., group: _Optional[int] = ...) -> None: ...

class Conversion(_message.Message):
    __slots__ = ("unit", "factor", "molar_mass")
    UNIT_FIELD_NUMBER: _ClassVar[int]
    FACTOR_FIELD_NUMBER: _ClassVar[int]
    MOLAR_MASS_FIELD_NUMBER: _ClassVar[int]
    unit: str
    factor: str
    molar_mass: str
    def __init__(self, unit: _Optional[str] = ..., factor: _Optional[str] = ..., molar_mass: _Optional[str] = ...) -> None: ...

class GetTrendResponse(_message.Message):
    __slots__ = ("item", "series", "outcome", "coverage", "withheld_count")
    ITEM_FIELD_NUMBER: _ClassVar[int]
    SERIES_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    WITHHELD_COUNT_FIELD_NUMBER: _ClassVar[int]
    item: _report_pb2.ItemRef
    series: _containers.RepeatedCompositeFieldContainer[TrendSeries]
    outcome: Outcome
    coverage: _containers.RepeatedCompositeFieldContainer[SourceCoverage]
    withheld_count: int
    def __init__(self, item: _Optional[_Union[_report_pb2.ItemRef, _Mapping]] = ..., series: _Optional[_Iterable[_Union[TrendSeries, _Mapping]]] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., coverage: _Optional[_Iterable[_Union[SourceCoverage, _Mapping]]] = ..., withheld_count: _Optional[int] = ...) -> None: ...

class ExplainItemRequest(_message.Message):
    __slots__ = ("patient", "context", "item")
    PATIENT_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    patient: PatientQuery
    context: CallContext
    item: str
    def __init__(self, patient: _Optional[_Union[PatientQuery, _Mapping]] = ..., context: _Optional[_Union[CallContext, _Mapping]] = ..., item: _Optional[str] = ...) -> None: ...

class ExplainItemResponse(_message.Message):
    __slots__ = ("item", "results", "outcome", "rules_version", "judged_at")
    ITEM_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    RULES_VERSION_FIELD_NUMBER: _ClassVar[int]
    JUDGED_AT_FIELD_NUMBER: _ClassVar[int]
    item: _report_pb2.ItemRef
    results: _containers.RepeatedCompositeFieldContainer[_report_pb2.ResultEntry]
    outcome: Outcome
    rules_version: int
    judged_at: _timestamp_pb2.Timestamp
    def __init__(self, item: _Optional[_Union[_report_pb2.ItemRef, _Mapping]] = ..., results: _Optional[_Iterable[_Union[_report_pb2.ResultEntry, _Mapping]]] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., rules_version: _Optional[int] = ..., judged_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
