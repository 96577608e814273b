"""Conversion by exact factors, and the official functional tests of UCUM."""

import os
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hutong_server.units.ucum import factor, is_ucum

DATA = Path(os.environ.get("HUTONG_TEST_DATA") or Path(__file__).parents[3] / ".." / "shared" / "data")
OFFICIAL = DATA / "ucum" / "functional-tests" / "UcumFunctionalTests.xml"


def cases_of(kind: str) -> list[ElementTree.Element]:
    return list(ElementTree.parse(OFFICIAL).getroot().iterfind(f"{kind}/case"))  # noqa: S314  a file of ours to read


official = pytest.mark.skipif(
    not OFFICIAL.exists(), reason="HUTONG_TEST_DATA is not set and ../shared/data is not there"
)


@official
def test_the_official_validations_pass() -> None:
    cases = cases_of("validation")
    wrong = {case.attrib["unit"] for case in cases if is_ucum(case.attrib["unit"]) != (case.attrib["valid"] == "true")}
    print(f"{len(cases) - len(wrong)} of {len(cases)} validations pass")
    # ucumvert 0.3.2 reads a sign within 10+3 as UCUM's grammar does not, and pint has no [pH].
    assert wrong == {"10+3/ul", "[pH]"}
    assert len(cases) > 500


@official
def test_the_official_conversions_pass_or_are_refused() -> None:
    cases = cases_of("conversion")
    refused = set()
    for case in cases:
        source, target, outcome = case.attrib["srcUnit"], case.attrib["dstUnit"], case.attrib["outcome"]
        found = factor(source, target)
        if found is None:
            refused.add((source, target))
            continue
        written = outcome.lower().partition("e")[0]
        digits = len((written.replace(".", "") if "." in written else written.rstrip("0")).lstrip("-0")) or 1
        converted = float(Fraction(case.attrib["value"]) * found[0])
        assert f"{converted:.{min(digits, 12)}g}" == f"{float(outcome):.{min(digits, 12)}g}", case.attrib
    print(f"{len(cases) - len(refused)} of {len(cases)} conversions pass, {len(refused)} refused as not exact")
    # By π, which no ratio is.
    assert refused == {("[mu_0]", "g.m.C-2")}


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("g/L", "mg/dL", Fraction(100)),
        ("umol/L", "mmol/L", Fraction(1, 1000)),
        ("10*9/L", "10*3/uL", Fraction(1)),
        ("/uL", "10*6/L", Fraction(1)),
        ("mmol/mol", "%", Fraction(1, 10)),
        ("mg/d", "g/h", Fraction(1, 24000)),
        ("u[IU]/mL", "m[IU]/L", Fraction(1)),
        ("mL/min/{1.73_m2}", "mL/min", Fraction(1)),
        ("meq/L", "mmol/L", Fraction(1)),
        ("Cel", "Cel", Fraction(1)),
    ],
)
def test_factors_are_exact_both_ways(source: str, target: str, expected: Fraction) -> None:
    assert factor(source, target) == (expected, False)
    assert factor(target, source) == (1 / expected, False)


def test_mass_and_amount_need_the_molar_mass() -> None:
    glucose = Fraction("180.156")
    assert factor("mmol/L", "mg/dL") is None
    assert factor("mmol/L", "mg/dL", glucose) == (glucose / 10, True)
    assert factor("mg/dL", "mmol/L", glucose) == (10 / glucose, True)
    assert factor("g/L", "mg/dL", glucose) == (Fraction(100), False)
    assert factor("mmol/L", "mg/dL", Fraction(0)) is None


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("Cel", "K"),
        ("[degF]", "Cel"),
        ("[pH]", "mol/L"),
        ("[IU]/L", "U/L"),
        ("[arb'U]/L", "[IU]/L"),
        ("mg/dL", "s"),
        ("mg/dl?", "mg/dL"),
        ("", "mg/dL"),
        ("μmol/L", "umol/L"),
        ("g" * 100, "g"),
    ],
)
def test_what_no_factor_converts_is_not_converted(source: str, target: str) -> None:
    assert factor(source, target, Fraction(100)) is None
    assert factor(target, source, Fraction(100)) is None
