"""Rows to bytes and back: msgpack, sealed under the place where they stand.

The context of a sealed blob names its table and its keys, so that one moved to another patient, report or version
does not open.
"""

import zlib
from collections.abc import Iterable
from typing import Any

import msgpack

from hutong_server.domain.person import Demographics, PatientKey
from hutong_server.domain.report import Packed, VersionKey
from hutong_server.store import compact

KEY_SIZE = 16


def pack(value: Any) -> bytes:
    """A tuple of primitive values as msgpack. Texts may hold lone surrogates: what was taken in comes back."""
    packed: bytes = msgpack.packb(value, unicode_errors="surrogatepass")
    return packed


def unpack(packed: bytes) -> Any:
    """The value, with tuples where there were tuples or lists."""
    return msgpack.unpackb(packed, use_list=False, unicode_errors="surrogatepass")


def version_context(place: bytes, key: PatientKey, report_id: bytes, version: int, institution: str | None) -> bytes:
    """Context of a blob that belongs to one version of a report. `place` names the table and column."""
    return place + key + report_id + version.to_bytes(8, "big") + (institution or "").encode()


def sealed_context(
    sealed: bytes, place: bytes, key: PatientKey, report_id: bytes, version: int, institution: str | None
) -> bytes:
    """Context under which such a blob was sealed: those of the first form were not bound to the institution."""
    return version_context(place, key, report_id, version, "" if sealed[:1] == b"\x01" else institution)


def pack_demographics(said: Demographics) -> tuple[Any, ...]:
    """Demographics as primitive values."""
    return (said.names, said.birth_date, said.sex)


def unpack_demographics(packed: tuple[Any, ...]) -> Demographics:
    """Demographics of primitive values."""
    return Demographics(*packed)


def pack_order(order: VersionKey) -> tuple[Any, ...]:
    """A version key as primitive values; a version id may be longer than 64 bits."""
    version_id = None if order.version_id is None else str(order.version_id)
    return (version_id, order.issued, order.last_updated, order.rank)


def unpack_order(packed: tuple[Any, ...]) -> VersionKey:
    """A version key of primitive values."""
    version_id, issued, last_updated, rank = packed
    return VersionKey(None if version_id is None else int(version_id), issued, last_updated, rank)


def join_keys(keys: Iterable[bytes]) -> bytes:
    """Keys of 16 bytes side by side."""
    return b"".join(keys)


def part_keys(joined: bytes) -> tuple[bytes, ...]:
    """Keys that stand side by side."""
    return tuple(joined[i : i + KEY_SIZE] for i in range(0, len(joined), KEY_SIZE))


def decompress(packed: bytes) -> bytes:
    """What was compressed before compact.py, byte for byte."""
    return zlib.decompress(packed)


def pack_document(document: bytes) -> Packed:
    """A document, made small before it is sealed; as it is when that was done."""
    return document if isinstance(document, Packed) else Packed(compact.packed_folded(compact.DOCUMENT, document))


def unpack_document(packed: bytes) -> bytes:
    """A document, byte for byte. Raises as compact.opened_folded, and zlib.error."""
    if packed[0] > compact.LAST:
        return decompress(packed)
    return compact.opened_folded(compact.DOCUMENT, packed)
