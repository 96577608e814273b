"""Challenges for renewals: random, good for five minutes, and known again by any worker without having been kept."""

import hmac
import secrets

from hutong_server.domain.report import Instant
from hutong_server.store.base import Tokens
from hutong_server.usecases.enroll import CHALLENGE_LIFE

_NONCE, _TIME, _MAC = 16, 8, 32


class Challenges:
    """Makes and checks them. That each is used once is the store's business."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def make(self, now: Instant) -> bytes:
        """A fresh one."""
        body = secrets.token_bytes(_NONCE) + now.to_bytes(_TIME, "big")
        return body + self._mac(body)

    def nonce(self, challenge: bytes, now: Instant) -> bytes:
        """Its random part; empty for one that is not ours or is too old."""
        if len(challenge) != _NONCE + _TIME + _MAC:
            return b""
        body = challenge[: _NONCE + _TIME]
        made = int.from_bytes(body[_NONCE:], "big")
        good = hmac.compare_digest(self._mac(body), challenge[_NONCE + _TIME :])
        # Another worker's clock may be a little ahead of ours.
        return body[:_NONCE] if good and -60_000 <= now - made <= CHALLENGE_LIFE else b""

    def _mac(self, body: bytes) -> bytes:
        return self._tokens.digest("renewal challenge", body.hex())
