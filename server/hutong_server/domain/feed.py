"""The habit of a feed: how long it is usually silent, so that an unusual silence can be told to the doctor.

A village station publishes now and then, a hospital all day but not on Sundays. So the longest silence seen is kept
and forgotten with a half-life of 30 days: a weekend is learned once, a holiday is forgotten by and by, and how often
the feed publishes in between does not matter.
"""

from hutong_server.domain.report import Instant

_HOUR = 3_600_000
_HALF_LIFE = 30 * 24 * _HOUR
SLACK = _HOUR
"""Silence beyond the habit that is not yet called behind, in milliseconds."""


def longest_gap(known: int, last_received: Instant, received: Instant) -> int:
    """The longest silence, in milliseconds, after something was received.

    `known` is the longest so far, `last_received` when the last thing came. Arrivals out of order change nothing.
    """
    gap = received - last_received
    if gap <= 0:
        return known
    return max(gap, round(known * 2 ** (-gap / _HALF_LIFE)))


def behind(last_received: Instant | None, longest: int, declared_hours: int, now: Instant) -> bool:
    """Whether a feed is silent for longer than its institution declared, or else than its habit.

    The habit is one and a half times the longest silence seen, and an hour. Nothing declared and no silence seen yet:
    never behind. Declared and nothing ever received: behind.
    """
    if declared_hours > 0 and last_received is None:
        return True
    normal = habit(longest, declared_hours)
    return last_received is not None and normal > 0 and now - last_received > normal


def habit(longest: int, declared_hours: int) -> int:
    """Milliseconds of silence that are normal for a feed: see behind(). 0: not known."""
    if declared_hours > 0:
        return declared_hours * _HOUR
    return longest * 3 // 2 + SLACK if longest > 0 else 0
