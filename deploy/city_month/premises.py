"""The registry of a month: its certificates, catalogue and earlier reports, laid down once for both courses."""

import asyncio
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

from agenda import BEGIN, Agenda
from clients import Clients
from clock import Clock
from hutong_client.city import MadeReport
from hutong_client.city.flow import Flow
from hutong_client.publishing import Document
from prices import Prices

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SAMPLE = ROOT / "deploy" / "catalog" / "sample"
sys.path[:0] = [str(ROOT / "deploy" / "dev"), str(ROOT / "deploy" / "demo")]

from make_certs import Authority, make_certs  # noqa: E402  the two directories above come first
from registry_process import Registry, RegistryFailed  # noqa: E402

OPERATOR = ("registry", "admin")
_SETTINGS = {
    # A month in minutes: an institution calls as often in a second as it would in hours.
    "HUTONG_CALLS_PER_SECOND": "0",
    "HUTONG_LOG_LEVEL": "warning",
}
_STREAMS = 6


def authority_in(directory: Path) -> Authority:
    """The development authority, with certificates of the server and the operator."""
    return make_certs(directory, [("registry", ("admin", "monitor"))])


def registry_in(home: Path, certs: Path) -> Registry:
    """The registry that keeps everything in `home`, by the month's clock."""
    return Registry(home, certs, 0, [str(HERE / "serve_at.py"), str(home / "clock")], _SETTINGS)


def catalog_files(agenda: Agenda, prices: Prices) -> tuple[bytes, list[tuple[str, bytes]]]:
    """(institutions, the rest): the sample catalogue with the city's institutions, mappings, grants and prices."""
    made = agenda.city.catalog_files()
    institutions = made.pop("institutions.csv")
    sample = {each.name: each.read_bytes() for each in SAMPLE.glob("*.yaml") if each.name != "prices.yaml"}
    return institutions, [*sample.items(), *made.items(), ("prices.csv", prices.file())]


async def lay_down(
    agenda: Agenda, flow: Flow, clients: Clients, clock: Clock, prices: Prices, told: Callable[[int], None]
) -> tuple[list[MadeReport], Counter[str]]:
    """Imports the catalogue and publishes what is earlier than the month. (what is published within it, counts)."""
    clock.set(BEGIN - timedelta(minutes=1))
    admin = clients.of(*OPERATOR).admin
    institutions, files = catalog_files(agenda, prices)
    began = time.perf_counter()
    await admin.import_catalog([("institutions.csv", institutions)])
    await admin.import_catalog(files)
    counted = Counter({"catalog seconds": round(time.perf_counter() - began)})
    waiting: list[MadeReport] = []
    earlier: dict[str, list[MadeReport]] = {}
    for made in agenda.earlier(flow):
        if made.issued < BEGIN:
            earlier.setdefault(made.institution, []).append(made)
        else:
            waiting.append(made)
    began = time.perf_counter()
    room = asyncio.Semaphore(_STREAMS)

    async def publish(institution: str, documents: Iterable[MadeReport]) -> None:
        async with room:
            stream = clients.of(institution, "feed").publish_stream(
                Document(made.document) for made in sorted(documents, key=lambda made: made.issued)
            )
            async for published in stream:
                counted["reports"] += len(published.response.results)
                counted["refused"] += bool(published.response.issues)
                told(counted["reports"])

    async with asyncio.TaskGroup() as group:
        for institution, documents in earlier.items():
            group.create_task(publish(institution, documents))
    counted["history seconds"] = round(time.perf_counter() - began)
    return waiting, counted


def copied(home: Path, to: Path) -> None:
    """A second registry with everything of the first, which does not run."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(home, to)


__all__ = ["OPERATOR", "SAMPLE", "RegistryFailed", "authority_in", "copied", "lay_down", "registry_in"]
