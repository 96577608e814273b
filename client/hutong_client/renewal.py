"""Renews a certificate at two thirds of its life, and moves the calls to a connection that uses it; drops none."""

import asyncio
import logging
import random
from datetime import UTC, datetime, timedelta

from hutong_client.channel import open_channel
from hutong_client.enrollment import renew
from hutong_client.errors import HutongCallError
from hutong_client.files import CertificateFiles
from hutong_client.swapping import SwappingChannel

LOGGER = logging.getLogger("hutong_client")
DUE = (0.62, 0.70)
"""Part of its life after which a certificate is renewed: two thirds, not all stations of a city at one moment."""
_READY = 10.0
"""Seconds that the new connection may take."""
_LONGEST_SLEEP = 300.0
"""Seconds: a computer that slept, or whose clock was set, notices within this time."""
_LONGEST_PAUSE = 3600.0
_LEAST_LINGER = 30.0


class Renewal:
    """Keeps one client's certificate fresh for as long as it runs."""

    def __init__(
        self,
        channel: SwappingChannel,
        registry: str,
        files: CertificateFiles,
        renew_from: str,
        *,
        server_name: str = "",
        enrollment_name: str = "",
        spread: bool = False,
    ) -> None:
        """`renew_from`: "HOST:PORT" of the enrolment listener; `registry`, `spread`: where the calls go, as connect."""
        self._channel = channel
        self._registry = registry
        self._files = files
        self._renew_from = renew_from
        self._server_name = server_name
        self._spread = spread
        self._enrollment_name = enrollment_name or server_name
        self._part = random.uniform(*DUE)  # noqa: S311  jitter, not a secret
        self._used = files.period()
        self.count = 0
        """Renewals since the start."""
        self.failure: Exception | None = None
        """Why the last try failed; None when it did not."""

    @property
    def due(self) -> datetime:
        """When the certificate in use is to be renewed."""
        begin, end = self._used
        return begin + (end - begin) * self._part

    @property
    def expired(self) -> bool:
        """Whether the certificate in use has run out."""
        return self._used[1] <= datetime.now(UTC)

    async def run(self) -> None:
        """Renews for ever."""
        tries = 0
        while True:
            left = (self.due - datetime.now(UTC)).total_seconds()
            if left > 0:
                await asyncio.sleep(min(left, _LONGEST_SLEEP))
                continue
            if await self.attempt():
                tries = 0
                continue
            tries += 1
            await asyncio.sleep(self._pause(tries))

    async def attempt(self) -> bool:
        """Renews now, or takes what another process has renewed. False when it failed; `failure` says why."""
        try:
            await self._renew()
        except Exception as error:  # whatever it is, the next try may succeed
            self.failure = error
            # Reasons and kinds only: what a file or a registry says is not for a log.
            reason = error.reason if isinstance(error, HutongCallError) else type(error).__name__
            LOGGER.warning("the certificate was not renewed: %s", reason)
            return False
        self.failure = None
        return True

    async def _renew(self) -> None:
        if self._files.period() == self._used:
            await asyncio.to_thread(self._files.recover)
        if self._files.period() == self._used:
            await renew(self._renew_from, self._files, server_name=self._enrollment_name)
        fresh = open_channel(self._registry, self._files.tls(), server_name=self._server_name, spread=self._spread)
        try:
            async with asyncio.timeout(_READY):
                await fresh.channel_ready()
        except (TimeoutError, asyncio.CancelledError) as error:
            # The certificate before serves for a while. Once it has run out, the new one is as good as any.
            if isinstance(error, asyncio.CancelledError) or not self.expired:
                await fresh.close()
                if isinstance(error, asyncio.CancelledError):
                    raise
                raise TimeoutError("the registry does not answer over the new certificate") from None
        linger = max(_LEAST_LINGER, (self._used[1] - datetime.now(UTC)).total_seconds())
        self._channel.swap(fresh, linger)
        self._used = self._files.period()
        self.count += 1
        LOGGER.info("the certificate was renewed, good until %s", f"{self._used[1]:%Y-%m-%d %H:%MZ}")

    def _pause(self, tries: int) -> float:
        """Seconds before the next try: a twentieth of the life, less at first, and an hour at most."""
        life: timedelta = self._used[1] - self._used[0]
        wait = min(float(2 ** min(tries, 12)), life.total_seconds() / 20, _LONGEST_PAUSE)
        return wait * random.uniform(0.5, 1.0)  # noqa: S311  jitter, not a secret
