"""Answers about a city's year from roll-ups: 839 institutions, 30 million prompts, each question beside a plain sum.

The rows are made in the database: the finest of a month by arithmetic, the coarser ones from them, as counting keeps
them, and eleven more such months. The floor of a question is one sum over the rows that it is answered from, in plain
SQL on the driver's connection.
"""
# ruff: noqa: S608  the statements are put together from numbers of this file

import calendar
import secrets
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
from hutong_server.domain.caller import Caller, Role
from hutong_server.domain.statistics import Counts
from hutong_server.store.base import Store
from hutong_server.store.base_statistics import COLUMNS, CUBOIDS, FINEST, MONTHLY
from hutong_server.store.sql_store import open_store
from hutong_server.trust.sealing import AesGcmSealer
from hutong_server.usecases.statistics import GetStatistics, Grouping, StatisticsFilter, get_statistics
from hutong_server.usecases.statistics_plan import planned

from tests.bench import places

YEAR = 2025
ITEMS = 300
SOURCES = 116
"""Institutions that publish: hospitals, township centers, private ones."""
TIERS = (
    # institutions, prompts a day of each, lines a day, departments, institutions whose results it is offered
    ("A", 32, 1260, 500, 20, 40),
    ("B", 80, 280, 110, 4, 12),
    ("C", 723, 35, 7, 1, 8),
    ("D", 4, 400, 120, 4, 12),
)
"""A prefecture city (FIELD.md): 32 hospitals, 80 township centers, 723 village stations, 4 private institutions."""

_MONTH_DAYS = 28
"""Every month is the first one again: its days are 01 to 28."""

# %s stands for the last number.
_SERIES = {
    "sqlite": "(WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < %s) SELECT n FROM s)",
    "postgresql": "(SELECT generate_series(0, %s) AS n)",
}
_KEYS = ", ".join(COLUMNS)
_COUNTS = ", ".join(Counts._fields)
_SUPERVISOR = Caller("registry", Role.SUPERVISOR, "")

QUESTIONS: tuple[tuple[str, tuple[Grouping, ...], dict[str, str]], ...] = (
    ("one sum of the year", (), {}),
    ("by receiver", (Grouping.RECEIVER,), {}),
    ("by source", (Grouping.SOURCE,), {}),
    ("by item", (Grouping.ITEM,), {}),
    ("by specialty", (Grouping.SPECIALTY,), {}),
    ("by ground", (Grouping.GROUND,), {}),
    ("by day", (Grouping.DAY,), {}),
    ("by day and specialty", (Grouping.DAY, Grouping.SPECIALTY), {}),
    ("by day and receiver, a page", (Grouping.DAY, Grouping.RECEIVER), {}),
    ("by receiver and department", (Grouping.RECEIVER, Grouping.DEPARTMENT), {}),
    ("by receiver and source", (Grouping.RECEIVER, Grouping.SOURCE), {}),
    ("by receiver and item, a page", (Grouping.RECEIVER, Grouping.ITEM), {}),
    ("by source and item, a page", (Grouping.SOURCE, Grouping.ITEM), {}),
    ("a hospital by department", (Grouping.DEPARTMENT,), {"receiver": "A0003"}),
    ("a hospital by day and item", (Grouping.DAY, Grouping.ITEM), {"receiver": "A0003"}),
    (
        "a hospital by source, department, item",
        (Grouping.SOURCE, Grouping.DEPARTMENT, Grouping.ITEM),
        {"receiver": "A0003"},
    ),
    ("a source by receiver and item", (Grouping.RECEIVER, Grouping.ITEM), {"source": "S0005"}),
    ("a village by day", (Grouping.DAY,), {"receiver": "C0500"}),
)


