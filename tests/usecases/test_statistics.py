"""Roll-ups against an outside recount of the raw rows (tests/recount.py), on a made month with everything in it."""

import itertools
import json
import random
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hutong_server.api import counting as counting_module
from hutong_server.api.counting import Counting
from hutong_server.domain.caller import Role
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.statistics import Counts
from hutong_server.statistics_commands import raw_lines
from hutong_server.store.base import Sealer, Store
from hutong_server.store.base_statistics import COLUMNS, CUBOIDS, FINEST, MONTHLY, RAW
from hutong_server.store.sql_store import open_store
from hutong_server.store.statistics_view import RawView
from hutong_server.telemetry import Metrics
from hutong_server.usecases import statistics_counting
from hutong_server.usecases.statistics import GetStatistics, Grouping, StatisticsFilter, get_statistics
from hutong_server.usecases.statistics_plan import planned

from tests.building import DAY, caller
from tests.recount import Key, recount
from tests.usecases.counting import (
    BOOK,
    FIRST,
    GROUNDS,
    INSTITUTIONS,
    ITEMS,
    Job,
    Month,
    decide,
    happened,
    now,
    offer,
    opened,
)

SUPERVISOR = caller("registry", Role.SUPERVISOR)
Raw = dict[Key, dict[str, int]]
KEYS = ("period", "receiver", "source", "department", "specialty", "item", "ground")
WHOLE = StatisticsFilter("2026-03-01", "2026-05-31")


def counting(store: Store, book: Any = BOOK) -> Counting:
    return Counting(store, lambda: book, now, Metrics())


def counted_outside(store: Store) -> Raw:
    """What the outside script makes of a dump."""
    return store.read(
        lambda tx: recount([json.dumps(row) for row in raw_lines(BOOK, RawView(tx))])  # type: ignore[arg-type]
    )


def asked(store: Store, wanted: StatisticsFilter, by: tuple[Grouping, ...], size: int = 10_000) -> dict[Any, Counts]:
    """All pages of an answer."""
    found: dict[Any, Counts] = {}
    after: tuple[str, ...] = ()
    while True:
        ask = GetStatistics(wanted, by, SUPERVISOR, size, after)
        answer = store.read(lambda reader, ask=ask: get_statistics(ask, reader))  # type: ignore[misc]
        assert not found.keys() & dict(answer.rows).keys()
        found |= dict(answer.rows)
        if not answer.after:
            return found
        after = answer.after


def expected(raw: Raw, wanted: StatisticsFilter, by: tuple[Grouping, ...]) -> dict[Any, Counts]:
    """The same answer, from the outside recount."""
    groups: dict[Any, dict[str, int]] = {} if by else {(): {}}
    for key, counts in raw.items():
        named = dict(zip(KEYS, key, strict=True))
        if not wanted.first_day <= named["period"] <= wanted.last_day:
            continue
        if any(named[name] != value for name, value in wanted.equal.items()):
            continue
        if any(not named[each.value] for each in by if each not in (Grouping.DEPARTMENT, Grouping.DAY)):
            continue
        group = groups.setdefault(tuple(named[each.value] for each in by), {})
        for name, count in counts.items():
            group[name] = group.get(name, 0) + count
    return {group: Counts(**counts) for group, counts in groups.items()}


@pytest.fixture(scope="module")
def month(module_store_url: str, sealer: Sealer) -> Iterator[tuple[Store, Month, Raw]]:
    """The month counted, once without and once with what came late; and what the outside script makes of it."""
    store = open_store(module_store_url, sealer)
    made = Month()
    made.write(store, made.early)
    counter = counting(store)
    with pytest.MonkeyPatch.context() as patch:
        # Every day comes in several parts.
        patch.setattr(statistics_counting, "PART", 3)
        assert counter.count()
        first = asked(store, WHOLE, ())[()]
        made.write(store, made.late)
        assert counter.count()
        assert asked(store, WHOLE, ())[()] != first
        yield store, made, counted_outside(store)
    store.close()


