"""What directives amount to at a moment, and which results are sensitive."""

import pytest
from hutong_server.domain.consent import Directive, Effect, Opening, Scope, Withheld, consent_of
from hutong_server.domain.recognition import Mapping, RecognizedItem, SensitiveCategory, Specialty
from hutong_server.domain.rulebook import RuleBook

from tests.building import LOINC, NOW

HOUR = 3_600_000
HIV = frozenset({"hiv"})
BOTH = frozenset({"hiv", "genetic"})
NONE: frozenset[str] = frozenset()


def directive(
    effect: Effect = Effect.WITHHOLD,
    scope: Scope = Scope.EVERYTHING,
    target: str = "",
    *,
    begins: int = NOW - HOUR,
    ends: int | None = None,
    revoked: int | None = None,
) -> Directive:
    return Directive(b"d" * 16, b"p" * 16, effect, scope, target, begins, ends, "H1", NOW - HOUR, "", revoked)


ALLOW_HIV = directive(Effect.ALLOW, Scope.CATEGORY, "hiv")
CONSENT, SENSITIVE = Withheld.CONSENT_WITHHELD, Withheld.SENSITIVE_CATEGORY


@pytest.mark.parametrize(
    ("directives", "needing", "categories", "issuers", "expected"),
    [
        ([], NONE, NONE, ("H1",), None),
        ([directive()], NONE, NONE, ("H1",), CONSENT),
        ([directive(scope=Scope.INSTITUTION, target="H1")], NONE, NONE, ("H1",), CONSENT),
        ([directive(scope=Scope.INSTITUTION, target="L")], NONE, NONE, ("H1", "L"), CONSENT),
        ([directive(scope=Scope.INSTITUTION, target="H2")], NONE, NONE, ("H1",), None),
        ([directive(scope=Scope.CATEGORY, target="hiv")], NONE, HIV, ("H1",), CONSENT),
        ([directive(scope=Scope.CATEGORY, target="hiv")], NONE, NONE, ("H1",), None),
        ([], HIV, HIV, ("H1",), SENSITIVE),
        ([], HIV, NONE, ("H1",), None),
        ([ALLOW_HIV], HIV, HIV, ("H1",), None),
        # Two categories need two grants.
        ([ALLOW_HIV], BOTH, BOTH, ("H1",), SENSITIVE),
        ([ALLOW_HIV, directive(Effect.ALLOW, Scope.CATEGORY, "genetic")], BOTH, BOTH, ("H1",), None),
        # What withholds wins.
        ([ALLOW_HIV, directive(scope=Scope.CATEGORY, target="hiv")], HIV, HIV, ("H1",), CONSENT),
        ([ALLOW_HIV, directive()], HIV, HIV, ("H1",), CONSENT),
    ],
)
def test_one_result(
    directives: list[Directive],
    needing: frozenset[str],
    categories: frozenset[str],
    issuers: tuple[str, ...],
    expected: Withheld | None,
) -> None:
    consent = consent_of(directives, needing, NOW)
    assert consent.withholds(categories, *issuers) == expected
    if consent.open:
        assert expected is None


@pytest.mark.parametrize(
    ("begins", "ends", "revoked", "holds"),
    [
        (NOW, None, None, True),
        (NOW + 1, None, None, False),
        (NOW - 1, NOW, None, False),
        (NOW - 1, NOW + 1, None, True),
        (NOW - 1, None, NOW, False),
    ],
)
def test_a_directive_holds_from_its_first_moment_until_its_last(
    begins: int, ends: int | None, revoked: int | None, holds: bool
) -> None:
    given = directive(begins=begins, ends=ends, revoked=revoked)
    assert given.holds(NOW) is holds
    assert (consent_of([given], NONE, NOW).withholds(NONE, "H1") is not None) is holds


def test_a_grant_that_has_ended_grants_nothing() -> None:
    ended = directive(Effect.ALLOW, Scope.CATEGORY, "hiv", ends=NOW)
    assert consent_of([ended], HIV, NOW).withholds(HIV, "H1") is SENSITIVE
    assert consent_of([ended], HIV, NOW - 1).withholds(HIV, "H1") is None


def test_an_opening_serves_one_practitioner_of_one_institution_for_its_time() -> None:
    opening = Opening(b"o" * 16, b"p" * 16, "H2", "dr", "v", "unconscious", NOW, NOW + 24 * HOUR)
    assert opening.serves("H2", "dr", NOW)
    assert opening.serves("H2", "dr", NOW + 24 * HOUR - 1)
    assert not opening.serves("H2", "dr", NOW + 24 * HOUR)
    assert not opening.serves("H2", "dr", NOW - 1)
    assert not opening.serves("H2", "other", NOW)
    assert not opening.serves("H3", "dr", NOW)


