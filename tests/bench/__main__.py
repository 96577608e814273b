"""Measures, writes build/bench.json, build/bench.md and build/bench.svg, and prints the table.

Parts that are not chosen keep the figures of a former run. `make bench` takes about 25 minutes on two slow cores;
`--quick` looks whether everything runs, in a fifth of it, and writes build/bench-quick.json: nothing to be quoted.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import uvloop

from tests.api.site import ROOT
from tests.bench import figures, picture, places, table
from tests.bench.parts import PARTS

DOCUMENT = ROOT / "docs" / "performance.md"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _measure(given: argparse.Namespace, command: str, out: Path) -> None:
    """Part after part; each is in the file as soon as it is measured."""
    with tempfile.TemporaryDirectory(prefix="hutong-bench-") as name:
        directory = Path(name)
        material = places.make_material(directory)
        for part in (part for part in PARTS if part in given.only):
            _say(f"{part}: about {PARTS[part].minutes * (0.2 if given.quick else 1):.1g} minutes")
            place = directory / part
            place.mkdir()
            around = figures.Surroundings()
            found = uvloop.run(PARTS[part].measure(material, place, given, _say))
            told = around.told()
            how = command.format(part=part)
            figures.keep({key: figures.entry(key, each, told, how) for key, each in found.items()}, out)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    always = tuple(name for name, part in PARTS.items() if part.always)
    parser.add_argument(
        "--only", nargs="*", choices=tuple(PARTS), default=always, help=f"none, or some; default: {' '.join(always)}"
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, short rounds")
    parser.add_argument(
        "--document", action="store_true", help="put table and picture into docs/performance.md and .svg"
    )
    parser.add_argument("--patients", type=int, default=int(os.environ.get("BENCH_PATIENTS", "2000")))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement of a round")
    parser.add_argument("--documents", type=int, default=1500, help="of each round of publishing")
    parser.add_argument("--reports", type=int, default=int(os.environ.get("BENCH_MEMORY_REPORTS", "100000")))
    parser.add_argument("--times", type=int, default=5000, help="calls for each kind of absent patient")
    parser.add_argument("--large", type=int, default=10_000_000, help="reports of the large registry of growth-*")
    parser.add_argument("--months", type=int, default=12, help="of the statistics' roll-ups; twelve take ten minutes")
    parser.add_argument("--memory", dest="only", action="store_const", const=("memory",), help="memory alone")
    return parser


QUICK = {"patients": 60, "rounds": 1, "seconds": 1.0, "documents": 120, "reports": 2000, "months": 1, "times": 500}


def _command(parser: argparse.ArgumentParser, given: argparse.Namespace) -> str:
    """What measures a part again: {part} for its name, and the options that are not the defaults."""
    words = ["python", "-m", "tests.bench", "--only", "{part}"]
    for name, value in vars(given).items():
        if name not in ("only", "document") and value != parser.get_default(name):
            words += [f"--{name}"] if value is True else [f"--{name}", str(value)]
    return " ".join(words)


def main() -> int:
    """Command line."""
    parser = _parser()
    given = parser.parse_args()
    if given.quick:
        # What is chosen besides still counts.
        parser.set_defaults(**QUICK)
        given = parser.parse_args()
    command = _command(parser, given)
    out = figures.OUT.with_stem("bench-quick") if given.quick else figures.OUT
    _measure(given, command, out)
    entries = figures.known(out)
    out.with_suffix(".md").write_text(table.markdown(entries) + "\n")
    drawn = picture.svg([picture.by_rate(entries), picture.by_size(entries)])
    out.with_suffix(".svg").write_text(drawn)
    if given.document:
        DOCUMENT.write_text(table.put(DOCUMENT.read_text(), entries))
        DOCUMENT.with_suffix(".svg").write_text(drawn)
    print(table.plain(entries))
    return 0


if __name__ == "__main__":
    sys.exit(main())
