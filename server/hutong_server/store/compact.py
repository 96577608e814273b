"""Payloads made small before they are sealed: Zstandard with dictionaries that know how reports are written.

A packed payload begins with the number of the dictionaries that it was packed with, 1 to 119, so what was packed with
former ones opens for ever; their files stay beside this module (deploy/dev/train_dictionary.py makes the next).
What was packed before there were any is a zlib stream, which begins with 120, or a leaf in clear, which begins with
a brace.

Random ids are a third of a packed FHIR document, and no compressor finds that the letters of one stand for 16 bytes.
So they are taken out first: folded(), and back, byte for byte, by unfolded().

Each payload is packed alone, and nothing that a stranger chooses is packed together with what he wants to guess, so
lengths tell no more of a secret than those of the plain texts do.
"""

import hashlib
import re
import threading
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import zstandard

DOCUMENT, FACTS, DETAILS, LEAF = "document", "facts", "details", "leaf"
KINDS = (DOCUMENT, FACTS, DETAILS, LEAF)
"""What there is a dictionary for."""
CURRENT = 1
"""Number of the dictionaries that are packed with."""
LAST = 119
"""Numbers end before the first bytes of the forms of before."""
SHA256: Mapping[int, Mapping[str, str]] = {
    1: {
        DOCUMENT: "d6c2fbb234c0c60d1926005b8e1a880992095c7e64e186729afcbeeaaff18b4a",
        FACTS: "32bc7fa976c842325175a60edf5e87c4bd78b484fb42ea05019848c8d3229023",
        DETAILS: "31b59ca1e439dbd998c4813c2cd69b52331e5a62f012038f86587c8f140a1ec9",
        LEAF: "57480138bc3534ca273254a499d4f2d5a9f74adca5029584b470e3867e1dfcde",
    }
}
"""Of each dictionary: with another one a payload opens without an error, and is another text."""
MOST = 2**29
"""Bytes of a payload: twice the largest document that may be sent. What claims to be more is not opened."""
UNREADABLE: tuple[type[Exception], ...] = (zstandard.ZstdError,)
"""What opening raises for what was put there by hand."""

LEVEL = 12
"""A quarter smaller than level 3, and 0.3 ms a document of 24 kB. Higher ones take milliseconds."""
_PARAMETERS = zstandard.ZstdCompressionParameters.from_level(
    LEVEL, format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_dict_id=False, write_content_size=True
)
_LETTERS = bytes(0x68 if chr(each) in "0123456789abcdef" else 0x2D if each == 0x2D else 0 for each in range(256))
"""Digits and a to f become h, a dash stays: ids are then looked for as a text, many times faster than as a pattern."""
_DASHED = b"hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh"
_PLAIN = b"h" * 32
_NEW, _NEW_PLAIN, _KNOWN, _KNOWN_PLAIN = b"\x01", b"\x02", b"\x03", b"\x04"
_MARK = re.compile(rb"[\x01\x02]|[\x03\x04](?s:.)")
_MARKS = re.compile(rb"[\x01-\x04]")
_MOST = 250
_AS_IS = 255
_SIZE = 16


def packed(kind: str, plain: bytes) -> bytes:
    """Packs with the dictionaries of now."""
    return bytes((CURRENT,)) + _tools.compress(kind, plain)


def opened(kind: str, payload: bytes) -> bytes:
    """The payload. Raises one of UNREADABLE, or ValueError for dictionaries that are not here and what is too large."""
    return _tools.decompress(payload[0], kind, payload[1:])


