"""The people of the made city, each made when asked for, so that a million of them cost nothing."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from random import Random
from typing import overload

from hutong_client.city.identity import SURNAMES, given_name, health_card, resident_number, twin_names
from hutong_client.city.model import CITY, Patient, seeded

# Of each forty people two are twins, and one is a newborn that stands beside its mother.
_CYCLE = 40
_TWIN, _OTHER_TWIN, _MOTHER, _NEWBORN = 17, 18, 27, 28
_CHRONIC = ("hypertension", "diabetes", "lipids", "kidney", "thyroid", "anemia", "liver", "heart", "tumor")
_WEIGHTS = (30, 26, 18, 8, 7, 5, 5, 4, 3)


class People(Sequence[Patient]):
    """The first `count` people of the city. The same index is always the same person."""

    def __init__(self, seed: int, count: int, reference: datetime, villages: tuple[str, ...]) -> None:
        self._seed = seed
        self._count = count
        self._today = reference.date()
        self._villages = villages

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Patient: ...
    @overload
    def __getitem__(self, index: slice) -> list[Patient]: ...
    def __getitem__(self, index: int | slice) -> Patient | list[Patient]:
        if isinstance(index, slice):
            return [self._make(i) for i in range(*index.indices(self._count))]
        if not -self._count <= index < self._count:
            raise IndexError(index)
        return self._make(index % self._count)

    def _make(self, index: int) -> Patient:
        place = index % _CYCLE
        if place in (_TWIN, _OTHER_TWIN):
            return self._twin(index, index - (place - _TWIN), place == _OTHER_TWIN)
        if place == _NEWBORN:
            return self._newborn(index, self._make(index - 1))
        rng = seeded(self._seed, "patient", index)
        chronic = rng.random() < 0.4 and place != _MOTHER
        sex = "female" if place == _MOTHER or rng.random() < 0.5 else "male"
        years = (
            rng.randrange(22, 38) if place == _MOTHER else rng.randrange(45, 86) if chronic else rng.randrange(6, 80)
        )
        birth = self._today - timedelta(days=years * 365 + rng.randrange(365))
        conditions = _conditions(rng) if chronic else ()
        name = rng.choice(SURNAMES) + given_name(sex, rng)
        return self._patient(index, rng, name, sex, birth, conditions)

    def _patient(
        self, index: int, rng: Random, name: str, sex: str, birth: date, conditions: tuple[str, ...], **kin: int
    ) -> Patient:
        village = rng.choice(self._villages)
        # Division of first registration and sequence follow from the index: 40,000 people never share a number.
        division, sequence = divmod(index % 40_000, 500)
        number = resident_number(f"{CITY}{division + 10}", birth, sequence, sex)
        return Patient(index, name, sex, birth, number, health_card(rng), village, conditions, **kin)

    def _twin(self, index: int, first: int, second: bool) -> Patient:
        both = seeded(self._seed, "twins", first)
        sex = both.choice(("male", "female"))
        birth = self._today - timedelta(days=both.randrange(3 * 365, 15 * 365))
        surname = both.choice(SURNAMES)
        name = surname + twin_names(sex, both)[second]
        rng = seeded(self._seed, "twin", first)  # the same home
        made = self._patient(index, rng, name, sex, birth, (), twin_of=first if second else first + 1)
        if not second:
            return made
        card = health_card(seeded(self._seed, "twin-card", index))
        return Patient(index, name, sex, birth, made.resident_number, card, made.village, (), made.twin_of)

    def _newborn(self, index: int, mother: Patient) -> Patient:
        rng = seeded(self._seed, "newborn", index)
        sex = rng.choice(("male", "female"))
        birth = self._today - timedelta(days=rng.randrange(5, 25))
        # Before it is registered, a newborn goes by its mother's name and number.
        name = mother.name + ("之子" if sex == "male" else "之女")
        return Patient(
            index,
            name,
            sex,
            birth,
            mother.resident_number,
            mother.health_card,
            mother.village,
            ("newborn",),
            mother=mother.index,
        )


def _conditions(rng: Random) -> tuple[str, ...]:
    wanted = rng.choice((1, 2, 2, 3))
    found: list[str] = []
    while len(found) < wanted:
        (condition,) = rng.choices(_CHRONIC, _WEIGHTS)
        if condition not in found:
            found.append(condition)
    return tuple(found)
