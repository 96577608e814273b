"""The institutions' connections: each with a certificate of its own, made when it first speaks."""

import sys
import time
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

from hutong_client.clients import HutongClient

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "dev"))

from make_certs import Authority

Answer = TypeVar("Answer")

_OPEN = 400
"""Connections that are kept."""
_DEADLINE = 60.0
"""Seconds. No doctor would wait so long; but a month in minutes keeps a machine busier than a city does."""


class Clients:
    """A client for each institution and role, one connection each; the ones unused for longest are closed."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self._kept: OrderedDict[tuple[str, str], HutongClient] = OrderedDict()
        self.registry = ""
        """HOST:PORT."""
        self.calls: Counter[str] = Counter()
        """By method, answered or refused."""
        self.seconds: defaultdict[str, float] = defaultdict(float)
        """Sum of waiting, by method."""
        self.connections = 0
        self.certificates: set[tuple[str, str]] = set()
        self.certificate_seconds = 0.0

    def of(self, institution: str, role: str) -> HutongClient:
        """The client of an institution in a role. Within a running loop."""
        key = (institution, role)
        client = self._kept.get(key)
        if client is None:
            began = time.perf_counter()
            certificate, private = self.authority.client(institution, role)
            if key not in self.certificates:
                self.certificate_seconds += time.perf_counter() - began
                self.certificates.add(key)
            ca = self.authority.certificate_file
            client = HutongClient.connect(
                self.registry, ca=ca, certificate=certificate, key=private, deadline=_DEADLINE
            )
            self._kept[key] = client
            self.connections += 1
        self._kept.move_to_end(key)
        return client

    async def call(self, method: str, call: Awaitable[Answer]) -> Answer:
        """Awaits one call and counts it."""
        began = time.perf_counter()
        try:
            return await call
        finally:
            self.calls[method] += 1
            self.seconds[method] += time.perf_counter() - began

    async def trim(self) -> None:
        """Closes what was unused for longest. Only while nothing is called."""
        while len(self._kept) > _OPEN:
            _, client = self._kept.popitem(last=False)
            await client.close()

    async def close(self) -> None:
        """Closes all."""
        while self._kept:
            await self._kept.popitem()[1].close()
