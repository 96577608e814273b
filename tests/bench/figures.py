"""The figures that the benchmark states, what each has to reach, and their file `build/bench.json`.

The file is one flat object: figure → value, floor, aim, whether they are reached, the command, and of what moment the
value is: commit, machine, load average, and how much of the machine others used meanwhile. `details` are the numbers
behind it. A part that was not measured now keeps what a former run found.
"""

import json
import os
import platform
import resource
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.api.site import ROOT

OUT = ROOT / "build" / "bench.json"
BUSY = 0.1
"""Share of the machine's processor time that others may use before a figure says that the machine was busy."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What a figure is and has to reach. `floor` is asked for, `aim` hoped for; both 0 where nobody set one."""

    key: str
    what: str
    part: str
    """Which part of the benchmark measures it (`--only`)."""
    floor: float = 0
    aim: float = 0
    at_most: bool = False
    """Whether small is good."""

    def reaches(self, value: float, wanted: float) -> bool:
        """Whether a value is as good as what is wanted."""
        return value <= wanted if self.at_most else value >= wanted

    def wanted(self) -> str:
        """For people."""
        if not self.floor:
            return ""
        sign = "≤" if self.at_most else "≥"
        return f"{sign} {self.floor:g}" + (f", aim {self.aim:g}" if self.aim != self.floor else "")


FIGURES = (
    Figure("chart_vs_echo_sqlite", "OpenChart rate ÷ bare echo, SQLite", "chart-sqlite", 0.25, 0.4),
    Figure("chart_vs_echo_postgres", "OpenChart rate ÷ bare echo, PostgreSQL", "chart-postgres", 0.2, 0.3),
    Figure("chart_p99_vs_echo_p99", "OpenChart p99 ÷ echo p99, half the saturated rate", "p99", 3, 3, at_most=True),
    Figure("growth_p50_sqlite", "p50 with 10 M reports ÷ with 100 k, SQLite", "growth-sqlite", 1.2, 1.2, at_most=True),
    Figure(
        "growth_p50_postgres",
        "p50 with 10 M reports ÷ with 100 k, PostgreSQL",
        "growth-postgres",
        1.2,
        1.2,
        at_most=True,
    ),
    Figure("publish_vs_validation", "durable publish rate ÷ fhir.resources validation alone", "publish", 0.7, 0.7),
    Figure("workers_2_vs_1", "OpenChart rate with 2 workers ÷ with 1", "workers", 1.3, 1.3),
    Figure(
        "chart_to_report_p99_ms", "chart opened → report in hand, p99 at 100 charts/s, ms", "day", 50, 50, at_most=True
    ),
    Figure("memory_growth", "server memory after 1 M reports ÷ after 10 k", "memory-growth", 1.1, 1.1, at_most=True),
    Figure("bytes_per_lab_report", "bytes on disk a laboratory report, PostgreSQL", "bytes", 2560, 2560, at_most=True),
    Figure("absent_vs_known", "best time threshold between two kinds of nothing", "absent", 0.55, 0.55, at_most=True),
    # Not asked for by a floor: what pieces cost.
    Figure("trust_cost_vs_echo", "ledger, sealing and consent together ÷ an echo call", "trust", at_most=True),
    Figure("others_p99_under_flood", "others' p99 under one institution's flood ÷ without", "hostile", at_most=True),
    Figure(
        "overload_p99_ms",
        "admitted p99 at twice the saturated rate, after its first second, ms",
        "overload",
        100,
        100,
        at_most=True,
    ),
    Figure("orders_remembered", "order check read anew ÷ with remembered rows", "orders"),
    Figure("statistics_year_sqlite", "slowest statistics question of a year, SQLite", "statistics-sqlite"),
    Figure("statistics_year_postgres", "slowest statistics question of a year, PostgreSQL", "statistics-postgres"),
    Figure("stages_sqlite", "µs of a chart on one thread, SQLite", "stages-sqlite", at_most=True),
    Figure("stages_postgres", "µs of a chart on one thread, PostgreSQL", "stages-postgres", at_most=True),
    Figure("memory", "MB of a server after so many small reports", "memory", at_most=True),
)
BY_KEY: Mapping[str, Figure] = {figure.key: figure for figure in FIGURES}


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure's value and the numbers behind it. `invalid` says why it does not count; "" when it does."""

    value: float
    details: Mapping[str, Any] = field(default_factory=dict)
    invalid: str = ""


class Surroundings:
    """The machine while a part is measured: made before it, asked after it, when all it started has ended."""

    def __init__(self) -> None:
        self._load = os.getloadavg()[0]
        self._at, self._all, self._own = time.monotonic(), _busy_seconds(), _own_seconds()

    def told(self) -> dict[str, Any]:
        """Load average before and after, and the share of all cores that others used meanwhile."""
        cores = os.cpu_count() or 1
        wall = max(1e-9, time.monotonic() - self._at)
        others = max(0.0, (_busy_seconds() - self._all - (_own_seconds() - self._own)) / wall / cores)
        return {
            "at": time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime()),
            "seconds": round(wall),
            "commit": _commit(),
            "machine": f"{cores} × {_processor()}, Python {platform.python_version()}",
            "load": [round(self._load, 2), round(os.getloadavg()[0], 2)],
            "others": round(others, 3),
            "busy": others > BUSY,
        }


def entry(key: str, measured: Measured, told: Mapping[str, Any], command: str) -> dict[str, Any]:
    """What the file says of a figure."""
    figure = BY_KEY[key]
    found: dict[str, Any] = {"value": measured.value, "floor": figure.floor, "aim": figure.aim}
    if figure.floor:
        valid = not measured.invalid
        found["reached"] = valid and figure.reaches(measured.value, figure.floor)
        found["aim_reached"] = valid and figure.reaches(measured.value, figure.aim)
    found["command"] = command
    if measured.invalid:
        found["invalid"] = measured.invalid
    return found | dict(told) | {"details": dict(measured.details)}


def known(path: Path = OUT) -> dict[str, dict[str, Any]]:
    """What the file says so far. Entries of a former form are left out."""
    found = json.loads(path.read_text()) if path.exists() else {}
    return {key: each for key, each in found.items() if key in BY_KEY and "value" in each}


def keep(found: Mapping[str, Mapping[str, Any]], path: Path = OUT) -> dict[str, dict[str, Any]]:
    """Puts entries into the file, in the order of FIGURES; all of it."""
    merged = known(path) | {key: dict(each) for key, each in found.items()}
    ordered = {figure.key: merged[figure.key] for figure in FIGURES if figure.key in merged}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n")
    return ordered


def _busy_seconds() -> float:
    """Processor time of everybody, from the kernel's count since it started."""
    user, nice, system, _idle, _wait, irq, soft, *_ = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    )
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")


def _own_seconds() -> float:
    """Of this process and of those that it started and that have ended."""
    spent = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in spent)


def _commit() -> str:
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
