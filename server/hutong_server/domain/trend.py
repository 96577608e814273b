"""One item over time: results that can be compared make one series, in the source's own numbers and unit.

Where units differ and convert by an exact factor, converted numbers stand beside the originals, never instead of them.
Where method or specimen differ, results are not comparable and stand in series of their own. Pure.
"""

import re
import unicodedata
from collections.abc import Iterable
from decimal import Context, Decimal
from fractions import Fraction
from typing import Final, NamedTuple, Protocol

from hutong_server.domain.report import Instant

MAX_POINTS: Final = 1000
"""Of a series, the newest."""
UCUM: Final = "http://unitsofmeasure.org"
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")


class Units(Protocol):
    """What a library of UCUM knows. Implemented in units/."""

    def is_ucum(self, unit: str) -> bool: ...
    def factor(self, source: str, target: str, molar_mass: Fraction | None) -> tuple[Fraction, bool] | None:
        """(exact factor, whether the molar mass was used); None when none converts."""


class Reading(NamedTuple):
    """A result as the trend needs it."""

    number: int
    """Its place among what was asked about."""
    time: Instant
    value: str
    """A plain number as written; "" for anything else."""
    unit: str
    """As the source wrote it."""
    ucum: str
    """UCUM code, "" when it has none."""
    method: str
    """What makes methods comparable; "" when not stated."""
    specimen: str


class Conversion(NamedTuple):
    """How a series was converted."""

    unit: str
    factor: Fraction
    molar: bool
    """Whether the item's molar mass was used."""


class Point(NamedTuple):
    """A result in a series."""

    number: int
    value: str
    converted: str


class Series(NamedTuple):
    """Results of one unit, method and specimen, oldest first."""

    unit: str
    ucum: str
    method: str
    """"" where all series have the same."""
    specimen: str
    points: tuple[Point, ...]
    conversion: Conversion | None
    group: int
    """Series of one number can be compared once converted."""


def number_of(value: str, comparator: str) -> str:
    """The value when it is a plain number; "" for "<0.5" and words."""
    return value if not comparator and _NUMBER.fullmatch(value) else ""


def ucum_of(unit: str, system: str, code: str, units: Units) -> str:
    """The UCUM code of a unit as feeds write it: its code when the system is UCUM's, else what the words mean.

    "" when that is not certain: when words and code say two different amounts of one thing, and for megagrams and
    gigamoles, which are milligrams in capitals. One spelling for what is written in several: litre is L, micro is u.
    """
    said, coded = (plain if plain and units.is_ucum(plain) else "" for plain in (_plain(unit), _plain(code)))
    if not (system == UCUM and code):
        found = said or coded
    elif said and coded and (units.factor(said, coded, Fraction(2)) or _SAME) != _SAME:
        found = ""
    else:
        found = coded
    return "" if _CAPITALS.search(found) else found


_SAME: Final = (Fraction(1), False)
_CAPITALS: Final = re.compile(r"(?<![A-Za-z\[])[MGTPEZY](g|mol)(?![A-Za-z])")
# As laboratories write them, after compatibility folding; none of these is a UCUM code of another meaning.
_WORDS: Final = {
    "iu/L": "[IU]/L",
    "iu/mL": "[IU]/mL",
    "uiu/mL": "u[IU]/mL",
    "miu/mL": "m[IU]/mL",
    "miu/L": "m[IU]/L",
    "kiu/L": "k[IU]/L",
    "mmhg": "mm[Hg]",
    "°c": "Cel",
    "sec": "s",
    "bpm": "/min",
}
_POWER: Final = re.compile(r"^(?:[x×*·]\s*)?10(?:\^|\*|e|\*\*)?(\d{1,2})/(.+)$", re.IGNORECASE)
_LITRE: Final = re.compile(r"(?<![A-Za-z\[])([munpfdck]?)l(?![A-Za-z\]])")


def _plain(written: str) -> str:
    folded = unicodedata.normalize("NFKC", written).replace("μ", "u").replace("µ", "u")
    folded = "".join(folded.split())
    power = _POWER.match(folded)
    if power is not None:
        folded = f"10*{power[1]}/{power[2]}"
    folded = _LITRE.sub(r"\1L", folded)
    return _WORDS.get(re.sub(r"(?i)^([a-z°]+)", lambda word: word[1].lower(), folded), folded)


