"""Entries of the catalogue → the rule book."""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from sys import intern
from typing import Any

from hutong_server.catalog.shapes import Body
from hutong_server.domain.identifiers import Check, Fold, IdentifierKind, IdentifierSystem, Strength
from hutong_server.domain.mapping import ANY
from hutong_server.domain.person import NameRule
from hutong_server.domain.prices import Price
from hutong_server.domain.recognition import (
    Agreement,
    Alike,
    ConsentBasis,
    ConsentRule,
    Dates,
    Dimension,
    Group,
    Institution,
    Leeway,
    Mapping,
    Override,
    OverrideRule,
    OverrideScope,
    Panel,
    Policy,
    QualityGrant,
    QualityOf,
    RecognitionRule,
    RecognizedItem,
    Region,
    RegionSet,
    RepeatGround,
    SensitiveCategory,
    Specialty,
    Tier,
    TimeBase,
    VocabularyTerm,
)
from hutong_server.domain.rulebook import RuleBook
from hutong_server.domain.standing import NATIONAL
from hutong_server.store.base import CatalogDiff, CatalogRow

LOINC = "http://loinc.org"
NATIONAL_MARK = "全国HR"


def build_rule_book(version: int, institutions: Iterable[Institution], rows: Iterable[CatalogRow]) -> RuleBook:
    """The rule book of these entries. The rows are those that an import made: their bodies are right."""
    return Entries(rows).book(version, institutions)


class Entries:
    """The entries of a version, made into what a rule book holds where there are many of them.

    A later version is reached by what differs, so that one price more does not cost the reading of 100,000 mappings.
    """

    def __init__(self, rows: Iterable[CatalogRow]) -> None:
        self._of: dict[str, dict[str, Any]] = {}
        self._marks: dict[str, str] = {}
        for row in rows:
            self._of.setdefault(row.kind, {})[row.key] = self._made(row.kind, row.body)

    def take(self, changes: Iterable[CatalogDiff]) -> None:
        """Goes on to a later version. Taking the same again changes nothing."""
        grown = set()
        for change in changes:
            entries = self._of.setdefault(change.kind, {})
            if change.after:
                if change.key not in entries:
                    grown.add(change.kind)
                entries[change.key] = self._made(change.kind, change.after)
            else:
                entries.pop(change.key, None)
        for kind in grown:
            # In the order in which they are read.
            self._of[kind] = dict(sorted(self._of[kind].items()))

    def _made(self, kind: str, body: str) -> Any:
        stated: Body = json.loads(body)
        if kind == "grant":
            return _grant(stated, self._marks)
        make = _MADE.get(kind)
        return make(stated) if make else stated

    def book(self, version: int, institutions: Iterable[Institution]) -> RuleBook:
        """The rule book of these entries."""

        def each(kind: str) -> Iterable[Any]:
            return self._of.get(kind, {}).values()

        policies = list(each("policy"))
        policy = policy_of(policies[0]) if policies else Policy()
        region_sets = [_region_set(body) for body in each("region_set")]
        self._mark(policy, region_sets)
        items = list(each("item"))
        return RuleBook(
            version=version,
            policy=policy,
            institutions=institutions,
            items=[item_of(body) for body in items],
            mappings=[*each("mapping"), *_standard_mappings(items)],
            grants=each("grant"),
            rules=[_rule(body) for body in each("rule")],
            grounds=[_ground(body) for body in each("ground")],
            agreements=[Agreement(body["publisher"], body["performer"], _dates(body)) for body in each("agreement")],
            vocabulary=[_term(body) for body in each("vocabulary")],
            region_sets=region_sets,
            identifier_systems=[_identifier_system(body) for body in each("identifier_system")],
            sensitive=[_sensitive(body) for body in each("sensitive_category")],
            prices=each("price"),
            overrides=[override_of(body) for body in each("override")],
            panels=each("panel"),
        )

    def _mark(self, policy: Policy, region_sets: Iterable[RegionSet]) -> None:
        """Gives the grants the marks that their ranges have in this version."""
        marks = {NATIONAL: NATIONAL_MARK}
        marks.update((region.code, region.mark) for region in policy.regions)
        marks.update((named.code, named.mark) for named in region_sets)
        if marks != self._marks:
            self._marks = marks
            grants = self._of.get("grant", {})
            self._of["grant"] = {
                key: replace(grant, mark=_mark_of(grant.range, marks)) for key, grant in grants.items()
            }


