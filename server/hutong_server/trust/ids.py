"""Ids handed out: opaque, the same for the same audience, useless to any other.

AES-SIV (RFC 5297): deterministic, so that a page of results shows the same id twice; kind and audience are bound as
associated data, so that an id which another institution was given does not open. In the suite of GM/T, SM4-GCM whose
nonce is a keyed digest of everything that goes in: as deterministic, and as useless elsewhere.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from hutong_server.trust.suites import AES, NONCE, TAG, Suite

_VERSION = b"\x01"
_FIRST = "h"
"""Before every id: base64url may begin with "-", which a command line takes for an option."""
_LONGEST = 2048


class IdCipher(Protocol):
    """Deterministic authenticated encryption."""

    def encrypt(self, data: bytes, associated_data: list[bytes]) -> bytes: ...
    def decrypt(self, data: bytes, associated_data: list[bytes]) -> bytes:
        """Raises InvalidTag or ValueError."""


class _KeyedNonce:
    """A suite's sealing cipher under a nonce that is the keyed digest of what goes in."""

    def __init__(self, suite: Suite, material: bytes) -> None:
        self._suite = suite
        self._key = suite.derive(material, "hutong ids nonce 1")
        self._cipher = suite.cipher(material, "hutong ids seal 1")

    def encrypt(self, data: bytes, associated_data: list[bytes]) -> bytes:
        bound = b"".join(len(each).to_bytes(4, "big") + each for each in associated_data)
        nonce = self._suite.mac(self._key, bound + data)[:NONCE]
        return nonce + self._cipher.encrypt(nonce, data, bound)

    def decrypt(self, data: bytes, associated_data: list[bytes]) -> bytes:
        if len(data) < NONCE + TAG:
            raise ValueError("too short")
        bound = b"".join(len(each).to_bytes(4, "big") + each for each in associated_data)
        return self._cipher.decrypt(data[:NONCE], data[NONCE:], bound)


def id_cipher(suite: Suite, material: bytes) -> IdCipher:
    """The cipher of ids under a key of the store."""
    return AESSIV(suite.derive(material, "hutong ids 1", 64)) if suite is AES else _KeyedNonce(suite, material)


class KeyedIds:
    """Ids of store/base.py. Text is a letter and base64url without padding."""

    def __init__(self, fresh: Callable[[], None] = lambda: None) -> None:
        """`fresh` is called before keys are used; it may call use()."""
        self._fresh = fresh
        self._current: IdCipher
        self._opening: tuple[IdCipher, ...] = ()

    def use(self, current: IdCipher, others: Sequence[IdCipher]) -> None:
        """From now on ids are made under `current`; those made under `others` open too."""
        self._current, self._opening = current, (current, *others)

    def seal(self, kind: str, audience: str, parts: Sequence[bytes]) -> str:
        """See Ids. Raises ValueError for a part longer than 65,535 bytes."""
        if any(len(part) > 0xFFFF for part in parts):
            raise ValueError("a part of an id is too long")
        plain = _VERSION + b"".join(len(part).to_bytes(2, "big") + part for part in parts)
        self._fresh()
        sealed = self._current.encrypt(plain, [kind.encode(), audience.encode()])
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
        except (ValueError, binascii.Error):
            return None
        self._fresh()
        for cipher in self._opening:
            try:
                return _parts(cipher.decrypt(sealed, [kind.encode(), audience.encode()]))
            except (InvalidTag, ValueError):
                continue
        return None


class SealedIds(KeyedIds):
    """Ids under one key of the international suite."""

    def __init__(self, seal_key: bytes) -> None:
        super().__init__()
        self.use(id_cipher(AES, seal_key), ())


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
