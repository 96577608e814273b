"""Keeps the roll-ups: finds the days that something was recorded for, and counts them anew from the raw rows.

One process at a time counts, for all. A day that is counted twice comes out the same, so nothing depends on what was
counted before being right: only the differences are added.
"""

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from hutong_server.domain.report import Instant
from hutong_server.domain.rulebook import RuleBook
from hutong_server.domain.statistics import UNKNOWN, Cell, Counts, Fact, cells, facts
from hutong_server.store.base import Reader, Writer
from hutong_server.store.base_statistics import RAW, Change, Run

LEASE = 60_000
"""Milliseconds for which a process counts alone, from the last that it kept."""
OVERLAP = 60_000
"""Milliseconds: what was recorded for so long is committed, by every server's clock."""
BATCH = 5_000
"""Rows looked through at a time."""

PART = 100
"""Prompts of a day that are read at a time: to fetch rows cannot be interrupted."""

_LOCK = (b"statistics",)
_NOTHING = Counts()


class NotCounting(Exception):
    """Another process counts."""


class ZoneChanged(Exception):
    """The region's time zone is not that of the days in the roll-ups: `hutong-server statistics rebuild`."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is to be counted anew."""

    days: tuple[tuple[str, str], ...]
    """(day, institution), in order."""
    positions: Mapping[str, Instant]
    """Where to go on once they are."""
    more: bool


def claim(holder: bytes, book: RuleBook, now: Instant) -> Callable[[Writer], bool]:
    """The write job by which a process becomes the one that counts; False while another is. Raises ZoneChanged."""

    def job(writer: Writer) -> bool:
        writer.lock(_LOCK)
        run = writer.counting_run()
        if run is not None and run.holder != holder and run.held_until > now:
            return False
        zone = book.policy.time_zone
        # A new registry counts in the default zone until its region is imported.
        if run is not None and run.time_zone != zone and writer.anything_counted():
            raise ZoneChanged
        counted, forgotten = (run.counted_until, run.forgotten) if run else (0, "")
        writer.put_counting_run(Run(holder, now + LEASE, counted, zone, forgotten))
        return True

    return job


def seize(holder: bytes, book: RuleBook, now: Instant, held_for: int) -> Callable[[Writer], None]:
    """The write job by which a process counts, whoever did before, and all of it anew: nothing is counted yet."""

    def job(writer: Writer) -> None:
        writer.lock(_LOCK)
        run = writer.counting_run()
        forgotten = run.forgotten if run else ""
        writer.put_counting_run(Run(holder, now + held_for, 0, book.policy.time_zone, forgotten))

    return job


def look(reader: Reader, book: RuleBook, now: Instant, after: Mapping[str, Instant] | None = None) -> Found:
    """The days that something was recorded for since the last look, or since `after`, in a batch of what there is.

    `now` is from before the read: what is recorded later is found the next time.
    """
    positions = {**dict.fromkeys(RAW, 0), **(reader.counting_positions() if after is None else after)}
    days: set[tuple[str, str]] = set()
    more = False
    for raw in RAW:
        limit = BATCH
        found = reader.days_touched(raw, positions[raw], limit)
        while found.full and found.last == positions[raw]:
            # More in one millisecond than fit a batch.
            limit *= 4
            found = reader.days_touched(raw, positions[raw], limit)
        days |= {(book.day_of(at), institution) for institution, at in found.days}
        positions[raw] = found.last if found.full else max(positions[raw], now - OVERLAP)
        more = more or found.full
    run = reader.counting_run()
    since = run.forgotten if run else ""
    return Found(tuple(sorted(each for each in days if each[0] >= since)), positions, more)