def test_every_number_equals_an_outside_recount(month: tuple[Store, Month, Raw]) -> None:
    store, made, raw = month
    # Everything that makes counting hard is in it.
    assert min(made.kinds.values()) > 10, made.kinds
    total = expected(raw, WHOLE, ())[()]
    assert min(total) > 0
    assert total.recognized > total.unpriced
    assert total.repeated > total.refused
    for size in range(4):
        for by in itertools.combinations(Grouping, size):
            wanted = WHOLE
            try:
                planned(wanted, by)
            except HutongError:
                # Too much of the finest counts at once: a month of them then.
                wanted = StatisticsFilter("2026-04-01", "2026-04-30")
            assert asked(store, wanted, by) == expected(raw, wanted, by), by


def test_filters_and_spans_equal_an_outside_recount(month: tuple[Store, Month, Raw]) -> None:
    store, _, raw = month
    chance = random.Random(11)  # noqa: S311  the same questions each time
    empty = 0
    for _ in range(120):
        first, last = sorted(chance.sample([f"2026-{m:02}-{d:02}" for m in (3, 4, 5) for d in range(1, 31)], 2))
        wanted = StatisticsFilter(
            first,
            last,
            source=chance.choice(("", "", *INSTITUTIONS)),
            receiver=chance.choice(("", "", *INSTITUTIONS)),
            department=chance.choice(("", "", "内科", "外科", "没有")),
            item=chance.choice(("", "", *ITEMS)),
            specialty=chance.choice(("", "", "laboratory", "examination", "unknown")),
            ground=chance.choice(("", "", "", *GROUNDS)),
        )
        by = tuple(chance.sample(tuple(Grouping), chance.randint(0, 3)))
        try:
            planned(wanted, by)
        except HutongError:
            continue
        outside = expected(raw, wanted, by)
        assert asked(store, wanted, by) == outside, (wanted, by)
        empty += not any(any(counts) for counts in outside.values())
    assert empty < 90


def test_every_roll_up_of_days_and_months_is_the_sum_of_the_finest(month: tuple[Store, Month, Raw]) -> None:
    store, _, _ = month
    total = asked(store, WHOLE, ())[()]

    def sums(reader: Any) -> None:
        for cuboid in range(len(CUBOIDS)):
            for length in (10, 7):
                rows = reader.command(
                    "SELECT count(*), coalesce(sum(prompts), 0), coalesce(sum(returned), 0),"  # noqa: S608
                    " coalesce(sum(savings_fen), 0) FROM statistics_count"
                    f" WHERE cuboid = {cuboid} AND length(period) = {length}"
                )
                if (cuboid == FINEST and length == 7) or (cuboid in MONTHLY and length == 10):
                    assert rows[0][0] == 0
                else:
                    assert tuple(map(int, rows[0][1:])) == (total.prompts, total.returned, total.savings_fen)

    store.read(sums)


def test_pages_go_on_where_the_last_one_ended(month: tuple[Store, Month, Raw]) -> None:
    store, _, raw = month
    april = StatisticsFilter("2026-04-01", "2026-04-30")
    for by in itertools.permutations((Grouping.RECEIVER, Grouping.ITEM, Grouping.DAY, Grouping.SOURCE), 2):
        for size in (1, 7):
            pages = asked(store, april, by, size)
            assert pages == expected(raw, april, by)
            # In the order of the index: day, receiver, source, item.
            places = [COLUMNS.index(each.value) for each in by]
            order = sorted(range(2), key=lambda number: places[number])
            assert list(pages) == sorted(pages, key=lambda group: [group[number] for number in order])


def test_counting_again_changes_nothing_and_from_nothing_comes_to_the_same(month: tuple[Store, Month, Raw]) -> None:
    store, _, _ = month
    by = (Grouping.DAY, Grouping.RECEIVER, Grouping.GROUND)
    before = asked(store, WHOLE, by)
    again = counting(store)
    store.submit(statistics_counting.seize(again.holder, BOOK, now(), 60_000)).result(30)
    parts = 1
    while store.submit(lambda writer: writer.forget_counts()).result(30):
        parts += 1
    assert parts > 2
    assert asked(store, WHOLE, by) == {}
    assert again.count()
    assert asked(store, WHOLE, by) == before


