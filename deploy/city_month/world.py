"""A month, from the first visit to the last late decision: everything in its order, by the registry's clock."""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from agenda import Agenda, Call
from clients import Clients
from clock import Clock
from doctors import Doctor, Propensities
from hutong.v1 import reuse_service_pb2 as reuse
from hutong_client.city import MadeReport
from hutong_client.city.body import Body
from hutong_client.city.flow import Flow
from hutong_client.decisions import decision
from hutong_client.errors import InvalidRequest
from offers import Offer
from surgery import Outcome, Revocation, Surgery

SLOT = timedelta(minutes=30)
"""What falls into one is done at its end, several patients at a time, each patient's in order."""
_AT_A_TIME = 6


class Late(NamedTuple):
    """Decisions that reach the registry now."""

    call: Call
    decisions: list[reuse.Decision]


class TakenBack(NamedTuple):
    """Recognitions that are taken back now."""

    call: Call
    revocation: Revocation


Event = Call | MadeReport | Late | TakenBack


@dataclass(slots=True)
class Happened:
    """What came of a month."""

    offers: list[Offer] = field(default_factory=list)
    published: int = 0
    """Reports accepted in the month."""
    refused: int = 0
    """Documents that were refused, as faulty ones have to be."""
    late_decisions: int = 0
    dropped: int = 0
    """Orders of which nothing was measured, as all of it was recognised, and stayed so."""
    taken_back: int = 0
    """Orders whose recognition was taken back."""
    emergencies: int = 0


class World:
    """One course of the month."""

    def __init__(
        self, agenda: Agenda, flow: Flow, waiting: list[MadeReport], surgery: Surgery, clients: Clients, clock: Clock,
        given: Propensities,
    ) -> None:  # fmt: skip
        """`waiting`: reports of earlier visits that are published within the month."""
        self._agenda, self._flow, self._surgery, self._clients, self._clock = agenda, flow, surgery, clients, clock
        self._given = given
        self._numbers = itertools.count()
        self._queue: list[tuple[datetime, int, Event]] = []
        self.happened = Happened()
        for call in agenda.calls:
            self._push(call.at, call)
        for made in waiting:
            self._push(made.issued, made)

    async def run(self, told: Callable[[int], None]) -> Happened:
        """The month. `told` is called with the number of visits so far, now and then."""
        done = 0
        while self._queue:
            until = _end_of_slot(self._queue[0][0])
            self._clock.set(until)
            found: list[Event] = []
            while self._queue and self._queue[0][0] < until:
                found.append(heapq.heappop(self._queue)[2])
            outcomes = await self._slot(found, until)
            for event, outcome in zip(found, outcomes, strict=True):
                self._follow(event, outcome, until)
            done += sum(isinstance(event, Call) for event in found)
            told(done)
            await self._clients.trim()
        return self.happened

    async def _slot(self, found: list[Event], now: datetime) -> list[Outcome | None]:
        outcomes: list[Outcome | None] = [None] * len(found)
        people: dict[str, list[int]] = {}
        for place, event in enumerate(found):
            people.setdefault(self._person(event), []).append(place)
        room = asyncio.Semaphore(_AT_A_TIME)

        async def one(places: list[int]) -> None:
            async with room:
                for place in places:
                    outcomes[place] = await self._happen(found[place], now)

        async with asyncio.TaskGroup() as group:
            for places in people.values():
                group.create_task(one(places))
        return outcomes

    def _person(self, event: Event) -> str:
        """A newborn goes by its mother's number: theirs is one record until it is told apart."""
        if isinstance(event, MadeReport):
            return self._agenda.city.patients[event.patient].resident_number
        return (event if isinstance(event, Call) else event.call).person.resident_number

    async def _happen(self, event: Event, now: datetime) -> Outcome | None:
        match event:
            case MadeReport():
                await self._publish(event)
            case Late(call, decisions):
                await self._surgery.record(call, decisions)
            case TakenBack(call, revocation):
                revoked = [decision(prompt, item, "revoked", decided_at=now) for prompt, item in revocation.lines]
                await self._surgery.record(call, revoked)
            case Call():
                outcome = await self._surgery.visit(event, self._doctor(event), now)
                if outcome.events:
                    await self._surgery.events(event, outcome.events)
                return outcome
        return None

    def _doctor(self, call: Call) -> Doctor:
        return Doctor(self._agenda.city.seed, call.number, self._given)

    async def _publish(self, made: MadeReport) -> None:
        client = self._clients.of(made.institution, "feed")
        try:
            answer = await self._clients.call("PublishReport", client.publish(made.document))
        except InvalidRequest:
            self.happened.refused += 1
        else:
            self.happened.published += len(answer.results)

    def _follow(self, event: Event, outcome: Outcome | None, now: datetime) -> None:
        """What an event leads to, in the order in which events happened: report numbers follow from it."""
        match event:
            case TakenBack(call, revocation):
                self.happened.taken_back += 1
                self.happened.dropped -= revocation.dropped
                self._measure(call, (revocation.kind,), revocation.left_out, now, now)
            case Call() if outcome is not None:
                self.happened.offers += outcome.offers
                self.happened.dropped += len(event.visit.orders) - len(outcome.orders)
                self.happened.emergencies += self._doctor(event).is_emergency()
                for hours, decisions in outcome.late:
                    self.happened.late_decisions += len(decisions)
                    self._push(now + timedelta(hours=hours), Late(event, decisions))
                for each in outcome.revocations:
                    self._push(each.at, TakenBack(event, each))
                self._measure(event, outcome.orders, outcome.left_out, event.at, now)
            case _:
                pass

    def _measure(
        self, call: Call, kinds: tuple[str, ...], left_out: dict[str, frozenset[str]], at: datetime, now: datetime
    ) -> None:
        if not kinds:
            return
        city = self._agenda.city
        visit = call.visit._replace(orders=kinds, at=at)
        for made in self._flow.visit(call.person, Body(city.seed, call.person, city.reference), visit, left_out):
            self._push(max(made.issued, now), made)

    def _push(self, at: datetime, event: Event) -> None:
        heapq.heappush(self._queue, (at, next(self._numbers), event))


def _end_of_slot(moment: datetime) -> datetime:
    """The end of the slot that a moment lies in."""
    begin = moment.replace(minute=0, second=0, microsecond=0)
    while begin + SLOT <= moment:
        begin += SLOT
    return begin + SLOT
