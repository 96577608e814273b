"""The shape of every kind of entry: its fields, its key, and what its fields must have in common.

The body of an entry holds what the file states and nothing else, so that a default may be told from a statement.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfoNotFoundError

from hutong_server.catalog.fields import (
    CODE,
    DIVISION,
    REGION,
    URI,
    Entry,
    Field,
    Fields,
    day,
    flag,
    many,
    one_of,
    pair,
    record,
    text,
    whole,
)
from hutong_server.domain.days import zone_of
from hutong_server.domain.identifiers import Check, Fold, IdentifierKind, Strength
from hutong_server.domain.mapping import ANY
from hutong_server.domain.person import NameRule
from hutong_server.domain.recognition import (
    Alike,
    ConsentBasis,
    Dimension,
    Leeway,
    OverrideScope,
    QualityOf,
    Specialty,
    Tier,
    TimeBase,
)

Body = dict[str, Any]
"""Canonical content of an entry, as JSON has it."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of entry."""

    kind: str
    section: str
    """Its name in YAML files, and how the names of its CSV files begin."""
    fields: Fields
    key: Callable[[Body], str]
    check: Callable[[Body, Entry], None] | None = None
    """What the fields must have in common."""
    csv: bool = False
    part: str = ""
    """The field by which an import replaces parts of the kind: those that it names, and not the rest."""
    one_a_day: tuple[str, ...] = ()
    """The fields by which only one entry may be in effect on any day."""


_DATES: dict[str, Field] = {"valid_from": Field(day), "valid_to": Field(day)}
_TEXT = Field(text())
_TERM = text(r"[A-Z0-9][A-Z0-9_\-]{0,63}", "a term of the vocabulary (capitals, digits, _ -)")
_CODES = Field(many(CODE))
_REGIONS = Field(many(REGION))
_ITEMS = text(r"\*|[A-Za-z0-9][A-Za-z0-9_.\-]*|class:\S+", "an item code, class:NAME, laboratory, examination or *")
_ITEMS_OR_CLASSES = text(r"[A-Za-z0-9][A-Za-z0-9_.\-]*|class:\S+", "an item code or class:NAME")
_CODINGS = Field(many(record({"system": Field(URI, True), "code": Field(text(), True)})))
_INSTITUTION = text(r"\*|[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}", "an institution's code or *")
_SCOPE = text(
    rf"region:{DIVISION}|" + r"alliance:[^\s\x00-\x1f][^\x00-\x1f]{0,99}|institution:[A-Za-z0-9_\-]{1,64}",
    "region:CODE, alliance:NAME or institution:CODE",
)
OVERRIDABLE = ("window_days", "time_base", "needs_images", "recognized")
"""What of an item an override may state."""

_GROUP = Field(
    record(
        {
            "tiers": Field(many(one_of(Tier, "tier"))),
            "regions": _REGIONS,
            "alliances": Field(many(text())),
            "institutions": _CODES,
            "sets": _CODES,
        }
    )
)
_REQUIRED_GROUP = Field(_GROUP.read, required=True)


def _key(*names: str) -> Callable[[Body], str]:
    def key(body: Body) -> str:
        return "|".join(_part(body.get(name, "")) for name in names)

    return key


def part_of(shape: Shape, body: Body) -> str:
    """How the keys of the part begin to which an entry belongs."""
    return f"{_part(body[shape.part])}|"


def _part(value: object) -> str:
    if isinstance(value, list):
        return ";".join(map(_part, value))
    return str(value).replace("|", "%7C")


def _dated_key(*names: str) -> Callable[[Body], str]:
    # An entry that is in effect from the beginning has the bare key.
    plain, dated = _key(*names), _key(*names, "valid_from")
    return lambda body: dated(body) if "valid_from" in body else plain(body)


def mapping_terms(body: Body) -> list[str]:
    """The dimensions by which a mapping is narrowed, in the order of Dimension."""
    return [dimension.value for dimension in Dimension if dimension.value in body]


def _mapping_key(body: Body) -> str:
    narrowed = ";".join(f"{name}={body[name]}" for name in mapping_terms(body))
    return _dated_key("institution", "system", "code", "narrowed", "item")({**body, "narrowed": narrowed})


def _policy_key(_: Body) -> str:
    # There is one.
    return "policy"


def dates_in_order(body: Body, entry: Entry) -> None:
    """Notes dates of effect that end before they begin."""
    if body.get("valid_from", "") > body.get("valid_to", "9999-12-31"):
        entry.faults.add(entry.places[("valid_to",)], "ends before it begins")


def _check_coded(body: Body, entry: Entry) -> None:
    dates_in_order(body, entry)
    if body.get("institution") == ANY and not body.get("system"):
        entry.faults.add(entry.places[()], "a code of any institution needs the system of a standard code")


