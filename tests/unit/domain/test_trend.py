"""Series of one item: what is comparable stands together, what converts stands beside, nothing is lost or reordered."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hutong_server.domain.trend import (
    MAX_POINTS,
    UCUM,
    Reading,
    Series,
    converted,
    factor_text,
    number_of,
    series_of,
    ucum_of,
)
from hutong_server.units import ucum
from hypothesis import given, settings
from hypothesis import strategies as st

GLUCOSE = Fraction("180.156")
UNITS = ("mmol/L", "mg/dL", "g/L", "umol/L", "", "次")


def reading(number: int, time: int, value: str = "5.0", unit: str = "mmol/L", **more: str) -> Reading:
    code = unit if ucum.is_ucum(unit) else ""
    return Reading(number, time, value, unit, code, more.get("method", ""), more.get("specimen", "serum"))


def trend(*readings: Reading, target: str = "", mass: Fraction | None = GLUCOSE) -> tuple[Series, ...]:
    return series_of(readings, ucum, target, mass)


def test_one_unit_is_one_series_oldest_first() -> None:
    (only,) = trend(reading(0, 30, "5.10"), reading(1, 10, "4.9"), reading(2, 20, ""))
    assert [(point.number, point.value, point.converted) for point in only.points] == [
        (1, "4.9", ""),
        (2, "", ""),
        (0, "5.10", ""),
    ]
    assert (only.unit, only.ucum, only.method, only.specimen, only.conversion) == ("mmol/L", "mmol/L", "", "", None)


def test_other_units_are_converted_beside_and_marked() -> None:
    newest, older = trend(reading(0, 10, "90", "mg/dL"), reading(1, 20, "5.10"))
    assert (newest.unit, newest.conversion) == ("mmol/L", None)
    assert older.conversion is not None
    assert (older.unit, older.conversion.unit, older.conversion.molar) == ("mg/dL", "mmol/L", True)
    # 90 mg/dL are 4.9957 mmol/L, and 1 mg/dL is 0.056 of them.
    assert [(point.value, point.converted) for point in older.points] == [("90", "5.00")]
    assert newest.group == older.group
    assert factor_text(older.conversion.factor) == "2500/45039"


def test_the_callers_unit_goes_before_the_newest() -> None:
    (only,) = trend(reading(0, 20, "5.10"), target="mg/dL")
    assert only.points[0].converted == "91.9"
    assert only.conversion is not None
    assert factor_text(only.conversion.factor) == "18.0156"


def test_without_molar_mass_mass_and_amount_stay_apart() -> None:
    newest, older = trend(reading(0, 10, "90", "mg/dL"), reading(1, 20), mass=None)
    assert newest.conversion is older.conversion is None
    assert newest.group != older.group


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("mmol/mol", "%"),  # HbA1c: 48 mmol/mol are 6.5 %, not 4.8
        ("mmol/mol{Hb}", "%{Hb}"),
        ("meq/L", "mmol/L"),  # calcium: 2.5 mmol/L are 5 meq/L
        ("mosm/kg", "mmol/kg"),
        ("/[HPF]", "/[LPF]"),
        ("mL/min/{1.73_m2}", "mL/min"),
        ("U/L", "[IU]/L"),
        ("Cel", "[degF]"),
    ],
)
def test_what_ucum_counts_alike_and_a_laboratory_does_not_stays_apart(one: str, other: str) -> None:
    found = trend(reading(0, 10, "48", one), reading(1, 20, "6.5", other), mass=Fraction("40.078"))
    assert [each.conversion for each in found] == [None, None]
    assert found[0].group != found[1].group


@pytest.mark.parametrize(
    ("one", "other", "factor"),
    [
        ("mmol/mol", "umol/mmol", Fraction(1)),
        ("meq/L", "eq/L", Fraction(1, 1000)),
        ("L/L", "%", Fraction(100)),
        ("{cells}/uL", "10*6/L", Fraction(1)),
        ("mg/mmol{creat}", "mg/mmol", Fraction(1)),
        ("mL/min/{1.73_m2}", "L/min/{1.73_m2}", Fraction(1, 1000)),
    ],
)
def test_what_counts_the_same_converts(one: str, other: str, factor: Fraction) -> None:
    newest, older = trend(reading(0, 10, "1", one), reading(1, 20, "1", other))
    assert newest.group == older.group
    assert older.conversion is not None
    assert older.conversion.factor == factor


def test_what_is_not_ucum_stands_alone() -> None:
    found = trend(reading(0, 10, "1", "次"), reading(1, 20), reading(2, 30, "", ""))
    assert [(each.unit, each.ucum, each.conversion) for each in found] == [
        ("", "", None),
        ("mmol/L", "mmol/L", None),
        ("次", "", None),
    ]
    assert len({each.group for each in found}) == 3


def test_method_and_specimen_tell_series_apart_and_are_named_only_then() -> None:
    found = trend(
        reading(0, 10, method="hexokinase"),
        reading(1, 20, method="oxidase"),
        reading(2, 30, method="oxidase", specimen="blood"),
        reading(3, 40, "90", "mg/dL", method="oxidase", specimen="blood"),
    )
    assert [(each.unit, each.method, each.specimen) for each in found] == [
        ("mg/dL", "oxidase", "blood"),
        ("mmol/L", "oxidase", "blood"),
        ("mmol/L", "oxidase", "serum"),
        ("mmol/L", "hexokinase", "serum"),
    ]
    assert [each.group for each in found] == [0, 0, 1, 2]


def test_the_newest_points_are_kept() -> None:
    (only,) = trend(*(reading(number, number) for number in range(MAX_POINTS + 5)))
    assert [point.number for point in only.points] == list(range(5, MAX_POINTS + 5))


@pytest.mark.parametrize(
    ("value", "comparator", "expected"),
    [("1.50", "", "1.50"), ("-3", "", "-3"), ("1e3", "", "1e3"), ("0.5", "<", ""), ("positive", "", ""), ("", "", "")],
)
def test_only_a_plain_number_is_one(value: str, comparator: str, expected: str) -> None:
    assert number_of(value, comparator) == expected


@pytest.mark.parametrize(
    ("unit", "system", "code", "expected"),
    [
        ("毫摩尔每升", UCUM, "mmol/L", "mmol/L"),
        ("mmol/L", UCUM, "no such unit!", ""),
        ("μmol/L", "", "", "umol/L"),
        ("µmol/l", "", "", "umol/L"),
        ("×10⁹/L", "", "", "10*9/L"),
        ("10^12/l", "", "", "10*12/L"),
        ("10E9/L", "", "", "10*9/L"),
        ("IU/L", "", "", "[IU]/L"),
        ("uIU/mL", "", "", "u[IU]/mL"),
        ("mmHg", "", "", "mm[Hg]"),
        ("mg/dl", "", "", "mg/dL"),
        ("cells/uL", "", "", ""),
        ("U/L", UCUM, "[IU]/L", "[IU]/L"),
        ("K/uL", UCUM, "10*3/uL", "10*3/uL"),
        # Words and code contradict each other.
        ("mmol/L", UCUM, "mg/dL", ""),
        ("g/L", UCUM, "g/dL", ""),
        # Capitals: nobody measures megamoles.
        ("Mmol/L", "", "", ""),
        ("Mmol/L", UCUM, "Mmol/L", ""),
        ("Mg/dL", "", "", ""),
        ("Pg", "", "", ""),
        ("次/分", "", "", ""),
        ("", "", "", ""),
    ],
)
def test_units_are_read_as_feeds_write_them(unit: str, system: str, code: str, expected: str) -> None:
    assert ucum_of(unit, system, code, ucum) == expected


@pytest.mark.parametrize(
    ("value", "factor", "expected"),
    [
        ("1.50", Fraction(1000), "1500"),
        ("5", Fraction("18.0156"), "90"),
        # 7 mmol/L of glucose are 126 mg/dL: diabetes, and 100 would be none.
        ("7", Fraction("18.0156"), "130"),
        ("9.99", Fraction(10), "99.9"),
        ("0.05", Fraction("18.0156"), "0.9"),
        ("12.345", Fraction(1, 1000), "0.012345"),
        ("-2.5", Fraction(10), "-25"),
        ("0.0", Fraction(10), "0"),
        ("2.5", Fraction(1, 10), "0.25"),
        ("", Fraction(10), ""),
    ],
)
def test_converted_numbers_are_as_fine_as_the_source_wrote_them(value: str, factor: Fraction, expected: str) -> None:
    assert converted(value, factor) == expected


@given(
    st.lists(
        st.tuples(
            st.integers(0, 50),
            st.decimals("0.001", "9999", places=3).map(str) | st.just(""),
            st.sampled_from(UNITS),
            st.sampled_from(("", "a")),
        ),
        max_size=30,
    ),
    st.sampled_from(("", "mmol/L", "mg/dL")),
)
@settings(deadline=None, max_examples=200)
def test_every_reading_is_one_point_in_order_and_as_written(given: list[tuple[int, str, str, str]], unit: str) -> None:
    readings = [reading(n, time, value, u, method=method) for n, (time, value, u, method) in enumerate(given)]
    found = trend(*readings, target=unit)
    points = [point for series in found for point in series.points]
    assert sorted(point.number for point in points) == list(range(len(readings)))
    assert all(point.value == readings[point.number].value for point in points)
    for series in found:
        times = [readings[point.number].time for point in series.points]
        assert times == sorted(times)
        assert len({(readings[point.number].unit, readings[point.number].method) for point in series.points}) == 1
        assert all(bool(point.converted) <= bool(point.value and series.conversion) for point in series.points)
    newest = [max(readings[point.number].time for point in series.points) for series in found]
    assert newest == sorted(newest, reverse=True)


@given(st.decimals("0.001", "100000", places=3), st.sampled_from((("mmol/L", "mg/dL"), ("g/L", "umol/L"))))
def test_there_and_back_is_exact(value: Decimal, units: tuple[str, str]) -> None:
    there, back = ucum.factor(*units, GLUCOSE), ucum.factor(*reversed(units), GLUCOSE)
    assert there is not None
    assert back is not None
    assert Fraction(value) * there[0] * back[0] == Fraction(value)
