"""How many calls may be in work at a time, learned from how long they take: a queue that stays helps nobody."""

CALM = 5.0
"""Seconds without a late call after which what was is forgotten: bursts are let in whole again."""


SLOWEST = 4.0
"""Times the target: what the quickest call takes never makes it more than this."""


class Room:
    """Room for `most` at first; less while calls take longer than `target` seconds, never below `least`.

    A burst is let in whole. What stays is a queue that does not get shorter, in which everybody waits for nothing:
    as soon as calls come out late, only as many are let in as are finished meanwhile (additive increase,
    multiplicative decrease, as TCP does; Chiu and Jain 1989), and nobody has more than half of the room.
    A call that takes less than twice as long as the quickest so far waited for no queue: where the database is far
    away the target is that, up to SLOWEST targets.
    Time is an argument, in seconds of any clock that never goes back. Not for several threads.
    """

    __slots__ = ("_cut_at", "_in_work", "_late_at", "_least", "_limit", "_most", "_quickest", "_slowest", "_target")

    def __init__(self, most: int, least: int, target: float) -> None:
        """Raises ValueError unless 1 <= least and `target` is above 0. `most` below `least` counts alone."""
        if least < 1 or most < 1 or not target > 0:
            raise ValueError("room is for one at least, and a target above 0")
        self._most = float(most)
        self._least = float(min(least, most))
        self._target = target
        self._slowest = SLOWEST * target
        self._quickest = float("inf")
        self._limit = float(most)
        self._in_work = 0
        self._cut_at = self._late_at = float("-inf")

    @property
    def limit(self) -> int:
        """How many may be in work now."""
        return int(self._limit)

    def crowded(self, now: float) -> bool:
        """Whether calls came out late a moment ago, so that not all are let in."""
        return self._limit < self._most and now - self._late_at < CALM

    def enter(self, own: int = 0, now: float = float("-inf")) -> bool:
        """Whether there is room for one more of somebody who has `own` in work already; it has to leave later.

        `now` gives an end to what was: after an idle hour the first rush is let in whole, too.
        """
        if self.full(own, now):
            return False
        self._in_work += 1
        return True

    def full(self, own: int = 0, now: float = float("-inf")) -> bool:
        """Whether there is none. Asked before a call has cost anything; only `enter` takes room."""
        if not self._in_work and now - self._late_at >= CALM:
            self._limit = self._most
        return self._in_work >= int(self._limit) or (self._limit < self._most and 2 * own >= int(self._limit))

    def leave(self, took: float, now: float, answered: bool = True) -> None:
        """One is done and took so many seconds. `answered`: what is refused or given up is no measure of an answer."""
        if answered and took < self._quickest:
            self._quickest = took
            self._target = min(self._slowest, max(self._slowest / SLOWEST, 2 * took))
        if took <= self._target:
            calm = now - self._late_at >= CALM
            # One more in each round of as many calls as there is room for.
            self._limit = self._most if calm else min(self._most, self._limit + 1 / self._limit)
        else:
            # Whatever few waited for, it was not for too many others. And once in the time after which a cut shows.
            if self._in_work > self._least and now - self._cut_at >= self._target:
                # Room that nobody used is no measure of what is too much; as many as were in work when it took so long
                # would take as long as wanted if they were fewer in proportion.
                share = min(0.75, max(0.25, self._target / took))
                self._limit = max(self._least, share * min(self._limit, self._in_work))
                self._cut_at = now
            if self._limit < self._most:
                self._late_at = now
        self._in_work -= 1