def _check_override(body: Body, entry: Entry) -> None:
    dates_in_order(body, entry)
    if not any(name in body for name in OVERRIDABLE):
        entry.faults.add(entry.places[()], f"overrides nothing; it may state {', '.join(OVERRIDABLE)}")


def _check_policy(body: Body, entry: Entry) -> None:
    try:
        zone_of(body.get("time_zone", "Asia/Shanghai"))
    except ZoneInfoNotFoundError:
        entry.faults.add(entry.places[("time_zone",)], f'unknown time zone "{body["time_zone"]}"')


def _check_identifier_system(body: Body, entry: Entry) -> None:
    if body.get("check") == Check.PATTERN and "pattern" not in body:
        entry.faults.add(entry.places[("check",)], 'check "pattern" needs a "pattern"')
    try:
        re.compile(body.get("pattern", ""))
    except re.error as error:
        entry.faults.add(entry.places[("pattern",)], f"not a regular expression: {error.msg}")


def _check_vocabulary(body: Body, entry: Entry) -> None:
    if not body.get("codes") and not body.get("texts"):
        entry.faults.add(entry.places[()], "a term without codes and texts is never stated")


def _check_sensitive_category(body: Body, entry: Entry) -> None:
    if not any(body.get(name) for name in ("items", "codes", "texts", "report_categories")):
        entry.faults.add(entry.places[()], "a category without items, codes, texts and report_categories holds nothing")


INSTITUTION = Shape(
    kind="institution",
    section="institutions",
    fields={
        "code": Field(text(r"[A-Za-z0-9_\-]{1,64}", "a code (letters, digits, - _ up to 64)"), required=True),
        "name": Field(text(), required=True),
        "tier": Field(one_of(Tier, "tier"), required=True),
        "region": Field(REGION, required=True),
        "alliances": Field(many(text())),
        "identifiers": Field(many(pair)),
        "feed_interval_hours": Field(whole(0, 8760)),
    },
    key=_key("code"),
    csv=True,
)

