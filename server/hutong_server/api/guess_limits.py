"""How often enrolment may be tried: a bucket for each peer address and one for all, spent by what is refused."""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from urllib.parse import unquote

from hutong_server.domain.errors import HutongError, Reason

PER_ADDRESS = (30.0, 1 / 6)
"""Refusals that an address may have at once, and how many a second come back: ten a minute."""
GLOBAL = (300.0, 10.0)
"""The same for all addresses together. A guess among 2^256 tokens does not get better by it; the work stays small."""
TRUST_LIMITS = ((120.0, 2.0), (2000.0, 200.0))
"""The same two for questions after the trusted roots, which anybody may ask: each question counts."""
_ADDRESSES = 10_000
"""Addresses remembered; the one that was silent longest is forgotten first."""


class _Bucket:
    __slots__ = ("at", "left")

    def __init__(self, size: float, at: float) -> None:
        self.left, self.at = size, at


class GuessLimits:
    """Buckets in the memory of one process."""

    def __init__(
        self,
        per_address: tuple[float, float] = PER_ADDRESS,
        for_all: tuple[float, float] = GLOBAL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`per_address`, `for_all`: (size of the bucket, tokens a second)."""
        self._clock = clock
        self._per_address, self._for_all = per_address, for_all
        self._all = _Bucket(for_all[0], clock())
        self._addresses: OrderedDict[str, _Bucket] = OrderedDict()

    def reset(self) -> None:
        """Forgets every refusal."""
        self._addresses.clear()
        self._all = _Bucket(self._for_all[0], self._clock())

    def enter(self, address: str) -> None:
        """Takes one try from both buckets. Raises RATE_LIMITED when either is empty."""
        now = self._clock()
        own = self._addresses.get(address)
        if own is None:
            own = self._addresses[address] = _Bucket(self._per_address[0], now)
            if len(self._addresses) > _ADDRESSES:
                self._addresses.popitem(last=False)
        self._addresses.move_to_end(address)
        for bucket, (size, rate) in ((own, self._per_address), (self._all, self._for_all)):
            bucket.left = min(size, bucket.left + (now - bucket.at) * rate)
            bucket.at = now
            if bucket.left < 1:
                raise HutongError(
                    Reason.RATE_LIMITED,
                    "Too many tries; come again later.",
                    retry_after=(1 - bucket.left) / rate,
                )
        own.left -= 1
        self._all.left -= 1

    def give_back(self, address: str) -> None:
        """Returns the try of one that was no guess."""
        own = self._addresses.get(address)
        if own is not None:
            own.left = min(self._per_address[0], own.left + 1)
        self._all.left = min(self._for_all[0], self._all.left + 1)


def address_of(peer: str) -> str:
    """The address in gRPC's peer text ("ipv4:1.2.3.4:567"); of IPv6 the network of 64 bits, which a site has whole."""
    kind, _, rest = unquote(peer).partition(":")
    host = rest.rpartition(":")[0].strip("[]")
    if kind == "ipv6":
        try:
            return str(ipaddress.ip_network(f"{host.partition('%')[0]}/64", strict=False))
        except ValueError:
            return host
    return host or peer