_ALWAYS = Dates()


def _dates(body: Body) -> Dates:
    if "valid_from" not in body and "valid_to" not in body:
        return _ALWAYS
    return Dates(body.get("valid_from", ""), body.get("valid_to", ""))


def policy_of(body: Body) -> Policy:
    """The policy that a body states."""
    default = Policy()
    return Policy(
        region=body.get("region", default.region),
        time_zone=body.get("time_zone", default.time_zone),
        name_rule=NameRule(body.get("name_rule", default.name_rule)),
        critical_flags=tuple(body.get("critical_flags", default.critical_flags)),
        unknown_identifier_systems=body.get("unknown_identifier_systems", default.unknown_identifier_systems),
        regions=tuple(Region(each["code"], each["name"], each["mark"]) for each in body.get("regions", ())),
        consent=_consent(body.get("consent", {})),
        overrides=OverrideRule(**{scope: Leeway(leeway) for scope, leeway in body.get("overrides", {}).items()}),
    )


def _consent(body: Body) -> ConsentRule:
    default = ConsentRule()
    return ConsentRule(
        basis=ConsentBasis(body.get("basis", default.basis)),
        count_withheld=body.get("count_withheld", default.count_withheld),
        break_glass_hours=body.get("break_glass_hours", default.break_glass_hours),
    )


def _sensitive(body: Body) -> SensitiveCategory:
    return SensitiveCategory(
        code=body["code"],
        name_zh=body["name_zh"],
        name_en=body["name_en"],
        items=tuple(body.get("items", ())),
        codes=(
            *((each["system"], each["code"]) for each in body.get("codes", ())),
            *(("", text) for text in body.get("texts", ())),
        ),
        report_categories=tuple(body.get("report_categories", ())),
        needs_grant=body.get("needs_grant", True),
    )


def item_of(body: Body) -> RecognizedItem:
    """The item that a body states."""
    return RecognizedItem(
        code=body["code"],
        name_zh=body["name_zh"],
        name_en=body["name_en"],
        specialty=Specialty(body["specialty"]),
        item_class=body.get("class", ""),
        window_days=body["window_days"],
        time_base=TimeBase(body.get("time_base", TimeBase.EFFECTIVE)),
        needs_images=body.get("needs_images", False),
        recognized=body.get("recognized", True),
        terms=tuple((name, tuple(body[name.value])) for name in Dimension if name.value in body),
        dates=_dates(body),
        molar_mass=body.get("molar_mass", ""),
    )


def _standard_mappings(items: Iterable[Body]) -> list[Mapping]:
    # An item's LOINC numbers lead to it from any institution, on any day: whether it is in effect is the item's affair.
    pairs = dict.fromkeys((code, body["code"]) for body in items for code in body.get("loinc", ()))
    return [Mapping(ANY, LOINC, code, item) for code, item in pairs]


_DIMENSIONS = tuple((name.value, name) for name in Dimension)


def _mapping(body: Body) -> Mapping:
    terms = tuple([(name, body[word]) for word, name in _DIMENSIONS if word in body])
    # A city has some hundred thousand mappings that repeat the same words: each word is kept once.
    institution, system, code, item = map(
        intern, (body["institution"], body.get("system", ""), body["code"], body["item"])
    )
    return Mapping(institution, system, code, item, terms, _dates(body))


