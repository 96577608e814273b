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
from tests.bench import charts, places

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
    return found


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    everything = ("chart-sqlite", "chart-postgres", "publish")
    parser.add_argument("--only", nargs="+", choices=(*everything, "memory"), default=everything)
    parser.add_argument("--patients", type=int, default=int(os.environ.get("BENCH_PATIENTS", "2000")))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement of a round")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hutong-bench-") as directory:
        found = uvloop.run(_measure(given, Path(directory)))
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
