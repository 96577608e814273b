"""From a county city to a nation, on paper: what FIELD's four sizes need, from what was measured on one machine.

`python -m tests.bench.scale` writes the computed parts of docs/scale.md anew from the figures that stand in it;
`--measured` first takes the figures from build/bench.json. Everything between two markers `<!-- computed: NAME -->` and
`<!-- end -->` is written by this script; a test says when the document is not what it gives.
"""

import argparse
import json
import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.api.site import ROOT
from tests.bench import figures
from tests.bench.day import SHARES
from tests.bench.simulation import Service, play

DOCUMENT = ROOT / "docs" / "scale.md"
_FIGURES = re.compile(r"(<!-- figures -->\n```json\n)(.*?)(```\n<!-- end -->)", re.DOTALL)
_COMPUTED = re.compile(r"(<!-- computed: (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_HOURS = 8766
"""Of a year."""
REPLICA = 4
"""Workers of one replica: what is lost together."""


@dataclass(frozen=True, slots=True)
class Place:
    """A row of FIELD's table."""

    name: str
    visits: float
    """A year."""
    charts: float
    """A second, at the peak."""
    reports: float
    """A year."""


PLACES = (
    Place("county city", 2e6, 1, 1e6),
    Place("prefecture city", 55e6, 30, 30e6),
    Place("province", 700e6, 400, 400e6),
    Place("nation", 9.5e9, 5000, 10e9),
)


@dataclass(frozen=True, slots=True)
class Need:
    """What a place needs."""

    place: Place
    server: float
    """Cores of servers that are busy at the peak, all calls of the mix."""
    database: float
    """Cores of PostgreSQL that are busy at the peak."""
    workers: int
    database_cores: int
    machines: int
    """Servers, one more that may be lost, and PostgreSQL with its standby; one where that is enough."""
    terabytes: float
    """That a year adds, one copy."""
    asked: float
    """The share of it that prompts and the ledger are."""
    shards: int
    yuan_a_million: float
    """Machines and storage, for a million prompts and what comes with them."""


def need(place: Place, given: Mapping[str, Any]) -> Need:
    """From the figures of the document."""
    measured, assumed = given["measured"], given["assumed"]
    share = {kind: count / SHARES["chart"] for kind, count in SHARES.items()}
    # Order checks, retrievals and decisions are taken as dear as a chart, which they are not.
    asked = place.charts * (1 + share["order"] + share["retrieval"] + share["decision"])
    published = place.charts * share["publish"]
    server = (asked * measured["chart_server_ms"] + published * measured["publish_server_ms"]) / 1000
    database = (asked + published) * measured["chart_database_ms"] / 1000
    prompts = place.visits * (1 + share["order"])
    asked_for = prompts * measured["chart_bytes"] / 1e12
    terabytes = place.reports * measured["report_bytes"] / 1e12 + asked_for
    workers = max(1, math.ceil(server / assumed["busy"]))
    cores = math.ceil(database / assumed["busy"])
    kept = terabytes * assumed["years"]
    shards = max(1, math.ceil(kept / assumed["shard_terabytes"]), math.ceil(cores / assumed["shard_cores"]))
    # A shard that is there for its disk needs a machine, too.
    cores = max(cores, shards * assumed["shard_least_cores"])
    machines = math.ceil(workers / assumed["machine_cores"]) + 1 + shards * assumed["copies"]
    paid = workers + cores * assumed["copies"]
    if server + database < assumed["alone_cores"]:
        # Server and SQLite on one machine.
        cores, machines, paid = 0, 1, assumed["shard_least_cores"]
    hired = paid * assumed["core_hour_yuan"] * _HOURS
    disks = kept * assumed["copies"] * 1000 * assumed["gigabyte_month_yuan"] * 12
    return Need(
        place,
        server,
        database,
        workers,
        cores,
        machines,
        terabytes,
        asked_for / terabytes,
        shards,
        (hired + disks) / prompts * 1e6,
    )


def tables(given: Mapping[str, Any]) -> dict[str, str]:
    """The computed parts of the document, by name."""
    needs = [need(place, given) for place in PLACES]
    rows = [
        (
            each.place.name,
            f"{each.place.charts:,.0f}",
            f"{each.server:,.2f}" if each.server < 10 else f"{each.server:,.0f}",
            f"{each.workers:,}",
            f"{each.database_cores:,}",
            f"{each.machines:,}",
            f"{each.terabytes:,.3f}" if each.terabytes < 1 else f"{each.terabytes:,.1f}",
            f"{each.asked:.0%}",
            f"{each.shards:,}",
            f"{each.yuan_a_million:,.0f}",
        )
        for each in needs
    ]
    head = (
        "",
        "Peak charts/s",
        "Server cores busy",
        "Workers",
        "Database cores",
        "Machines",
        "TB a year, one copy",
        "of it prompts and ledger",
        "Shards",
        "Yuan a million prompts",
    )
    return {"needs": _table(head, rows), "peak": _table(_PEAK, peak(given))}


_PEAK = (
    "Workers",
    "Busy",
    "p50 ms",
    "p99 ms",
    "Queue",
    "p50 ms, one lost",
    "p99 ms, one lost",
    "Longest queue",
    "Asked again",
)


def peak(given: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The nation's peak, by number of workers, with all replicas and with one that is lost in the middle."""
    measured = given["measured"]
    service = Service(measured["chart_server_ms"], measured["chart_alone_ms"])
    rate = PLACES[-1].charts
    rows = []
    for busy in (0.95, 0.85, 0.7, 0.5):
        workers = math.ceil(rate * service.occupied / 1000 / busy)
        whole = play(rate, workers, service, replica=REPLICA)
        less = play(rate, workers, service, replica=REPLICA, lost_at=2.0)
        rows.append(
            (
                f"{workers}",
                f"{rate * service.occupied / 1000 / workers:.0%}",
                f"{whole.p50:.1f}",
                f"{whole.p99:.1f}",
                f"{whole.queue:.1f}",
                f"{less.p50:.1f}",
                f"{less.p99:.1f}",
                f"{less.longest}",
                f"{less.asked_again}",
            )
        )
    return rows


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows))


