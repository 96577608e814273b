"""From visits to orders to documents, person by person, each only when it is asked for."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from random import Random
from types import MappingProxyType

from hutong_client.city import noise
from hutong_client.city.body import Body
from hutong_client.city.examinations import EXAMINATIONS
from hutong_client.city.model import Institution, MadeReport, Patient, seeded
from hutong_client.city.packing import later
from hutong_client.city.panels import PANELS, STRIPS
from hutong_client.city.places import Places
from hutong_client.city.source import Source
from hutong_client.city.visits import Visit, visits
from hutong_client.city.writing import Desk, Order

# What a township clinic or village station sends to the county's laboratory center, having no analyzer for it.
_SENT_OUT = frozenset({"hba1c", "lipids", "thyroid", "iron"})
_READ_ELSEWHERE = frozenset({"ecg", "xr-chest"})
_CHANGES_VERSION = frozenset({"preliminary", "corrected", "withdrawn"})
# How long until the report is out, in hours.
_HOURS = {"thyroid": 5.0, "markers-men": 7.0, "markers-women": 7.0, "glucose-poct": 0.1, "ecg": 0.4, "holter": 26.0}

_NOTHING: Mapping[str, frozenset[str]] = MappingProxyType({})


class Flow:
    """All documents of the city."""

    def __init__(self, seed: int, places: Places, people: Sequence[Patient], reference: datetime, days: int) -> None:
        self._seed = seed
        self._places = places
        self._people = people
        self._reference = reference
        self._days = days
        self._desks: dict[str, Desk] = {}
        self._sources: dict[str, Source] = {}

    def reports(self, wanted: Collection[str] | None) -> Iterator[MadeReport]:
        """Person by person, each person's in order of time; of the wanted institutions, or of all.

        A document is the same whether or not others are wanted beside it.
        """
        for index in range(len(self._people)):
            person = self._people[index]
            body = Body(self._seed, person, self._reference)
            for visit in visits(self._seed, person, self._places, self._reference, self._days):
                made = self.visit(person, body, visit)
                if wanted is None or visit.institution.code in wanted:
                    yield from made
                else:
                    for _ in made:  # numbers go on, so that a part of the city is the same as in the whole
                        pass

    def desk(self, institution: Institution) -> Desk:
        """The desk at which an institution writes its reports."""
        desk = self._desks.get(institution.code)
        if desk is None:
            desk = self._desks[institution.code] = Desk(self._source(institution), self._source)
        return desk

    def _source(self, institution: Institution) -> Source:
        source = self._sources.get(institution.code)
        if source is None:
            source = self._sources[institution.code] = Source(institution)
        return source

    def visit(
        self, person: Patient, body: Body, visit: Visit, left_out: Mapping[str, frozenset[str]] = _NOTHING
    ) -> Iterator[MadeReport]:
        """The documents that one visit leads to, in order of their orders.

        `left_out`: by kind of panel, the keys that are not measured this time.
        """
        desk = self.desk(visit.institution)
        rng = seeded(self._seed, "visit", person.index, visit.at.isoformat())
        orders = [self._order(person, body, visit, kind, desk, rng) for kind in visit.orders]
        for order in orders:
            order.left_out = left_out.get(order.kind, order.left_out)
        together: list[Order] = []
        for order in orders:
            # Some hospitals' engines send all panels of one draw in one Bundle.
            if _shares_bundle(visit.institution, order):
                together.append(order)
            else:
                subject = self._people[person.mother or 0] if order.newborn else person
                yield from desk.documents(subject, [order], rng)
        if together:
            yield from desk.documents(person, together, rng)

    def _order(self, person: Patient, body: Body, visit: Visit, kind: str, desk: Desk, rng: Random) -> Order:
        at = visit.institution
        panel = PANELS.get(kind)
        wrong = noise.draw(rng)
        if not panel:
            # An examination has neither units nor a specimen, but images that may be out of reach.
            wrong = {"no-unit": "no-images", "no-specimen": "no-images", "unmapped": ""}.get(wrong, wrong)
        elif wrong == "no-unit" and panel.keys[0] in STRIPS:
            wrong = ""
        hours = _HOURS.get(kind, 1.5 if at.tier in ("village", "township") else 2.5)
        performer, reader = self._performer(at, kind), self._reader(at, kind, rng)
        if performer is not at:
            hours = 9.0
            wrong = "" if wrong == "no-performer" else wrong  # its codes would mean nothing
        order = Order(
            kind=kind,
            number=desk.number(visit.at, panel.letter if panel else "X"),
            taken=visit.at,
            # Never issued in the future: who comes half a day before the reference has the report by then.
            issued=min(later(visit.at, hours), self._reference.replace(microsecond=0)),
            noise=wrong,
            values=body.measure((k for k in panel.keys if k not in STRIPS), rng, visit.at, visit.infected)
            if panel
            else {},
            grades={key: body.grade(key, rng) for key in panel.keys if key in STRIPS} if panel else {},
            words=body.seen(kind, rng) if kind in EXAMINATIONS else ("", ""),
            publisher=at,
            performer=performer,
            reader=reader,
        )
        self._mix_up(order, person, rng)
        return order

    def _mix_up(self, order: Order, person: Patient, rng: Random) -> None:
        """Twins and newborns, whose numbers go astray most."""
        if person.mother is not None:
            order.noise = "mother-number"
            if rng.random() < 0.4:
                order.newborn, order.noise = person, ""
        elif person.twin_of is not None and person.twin_of < len(self._people) and rng.random() < 0.15:
            order.sibling = self._people[person.twin_of]

    def _performer(self, at: Institution, kind: str) -> Institution:
        if at.tier in ("township", "village") and kind in _SENT_OUT:
            center = self._places.laboratory(at.region)
            if center:
                return self._places.by_code[center]
        return at

    def _reader(self, at: Institution, kind: str, rng: Random) -> Institution | None:
        if at.tier not in ("township", "village") or kind not in _READ_ELSEWHERE:
            return None
        draw = rng.random()
        if draw < 0.6:
            return self._places.by_code[self._places.tertiary[0]]
        return self._places.by_code[self._places.reading_center] if draw < 0.75 else None


def _shares_bundle(at: Institution, order: Order) -> bool:
    return (
        at.shape in ("collection", "transaction")
        and at.tier in ("secondary", "tertiary")
        and order.kind in PANELS
        and not order.noise
        and not order.sibling
        and not order.newborn
    )
