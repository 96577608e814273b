"""How often somebody may do something: a rate, and a reserve that fills while it is not used (a token bucket)."""


class TokenBucket:
    """Gives `rate` tokens a second, and after a pause up to `burst` of them at once.

    Time is an argument, in seconds of any clock that never goes back. Not for several threads.
    """

    __slots__ = ("_burst", "_level", "_rate", "_seen")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        """Full at first. Raises ValueError unless `rate` is above 0 and `burst` at least 1."""
        if not rate > 0 or not burst >= 1:
            raise ValueError("a bucket needs a rate above 0 and room for one token")
        self._rate = rate
        self._burst = burst
        self._level = burst
        self._seen = now

    def take(self, now: float) -> float:
        """Takes a token and gives 0.0; when there is none, the seconds until there will be one, and takes nothing."""
        level = self._filled(now)
        self._seen = max(now, self._seen)
        if level >= 1.0:
            self._level = level - 1.0
            return 0.0
        self._level = level
        return (1.0 - level) / self._rate

    def is_full(self, now: float) -> bool:
        """Whether it is as good as new: nobody would notice if it were forgotten."""
        return self._filled(now) >= self._burst

    def _filled(self, now: float) -> float:
        # A clock that stands or goes back gives nothing and takes nothing.
        return min(self._burst, self._level + max(0.0, now - self._seen) * self._rate)
