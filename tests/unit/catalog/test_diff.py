"""What an import would change, and what the entries become."""

from dataclasses import replace

import pytest
from hutong_server.catalog import Entries, build_rule_book, diff, read_catalog
from hutong_server.domain.identifiers import Check, Fold, Strength
from hutong_server.domain.person import NameRule
from hutong_server.domain.recognition import Alike, Dates, Dimension, Group, QualityOf, Tier, TimeBase
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import CatalogDiff, CatalogRow

CATALOG = b"""
policy:
  region: "9904"
  name_rule: exact
  critical_flags: [HH]
  unknown_identifier_systems: ignore
  regions: [{code: "99", name: p, mark: pHR}]
identifier_systems:
  - {system: urn:a, aliases: [urn:b], kind: health_card, strength: strong, check: pattern, pattern: "[0-9]+",
     fold: [width, hyphen]}
vocabulary:
  - {dimension: specimen, term: SERUM, codes: [{system: s, code: "1"}]}
items:
  - {code: K, name_zh: a, name_en: b, specialty: laboratory, class: ions, loinc: [2823-3], specimen: [SERUM],
     window_days: 7}
  - {code: N, name_zh: a, name_en: b, specialty: examination, window_days: 1, time_base: issued,
     needs_images: true, recognized: false, valid_to: 2025-01-31}
institutions:
  - {code: A, name: a, tier: secondary, region: "990421", alliances: [x],
     identifiers: ["urn:org|1"], feed_interval_hours: 24}
  - {code: B, name: b, tier: village, region: "990421"}
mappings:
  - {institution: A, system: l, code: k, specimen: SERUM, item: K, valid_from: 2025-01-01}
  - {institution: B, system: l, code: k, item: K}
grants:
  - {institution: A, items: [laboratory], range: national}
  - {institution: A, items: ["class:ions"], range: "99"}
  - {institution: A, items: ["*"], range: SET, valid_to: 2025-12-31}
rules:
  - code: R
    issued_by: {tiers: [village], regions: ["99"], alliances: [x], institutions: [A], sets: [SET]}
    received_by: {}
    items: [K]
    read_by: {tiers: [tertiary]}
    alike: [city]
    quality_of: reader
    valid_from: 2025-02-01
  - {code: OPEN, issued_by: {}, received_by: {}}
grounds:
  - {code: "98", name_zh: a, name_en: b, counts_as_refusal: false, needs_text: true}
agreements:
  - {publisher: A, performer: B, valid_to: 2025-06-30}
region_sets:
  - {code: SET, name: set, mark: setHR, regions: ["98"], institutions: [B], alliances: [y]}
"""
IMPORTED = read_catalog([("all.yaml", CATALOG)], ())


def test_entries_become_rules() -> None:
    book = build_rule_book(3, IMPORTED.institutions, IMPORTED.rows)
    assert book.version == 3
    assert (book.policy.region, book.policy.name_rule, book.policy.critical_flags) == ("9904", NameRule.EXACT, ("HH",))
    assert book.policy.unknown_identifier_systems == "ignore"
    system = book.identifier_systems["urn:b"]
    assert (system.strength, system.check, system.fold) == (Strength.STRONG, Check.PATTERN, (Fold.WIDTH, Fold.HYPHEN))
    item, negative = book.items["K"][0], book.items["N"][0]
    assert (item.window_days, item.time_base, item.needs_images, item.recognized) == (
        7,
        TimeBase.EFFECTIVE,
        False,
        True,
    )
    assert item.terms == ((Dimension.SPECIMEN, ("SERUM",)),)
    assert (negative.time_base, negative.needs_images, negative.recognized) == (TimeBase.ISSUED, True, False)
    assert negative.dates == Dates("", "2025-01-31")
    assert [each.item for each in book.mappings["*", "http://loinc.org", "2823-3"]] == ["K"]
    mapping = book.mappings["A", "l", "k"][0]
    assert (mapping.terms, mapping.dates) == (((Dimension.SPECIMEN, "SERUM"),), Dates("2025-01-01"))
    assert {(grant.range, grant.mark) for grant in book.grants["A"]} == {
        ("national", "全国HR"),
        ("99", "pHR"),
        ("SET", "setHR"),
    }
    rule = next(each for each in book.rules if each.code == "R")
    assert rule.issued_by == Group((Tier.VILLAGE,), ("99",), ("x",), ("A",), ("SET",))
    assert (rule.read_by, rule.alike, rule.quality_of) == (Group((Tier.TERTIARY,)), (Alike.CITY,), QualityOf.READER)
    assert (rule.items, rule.dates) == (("K",), Dates("2025-02-01"))
    assert (book.grounds[0].counts_as_refusal, book.grounds[0].needs_text) == (False, True)
    assert book.may_publish_for("A", "B", "2025-06-30")
    assert not book.may_publish_for("A", "B", "2025-07-01")
    assert book.region_sets["SET"].alliances == ("y",)
    institution = book.institution("A")
    assert institution is not None
    assert (institution.identifiers, institution.feed_interval_hours) == ((("urn:org", "1"),), 24)


