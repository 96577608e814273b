"""Sealing at rest: AES-256-GCM (NIST SP 800-38D), bound to the place where the blob stands.

A blob is: version (1 byte) | number of the data key (1 byte) | nonce (12 random bytes) | ciphertext and tag.
One key bears 2^32 random nonces; the 256 data keys, derived from the seal key and chosen at random, bear 2^40 blobs.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hutong_server.store.base import SealBroken
from hutong_server.trust.keys import derive

VERSION = 1
_START = 14
_OVERHEAD = _START + 16


class AesGcmSealer:
    """Sealer of store/base.py."""

    def __init__(self, seal_key: bytes) -> None:
        self._ciphers = [AESGCM(derive(seal_key, f"hutong seal 1 {number}")) for number in range(256)]

    def seal(self, plain: bytes, context: bytes) -> bytes:
        """See Sealer."""
        random = os.urandom(13)
        header = b"\x01" + random
        return header + self._ciphers[random[0]].encrypt(random[1:], plain, header[:2] + context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """See Sealer."""
        if len(sealed) < _OVERHEAD or sealed[0] != VERSION:
            raise SealBroken("not a sealed blob of this version")
        try:
            return self._ciphers[sealed[1]].decrypt(sealed[2:_START], sealed[_START:], sealed[:2] + context)
        except InvalidTag:
            raise SealBroken("the seal does not open here") from None
