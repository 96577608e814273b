"""Token buckets: what was given in any span never exceeds burst and rate, and nobody waits longer than was said."""

import pytest
from hutong_server.domain.token_bucket import TokenBucket
from hypothesis import given
from hypothesis import strategies as st

RATES = st.floats(0.01, 1000)
BURSTS = st.integers(1, 500)
PAUSES = st.lists(st.floats(0, 30), max_size=200)


@given(rate=RATES, burst=BURSTS, pauses=PAUSES)
def test_never_more_than_the_burst_and_the_rate_allow(rate: float, burst: int, pauses: list[float]) -> None:
    now = 0.0
    bucket = TokenBucket(rate, burst, now)
    given_out = 0
    for pause in pauses:
        now += pause
        given_out += bucket.take(now) == 0.0
    assert given_out <= burst + rate * now + 1e-6


@given(rate=RATES, burst=BURSTS, pauses=PAUSES)
def test_whoever_waits_as_long_as_was_said_is_let_in(rate: float, burst: int, pauses: list[float]) -> None:
    now = 0.0
    bucket = TokenBucket(rate, burst, now)
    for pause in pauses:
        now += pause
        wait = bucket.take(now)
        if wait:
            assert 0 < wait <= 1 / rate
            now += wait * (1 + 1e-9) + 1e-6
            assert bucket.take(now) == 0.0


def test_the_burst_is_given_at_once_and_the_rate_afterwards() -> None:
    bucket = TokenBucket(5, 20, 100.0)
    assert [bucket.take(100.0) for _ in range(20)] == [0.0] * 20
    assert bucket.take(100.0) == pytest.approx(0.2)
    assert not bucket.is_full(103.9)
    assert bucket.is_full(104.0)
    seconds = [100 + n / 100 for n in range(1, 1001)]
    assert sum(bucket.take(second) == 0.0 for second in seconds) == 50


def test_a_refusal_takes_nothing() -> None:
    bucket = TokenBucket(1, 1, 0.0)
    assert bucket.take(0.0) == 0.0
    assert all(bucket.take(n / 100) > 0 for n in range(99))
    assert bucket.take(1.0) == 0.0


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket = TokenBucket(1, 1, 50.0)
    assert bucket.take(50.0) == 0.0
    assert bucket.take(10.0) == pytest.approx(1.0)
    assert bucket.take(50.5) == pytest.approx(0.5)
    assert bucket.take(51.0) == 0.0


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (1, 0), (float("nan"), 1)])
def test_a_bucket_that_gives_nothing_cannot_be_made(rate: float, burst: float) -> None:
    with pytest.raises(ValueError, match="rate above 0"):
        TokenBucket(rate, burst, 0.0)
