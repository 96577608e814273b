"""What clinics call in the course of a day, ready to be sent: charts, order checks, retrievals, decisions, publishes.

For each 100 charts: 57 publishes (FIELD: 400 million reports and 700 million visits a year in a province), 8 decisions
(Chongqing: 8.2 recognitions for each 100 queries). That 60 are followed by an order check and 20 by a retrieval is
assumed: no source tells it.
"""

import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import grpc
from hutong.v1 import registry_service_pb2, report_pb2, reuse_service_pb2

from tests.bench import chart_load, echo
from tests.building import LOINC

SHARES = {"chart": 100, "order": 60, "retrieval": 20, "decision": 8, "publish": 57}
_ORDERS = 4
_OFFERED = 12
"""Charts that are opened beforehand, for what is retrieved and decided."""
_SERVICE = "/hutong.v1.ReuseService/"
_PUBLISH = "/hutong.v1.RegistryService/PublishReport"
_DAY = 86_400_000
Send = Callable[[], Awaitable[Any]]


class Day:
    """Makes calls. `feeds`: a channel for each institution that publishes; others go out on `doctors`, in turn."""

    def __init__(
        self,
        doctors: Sequence[grpc.aio.Channel],
        feeds: Sequence[grpc.aio.Channel],
        *,
        patients: int,
        name: str,
        deadline: float,
    ) -> None:
        """`name` tells this caller's requests from those of others."""
        self._doctors, self._feeds = doctors, feeds
        self._patients, self._name, self._deadline = patients, name, deadline
        self._chance = random.Random(name)  # noqa: S311  # a draw of patients, no secret
        self._offers: list[reuse_service_pb2.OpenChartResponse] = []
        self._undecided: Iterator[tuple[str, str]] = iter(())
        self._made = 0

    async def offered(self) -> None:
        """Opens the charts from which later calls retrieve, and on which they decide."""
        call = self._doctors[0].unary_unary(f"{_SERVICE}OpenChart")
        for _ in range(_OFFERED):
            answer = reuse_service_pb2.OpenChartResponse.FromString(await call(self._chart("W"), timeout=30))
            self._offers.append(answer)
        self._undecided = iter(
            [(each.prompt_id, line.result.item.code) for each in self._offers for line in each.lines]
        )

    def kinds(self, count: int, shares: dict[str, int]) -> list[str]:
        """So many kinds of calls in these shares, shuffled."""
        whole = sum(shares.values())
        found = [kind for kind, share in shares.items() for _ in range(round(count * share / whole))]
        found += [next(iter(shares))] * (count - len(found))
        self._chance.shuffle(found)
        return found[:count]

    def call(self, kind: str) -> Send:
        """A call of that kind, its message made already."""
        made: Callable[[], Send] = getattr(self, f"_{kind}_call")
        self._made += 1
        return made()

    def _on_doctors(self, method: str, request: bytes) -> Send:
        call = self._doctors[self._made % len(self._doctors)].unary_unary(method)
        return lambda: call(request, timeout=self._deadline)

    def _chart(self, encounter: str) -> bytes:
        self._made += 1
        patient = self._chance.randrange(self._patients)
        request = reuse_service_pb2.OpenChartRequest.FromString(
            chart_load.chart_request(patient, f"{self._name}-{self._made}")
        )
        request.context.encounter = f"{encounter}{self._name}{self._made}"
        return request.SerializeToString()

    def _echo_call(self) -> Send:
        return self._on_doctors(echo.METHOD, self._chart("E"))

    def _chart_call(self) -> Send:
        return self._on_doctors(f"{_SERVICE}OpenChart", self._chart("E"))

    def _order_call(self) -> Send:
        request = reuse_service_pb2.CheckOrdersRequest.FromString(b"")
        chart = reuse_service_pb2.OpenChartRequest.FromString(self._chart("E"))
        request.request_id = chart.request_id
        request.patient.CopyFrom(chart.patient)
        request.context.CopyFrom(chart.context)
        for number, code in enumerate(self._chance.sample(chart_load.CODES, _ORDERS)):
            coding = report_pb2.Coding(system=LOINC, code=code)
            request.orders.add(order_id=str(number), code=report_pb2.CodeableConcept(coding=[coding]))
        return self._on_doctors(f"{_SERVICE}CheckOrders", request.SerializeToString())

    def _retrieval(self, answer: reuse_service_pb2.OpenChartResponse) -> bytes:
        line = self._chance.choice(answer.lines)
        return reuse_service_pb2.GetReportRequest(
            report_id=line.result.report_id, prompt_id=answer.prompt_id, context=self._context()
        ).SerializeToString()

    def _retrieval_call(self) -> Send:
        return self._on_doctors(f"{_SERVICE}GetReport", self._retrieval(self._chance.choice(self._offers)))

    def _decision_call(self) -> Send:
        prompt_id, item = next(self._undecided)
        request = reuse_service_pb2.RecordDecisionsRequest(context=self._context())
        decision = request.decisions.add(
            prompt_id=prompt_id, item=item, kind=reuse_service_pb2.DECISION_KIND_RECOGNIZED
        )
        decision.decided_at.FromMilliseconds(int(time.time() * 1000))
        return self._on_doctors(f"{_SERVICE}RecordDecisions", request.SerializeToString())

    def _context(self) -> reuse_service_pb2.CallContext:
        return reuse_service_pb2.CallContext(
            practitioner="D1",
            department="内科",
            encounter=f"W{self._name}",
            purpose=reuse_service_pb2.PURPOSE_TREATMENT,
        )

    def _publish_call(self) -> Send:
        patient = self._chance.randrange(self._patients)
        taken = int(time.time() * 1000) - self._chance.randrange(_DAY)
        request = registry_service_pb2.PublishReportRequest(
            document=chart_load.document(self._made, patient, f"{self._name}-{self._made}", taken)
        ).SerializeToString()
        call = self._feeds[self._made % len(self._feeds)].unary_unary(_PUBLISH)
        return lambda: call(request, timeout=self._deadline)

    def _journey_call(self) -> Send:
        """A chart is opened, and one of the reports that it offers."""
        chart = self._on_doctors(f"{_SERVICE}OpenChart", self._chart("J"))
        get = self._doctors[self._made % len(self._doctors)].unary_unary(f"{_SERVICE}GetReport")

        async def both() -> None:
            answer = reuse_service_pb2.OpenChartResponse.FromString(await chart())
            if not answer.lines:
                raise RuntimeError("a chart of the benchmark offers nothing")
            report = await get(self._retrieval(answer), timeout=self._deadline)
            if not reuse_service_pb2.GetReportResponse.FromString(report).document:
                raise RuntimeError("a report of the benchmark came without its document")

        return both
