"""The rule book in force: the region's rules with their indexes, built once and never changed.

Assessment asks it some hundred times per chart, so what depends on few values is remembered: days, which item a
combination of codes leads to, and how two institutions stand to each other for an item. What is remembered is a
function of its key alone; forgetting it changes nothing but speed.
"""

import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hutong_server.domain.identifiers import Identifier, IdentifierFault, IdentifierSystem, by_uri, normalise
from hutong_server.domain.recognition import (
    Agreement,
    Alike,
    Dates,
    Dimension,
    Group,
    Institution,
    Mapping,
    Policy,
    QualityGrant,
    QualityOf,
    RecognitionRule,
    RecognizedItem,
    RegionSet,
    RepeatGround,
    VocabularyTerm,
)
from hutong_server.domain.report import CodeKey, Instant, Party, RawIdentifier, ResultFacts

NATIONAL = "national"
"""The range of a grant that holds everywhere."""
ANY = "*"
"""Institution of a standard code's mapping; also "every item"."""
LAST_DAY = "9999-12-31"

K = TypeVar("K")
V = TypeVar("V")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BLOCK = 900_000  # ms: offsets of time zones are whole quarters of an hour
_MEMORY = 100_000  # entries remembered at most, per kind
_SAME_SYSTEM = {
    "urn:oid:2.16.840.1.113883.6.1": "http://loinc.org",
    "urn:oid:2.16.840.1.113883.6.96": "http://snomed.info/sct",
    "urn:oid:1.2.840.10008.2.16.4": "http://dicom.nema.org/resources/ontology/DCM",
}


class Day(NamedTuple):
    """A day in the region's time zone."""

    text: str
    """YYYY-MM-DD."""
    of_items: int
    """Number of the stretch of days in which the same mappings and items are in effect."""
    of_rules: int
    """Number of the stretch of days in which the same grants and rules are in effect."""


class Mapped(NamedTuple):
    """Where the codes of a result lead."""

    item: RecognizedItem | None
    """None: to nothing, to several items, or to one that the catalogue does not hold."""
    code: str
    """Code of the item; "" when the codes lead to nothing or to several items."""
    differs: tuple[Dimension, ...]
    """Dimensions that the item names and in which the result is silent or differs."""
    in_effect: bool
    """Whether the item is recognised on the day of the test."""


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


UNMAPPED = Mapped(None, "", (), False)


def zone_of(name: str) -> tzinfo:
    """The time zone of that name. China's is known even where the system has no zone database.

    Raises ZoneInfoNotFoundError for an unknown name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        if name == "Asia/Shanghai":
            return timezone(timedelta(hours=8), name)
        raise ZoneInfoNotFoundError(name) from None


def folded_text(text: str) -> str:
    """A text as it is compared: NFKC, case, outer and repeated spaces folded."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def code_key(system: str, code: str) -> CodeKey:
    """A coding or text as it is compared."""
    return (_SAME_SYSTEM.get(system, system), code) if system else ("", folded_text(code))


def division(region: str) -> str:
    """A division code without the zeros that only fill it up: 330400 → 3304."""
    while len(region) > 2 and len(region) % 2 == 0 and region.endswith("00"):
        region = region[:-2]
    return region


def covers_item(items: frozenset[str] | tuple[str, ...], item: RecognizedItem) -> bool:
    """Whether a list of item codes, "class:NAME", "laboratory", "examination" or "*" covers the item."""
    return item.code in items or ANY in items or item.specialty in items or f"class:{item.item_class}" in items


