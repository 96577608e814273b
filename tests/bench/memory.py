"""Memory of the server after many reports."""

import asyncio
import datetime
from collections.abc import Callable, Iterator
from pathlib import Path

from hutong.v1 import registry_service_pb2

from tests.api.documents import encoded, lab_report, person
from tests.api.site import Material
from tests.bench import chart_load, places
from tests.bench.publishing import stream

_STREAMS = 4
_PART = 5_000


def resident_mb(pid: int) -> float:
    """Resident memory of a process and of those that it started, in MB of 2**20 bytes.

    Pages that they share are counted for each: what is told is never too little.
    """
    found = 0
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            found = int(line.split()[1])
    if not found:
        raise RuntimeError("the kernel does not tell the memory of the process")
    started = {
        child for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    }
    return found / 1024 + sum(resident_mb(int(child)) for child in started)


async def measure(material: Material, directory: Path, *, reports: int, say: Callable[[str], None]) -> dict[str, float]:
    """Publishes so many small reports over four streams, and looks at the server's memory on the way."""
    with places.database("sqlite", directory) as url, places.registry(material, url, directory / "log") as server:
        catalog = {name: text.encode() for name, text in chart_load.CATALOG.items()}
        await places.import_catalog(material, server.port, catalog)
        found = {"reports": float(reports), "at_start_mb": round(resident_mb(server.process.pid), 1)}
        for start in range(0, reports, _PART):
            numbers = range(start, min(start + _PART, reports))
            await publish(material, server.port, numbers)
            found["at_end_mb"] = round(resident_mb(server.process.pid), 1)
            say(f"memory: {numbers[-1] + 1} reports, {found['at_end_mb']} MB")
    return found


async def publish(material: Material, port: int, numbers: range) -> None:
    """Publishes small reports of these numbers over four streams."""
    feeds = [places.identity(material, code, "feed") for code in chart_load.ISSUERS[:_STREAMS]]
    await asyncio.gather(
        *(
            stream(f"localhost:{port}", feed, list(_requests(numbers[index::_STREAMS])))
            for index, feed in enumerate(feeds)
        )
    )


def _requests(numbers: range) -> Iterator[bytes]:
    for number in numbers:
        birth = (datetime.date(1930, 1, 1) + datetime.timedelta(days=number // 4500)).isoformat()
        report = lab_report(f"m-{number}", person(1 + number // 5 % 900, birth=birth), days_ago=1 + number % 5)
        yield registry_service_pb2.PublishReportsRequest(
            feed="bench",
            position=str(number),
            report=registry_service_pb2.PublishReportRequest(document=encoded(report)),
        ).SerializeToString()
