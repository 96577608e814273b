import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from hutong.v1 import reuse_service_pb2 as _reuse_service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DirectiveEffect(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DIRECTIVE_EFFECT_UNSPECIFIED: _ClassVar[DirectiveEffect]
    DIRECTIVE_EFFECT_WITHHOLD: _ClassVar[DirectiveEffect]
    DIRECTIVE_EFFECT_ALLOW: _ClassVar[DirectiveEffect]

class DirectiveScope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DIRECTIVE_SCOPE_UNSPECIFIED: _ClassVar[DirectiveScope]
    DIRECTIVE_SCOPE_EVERYTHING: _ClassVar[DirectiveScope]
    DIRECTIVE_SCOPE_INSTITUTION: _ClassVar[DirectiveScope]
    DIRECTIVE_SCOPE_CATEGORY: _ClassVar[DirectiveScope]
DIRECTIVE_EFFECT_UNSPECIFIED: DirectiveEffect
DIRECTIVE_EFFECT_WITHHOLD: DirectiveEffect
DIRECTIVE_EFFECT_ALLOW: DirectiveEffect
DIRECTIVE_SCOPE_UNSPECIFIED: DirectiveScope
DIRECTIVE_SCOPE_EVERYTHING: DirectiveScope
DIRECTIVE_SCOPE_INSTITUTION: DirectiveScope
DIRECTIVE_SCOPE_CATEGORY: DirectiveScope

class Directive(_message.Message):
    __slots__ = ("directive_id", "effect", "scope", "target", "valid_from", "valid_until", "recorded_by", "recorded_at", "revoked_at")
    DIRECTIVE_ID_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    VALID_FROM_FIELD_NUMBER: _ClassVar[int]
    VALID_UNTIL_FIELD_NUMBER: _ClassVar[int]
    RECORDED_BY_FIELD_NUMBER: _ClassVar[int]
    RECORDED_AT_FIELD_NUMBER: _ClassVar[int]
    REVOKED_AT_FIELD_NUMBER: _ClassVar[int]
    directive_id: str
    effect: DirectiveEffect
    scope: DirectiveScope
    target: str
    valid_from: _timestamp_pb2.Timestamp
    valid_until: _timestamp_pb2.Timestamp
    recorded_by: str
    recorded_at: _timestamp_pb2.Timestamp
    revoked_at: _timestamp_pb2.Timestamp
    def __init__(self, directive_id: _Optional[str] = ..., effect: _Optional[_Union[DirectiveEffect, str]] = ..., scope: _Optional[_Union[DirectiveScope, str]] = ..., target: _Optional[str] = ..., valid_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., valid_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., recorded_by: _Optional[str] = ..., recorded_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., revoked_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class PutDirectiveRequest(_message.Message):
    __slots__ = ("request_id", "patient", "context", "directive")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PATIENT_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    DIRECTIVE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    patient: _reuse_service_pb2.PatientQuery
    context: _reuse_service_pb2.CallContext
    directive: Directive
    def __init__(self, request_id: _Optional[str] = ..., patient: _Optional[_Union[_reuse_service_pb2.PatientQuery, _Mapping]] = ..., context: _Optional[_Union[_reuse_service_pb2.CallContext, _Mapping]] = ..., directive: _Optional[_Union[Directive, _Mapping]] = ...) -> None: ...

class PutDirectiveResponse(_message.Message):
    __slots__ = ("directive",)
    DIRECTIVE_FIELD_NUMBER: _ClassVar[int]
    directive: Directive
    def __init__(self, directive: _Optional[_Union[Directive, _Mapping]] = ...) -> None: ...

class RevokeDirectiveRequest(_message.Message):
    __slots__ = ("directive_id", "patient", "context")
    DIRECTIVE_ID_FIELD_NUMBER: _ClassVar[int]
    PATIENT_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    directive_id: str
    patient: _reuse_service_pb2.PatientQuery
    context: _reuse_service_pb2.CallContext
    def __init__(self, directive_id: _Optional[str] = ..., patient: _Optional[_Union[_reuse_service_pb2.PatientQuery, _Mapping]] = ..., context: _Optional[_Union[_reuse_service_pb2.CallContext, _Mapping]] = ...) -> None: ...

class RevokeDirectiveResponse(_message.Message):
    __slots__ = ("directive",)
    DIRECTIVE_FIELD_NUMBER: _ClassVar[int]
    directive: Directive
    def __init__(self, directive: _Optional[_Union[Directive, _Mapping]] = ...) -> None: ...

class ListDirectivesRequest(_message.Message):
    __slots__ = ("patient", "context")
    PATIENT_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    patient: _reuse_service_pb2.PatientQuery
    context: _reuse_service_pb2.CallContext
    def __init__(self, patient: _Optional[_Union[_reuse_service_pb2.PatientQuery, _Mapping]] = ..., context: _Optional[_Union[_reuse_service_pb2.CallContext, _Mapping]] = ...) -> None: ...

class ListDirectivesResponse(_message.Message):
    __slots__ = ("directives",)
    DIRECTIVES_FIELD_NUMBER: _ClassVar[int]
    directives: _containers.RepeatedCompositeFieldContainer[Directive]
    def __init__(self, directives: _Optional[_Iterable[_Union[Directive, _Mapping]]] = ...) -> None: ...

class ListReviewsRequest(_message.Message):
    __slots__ = ("include_closed", "page_size", "page_token")
    INCLUDE_CLOSED_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    include_closed: bool
    page_size: int
    page_token: str
    def __init__(self, include_closed: _Optional[bool] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListReviewsResponse(_message.Message):
    __slots__ = ("reviews", "next_page_token")
    REVIEWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    reviews: _containers.RepeatedCompositeFieldContainer[Review]
    next_page_token: str
    def __init__(self, reviews: _Optional[_Iterable[_Union[Review, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class Review(_message.Message):
    __slots__ = ("review_id", "institution", "practitioner", "encounter", "reason", "opened_at", "open_until", "answers", "closed_at", "closed_by", "finding")
    REVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    INSTITUTION_FIELD_NUMBER: _ClassVar[int]
    PRACTITIONER_FIELD_NUMBER: _ClassVar[int]
    ENCOUNTER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OPENED_AT_FIELD_NUMBER: _ClassVar[int]
    OPEN_UNTIL_FIELD_NUMBER: _ClassVar[int]
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    CLOSED_AT_FIELD_NUMBER: _ClassVar[int]
    CLOSED_BY_FIELD_NUMBER: _ClassVar[int]
    FINDING_FIELD_NUMBER: _ClassVar[int]
    review_id: str
    institution: str
    practitioner: str
    encounter: str
    reason: str
    opened_at: _timestamp_pb2.Timestamp
    open_until: _timestamp_pb2.Timestamp
    answers: int
    closed_at: _timestamp_pb2.Timestamp
    closed_by: str
    finding: str
    def __init__(self, review_id: _Optional[str] = ..., institution: _Optional[str] = ..., practitioner: _Optional[str] = ..., encounter: _Optional[str] = ..., reason: _Optional[str] = ..., opened_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., open_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., answers: _Optional[int] = ..., closed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., closed_by: _Optional[str] = ..., finding: _Optional[str] = ...) -> None: ...

class CloseReviewRequest(_message.Message):
    __slots__ = ("review_id", "finding")
    REVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    FINDING_FIELD_NUMBER: _ClassVar[int]
    review_id: str
    finding: str
    def __init__(self, review_id: _Optional[str] = ..., finding: _Optional[str] = ...) -> None: ...

class CloseReviewResponse(_message.Message):
    __slots__ = ("review",)
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    review: Review
    def __init__(self, review: _Optional[_Union[Review, _Mapping]] = ...) -> None: ...
