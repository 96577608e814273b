"""The rule book in force: the region's rules with their indexes, built once and never changed.

Assessment asks it some hundred times per chart, so what depends on few values is remembered: days, which item a
combination of codes leads to, and how two institutions stand to each other for an item.
"""

from bisect import bisect_right
from collections.abc import Iterable
from copy import copy
from itertools import chain
from typing import Any

from hutong_server.domain.days import LAST_DAY, Calendar, Day, zone_of
from hutong_server.domain.identifiers import Identifier, IdentifierFault, IdentifierSystem, by_uri, normalise
from hutong_server.domain.mapping import ItemIndex, Mapped, Stated, folded_text
from hutong_server.domain.memory import Memories
from hutong_server.domain.ordered_items import Order, Ordered, OrderIndex
from hutong_server.domain.overrides import Overrides
from hutong_server.domain.prices import Price, Prices
from hutong_server.domain.recognition import (
    Agreement,
    Dates,
    Institution,
    Mapping,
    Override,
    Panel,
    Policy,
    QualityGrant,
    RecognitionRule,
    RecognizedItem,
    RegionSet,
    RepeatGround,
    SensitiveCategory,
    VocabularyTerm,
)
from hutong_server.domain.report import Instant, Party, RawIdentifier, ResultFacts, TimeSource
from hutong_server.domain.restored import NOTHING_LOST, Unresumed
from hutong_server.domain.results import Shape
from hutong_server.domain.sensitivity import Sensitivity
from hutong_server.domain.standing import Parties, Standing, Standings

