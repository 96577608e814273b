"""Patient identifiers: folding, checks, and whom they name."""

import pytest
from hutong_server.domain.identifiers import (
    Check,
    Fold,
    Identifier,
    IdentifierFault,
    IdentifierKind,
    IdentifierSystem,
    Strength,
    by_uri,
    check_digit,
    normalise,
    resident_number,
)
from hutong_server.domain.recognition import Institution, Policy, Tier
from hutong_server.domain.report import Party, RawIdentifier
from hutong_server.domain.rulebook import RuleBook
from hypothesis import given
from hypothesis import strategies as st

RESIDENT = "urn:oid:2.16.156.10011.1.3"
PASSPORT = "urn:passport"
RECORD = "urn:record"
SYSTEMS = (
    IdentifierSystem(RESIDENT, IdentifierKind.RESIDENT, Strength.STRONG, ("urn:alias",), Check.GB11643),
    IdentifierSystem(PASSPORT, IdentifierKind.PASSPORT, Strength.STRONG, (), Check.PATTERN, "[A-Z][0-9]{8}"),
    IdentifierSystem(RECORD, IdentifierKind.MEDICAL_RECORD, Strength.LOCAL, fold=(Fold.WIDTH, Fold.SPACE, Fold.HYPHEN)),
)
# Division 990401 does not exist. Check digits worked out apart: the weight of place i is 2^(17-i) mod 11.
NUMBER = "990401198001011232"
NUMBER_X = "99040119800101015X"


def amount_to(system: str, value: str, assigner: str = "", policy: Policy | None = None) -> object:
    return normalise(RawIdentifier(system, value, assigner, "path"), by_uri(SYSTEMS), "OWN", policy or Policy())


def test_the_standard_s_own_example() -> None:
    # GB 11643—1999, annex: 11010519491231002X.
    assert check_digit("11010519491231002") == "X"


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (NUMBER, NUMBER),
        (NUMBER_X, NUMBER_X),
        (NUMBER_X.lower(), NUMBER_X),
        ("９９０４０１１９８００１０１０１５Ｘ", NUMBER_X),
        ("９９０４０１１９８００１０１０１５ｘ", NUMBER_X),
        (f"  {NUMBER[:6]} {NUMBER[6:14]}　{NUMBER[14:]}\t", NUMBER),
        ("990401800101015", NUMBER_X),
        ("９９０４０１８００１０１０１５", NUMBER_X),
    ],
)
def test_resident_numbers_written_differently_are_one(written: str, value: str) -> None:
    assert amount_to(RESIDENT, written) == Identifier(RESIDENT, "", value, True)
    assert amount_to("urn:alias", written, "SOMEBODY") == Identifier(RESIDENT, "", value, True)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (NUMBER[:-1] + "0", "check digit"),
        (NUMBER[:-1] + "X", "check digit"),
        (NUMBER[:16] + NUMBER[17] + NUMBER[16], "check digit"),
        (NUMBER[:-1], "18 characters"),
        (NUMBER + "1", "18 characters"),
        ("A" + NUMBER[1:], "18 characters"),
        ("٩" * 18, "18 characters"),
        ("990401198002301234", "birth date"),
        ("990401198013011234", "birth date"),
        ("990401000001011234", "birth date"),
        ("990401170001011234", "birth date"),
        ("990401801301016", "birth date"),
        ("9904018001010X6", "18 characters"),
    ],
)
def test_wrong_resident_numbers_are_faults_without_their_value(written: str, message: str) -> None:
    fault = amount_to(RESIDENT, written)
    assert isinstance(fault, IdentifierFault)
    assert message in fault.message
    assert (fault.path, fault.system) == ("path", RESIDENT)
    assert written not in fault.message


@given(st.integers(0, 16), st.integers(1, 9))
def test_every_single_wrong_digit_is_found(place: int, shift: int) -> None:
    wrong = str((int(NUMBER[place]) + shift) % 10)
    assert isinstance(resident_number(NUMBER[:place] + wrong + NUMBER[place + 1 :]), IdentifierFault)


@given(st.text(max_size=30))
def test_any_text_is_a_number_or_a_fault(text: str) -> None:
    got = amount_to(RESIDENT, text)
    assert got is None or isinstance(got, IdentifierFault | Identifier)


@pytest.mark.parametrize("value", ["", "  ", "　"])
def test_an_empty_identifier_does_not_count(value: str) -> None:
    assert amount_to(RESIDENT, value) is None


def test_patterns() -> None:
    assert amount_to(PASSPORT, " e1234 5678") == Identifier(PASSPORT, "", "E12345678", True)
    assert isinstance(amount_to(PASSPORT, "E123"), IdentifierFault)
    assert isinstance(amount_to(PASSPORT, "E12345678\nE12345678"), IdentifierFault)


def test_a_local_number_counts_within_its_assigner() -> None:
    assert amount_to(RECORD, "１２ 3-4a") == Identifier(RECORD, "OWN", "1234a", False)
    assert amount_to(RECORD, "1234a", " H2 ") == Identifier(RECORD, "H2", "1234a", False)


def test_unknown_systems_follow_the_region() -> None:
    assert amount_to("urn:other", "A-1", "H2") == Identifier("urn:other", "H2", "A-1", False)
    assert amount_to("", "A-1") == Identifier("", "OWN", "A-1", False)
    assert amount_to("urn:other", "A-1", policy=Policy(unknown_identifier_systems="ignore")) is None


@pytest.mark.parametrize("value", ["a\x00b", "a\u202eb", "x" * 129])
def test_values_that_no_system_has_are_faults(value: str) -> None:
    for system in (RECORD, "urn:other"):
        assert isinstance(amount_to(system, value), IdentifierFault)


def institution(code: str, name: str, *identifiers: tuple[str, str]) -> Institution:
    return Institution(code, name, Tier.SECONDARY, "990421", identifiers=identifiers)


BOOK = RuleBook(
    institutions=[
        institution("H1", "县医院", ("urn:org", "111")),
        institution("H2", "中心医院", ("urn:org", "222"), ("urn:shared", "9")),
        institution("H3", "中心医院", ("urn:shared", "9")),
    ]
)


@pytest.mark.parametrize(
    ("party", "code"),
    [
        (Party((("urn:org", "111"),)), "H1"),
        (Party((("urn:else", "H2"),)), "H2"),
        (Party((), "县医院"), "H1"),
        (Party((), " 县医院　"), "H1"),
        (Party((("urn:org", "222"),), "县医院"), "H2"),
        (Party((), "中心医院"), ""),
        (Party((("urn:shared", "9"),)), ""),
        (Party((("urn:org", "111"), ("urn:org", "222"))), ""),
        (Party((("urn:org", "333"),), "省医院"), ""),
        (Party(), ""),
    ],
)
def test_institutions_as_documents_name_them(party: Party, code: str) -> None:
    assert BOOK.institution_named(party) == code


def test_an_assigner_in_words_is_its_institution() -> None:
    for assigner in ("H1", "县医院"):
        assert BOOK.identifier(RawIdentifier("urn:mrn", "7", assigner), "H2") == Identifier("urn:mrn", "H1", "7", False)
    # Two have that name: the words themselves part them from everybody else.
    named = BOOK.identifier(RawIdentifier("urn:mrn", "7", "中心医院"), "H1")
    assert named == Identifier("urn:mrn", "中心医院", "7", False)