def series_of(
    readings: Iterable[Reading], units: Units, target: str = "", molar_mass: Fraction | None = None
) -> tuple[Series, ...]:
    """Series, that with the newest result first; converted to `target`, else to the unit of the newest number."""
    ordered = sorted(readings, key=lambda reading: (reading.time, reading.number))
    if not target:
        target = next((each.ucum for each in reversed(ordered) if each.value and each.ucum), "")
    kept: dict[tuple[str, str, str], list[Reading]] = {}
    for reading in ordered:
        kept.setdefault((reading.ucum or reading.unit, reading.method, reading.specimen), []).append(reading)
    methods = {method for _, method, _ in kept}
    specimens = {specimen for _, _, specimen in kept}
    groups: dict[tuple[str, str, str], int] = {}
    found = []
    newest_first = sorted(kept.items(), key=lambda pair: (pair[1][-1].time, pair[1][-1].number), reverse=True)
    for (_, method, specimen), each in newest_first:
        last = each[-1]
        conversion = _conversion(last.ucum, target, units, molar_mass)
        # What converts to the target can be compared with all that does; anything else only with its own unit.
        comparable = target if conversion is not None or last.ucum == target else last.ucum or last.unit
        group = groups.setdefault((comparable, method, specimen), len(groups))
        found.append(
            Series(
                unit=last.unit,
                ucum=last.ucum,
                method=method if len(methods) > 1 else "",
                specimen=specimen if len(specimens) > 1 else "",
                points=tuple(
                    Point(one.number, one.value, converted(one.value, conversion.factor) if conversion else "")
                    for one in each[-MAX_POINTS:]
                ),
                conversion=conversion,
                group=group,
            )
        )
    return tuple(found)


def _conversion(ucum: str, target: str, units: Units, molar_mass: Fraction | None) -> Conversion | None:
    if not ucum or not target or ucum == target or _counted(ucum) != _counted(target):
        return None
    found = units.factor(ucum, target, molar_mass)
    return Conversion(target, *found) if found is not None else None


# UCUM counts all of these as moles or plain numbers. In a laboratory a mole of calcium is two equivalents, a field is
# as large as its microscope makes it, and a clearance is for a body surface or is not.
_COUNTED: Final = re.compile(r"(?<![A-Za-z\[])[a-zA-Z]?(eq|osm)(?![A-Za-z])|(\[[HL]PF\])|(\{[^}]*\d[^}]*\})")
_REMARK: Final = re.compile(r"\{[^}]*\}")
# HbA1c: 48 mmol/mol by one reference system are 6.5 % by the other, and no factor leads there.
_AMOUNTS: Final = re.compile(r"[a-z]?mol/[a-z]?mol")


def _counted(unit: str) -> tuple[object, ...]:
    """What a unit counts that only a unit that counts the same can be compared with."""
    counted = sorted("".join(groups) for groups in _COUNTED.findall(unit))
    return _AMOUNTS.fullmatch(_REMARK.sub("", unit)) is not None, *counted


def converted(value: str, factor: Fraction) -> str:
    """A number times an exact factor, rounded half to even, no coarser than the last digit that the source wrote."""
    if not value:
        return ""
    written = Decimal(value)
    exact = Fraction(written) * factor
    if not exact:
        return "0"
    step = Fraction(Decimal((0, (1,), int(written.as_tuple().exponent)))) * factor
    last = (Decimal(step.numerator) / Decimal(step.denominator)).adjusted()
    rounded = round(exact / Fraction(10) ** last)
    return f"{Decimal(rounded).scaleb(last):f}"


def factor_text(factor: Fraction) -> str:
    """A factor in decimal where that ends, else as "n/d"."""
    denominator = factor.denominator
    for prime in (2, 5):
        while denominator % prime == 0:
            denominator //= prime
    if denominator != 1:
        return f"{factor.numerator}/{factor.denominator}"
    places = max(len(str(factor.denominator)) * 4, 1)
    with_enough = Context(prec=len(str(abs(factor.numerator))) + places)
    return f"{with_enough.divide(Decimal(factor.numerator), Decimal(factor.denominator)).normalize(with_enough):f}"