__all__ = ["Day", "Mapped", "RuleBook", "Standing", "zone_of"]


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
        sensitive: Iterable[SensitiveCategory] = (),
        prices: Iterable[Price] = (),
        panels: Iterable[Panel] = (),
        overrides: Iterable[Override] = (),
        unresumed: Unresumed = NOTHING_LOST,
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
        self._prices = Prices(prices)
        overrides = tuple(overrides)
        self.overrides = Overrides(self.institutions, overrides, self.policy.overrides)
        self.item_for = self.overrides.item_for
        """The item as it stands for a receiving institution on a day (YYYY-MM-DD) of asking."""
        self.agreements: dict[tuple[str, str], tuple[Dates, ...]] = {}
        for each in agreements:
            ends = (each.publisher, each.performer)
            self.agreements[ends] = (*self.agreements.get(ends, ()), each.dates)
        self._index = ItemIndex(items, mappings, self.vocabulary)
        self._orders = OrderIndex(self._index, panels)
        self.sensitivity = Sensitivity(sensitive, self.items, self.mappings)
        self._standings = Standings(self.institutions, self.rules, grants, self.region_sets)
        self._named = _names(self.institutions.values())
        self._calendar = Calendar(
            self.zone,
            of_items=[
                *(item.dates for item in chain.from_iterable(self.items.values())),
                *(mapping.dates for mapping in chain.from_iterable(self.mappings.values())),
            ],
            of_rules=[
                *(grant.dates for grant in chain.from_iterable(self.grants.values())),
                *(rule.dates for rule in self.rules),
                *(override.dates for override in overrides),
            ],
        )
        self.judgments: Memories[tuple[object, ...], Shape, Any] = Memories()
        """What reuse.py has found of shapes of results, by everything else that decides it."""
        self._suspensions = sorted(
            each.quality_suspended_since
            for each in self.institutions.values()
            if each.quality_suspended_since is not None
        )
        self.day = self._calendar.day
        """The Day of an instant."""
        self.unresumed = unresumed
        """Whose results cannot be relied on since the registry was put back from a backup."""

    def after_restore(self, unresumed: Unresumed) -> "RuleBook":
        """The same rules, with what is not known any more of institutions' reports."""
        found = copy(self)
        found.unresumed = unresumed
        found.judgments = Memories()
        return found

    @property
    def items(self) -> dict[str, tuple[RecognizedItem, ...]]:
        """Items by code; several when an item changed with time."""
        return self._index.items

    @property
    def mappings(self) -> dict[tuple[str, str, str], tuple[Mapping, ...]]:
        """Mappings by (institution, system, code) as code_key(...) writes them."""
        return self._index.mappings

    @property
    def grants(self) -> dict[str, tuple[QualityGrant, ...]]:
        """Quality grants by institution."""
        return self._standings.grants

    @property
    def standings(self) -> Standings:
        """Groups, ranges and rules: who belongs where."""
        return self._standings

    def suspensions_before(self, instant: Instant) -> int:
        """How many institutions' results are suspended from this instant, or an earlier one, on."""
        return bisect_right(self._suspensions, instant)

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
        agreed = self.agreements.get((publisher, performer), ())
        return publisher == performer or any(dates.cover(day) for dates in agreed)

    def identifier(self, raw: RawIdentifier, own_institution: str) -> Identifier | IdentifierFault | None:
        """The normalised identifier (see identifiers.normalise); an assigner named in words becomes its code."""
        if raw.assigner and raw.assigner not in self.institutions:
            code = self.institution_named(Party(name=raw.assigner))
            if code:
                raw = RawIdentifier(raw.system, raw.value, code, raw.path)
        return normalise(raw, self.identifier_systems, own_institution, self.policy)

    def day_of(self, instant: Instant) -> str:
        """The day (YYYY-MM-DD) of an instant in the region's time zone."""
        return self.day(instant).text

    def item(self, code: str, day: str = LAST_DAY) -> RecognizedItem | None:
        """The item of that code as it stands on a day, else as it stood last; None when there is none."""
        return self._index.item(code, day)

    def price_of(self, institution: str, item: str, day: str) -> int | None:
        """What an item costs at an institution on a day (YYYY-MM-DD), in fen; None when it is unpriced."""
        return self._prices.of(institution, item, day)

    def item_of(self, result: ResultFacts, institution: str, day: Day | None = None) -> Mapped:
        """Where the result's codes lead under the mappings of `institution` (see mapping.py).

        Without `day` it is the day of the result's time, else of its issue, else a day on which everything without
        an end is in effect.
        """
        if day is None:
            # A time of no source is none, as for the verdict.
            timed = result.time is not None and result.time_source != TimeSource.NONE
            instant = result.time if timed else result.issued
            day = self._calendar.on(LAST_DAY) if instant is None else self.day(instant)
        return self._index.find(result, institution, day)

    def ordered_items(self, order: Order, institution: str, day: str) -> Ordered:
        """What an order of `institution` asks for on a day (YYYY-MM-DD; see ordered_items.py)."""
        return self._orders.of(order, institution, day)

    def stated(self, result: ResultFacts) -> Stated:
        """The vocabulary's terms that a result states, by dimension."""
        return self._index.stated(result)

    def standing(
        self,
        result: ResultFacts,
        issuer: str,
        receiver: str,
        item: RecognizedItem,
        tested: Instant | None,
        now: Instant,
    ) -> Standing:
        """How `receiver` stands to a result that `issuer` issued (see standing.py)."""
        parties = Parties(issuer, result.performer, result.reader, receiver)
        test_day = self._calendar.on(LAST_DAY) if tested is None else self.day(tested)
        return self._standings.of(parties, item, tested, test_day, self.day(now))


def _names(institutions: Iterable[Institution]) -> dict[tuple[str, str, str], str]:
    # A name or number that two institutions share names neither.
    shared: dict[tuple[str, str, str], set[str]] = {}
    for each in institutions:
        shared.setdefault(("name", folded_text(each.name), ""), set()).add(each.code)
        for system, value in each.identifiers:
            shared.setdefault(("id", system, value), set()).add(each.code)
    return {key: codes.pop() for key, codes in shared.items() if len(codes) == 1}
