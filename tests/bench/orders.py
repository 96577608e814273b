"""What it would save at ordering to have remembered, at chart opening, what was read for the chart.

In this process, on one thread: the same orders are checked and kept as they are, then with the patient's rows taken
from memory, once one fresh read of the change counter has shown that they are still right. That is all that may be
remembered: identity, consent, decisions and the record are looked up, and verdicts given, at the moment of the order.
The ratio is of whole calls: to either comes what a bare echo call costs. Processor time of all threads, as in trust.py.
"""

import time
import tracemalloc
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from hutong.v1 import reuse_service_pb2
from hutong_server.api.convert import Faults
from hutong_server.api.convert_orders import orders_out
from hutong_server.api.convert_reuse import Asker, context_in, patient_in
from hutong_server.app import now
from hutong_server.domain.caller import Role
from hutong_server.domain.ordered_items import Order
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import Reader, StoredReport, Writer
from hutong_server.store.sql_store import SqlStore, open_store
from hutong_server.trust.ids import SealedIds
from hutong_server.trust.keys import read_key_file
from hutong_server.trust.sealing import AesGcmSealer
from hutong_server.trust.tokens import HmacTokens
from hutong_server.usecases.check_orders import CheckOrders, check_orders
from hutong_server.usecases.feeds import Coverage

from tests.api.site import Material
from tests.bench import calls, chart_load, echo, places
from tests.bench.trust import TOGETHER, _book, _copied, _ledger, _loaded
from tests.building import LOINC, caller

ORDERS = 4
"""Orders of one signing; each asks for one item."""
Rows = dict[tuple[bytes, ...], tuple[tuple[int, ...], list[StoredReport]]]


class Remembering:
    """A reader that takes the rows of a chart from memory while nothing has changed."""

    def __init__(self, reader: Any, rows: Rows) -> None:
        self._reader, self._rows = reader, rows

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def reports(self, keys: Sequence[bytes], only: Any = None) -> list[StoredReport]:
        del only
        changes = self._reader.changes(keys)
        known = self._rows.get(tuple(keys))
        if known is None or known[0] != changes:
            known = self._rows[tuple(keys)] = (changes, self._reader.reports(keys))
        return known[1]


class _Signing:
    """Orders of the benchmark's patients, checked on one database."""

    def __init__(self, store: SqlStore, book: RuleBook, tokens: HmacTokens, rows: Rows | None) -> None:
        self._store, self._book, self._tokens, self._rows = store, book, tokens, rows
        self._asker = Asker(chart_load.ASKER, book, SealedIds(bytes(32)))
        codes = sum(chart_load._PANELS, ())
        self._items = [each.item for code in codes for each in book.mappings[("*", LOINC, code)]]

    def run(self, patients: Sequence[int]) -> float:
        """Microseconds of processor time a signing."""
        questions = [self._question(patient) for patient in patients]
        began = time.process_time()
        for kept in [self._store.answer(question) for question in questions]:
            kept.result(60)
        return 1e6 * (time.process_time() - began) / len(patients)

    def _question(self, patient: int) -> Callable[[Reader], tuple[bytes, Callable[[Writer], None]]]:
        request = reuse_service_pb2.OpenChartRequest.FromString(
            chart_load.chart_request(patient, f"{time.time_ns()}-{patient}")
        )
        faults = Faults()
        items = [self._items[(patient + n) % len(self._items)] for n in range(ORDERS)]
        ask = CheckOrders(
            request.request_id,
            patient_in(request.patient, faults),
            context_in(request.context, faults),
            caller(chart_load.ASKER, Role.EMR),
            tuple(Order(str(n), item=item) for n, item in enumerate(items)),
        )

        def question(reader: Reader) -> tuple[bytes, Callable[[Writer], None]]:
            seen: Any = reader if self._rows is None else Remembering(reader, self._rows)
            found = check_orders(ask, seen, self._book, self._tokens, now())
            out = orders_out(found, self._asker, "prompt", Coverage(), "bench")
            return out.SerializeToString(), found.keep

        return question


async def measure(
    material: Material, directory: Path, *, patients: int, rounds: int, seconds: float, say: Callable[[str], None]
) -> dict[str, float]:
    """Microseconds of each way and of an echo; kilobytes that a remembered chart takes."""
    book, size = await _book(material, directory)
    # As the databases below have it: nothing was imported into them.
    book.version = 0
    tokens = HmacTokens(read_key_file(material.token_key))
    sealer = AesGcmSealer(read_key_file(material.seal_key))
    took: dict[str, list[float]] = {"read": [], "remembered": [], "echo": []}
    doctor = places.identity(material, chart_load.ASKER, "emr")
    rows: Rows = {}
    with ExitStack() as stack:
        url = _loaded(directory / "orders.db", sealer, book, tokens, patients)
        port = stack.enter_context(places.echo(material, size))
        ways = []
        for number, known in enumerate((None, rows)):
            store = open_store(_copied(url, number), sealer, pool_size=1, ledger=_ledger(directory))
            stack.callback(store.close)
            ways.append(_Signing(store, book, tokens, known))
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        ways[1].run(range(patients))
        kilobytes = (tracemalloc.get_traced_memory()[0] - before) / 1024 / patients
        tracemalloc.stop()
        for turn in range(rounds):
            blocks: dict[str, list[float]] = {"read": [], "remembered": []}
            for start in range(0, patients - TOGETHER + 1, TOGETHER):
                found = list(zip(blocks, ways, strict=True))
                # The other one comes first each time: it finds the caches cold.
                for name, way in found if (turn + start // TOGETHER) % 2 else reversed(found):
                    blocks[name].append(way.run(range(start, start + TOGETHER)))
            for name, each in blocks.items():
                took[name].append(median(each))
            floor = await calls.run(
                f"localhost:{port}", doctor, echo.METHOD, [bytes(300)] * 1000, seconds=seconds, callers=TOGETHER
            )
            took["echo"].append(1e6 / floor.rate)
            say("orders: " + ", ".join(f"{name} {values[-1]:.0f} µs" for name, values in took.items()))
    whole = [(echo + read) / (echo + known) for read, known, echo in zip(*took.values(), strict=True)]
    figures = {f"{name}_us": round(median(values), 1) for name, values in took.items()}
    return {"ratio": round(median(whole), 2), "chart_kb": round(kilobytes, 1)} | figures
