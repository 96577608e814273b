"""The parts of the benchmark: what `--only` names, what each measures, and how long it takes on two slow cores.

A part is a function of (material, directory, given, say). It returns figures by the keys of figures.py; one part may
give several. A new one is a function and a line in PARTS.
"""

import argparse
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.api.site import Material
from tests.bench import (
    absent,
    charts,
    growth,
    latency,
    memory,
    orders,
    overload,
    publishing,
    size,
    stages,
    starvation,
    statistics,
    trust,
    workers,
)
from tests.bench.figures import Measured

Say = Callable[[str], None]
Measure = Callable[[Material, Path, argparse.Namespace, Say], Awaitable[Mapping[str, Measured]]]
BACKENDS = {"sqlite": "sqlite", "postgres": "postgresql"}


@dataclass(frozen=True, slots=True)
class Part:
    """One part. `always`: also when nothing is chosen."""

    measure: Measure
    minutes: float
    """With the default sizes."""
    always: bool = True


def _of(key: str, found: Mapping[str, Any], value: str = "ratio") -> dict[str, Measured]:
    """A figure whose value is one of the numbers behind it."""
    return {key: Measured(found[value], {name: each for name, each in found.items() if name != value})}


def _charts(name: str) -> Measure:
    async def measure(
        material: Material, directory: Path, given: argparse.Namespace, say: Say
    ) -> Mapping[str, Measured]:
        beside = await charts.measure(
            material,
            BACKENDS[name],
            directory,
            patients=given.patients,
            rounds=given.rounds,
            seconds=given.seconds,
            say=say,
        )
        return _of(f"chart_vs_echo_{name}", beside.figures())

    return measure


async def _publish(material: Material, directory: Path, given: argparse.Namespace, say: Say) -> Mapping[str, Measured]:
    found = await publishing.measure(material, directory, rounds=given.rounds, documents=given.documents, say=say)
    return _of("publish_vs_validation", found)


async def _overload(material: Material, directory: Path, given: argparse.Namespace, say: Say) -> Mapping[str, Measured]:
    patients = min(given.patients, 400)
    found = await overload.measure(
        material, directory, patients=patients, rounds=given.rounds, seconds=given.seconds, say=say
    )
    return _of("overload_p99_ms", found, "p99_ms")


async def _p99(material: Material, directory: Path, given: argparse.Namespace, say: Say) -> Mapping[str, Measured]:
    found = await latency.beside_echo(
        material, directory, patients=given.patients, rounds=given.rounds, seconds=given.seconds, say=say
    )
    return {"chart_p99_vs_echo_p99": Measured(*found)}


async def _workers(material: Material, directory: Path, given: argparse.Namespace, say: Say) -> Mapping[str, Measured]:
    found = {}
    for name, backend in BACKENDS.items():
        place = directory / name
        place.mkdir()
        found[name] = await workers.measure(
            material,
            backend,
            place,
            patients=min(given.patients, 500),
            rounds=given.rounds,
            seconds=given.seconds,
            say=say,
        )
    # Several workers are for PostgreSQL: on SQLite all write through one door.
    return {"workers_2_vs_1": Measured(found["postgres"]["ratio"], found)}


async def _day(material: Material, directory: Path, given: argparse.Namespace, say: Say) -> Mapping[str, Measured]:
    found = await latency.day(material, directory, patients=min(given.patients, 500), seconds=given.seconds, say=say)
    return {"chart_to_report_p99_ms": Measured(*found)}


async def _absent(material: Material, directory: Path, given: argparse.Namespace, say: Say) -> Mapping[str, Measured]:
    found = {}
    for name, backend in BACKENDS.items():
        place = directory / name
        place.mkdir()
        found[name] = await absent.measure(material, backend, place, times=given.times, say=say)
    worst = max(each[f"{one}/{other}"] for each in found.values() for one, other in absent.PAIRS)
    return {"absent_vs_known": Measured(worst, found)}


async def _trust(material: Material, directory: Path, given: argparse.Namespace, say: Say) -> Mapping[str, Measured]:
    found = await trust.measure(
        material, directory, patients=min(given.patients, 400), rounds=given.rounds, seconds=given.seconds, say=say
    )
    return _of("trust_cost_vs_echo", found)


