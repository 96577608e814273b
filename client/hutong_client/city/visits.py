"""Who goes where, when, and what is ordered there."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple

from hutong_client.city.model import ZONE, Institution, Patient, seeded
from hutong_client.city.panels import PANELS
from hutong_client.city.places import Places


class Visit(NamedTuple):
    """A visit and what was ordered in it."""

    institution: Institution
    at: datetime
    orders: tuple[str, ...]
    """Panels and examinations, by kind."""
    infected: bool


# What follows a condition, by tier of the institution that is visited.
_VILLAGE = {"diabetes": ("glucose-poct", "urine"), "hypertension": ("ecg",), "kidney": ("urine",), "heart": ("ecg",)}
_TOWNSHIP = {
    "diabetes": ("chemistry-basic", "hba1c", "urine"),
    "hypertension": ("chemistry-basic", "ecg", "xr-chest"),
    "lipids": ("lipids", "us-abdomen"),
    "kidney": ("chemistry-basic", "urine"),
    "thyroid": ("thyroid",),
    "anemia": ("blood-count",),
    "liver": ("chemistry-basic", "us-abdomen"),
    "heart": ("ecg", "chemistry-basic"),
    "tumor": ("blood-count", "xr-chest"),
}
_HOSPITAL = {
    "diabetes": ("chemistry", "hba1c", "lipids", "acr", "fundus"),
    "hypertension": ("chemistry", "ecg", "echo", "us-carotid"),
    "lipids": ("lipids", "chemistry", "us-carotid"),
    "kidney": ("chemistry", "urine", "acr", "blood-count", "us-urinary"),
    "thyroid": ("thyroid", "us-thyroid"),
    "anemia": ("blood-count", "iron"),
    "liver": ("chemistry", "us-abdomen", "coagulation", "markers"),
    "heart": ("ecg", "echo", "coagulation", "chemistry"),
    "tumor": ("markers", "ct-chest", "blood-count", "ct-abdomen-contrast"),
}
_CITY = {
    **_HOSPITAL,
    "hypertension": ("chemistry", "ecg", "holter", "echo", "mr-head"),
    "liver": ("chemistry", "markers", "coagulation", "ct-abdomen-contrast"),
    "tumor": ("markers", "ct-chest", "blood-count", "mr-head", "ct-abdomen-contrast"),
}
_BY_TIER = {
    "village": _VILLAGE,
    "township": _TOWNSHIP,
    "secondary": _HOSPITAL,
    "tertiary": _CITY,
    "private": _HOSPITAL,
    "laboratory_center": _TOWNSHIP,
}
_ACUTE: dict[str, tuple[tuple[str, ...], ...]] = {
    "village": (("glucose-poct",), ("urine",), ("ecg",)),
    "township": (
        ("blood-count", "crp"),
        ("xr-chest", "blood-count"),
        ("chemistry-basic",),
        ("us-abdomen", "urine"),
        ("ecg",),
    ),
    "secondary": (
        ("blood-count", "crp", "xr-chest"),
        ("chemistry", "blood-count", "urine"),
        ("ct-head", "coagulation"),
        ("xr-knee-left",),
        ("xr-knee-right",),
        ("us-breast", "markers"),
        ("ct-chest", "blood-count", "crp"),
        ("thyroid", "us-thyroid"),
    ),
}
_ACUTE["tertiary"] = (*_ACUTE["secondary"], ("mr-lumbar",), ("mr-head", "chemistry"), ("gastroscopy", "markers"))
_ACUTE["private"] = (("lipids", "markers", "us-abdomen"), ("thyroid", "blood-count"), ("dental-ct",))
_ACUTE["laboratory_center"] = (("lipids", "hba1c"),)


def visits(seed: int, patient: Patient, places: Places, reference: datetime, days: int) -> Iterator[Visit]:
    """The visits of one person within the last `days`, oldest first."""
    rng = seeded(seed, "visits", patient.index)
    today = reference.astimezone(ZONE)
    if patient.mother is not None:
        hospital = places.by_code[places.hospitals(patient.division)[0]]
        born = (today.date() - patient.birth_date).days
        for day in (1, 3):
            orders: tuple[str, ...] = ("blood-count", "chemistry")
            yield Visit(hospital, _clock(today, born - day, rng, orders), orders, False)
        return
    if not patient.conditions:
        for ago in sorted((rng.uniform(0.6, days) for _ in range(rng.choice((0, 1, 1, 2, 3)))), reverse=True):
            institution = places.by_code[_acute_place(patient, places, rng)]
            orders = rng.choice(_ACUTE[institution.tier])
            yield Visit(institution, _clock(today, ago, rng, orders), _fit(orders, patient), "crp" in orders)
        return
    ago = days - rng.uniform(0, 25)
    while ago > 0.6:
        for step, place in enumerate(_course(patient, places, rng)):
            ago -= rng.uniform(1, 6) if step else 0
            if ago > 0.6:
                institution = places.by_code[place]
                orders = _chronic_orders(patient, institution.tier, rng)
                yield Visit(institution, _clock(today, ago, rng, orders), _fit(orders, patient), rng.random() < 0.06)
        ago -= rng.uniform(14, 34)


def _clock(today: datetime, days_ago: float, rng: Random, orders: tuple[str, ...]) -> datetime:
    """A time of day at which people are seen, on that day; never less than half a day ago."""
    day = (today - timedelta(days=days_ago)).replace(hour=7, minute=0, second=0, microsecond=0)
    # Who shall come fasting comes before breakfast.
    fasting = any(PANELS[kind].fasting for kind in orders if kind in PANELS)
    at = day + timedelta(minutes=rng.randrange(20, 150 if fasting else 9 * 60), seconds=rng.randrange(60))
    return min(at, today.replace(microsecond=0) - timedelta(hours=12))


def _course(patient: Patient, places: Places, rng: Random) -> tuple[str, ...]:
    """Where a chronic patient goes this time: nearby, or up the chain of referral."""
    township = places.township(patient.village)
    hospital = rng.choice(places.hospitals(patient.division))
    city = rng.choice(places.tertiary)
    draw = rng.random()
    if draw < 0.18:
        return (patient.village,)
    if draw < 0.34:
        return (township,)
    if draw < 0.54:
        return (township, hospital)
    if draw < 0.66:
        return (hospital,)
    if draw < 0.82:
        return (hospital, patient.village)  # back home, where the follow-up is
    if draw < 0.89:
        return (patient.village, township, hospital, city)
    if draw < 0.95:
        return (hospital, city, township)
    if draw < 0.98:
        return (rng.choice(places.private),)
    return (places.laboratory(patient.division) or township,)


def _acute_place(patient: Patient, places: Places, rng: Random) -> str:
    draw = rng.random()
    if draw < 0.15:
        return patient.village
    if draw < 0.45:
        return places.township(patient.village)
    if draw < 0.80:
        return rng.choice(places.hospitals(patient.division))
    if draw < 0.92:
        return rng.choice(places.tertiary)
    return rng.choice(places.private)


def _chronic_orders(patient: Patient, tier: str, rng: Random) -> tuple[str, ...]:
    table = _BY_TIER[tier]
    wanted: list[str] = []
    for condition in patient.conditions:
        for kind in table.get(condition, ()):
            # A follow-up does not repeat everything; the first thing on the list always is.
            if kind not in wanted and (not wanted or rng.random() < 0.55):
                wanted.append(kind)
    if not wanted:
        wanted.append("glucose-poct" if tier == "village" else "blood-count")
    if tier != "village" and "blood-count" not in wanted and rng.random() < 0.3:
        wanted.append("blood-count")
    return tuple(wanted)


def _fit(orders: tuple[str, ...], patient: Patient) -> tuple[str, ...]:
    """The orders as they fit the patient."""
    markers = "markers-men" if patient.sex == "male" else "markers-women"
    return tuple(
        markers if kind == "markers" else kind for kind in orders if kind != "us-breast" or patient.sex == "female"
    )
