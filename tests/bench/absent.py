"""Whether the time of an answer tells why there is nothing: unknown, wholly withheld and known-but-empty patients.

One caller asks about the three kinds in turn, in an order that is drawn anew for each turn, so that whatever disturbs
the machine disturbs all alike. For each pair the best threshold is looked for: "what took longer than this is the one
kind". Which share of the answers it names rightly is what an observer could know; 0.5 is a coin. With 5,000 answers
of each kind, chance alone finds thresholds of 0.51.
"""

import itertools
import random
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import grpc
from hutong.v1 import consent_service_pb2, consent_service_pb2_grpc, reuse_service_pb2
from hutong_server.api.rule_snapshot import read_book
from hutong_server.app import now
from hutong_server.domain.person import Demographics
from hutong_server.domain.report import RawIdentifier
from hutong_server.store.base import Writer
from hutong_server.store.sql_store import open_store
from hutong_server.trust.keys import read_key_file
from hutong_server.trust.sealing import AesGcmSealer
from hutong_server.trust.tokens import HmacTokens
from hutong_server.usecases.asking import PatientQuery, tokens_of

from tests.api.site import Material
from tests.bench import chart_load, charts, places
from tests.building import RESIDENT

KINDS = ("unknown", "withheld", "empty")
PATIENTS = 200
"""Of each kind."""


def best_threshold(these: Sequence[float], those: Sequence[float]) -> float:
    """The largest share of times, both kinds weighing the same, that one threshold names rightly; 0.5 to 1."""
    marked = sorted([(time, 1 / len(these)) for time in these] + [(time, -1 / len(those)) for time in those])
    ahead = best = 0.0
    for _, group in itertools.groupby(marked, key=lambda each: each[0]):
        ahead += sum(weight for _, weight in group)
        best = max(best, abs(ahead))
    return 0.5 + best / 2


async def measure(
    material: Material, backend: str, directory: Path, *, times: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """The best threshold of each pair, and the median of each kind in ms, of so many calls for each kind."""
    with places.database(backend, directory) as url, places.registry(material, url, directory / "log") as server:
        catalog = {name: text.encode() for name, text in chart_load.CATALOG.items()}
        await places.import_catalog(material, server.port, catalog)
        # The withheld are patients with as many reports as any other.
        charts.load(material, url, PATIENTS)
        _open_empty(material, url, range(PATIENTS, 2 * PATIENTS))
        target = f"localhost:{server.port}"
        doctor = places.identity(material, chart_load.ASKER, "emr")
        async with grpc.aio.secure_channel(target, doctor.credentials()) as channel:
            await _withhold(channel, range(PATIENTS))
            took = await _asked(channel, times)
    found = {f"{one}/{other}": round(best_threshold(took[one], took[other]), 4) for one, other in PAIRS}
    say(f"{backend}: " + ", ".join(f"{pair} {share:.3f}" for pair, share in found.items()))
    return found | {f"{kind}_p50_ms": round(1000 * median(each), 3) for kind, each in took.items()} | {"calls": times}


PAIRS = tuple(itertools.combinations(KINDS, 2))
_RANGES = {"withheld": 0, "empty": PATIENTS, "unknown": 2 * PATIENTS}


def _open_empty(material: Material, url: str, patients: range) -> None:
    """Records of patients of whom there is no report."""
    tokens = HmacTokens(read_key_file(material.token_key))
    store = open_store(url, AesGcmSealer(read_key_file(material.seal_key)))
    book = store.read(read_book)

    def job(writer: Writer) -> None:
        for patient in patients:
            person = Demographics((f"测试{patient}",), chart_load.birth(patient).isoformat(), "female")
            query = PatientQuery((RawIdentifier(RESIDENT, chart_load.number(patient), path="p"),), person)
            found = tokens_of(query, chart_load.ASKER, book, tokens)
            writer.open_patient(secrets.token_bytes(16), person, now(), found)

    try:
        store.submit(job).result(60)
    finally:
        store.close()


async def _withhold(channel: grpc.aio.Channel, patients: range) -> None:
    consent = consent_service_pb2_grpc.ConsentServiceStub(channel)
    for patient in patients:
        asked = reuse_service_pb2.OpenChartRequest.FromString(chart_load.chart_request(patient, "w"))
        await consent.PutDirective(
            consent_service_pb2.PutDirectiveRequest(
                request_id=f"w{patient}",
                patient=asked.patient,
                context=asked.context,
                directive=consent_service_pb2.Directive(
                    effect=consent_service_pb2.DIRECTIVE_EFFECT_WITHHOLD,
                    scope=consent_service_pb2.DIRECTIVE_SCOPE_EVERYTHING,
                ),
            ),
            timeout=10,
        )


async def _asked(channel: grpc.aio.Channel, times: int) -> Mapping[str, list[float]]:
    """Seconds of each call, by kind. Raises RuntimeError when an answer tells anything."""
    call = channel.unary_unary(charts.METHOD)
    took: dict[str, list[float]] = {kind: [] for kind in KINDS}
    chance = random.Random(7)  # noqa: S311  # an order, no secret
    sizes = set()
    for turn in range(-max(20, times // 100), times):
        for kind in chance.sample(KINDS, len(KINDS)):
            patient = _RANGES[kind] + chance.randrange(PATIENTS)
            request = chart_load.chart_request(patient, f"a{turn:+06d}")
            began = time.perf_counter()
            reply = await call(request, timeout=30)
            if turn >= 0:
                took[kind].append(time.perf_counter() - began)
            answer = reuse_service_pb2.OpenChartResponse.FromString(reply)
            if answer.outcome != reuse_service_pb2.OUTCOME_NONE or answer.lines:
                raise RuntimeError(f"a patient of the kind {kind} was answered with something")
            answer.ClearField("judged_at")
            sizes.add(len(answer.SerializeToString()))
    if len(sizes) > 1:
        raise RuntimeError(f"answers have sizes {sorted(sizes)}: that they do tells more than their times")
    return took
