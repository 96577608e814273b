"""OpenChart beside a bare echo of the same bytes."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import psycopg
from hutong.v1 import reuse_service_pb2
from hutong_server.api.rule_snapshot import read_book
from hutong_server.app import now
from hutong_server.store.database_copy import files_at
from hutong_server.store.sql_store import open_store
from hutong_server.trust.keys import read_key_file
from hutong_server.trust.sealing import AesGcmSealer
from hutong_server.trust.tokens import HmacTokens

from tests.api.site import Material
from tests.bench import calls, chart_load, echo, places, processor
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
            cost = _Cost(url, server.process.pid)
            for turn in range(rounds):
                asked = requests(patients, seconds, str(turn))
                found.floor.append(await calls.run(f"localhost:{port}", doctor, echo.METHOD, asked, seconds=seconds))
                found.ours.append(await calls.run(target, doctor, METHOD, asked, seconds=seconds))
                say(f"{backend}: {found.last()}")
            told = cost.told()
            one = await calls.run(
                target, doctor, METHOD, requests(patients, seconds, "one"), seconds=seconds, callers=1, channels=1
            )
            found.beside = told | {"alone_ms": quantiles(one.took)}
            say(f"{backend}: " + ", ".join(f"{name} {value}" for name, value in told.items()))
            return found


def requests(patients: int, seconds: float, name: str) -> list[bytes]:
    """Charts of the patients in turn, more than are opened in so many seconds: a repeated request is another matter."""
    count = max(5 * patients, int(1500 * seconds))
    return [chart_load.chart_request(n % patients, f"{name}-{n}") for n in range(count)]


def quantiles(took: Sequence[float], parts: int = 20) -> list[float]:
    """Milliseconds below which so many equal parts of the calls lie, from the least to the largest."""
    last = len(took) - 1
    return [round(1000 * took[last * part // parts], 2) for part in range(parts + 1)]


class _Cost:
    """Processor time and disk of a chart, from now until it is asked."""

    def __init__(self, url: str, server: int) -> None:
        self._url, self._server, self._database = url, server, processor.postmaster(url)
        self._before = self._now()

    def told(self) -> dict[str, float]:
        """Milliseconds of the server and of PostgreSQL, and bytes in the database, a chart."""
        before, after = self._before, self._now()
        count, server, database, size = (now - then for now, then in zip(after, before, strict=True))
        found = {"server_ms": round(1000 * server / count, 3), "bytes_a_chart": round(size / count)}
        return found | ({"database_ms": round(1000 * database / count, 3)} if self._database else {})

    def _now(self) -> tuple[float, float, float, float]:
        """(prompts, seconds of the server, seconds of PostgreSQL, bytes) so far."""
        if self._database is None:
            file = Path(self._url.removeprefix("sqlite:///"))
            size = 0
            for path in files_at(file):
                with closing(sqlite3.connect(path)) as connection:
                    (pages,) = connection.execute("PRAGMA page_count").fetchone()
                    (page,) = connection.execute("PRAGMA page_size").fetchone()
                    size += pages * page
            with closing(sqlite3.connect(file)) as connection:
                (count,) = connection.execute("SELECT count(*) FROM prompt").fetchone()
            return count, processor.seconds_of(self._server), 0.0, size
        with psycopg.connect(self._url, autocommit=True) as connection:
            found = connection.execute(
                "SELECT (SELECT count(*) FROM prompt), pg_database_size(current_database())"
            ).fetchone()
            assert found is not None
        return found[0], processor.seconds_of(self._server), processor.seconds_of(self._database), found[1]


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
