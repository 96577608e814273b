"""The body of a report's row: what it says, in two parts that open apart.

The facts are what is judged, of every report of a chart; the details are what a reader sees, of the few results that
are shown. The facts of a result without its times and number are one string of bytes, the same for all results that
are alike, so what it means is looked up and not read again.

The form: 3 | length of the packed facts (4 bytes) | packed facts | packed details, each as compact.py packs it.
Bodies of form 2 hold zlib streams, the details with the facts as their dictionary; those of before it (one packed
part) begin with another byte. They open as well, and are written anew when their row changes.
"""

import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, overload

from hutong_server.domain.memory import Memory
from hutong_server.domain.person import PatientKey
from hutong_server.domain.report import ResultFacts
from hutong_server.domain.results import Results, Shape, When, shape_of
from hutong_server.store import compact
from hutong_server.store.base import StoredReport
from hutong_server.store.packing import decompress, pack, unpack

_FORM = 3
_FORM_OF_BEFORE = 2
_START = 5

_FACTS: Callable[[Any], ResultFacts] = partial(tuple.__new__, ResultFacts)
_WHEN: Callable[[Any], When] = partial(tuple.__new__, When)
# What is unpacked has no type.
_ROW: Callable[..., StoredReport] = StoredReport
_TIMES = len(When._fields)
"""The last one is left out where it is None, as it nearly always is."""
_SHAPES: Memory[bytes, Shape] = Memory(20_000)


def packed(row: StoredReport) -> bytes:
    """What a row says, in bytes."""
    facts = compact.packed(compact.FACTS, facts_of(row))
    return b"".join(
        (bytes((_FORM,)), len(facts).to_bytes(4, "big"), facts, compact.packed(compact.DETAILS, details_of(row)))
    )


def facts_of(row: StoredReport) -> bytes:
    """What is judged."""
    results = row.results
    called = (*row.parts, *[()] * (len(results) - len(row.parts)))
    times = [each[3:6] if each.latest is None else (*each[3:6], each.latest) for each in results]
    return pack(
        (
            row.status,
            row.withdrawn,
            row.disputed,
            row.effective,
            row.issued,
            row.received,
            row.specialty,
            row.has_images,
            row.header,
            row.categories,
            row.codes,
            times[:1] if len(set(times)) == 1 else times,
            [pack((words, *each[1:3], *each[6:-1])) for each, words in zip(results, called, strict=True)],
            _numbers([each.ordinal for each in results]),
        )
    )


def details_of(row: StoredReport) -> bytes:
    """What a reader sees."""
    return pack(tuple(row.details))


def opened(key: PatientKey, report_id: bytes, institution: str, version: int, body: bytes) -> StoredReport:
    """The row of a body."""
    form = body[0]
    if form not in (_FORM, _FORM_OF_BEFORE):
        return _of_before(key, report_id, institution, version, body)
    end = _START + int.from_bytes(body[1:_START], "big")
    packed_facts = body[_START:end]
    plain = compact.opened(compact.FACTS, packed_facts) if form == _FORM else decompress(packed_facts)
    *first, header, categories, codes, times, alike, ordinals = unpack(plain)
    known = _SHAPES
    shapes = tuple([known.get(each) or _shape(each) for each in alike])
    return _ROW(
        key,
        report_id,
        institution,
        version,
        *first,
        Results(shapes, _times(times), ordinals or range(len(shapes))),
        Details(body[end:], b"" if form == _FORM else plain),
        header,
        categories,
        codes,
        tuple([shape.called for shape in shapes]),
    )


class Details(Sequence[bytes]):
    """What a reader sees of each result, opened when first asked for."""

    __slots__ = ("_opened", "_packed", "_words")

    def __init__(self, packed: bytes, words: bytes) -> None:
        """`words`: the dictionary of form 2, else empty."""
        self._packed, self._words = packed, words
        self._opened: tuple[bytes, ...] | None = None

    def _all(self) -> tuple[bytes, ...]:
        known = self._opened
        if known is None:
            words, closed = self._words, self._packed
            known = unpack(
                zlib.decompressobj(zdict=words).decompress(closed) if words else compact.opened(compact.DETAILS, closed)
            )
            self._opened = known
        return known

    def __len__(self) -> int:
        return len(self._all())

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[bytes, ...]: ...
    def __getitem__(self, index: int | slice) -> bytes | tuple[bytes, ...]:
        return self._all()[index]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._all())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, tuple | Details) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]  # a look at a row, not a key


def _times(packed: Sequence[tuple[Any, ...]]) -> tuple[When, ...]:
    return tuple([_WHEN(each if len(each) == _TIMES else (*each, None)) for each in packed])


def _shape(packed: bytes) -> Shape:
    words, status, flags, *rest = unpack(packed)
    return _SHAPES.keep(packed, shape_of(ResultFacts(0, status, flags, None, 0, None, *rest), words))


def _numbers(ordinals: list[int]) -> list[int]:
    """Empty where the results are numbered from 0, as nearly always."""
    return [] if ordinals == list(range(len(ordinals))) else ordinals


def _of_before(key: PatientKey, report_id: bytes, institution: str, version: int, body: bytes) -> StoredReport:
    *first, results, details, header, categories = (given := unpack(decompress(body)))[:12]
    # Codes and parts: rows of before sensitive categories were told apart have none.
    codes, parts = given[12:] or ((), ())
    return _ROW(
        key,
        report_id,
        institution,
        version,
        *first,
        Results.of(tuple(_FACTS((*each, None)) for each in results), parts),
        details,
        header,
        categories,
        codes,
        parts,
    )