class RuleBook:
    """Everything that judges results: immutable, safe to share between threads."""

    def __init__(
        self,
        *,
        version: int = 0,
        policy: Policy | None = None,
        institutions: Iterable[Institution] = (),
        items: Iterable[RecognizedItem] = (),
        mappings: Iterable[Mapping] = (),
        grants: Iterable[QualityGrant] = (),
        rules: Iterable[RecognitionRule] = (),
        grounds: Iterable[RepeatGround] = (),
        agreements: Iterable[Agreement] = (),
        vocabulary: Iterable[VocabularyTerm] = (),
        region_sets: Iterable[RegionSet] = (),
        identifier_systems: Iterable[IdentifierSystem] = (),
    ) -> None:
        self.version = version
        self.policy = policy or Policy()
        self.zone = zone_of(self.policy.time_zone)
        self.institutions = {each.code: each for each in institutions}
        self.rules = tuple(rules)
        self.grounds = tuple(grounds)
        self.vocabulary = tuple(vocabulary)
        self.region_sets = {each.code: each for each in region_sets}
        self.identifier_systems = by_uri(identifier_systems)
        self.items: dict[str, tuple[RecognizedItem, ...]] = _grouped((item.code, item) for item in items)
        self.mappings: dict[tuple[str, str, str], tuple[Mapping, ...]] = _grouped(
            ((each.institution, *code_key(each.system, each.code)), each) for each in mappings
        )
        self.grants: dict[str, tuple[QualityGrant, ...]] = _grouped((each.institution, each) for each in grants)
        self.agreements: dict[tuple[str, str], tuple[Dates, ...]] = _grouped(
            ((each.publisher, each.performer), each.dates) for each in agreements
        )
        self._terms: dict[Dimension, dict[CodeKey, str]] = {dimension: {} for dimension in Dimension}
        for term in self.vocabulary:
            known = self._terms[term.dimension]
            known.update((code_key(system, code), term.term) for system, code in term.codes)
            known.update((code_key("", text), term.term) for text in term.texts)
        self._named = _names(self.institutions.values())
        self._item_days = _boundaries(
            [each.dates for row in self.items.values() for each in row]
            + [each.dates for rows in self.mappings.values() for each in rows]
        )
        self._rule_days = _boundaries(
            [each.dates for row in self.grants.values() for each in row] + [rule.dates for rule in self.rules]
        )
        self._suspended = {
            each.code: each.quality_suspended_since
            for each in self.institutions.values()
            if each.quality_suspended_since is not None
        }
        self._days: dict[int, Day] = {}
        self._mapped: dict[tuple[object, ...], Mapped] = {}
        self._standings: dict[tuple[object, ...], Standing] = {}

    # -- institutions

    def institution(self, code: str) -> Institution | None:
        """The institution of that code."""
        return self.institutions.get(code)

    def institution_named(self, party: Party) -> str:
        """Code of the institution that a document names; "" when the registry does not know it, or not for certain.

        By a (system, value) that the catalogue lists, else by its code as the value in any system, else by its exact
        name when only one has it.
        """
        found = {self._named.get(("id", *pair), "") for pair in party.identifiers} - {""}
        if not found:
            found = {value for _, value in party.identifiers if value in self.institutions}
        if not found and party.name:
            found = {self._named.get(("name", folded_text(party.name), ""), "")} - {""}
        return found.pop() if len(found) == 1 else ""

    def may_publish_for(self, publisher: str, performer: str, day: str) -> bool:
        """Whether `publisher` may publish what `performer` performed, on that day (YYYY-MM-DD)."""
        return publisher == performer or any(
            dates.cover(day) for dates in self.agreements.get((publisher, performer), ())
        )

    def identifier(self, raw: RawIdentifier, own_institution: str) -> Identifier | IdentifierFault | None:
        """The normalised identifier (see identifiers.normalise); an assigner named in words becomes its code."""
        if raw.assigner and raw.assigner not in self.institutions:
            code = self.institution_named(Party(name=raw.assigner))
            if code:
                raw = RawIdentifier(raw.system, raw.value, code, raw.path)
        return normalise(raw, self.identifier_systems, own_institution, self.policy)

    # -- days

    def day_of(self, instant: Instant) -> str:
        """The day (YYYY-MM-DD) of an instant in the region's time zone."""
        return self.day(instant).text

    def day(self, instant: Instant) -> Day:
        """The day of an instant, with the stretches of effect that it falls into."""
        block = instant // _BLOCK
        day = self._days.get(block)
        if day is None:
            day = self._day(_date_text(block * _BLOCK, self.zone))
            _remember(self._days, block, day)
        return day

    def _day(self, text: str) -> Day:
        return Day(text, bisect_right(self._item_days, text), bisect_right(self._rule_days, text))

    # -- items

    def item(self, code: str, day: str = LAST_DAY) -> RecognizedItem | None:
        """The item of that code as it stands on a day, else as it stood last; None when there is none."""
        versions = self.items.get(code, ())
        return next((each for each in versions if each.dates.cover(day)), versions[-1] if versions else None)

    def item_of(self, result: ResultFacts, institution: str, day: Day | None = None) -> Mapped:
        """Where the result's codes lead under the mappings of `institution`, on the day of the test.

        The institution's own mappings win over those of standard codes. Of one coding's mappings, those count whose
        terms the result states, the narrowest first; where these lead to several items, the one whose dimensions
        the result states is meant. Codings that lead to different items lead to nothing.
        Without `day` it is the day of the result's time, else of its issue, else a day on which everything without
        an end is in effect.
        """
        if day is None:
            instant = result.time if result.time is not None else result.issued
            day = self._day(LAST_DAY) if instant is None else self.day(instant)
        # From `codes` to `method`: everything that decides.
        key = (institution, day.of_items, result[6:12])
        mapped = self._mapped.get(key)
        if mapped is None:
            mapped = self._map(result, institution, day.text)
            _remember(self._mapped, key, mapped)
        return mapped

    def stated(self, result: ResultFacts) -> dict[Dimension, frozenset[str]]:
        """The vocabulary's terms that the result states, by dimension."""
        return {
            dimension: frozenset(
                term for key in keys(result) if (term := self._terms[dimension].get(code_key(*key))) is not None
            )
            for dimension, keys in _STATED_IN.items()
        }

    def _map(self, result: ResultFacts, institution: str, day: str) -> Mapped:
        stated = self.stated(result)
        for scope in (institution, ANY) if institution else (ANY,):
            reached: set[str] = set()
            for system, code in result.codes:
                candidates = [
                    each
                    for each in self.mappings.get((scope, *code_key(system, code)), ())
                    if each.dates.cover(day) and all(stated[name] == {term} for name, term in each.terms)
                ]
                narrowest = max((len(each.terms) for each in candidates), default=0)
                targets = {each.item for each in candidates if len(each.terms) == narrowest}
                if len(targets) > 1:
                    fitting = {target for target in targets if not self._differs(target, day, stated)}
                    targets = fitting if len(fitting) == 1 else targets
                reached |= targets
            if len(reached) == 1:
                return self._reached(reached.pop(), day, stated)
            if reached:
                return UNMAPPED
        return UNMAPPED

    def _reached(self, code: str, day: str, stated: dict[Dimension, frozenset[str]]) -> Mapped:
        item = self.item(code, day)
        if item is None:
            return Mapped(None, code, (), False)
        return Mapped(item, code, self._differs(code, day, stated), item.recognized and item.dates.cover(day))

    def _differs(self, code: str, day: str, stated: dict[Dimension, frozenset[str]]) -> tuple[Dimension, ...]:
        item = self.item(code, day)
        if item is None:
            return ()
        # Silence differs; so does stating, beside a term that fits, one that does not.
        return tuple(name for name, terms in item.terms if not stated[name] or not stated[name].issubset(terms))

    # -- who relies on whom

    def standing(
        self,
        result: ResultFacts,
        issuer: str,
        receiver: str,
        item: RecognizedItem,
        tested: Instant | None,
        now: Instant,
    ) -> Standing:
        """How `receiver` stands to a result that `issuer` issued.

        Rules must be in effect now, grants on the day of the test. Whose grant counts, the performer's or the
        reader's, is said by the rule.
        """
        performer, reader = result.performer, result.reader
        test_day = self._day(LAST_DAY) if tested is None else self.day(tested)
        today = self.day(now)
        if self._suspended:
            performer_in_order = self._in_order(performer, tested)
            reader_in_order = self._in_order(reader, tested)
        else:
            performer_in_order = reader_in_order = True
        key = (
            issuer,
            performer if performer_in_order else "",
            reader,
            reader_in_order,
            receiver,
            item.code,
            test_day.of_rules,
            today.of_rules,
            test_day.of_items,
        )
        standing = self._standings.get(key)
        if standing is None:
            quality = {
                QualityOf.PERFORMER: performer if performer_in_order else "",
                QualityOf.READER: reader if reader_in_order else "",
            }
            standing = self._stand(issuer, reader, receiver, item, quality, test_day.text, today.text)
            _remember(self._standings, key, standing)
        return standing

    def _in_order(self, institution: str, tested: Instant | None) -> bool:
        since = self._suspended.get(institution)
        return since is None or (tested is not None and tested < since)

    def _stand(
        self,
        issuer: str,
        reader: str,
        receiver: str,
        item: RecognizedItem,
        quality: dict[QualityOf, str],
        test_day: str,
        today: str,
    ) -> Standing:
        by, to = self.institutions.get(issuer), self.institutions.get(receiver)
        read_by = self.institutions.get(reader)
        bearers = {
            quality[rule.quality_of]
            for rule in self.rules
            if by is not None and to is not None
            if rule.dates.cover(today) and covers_item(rule.items, item)
            if self.member(by, rule.issued_by) and self.member(to, rule.received_by)
            if rule.read_by is None or (read_by is not None and self.member(read_by, rule.read_by))
            if all(_ALIKE[alike](by, to) for alike in rule.alike)
        }
        direction = bool(bearers)
        grants = [
            grant
            for bearer in (bearers or {quality[QualityOf.PERFORMER]})
            if bearer
            for grant in self.grants.get(bearer, ())
            if grant.dates.cover(test_day) and covers_item(grant.items, item)
        ]
        covering = [g for g in grants if g.range == NATIONAL or (to is not None and self.in_range(to, g.range))]
        widest = min(covering, key=lambda grant: (*self._width(grant.range), grant.mark), default=None)
        return Standing(direction, bool(grants), bool(covering), widest.mark if widest else "")

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
        named = self.region_sets.get(name)
        return named is not None and (
            institution.code in named.institutions
            or any(_within(institution.region, region) for region in named.regions)
            or not set(named.alliances).isdisjoint(institution.alliances)
        )

    def in_range(self, institution: Institution, reach: str) -> bool:
        """Whether the range of a grant ("national", a region set, a region) covers an institution."""
        if reach == NATIONAL:
            return True
        return self.in_set(institution, reach) if reach in self.region_sets else _within(institution.region, reach)

    def _width(self, reach: str) -> tuple[float, str]:
        # Smaller is wider: a province (2 digits) before a city (4); a set is wider than one of its regions, but a
        # set of institutions or alliances is narrower than any region.
        if reach == NATIONAL:
            return (0.0, reach)
        named = self.region_sets.get(reach)
        if named is None:
            return (float(len(division(reach))), reach)
        return (min((len(division(region)) for region in named.regions), default=99) - 0.5, reach)