def recount(
    read: Callable[[Callable[[Reader], Any]], Any],
    day: str,
    receiver: str,
    book: RuleBook,
    breathe: Callable[[], None] = lambda: None,
    between: Callable[[], None] = lambda: None,
) -> list[Change]:
    """What must be added to the roll-ups for one institution's day. Raises SealBroken for a row that does not open.

    `read` runs a read job. The day is read in parts, each at a state of its own: what is recorded meanwhile touches it
    again. `breathe` is called between steps of work, `between` between parts, so that a long day may let others work.
    """
    whole: dict[Cell, Counts] = {}
    begin, end = bounds(day, book)
    while begin < end:
        counted, begin = read(partial(_part, receiver=receiver, begin=begin, end=end, book=book, breathe=breathe))
        for cell, counts in counted.items():
            whole[cell] = _sum(whole[cell], counts) if cell in whole else counts
        between()
    known = read(lambda reader: reader.counted_cells(day, receiver))
    changes = []
    for cell in sorted(whole.keys() | known.keys()):
        pairs = zip(whole.get(cell, _NOTHING), known.get(cell, _NOTHING), strict=True)
        difference = Counts(*(now - before for now, before in pairs))
        if difference != _NOTHING:
            changes.append(Change(day, receiver, cell, difference))
    return changes


def _part(
    reader: Reader, *, receiver: str, begin: Instant, end: Instant, book: RuleBook, breathe: Callable[[], None]
) -> tuple[dict[Cell, Counts], Instant]:
    """What counts from `begin` on, and up to when it does. Parts are of prompts; what was decided meanwhile comes with
    them, however much."""

    def breathing(found: Iterable[Fact]) -> Iterator[Fact]:
        for fact in found:
            breathe()
            yield fact

    until = reader.part_of_day(receiver, begin, end, PART)
    of_part = facts(reader.raw_day(receiver, begin, until, breathe), specialties(book), refusal_of(book))
    return cells(breathing(of_part)), until


def _sum(one: Counts, other: Counts) -> Counts:
    return Counts(*(a + b for a, b in zip(one, other, strict=True)))


def keep(
    holder: bytes,
    now: Instant,
    changes: Sequence[Change],
    positions: Iterable[tuple[str, Instant]] = (),
    counted_until: Instant = 0,
) -> Callable[[Writer], None]:
    """The write job that adds what was counted, and says how far. Raises NotCounting when another process counts."""

    def job(writer: Writer) -> None:
        writer.lock(_LOCK)
        run = writer.counting_run()
        if run is None or run.holder != holder:
            raise NotCounting
        # A day whose raw rows are not all there any more keeps what it had: see forget_months.
        writer.add_counts([change for change in changes if change.day >= run.forgotten])
        for raw, recorded in positions:
            writer.put_counting_position(raw, recorded)
        writer.put_counting_run(
            run._replace(held_until=now + LEASE, counted_until=max(run.counted_until, counted_until))
        )

    return job


def months_end(reader: Reader, book: RuleBook, before: Instant) -> Instant:
    """The instant before which raw rows may go: of whole months that end before `before` and are counted. 0: none."""
    run = reader.counting_run()
    if run is None or run.time_zone != book.policy.time_zone:
        return 0
    month = max(book.day_of(min(before, run.counted_until - OVERLAP))[:7], run.forgotten)
    return bounds(f"{month}-01", book)[0]


def forget_months(book: RuleBook, before: Instant) -> Callable[[Writer], Instant]:
    """The write job that lets raw rows of months go, and gives what months_end does.

    From then on what these months counted stays as it is, whatever comes late.
    """

    def job(writer: Writer) -> Instant:
        writer.lock(_LOCK)
        end, run = months_end(writer, book, before), writer.counting_run()
        if end > 0 and run is not None:
            writer.put_counting_run(run._replace(forgotten=book.day_of(end)[:7]))
        return end

    return job


def specialties(book: RuleBook) -> Callable[[str], str]:
    """The specialty of an item's code, by the catalogue in force."""

    def of(code: str) -> str:
        item = book.item(code)
        return item.specialty.value if item is not None else UNKNOWN

    return of


def refusal_of(book: RuleBook) -> Callable[[str], bool]:
    """Whether a ground counts as refusal, by the catalogue in force. One that it does not have (any more) does."""
    refusing = {ground.code: ground.counts_as_refusal for ground in book.grounds}
    return lambda ground: refusing.get(ground, True)


def bounds(day: str, book: RuleBook) -> tuple[Instant, Instant]:
    """The first instant of a day in the region's time zone, and that of the next."""
    date = datetime.date.fromisoformat(day)

    def midnight(of: datetime.date) -> Instant:
        return round(datetime.datetime.combine(of, datetime.time(), book.zone).timestamp() * 1000)

    return midnight(date), midnight(date + datetime.timedelta(1))
