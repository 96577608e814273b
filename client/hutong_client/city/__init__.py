"""A made prefecture city: its institutions, its people and their reports. Standard library only.

Yunze (云泽市, division 9904 of a province 99 that does not exist) is repeatable: the same seed and reference time make
the same city, byte for byte, on every machine. Nothing in it is about a real person or a real institution.

    city = City.make(seed=7, reference=datetime(2026, 11, 1, 9, tzinfo=ZONE), patients=200)
    for made in city.reports():
        publish(made.institution, made.document)

Reports are made one by one as they are asked for, so a city of a million people needs no more memory than one of ten.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from hutong_client.city.catalog import catalog_files
from hutong_client.city.flow import Flow
from hutong_client.city.model import CITY, PROVINCE, ZONE, Institution, MadeReport, Patient
from hutong_client.city.noise import NOISE
from hutong_client.city.people import People
from hutong_client.city.places import SCALES, Places, Scale, institutions

__all__ = [
    "CITY",
    "NOISE",
    "PROVINCE",
    "REFERENCE",
    "SCALES",
    "ZONE",
    "City",
    "Institution",
    "MadeReport",
    "Patient",
    "Scale",
]

REFERENCE = datetime(2026, 11, 2, 12, 0, tzinfo=ZONE)
"""The city's present, where no other is given."""


@dataclass(frozen=True, slots=True)
class City:
    """The city at one moment."""

    seed: int
    reference: datetime
    """Its present: no report is taken or issued later."""
    days: int
    """How far back its reports go."""
    places: Places
    """Its institutions by code, tier and neighborhood."""
    patients: Sequence[Patient]
    """Its people, made when asked for."""

    @classmethod
    def make(
        cls,
        seed: int = 1,
        reference: datetime = REFERENCE,
        patients: int = 200,
        *,
        days: int = 180,
        scale: Scale = "small",
    ) -> "City":
        """Makes a city.

        `reference` must carry a time zone. Raises ValueError for a reference without one, or a negative number.
        """
        if reference.tzinfo is None:
            raise ValueError("the reference time has no time zone")
        if patients < 0 or days < 1:
            raise ValueError("patients must be 0 or more, days 1 or more")
        places = Places(institutions(seed, scale))
        local = reference.astimezone(ZONE)
        return cls(seed, local, days, places, People(seed, patients, local, places.villages))

    @property
    def institutions(self) -> tuple[Institution, ...]:
        """Its institutions, hospitals and centers first."""
        return tuple(self.places.by_code.values())

    def institution(self, code: str) -> Institution:
        """One institution. Raises KeyError for an unknown code."""
        return self.places.by_code[code]

    def reports(self, institutions: Collection[str] | None = None) -> Iterator[MadeReport]:
        """The documents that the institutions (codes; all when None) publish, person by person, oldest first.

        About twelve for each chronic patient in half a year, and two for the others. A part of the city's documents is
        the same as in the whole.
        """
        return self.flow().reports(institutions)

    def flow(self) -> Flow:
        """Its institutions' desks, none of which has written anything yet: for who decides what a visit leads to."""
        return Flow(self.seed, self.places, self.patients, self.reference, self.days)

    def catalog_files(self, institutions: Collection[str] | None = None) -> dict[str, bytes]:
        """Its part of the catalogue, by file name: institutions.csv, mappings.csv, grants.csv, agreements.csv.

        Items and terms are those of the sample catalogue (deploy/catalog/sample). With `institutions`, only what
        concerns those.
        """
        return catalog_files(self.places, self.reference, institutions)
