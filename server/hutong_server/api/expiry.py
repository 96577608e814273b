"""Tells the metrics when certificates run out: the registry's own, its authorities', and those of clients."""

import asyncio
from collections import Counter
from pathlib import Path

from cryptography import x509

from hutong_server.api.parts import Parts
from hutong_server.domain.caller import Role
from hutong_server.telemetry import log, where
from hutong_server.usecases.institutions import OPERATOR

_EVERY = 60.0
"""Seconds between two looks."""
_BOUNDS = (1, 3, 7, 30, 90)
"""Days left, from which on a client's certificate is counted under the next label."""
LABELS = ("0-1", "1-3", "3-7", "7-30", "30-90", "90+")


class ExpiryWatch:
    """Looks again and again, for ever."""

    def __init__(self, parts: Parts, server_certificate: Path) -> None:
        self._parts = parts
        self._server_certificate = server_certificate
        # What was shown once goes on being shown, as 0: a series that ends looks like one that stands still.
        self._holders: set[tuple[str, str]] = set()

    async def look(self) -> None:
        """Looks once. Raises StoreUnavailable, and OSError or ValueError for the server's own certificate."""
        parts = self._parts
        now = parts.clock()
        days = await parts.read(lambda reader: reader.certificate_days(now))
        for label, count in in_groups(days).items():
            parts.metrics.client_certificates.labels(label).set(count)
        holders = await parts.read(lambda reader: reader.certificate_ends(now))
        self._holders |= holders.keys() & self._possible()
        for holder in self._holders:
            parts.metrics.client_expiry.labels(*holder).set(holders.get(holder, 0) / 1000)
        ends = await parts.run(self._ends)
        for name, end in ends.items():
            parts.metrics.certificate_seconds.labels(name).set(end - now / 1000)

    def _possible(self) -> set[tuple[str, str]]:
        """Registered institutions in known roles, and the registry's own: no more labels than these."""
        institutions = (*self._parts.rules.book.institutions, OPERATOR)
        return {(institution, role.value) for institution in institutions for role in Role}

    def _ends(self) -> dict[str, float]:
        own = x509.load_pem_x509_certificate(self._server_certificate.read_bytes())
        authority = self._parts.authority
        return {"server": own.not_valid_after_utc.timestamp(), **(authority.expiries() if authority else {})}

    async def poll(self) -> None:
        """Looks for ever; a look that fails is told and forgotten."""
        while True:
            try:
                await self.look()
            except Exception as error:  # a fault here must not end the looking
                log().warning(
                    "certificates not looked at", extra={"error_type": type(error).__name__, "error_at": where(error)}
                )
            await asyncio.sleep(_EVERY)


def in_groups(days: dict[int, int]) -> dict[str, int]:
    """Certificates by whole days left, counted under LABELS."""
    groups: Counter[str] = Counter(dict.fromkeys(LABELS, 0))
    for left, count in days.items():
        groups[LABELS[sum(left >= bound for bound in _BOUNDS)]] += count
    return dict(groups)