def packed_folded(kind: str, plain: bytes) -> bytes:
    """The same for what holds random ids."""
    ids, rest = folded(plain)
    return bytes((CURRENT, len(ids) // _SIZE if rest is not plain else _AS_IS)) + ids + _tools.compress(kind, rest)


def opened_folded(kind: str, payload: bytes) -> bytes:
    """The payload. Raises as opened(), and IndexError."""
    count = payload[1]
    end = 2 + (0 if count == _AS_IS else count * _SIZE)
    rest = _tools.decompress(payload[0], kind, payload[end:])
    return rest if count == _AS_IS else unfolded(payload[2:end], rest)


def folded(plain: bytes) -> tuple[bytes, bytes]:
    """(ids, 16 bytes each; the text with marks in their place). The text itself where it has such marks already."""
    if _MARKS.search(plain):
        return b"", plain
    known: dict[bytes, int] = {}
    parts: list[bytes] = []
    end = 0
    for at, size in _ids(plain.translate(_LETTERS)):
        text = plain[at : at + size]
        letters = text if size == len(_PLAIN) else text.replace(b"-", b"")
        number = known.get(letters)
        if at < end or (number is None and len(known) == _MOST):
            continue
        parts.append(plain[end:at])
        if number is None:
            known[letters] = len(known)
            parts.append(_NEW_PLAIN if text is letters else _NEW)
        else:
            parts.append((_KNOWN_PLAIN if text is letters else _KNOWN) + bytes((number,)))
        end = at + size
    parts.append(plain[end:])
    return bytes.fromhex(b"".join(known).decode()), b"".join(parts)


def _ids(letters: bytes) -> list[tuple[int, int]]:
    """(place, length) of what looks like an id, in order."""
    found = []
    for wanted in (_DASHED, _PLAIN):
        at = letters.find(wanted)
        while at >= 0:
            found.append((at, len(wanted)))
            at = letters.find(wanted, at + len(wanted))
    return sorted(found)


def unfolded(ids: bytes, rest: bytes) -> bytes:
    """What folded() was given. Raises IndexError and ValueError for what it did not give."""
    letters = ids.hex().encode()
    texts = [letters[at : at + 2 * _SIZE] for at in range(0, len(letters), 2 * _SIZE)]
    coming = iter(texts)

    def text(found: re.Match[bytes]) -> bytes:
        mark = found.group()
        given = texts[mark[1]] if len(mark) > 1 else next(coming, None)
        if given is None:
            # Not StopIteration: a future does not take it, and who waits for that would wait for ever.
            raise ValueError("a mark without its id")
        return given if mark[:1] in (_NEW_PLAIN, _KNOWN_PLAIN) else _dashed(given)

    return _MARK.sub(text, rest)


def _dashed(letters: bytes) -> bytes:
    return b"-".join((letters[:8], letters[8:12], letters[12:16], letters[16:20], letters[20:]))


@cache
def _dictionary(number: int, kind: str) -> zstandard.ZstdCompressionDict:
    if number not in SHA256:
        raise ValueError("packed with dictionaries that are not known here")
    content = checked(number, kind, (Path(__file__).parent / "dictionaries" / f"{number}.{kind}").read_bytes())
    made = zstandard.ZstdCompressionDict(content, dict_type=zstandard.DICT_TYPE_FULLDICT)
    if number == CURRENT:
        made.precompute_compress(compression_params=_PARAMETERS)
    return made


def checked(number: int, kind: str, content: bytes) -> bytes:
    """The content of a dictionary's file. Raises ValueError when it is not the one of this number."""
    if hashlib.sha256(content).hexdigest() != SHA256[number][kind]:
        raise ValueError(f"dictionary {number}.{kind} was changed: install the server anew")
    return content


class _Tools(threading.local):
    """Compressors of one thread: they may not be shared."""

    def __init__(self) -> None:
        self._packers: dict[str, Callable[[bytes], bytes]] = {}
        self._openers: dict[tuple[int, str], Callable[[bytes], bytes]] = {}

    def compress(self, kind: str, plain: bytes) -> bytes:
        if len(plain) > MOST:
            raise ValueError("a payload that is too large")
        packer = self._packers.get(kind)
        if packer is None:
            made = zstandard.ZstdCompressor(dict_data=_dictionary(CURRENT, kind), compression_params=_PARAMETERS)
            packer = self._packers[kind] = made.compress
        return packer(plain)

    def decompress(self, number: int, kind: str, frame: bytes) -> bytes:
        opener = self._openers.get((number, kind))
        if opener is None:
            made = zstandard.ZstdDecompressor(
                dict_data=_dictionary(number, kind), format=zstandard.FORMAT_ZSTD1_MAGICLESS
            )
            opener = self._openers[number, kind] = made.decompress
        if zstandard.get_frame_parameters(frame, zstandard.FORMAT_ZSTD1_MAGICLESS).content_size > MOST:
            raise ValueError("a payload that is too large")
        return opener(frame)


_tools = _Tools()
