import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from hutong.v1 import reuse_service_pb2 as _reuse_service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Access(_message.Message):
    __slots__ = ("leaf_id", "at", "method", "institution", "role", "practitioner", "department", "purpose", "consent_basis", "outcome", "reports")
    LEAF_ID_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    INSTITUTION_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    PRACTITIONER_FIELD_NUMBER: _ClassVar[int]
    DEPARTMENT_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    CONSENT_BASIS_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    leaf_id: str
    at: _timestamp_pb2.Timestamp
    method: str
    institution: str
    role: str
    practitioner: str
    department: str
    purpose: str
    consent_basis: str
    outcome: str
    reports: int
    def __init__(self, leaf_id: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., method: _Optional[str] = ..., institution: _Optional[str] = ..., role: _Optional[str] = ..., practitioner: _Optional[str] = ..., department: _Optional[str] = ..., purpose: _Optional[str] = ..., consent_basis: _Optional[str] = ..., outcome: _Optional[str] = ..., reports: _Optional[int] = ...) -> None: ...

class ListAccessesRequest(_message.Message):
    __slots__ = ("patient", "before", "page_size", "page_token", "purpose")
    PATIENT_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    patient: _reuse_service_pb2.PatientQuery
    before: _timestamp_pb2.Timestamp
    page_size: int
    page_token: str
    purpose: str
    def __init__(self, patient: _Optional[_Union[_reuse_service_pb2.PatientQuery, _Mapping]] = ..., before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., purpose: _Optional[str] = ..., **kwargs) -> None: ...

class ListAccessesResponse(_message.Message):
    __slots__ = ("accesses", "next_page_token")
    ACCESSES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    accesses: _containers.RepeatedCompositeFieldContainer[Access]
    next_page_token: str
    def __init__(self, accesses: _Optional[_Iterable[_Union[Access, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ProveAccessRequest(_message.Message):
    __slots__ = ("leaf_id",)
    LEAF_ID_FIELD_NUMBER: _ClassVar[int]
    leaf_id: str
    def __init__(self, leaf_id: _Optional[str] = ...) -> None: ...

class ProveAccessResponse(_message.Message):
    __slots__ = ("leaf", "leaf_index", "path", "checkpoint")
    LEAF_FIELD_NUMBER: _ClassVar[int]
    LEAF_INDEX_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    leaf: bytes
    leaf_index: int
    path: _containers.RepeatedScalarFieldContainer[bytes]
    checkpoint: str
    def __init__(self, leaf: _Optional[bytes] = ..., leaf_index: _Optional[int] = ..., path: _Optional[_Iterable[bytes]] = ..., checkpoint: _Optional[str] = ...) -> None: ...

class ListCheckpointsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListCheckpointsResponse(_message.Message):
    __slots__ = ("checkpoints", "public_key")
    CHECKPOINTS_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    checkpoints: _containers.RepeatedScalarFieldContainer[str]
    public_key: str
    def __init__(self, checkpoints: _Optional[_Iterable[str]] = ..., public_key: _Optional[str] = ...) -> None: ...
