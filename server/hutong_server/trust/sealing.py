"""Sealing at rest, bound to the place where the blob stands.

A blob is: suite (1 byte) | data key (2 bytes) | number (1 byte) | nonce (12 random bytes) | ciphertext and tag. The
first four bytes are bound with the context. One key bears 2^32 random nonces; the 256 keys that are derived from each
data key, and chosen at random by `number`, bear 2^40 blobs.

Blobs of before there were several data keys begin with the byte 1, have no data key's number, and open under the
first one, which was then the seal key itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag

from hutong_server.store.base import SealBroken
from hutong_server.trust.random_bytes import random_bytes
from hutong_server.trust.suites import AES, NONCE, TAG, Aead, Suite

FIRST_SEAL_KEY = 1
"""Number of the data key that was read from the seal key file."""
PREFIX = 3
"""Bytes that name suite and data key."""

_FORMER = 1
_FORMER_START = 2 + NONCE
_START = PREFIX + 1 + NONCE


@dataclass(frozen=True, slots=True)
class SealKey:
    """A data key that opens, ready for use."""

    prefix: bytes
    ciphers: Sequence[Aead]
    former: Sequence[Aead] = ()
    """Of the first key: for blobs of the former form."""

    @classmethod
    def of(cls, number: int, suite: Suite, material: bytes) -> "SealKey":
        """Derives the ciphers of a data key. `number` is 1 to 65,535."""
        former: list[Aead] = []
        if number == FIRST_SEAL_KEY and suite is AES:
            former = [suite.cipher(material, f"hutong seal 1 {each}") for each in range(256)]
        return cls(
            bytes((suite.mark,)) + number.to_bytes(2, "big"),
            [suite.cipher(material, f"hutong seal 2 {each}") for each in range(256)],
            former,
        )


class KeyedSealer:
    """Sealer of store/base.py, over any number of data keys; one of them seals."""

    def __init__(self, missing: Callable[[], None] = lambda: None) -> None:
        """`missing` is called when a blob names a key that is not here; it may call use()."""
        self._missing = missing
        self._keys: dict[bytes, Sequence[Aead]] = {}
        self._former: Sequence[Aead] = ()
        self._current: tuple[bytes, Sequence[Aead]] = (b"", ())

    def use(self, keys: Sequence[SealKey], current: SealKey) -> None:
        """From now on these open, and `current` seals."""
        self._former = next((key.former for key in keys if key.former), ())
        self._keys = {key.prefix: key.ciphers for key in keys}
        self._current = (current.prefix, current.ciphers)

    @property
    def prefix(self) -> bytes:
        """How blobs begin that are sealed now."""
        return self._current[0]

    def seal(self, plain: bytes, context: bytes) -> bytes:
        """See Sealer."""
        prefix, ciphers = self._current
        random = random_bytes(1 + NONCE)
        header = prefix + random[:1]
        return header + random[1:] + ciphers[random[0]].encrypt(random[1:], plain, header + context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """See Sealer."""
        ciphers = self._keys.get(sealed[:PREFIX])
        try:
            if ciphers is not None and len(sealed) >= _START + TAG:
                return ciphers[sealed[3]].decrypt(sealed[4:_START], sealed[_START:], sealed[:4] + context)
            if sealed[:1] == b"\x01" and self._former and len(sealed) >= _FORMER_START + TAG:
                cipher = self._former[sealed[1]]
                return cipher.decrypt(sealed[2:_FORMER_START], sealed[_FORMER_START:], sealed[:2] + context)
        except InvalidTag:
            raise SealBroken("the seal does not open here") from None
        if ciphers is None and len(sealed) >= _START + TAG:
            self._missing()
            if sealed[:PREFIX] in self._keys:
                return self.open(sealed, context)
        raise SealBroken("not a sealed blob, or one under a key that is not here")


class AesGcmSealer(KeyedSealer):
    """Sealer over the first data key alone."""

    def __init__(self, seal_key: bytes) -> None:
        super().__init__()
        key = SealKey.of(FIRST_SEAL_KEY, AES, seal_key)
        self.use([key], key)
