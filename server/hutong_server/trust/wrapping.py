"""Keys of the store, wrapped under the key-encryption key (AES-256-GCM or SM4-GCM), bound to what they are for.

A wrapped key is: nonce (12 random bytes) | 32 bytes of key, encrypted | tag.
"""

import os

from cryptography.exceptions import InvalidTag

from hutong_server.store.base import DataKey
from hutong_server.trust.keys import UnsafeKey, derive
from hutong_server.trust.suites import NONCE, SUITES, Suite


def kek_id(kek: bytes) -> bytes:
    """Names a key-encryption key without telling it: 8 bytes."""
    return derive(kek, "hutong key-encryption key id 1", 8)


def wrapped(kek: bytes, number: int, purpose: str, suite: Suite, material: bytes) -> tuple[bytes, bytes]:
    """(id of the key-encryption key, wrapped key)."""
    nonce = os.urandom(NONCE)
    cipher = suite.cipher(kek, "hutong wrap 1")
    return kek_id(kek), nonce + cipher.encrypt(nonce, material, _bound(number, purpose, suite))


def unwrapped(kek: bytes, key: DataKey) -> bytes:
    """The key. Raises UnsafeKey when it is wrapped under another key-encryption key, or was altered."""
    blob = dict(key.wraps).get(kek_id(kek))
    suite = SUITES.get(key.suite)
    if blob is None:
        under = ", ".join(sorted(each.hex() for each, _ in key.wraps))
        raise UnsafeKey(f"key {key.number} of the store is wrapped under {under}, and this file is {kek_id(kek).hex()}")
    if suite is None:
        raise UnsafeKey(f"key {key.number} of the store is of a suite that is not known here")
    try:
        cipher = suite.cipher(kek, "hutong wrap 1")
        return cipher.decrypt(blob[:NONCE], blob[NONCE:], _bound(key.number, key.purpose, suite))
    except InvalidTag:
        raise UnsafeKey(f"key {key.number} of the store was altered") from None


def _bound(number: int, purpose: str, suite: Suite) -> bytes:
    return f"hutong key {number} {purpose} {suite.name}".encode()
