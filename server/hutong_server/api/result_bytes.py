"""Results with their verdicts, written as they stand on the wire (hutong.v1.ResultEntry).

An answer has dozens, and a message object costs more than its bytes: what is alike in many answers (institutions,
items) is written once for a rule book, and what a reader sees is copied as it was stored. Bytes of one message put
after each other are one message, with all their fields (protobuf.dev/programming-guides/encoding#last-one-wins).
"""

import re
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple

from google.protobuf.descriptor import FieldDescriptor
from hutong.v1 import report_pb2

from hutong_server.api.convert import REASONS, institution_ref, item_ref
from hutong_server.domain.memory import Memory
from hutong_server.domain.prompt import Judged
from hutong_server.domain.recognition import RecognizedItem
from hutong_server.domain.report import Instant, ResultFlag
from hutong_server.domain.reuse import NotReusable
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import Ids, StoredReport
from hutong_server.usecases.get_report import REPORT_ID

_CRITICAL: Final = ResultFlag.CRITICAL.value
_REASONS: Final = {reason: bytes((number,)) for reason, number in REASONS.items()}
"""Each below 128, so one byte."""


def tag(message: Any, name: str) -> bytes:
    """The first byte of a field of a message; fields up to 15 have one."""
    described = message.DESCRIPTOR.fields_by_name[name]
    # Packed enums stand as bytes; see protobuf.dev/programming-guides/encoding#structure.
    as_number = described.type in _NUMBERS and not described.is_repeated
    return bytes((described.number << 3 | (0 if as_number else 2),))


_NUMBERS: Final = frozenset({FieldDescriptor.TYPE_BOOL, FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_ENUM})
_of_entry = partial(tag, report_pb2.ResultEntry)
_REPORT_ID: Final = _of_entry("report_id")
_ITEM: Final = _of_entry("item")
_ISSUER: Final = _of_entry("issuer")
_TAKEN: Final = _of_entry("taken_at")
_IS_ISSUE: Final = _of_entry("taken_at_is_issue_time")
_DETAIL: Final = _of_entry("detail")
_STATUS: Final = _of_entry("status")
_REUSABLE: Final = _of_entry("reusable")
_UNTIL: Final = _of_entry("valid_until")
_MARK: Final = _of_entry("mark")
_WHY: Final = _of_entry("reasons")
_IS_CRITICAL: Final = _of_entry("critical")
_INDEX: Final = _of_entry("result_index")
_INTERPRETATION: Final = tag(report_pb2.ResultDetail, "interpretation")


class Asker(NamedTuple):
    """For whom an answer is written: ids are sealed for this institution."""

    institution: str
    book: RuleBook
    ids: Ids


def varint(number: int) -> bytes:
    """A whole number; a negative one as 64 bits."""
    if 0 <= number < 128:
        return _SMALL[number]
    number &= (1 << 64) - 1
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)


_SMALL: Final = [bytes((number,)) for number in range(128)]


def field(tag: bytes, content: bytes) -> bytes:
    """A field of text, bytes or a message."""
    return tag + varint(len(content)) + content


@lru_cache(4096)
def _stamp(instant: Instant) -> bytes:
    """A google.protobuf.Timestamp."""
    seconds, milliseconds = divmod(instant, 1000)
    return (b"\x08" + varint(seconds) if seconds else b"") + (
        b"\x10" + varint(milliseconds * 1_000_000) if milliseconds else b""
    )


@lru_cache(4096)
def _said(status: str, time: Instant | None, is_issue: bool) -> bytes:
    """What a result says of itself beside its detail."""
    found = field(_STATUS, status.encode()) if status else b""
    if time is not None:
        found += field(_TAKEN, _stamp(time))
    return found + (_IS_ISSUE + b"\x01" if is_issue else b"")


@lru_cache(4096)
def _judged(until: Instant | None, mark: str, reasons: tuple[NotReusable, ...]) -> bytes:
    """A verdict; reusable is what has an end."""
    if until is None:
        return field(_WHY, b"".join([_REASONS[reason] for reason in reasons])) if reasons else b""
    return _REUSABLE + b"\x01" + field(_UNTIL, _stamp(until)) + (field(_MARK, mark.encode()) if mark else b"")


class Written:
    """What answers under one rule book have in common."""

    def __init__(self, book: RuleBook) -> None:
        self._book = book
        self._issuers: Memory[str, bytes] = Memory()
        self._items: Memory[str, tuple[RecognizedItem, bytes]] = Memory()
        self._flags = frozenset(book.policy.critical_flags)
        marked = (re.escape(field(_INTERPRETATION, flag.encode())) for flag in sorted(self._flags))
        self._flagged = re.compile(b"|".join(marked)).search if self._flags else None

    def issuer(self, code: str) -> bytes:
        """The field that names an institution."""
        known = self._issuers.get(code)
        if known is None:
            out = report_pb2.InstitutionRef()
            institution_ref(out, code, self._book)
            known = self._issuers.keep(code, field(_ISSUER, out.SerializeToString()))
        return known

    def item(self, item: RecognizedItem) -> bytes:
        """The field that names an item."""
        known = self._items.get(item.code)
        # Another version of the item may have another name.
        if known is None or known[0] is not item:
            out = report_pb2.ItemRef()
            item_ref(out, item)
            known = self._items.keep(item.code, (item, field(_ITEM, out.SerializeToString())))
        return known[1]

    def critical(self, detail: bytes) -> bool:
        """Whether the region's rules call a flag of the result critical."""
        # Nearly never: so it is read only when the bytes of such a flag are there, wherever that is.
        if self._flagged is None or self._flagged(detail) is None:
            return False
        return not self._flags.isdisjoint(report_pb2.ResultDetail.FromString(detail).interpretation)


@lru_cache(2)
def written(book: RuleBook) -> Written:
    """For the book in force, and the one before it."""
    return Written(book)


class SealedReports:
    """The reports of one answer, as its asker is told of them: ids are sealed for that institution, each once."""

    def __init__(self, asker: Asker) -> None:
        self.written = written(asker.book)
        self._asker = asker
        self._ids: dict[bytes, str] = {}
        self._rows: dict[bytes, tuple[bytes, Sequence[bytes]]] = {}

    def of(self, row: StoredReport) -> str:
        """The id of a report."""
        known = self._ids.get(row.report_id)
        if known is None:
            known = self._asker.ids.seal(REPORT_ID, self._asker.institution, (row.patient_key, row.report_id))
            self._ids[row.report_id] = known
        return known

    def begun(self, row: StoredReport) -> tuple[bytes, Sequence[bytes]]:
        """What all results of a report have in common, and the details of each."""
        known = self._rows.get(row.report_id)
        if known is None:
            begin = field(_REPORT_ID, self.of(row).encode()) + self.written.issuer(row.institution)
            known = self._rows[row.report_id] = (begin, tuple(row.details))
        return known


def result_bytes(judged: Judged, row: StoredReport, sealed: SealedReports) -> bytes:
    """A result with its verdict."""
    _, (ordinal, status, flags, *_), (item, _, until, mark, reasons), time = judged
    begin, details = sealed.begun(row)
    detail, known = details[ordinal], sealed.written
    return b"".join(
        (
            begin,
            known.item(item) if item is not None else b"",
            _said(status, time, judged.time_is_issue),
            _DETAIL + varint(len(detail)) + detail if detail else b"",
            _judged(until, mark, reasons),
            _IS_CRITICAL + b"\x01" if flags & _CRITICAL or known.critical(detail) else b"",
            _INDEX + varint(ordinal) if ordinal else b"",
        )
    )