def book(*categories: SensitiveCategory) -> RuleBook:
    return RuleBook(
        items=[
            RecognizedItem("HIV-AB", "艾滋病抗体", "HIV antibodies", Specialty.LABORATORY, "infection"),
            RecognizedItem("K", "钾", "potassium", Specialty.LABORATORY, "electrolytes"),
        ],
        mappings=[
            Mapping("*", LOINC, "56888-1", "HIV-AB"),
            Mapping("*", LOINC, "2823-3", "K"),
            Mapping("H1", "urn:h1", "L99", "HIV-AB"),
            Mapping("H1", "urn:h1", "L99", "K"),
            Mapping("H1", "", "初筛", "HIV-AB"),
            Mapping("H1", "urn:h1", "GONE", "RETIRED"),
        ],
        sensitive=categories,
    )


@pytest.mark.parametrize("items", [("HIV-AB",), ("class:infection",)])
def test_a_result_is_sensitive_by_any_mapping_to_an_item(items: tuple[str, ...]) -> None:
    of = book(SensitiveCategory("hiv", "", "", items=items)).sensitivity.of_codes
    assert of(((LOINC, "56888-1"),), "H9") == HIV
    # LOINC under its OID is the same system.
    assert of((("urn:oid:2.16.840.1.113883.6.1", "56888-1"),), "H9") == HIV
    assert of(((LOINC, "2823-3"),), "H1") == NONE
    # A code that may mean it is treated as if it did; another institution's code of that name is not.
    assert of((("urn:h1", "L99"),), "H1") == HIV
    assert of((("urn:h1", "L99"),), "H2") == NONE
    assert of((("urn:h1", "L99"),), "H2", "H1") == HIV
    assert of((("", " 初筛"),), "H1") == HIV
    # One sensitive code among others is enough.
    assert of(((LOINC, "2823-3"), (LOINC, "56888-1")), "H1") == HIV


def test_a_result_is_sensitive_by_a_code_or_a_text() -> None:
    sensitivity = book(
        SensitiveCategory("hiv", "", "", codes=((LOINC, "31201-7"), ("", "ＨＩＶ 抗体"))),
        SensitiveCategory("genetic", "", "", codes=((LOINC, "31201-7"),), needs_grant=False),
    ).sensitivity
    assert sensitivity.of_codes(((LOINC, "31201-7"),), "H1") == BOTH
    assert sensitivity.of_codes((("", "hiv  抗体"),), "H1") == HIV
    assert sensitivity.of_codes((("", "hiv"),), "H1") == NONE
    assert sensitivity.needing_grant == HIV


def test_a_mapping_to_an_item_that_is_gone_still_counts() -> None:
    sensitivity = book(SensitiveCategory("hiv", "", "", items=("RETIRED",))).sensitivity
    assert sensitivity.of_codes((("urn:h1", "GONE"),), "H1") == HIV


def test_a_report_is_sensitive_by_category_or_code() -> None:
    sensitivity = book(
        SensitiveCategory("genetic", "", "", codes=((LOINC, "81247-9"),), report_categories=("GE",))
    ).sensitivity
    genetic = frozenset({"genetic"})
    assert sensitivity.of_report(("LAB", "ge"), (), "H1") == genetic
    assert sensitivity.of_report(("LAB",), ((LOINC, "81247-9"),), "H1") == genetic
    assert sensitivity.of_report(("LAB",), ((LOINC, "24326-1"),), "H1") == NONE


def test_without_categories_nothing_is_sensitive() -> None:
    assert book().sensitivity.of_codes(((LOINC, "56888-1"),), "H1") == NONE
    assert book().sensitivity.of_report(("GE",), ((LOINC, "81247-9"),), "H1") == NONE


def test_what_is_plain_belongs_to_no_category() -> None:
    """The short way agrees with the long one, whoever uses the codes, asked once or again."""
    sensitivity = book(SensitiveCategory("hiv", "", "", items=("HIV-AB",), codes=(("", "ＨＩＶ"),))).sensitivity
    keys = [
        (LOINC, "56888-1"),
        ("urn:oid:2.16.840.1.113883.6.1", "56888-1"),
        (LOINC, "2823-3"),
        ("urn:h1", "L99"),
        ("urn:h2", "L99"),
        ("", " hiv "),
        ("", "钾"),
    ]
    for _ in range(2):
        for one in keys:
            for other in keys:
                belongs = sensitivity.of_codes((one, other), "H1", "H2")
                assert sensitivity.plain((one, other)) is not bool(belongs)
    assert not sensitivity.plain((("urn:h1", "L99"),))
    assert sensitivity.plain(())
