"""Who visits whom in the month, and what was published before it began."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from hutong_client.city import ZONE, City, Institution, MadeReport, Patient
from hutong_client.city.body import Body
from hutong_client.city.flow import Flow
from hutong_client.city.model import seeded
from hutong_client.city.places import Scale
from hutong_client.city.visits import Visit, visits

END = datetime(2026, 11, 1, tzinfo=ZONE)
DAYS = 31
BEGIN = END - timedelta(days=DAYS)
"""October: an ordinary month of 31 days."""
PLAIN = 1.0
"""Visits without a test, for each with one. Assumed: in how many visits something is ordered is not published."""
_REFERENCE = END + timedelta(hours=12)  # the made city has no visit within half a day of its present
_MANY = 10_000_000


@dataclass(frozen=True, slots=True)
class Call:
    """One visit of the month."""

    number: str
    """Names it: the doctor's draws follow from it."""
    person: Patient
    visit: Visit
    """What is ordered is empty in a plain one."""

    @property
    def at(self) -> datetime:
        """When."""
        return self.visit.at

    @property
    def institution(self) -> Institution:
        """Where."""
        return self.visit.institution


class Agenda:
    """The month of so many people that there are at least `wanted` visits."""

    def __init__(self, seed: int, wanted: int, scale: Scale, history: int) -> None:
        """`history`: days before the month of which there are reports."""
        everybody = City.make(seed, _REFERENCE, _MANY, days=DAYS + 1 + history, scale=scale)
        self.calls: list[Call] = []
        people = 0
        while len(self.calls) < wanted:
            self.calls += _calls(everybody, everybody.patients[people])
            people += 1
        self.calls.sort(key=lambda call: (call.at, call.number))
        self.city = City.make(seed, _REFERENCE, people, days=DAYS + 1 + history, scale=scale)

    def earlier(self, flow: Flow) -> Iterator[MadeReport]:
        """What was published of the visits before the month; some of it only within the month."""
        city = self.city
        for person in city.patients:
            body = Body(city.seed, person, city.reference)
            for visit in visits(city.seed, person, city.places, city.reference, city.days):
                if visit.at < BEGIN:
                    yield from flow.visit(person, body, visit)


def _calls(city: City, person: Patient) -> Iterator[Call]:
    found = visits(city.seed, person, city.places, city.reference, city.days)
    for number, visit in enumerate(visit for visit in found if BEGIN <= visit.at < END):
        yield Call(f"{person.index}-{number}", person, visit)
        if person.mother is not None:
            continue  # a newborn is not seen before it is born
        rng = seeded(city.seed, "plain", person.index, number)
        for more in range(int(PLAIN) + (rng.random() < PLAIN % 1)):
            at = (BEGIN + timedelta(days=rng.randrange(DAYS), hours=7, minutes=rng.randrange(20, 540))).replace(
                second=rng.randrange(60)
            )
            home = city.places.township(person.village)
            place = rng.choice((person.village, home, rng.choice(city.places.hospitals(person.division))))
            yield Call(f"{person.index}-{number}p{more}", person, Visit(city.institution(place), at, (), False))