def contents(book: RuleBook) -> list[object]:
    """What a book holds, in its order."""
    return [
        book.version, book.policy, book.institutions, list(book.items.items()), list(book.mappings.items()),
        list(book.grants.items()), book.rules, book.grounds, book.vocabulary, list(book.region_sets.items()),
        [book.price_of(code, item, "2026-01-01") for code in ("A", "B") for item in ("K", "N")],
        [book.item_for(book.items["K"][0], code, "2026-01-01") for code in ("A", "B")],
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "policy: {regions: [{code: '99', name: q, mark: qHR}]}",
        "region_sets: []",
        "mappings: [{institution: A, system: l, code: a, item: K}, {institution: B, system: l, code: k, item: N}]",
        "mappings: [{institution: A}]",
        "grants: [{institution: A, items: [K], range: national}, {institution: B, items: [K], range: '99'}]",
        "prices: [{institution: A, item: K, yuan: 3}, {institution: '*', item: N, yuan: 0.5}]",
        "overrides: [{scope: 'institution:B', item: K, window_days: 2}]",
        "rules: []",
        "items: [{code: K, name_zh: a, name_en: b, specialty: laboratory, class: ions, loinc: [1-8], window_days: 9}]",
        "grounds: [{code: '1', name_zh: a, name_en: b}, {code: '98', name_zh: c, name_en: b}]",
        "panels: [{institution: A, system: l, code: p, items: [K, N]}]",
    ],
)
def test_a_version_reached_by_what_differs_is_that_version(text: str) -> None:
    new = read_catalog([("f.yaml", text.encode())], IMPORTED.rows, IMPORTED.institutions)
    changes = diff(IMPORTED.rows, IMPORTED.institutions, new)
    rows = {(row.kind, row.key): row for row in IMPORTED.rows}
    for change in changes:
        if change.after:
            rows[change.kind, change.key] = CatalogRow(change.kind, change.key, change.after)
        else:
            del rows[change.kind, change.key]
    whole = build_rule_book(4, IMPORTED.institutions, [rows[key] for key in sorted(rows)])
    entries = Entries(IMPORTED.rows)
    entries.book(3, IMPORTED.institutions)
    for _ in range(2):
        entries.take(changes)
        assert contents(entries.book(4, IMPORTED.institutions)) == contents(whole)
    assert changes


def test_the_same_import_again_changes_nothing() -> None:
    assert diff(IMPORTED.rows, IMPORTED.institutions, IMPORTED) == []
    suspended = [replace(each, access_suspended=True, quality_suspended_since=5) for each in IMPORTED.institutions]
    assert diff(IMPORTED.rows, suspended, IMPORTED) == []