def measure(backend: str, directory: Path, *, months: int, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Figures of one database."""
    with places.database(backend, directory) as url:
        began = time.perf_counter()
        with closing(_connection(backend, url)) as connection:
            rows = _fill(connection, backend, months, say)
            say(f"{backend}: {rows:,} rows of {months} months made in {time.perf_counter() - began:.0f} s")
            store = open_store(url, AesGcmSealer(secrets.token_bytes(32)), timeout_ms=60_000)
            try:
                figures = _ask(store, connection, backend, months, rounds, say)
            finally:
                store.close()
    return {
        "rows": rows,
        "months": months,
        "slowest_ms": max(each["ms"] for each in figures.values()),
        "ratio": round(median(each["ratio"] for each in figures.values()), 2),
        "questions": figures,
    }


def _connection(backend: str, url: str) -> Any:
    if backend == "sqlite":
        opened = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        # For making the rows; the store has its own settings.
        for pragma in ("synchronous=OFF", "cache_size=-200000", "temp_store=MEMORY"):
            opened.execute(f"PRAGMA {pragma}")
        return opened
    return psycopg.connect(url.replace("postgresql+psycopg", "postgresql"), autocommit=True)


def _fill(connection: Any, backend: str, months: int, say: Callable[[str], None]) -> int:
    def padded(letter: str, number: str, width: int = 4) -> str:
        if backend == "sqlite":
            return f"'{letter}' || substr('000' || ({number}), -{width})"
        return f"'{letter}' || lpad(({number})::text, {width}, '0')"

    day = padded(f"{YEAR}-01-", "d.n + 1", 2)
    hashed = "(l.n * 7919 + r.n * 104729 + d.n * 1299709)"
    # Each institution's patients come from a few others; some items are ordered a hundred times as often as others.
    item = padded("I", f"({hashed} % 1000) * ({hashed} % 1000) * {ITEMS} / 1000000")
    for tier, institutions, prompts, lines, departments, partners in TIERS:
        source = padded("S", f"(r.n * 13 + ({hashed} / 7) % {partners}) % {SOURCES}")
        receiver, department = padded(tier, "r.n"), f"'{tier}' || ({hashed} / 11) % {departments}"
        numbers = (_MONTH_DAYS - 1, institutions - 1)
        for last, chosen in (
            (
                departments - 1,
                f"SELECT 0, {day}, {receiver}, '', '{tier}' || l.n, '', '', '', {prompts // departments},"
                f" {lines // departments // 2 + 1}, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM (made) ORDER BY 2, 3, 5",
            ),
            *(
                (lines // every - 1, _lines(ground, counted, day, receiver, source, department, item))
                for ground, every, counted in _GROUNDS
            ),
        ):
            names = zip("drl", (*numbers, last), strict=True)
            among = ", ".join(f"{_SERIES[backend] % number} {name}" for name, number in names)
            connection.execute(
                f"INSERT INTO statistics_count (cuboid, {_KEYS}, {_COUNTS}) {chosen.replace('(made)', among)}"
            )
        say(f"{backend}: tier {tier} made")
    sums = ", ".join(f"sum({name})" for name in Counts._fields)
    for cuboid, kept in enumerate(CUBOIDS):
        for period in _PERIODS[(cuboid in MONTHLY) :] if cuboid != FINEST else ():
            named = {name: name if name in kept else "''" for name in COLUMNS} | {
                "specialty": "specialty",
                "ground": "ground",
            }
            keys = ", ".join({**named, "period": period}[name] for name in COLUMNS)
            connection.execute(
                f"INSERT INTO statistics_count (cuboid, {_KEYS}, {_COUNTS}) SELECT {cuboid}, {keys}, {sums}"
                " FROM statistics_count WHERE cuboid = 0 GROUP BY 2, 3, 4, 5, 6, 7, 8 ORDER BY 2, 3, 4, 5, 6, 7, 8"
            )
    say(f"{backend}: the first month made")
    for month in range(2, months + 1):
        rest = ", ".join(COLUMNS[1:])
        connection.execute(
            f"INSERT INTO statistics_count (cuboid, {_KEYS}, {_COUNTS})"
            f" SELECT cuboid, '{YEAR}-{month:02}' || substr(period, 8), {rest}, {_COUNTS} FROM statistics_count"
            f" WHERE period LIKE '{YEAR}-01%' ORDER BY cuboid, period, {rest}"
        )
        say(f"{backend}: month {month} made")
    connection.execute("ANALYZE" if backend == "sqlite" else "VACUUM ANALYZE statistics_count")
    found: int = connection.execute("SELECT count(*) FROM statistics_count").fetchone()[0]
    return found


_PERIODS = ("period", "substr(period, 1, 7)")
_GROUNDS = (
    ("", 1, "0, 0, count(*), count(*), count(*) / 2, 0, 0, 0, (count(*) + 1) / 2, 0, 0, 0, 2800 * count(*), 0"),
    ("01", 9, "0, 0, 0, 0, 0, 0, 0, 0, 0, count(*), count(*), 0, 0, 0"),
    ("98", 11, "0, 0, 0, 0, 0, 0, 0, 0, 0, count(*), 0, 0, 0, 0"),
)
"""Ground, which line of how many is repeated on it, and what its rows count."""


def _lines(ground: str, counted: str, day: str, receiver: str, source: str, department: str, item: str) -> str:
    return (
        "SELECT 0, day, receiver, source, department,"
        " CASE WHEN item > 'I0200' THEN 'examination' ELSE 'laboratory' END,"
        f" item, '{ground}', {counted} FROM (SELECT {day} AS day, {receiver} AS receiver, {source} AS source,"
        f" {department} AS department, {item} AS item FROM (made)) AS lines"
        " GROUP BY day, receiver, source, department, item ORDER BY 2, 3, 4, 5, 6, 7"
    )


def _ask(
    store: Store, connection: Any, backend: str, months: int, rounds: int, say: Callable[[str], None]
) -> dict[str, dict[str, float]]:
    end = f"{YEAR}-{months:02}-{calendar.monthrange(YEAR, months)[1]}"
    found: dict[str, dict[str, float]] = {}
    spans = {"": (f"{YEAR}-01-01", end)}
    if months > 1:
        # Beside whole months, as many days as one question may read of the finest.
        spans[", days at both ends"] = (f"{YEAR}-01-17", f"{YEAR}-{months:02}-16")
    for span, (first, last) in spans.items():
        for name, by, filters in QUESTIONS:
            wanted = StatisticsFilter(first, last, **filters)
            ask = GetStatistics(wanted, by, _SUPERVISOR, 1000)
            plain, values = _floor(wanted, by, backend)
            ours, floor, groups = [], [], 0
            for _ in range(rounds):
                began = time.perf_counter()
                connection.execute(plain, values).fetchall()
                between = time.perf_counter()
                groups = len(store.read(lambda reader, ask=ask: get_statistics(ask, reader)).rows)  # type: ignore[misc]
                floor.append(between - began)
                ours.append(time.perf_counter() - between)
            taken, least = median(ours), median(floor)
            found[name + span] = {
                "ms": round(1000 * taken, 1),
                "floor_ms": round(1000 * least, 1),
                "ratio": round(taken / least, 2),
            }
            say(f"{backend}: {name}{span}: {1000 * taken:.0f} ms, plain sum {1000 * least:.0f} ms, {groups} groups")
    return found


def _floor(wanted: StatisticsFilter, by: tuple[Grouping, ...], backend: str) -> tuple[str, list[Any]]:
    """One sum over the rows from which the question is answered, all pages together."""
    query = planned(wanted, by)
    mark = "?" if backend == "sqlite" else "%s"
    parts, values = [], []
    for cuboid, periods in ((query.cuboid, query.periods), (FINEST, query.days)):
        if periods:
            where = [f"cuboid = {cuboid}", f"period IN ({', '.join(mark for _ in periods)})"]
            where += [f"{column} = {mark}" for column in query.equal]
            parts.append(f"SELECT returned FROM statistics_count WHERE {' AND '.join(where)}")
            values += [*periods, *query.equal.values()]
    return f"SELECT sum(returned) FROM ({' UNION ALL '.join(parts)}) AS read", values
