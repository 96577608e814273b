"""OpenChart beside a bare echo of the same bytes."""

import time
from collections.abc import Callable
from pathlib import Path

from hutong.v1 import reuse_service_pb2
from hutong_server.api.rule_snapshot import read_book
from hutong_server.app import now
from hutong_server.store.sql_store import open_store
from hutong_server.trust.keys import read_key_file
from hutong_server.trust.sealing import AesGcmSealer
from hutong_server.trust.tokens import HmacTokens

from tests.api.site import Material
from tests.bench import calls, chart_load, echo, places
from tests.bench.rounds import Beside

METHOD = "/hutong.v1.ReuseService/OpenChart"


async def measure(
    material: Material,
    backend: str,
    directory: Path,
    *,
    patients: int,
    rounds: int,
    seconds: float,
    say: Callable[[str], None],
) -> Beside:
    """Rounds of echo and chart in turn, on one database."""
    with places.database(backend, directory) as url, places.registry(material, url, directory / "log") as server:
        catalog = {name: text.encode() for name, text in chart_load.CATALOG.items()}
        await places.import_catalog(material, server.port, catalog)
        began = time.perf_counter()
        count = load(material, url, patients)
        say(f"{backend}: {count} reports of {patients} patients in {time.perf_counter() - began:.0f} s")
        doctor = places.identity(material, chart_load.ASKER, "emr")
        target = f"localhost:{server.port}"
        lines, size = await _probe(target, doctor)
        say(f"{backend}: {lines} lines, {size} bytes answered")
        with places.echo(material, size) as port:
            found = Beside("echo", "OpenChart")
            for turn in range(rounds):
                asked = [chart_load.chart_request(n % patients, f"{turn}-{n}") for n in range(patients * 5)]
                found.floor.append(await calls.run(f"localhost:{port}", doctor, echo.METHOD, asked, seconds=seconds))
                found.ours.append(await calls.run(target, doctor, METHOD, asked, seconds=seconds))
                say(f"{backend}: {found.last()}")
            return found


def load(material: Material, url: str, patients: int) -> int:
    """Publishes the reports of so many patients; how many there are."""
    store = open_store(url, AesGcmSealer(read_key_file(material.seal_key)))
    try:
        book = store.read(read_book)
        return chart_load.load(store, book, HmacTokens(read_key_file(material.token_key)), patients, now())
    finally:
        store.close()


async def _probe(target: str, doctor: calls.Identity) -> tuple[int, int]:
    """(lines, bytes) of one answer. Raises RuntimeError when it is not the answer that the figures are about."""
    reply = await calls.once(target, doctor, METHOD, chart_load.chart_request(1, "probe"))
    answer = reuse_service_pb2.OpenChartResponse.FromString(reply)
    if answer.outcome != reuse_service_pb2.OUTCOME_FOUND or not 20 <= len(answer.lines) <= 40:
        raise RuntimeError(f"the charts of the benchmark have {len(answer.lines)} lines")
    return len(answer.lines), len(reply)
