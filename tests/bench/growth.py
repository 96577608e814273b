"""Whether a chart stays as fast, and the server as small, when the registry holds a hundred times as much.

The patients are those of chart_load.py, each with 15 reports of 10 items, loaded in bulk. Documents are left out, rows
of the index are not. Both registries stand side by side, each with a server of its own, and are asked in turns, one
caller at a time, for patients drawn from all: a machine that slows down slows both. The files of both are held in
memory meanwhile (held.py).
"""

import hashlib
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import grpc
from hutong_server.domain.caller import Caller, Role
from hutong_server.domain.person import Demographics
from hutong_server.domain.report import RawIdentifier
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import Tokens

from tests.api.site import Material
from tests.bench import chart_load, charts, held, memory, places
from tests.building import RESIDENT
from tests.bulk.load import Plan, load, ordered_key
from tests.bulk.moulds import mould_without_document
from tests.bulk.rows import Bulk

_SHIFTS = 16
"""Times of day at which the reports of a patient were taken: so many rows are packed, and sealed for each anew."""
_TOGETHER = 5_000
"""Patients whose reports come in turns, so that a patient's rows stand apart from each other, as they do in life."""
_CALLS = 1_000
"""Of each registry in a round."""


def pour_charts(plan: Plan, bulk: Bulk, book: RuleBook, tokens: Tokens, patients: range, now: int) -> Iterator[int]:
    """The patients of chart_load.py."""
    moulds = [
        [
            mould_without_document(report, Caller(issuer, Role.FEED, "ab" * 32), now, book, tokens)
            for issuer, report in chart_load.readings(shift, now)
        ]
        for shift in range(_SHIFTS)
    ]
    for start in range(patients.start, patients.stop, _TOGETHER):
        some = range(start, min(start + _TOGETHER, patients.stop))
        known = [bulk.open_patient(*_person(patient, plan.patients), now) for patient in some]
        for index in range(chart_load.REPORTS):
            for patient, whose in zip(some, known, strict=True):
                identity = f"{patient}-{index}"
                digest = hashlib.sha256(identity.encode()).digest()
                identifiers = (RawIdentifier(RESIDENT, chart_load.number(patient)),)
                bulk.put_row(whose, moulds[patient % _SHIFTS][index], identifiers, identity, b"", digest, now)
            yield len(some)


def _person(patient: int, of: int) -> tuple[bytes, Demographics]:
    rng = random.Random(patient)  # noqa: S311  keys of made people
    said = Demographics((f"测试{patient}",), chart_load.birth(patient).isoformat(), "female")
    return ordered_key(patient, of, rng), said


async def charts_measure(
    material: Material,
    backend: str,
    directory: Path,
    *,
    small: int,
    large: int,
    rounds: int,
    say: Callable[[str], None],
) -> tuple[float, dict[str, float]]:
    """(p50 with `large` reports ÷ p50 with `small`, the numbers behind it)."""
    doctor = places.identity(material, chart_load.ASKER, "emr")
    found: dict[int, list[float]] = {small: [], large: []}
    with ExitStack() as stack:
        stubs = {}
        files: list[Path] = []
        for reports in (small, large):
            place = directory / str(reports)
            place.mkdir()
            url = stack.enter_context(places.database(backend, place))
            await loaded(material, url, place, reports, say)
            server = stack.enter_context(places.registry(material, url, place / "log"))
            channel = grpc.aio.secure_channel(f"localhost:{server.port}", doctor.credentials())
            stubs[reports] = channel.unary_unary(charts.METHOD)
            files += held.files_of(url)
        in_memory = stack.enter_context(held.held(files))
        say(f"{backend}: {in_memory / 2**30:.1f} GB held in memory")
        for turn in range(rounds + 1):
            for reports, stub in stubs.items():
                took = await _timed(stub, _asked(reports, turn))
                # The first round warms both up.
                if turn:
                    found[reports].append(took)
                say(f"{backend}: {reports} reports, p50 {1000 * took:.2f} ms")
    ratios = [one / other for one, other in zip(found[large], found[small], strict=True)]
    return round(median(ratios), 3), {
        "small_p50_ms": round(1000 * median(found[small]), 3),
        "large_p50_ms": round(1000 * median(found[large]), 3),
        "small_reports": small,
        "large_reports": large,
        "held_in_memory_gb": round(in_memory / 2**30, 1),
    }


async def loaded(material: Material, url: str, directory: Path, reports: int, say: Callable[[str], None]) -> None:
    """A registry with its catalogue and so many reports."""
    with places.registry(material, url, directory / "log") as server:
        catalog = {name: text.encode() for name, text in chart_load.CATALOG.items()}
        await places.import_catalog(material, server.port, catalog)
    plan = Plan(material.environment(url), reports // chart_load.REPORTS, pour_charts, documents=False)
    began = time.perf_counter()
    count = load(plan, 2, say)
    say(f"{count} reports loaded, {count / (time.perf_counter() - began):.0f}/s")


def _asked(reports: int, turn: int) -> list[bytes]:
    rng = random.Random(f"{reports}-{turn}")  # noqa: S311  whose chart is opened
    patients = reports // chart_load.REPORTS
    return [chart_load.chart_request(rng.randrange(patients), f"{turn}-{number}") for number in range(_CALLS)]


async def _timed(stub: Callable[..., "grpc.aio.UnaryUnaryCall[bytes, bytes]"], requests: Sequence[bytes]) -> float:
    """Median seconds of a call."""
    took = []
    for request in requests:
        began = time.perf_counter()
        await stub(request, timeout=30)
        took.append(time.perf_counter() - began)
    return median(took)


async def memory_measure(
    material: Material, directory: Path, *, small: int, large: int, say: Callable[[str], None]
) -> tuple[float, dict[str, float]]:
    """(server memory with `large` reports ÷ with `small`, MB of each): after the same work, charts and publishes."""
    found = {}
    for reports in (small, large):
        place = directory / str(reports)
        place.mkdir()
        with places.database("sqlite", place) as url:
            await loaded(material, url, place, reports, say)
            with places.registry(material, url, place / "log") as server:
                doctor = places.identity(material, chart_load.ASKER, "emr")
                async with grpc.aio.secure_channel(f"localhost:{server.port}", doctor.credentials()) as channel:
                    stub = channel.unary_unary(charts.METHOD)
                    for turn in range(5):
                        await _timed(stub, _asked(reports, turn))
                await memory.publish(material, server.port, range(5_000))
                found[reports] = round(memory.resident_mb(server.process.pid), 1)
                say(f"memory: {reports} reports, {found[reports]} MB")
    return round(found[large] / found[small], 3), {"small_mb": found[small], "large_mb": found[large]}
