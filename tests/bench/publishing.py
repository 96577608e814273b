"""Publishing the made city, durably, beside fhir.resources validation alone of the same inputs, by one process.

Documents are read by as many processes as there are cores.
"""

import asyncio
import datetime
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import grpc
from hutong.v1 import registry_service_pb2
from hutong_client.city import City
from hutong_client.city.model import MadeReport
from hutong_server.domain.errors import HutongError
from hutong_server.fhir.document import read
from hutong_server.fhir.intake import Reading, read_document
from hutong_server.fhir.json_text import decode
from hutong_server.fhir.shape import CHECKED_TYPES
from hutong_server.fhir.validation import validate

from tests.api.site import Material
from tests.bench import calls, places, processor

STREAM = "/hutong.v1.RegistryService/PublishReports"
UNARY = "/hutong.v1.RegistryService/PublishReport"
MOST_INSTITUTIONS = 6
_REFUSED = registry_service_pb2.PUBLISH_OUTCOME_REJECTED


def make_city() -> City:
    """The city of today: a small one, with institutions that write R4 and others that write R5."""
    return City.make(seed=11, reference=datetime.datetime.now(datetime.UTC), patients=5000, days=90)


def validated(documents: Sequence[MadeReport]) -> float:
    """Seconds that fhir.resources takes for the resources that decide about a report, already parsed; once each."""
    parsed = [
        (resource, made.release)
        for made in documents
        for each in _resources(made)
        if (resource := each).get("resourceType") in CHECKED_TYPES
    ]
    began = time.perf_counter()
    for resource, release in parsed:
        validate(resource, release)
    return time.perf_counter() - began


def read_alone(documents: Sequence[MadeReport]) -> float:
    """Seconds that the intake takes to read documents, validation included; once each, in this process."""
    reading = Reading(zone=datetime.UTC, now=time.time_ns() // 1_000_000)
    began = time.perf_counter()
    for made in documents:
        with suppress(HutongError):
            read_document(made.document, reading=reading)
    return time.perf_counter() - began


def _resources(made: MadeReport) -> Iterator[dict[str, Any]]:
    for resource in read(decode(made.document, 2**30)).entries:
        yield resource.body
        yield from resource.body.get("contained", ())


async def measure(
    material: Material, directory: Path, *, rounds: int, documents: int, say: Callable[[str], None]
) -> dict[str, float]:
    """Rounds of validation and publishing in turn, each with documents of its own; then single calls."""
    city = make_city()
    cores = os.cpu_count() or 1
    chosen = _chosen(city)
    source = city.reports(chosen)
    # What is loaded and compiled once is none of the rates.
    warm = list(islice(source, 200))
    validated(warm)
    read_alone(warm)
    floors, readings, rates = [], [], []
    with (
        places.database("sqlite", directory) as url,
        places.registry(material, url, directory / "log", settings={"HUTONG_DOCUMENT_PROCESSES": str(cores)}) as server,
    ):
        await places.import_catalog(material, server.port, city.catalog_files(chosen))
        target = f"localhost:{server.port}"
        await stream_all(target, material, warm)
        spent, began = 0, processor.seconds_of(server.process.pid)
        for _ in range(rounds):
            spent += documents
            given = list(islice(source, documents))
            for found, work in ((floors, validated), (readings, read_alone)):
                found.append(len(given) / await asyncio.get_running_loop().run_in_executor(None, work, given))
            rates.append(len(given) / await stream_all(target, material, given))
            size = sum(len(each.document) for each in given) / len(given) / 1000
            say(
                f"publish: validation {floors[-1]:7.0f}/s | reading {readings[-1]:7.0f}/s "
                f"| PublishReports {rates[-1]:7.0f}/s of {size:.0f} kB | {rates[-1] / floors[-1]:.2f}"
            )
        used = processor.seconds_of(server.process.pid) - began
        took = await _single(target, material, list(islice(source, documents // 2)))
    figures = {
        "ratio": round(median(rate / floor for rate, floor in zip(rates, floors, strict=True)), 3),
        "floor_per_second": round(median(floors), 1),
        "reading_per_second": round(median(readings), 1),
        "per_second": round(median(rates), 1),
        "document_processes": cores,
        "server_ms": round(1000 * used / spent, 3),
        "unary_p50_ms": round(1000 * took[len(took) // 2], 2),
        "unary_p99_ms": round(1000 * took[len(took) * 99 // 100], 2),
    }
    say(f"publish: one by one, 4 callers: p50 {figures['unary_p50_ms']} ms, p99 {figures['unary_p99_ms']} ms")
    return figures


def _chosen(city: City) -> list[str]:
    """The institutions that publish most, R4 and R5 mixed."""
    large = [each for each in city.institutions if each.tier in ("tertiary", "secondary", "laboratory_center")]
    by_release = [[each for each in large if each.release == release] for release in ("R4", "R5")]
    half = MOST_INSTITUTIONS // 2
    return [each.code for group in by_release for each in group[:half]]


async def stream_all(target: str, material: Material, given: Sequence[MadeReport]) -> float:
    """Publishes by one stream for each institution; seconds until the last answer."""
    by_institution: dict[str, list[bytes]] = {}
    for number, made in enumerate(given):
        request = registry_service_pb2.PublishReportsRequest(
            feed="bench",
            position=str(number),
            report=registry_service_pb2.PublishReportRequest(document=made.document),
        )
        by_institution.setdefault(made.institution, []).append(request.SerializeToString())
    began = time.perf_counter()
    await asyncio.gather(
        *(stream(target, places.identity(material, code, "feed"), sent) for code, sent in by_institution.items())
    )
    return time.perf_counter() - began


async def stream(target: str, who: calls.Identity, requests: Sequence[bytes]) -> None:
    """Publishes by one stream until all is answered. Raises RuntimeError when much of it was refused."""
    async with grpc.aio.secure_channel(target, who.credentials()) as channel:
        call = channel.stream_stream(STREAM)()

        async def send() -> None:
            for request in requests:
                await call.write(request)
            await call.done_writing()

        sending = asyncio.ensure_future(send())
        answers = [answer async for answer in call]
        await sending
    if len(answers) != len(requests):
        raise RuntimeError(f"{len(requests) - len(answers)} documents were not answered")
    refused = sum(_all_refused(answer) for answer in answers)
    if refused > len(answers) // 10:
        raise RuntimeError(f"{refused} of {len(answers)} made reports were refused")


def _all_refused(answer: bytes) -> bool:
    results = registry_service_pb2.PublishReportsResponse.FromString(answer).results
    return all(result.outcome == _REFUSED for result in results)


async def _single(target: str, material: Material, given: Sequence[MadeReport], callers: int = 4) -> list[float]:
    """Seconds of each single call, sorted."""
    codes = {made.institution for made in given}
    channels = {
        code: grpc.aio.secure_channel(target, places.identity(material, code, "feed").credentials()) for code in codes
    }
    waiting = iter(given)
    took = []

    async def caller() -> None:
        for made in waiting:
            request = registry_service_pb2.PublishReportRequest(document=made.document).SerializeToString()
            began = time.perf_counter()
            try:
                await channels[made.institution].unary_unary(UNARY)(request, timeout=30)
            except grpc.aio.AioRpcError as error:
                # The made city has typing errors in its identifiers; such a report is refused.
                if error.code() is not grpc.StatusCode.INVALID_ARGUMENT:
                    raise
            took.append(time.perf_counter() - began)

    await asyncio.gather(*(caller() for _ in range(callers)))
    for channel in channels.values():
        await channel.close()
    return sorted(took)