def given(text: str) -> dict[str, Any]:
    """The figures that stand in the document. Raises ValueError when there are none."""
    found = _FIGURES.search(text)
    if found is None:
        raise ValueError("the document has no figures")
    read: dict[str, Any] = json.loads(found[2])
    return read


def measured(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The figures that the benchmark found. Raises KeyError when one of them was not measured."""
    chart, publish = entries["chart_vs_echo_postgres"], entries["publish_vs_validation"]
    details = chart["details"]
    return {
        "commit": chart["commit"],
        "machine": chart["machine"],
        "busy": any(each.get("busy", False) for each in (chart, publish)),
        "chart_server_ms": details["server_ms"],
        "chart_database_ms": details["database_ms"],
        "chart_bytes": details["bytes_a_chart"],
        "chart_alone_ms": details["alone_ms"],
        "publish_server_ms": publish["details"]["server_ms"],
        "report_bytes": entries["bytes_per_lab_report"]["value"],
    }


def written(text: str, now: Mapping[str, Any]) -> str:
    """The document with these figures and what follows from them."""
    shown = json.dumps(now, indent=1, ensure_ascii=False)
    # A list of numbers stands on one line.
    shown = re.sub(r"\[[^\]]*\]", lambda found: json.dumps(json.loads(found[0])), shown)
    text = _FIGURES.sub(lambda found: f"{found[1]}{shown}\n{found[3]}", text)
    parts = tables(now)
    return _COMPUTED.sub(lambda found: f"{found[1]}{parts[found[2]]}\n{found[4]}", text)


def main(arguments: Sequence[str] | None = None, document: Path = DOCUMENT, bench: Path = figures.OUT) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale", description=__doc__)
    parser.add_argument("--measured", action="store_true", help="take the figures from build/bench.json")
    chosen = parser.parse_args(arguments)
    text = document.read_text()
    now = given(text)
    if chosen.measured:
        now = now | {"measured": measured(figures.known(bench))}
    document.write_text(written(text, now))
    return 0


if __name__ == "__main__":
    sys.exit(main())