def _panel(body: Body) -> Panel:
    institution, system, code = map(intern, (body["institution"], body.get("system", ""), body["code"]))
    return Panel(institution, system, code, tuple(map(intern, body["items"])), _dates(body))


def _grant(body: Body, marks: dict[str, str]) -> QualityGrant:
    reach = body["range"]
    return QualityGrant(
        institution=body["institution"],
        items=tuple(body["items"]),
        range=reach,
        mark=_mark_of(reach, marks),
        quality_body=body.get("quality_body", ""),
        dates=_dates(body),
    )


def _mark_of(reach: str, marks: dict[str, str]) -> str:
    # A region that the policy no longer names keeps its code as its name.
    return marks.get(reach, f"{reach}HR")


def _group(body: Body) -> Group:
    return Group(
        tiers=tuple(Tier(each) for each in body.get("tiers", ())),
        regions=tuple(body.get("regions", ())),
        alliances=tuple(body.get("alliances", ())),
        institutions=tuple(body.get("institutions", ())),
        sets=tuple(body.get("sets", ())),
    )


def _rule(body: Body) -> RecognitionRule:
    return RecognitionRule(
        code=body["code"],
        issued_by=_group(body["issued_by"]),
        received_by=_group(body["received_by"]),
        items=tuple(body.get("items", (ANY,))),
        read_by=_group(body["read_by"]) if "read_by" in body else None,
        alike=tuple(Alike(each) for each in body.get("alike", ())),
        quality_of=QualityOf(body.get("quality_of", QualityOf.PERFORMER)),
        dates=_dates(body),
    )


def _ground(body: Body) -> RepeatGround:
    return RepeatGround(
        code=body["code"],
        name_zh=body["name_zh"],
        name_en=body["name_en"],
        counts_as_refusal=body.get("counts_as_refusal", True),
        needs_text=body.get("needs_text", False),
    )


def _price(body: Body) -> Price:
    yuan, _, fen = body["yuan"].partition(".")
    return Price(
        intern(body["institution"]), intern(body["item"]), int(yuan) * 100 + int(fen.ljust(2, "0")), _dates(body)
    )


def override_of(body: Body) -> Override:
    """The override that a body states."""
    scope, _, target = body["scope"].partition(":")
    return Override(
        scope=OverrideScope(scope),
        target=target,
        item=body["item"],
        window_days=body.get("window_days"),
        time_base=TimeBase(body["time_base"]) if "time_base" in body else None,
        needs_images=body.get("needs_images"),
        recognized=body.get("recognized"),
        dates=_dates(body),
    )


def _term(body: Body) -> VocabularyTerm:
    return VocabularyTerm(
        dimension=Dimension(body["dimension"]),
        term=body["term"],
        name_zh=body.get("name_zh", ""),
        name_en=body.get("name_en", ""),
        codes=tuple((each["system"], each["code"]) for each in body.get("codes", ())),
        texts=tuple(body.get("texts", ())),
    )


def _region_set(body: Body) -> RegionSet:
    def words(name: str) -> tuple[str, ...]:
        return tuple(body.get(name, ()))

    return RegionSet(
        body["code"], body["name"], body["mark"], words("regions"), words("institutions"), words("alliances")
    )


def _identifier_system(body: Body) -> IdentifierSystem:
    default = (Fold.WIDTH, Fold.CASE, Fold.SPACE)
    return IdentifierSystem(
        system=body["system"],
        kind=IdentifierKind(body["kind"]),
        strength=Strength(body["strength"]),
        aliases=tuple(body.get("aliases", ())),
        check=Check(body.get("check", Check.NONE)),
        pattern=body.get("pattern", ""),
        fold=tuple(Fold(each) for each in body["fold"]) if "fold" in body else default,
        name_zh=body.get("name_zh", ""),
        name_en=body.get("name_en", ""),
    )


_MADE: dict[str, Callable[[Body], object]] = {"mapping": _mapping, "price": _price, "panel": _panel}
"""Kinds of which there are many; grants, which have marks, beside them."""
