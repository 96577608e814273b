"""The benchmark's picture, as SVG: how long calls take by rate, and by the size of the registry.

Both axes are logarithmic. Full lines are medians, dashed ones p99. What was not measured is not drawn; a point whose
run does not count (the generator was late) is hollow. Written here: a drawing library would be the largest dependency
of the project, for two plots of a dozen points.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 480, 360
"""Of one plot."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 16, 34, 46
_LABELS = 118
"""Room for the names of the lines."""
_COLORS = ("#1b6ca8", "#c0392b", "#2e8b57", "#8e44ad", "#b9770e", "#34495e")


@dataclass(frozen=True, slots=True)
class Point:
    """x, median and p99 in ms (None: not known), and whether the run counts."""

    x: float
    p50: float
    p99: float | None = None
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Plot:
    """Lines by name."""

    title: str
    x: str
    lines: Mapping[str, Sequence[Point]]


def by_rate(entries: Mapping[str, Mapping[str, Any]]) -> Plot:
    """Latency of each kind of call of the day's mix."""
    lines: dict[str, list[Point]] = {}
    for step in _details(entries, "chart_to_report_p99_ms").get("by_rate", ()):
        for kind, took in step["kinds"].items():
            point = Point(step["rate"], took["p50_ms"], took["p99_ms"], "invalid" not in step)
            lines.setdefault(kind, []).append(point)
    return Plot("Latency by rate: a day's mix, one server, SQLite", "calls a second", lines)


def by_size(entries: Mapping[str, Mapping[str, Any]]) -> Plot:
    """Latency of a chart as the registry grows, on each database."""
    lines = {
        name: [Point(found[f"{size}_reports"], found[f"{size}_p50_ms"]) for size in ("small", "large")]
        for name, key in (("SQLite", "growth_p50_sqlite"), ("PostgreSQL", "growth_p50_postgres"))
        if (found := _details(entries, key))
    }
    return Plot("Latency of a chart by size", "reports in the registry", lines)


def _details(entries: Mapping[str, Mapping[str, Any]], key: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = entries.get(key, {}).get("details", {})
    return found


def svg(plots: Sequence[Plot]) -> str:
    """The plots beside each other."""
    whole = len(plots) * (WIDTH + _LABELS)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole} {HEIGHT}"',
        ' font-family="sans-serif" font-size="11">',
        f'<rect width="{whole}" height="{HEIGHT}" fill="white"/>',
    ]
    for number, plot in enumerate(plots):
        parts += [f'<g transform="translate({number * (WIDTH + _LABELS)},0)">', *_drawn(plot), "</g>"]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _drawn(plot: Plot) -> list[str]:
    parts = [f'<text x="{_LEFT}" y="18" font-size="13" font-weight="bold">{escape(plot.title)}</text>']
    points = [point for line in plot.lines.values() for point in line]
    if not points:
        return [*parts, f'<text x="{_LEFT}" y="{HEIGHT // 2}" fill="#777">not measured</text>']
    across = _Axis.over([point.x for point in points], _LEFT, WIDTH - _RIGHT)
    up = _Axis.over(
        [took for point in points for took in (point.p50, point.p99) if took is not None], HEIGHT - _BOTTOM, _TOP
    )
    for value in up.ticks():
        y = up.at(value)
        parts.append(f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{WIDTH - _RIGHT}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_short(value)}</text>')
    for value in across.ticks():
        x = across.at(value)
        parts.append(f'<line x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{HEIGHT - _BOTTOM}" stroke="#eee"/>')
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - _BOTTOM + 16}" text-anchor="middle">{_short(value)}</text>')
    middle = (_LEFT + WIDTH - _RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 10}" text-anchor="middle">{escape(plot.x)}</text>')
    parts.append(f'<text transform="translate(14,{HEIGHT / 2}) rotate(-90)" text-anchor="middle">ms</text>')
    for number, (name, line) in enumerate(plot.lines.items()):
        color = _COLORS[number % len(_COLORS)]
        y = _TOP + 12 + 18 * number
        parts.append(f'<text x="{WIDTH}" y="{y}" fill="{color}">{escape(name)}</text>')
        parts += _line(line, across, up, color)
    below = _TOP + 24 + 18 * len(plot.lines)
    parts.append(f'<text x="{WIDTH}" y="{below}" fill="#555">— median</text>')
    parts.append(f'<text x="{WIDTH}" y="{below + 16}" fill="#555">- - p99</text>')
    if not all(point.counts for point in points):
        parts.append(f'<text x="{WIDTH}" y="{below + 32}" fill="#555">○ does not count</text>')
    return parts


def _line(line: Sequence[Point], across: "_Axis", up: "_Axis", color: str) -> list[str]:
    parts = []
    for dashes, of in (("", "p50"), (' stroke-dasharray="5 3"', "p99")):
        known = [(point, getattr(point, of)) for point in line if getattr(point, of) is not None]
        if not known:
            continue
        places = [(across.at(point.x), up.at(took), point.counts) for point, took in known]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.5"{dashes}/>')
        parts += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" stroke="{color}" fill="{color if counts else "white"}"/>'
            for x, y, counts in places
        ]
    return parts


@dataclass(frozen=True, slots=True)
class _Axis:
    """From a value to a place, logarithmic."""

    least: float
    most: float
    begin: float
    end: float

    @classmethod
    def over(cls, values: Sequence[float], begin: float, end: float) -> "_Axis":
        """An axis that holds all these values, with a little room."""
        least, most = max(1e-3, min(values)), max(1e-3, max(values))
        return cls(least / 1.25, most * 1.25, begin, end)

    def at(self, value: float) -> float:
        part = math.log(max(value, self.least) / self.least) / math.log(self.most / self.least)
        return self.begin + part * (self.end - self.begin)

    def ticks(self) -> list[float]:
        """1, 2 and 5 of each power of ten; the powers alone where that would be many."""
        powers = range(math.floor(math.log10(self.least)), math.ceil(math.log10(self.most)) + 1)
        found = [each * 10.0**power for power in powers for each in (1, 2, 5)]
        found = [value for value in found if self.least <= value <= self.most]
        return found if len(found) <= 10 else [value for value in found if math.log10(value) % 1 == 0]


def _short(value: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
