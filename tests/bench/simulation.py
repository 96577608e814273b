"""A nation's peak, played through event by event: calls arrive by chance, wait at workers, and one replica is lost.

The model. Calls come independently of each other (Poisson). Each goes to a worker by chance: a million institutions
hold connections, and the balancer does not look into them. A worker serves one call at a time, in order of arrival: it
is one Python process. It is occupied by a call for the processor time that was measured; the answer takes as long as
a call takes alone, longer than that by waiting for the disk and the network. When a replica is lost, the calls at its
workers fail, and their callers ask again elsewhere after a pause; their time goes on counting. Nothing is shed. The
same seed gives the same numbers.
"""

import heapq
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

PAUSE_MS = (50.0, 250.0)
"""After which a caller of a lost replica is connected elsewhere and asks again."""


@dataclass(frozen=True, slots=True)
class Service:
    """What a call takes, as measured. Milliseconds."""

    occupied: float
    """Processor time of a worker, on average."""
    alone: Sequence[float]
    """From question to answer when nobody else asks: quantiles at equal distances, the least first."""

    def draw(self, chance: random.Random) -> tuple[float, float]:
        """(occupied, until the answer) of a call: one that takes long also occupies long."""
        place = chance.random() * (len(self.alone) - 1)
        low = int(place)
        took = self.alone[low] + (place - low) * (self.alone[low + 1] - self.alone[low])
        return self.occupied * took / self.mean, took

    @property
    def mean(self) -> float:
        """Of a call alone."""
        return (sum(self.alone) - (self.alone[0] + self.alone[-1]) / 2) / (len(self.alone) - 1)


@dataclass(frozen=True, slots=True)
class Played:
    """What callers saw. Milliseconds, and calls."""

    p50: float
    p99: float
    worst: float
    queue: float
    """Calls that another finds at its worker, on average: one that is served, and those that wait."""
    longest: int
    """The most of them."""
    asked_again: int
    came: int
    answered: int
    """Of those that came: all, sooner or later."""


def play(
    rate: float,
    workers: int,
    service: Service,
    *,
    seconds: float = 4.0,
    warm: float = 1.0,
    replica: int = 4,
    lost_at: float | None = None,
    seed: int = 1,
) -> Played:
    """`rate` calls a second for so many seconds after `warm`. `replica`: workers that are lost together at `lost_at`.

    All times begin with the warm-up, whose calls are not counted. Raises ValueError when nobody is left.
    """
    if lost_at is not None and replica >= workers:
        raise ValueError("no worker is left")
    chance = random.Random(seed)  # noqa: S311  # a simulation
    alive = list(range(workers))
    free = [0.0] * workers
    inside: list[deque[tuple[float, float, float]]] = [deque() for _ in range(workers)]
    took: list[float] = []
    waiting: list[int] = []
    end, begin, lost = 1000 * (warm + seconds), 1000 * warm, 1000 * (lost_at or 0) or None
    again = came = 0
    # (when, tie-breaker, when it was due)
    coming: list[tuple[float, int, float]] = [(chance.expovariate(rate) * 1000, 0, -1.0)]
    number = 0
    while coming:
        now, _, due = heapq.heappop(coming)
        if lost is not None and now >= lost:
            for worker in alive[:replica]:
                for _, answer, of in inside[worker]:
                    if answer > lost:
                        again += 1
                        number += 1
                        heapq.heappush(coming, (lost + chance.uniform(*PAUSE_MS), number, of))
                    elif of >= begin:
                        took.append(answer - of)
                inside[worker].clear()
            alive, lost = alive[replica:], None
        if due < 0:
            # A new call; the next one is known by it.
            due, number = now, number + 1
            came += due >= begin
            following = now + chance.expovariate(rate) * 1000
            if following < end:
                heapq.heappush(coming, (following, number, -1.0))
        worker = alive[int(chance.random() * len(alive))]
        queue = inside[worker]
        while queue and queue[0][0] <= now:
            _, answer, of = queue.popleft()
            if of >= begin:
                took.append(answer - of)
        if due >= begin:
            waiting.append(len(queue))
        occupied, until = service.draw(chance)
        start = max(now, free[worker])
        free[worker] = start + occupied
        queue.append((free[worker], start + until, due))
    took += [answer - of for queue in inside for _, answer, of in queue if of >= begin]
    took.sort()
    return Played(
        p50=took[len(took) // 2],
        p99=took[len(took) * 99 // 100],
        worst=took[-1],
        queue=sum(waiting) / len(waiting),
        longest=max(waiting),
        asked_again=again,
        came=came,
        answered=len(took),
    )
