"""One visit: the chart is opened, orders are signed, the doctor decides. Through the client, as a plug-in does."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from agenda import Call
from clients import Clients
from doctors import WORDS, Doctor
from hutong.v1 import report_pb2 as v1
from hutong.v1 import reuse_service_pb2 as reuse
from hutong_client.city.catalog import item_of
from hutong_client.city.identity import RESIDENT_NUMBER
from hutong_client.city.panels import PANELS
from hutong_client.city.source import Source
from hutong_client.clients import HutongClient
from hutong_client.decisions import decision, prompt_event
from hutong_client.orders import order
from hutong_client.queries import call_context, patient_query
from offers import EMERGENCY, RECOGNIZED, REPEATED, REVOKED, SILENT, Offer
from prices import Prices
from tally import Line, Prompt, Tally, day_of

DEPARTMENTS = ("内科", "外科", "全科")
_ASKED = (reuse.ORDER_COVERAGE_SATISFIED, reuse.ORDER_COVERAGE_PARTLY)


@dataclass(slots=True)
class Revocation:
    """Recognitions of one order that are taken back later."""

    at: datetime
    kind: str
    lines: list[tuple[str, str]]
    """(prompt id, item)."""
    dropped: bool = False
    """Nothing of the order was measured."""

    @property
    def left_out(self) -> dict[str, frozenset[str]]:
        """By kind, the keys that are not measured now: whatever was not taken back."""
        items = {item for _, item in self.lines}
        return {self.kind: frozenset(key for key in _keys(self.kind) if item_of(key) not in items)}


@dataclass(slots=True)
class Outcome:
    """What a visit leads to."""

    orders: tuple[str, ...] = ()
    """What is measured."""
    left_out: dict[str, frozenset[str]] = field(default_factory=dict)
    """By kind, the keys that are not."""
    late: list[tuple[float, list[reuse.Decision]]] = field(default_factory=list)
    """(hours late, decisions of one signing): what was not sent yet."""
    events: list[reuse.PromptEvent] = field(default_factory=list)
    revocations: list[Revocation] = field(default_factory=list)
    offers: list[Offer] = field(default_factory=list)


class Surgery:
    """The visits of one world. Where nobody is shown anything (`shown` False), everything is measured again."""

    def __init__(self, clients: Clients, tiers: dict[str, str], prices: Prices, tally: Tally, *, shown: bool) -> None:
        self._clients, self._tiers, self._prices, self._tally = clients, tiers, prices, tally
        self._shown = shown
        self._sources: dict[str, Source] = {}
        self.outcomes: Counter[str] = Counter()
        """Of decisions, by what the registry answered; "event refused" of events."""
        self.prices_differ = 0
        """Decisions that were recorded with another price than the month expected."""

    async def visit(self, call: Call, doctor: Doctor, now: datetime) -> Outcome:
        """One visit, by the registry's clock at `now`. Events and late decisions are yet to be sent."""
        outcome = Outcome()
        emergency = doctor.is_emergency()
        context, client = self.context(call, emergency=emergency), self._clients.of(call.institution.code, "emr")
        if self._shown:
            await self._chart(call, doctor, client, context, now, outcome)
        kinds = call.visit.orders
        signings = [kinds[:1], kinds[1:]] if doctor.signs_twice(len(kinds)) else [kinds] if kinds else []
        decided: dict[str, str] = {}
        asked = 0
        for number, signed in enumerate(signings):
            answer = await self._clients.call(
                "CheckOrders",
                client.check_orders(
                    _patient(call), context, self._orders(call, signed), request_id=f"{call.number}-o{number}"
                ),
            )
            lines = [each.line for each_order in answer.answers for each in each_order.items if each.HasField("line")]
            self._answered(answer.prompt_id, lines, call, now)
            if answer.ask == (emergency or not lines):
                raise RuntimeError("asked in an emergency, or not asked although there is something to ask")
            if not lines:
                continue
            offered = self._offers(call, number, answer.answers, signed, asked, decided)
            outcome.offers += offered
            if emergency:
                for offer in offered:
                    offer.became = EMERGENCY
            elif self._shown:
                decisions = self._decide(doctor, answer.prompt_id, offered, now, outcome)
                late = doctor.hours_late(number)
                if decisions and late:
                    outcome.late.append((late, decisions))
                elif decisions:
                    await self.record(call, decisions)
                asked += 1
            decided.update((offer.item, offer.became) for offer in offered)
        outcome.orders, outcome.left_out = _measured(call, decided)
        for each in outcome.revocations:
            each.dropped = each.kind not in outcome.orders
        return outcome

    async def record(self, call: Call, decisions: list[reuse.Decision]) -> None:
        """Sends decisions or revocations of a visit, and counts what was recorded."""
        client = self._clients.of(call.institution.code, "emr")
        context = self.context(call, emergency=False)
        answer = await self._clients.call("RecordDecisions", client.record_decisions(context, decisions))
        for sent, result in zip(decisions, answer.results, strict=True):
            self.outcomes[reuse.DecisionOutcome.Name(result.outcome).removeprefix("DECISION_OUTCOME_").lower()] += 1
            if result.outcome == reuse.DECISION_OUTCOME_RECORDED:
                price = result.price_fen if result.HasField("price_fen") else None
                self._recorded(call, sent, price)

    def _recorded(self, call: Call, sent: reuse.Decision, price: int | None) -> None:
        line = self._tally.prompts[sent.prompt_id].lines[sent.item]
        day = day_of(sent.decided_at.ToDatetime(UTC))
        if sent.kind == reuse.DECISION_KIND_REVOKED:
            line.revoked_day = day
            return
        recognized = sent.kind == reuse.DECISION_KIND_RECOGNIZED
        line.decided, line.decided_day, line.ground = RECOGNIZED if recognized else REPEATED, day, sent.ground
        line.price = self._prices.fen(call.institution.code, sent.item)
        self.prices_differ += line.price != price

    async def events(self, call: Call, events: list[reuse.PromptEvent]) -> None:
        """Sends what happened on screen."""
        client = self._clients.of(call.institution.code, "emr")
        answer = await self._clients.call("ReportPromptEvents", client.report_prompt_events(events))
        self.outcomes["event refused"] += len(answer.faults)

    def context(self, call: Call, *, emergency: bool) -> reuse.CallContext:
        """Who asks."""
        return call_context(
            practitioner=f"D{call.person.index % 40:04d}",
            encounter=f"E{call.number}",
            department=_department(call),
            encounter_class="emergency" if emergency else "outpatient",
            purpose="emergency" if emergency else "treatment",
        )

    async def _chart(
        self,
        call: Call,
        doctor: Doctor,
        client: HutongClient,
        context: reuse.CallContext,
        now: datetime,
        outcome: Outcome,
    ) -> None:
        chart = await self._clients.call(
            "OpenChart", client.open_chart(_patient(call), context, request_id=f"{call.number}-c")
        )
        lines = self._answered(chart.prompt_id, chart.lines, call, now)
        if not chart.lines:
            return
        self._seen(outcome, chart.prompt_id, "shown", now)
        if doctor.looks():
            opened = chart.lines[0].result.report_id
            await self._clients.call("GetReport", client.get_report(opened, context, prompt_id=chart.prompt_id))
            for line in lines.values():
                if line.report == opened:
                    line.seen.add("opened")

    def _answered(self, prompt_id: str, lines: Iterable[v1.PromptLine], call: Call, now: datetime) -> dict[str, Line]:
        found = {line.result.item.code: Line(line.result.issuer.code, line.result.report_id) for line in lines}
        self._tally.prompts[prompt_id] = Prompt(day_of(now), call.institution.code, _department(call), found)
        return found

    def _orders(self, call: Call, kinds: Iterable[str]) -> list[reuse.Order]:
        at = call.institution
        source = self._sources.get(at.code)
        if source is None:
            source = self._sources[at.code] = Source(at)
        return [
            order(kind, [(at.laboratory_codes, source.panel_code_of(kind))])
            if kind in PANELS
            else order(kind, [(at.examination_codes, source.examination_code_of(kind))])
            for kind in kinds
        ]

    def _offers(
        self,
        call: Call,
        signing: int,
        answers: Iterable[reuse.OrderAnswer],
        kinds: Iterable[str],
        asked: int,
        decided: dict[str, str],
    ) -> list[Offer]:
        """What there is for each order: an item that several orders ask for, with the first of them."""
        found: dict[str, Offer] = {}
        receiver = call.institution.code
        for kind, answer in zip(kinds, answers, strict=True):
            for each in answer.items if answer.coverage in _ASKED else ():
                item = each.item.code
                if each.HasField("line") and item not in decided and item not in found:
                    found[item] = Offer(
                        visit=call.number,
                        signing=signing,
                        receiver=call.institution.tier,
                        source=self._tiers[each.line.result.issuer.code],
                        order=kind,
                        item=item,
                        price=self._prices.fen(receiver, item),
                        partly=answer.coverage == reuse.ORDER_COVERAGE_PARTLY,
                        asked_before=asked,
                        became=SILENT,
                    )
        return list(found.values())

    def _decide(
        self, doctor: Doctor, prompt_id: str, offers: list[Offer], now: datetime, outcome: Outcome
    ) -> list[reuse.Decision]:
        self._seen(outcome, prompt_id, "shown", now)
        decisions: list[reuse.Decision] = []
        by_order: dict[str, list[Offer]] = {}
        for offer in offers:
            by_order.setdefault(offer.order, []).append(offer)
        for kind, group in by_order.items():
            first = group[0]
            ground = ""
            if doctor.recognizes(kind, partly=first.partly, asked_before=first.asked_before):
                became = RECOGNIZED
            else:
                ground = doctor.ground(kind)
                became = REPEATED if ground else SILENT
            for offer in group:
                offer.became = became
                if became != SILENT:
                    text = WORDS if ground == "6" else ""
                    decisions.append(decision(prompt_id, offer.item, became, decided_at=now, ground=ground, text=text))
                if became != RECOGNIZED:
                    self._seen(outcome, prompt_id, "reordered", now, offer.item)
                elif doctor.cites(kind):
                    self._seen(outcome, prompt_id, "cited", now, offer.item)
            if became == RECOGNIZED and (hours := doctor.hours_until_revoked(kind)):
                for offer in group:
                    offer.became = REVOKED
                outcome.revocations.append(
                    Revocation(now + timedelta(hours=hours), kind, [(prompt_id, offer.item) for offer in group])
                )
        if not decisions:
            self._seen(outcome, prompt_id, "dismissed", now)
        return decisions

    def _seen(self, outcome: Outcome, prompt_id: str, kind: str, now: datetime, item: str = "") -> None:
        outcome.events.append(prompt_event(prompt_id, kind, at=now, item=item))
        for code, line in self._tally.prompts[prompt_id].lines.items():
            if item in ("", code):
                line.seen.add(kind)


def _measured(call: Call, decided: dict[str, str]) -> tuple[tuple[str, ...], dict[str, frozenset[str]]]:
    """(kinds, by kind the keys that are left out): what nobody recognised. What is taken back is measured later."""
    there = {item for item, became in decided.items() if became in (RECOGNIZED, REVOKED)}
    measured: list[str] = []
    left_out: dict[str, frozenset[str]] = {}
    for kind in call.visit.orders:
        keys = _keys(kind)
        known = frozenset(key for key in keys if item_of(key) in there)
        if len(known) < len(keys):
            measured.append(kind)
            left_out[kind] = known
    return tuple(measured), left_out


def _keys(kind: str) -> tuple[str, ...]:
    """What an order measures; an examination, itself."""
    return PANELS[kind].keys if kind in PANELS else (kind,)


def _patient(call: Call) -> reuse.PatientQuery:
    person = call.person
    return patient_query(
        [(RESIDENT_NUMBER, person.resident_number)],
        birth_date=person.birth_date.isoformat(),
        name=person.name,
        sex=person.sex,
    )


def _department(call: Call) -> str:
    return "全科" if call.institution.tier in ("village", "township") else DEPARTMENTS[call.person.index % 2]