_STATED_IN: dict[Dimension, Callable[[ResultFacts], tuple[CodeKey, ...]]] = {
    Dimension.SPECIMEN: lambda result: result.specimen,
    Dimension.COLLECTION: lambda result: result.collection,
    Dimension.BODY_PART: lambda result: result.body_site,
    # A body site's code may hold its side ("left knee"), and a method's its contrast.
    Dimension.LATERALITY: lambda result: result.laterality + result.body_site,
    Dimension.METHOD: lambda result: result.method,
    Dimension.CONTRAST: lambda result: result.method,
}
_ALIKE: dict[Alike, Callable[[Institution, Institution], bool]] = {
    Alike.ALLIANCE: lambda a, b: not set(a.alliances).isdisjoint(b.alliances),
    Alike.CITY: lambda a, b: len(division(a.region)) >= 4 and division(a.region)[:4] == division(b.region)[:4],
    Alike.PROVINCE: lambda a, b: len(division(a.region)) >= 2 and division(a.region)[:2] == division(b.region)[:2],
}


def _within(region: str, ancestor: str) -> bool:
    return bool(ancestor) and division(region).startswith(division(ancestor))


def _grouped(pairs: Iterable[tuple[K, V]]) -> dict[K, tuple[V, ...]]:
    rows: dict[K, list[V]] = {}
    for key, value in pairs:
        rows.setdefault(key, []).append(value)
    return {key: tuple(values) for key, values in rows.items()}


def _names(institutions: Iterable[Institution]) -> dict[tuple[str, str, str], str]:
    # A name or number that two institutions share names neither.
    shared: dict[tuple[str, str, str], set[str]] = {}
    for each in institutions:
        shared.setdefault(("name", folded_text(each.name), ""), set()).add(each.code)
        for system, value in each.identifiers:
            shared.setdefault(("id", system, value), set()).add(each.code)
    return {key: codes.pop() for key, codes in shared.items() if len(codes) == 1}


def _boundaries(dates: Iterable[Dates]) -> list[str]:
    # The first day of effect, and what sorts between the last day of effect and the next day.
    found = {bound for each in dates for bound in (each.valid_from, each.valid_to and each.valid_to + "~") if bound}
    return sorted(found)


def _date_text(instant: Instant, zone: tzinfo) -> str:
    try:
        return (_EPOCH + timedelta(milliseconds=instant)).astimezone(zone).date().isoformat()
    except (OverflowError, ValueError):
        return "0001-01-01" if instant < 0 else LAST_DAY


def _remember(memory: dict[K, V], key: K, value: V) -> None:
    if len(memory) >= _MEMORY:
        memory.clear()
    memory[key] = value
