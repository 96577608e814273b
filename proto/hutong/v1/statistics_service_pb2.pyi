import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from hutong.v1 import report_pb2 as _report_pb2
from hutong.v1 import reuse_service_pb2 as _reuse_service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Grouping(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GROUPING_UNSPECIFIED: _ClassVar[Grouping]
    GROUPING_DAY: _ClassVar[Grouping]
    GROUPING_SOURCE: _ClassVar[Grouping]
    GROUPING_RECEIVER: _ClassVar[Grouping]
    GROUPING_DEPARTMENT: _ClassVar[Grouping]
    GROUPING_ITEM: _ClassVar[Grouping]
    GROUPING_SPECIALTY: _ClassVar[Grouping]
    GROUPING_GROUND: _ClassVar[Grouping]

class StatisticsMeasure(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STATISTICS_MEASURE_UNSPECIFIED: _ClassVar[StatisticsMeasure]
    STATISTICS_MEASURE_PROMPTS: _ClassVar[StatisticsMeasure]
    STATISTICS_MEASURE_REMINDERS: _ClassVar[StatisticsMeasure]
    STATISTICS_MEASURE_RETURNED: _ClassVar[StatisticsMeasure]
    STATISTICS_MEASURE_SHOWN: _ClassVar[StatisticsMeasure]
    STATISTICS_MEASURE_OPENED: _ClassVar[StatisticsMeasure]
    STATISTICS_MEASURE_DISMISSED: _ClassVar[StatisticsMeasure]
    STATISTICS_MEASURE_CITED: _ClassVar[StatisticsMeasure]
    STATISTICS_MEASURE_REORDERED: _ClassVar[StatisticsMeasure]
    STATISTICS_MEASURE_RECOGNIZED: _ClassVar[StatisticsMeasure]
    STATISTICS_MEASURE_REPEATED: _ClassVar[StatisticsMeasure]
    STATISTICS_MEASURE_REVOKED: _ClassVar[StatisticsMeasure]
    STATISTICS_MEASURE_REFUSED: _ClassVar[StatisticsMeasure]
    STATISTICS_MEASURE_UNPRICED: _ClassVar[StatisticsMeasure]
GROUPING_UNSPECIFIED: Grouping
GROUPING_DAY: Grouping
GROUPING_SOURCE: Grouping
GROUPING_RECEIVER: Grouping
GROUPING_DEPARTMENT: Grouping
GROUPING_ITEM: Grouping
GROUPING_SPECIALTY: Grouping
GROUPING_GROUND: Grouping
STATISTICS_MEASURE_UNSPECIFIED: StatisticsMeasure
STATISTICS_MEASURE_PROMPTS: StatisticsMeasure
STATISTICS_MEASURE_REMINDERS: StatisticsMeasure
STATISTICS_MEASURE_RETURNED: StatisticsMeasure
STATISTICS_MEASURE_SHOWN: StatisticsMeasure
STATISTICS_MEASURE_OPENED: StatisticsMeasure
STATISTICS_MEASURE_DISMISSED: StatisticsMeasure
STATISTICS_MEASURE_CITED: StatisticsMeasure
STATISTICS_MEASURE_REORDERED: StatisticsMeasure
STATISTICS_MEASURE_RECOGNIZED: StatisticsMeasure
STATISTICS_MEASURE_REPEATED: StatisticsMeasure
STATISTICS_MEASURE_REVOKED: StatisticsMeasure
STATISTICS_MEASURE_REFUSED: StatisticsMeasure
STATISTICS_MEASURE_UNPRICED: StatisticsMeasure

class StatisticsFilter(_message.Message):
    __slots__ = ("first_day", "last_day", "source", "receiver", "department", "item", "specialty", "ground")
    FIRST_DAY_FIELD_NUMBER: _ClassVar[int]
    LAST_DAY_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    RECEIVER_FIELD_NUMBER: _ClassVar[int]
    DEPARTMENT_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    SPECIALTY_FIELD_NUMBER: _ClassVar[int]
    GROUND_FIELD_NUMBER: _ClassVar[int]
    first_day: str
    last_day: str
    source: str
    receiver: str
    department: str
    item: str
    specialty: _report_pb2.Specialty
    ground: str
    def __init__(self, first_day: _Optional[str] = ..., last_day: _Optional[str] = ..., source: _Optional[str] = ..., receiver: _Optional[str] = ..., department: _Optional[str] = ..., item: _Optional[str] = ..., specialty: _Optional[_Union[_report_pb2.Specialty, str]] = ..., ground: _Optional[str] = ...) -> None: ...

class GetStatisticsRequest(_message.Message):
    __slots__ = ("filter", "group_by", "page_size", "page_token")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    GROUP_BY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    filter: StatisticsFilter
    group_by: _containers.RepeatedScalarFieldContainer[Grouping]
    page_size: int
    page_token: str
    def __init__(self, filter: _Optional[_Union[StatisticsFilter, _Mapping]] = ..., group_by: _Optional[_Iterable[_Union[Grouping, str]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class StatisticsCounts(_message.Message):
    __slots__ = ("prompts", "reminders", "returned", "shown", "opened", "dismissed", "cited", "reordered", "recognized", "repeated_all", "refused", "revoked", "savings_fen", "unpriced")
    PROMPTS_FIELD_NUMBER: _ClassVar[int]
    REMINDERS_FIELD_NUMBER: _ClassVar[int]
    RETURNED_FIELD_NUMBER: _ClassVar[int]
    SHOWN_FIELD_NUMBER: _ClassVar[int]
    OPENED_FIELD_NUMBER: _ClassVar[int]
    DISMISSED_FIELD_NUMBER: _ClassVar[int]
    CITED_FIELD_NUMBER: _ClassVar[int]
    REORDERED_FIELD_NUMBER: _ClassVar[int]
    RECOGNIZED_FIELD_NUMBER: _ClassVar[int]
    REPEATED_ALL_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    REVOKED_FIELD_NUMBER: _ClassVar[int]
    SAVINGS_FEN_FIELD_NUMBER: _ClassVar[int]
    UNPRICED_FIELD_NUMBER: _ClassVar[int]
    prompts: int
    reminders: int
    returned: int
    shown: int
    opened: int
    dismissed: int
    cited: int
    reordered: int
    recognized: int
    repeated_all: int
    refused: int
    revoked: int
    savings_fen: int
    unpriced: int
    def __init__(self, prompts: _Optional[int] = ..., reminders: _Optional[int] = ..., returned: _Optional[int] = ..., shown: _Optional[int] = ..., opened: _Optional[int] = ..., dismissed: _Optional[int] = ..., cited: _Optional[int] = ..., reordered: _Optional[int] = ..., recognized: _Optional[int] = ..., repeated_all: _Optional[int] = ..., refused: _Optional[int] = ..., revoked: _Optional[int] = ..., savings_fen: _Optional[int] = ..., unpriced: _Optional[int] = ...) -> None: ...

class StatisticsRate(_message.Message):
    __slots__ = ("name", "numerator", "denominator", "of")
    NAME_FIELD_NUMBER: _ClassVar[int]
    NUMERATOR_FIELD_NUMBER: _ClassVar[int]
    DENOMINATOR_FIELD_NUMBER: _ClassVar[int]
    OF_FIELD_NUMBER: _ClassVar[int]
    name: str
    numerator: int
    denominator: int
    of: str
    def __init__(self, name: _Optional[str] = ..., numerator: _Optional[int] = ..., denominator: _Optional[int] = ..., of: _Optional[str] = ...) -> None: ...

class StatisticsRow(_message.Message):
    __slots__ = ("group", "counts", "rates", "group_zh", "group_en")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    RATES_FIELD_NUMBER: _ClassVar[int]
    GROUP_ZH_FIELD_NUMBER: _ClassVar[int]
    GROUP_EN_FIELD_NUMBER: _ClassVar[int]
    group: _containers.RepeatedScalarFieldContainer[str]
    counts: StatisticsCounts
    rates: _containers.RepeatedCompositeFieldContainer[StatisticsRate]
    group_zh: _containers.RepeatedScalarFieldContainer[str]
    group_en: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, group: _Optional[_Iterable[str]] = ..., counts: _Optional[_Union[StatisticsCounts, _Mapping]] = ..., rates: _Optional[_Iterable[_Union[StatisticsRate, _Mapping]]] = ..., group_zh: _Optional[_Iterable[str]] = ..., group_en: _Optional[_Iterable[str]] = ...) -> None: ...

class GetStatisticsResponse(_message.Message):
    __slots__ = ("rows", "next_page_token", "counted_until")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    COUNTED_UNTIL_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[StatisticsRow]
    next_page_token: str
    counted_until: _timestamp_pb2.Timestamp
    def __init__(self, rows: _Optional[_Iterable[_Union[StatisticsRow, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., counted_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListStatisticsRowsRequest(_message.Message):
    __slots__ = ("filter", "measure", "context", "page_size", "page_token")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    filter: StatisticsFilter
    measure: StatisticsMeasure
    context: _reuse_service_pb2.CallContext
    page_size: int
    page_token: str
    def __init__(self, filter: _Optional[_Union[StatisticsFilter, _Mapping]] = ..., measure: _Optional[_Union[StatisticsMeasure, str]] = ..., context: _Optional[_Union[_reuse_service_pb2.CallContext, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class StatisticsEvent(_message.Message):
    __slots__ = ("prompt_id", "item", "source", "receiver", "department", "day", "ground", "price_fen")
    PROMPT_ID_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    RECEIVER_FIELD_NUMBER: _ClassVar[int]
    DEPARTMENT_FIELD_NUMBER: _ClassVar[int]
    DAY_FIELD_NUMBER: _ClassVar[int]
    GROUND_FIELD_NUMBER: _ClassVar[int]
    PRICE_FEN_FIELD_NUMBER: _ClassVar[int]
    prompt_id: str
    item: str
    source: str
    receiver: str
    department: str
    day: str
    ground: str
    price_fen: int
    def __init__(self, prompt_id: _Optional[str] = ..., item: _Optional[str] = ..., source: _Optional[str] = ..., receiver: _Optional[str] = ..., department: _Optional[str] = ..., day: _Optional[str] = ..., ground: _Optional[str] = ..., price_fen: _Optional[int] = ...) -> None: ...

class ListStatisticsRowsResponse(_message.Message):
    __slots__ = ("rows", "next_page_token")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[StatisticsEvent]
    next_page_token: str
    def __init__(self, rows: _Optional[_Iterable[_Union[StatisticsEvent, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListFeedFreshnessRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class FeedFreshness(_message.Message):
    __slots__ = ("institution", "last_received_at", "habit_seconds", "behind", "reports", "held")
    INSTITUTION_FIELD_NUMBER: _ClassVar[int]
    LAST_RECEIVED_AT_FIELD_NUMBER: _ClassVar[int]
    HABIT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    BEHIND_FIELD_NUMBER: _ClassVar[int]
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    institution: _report_pb2.InstitutionRef
    last_received_at: _timestamp_pb2.Timestamp
    habit_seconds: int
    behind: bool
    reports: int
    held: int
    def __init__(self, institution: _Optional[_Union[_report_pb2.InstitutionRef, _Mapping]] = ..., last_received_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., habit_seconds: _Optional[int] = ..., behind: _Optional[bool] = ..., reports: _Optional[int] = ..., held: _Optional[int] = ...) -> None: ...

class ListFeedFreshnessResponse(_message.Message):
    __slots__ = ("feeds", "next_page_token")
    FEEDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    feeds: _containers.RepeatedCompositeFieldContainer[FeedFreshness]
    next_page_token: str
    def __init__(self, feeds: _Optional[_Iterable[_Union[FeedFreshness, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
