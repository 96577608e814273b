"""Measures, writes build/bench.json and prints a table. `python -m tests.bench --help` says what can be chosen."""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import uvloop

from tests.api.site import ROOT
from tests.bench import charts, memory, orders, places, publishing, stages, starvation, statistics, trust

OUT = ROOT / "build" / "bench.json"
BACKENDS = {"sqlite": "sqlite", "postgres": "postgresql"}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


async def _measure(given: argparse.Namespace, directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    material = places.make_material(directory)
    for name, backend in BACKENDS.items():
        if f"chart-{name}" in given.only:
            place = directory / name
            place.mkdir()
            beside = await charts.measure(
                material,
                backend,
                place,
                patients=given.patients,
                rounds=given.rounds,
                seconds=given.seconds,
                say=_say,
            )
            found[f"chart_vs_echo_{name}"] = beside.figures()
    if "publish" in given.only:
        place = directory / "publish"
        place.mkdir()
        documents = given.documents
        found["publish_vs_validation"] = await publishing.measure(
            material, place, rounds=given.rounds, documents=documents, say=_say
        )
    if "trust" in given.only:
        place = directory / "trust"
        place.mkdir()
        found["trust_cost_vs_echo"] = await trust.measure(
            material, place, patients=min(given.patients, 400), rounds=given.rounds, seconds=given.seconds, say=_say
        )
    if "hostile" in given.only:
        place = directory / "hostile"
        place.mkdir()
        found["others_p99_under_flood"] = await starvation.alone(
            material, place, rounds=given.rounds, seconds=given.seconds, say=_say
        )
    if "orders" in given.only:
        place = directory / "orders"
        place.mkdir()
        found["orders_remembered"] = await orders.measure(
            material, place, patients=min(given.patients, 320), rounds=given.rounds, seconds=given.seconds, say=_say
        )
    for name, backend in BACKENDS.items():
        if f"statistics-{name}" in given.only:
            place = directory / f"statistics-{name}"
            place.mkdir()
            found[f"statistics_year_{name}"] = statistics.measure(
                backend, place, months=given.months, rounds=given.rounds, say=_say
            )
    for name, backend in BACKENDS.items():
        if f"stages-{name}" in given.only:
            place = directory / f"stages-{name}"
            place.mkdir()
            found[f"stages_{name}"] = await stages.measure(
                material, backend, place, patients=min(given.patients, 400), rounds=given.rounds, say=_say
            )
    if "memory" in given.only:
        place = directory / "memory"
        place.mkdir()
        found["memory"] = await memory.measure(material, place, reports=given.reports, say=_say)
    return found


def _table(found: dict[str, Any]) -> str:
    lines = [f"{'':24s} {'ratio':>6s} {'floor/s':>9s} {'ours/s':>9s} {'floor p50/p99 ms':>18s} {'our p50/p99 ms':>18s}"]
    for name, figures in found.items():
        if name.startswith("statistics"):
            asked, rows = len(figures["questions"]), figures["rows"]
            lines.append(
                f"{name:24s} {figures['ratio']:6.2f} slowest of {asked} {figures['slowest_ms']:.0f} ms, {rows} rows"
            )
            continue
        if name.startswith("stages"):
            parts = ", ".join(f"{stage} {figures[stage]:.0f}" for stage in stages.STAGES)
            lines.append(f"{name:24s} {'':6s} µs a chart: {parts}")
            continue
        if name == "memory":
            lines.append(f"{name:24s} {figures['at_end_mb']} MB after {figures['reports']:.0f} reports")
            continue
        if name == "trust_cost_vs_echo":
            pieces = ", ".join(f"{piece} {figures[f'{piece}_us']:.0f} µs" for piece in (*trust.PIECES, "echo"))
            lines.append(f"{name:24s} {figures['ratio']:6.2f} {pieces}")
            continue
        if name == "orders_remembered":
            ways = ", ".join(f"{way} {figures[f'{way}_us']:.0f} µs" for way in ("read", "remembered", "echo"))
            lines.append(f"{name:24s} {figures['ratio']:6.2f} {ways}, {figures['chart_kb']:.0f} KB a chart")
            continue
        if name == "others_p99_under_flood":
            quiet, flooded = figures["quiet_p99_ms"], figures["p99_ms"]
            lines.append(f"{name:24s} {figures['ratio']:6.2f} quiet {quiet:.1f} ms, flooded {flooded:.1f} ms")
            continue
        floor = f"{figures['floor_p50_ms']:.1f} / {figures['floor_p99_ms']:.1f}" if "floor_p50_ms" in figures else ""
        p50, p99 = (figures.get(key, figures.get(f"unary_{key}")) for key in ("p50_ms", "p99_ms"))
        lines.append(
            f"{name:24s} {figures['ratio']:6.2f} {figures['floor_per_second']:9.0f} {figures['per_second']:9.0f} "
            f"{floor:>18s} {f'{p50:.1f} / {p99:.1f}':>18s}"
        )
    return "\n".join(lines)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    everything = ("chart-sqlite", "chart-postgres", "publish", "trust", "hostile")
    longer = ("statistics-sqlite", "statistics-postgres", *(f"stages-{name}" for name in BACKENDS))
    parser.add_argument("--only", nargs="+", choices=(*everything, "orders", *longer, "memory"), default=everything)
    parser.add_argument("--patients", type=int, default=int(os.environ.get("BENCH_PATIENTS", "2000")))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement of a round")
    parser.add_argument("--documents", type=int, default=1500, help="of each round of publishing")
    parser.add_argument("--reports", type=int, default=int(os.environ.get("BENCH_MEMORY_REPORTS", "100000")))
    parser.add_argument("--months", type=int, default=12, help="of the statistics' roll-ups; twelve take ten minutes")
    parser.add_argument("--memory", dest="only", action="store_const", const=("memory",), help="memory alone")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hutong-bench-") as directory:
        found = uvloop.run(_measure(given, Path(directory)))
    OUT.parent.mkdir(exist_ok=True)
    # Figures that were not measured now are those of a former run.
    known = json.loads(OUT.read_text()) if OUT.exists() else {}
    OUT.write_text(json.dumps({**known, **found}, indent=2) + "\n")
    print(_table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
