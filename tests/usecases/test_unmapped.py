"""What is counted of codes that lead nowhere, and told to administrators."""

import secrets

import pytest
from hutong_server.domain.recognition import Mapping
from hutong_server.domain.unmapped import UnmappedResult
from hutong_server.store.base import Store
from hutong_server.store.base_unmapped import UnmappedRow
from hutong_server.trust.tokens import HmacTokens
from hutong_server.usecases import unmapped
from hutong_server.usecases.unmapped import Tally, Unmapped, keep_tally, list_unmapped

from tests.building import LOINC, NOW, report, resident_number, result
from tests.usecases.conftest import Registry, rule_book

TOKENS = HmacTokens(secrets.token_bytes(32))
CODED = UnmappedResult("H1", "urn:l", "X1", "某项")
TEXT = UnmappedResult("H1", "", "凝血 四项", "")


def keep(store: Store, *seen: UnmappedResult, patient: bytes = b"p1", now: int = NOW, version: int = 7) -> None:
    tally = Tally()
    tally.add({"H1": len(seen) + 1}, seen, patient, now, version)
    store.submit(keep_tally(tally, TOKENS)).result(30)


def listed(store: Store, *mappings: Mapping, version: int = 7, institution: str = "") -> Unmapped:
    book = rule_book()
    for each in mappings:
        book.mappings[each.institution, each.system, each.code] = (each,)
    book.version = version
    return store.read(lambda reader: list_unmapped(reader, book, TOKENS, institution))


def codes(store: Store, *mappings: Mapping, version: int = 7) -> list[tuple[str, str, str, int]]:
    return [
        (row.system, row.code, row.display, row.occurrences) for row in listed(store, *mappings, version=version).codes
    ]


def test_occurrences_add_up(store: Store) -> None:
    keep(store, CODED, CODED)
    keep(store, CODED, now=NOW + 5, version=8)
    (row,) = listed(store).codes
    assert (row.institution, row.occurrences, row.first_seen, row.last_seen, row.rules_version) == (
        "H1", 3, NOW, NOW + 5, 8,
    )  # fmt: skip
    assert listed(store).per_mille == {"H1": 600}
    assert listed(store, institution="H2") == Unmapped((), {})


def test_words_are_told_once_they_came_with_three_patients(store: Store) -> None:
    for patient in (b"p1", b"p2", b"p2", b"", b"p1"):
        keep(store, TEXT, CODED, patient=patient)
    assert codes(store) == [("urn:l", "X1", "", 5)]
    kept = store.read(lambda reader: reader.unmapped_codes())
    assert not [row for row in kept if "凝血" in repr(row) or "某项" in repr(row)]
    keep(store, TEXT, CODED, patient=b"p3")
    assert sorted(codes(store)) == [("", "凝血 四项", "", 6), ("urn:l", "X1", "某项", 6)]
    # Compared folded.
    keep(store, UnmappedResult("H1", "", "凝血  四项", ""), patient=b"p1")
    assert ("", "凝血 四项", "", 7) in [(each[0], " ".join(each[1].split()), each[2], each[3]) for each in codes(store)]


def test_what_is_mapped_by_now_is_not_listed(store: Store) -> None:
    keep(store, CODED, TEXT)
    mapping = Mapping("H1", "urn:l", "X1", "K")
    assert codes(store, mapping, version=8) == []
    # One that stood already when it was last seen led it nowhere all the same.
    assert codes(store, mapping) == [("urn:l", "X1", "", 1)]
    assert codes(store, Mapping("H2", "urn:l", "X1", "K"), version=8) == [("urn:l", "X1", "", 1)]
    assert listed(store, mapping, version=8).per_mille == {"H1": 333}
    # Words that are not told are known by their digest.
    both = (mapping, Mapping("H1", "", "凝血 四项", "K"))
    assert listed(store, *both, version=8).per_mille == {"H1": 0}


def test_a_code_is_told_once_though_its_key_was_exchanged(store: Store) -> None:
    keep(store, CODED)
    tally = Tally()
    tally.add({"H1": 2}, (CODED, CODED), b"p9", NOW + 9, 7)
    store.submit(keep_tally(tally, HmacTokens(secrets.token_bytes(32)))).result(30)
    (row,) = listed(store).codes
    assert (row.occurrences, row.first_seen, row.last_seen) == (3, NOW, NOW + 9)


def test_what_may_not_be_told_is_counted(store: Store) -> None:
    keep(store, UnmappedResult("H1", "", "", ""))
    assert listed(store) == Unmapped((), {"H1": 500})


def test_an_institution_has_no_more_codes_than_can_be_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unmapped, "MAX_CODES", 2)
    for number in range(4):
        keep(store, CODED._replace(code=f"X{number}"))
    keep(store, CODED._replace(code="X0"))
    assert codes(store) == [("urn:l", "X0", "", 2), ("urn:l", "X1", "", 1)]
    kept: list[UnmappedRow] = store.read(lambda reader: reader.unmapped_codes())
    assert sum(row.occurrences for row in kept) == 5


def test_a_tally_that_could_not_be_kept_is_merged() -> None:
    one, other, both = Tally(), Tally(), Tally()
    for tally in (one, both):
        tally.add({"H1": 2}, (CODED,), b"p1", NOW, 7)
    for tally in (other, both):
        tally.add({"H1": 1, "H2": 1}, (CODED, TEXT), b"p2", NOW + 1, 8)
    one.merge(other)
    assert (one.codes, one.results) == (both.codes, both.results)
    assert one
    assert not Tally()


def test_publishing_says_what_it_found(registry: Registry) -> None:
    reading = report(results=(result(), result("9999-9", ordinal=1)))
    (first,) = registry.publish(reading)
    assert first.seen is not None
    assert first.seen.institutions == ("H1", "H1")
    assert first.seen.unmapped == (UnmappedResult("H1", LOINC, "9999-9", "Potassium"),)
    (again,) = registry.publish(reading)
    assert again.unchanged
    assert again.seen is None
    (checked,) = registry.publish(report("R2", number=resident_number(2), results=(result("9999-9"),)))
    assert checked.seen is not None
