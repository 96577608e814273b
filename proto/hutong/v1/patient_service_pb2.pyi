import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from hutong.v1 import report_pb2 as _report_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PatientRecord(_message.Message):
    __slots__ = ("record", "demographics", "reports", "institutions", "opened_at", "known_reports")
    RECORD_FIELD_NUMBER: _ClassVar[int]
    DEMOGRAPHICS_FIELD_NUMBER: _ClassVar[int]
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    INSTITUTIONS_FIELD_NUMBER: _ClassVar[int]
    OPENED_AT_FIELD_NUMBER: _ClassVar[int]
    KNOWN_REPORTS_FIELD_NUMBER: _ClassVar[int]
    record: str
    demographics: _report_pb2.Demographics
    reports: int
    institutions: _containers.RepeatedScalarFieldContainer[str]
    opened_at: _timestamp_pb2.Timestamp
    known_reports: _containers.RepeatedCompositeFieldContainer[RecordReport]
    def __init__(self, record: _Optional[str] = ..., demographics: _Optional[_Union[_report_pb2.Demographics, _Mapping]] = ..., reports: _Optional[int] = ..., institutions: _Optional[_Iterable[str]] = ..., opened_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_reports: _Optional[_Iterable[_Union[RecordReport, _Mapping]]] = ...) -> None: ...

class RecordReport(_message.Message):
    __slots__ = ("report_id", "institution", "received_at", "withheld")
    REPORT_ID_FIELD_NUMBER: _ClassVar[int]
    INSTITUTION_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_FIELD_NUMBER: _ClassVar[int]
    WITHHELD_FIELD_NUMBER: _ClassVar[int]
    report_id: str
    institution: str
    received_at: _timestamp_pb2.Timestamp
    withheld: bool
    def __init__(self, report_id: _Optional[str] = ..., institution: _Optional[str] = ..., received_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., withheld: _Optional[bool] = ...) -> None: ...

class Person(_message.Message):
    __slots__ = ("records",)
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    records: _containers.RepeatedCompositeFieldContainer[PatientRecord]
    def __init__(self, records: _Optional[_Iterable[_Union[PatientRecord, _Mapping]]] = ...) -> None: ...

class PatientStep(_message.Message):
    __slots__ = ("step", "action", "records", "reason", "by", "at", "undone_at")
    STEP_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    UNDONE_AT_FIELD_NUMBER: _ClassVar[int]
    step: str
    action: str
    records: _containers.RepeatedScalarFieldContainer[str]
    reason: str
    by: str
    at: _timestamp_pb2.Timestamp
    undone_at: _timestamp_pb2.Timestamp
    def __init__(self, step: _Optional[str] = ..., action: _Optional[str] = ..., records: _Optional[_Iterable[str]] = ..., reason: _Optional[str] = ..., by: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., undone_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class HeldReport(_message.Message):
    __slots__ = ("held", "institution", "received_at", "reason", "demographics", "candidates")
    HELD_FIELD_NUMBER: _ClassVar[int]
    INSTITUTION_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DEMOGRAPHICS_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    held: str
    institution: str
    received_at: _timestamp_pb2.Timestamp
    reason: str
    demographics: _report_pb2.Demographics
    candidates: _containers.RepeatedCompositeFieldContainer[Person]
    def __init__(self, held: _Optional[str] = ..., institution: _Optional[str] = ..., received_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reason: _Optional[str] = ..., demographics: _Optional[_Union[_report_pb2.Demographics, _Mapping]] = ..., candidates: _Optional[_Iterable[_Union[Person, _Mapping]]] = ...) -> None: ...

class ListHeldReportsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListHeldReportsResponse(_message.Message):
    __slots__ = ("held", "next_page_token")
    HELD_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    held: _containers.RepeatedCompositeFieldContainer[HeldReport]
    next_page_token: str
    def __init__(self, held: _Optional[_Iterable[_Union[HeldReport, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ShowPatientRequest(_message.Message):
    __slots__ = ("identifier",)
    IDENTIFIER_FIELD_NUMBER: _ClassVar[int]
    identifier: _report_pb2.PatientIdentifier
    def __init__(self, identifier: _Optional[_Union[_report_pb2.PatientIdentifier, _Mapping]] = ...) -> None: ...

class ShowPatientResponse(_message.Message):
    __slots__ = ("persons", "steps")
    PERSONS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    persons: _containers.RepeatedCompositeFieldContainer[Person]
    steps: _containers.RepeatedCompositeFieldContainer[PatientStep]
    def __init__(self, persons: _Optional[_Iterable[_Union[Person, _Mapping]]] = ..., steps: _Optional[_Iterable[_Union[PatientStep, _Mapping]]] = ...) -> None: ...

class PlaceHeldReportRequest(_message.Message):
    __slots__ = ("held", "record", "reason")
    HELD_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    held: str
    record: str
    reason: str
    def __init__(self, held: _Optional[str] = ..., record: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class PlaceHeldReportResponse(_message.Message):
    __slots__ = ("step",)
    STEP_FIELD_NUMBER: _ClassVar[int]
    step: PatientStep
    def __init__(self, step: _Optional[_Union[PatientStep, _Mapping]] = ...) -> None: ...

class LinkPatientsRequest(_message.Message):
    __slots__ = ("record", "other_record", "reason")
    RECORD_FIELD_NUMBER: _ClassVar[int]
    OTHER_RECORD_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    record: str
    other_record: str
    reason: str
    def __init__(self, record: _Optional[str] = ..., other_record: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class LinkPatientsResponse(_message.Message):
    __slots__ = ("step",)
    STEP_FIELD_NUMBER: _ClassVar[int]
    step: PatientStep
    def __init__(self, step: _Optional[_Union[PatientStep, _Mapping]] = ...) -> None: ...

class UnlinkPatientRequest(_message.Message):
    __slots__ = ("record", "reason")
    RECORD_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    record: str
    reason: str
    def __init__(self, record: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class UnlinkPatientResponse(_message.Message):
    __slots__ = ("step",)
    STEP_FIELD_NUMBER: _ClassVar[int]
    step: PatientStep
    def __init__(self, step: _Optional[_Union[PatientStep, _Mapping]] = ...) -> None: ...

class UndoPatientStepRequest(_message.Message):
    __slots__ = ("step", "reason")
    STEP_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    step: str
    reason: str
    def __init__(self, step: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class UndoPatientStepResponse(_message.Message):
    __slots__ = ("step",)
    STEP_FIELD_NUMBER: _ClassVar[int]
    step: PatientStep
    def __init__(self, step: _Optional[_Union[PatientStep, _Mapping]] = ...) -> None: ...

class WithholdReportRequest(_message.Message):
    __slots__ = ("report_id", "lift", "reason")
    REPORT_ID_FIELD_NUMBER: _ClassVar[int]
    LIFT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    report_id: str
    lift: bool
    reason: str
    def __init__(self, report_id: _Optional[str] = ..., lift: _Optional[bool] = ..., reason: _Optional[str] = ...) -> None: ...

class WithholdReportResponse(_message.Message):
    __slots__ = ("withheld", "notified")
    WITHHELD_FIELD_NUMBER: _ClassVar[int]
    NOTIFIED_FIELD_NUMBER: _ClassVar[int]
    withheld: bool
    notified: int
    def __init__(self, withheld: _Optional[bool] = ..., notified: _Optional[int] = ...) -> None: ...
