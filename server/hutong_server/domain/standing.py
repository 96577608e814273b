"""Who relies on whom: rules between groups of institutions, and quality grants with their ranges.

Rules must be in effect on the day of asking, grants on the day of the test. Whose grant counts, the performer's or the
reader's, is said by the rule.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from hutong_server.domain.days import Day
from hutong_server.domain.mapping import ANY
from hutong_server.domain.memory import Memory
from hutong_server.domain.recognition import (
    Alike,
    Group,
    Institution,
    QualityGrant,
    QualityOf,
    RecognitionRule,
    RecognizedItem,
    RegionSet,
)
from hutong_server.domain.report import Instant

NATIONAL = "national"
"""The range of a grant that holds everywhere."""


class Standing(NamedTuple):
    """How a receiving institution stands to a result for an item."""

    direction: bool
    """Some rule lets it rely on the issuer."""
    granted: bool
    """A grant was valid on the day of the test."""
    covered: bool
    """One of them covers the receiver."""
    mark: str
    """Mark of the widest that does; "" when none does."""


class Parties(NamedTuple):
    """The institutions that matter for a result, by code; "" for one unknown."""

    issuer: str
    performer: str
    reader: str
    receiver: str


_LEVELS = (2, 4, 6, 9)
"""Digits of a province, city, county (GB/T 2260) and township (GB/T 10114); a village has 12."""
_MUNICIPALITIES = frozenset({"11", "12", "31", "50"})
"""Beijing, Tianjin, Shanghai, Chongqing: each is one city, whatever stands behind."""


def division(region: str) -> str:
    """A division code without the zeros that only fill it up to a lower level: 330400 → 3304."""
    for digits in reversed(_LEVELS):
        if len(region) > digits:
            if region[digits:].strip("0"):
                break
            region = region[:digits]
    return region


def city(region: str) -> str:
    """Code of the city in which a division lies; "" for one that is above any.

    A county that its province administers itself (GB/T 2260: 90 in place of the city, as 429004) is a city of its own.
    """
    code = division(region)
    if code[:2] in _MUNICIPALITIES:
        return code[:2]
    digits = 6 if code[2:4] == "90" else 4
    return code[:digits] if len(code) >= digits else ""


def covers_item(items: tuple[str, ...], item: RecognizedItem) -> bool:
    """Whether a list of item codes, "class:NAME", "laboratory", "examination" or "*" covers the item."""
    return item.code in items or ANY in items or item.specialty in items or f"class:{item.item_class}" in items


class Standings:
    """Rules, grants and groups, indexed. Each standing is worked out once."""

    def __init__(
        self,
        institutions: Mapping[str, Institution],
        rules: tuple[RecognitionRule, ...],
        grants: Iterable[QualityGrant],
        region_sets: Mapping[str, RegionSet],
    ) -> None:
        self._institutions = institutions
        self._rules = rules
        self._region_sets = region_sets
        self.grants: dict[str, tuple[QualityGrant, ...]] = {}
        for grant in grants:
            self.grants[grant.institution] = (*self.grants.get(grant.institution, ()), grant)
        self._suspended = {
            each.code: each.quality_suspended_since
            for each in institutions.values()
            if each.quality_suspended_since is not None
        }
        self._known: Memory[tuple[object, ...], Standing] = Memory()

    def of(self, parties: Parties, item: RecognizedItem, tested: Instant | None, test_day: Day, today: Day) -> Standing:
        """How the receiver stands to a result of the item that was tested at that instant."""
        performer, reader = parties.performer, parties.reader
        if self._suspended:
            performer = performer if self._in_order(performer, tested) else ""
            reader = reader if self._in_order(reader, tested) else ""
        # An item of one code may have another class on another day.
        key = (parties, performer, reader, item.code, test_day.of_items, test_day.of_rules, today.of_rules)
        known = self._known.get(key)
        if known is not None:
            return known
        quality = {QualityOf.PERFORMER: performer, QualityOf.READER: reader}
        return self._known.keep(key, self._stand(parties, item, quality, test_day.text, today.text))

    def _in_order(self, institution: str, tested: Instant | None) -> bool:
        since = self._suspended.get(institution)
        return since is None or (tested is not None and tested < since)

    def _stand(
        self, parties: Parties, item: RecognizedItem, quality: dict[QualityOf, str], test_day: str, today: str
    ) -> Standing:
        bearers = {
            quality[rule.quality_of]
            for rule in self._rules
            if rule.dates.cover(today) and covers_item(rule.items, item) and self._holds(rule, parties)
        }
        grants = [
            grant
            # Where no rule holds, the performer's quality is told all the same.
            for bearer in (bearers or {quality[QualityOf.PERFORMER]}) - {""}
            for grant in self.grants.get(bearer, ())
            if grant.dates.cover(test_day) and covers_item(grant.items, item)
        ]
        to = self._institutions.get(parties.receiver)
        covering = [g for g in grants if g.range == NATIONAL or (to is not None and self.in_range(to, g.range))]
        widest = min(covering, key=lambda grant: (*self._width(grant.range), grant.mark), default=None)
        return Standing(bool(bearers), bool(grants), bool(covering), widest.mark if widest else "")

    def _holds(self, rule: RecognitionRule, parties: Parties) -> bool:
        by, to = self._institutions.get(parties.issuer), self._institutions.get(parties.receiver)
        if by is None or to is None or not (self.member(by, rule.issued_by) and self.member(to, rule.received_by)):
            return False
        if rule.read_by is not None:
            reader = self._institutions.get(parties.reader)
            if reader is None or not self.member(reader, rule.read_by):
                return False
        return all(_ALIKE[alike](by, to) for alike in rule.alike)

    def member(self, institution: Institution, group: Group) -> bool:
        """Whether an institution belongs to a group: every condition given must hold, any value of it suffices."""
        return (
            (not group.tiers or institution.tier in group.tiers)
            and (not group.regions or any(_within(institution.region, region) for region in group.regions))
            and (not group.alliances or not set(group.alliances).isdisjoint(institution.alliances))
            and (not group.institutions or institution.code in group.institutions)
            and (not group.sets or any(self.in_set(institution, name) for name in group.sets))
        )

    def in_set(self, institution: Institution, name: str) -> bool:
        """Whether an institution belongs to a region set."""
        named = self._region_sets.get(name)
        return named is not None and (
            institution.code in named.institutions
            or any(_within(institution.region, region) for region in named.regions)
            or not set(named.alliances).isdisjoint(institution.alliances)
        )

    def in_range(self, institution: Institution, reach: str) -> bool:
        """Whether the range of a grant ("national", a region set, a region) covers an institution."""
        if reach == NATIONAL:
            return True
        return self.in_set(institution, reach) if reach in self._region_sets else _within(institution.region, reach)

    def _width(self, reach: str) -> tuple[float, str]:
        # Smaller is wider: a province (2 digits) before a city (4); a set is wider than one of its regions, but a
        # set of institutions or alliances is narrower than any region.
        if reach == NATIONAL:
            return (0.0, reach)
        named = self._region_sets.get(reach)
        if named is None:
            return (float(len(division(reach))), reach)
        return (min((len(division(region)) for region in named.regions), default=99) - 0.5, reach)


_ALIKE: dict[Alike, Callable[[Institution, Institution], bool]] = {
    Alike.ALLIANCE: lambda a, b: not set(a.alliances).isdisjoint(b.alliances),
    Alike.CITY: lambda a, b: city(a.region) != "" and city(a.region) == city(b.region),
    Alike.PROVINCE: lambda a, b: len(division(a.region)) >= 2 and division(a.region)[:2] == division(b.region)[:2],
}


def alike(what: Alike, one: Institution, other: Institution) -> bool:
    """Whether two institutions have that in common."""
    return _ALIKE[what](one, other)


def _within(region: str, ancestor: str) -> bool:
    return bool(ancestor) and division(region).startswith(division(ancestor))