def settle(store: Store) -> None:
    """As if everything were recorded long ago: only what comes now is found."""
    until = now() + 1

    def job(writer: Any) -> None:
        for raw in RAW:
            writer.put_counting_position(raw, until)

    store.submit(job).result(30)
    time.sleep(0.005)


def test_what_comes_late_is_found_by_itself_and_counts_for_its_own_day(store: Store) -> None:
    at = FIRST + 10 * DAY
    day, next_day, third_day = (BOOK.day_of(at + number * DAY) for number in range(3))
    prompt = offer(b"1" * 16, at, "H1", {"K": ("H2", b"a" * 16)})
    counter = counting(store)

    def then(job: Job, **days: Counts) -> None:
        settle(store)
        store.submit(job).result(30)
        assert counter.count()
        by_day = {"day": day, "next_day": next_day, "third_day": third_day}
        assert asked(store, WHOLE, (Grouping.DAY,)) == {(by_day[name],): counts for name, counts in days.items()}

    offered = Counts(prompts=1, reminders=1, returned=1)
    then(lambda writer: writer.put_prompt(prompt), day=offered)
    then(
        lambda writer: writer.put_prompt_event(happened(prompt, "shown", at + DAY)),
        day=offered._replace(shown=1),
    )
    offered = offered._replace(shown=1)
    then(lambda writer: writer.put_reliance(opened(prompt, b"a" * 16, at + DAY)), day=offered._replace(opened=1))
    offered = offered._replace(opened=1)
    then(
        lambda writer: writer.put_decision(decide(prompt, "K", "recognized", at + DAY, price=2800)),
        day=offered,
        next_day=Counts(recognized=1, savings_fen=2800),
    )
    # Taken back on yet another day: the decision is gone from its own.
    then(
        lambda writer: writer.put_decision(decide(prompt, "K", "revoked", at + 2 * DAY)),
        day=offered,
        third_day=Counts(revoked=1),
    )
    # The same request on the third day: still the prompt of the first, with one more line.
    again = offer(b"1" * 16, at + 2 * DAY, "H1", {"GLU": ("H3", b"b" * 16)})
    then(
        lambda writer: writer.put_prompt(again),
        day=offered._replace(returned=2, shown=2),
        third_day=Counts(revoked=1),
    )


def test_what_is_committed_late_is_found_also_behind_more_than_a_batch(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics_counting, "BATCH", 3)
    counted: list[str] = []
    recount_of = counting_module.recount

    def watched(read: Any, day: str, *rest: Any) -> Any:
        counted.append(day)
        return recount_of(read, day, *rest)

    monkeypatch.setattr(counting_module, "recount", watched)
    counter = counting(store)

    def put(number: int, at: int) -> None:
        prompt = offer(number.to_bytes(16, "big"), at, "H1", {"K": ("H3", b"a" * 16)})
        store.submit(lambda writer: writer.put_prompt(prompt)).result(30)

    for number in range(10):
        put(number, FIRST + number)
    assert counter.count()
    # All that was recorded is looked through first: the day is counted once.
    assert counted == [BOOK.day_of(FIRST)]
    put(10, FIRST + DAY)
    # As if it had been recorded half a minute ago and committed now.
    older = f"UPDATE prompt SET recorded = recorded - 30000 WHERE at = {FIRST + DAY}"  # noqa: S608  a number of ours
    store.submit(lambda writer: writer.command(older)).result(30)  # type: ignore[attr-defined]
    assert counter.count()
    assert asked(store, WHOLE, ())[()].prompts == 11


def test_one_process_counts_until_it_stops(store: Store) -> None:
    clock = [now()]
    one = Counting(store, lambda: BOOK, lambda: clock[0], Metrics())
    other = Counting(store, lambda: BOOK, lambda: clock[0], Metrics())
    assert one.count()
    assert not other.count()
    assert one.count()
    clock[0] += statistics_counting.LEASE + 1
    assert other.count()
    assert not one.count()
    # What the one had still in hand is not added any more.
    job = statistics_counting.keep(one.holder, clock[0], [])
    with pytest.raises(statistics_counting.NotCounting):
        store.submit(job).result(30)


