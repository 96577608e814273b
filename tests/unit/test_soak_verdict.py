"""The soak's verdict sees what grows, and lets be what does not."""

import random

from tests.soak.curve import share
from tests.soak.picture import picture
from tests.soak.verdict import FIRST, LAST, table, verdicts
from tests.soak.watch import Sample, Watch

SECONDS = 600.0


def day(memory: float = 0, handles: float = 0, threads: float = 0, latency: float = 0) -> Watch:
    """A made day; each figure grows by so much of itself until its end."""
    chance = random.Random(1)  # noqa: S311  a made day
    watch = Watch(0.0)
    for second in range(int(SECONDS)):
        x = second / SECONDS
        watch.samples.append(
            Sample(
                second,
                "worker",
                int(150e6 * 2 * (1 + memory * x)),
                round(120 * (1 + handles * x)),
                round(40 * (1 + threads * x)),
                2,
                {"socket": round(120 * (1 + handles * x))},
            )
        )
        for kind in ("chart", "orders", "report", "decision", "publish"):
            watch.calls += [
                (second + n / 9, kind, 0.02 * (1 + latency * x) * chance.uniform(0.8, 1.2)) for n in range(9)
            ]
    return watch


def unequal(watch: Watch) -> set[str]:
    return {each.what for each in verdicts(watch, SECONDS) if not each.equal}


def test_what_stays_as_it_was_is_equal() -> None:
    assert unequal(day()) == set()
    assert "chart p99 (ms)" in {each.what for each in verdicts(day(), SECONDS)}


def test_each_thing_that_grows_is_seen() -> None:
    assert unequal(day(memory=0.3)) == {"worker memory (MB)"}
    assert unequal(day(handles=0.1)) == {"worker file handles"}
    assert unequal(day(threads=0.1)) == {"worker threads"}
    grown = unequal(day(latency=1.0))
    assert {"chart p50 (ms)", "chart p99 (ms)", "publish p50 (ms)"} <= grown
    assert not {each for each in grown if each.startswith("worker")}
    failing = day()
    failing.failed["chart: UNAVAILABLE"] += 1
    assert unequal(failing) == {"calls that failed"}
    assert table(verdicts(failing, SECONDS)).count("NOT EQUAL") == 1


def test_the_first_hours_and_the_last_are_as_busy_and_the_day_is_not() -> None:
    loads = [[share(part[0] + (part[1] - part[0]) * step / 50) for step in range(51)] for part in (FIRST, LAST)]
    first, last = (sum(load) / len(load) for load in loads)
    assert abs(first - last) < 0.1 * first
    assert max(share(step / 100) for step in range(101)) > 3 * first


def test_the_picture_has_every_line() -> None:
    drawn = picture(day(), SECONDS)
    assert drawn.count("<polyline") == 1 + 2 + 3
    assert "19:00" in drawn