async def _hostile(material: Material, directory: Path, given: argparse.Namespace, say: Say) -> Mapping[str, Measured]:
    found = await starvation.alone(material, directory, rounds=given.rounds, seconds=given.seconds, say=say)
    return _of("others_p99_under_flood", found)


async def _orders(material: Material, directory: Path, given: argparse.Namespace, say: Say) -> Mapping[str, Measured]:
    found = await orders.measure(
        material, directory, patients=min(given.patients, 320), rounds=given.rounds, seconds=given.seconds, say=say
    )
    return _of("orders_remembered", found)


def _statistics(name: str) -> Measure:
    async def measure(_: Material, directory: Path, given: argparse.Namespace, say: Say) -> Mapping[str, Measured]:
        found = statistics.measure(BACKENDS[name], directory, months=given.months, rounds=given.rounds, say=say)
        return _of(f"statistics_year_{name}", found)

    return measure


def _stages(name: str) -> Measure:
    async def measure(
        material: Material, directory: Path, given: argparse.Namespace, say: Say
    ) -> Mapping[str, Measured]:
        found = await stages.measure(
            material, BACKENDS[name], directory, patients=min(given.patients, 400), rounds=given.rounds, say=say
        )
        whole = round(sum(took for stage, took in found.items() if not stage.startswith("of it")), 1)
        return {f"stages_{name}": Measured(whole, found)}

    return measure


async def _memory(material: Material, directory: Path, given: argparse.Namespace, say: Say) -> Mapping[str, Measured]:
    return _of("memory", await memory.measure(material, directory, reports=given.reports, say=say), "at_end_mb")


def _growth(name: str) -> Measure:
    async def measure(
        material: Material, directory: Path, given: argparse.Namespace, say: Say
    ) -> Mapping[str, Measured]:
        small, large = (1_500, 15_000) if given.quick else (100_000, given.large)
        found = await growth.charts_measure(
            material, BACKENDS[name], directory, small=small, large=large, rounds=2 * given.rounds, say=say
        )
        return {f"growth_p50_{name}": Measured(*found)}

    return measure


async def _memory_growth(
    material: Material, directory: Path, given: argparse.Namespace, say: Say
) -> Mapping[str, Measured]:
    small, large = (1_500, 15_000) if given.quick else (10_000, 1_000_000)
    found = await growth.memory_measure(material, directory, small=small, large=large, say=say)
    return {"memory_growth": Measured(*found)}


async def _bytes(material: Material, directory: Path, given: argparse.Namespace, say: Say) -> Mapping[str, Measured]:
    found = await size.measure(material, directory, reports=300 if given.quick else 10_000, say=say)
    return _of("bytes_per_lab_report", found, "bytes")


PARTS: dict[str, Part] = {
    "chart-sqlite": Part(_charts("sqlite"), 3),
    "chart-postgres": Part(_charts("postgres"), 3),
    "p99": Part(_p99, 3),
    "publish": Part(_publish, 2),
    "workers": Part(_workers, 5),
    "day": Part(_day, 3),
    "absent": Part(_absent, 4),
    "bytes": Part(_bytes, 3),
    "growth-sqlite": Part(_growth("sqlite"), 13, always=False),
    "growth-postgres": Part(_growth("postgres"), 13, always=False),
    "memory-growth": Part(_memory_growth, 8, always=False),
    "trust": Part(_trust, 2, always=False),
    "hostile": Part(_hostile, 1, always=False),
    "orders": Part(_orders, 2, always=False),
    "statistics-sqlite": Part(_statistics("sqlite"), 10, always=False),
    "statistics-postgres": Part(_statistics("postgres"), 10, always=False),
    "stages-sqlite": Part(_stages("sqlite"), 1, always=False),
    "stages-postgres": Part(_stages("postgres"), 1, always=False),
    "overload": Part(_overload, 1, always=False),
    "memory": Part(_memory, 10, always=False),
}
"""In the order in which they are measured."""