SHAPES: tuple[Shape, ...] = (
    INSTITUTION,
    Shape(
        kind="policy",
        section="policy",
        fields={
            "region": Field(REGION),
            "time_zone": _TEXT,
            "name_rule": Field(one_of(NameRule, "name rule")),
            "critical_flags": _CODES,
            "unknown_identifier_systems": Field(one_of(("local", "ignore"), "way")),
            "regions": Field(
                many(record({"code": Field(REGION, True), "name": Field(text(), True), "mark": Field(text(), True)}))
            ),
            "consent": Field(
                record(
                    {
                        "basis": Field(one_of(ConsentBasis, "basis of consent")),
                        "count_withheld": Field(flag),
                        "break_glass_hours": Field(whole(1, 168)),
                    }
                )
            ),
            "overrides": Field(record({scope.value: Field(one_of(Leeway, "leeway")) for scope in OverrideScope})),
        },
        key=_policy_key,
        check=_check_policy,
    ),
    Shape(
        kind="identifier_system",
        section="identifier_systems",
        fields={
            "system": Field(URI, required=True),
            "aliases": Field(many(URI)),
            "kind": Field(one_of(IdentifierKind, "kind"), required=True),
            "strength": Field(one_of(Strength, "strength"), required=True),
            "check": Field(one_of(Check, "check")),
            "pattern": _TEXT,
            "fold": Field(many(one_of(Fold, "fold"))),
            "name_zh": _TEXT,
            "name_en": _TEXT,
        },
        key=_key("system"),
        check=_check_identifier_system,
    ),
    Shape(
        kind="vocabulary",
        section="vocabulary",
        fields={
            "dimension": Field(one_of(Dimension, "dimension"), required=True),
            "term": Field(_TERM, required=True),
            "name_zh": _TEXT,
            "name_en": _TEXT,
            "codes": _CODINGS,
            "texts": Field(many(text())),
        },
        key=_key("dimension", "term"),
        check=_check_vocabulary,
    ),
    Shape(
        kind="item",
        section="items",
        fields={
            "code": Field(CODE, required=True),
            "name_zh": Field(text(), required=True),
            "name_en": Field(text(), required=True),
            "specialty": Field(one_of(Specialty, "specialty"), required=True),
            "class": Field(text(r"\S{1,64}", "a class (no spaces)")),
            "loinc": Field(many(text(r"[0-9]{1,7}-[0-9]", "a LOINC number"))),
            **{dimension.value: Field(many(_TERM)) for dimension in Dimension},
            "window_days": Field(whole(0, 3650), required=True),
            "time_base": Field(one_of(TimeBase, "time base")),
            "needs_images": Field(flag),
            "recognized": Field(flag),
            "molar_mass": Field(text(r"[1-9][0-9]{0,6}(\.[0-9]{1,6})?", 'a molar mass in g/mol, as text: "180.156"')),
            "source": _TEXT,
            **_DATES,
        },
        key=_dated_key("code"),
        check=dates_in_order,
        csv=True,
        one_a_day=("code",),
    ),
    Shape(
        kind="mapping",
        section="mappings",
        fields={
            "institution": Field(_INSTITUTION, required=True),
            "system": Field(URI),
            "code": Field(text(), required=True),
            **{dimension.value: Field(_TERM) for dimension in Dimension},
            "item": Field(CODE, required=True),
            "note": _TEXT,
            **_DATES,
        },
        key=_mapping_key,
        check=_check_coded,
        csv=True,
        part="institution",
    ),
    Shape(
        kind="panel",
        section="panels",
        fields={
            "institution": Field(_INSTITUTION, required=True),
            "system": Field(URI),
            "code": Field(text(), required=True),
            "items": Field(many(CODE), required=True),
            "name": _TEXT,
            **_DATES,
        },
        key=_dated_key("institution", "system", "code"),
        check=_check_coded,
        csv=True,
        part="institution",
        one_a_day=("institution", "system", "code"),
    ),
    Shape(
        kind="grant",
        section="grants",
        fields={
            "institution": Field(CODE, required=True),
            "items": Field(many(_ITEMS), required=True),
            "range": Field(CODE, required=True),
            "quality_body": _TEXT,
            **_DATES,
        },
        key=_dated_key("institution", "range", "items"),
        check=dates_in_order,
        csv=True,
        part="institution",
    ),
    Shape(
        kind="price",
        section="prices",
        fields={
            "institution": Field(_INSTITUTION, required=True),
            "item": Field(CODE, required=True),
            "yuan": Field(text(r"[0-9]{1,7}(\.[0-9]{1,2})?", "an amount in yuan, e.g. 25.50"), required=True),
            **_DATES,
        },
        key=_dated_key("institution", "item"),
        check=dates_in_order,
        csv=True,
        part="institution",
        one_a_day=("institution", "item"),
    ),
    Shape(
        kind="override",
        section="overrides",
        fields={
            "scope": Field(_SCOPE, required=True),
            "item": Field(CODE, required=True),
            "window_days": Field(whole(0, 3650)),
            "time_base": Field(one_of(TimeBase, "time base")),
            "needs_images": Field(flag),
            "recognized": Field(flag),
            "note": _TEXT,
            **_DATES,
        },
        key=_dated_key("scope", "item"),
        check=_check_override,
        csv=True,
        part="scope",
        one_a_day=("scope", "item"),
    ),
    Shape(
        kind="rule",
        section="rules",
        fields={
            "code": Field(CODE, required=True),
            "issued_by": _REQUIRED_GROUP,
            "received_by": _REQUIRED_GROUP,
            "items": Field(many(_ITEMS)),
            "read_by": _GROUP,
            "alike": Field(many(one_of(Alike, "likeness"))),
            "quality_of": Field(one_of(QualityOf, "bearer of quality")),
            "note": _TEXT,
            **_DATES,
        },
        key=_key("code"),
        check=dates_in_order,
    ),
    Shape(
        kind="ground",
        section="grounds",
        fields={
            "code": Field(CODE, required=True),
            "name_zh": Field(text(), required=True),
            "name_en": Field(text(), required=True),
            "counts_as_refusal": Field(flag),
            "needs_text": Field(flag),
        },
        key=_key("code"),
    ),
    Shape(
        kind="agreement",
        section="agreements",
        fields={"publisher": Field(CODE, required=True), "performer": Field(CODE, required=True), **_DATES},
        key=_dated_key("publisher", "performer"),
        check=dates_in_order,
        csv=True,
    ),
    Shape(
        kind="region_set",
        section="region_sets",
        fields={
            "code": Field(CODE, required=True),
            "name": Field(text(), required=True),
            "mark": Field(text(), required=True),
            "regions": _REGIONS,
            "institutions": _CODES,
            "alliances": Field(many(text())),
        },
        key=_key("code"),
    ),
    Shape(
        kind="sensitive_category",
        section="sensitive_categories",
        fields={
            "code": Field(CODE, required=True),
            "name_zh": Field(text(), required=True),
            "name_en": Field(text(), required=True),
            "items": Field(many(_ITEMS_OR_CLASSES)),
            "codes": _CODINGS,
            "texts": Field(many(text())),
            "report_categories": Field(many(text())),
            "needs_grant": Field(flag),
        },
        key=_key("code"),
        check=_check_sensitive_category,
    ),
)
"""Every kind, institutions first."""

LISTS = frozenset({"alliances", "identifiers", "items", "loinc", *(each.value for each in Dimension)})
"""Columns of CSV files that hold lists; see lists_of."""


def lists_of(shape: Shape) -> frozenset[str]:
    """The columns of the shape's CSV files that hold lists separated by ";"."""
    return LISTS - frozenset(Dimension) if shape.kind == "mapping" else LISTS
