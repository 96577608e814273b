"""Ids handed out: opaque, the same for the same audience, useless to any other.

AES-SIV (RFC 5297): deterministic, so that a page of results shows the same id twice; kind and audience are bound as
associated data, so that an id which another institution was given does not open.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from hutong_server.trust.keys import derive

_VERSION = b"\x01"
_FIRST = "h"
"""Before every id: base64url may begin with "-", which a command line takes for an option."""
_LONGEST = 2048


class SealedIds:
    """Ids of store/base.py. Text is a letter and base64url without padding."""

    def __init__(self, seal_key: bytes) -> None:
        self._cipher = AESSIV(derive(seal_key, "hutong ids 1", 64))

    def seal(self, kind: str, audience: str, parts: Sequence[bytes]) -> str:
        """See Ids. Raises ValueError for a part longer than 65,535 bytes."""
        if any(len(part) > 0xFFFF for part in parts):
            raise ValueError("a part of an id is too long")
        plain = _VERSION + b"".join(len(part).to_bytes(2, "big") + part for part in parts)
        sealed = self._cipher.encrypt(plain, [kind.encode(), audience.encode()])
        return _FIRST + urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")

    def open(self, kind: str, audience: str, text: str) -> tuple[bytes, ...] | None:
        """See Ids."""
        if len(text) > _LONGEST or not text.startswith(_FIRST):
            return None
        text = text.removeprefix(_FIRST)
        try:
            sealed = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
            # Bits that the last character has to spare, and characters outside the alphabet, would make second names.
            if urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii") != text:
                return None
            plain = self._cipher.decrypt(sealed, [kind.encode(), audience.encode()])
        except (InvalidTag, ValueError, binascii.Error):
            return None
        return _parts(plain)


def _parts(plain: bytes) -> tuple[bytes, ...] | None:
    if plain[:1] != _VERSION:
        return None
    parts: list[bytes] = []
    at = 1
    while at < len(plain):
        size = int.from_bytes(plain[at : at + 2], "big")
        parts.append(plain[at + 2 : at + 2 + size])
        at += 2 + size
    return tuple(parts)
