"""Suites of algorithms: the international one and that of GM/T. Each seals, keys digests and derives keys.

aes256gcm-sha256   AES-256-GCM (NIST SP 800-38D), HMAC-SHA-256 (RFC 2104), HKDF-SHA-256 (RFC 5869)
sm4gcm-sm3         SM4-GCM (GB/T 32907, RFC 8998), HMAC-SM3 (GB/T 32905), HKDF-SM3
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE = 12
TAG = 16


class Aead(Protocol):
    """Authenticated encryption under one key. `nonce` is 12 bytes; the tag (16 bytes) ends the ciphertext."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes: ...
    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        """Raises cryptography.exceptions.InvalidTag."""


class Sm4Gcm:
    """SM4 in GCM, in the form of the cryptography package's AESGCM. The key is 16 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = algorithms.SM4(key)

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        """See Aead."""
        encryptor = Cipher(self._key, modes.GCM(nonce)).encryptor()
        encryptor.authenticate_additional_data(associated_data)
        return encryptor.update(data) + encryptor.finalize() + encryptor.tag

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        """See Aead."""
        decryptor = Cipher(self._key, modes.GCM(nonce, data[-TAG:])).decryptor()
        decryptor.authenticate_additional_data(associated_data)
        return decryptor.update(data[:-TAG]) + decryptor.finalize()


@dataclass(frozen=True, slots=True)
class Suite:
    """What is done with which algorithm."""

    name: str
    mark: int
    """First byte of what it seals."""
    key_size: int
    """Bytes of a sealing key."""
    aead: Callable[[bytes], Aead]
    mac: Callable[[bytes, bytes], bytes]
    """(key, message) → 32 bytes."""
    hash: Callable[[], hashes.HashAlgorithm]

    def derive(self, key: bytes, label: str, size: int = 32) -> bytes:
        """A key of its own for each label (HKDF)."""
        return HKDF(algorithm=self.hash(), length=size, salt=None, info=label.encode()).derive(key)

    def cipher(self, key: bytes, label: str) -> Aead:
        """A cipher under the key of a label."""
        return self.aead(self.derive(key, label, self.key_size))


def _hmac(algorithm: Callable[[], hashes.HashAlgorithm]) -> Callable[[bytes, bytes], bytes]:
    @lru_cache(maxsize=64)
    def keyed(key: bytes) -> hmac.HMAC:
        return hmac.HMAC(key, algorithm())

    def mac(key: bytes, message: bytes) -> bytes:
        # A copy of what is ready for the key. hashlib's own single call hands the interpreter to another thread each
        # time, and then waits for it.
        made = keyed(key).copy()
        made.update(message)
        return made.finalize()

    return mac


AES = Suite("aes256gcm-sha256", 2, 32, AESGCM, _hmac(hashes.SHA256), hashes.SHA256)
SM = Suite("sm4gcm-sm3", 3, 16, Sm4Gcm, _hmac(hashes.SM3), hashes.SM3)
SUITES = {suite.name: suite for suite in (AES, SM)}
