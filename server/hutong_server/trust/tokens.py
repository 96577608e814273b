"""Keyed digests: the same identifier gives the same token, and nobody without the key can make or reverse one."""

import hashlib
import hmac
from collections.abc import Iterable

from hutong_server.trust.keys import derive


class HmacTokens:
    """Tokens of store/base.py: HMAC-SHA-256 over the parts, each with its length, apart by purpose."""

    def __init__(self, token_key: bytes) -> None:
        self._patient_key = derive(token_key, "hutong patient tokens 1")
        self._digest_key = derive(token_key, "hutong digests 1")

    def patient(self, system: str, assigner: str, value: str) -> bytes:
        """See Tokens."""
        return _mac(self._patient_key, (system, assigner, value))

    def digest(self, purpose: str, *parts: str) -> bytes:
        """See Tokens."""
        return _mac(self._digest_key, (purpose, *parts))


def _mac(key: bytes, parts: Iterable[str]) -> bytes:
    # With its length before each part, no two lists of parts give the same message.
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    message = b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
    return hmac.digest(key, message, hashlib.sha256)
