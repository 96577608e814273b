"""What ledger, sealing and consent cost a chart, beside one bare echo call.

In this process, on one thread: the same charts are answered and kept with all three, then without the ledger, without
sealing too, and without the consent gate too. What each costs is the difference in processor time of all threads, so
that waiting for the disk, which is the same for all, does not hide it. Charts are kept 32 at a time, as under load.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

from hutong.v1 import reuse_service_pb2
from hutong_server.api.convert import Faults
from hutong_server.api.convert_reuse import context_in, patient_in
from hutong_server.api.rule_snapshot import read_book
from hutong_server.app import now
from hutong_server.domain.caller import Role
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import Sealer
from hutong_server.store.migrations import migrate
from hutong_server.store.sql_store import SqlStore, open_store
from hutong_server.trust.keys import read_key_file
from hutong_server.trust.ledger import open_ledger
from hutong_server.trust.sealing import AesGcmSealer
from hutong_server.trust.tokens import HmacTokens
from hutong_server.usecases import open_chart as use_case
from hutong_server.usecases.gate import Passed
from hutong_server.usecases.open_chart import ChartAnswer, OpenChart, open_chart

from tests.api.site import Material
from tests.bench import calls, chart_load, echo, places
from tests.building import caller

TOGETHER = 32
PIECES = ("ledger", "sealing", "consent")


@dataclass(frozen=True)
class _Variant:
    store: SqlStore
    gated: bool


class _InClear:
    """A sealer that does nothing."""

    def seal(self, plain: bytes, context: bytes) -> bytes:
        del context
        return plain

    def open(self, sealed: bytes, context: bytes) -> bytes:
        del context
        return sealed


def _ungated(visit: Any, reader: Any, book: RuleBook, moment: int, **_: Any) -> Passed:
    """Reads the rows and asks nobody."""
    del book, moment
    return Passed(tuple(reader.reports(visit.keys)), "opt_out")


async def measure(
    material: Material, directory: Path, *, patients: int, rounds: int, seconds: float, say: Callable[[str], None]
) -> dict[str, float]:
    """Microseconds a chart, each piece, and of one echo call."""
    book, size = await _book(material, directory)
    tokens = HmacTokens(read_key_file(material.token_key))
    took: dict[str, list[float]] = {"all": [], **{piece: [] for piece in PIECES}, "echo": []}
    doctor = places.identity(material, chart_load.ASKER, "emr")
    with ExitStack() as stack:
        sealed = _loaded(
            directory / "sealed.db", AesGcmSealer(read_key_file(material.seal_key)), book, tokens, patients
        )
        clear = _loaded(directory / "clear.db", _InClear(), book, tokens, patients)
        port = stack.enter_context(places.echo(material, size))
        real = AesGcmSealer(read_key_file(material.seal_key))
        variants = [
            _Variant(open_store(_copied(url, number), sealer, pool_size=1, ledger=ledger), gated)
            for number, (url, sealer, ledger, gated) in enumerate(
                (
                    (sealed, real, _ledger(directory), True),
                    (sealed, real, None, True),
                    (clear, _InClear(), None, True),
                    (clear, _InClear(), None, False),
                )
            )
        ]
        for variant in variants:
            stack.callback(variant.store.close)
            _run(variant, _asks(patients, 0)[:TOGETHER], book, tokens)
        for _ in range(rounds):
            steps = _blocks(variants, _asks(patients, rounds), book, tokens)
            for piece, more, less in zip(PIECES, steps, steps[1:], strict=False):
                took[piece].append(more - less)
            took["all"].append(steps[0] - steps[-1])
            floor = await calls.run(
                f"localhost:{port}", doctor, echo.METHOD, [bytes(300)] * 1000, seconds=seconds, callers=TOGETHER
            )
            took["echo"].append(1e6 / floor.rate)
            say("trust: " + ", ".join(f"{name} {values[-1]:.0f} µs" for name, values in took.items()))
    found = {f"{name}_us": round(median(values), 1) for name, values in took.items()}
    return {"ratio": round(median(a / e for a, e in zip(took["all"], took["echo"], strict=True)), 2)} | found


async def _book(material: Material, directory: Path) -> tuple[RuleBook, int]:
    """The rule book of the benchmark, as a server reads it; and the size of an answer."""
    place = directory / "rules"
    place.mkdir()
    with places.database("sqlite", place) as url, places.registry(material, url, place / "log") as server:
        catalog = {name: text.encode() for name, text in chart_load.CATALOG.items()}
        await places.import_catalog(material, server.port, catalog)
    store = open_store(url, AesGcmSealer(read_key_file(material.seal_key)), pool_size=1)
    try:
        return store.read(read_book), 12_000
    finally:
        store.close()


def _loaded(path: Path, sealer: Sealer, book: RuleBook, tokens: HmacTokens, patients: int) -> str:
    url = f"sqlite:///{path}"
    migrate(url)
    store = open_store(url, sealer)
    try:
        chart_load.load(store, book, tokens, patients, now())
    finally:
        store.close()
    return url


def _copied(url: str, number: int) -> str:
    """A database of its own: a prompt that another variant kept there would be found again, and cost less."""
    copy = f"{url}.{number}"
    shutil.copy(url.removeprefix("sqlite:///"), copy.removeprefix("sqlite:///"))
    return copy


def _ledger(directory: Path) -> Any:
    export = directory / "checkpoints"
    shutil.rmtree(export, ignore_errors=True)
    export.mkdir()
    return open_ledger("hutong.local", directory.parent / "ledger.key", str(export))


@contextmanager
def _gate(there: bool) -> Iterator[None]:
    if there:
        yield
        return
    with patch.object(use_case, "pass_gate", _ungated):
        yield


def _asks(patients: int, times: int) -> list[OpenChart]:
    asks = []
    for number in range(patients * max(1, times)):
        request = reuse_service_pb2.OpenChartRequest.FromString(
            chart_load.chart_request(number % patients, f"{time.time_ns()}-{number}")
        )
        faults = Faults()
        asks.append(
            OpenChart(
                request_id=request.request_id,
                patient=patient_in(request.patient, faults),
                context=context_in(request.context, faults),
                caller=caller(chart_load.ASKER, Role.EMR),
            )
        )
        faults.check()
    return asks


def _blocks(variants: Sequence[_Variant], asks: Sequence[OpenChart], book: RuleBook, tokens: HmacTokens) -> list[float]:
    """Microseconds of processor time a chart, of each variant: the median of blocks that take turns."""
    took: list[list[float]] = [[] for _ in variants]
    for start in range(0, len(asks) - TOGETHER + 1, TOGETHER):
        # Another one comes first each time: it finds the caches cold.
        for turn in range(len(variants)):
            number = (start // TOGETHER + turn) % len(variants)
            took[number].append(_run(variants[number], asks[start : start + TOGETHER], book, tokens))
    return [median(times) for times in took]


def _run(variant: _Variant, asks: Sequence[OpenChart], book: RuleBook, tokens: HmacTokens) -> float:
    store = variant.store
    with _gate(variant.gated):
        began = time.process_time()
        answers: list[ChartAnswer] = [
            store.read(lambda reader, ask=ask: open_chart(ask, reader, book, tokens, now()))  # type: ignore[misc]
            for ask in asks
        ]
        for kept in [store.submit(answer.keep) for answer in answers]:
            kept.result(60)
        return 1e6 * (time.process_time() - began) / len(asks)