def test_charts_need_not_wait_long_for_the_interpreter_while_days_are_counted(store: Store) -> None:
    usual, seen = sys.getswitchinterval(), set()

    def book() -> Any:
        seen.add(sys.getswitchinterval())
        return BOOK

    assert Counting(store, book, now, Metrics()).count()
    assert max(seen) <= usual / 10
    assert sys.getswitchinterval() == usual

    def failing() -> Any:
        raise LookupError("no book")

    with pytest.raises(LookupError, match="no book"):
        Counting(store, failing, now, Metrics()).count()
    assert sys.getswitchinterval() == usual


@pytest.mark.parametrize("rest", [15.0, 0.0])
def test_while_the_counting_rests_all_threads_have_their_usual_turns(
    store: Store, rest: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = sys.getswitchinterval()
    rests: list[tuple[float, float]] = []

    class Clock:
        perf_counter = time.perf_counter

        @staticmethod
        def sleep(seconds: float) -> None:
            rests.append((seconds, sys.getswitchinterval()))

    monkeypatch.setattr(counting_module, "time", Clock)
    prompt = offer(b"1" * 16, FIRST, "H1", {"K": ("H3", b"a" * 16)})
    store.submit(lambda writer: writer.put_prompt(prompt)).result(30)
    assert Counting(store, lambda: BOOK, now, Metrics(), rest=rest).count()
    # After what was kept, at the least; none where nobody else works.
    assert bool(rests) == bool(rest)
    assert {interval for _, interval in rests} <= {usual}


@pytest.mark.parametrize("shedding", [False, True])
def test_while_calls_are_turned_away_the_counting_waits_but_not_for_ever(
    store: Store, shedding: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests: list[float] = []
    reading: list[bool] = []
    within: list[float] = []

    class Clock:
        perf_counter = time.perf_counter

        @staticmethod
        def sleep(seconds: float) -> None:
            (within if reading else rests).append(seconds)

    class Watched:
        """The store, told when a read begins and ends."""

        submit = store.submit

        @staticmethod
        def read(job: Any) -> Any:
            reading.append(True)
            try:
                return store.read(job)
            finally:
                reading.pop()

    monkeypatch.setattr(counting_module, "time", Clock)
    monkeypatch.setattr(counting_module, "_PATIENCE", 3.0)
    monkeypatch.setattr(counting_module, "_BREATH", 0.0)
    watched: Any = Watched()
    counting = Counting(watched, lambda: BOOK, now, Metrics(), shedding=lambda: shedding)
    for number in range(20):
        prompt = offer(number.to_bytes(16, "big"), FIRST + number * DAY, "H1", {"K": ("H3", b"a" * 16)})
        store.submit(lambda writer, prompt=prompt: writer.put_prompt(prompt)).result(30)
    assert counting.count()
    assert rests.count(1.0) == (3 if shedding else 0)
    assert asked(store, WHOLE, ())[()].prompts
    # It rests within a read, too, but never for long: its transaction is open meanwhile.
    assert within
    assert max(within) < 0.5
    # The next look has its own minute.
    prompt = offer(b"n" * 16, FIRST, "H1", {"K": ("H3", b"a" * 16)})
    store.submit(lambda writer: writer.put_prompt(prompt)).result(30)
    assert counting.count()
    assert rests.count(1.0) > (3 if shedding else -1)


def test_a_long_day_is_counted_with_a_breath_at_every_prompt_and_every_fact(store: Store) -> None:
    for number in range(20):
        prompt = offer(number.to_bytes(16, "big"), FIRST, "H1", {"K": ("H3", b"a" * 16)})
        store.submit(lambda writer, prompt=prompt: writer.put_prompt(prompt)).result(30)
    breaths: list[None] = []
    day = BOOK.day_of(FIRST)

    def counted(*breathe: Any) -> Any:
        return statistics_counting.recount(store.read, day, "H1", BOOK, *breathe)

    found = counted(lambda: breaths.append(None))
    assert found == counted()
    assert sum(each.counts.prompts for each in found) == 20
    # A prompt, that it reminded, and its one line.
    assert len(breaths) == 20 + 3 * 20


def test_a_long_day_is_read_in_parts_and_prompts_of_one_millisecond_together(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        # Three at the first moment, then one each.
        prompt = offer(number.to_bytes(16, "big"), FIRST + max(0, number - 2), "H1", {"K": ("H3", b"a" * 16)})
        store.submit(lambda writer, prompt=prompt: writer.put_prompt(prompt)).result(30)
    day = BOOK.day_of(FIRST)
    monkeypatch.setattr(statistics_counting, "PART", 2)
    parts: list[None] = []
    found = statistics_counting.recount(store.read, day, "H1", BOOK, between=lambda: parts.append(None))
    assert {each.cell.item: each.counts.prompts + each.counts.returned for each in found} == {"": 12, "K": 12}
    # Those of the first moment, which begins the day; then two each, and the last.
    assert len(parts) == 6


def test_a_row_that_does_not_open_leaves_its_day_as_it_was_and_the_others_are_counted(store: Store) -> None:
    counter = counting(store)

    def put(prompt_id: bytes, receiver: str) -> Job:
        return lambda writer: writer.put_prompt(offer(prompt_id, FIRST, receiver, {"K": ("H3", b"a" * 16)}))

    store.submit(put(b"1" * 16, "H1")).result(30)
    assert counter.count()
    store.submit(put(b"2" * 16, "H1")).result(30)
    store.submit(put(b"3" * 16, "H2")).result(30)
    broken = {"sqlite": "x'00'", "postgresql": "'\\x00'::bytea"}

    def spoil(writer: Any) -> None:
        writer.command(f"UPDATE prompt SET lines = {broken[writer.database]} WHERE institution = 'H1'")  # noqa: S608

    store.submit(spoil).result(30)
    assert counter.count()
    by = (Grouping.RECEIVER,)
    assert asked(store, WHOLE, by) == {(code,): Counts(prompts=1, reminders=1, returned=1) for code in ("H1", "H2")}


def test_another_time_zone_stops_the_counting_once_something_is_counted(store: Store) -> None:
    assert counting(store).count()
    store.submit(lambda writer: writer.put_counting_run(_elsewhere(writer))).result(30)
    assert counting(store).count()
    store.submit(lambda writer: writer.put_prompt(offer(b"1" * 16, FIRST, "H1", {}))).result(30)
    store.submit(lambda writer: writer.put_counting_run(_ended(writer))).result(30)
    assert counting(store).count()
    store.submit(lambda writer: writer.put_counting_run(_elsewhere(writer))).result(30)
    with pytest.raises(statistics_counting.ZoneChanged):
        counting(store).count()


def _ended(writer: Any) -> Any:
    return writer.counting_run()._replace(held_until=0)


def _elsewhere(writer: Any) -> Any:
    return writer.counting_run()._replace(time_zone="Asia/Urumqi", held_until=0)


def test_an_institution_sees_what_it_asked_and_what_became_of_its_results(month: tuple[Store, Month, Raw]) -> None:
    store, _, raw = month

    def ask(by: tuple[Grouping, ...] = (), **filters: str) -> dict[Any, Counts]:
        wanted = StatisticsFilter(WHOLE.first_day, WHOLE.last_day, **filters)
        question = GetStatistics(wanted, by, caller("H1", Role.EMR), 10_000)
        return dict(store.read(lambda reader: get_statistics(question, reader)).rows)

    own = expected(raw, StatisticsFilter(WHOLE.first_day, WHOLE.last_day, receiver="H1"), ())
    assert ask() == ask(receiver="H1") == own
    elsewhere = StatisticsFilter(WHOLE.first_day, WHOLE.last_day, source="H1")
    assert ask(source="H1") == expected(raw, elsewhere, ())
    by = (Grouping.RECEIVER, Grouping.ITEM)
    assert ask(by, source="H1") == expected(raw, elsewhere, by)
    assert ask((Grouping.DEPARTMENT,))
    for filters in ({"receiver": "H2"}, {"source": "H2"}, {"source": "H2", "receiver": "H3"}):
        with pytest.raises(HutongError) as refused:
            ask(**filters)
        assert refused.value.reason is Reason.ROLE_NOT_ALLOWED
    for by, filters in (((Grouping.DEPARTMENT,), {}), ((), {"department": "内科"})):
        with pytest.raises(HutongError) as refused:
            ask(by, source="H1", **filters)
        assert refused.value.reason is Reason.REQUEST_INVALID