def test_into_an_empty_catalogue_everything_is_added() -> None:
    changes = diff((), (), IMPORTED)
    assert {change.change for change in changes} == {"added"}
    assert len(changes) == len(IMPORTED.rows) + len(IMPORTED.institutions)
    assert changes[0].kind == "institution"
    assert all(change.after and not change.before for change in changes)


def test_mappings_and_grants_are_replaced_by_institution() -> None:
    new = read_catalog(
        [("mappings.csv", b"institution,system,code,item\nA,l,k2,K\n")], IMPORTED.rows, IMPORTED.institutions
    )
    assert [(each.change, each.kind, each.key) for each in diff(IMPORTED.rows, (), new)] == [
        ("added", "mapping", "A|l|k2||K"),
        ("removed", "mapping", "A|l|k|specimen=SERUM|K|2025-01-01"),
    ]


def test_other_kinds_are_replaced_whole() -> None:
    text = b"""items:
  - {code: K, name_zh: a, name_en: b, specialty: laboratory, class: ions, loinc: [2823-3], specimen: [SERUM],
     window_days: 8}
"""
    new = read_catalog([("items.yaml", text)], IMPORTED.rows, IMPORTED.institutions)
    changes = diff(IMPORTED.rows, IMPORTED.institutions, new)
    assert [(each.change, each.key) for each in changes] == [("changed", "K"), ("removed", "N")]
    assert '"window_days":7' in changes[0].before
    assert '"window_days":8' in changes[0].after
    assert changes[1].after == ""


def test_institutions_are_added_or_changed_never_removed() -> None:
    text = b"institutions:\n  - {code: A, name: new name, tier: secondary, region: '990421'}\n"
    changes = diff((), IMPORTED.institutions, read_catalog([("i.yaml", text)]))
    assert [(each.change, each.kind, each.key) for each in changes] == [("changed", "institution", "A")]


@pytest.mark.parametrize("empty", [b"", b"# nothing\n", b"items:\n", b"items: []\n"])
def test_an_empty_section_empties_its_kind_and_no_other(empty: bytes) -> None:
    new = read_catalog([("f.yaml", empty)])
    removed = {change.kind for change in diff(IMPORTED.rows, (), new)}
    assert removed == ({"item"} if b"items" in empty else set())


def test_dated_versions_of_an_item() -> None:
    text = b"""items:
  - {code: K, name_zh: a, name_en: b, specialty: laboratory, window_days: 7, valid_to: 2025-06-30}
  - {code: K, name_zh: a, name_en: b, specialty: laboratory, window_days: 10, valid_from: 2025-07-01}
"""
    rows = read_catalog([("items.yaml", text)], ()).rows
    assert [row.key for row in rows] == ["K", "K|2025-07-01"]
    assert [each.window_days for each in build_rule_book(1, (), rows).items["K"]] == [7, 10]


def test_a_region_without_a_name_lends_its_code_to_the_mark() -> None:
    row = CatalogRow("grant", "A|42|*", '{"institution":"A","items":["*"],"range":"42"}')
    assert build_rule_book(1, (), [row]).grants["A"][0].mark == "42HR"
    assert diff([row], (), read_catalog([("grants.csv", b"institution,items,range\n")])) == []
    assert isinstance(diff([row], (), IMPORTED)[0], CatalogDiff)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("mappings.csv", b"institution,system,code,item\nA,,,\n"),
        ("m.yaml", b"mappings:\n  - {institution: A}\n"),
        ("m.yaml", b"mappings:\n  - {institution: A, code: ''}\n"),
    ],
)
def test_an_entry_that_states_nothing_but_its_institution_empties_its_part(name: str, text: bytes) -> None:
    new = read_catalog([(name, text)], IMPORTED.rows, IMPORTED.institutions)
    changes = diff(IMPORTED.rows, IMPORTED.institutions, new)
    assert [(each.change, each.key) for each in changes] == [("removed", "A|l|k|specimen=SERUM|K|2025-01-01")]
