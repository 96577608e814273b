"""Where the time of a chart goes: each stage on one thread, in processor time, so that a busy machine matters less.

The stages are those of the server in its order: charts are read for and kept 32 at a time, on one connection.
"""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from hutong.v1 import reuse_service_pb2
from hutong_server.api.convert import Faults
from hutong_server.api.convert_reuse import Asker, chart_out, context_in, patient_in
from hutong_server.api.rule_snapshot import read_book
from hutong_server.app import now
from hutong_server.domain.caller import Role
from hutong_server.domain.prompt import prompt
from hutong_server.domain.reuse import Request
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.sql import SqlWriter
from hutong_server.store.sql_store import SqlStore, open_store
from hutong_server.trust.ids import SealedIds
from hutong_server.trust.keys import read_key_file
from hutong_server.trust.ledger import open_ledger
from hutong_server.trust.sealing import AesGcmSealer
from hutong_server.trust.tokens import HmacTokens
from hutong_server.usecases.asking import facts_of
from hutong_server.usecases.feeds import coverage
from hutong_server.usecases.open_chart import OpenChart, open_chart

from tests.api.site import Material
from tests.bench import chart_load, charts, places
from tests.building import caller

TOGETHER = 32
STAGES = ("request", "question", "of it rows", "of it judging", "answer", "write", "commit")
"""`of it` are parts of the question, measured once more by themselves."""


async def measure(
    material: Material, backend: str, directory: Path, *, patients: int, rounds: int, say: Callable[[str], None]
) -> dict[str, float]:
    """Microseconds a chart, by stage."""
    with places.database(backend, directory) as url:
        with places.registry(material, url, directory / "log") as server:
            catalog = {name: text.encode() for name, text in chart_load.CATALOG.items()}
            await places.import_catalog(material, server.port, catalog)
        charts.load(material, url, patients)
        ledger = open_ledger("bench", directory.parent / "ledger.key", "")
        store = open_store(url, AesGcmSealer(read_key_file(material.seal_key)), ledger=ledger)
        try:
            bench = _Bench(store, material)
            bench.round(patients, "warm")
            # As the server does when it has started.
            gc.collect()
            gc.freeze()
            gc.set_threshold(20_000, 20, 100)
            found = [bench.round(patients, str(turn)) for turn in range(rounds)]
        finally:
            store.close()
    told = {stage: round(median(each[stage] for each in found), 1) for stage in STAGES}
    say(f"{backend}: " + ", ".join(f"{stage} {value:.0f} µs" for stage, value in told.items()))
    return told


class _Bench:
    def __init__(self, store: SqlStore, material: Material) -> None:
        self._book: RuleBook = store.read(read_book)
        self._coverage = store.read(lambda reader: coverage(reader, self._book, now()))
        self._tokens = HmacTokens(read_key_file(material.token_key))
        self._asker = Asker(chart_load.ASKER, self._book, SealedIds(read_key_file(material.seal_key)))
        self._writer: SqlWriter = store._writer()
        self._took: dict[str, float] = {}

    def round(self, patients: int, turn: str) -> dict[str, float]:
        """Each patient's chart once."""
        self._took = dict.fromkeys(STAGES, 0.0)
        for start in range(0, patients, TOGETHER):
            numbers = range(start, min(start + TOGETHER, patients))
            self._charts([chart_load.chart_request(number, f"{turn}-{number}") for number in numbers])
        return {stage: seconds / patients * 1e6 for stage, seconds in self._took.items()}

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        began = time.thread_time()
        yield
        self._took[name] += time.thread_time() - began

    def _charts(self, sent: list[bytes]) -> None:
        writer, book, tokens = self._writer, self._book, self._tokens
        with self._stage("request"):
            asks = [_asked(each) for each in sent]
        with self._stage("question"):
            writer.begin_read()
            found = [open_chart(ask, writer, book, tokens, now()) for ask in asks]
        with self._stage("of it rows"):
            rows = [writer.reports([each.kept.patient_key or b""]) for each in found]
        with self._stage("of it judging"):
            for each in rows:
                facts = [(facts_of(row), row.results) for row in each]
                prompt(facts, Request(self._asker.institution, now()), book, everything=False)
        with self._stage("answer"):
            for each in found:
                chart_out(each, self._asker, "p" * 40, self._coverage, "bench", include_not_reusable=False)
        with self._stage("write"):
            writer.end_read()
            writer.begin_write()
            kept = []
            for each in found:
                writer.begin_job()
                each.keep(writer)
                kept.append(writer.end_job())
            writer.add_prompts([one for _, prompts in kept for one in prompts])
            writer.pending = [leaf for leaves, _ in kept for leaf in leaves]
        with self._stage("commit"):
            writer.commit()


def _asked(sent: bytes) -> OpenChart:
    request, faults = reuse_service_pb2.OpenChartRequest.FromString(sent), Faults()
    return OpenChart(
        request_id=faults.text("request_id", request.request_id, required=True),
        patient=patient_in(request.patient, faults),
        context=context_in(request.context, faults),
        caller=caller(chart_load.ASKER, Role.EMR),
    )
