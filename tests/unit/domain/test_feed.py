"""The habit of a feed."""

import pytest
from hutong_server.domain.feed import behind, longest_gap
from hypothesis import given
from hypothesis import strategies as st

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def habit(arrivals: list[int], known: int = 0) -> tuple[int, int]:
    """(last arrival, longest gap) after these arrivals."""
    last = arrivals[0]
    for arrival in arrivals[1:]:
        known = longest_gap(known, last, arrival)
        last = max(last, arrival)
    return last, known


def test_a_feed_that_is_silent_on_sundays_is_not_behind_on_sundays() -> None:
    # Every ten minutes from 8 to 18, Monday to Saturday, for three weeks.
    arrivals = [day * DAY + 8 * HOUR + slot * 10 * MINUTE for day in range(20) if day % 7 != 6 for slot in range(60)]
    last, longest = habit(arrivals)
    monday_morning = 21 * DAY + 9 * HOUR
    assert last == 19 * DAY + 8 * HOUR + 590 * MINUTE
    assert not behind(last, longest, 0, monday_morning)
    assert behind(last, longest, 0, monday_morning + 2 * DAY)


def test_a_feed_of_every_minute_is_behind_after_an_hour() -> None:
    last, longest = habit(list(range(0, DAY, MINUTE)))
    assert longest == MINUTE
    assert not behind(last, longest, 0, last + HOUR)
    assert behind(last, longest, 0, last + HOUR + 2 * MINUTE)


def test_a_holiday_is_forgotten_by_half_in_thirty_days_however_often_the_feed_publishes() -> None:
    holiday = 8 * DAY
    for interval in (10 * MINUTE, HOUR, DAY):
        _, longest = habit(list(range(0, 30 * DAY + 1, interval)), holiday)
        assert longest == pytest.approx(max(holiday / 2, interval), rel=0.001)


def test_what_is_declared_goes_before_the_habit() -> None:
    assert behind(0, 10 * DAY, 24, 24 * HOUR + 1)
    assert not behind(0, MINUTE, 24, 24 * HOUR)
    assert behind(None, 0, 24, 0)


def test_nothing_is_behind_of_which_nothing_is_known() -> None:
    assert not behind(None, 0, 0, 10**15)
    assert not behind(0, 0, 0, 10**15)


@given(st.integers(0, 10**11), st.integers(-(10**13), 10**13), st.integers(-(10**13), 10**13))
def test_a_gap_counts_whole_and_the_habit_never_grows_by_itself(known: int, last: int, received: int) -> None:
    after = longest_gap(known, last, received)
    assert after >= received - last
    assert after >= 0
    assert after <= max(known, received - last)
