"""The day as a picture: load, latencies, memory, handles and threads over its hours. Plain SVG."""

from collections.abc import Mapping, Sequence

from tests.soak.watch import Watch

_WIDTH, _HEIGHT, _LEFT, _GAP = 860, 130, 70, 46
_COLORS = ("#1f6f8b", "#c1572b", "#5b8c3a", "#7a5195", "#8d6e63")
_BINS = 72
Line = Sequence[tuple[float, float]]


def picture(watch: Watch, seconds: float) -> str:
    """The whole."""
    binned: dict[str, dict[int, list[float]]] = {"p50": {}, "p99": {}, "calls a second": {}}
    for due, kind, took in watch.calls:
        place = int(due / seconds * _BINS)
        binned["calls a second"].setdefault(place, []).append(took)
        if kind == "chart":
            binned["p50"].setdefault(place, []).append(took)
    width = seconds / _BINS
    rate = [((place + 0.5) / _BINS, len(each) / width) for place, each in sorted(binned["calls a second"].items())]
    charts = sorted((place, sorted(each)) for place, each in binned["p50"].items())
    latency = {
        name: [((place + 0.5) / _BINS, each[min(len(each) - 1, int(len(each) * of))] * 1000) for place, each in charts]
        for name, of in (("p50", 0.5), ("p99", 0.99))
    }
    kinds = sorted({sample.kind for sample in watch.samples})

    def of(name: str, unit: float = 1) -> dict[str, Line]:
        return {
            kind: [(each.at / seconds, getattr(each, name) / unit) for each in watch.samples if each.kind == kind]
            for kind in kinds
        }

    panels: list[tuple[str, Mapping[str, Line]]] = [
        ("calls a second", {"": rate}),
        ("charts, ms", latency),
        ("memory, MB", of("memory", 2**20)),
        ("file handles", of("handles")),
        ("threads", of("threads")),
    ]
    drawn = [_panel(title, lines, number * (_HEIGHT + _GAP) + 24) for number, (title, lines) in enumerate(panels)]
    height = len(panels) * (_HEIGHT + _GAP) + 30
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH + _LEFT + 130} {height}" '
        f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
        f"{''.join(drawn)}</svg>\n"
    )


def _panel(title: str, lines: Mapping[str, Line], top: int) -> str:
    lines = {name: [point for point in line if 0 <= point[0] <= 1] for name, line in lines.items()}
    most = max((value for line in lines.values() for _, value in line), default=1) * 1.05 or 1
    parts = [f'<text x="{_LEFT}" y="{top - 6}" font-weight="bold">{title}</text>']
    for step in (0, 0.5, 1):
        y = top + _HEIGHT * (1 - step)
        parts.append(f'<path d="M{_LEFT} {y}h{_WIDTH}" stroke="#ddd"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{most * step:.4g}</text>')
    for hour in range(0, 13, 2):
        x = _LEFT + _WIDTH * hour / 12
        parts.append(f'<text x="{x}" y="{top + _HEIGHT + 14}" text-anchor="middle">{7 + hour}:00</text>')
    for number, (name, line) in enumerate(lines.items()):
        color = _COLORS[number % len(_COLORS)]
        points = " ".join(f"{_LEFT + _WIDTH * x:.1f},{top + _HEIGHT * (1 - value / most):.1f}" for x, value in line)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="1.5"/>')
        parts.append(f'<text x="{_LEFT + _WIDTH + 8}" y="{top + 14 + 16 * number}" fill="{color}">{name}</text>')
    return "".join(parts)
