"""Conversion between UCUM units by exact factors.

ucumvert reads the unit and pint knows what it measures; both reckon in floating point. A factor between units that
people use is a decimal of few digits or a ratio of small whole numbers, and is found again from the float. A float
that is neither is not exact, and nothing is converted by it.
"""

import math
import re
import threading
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final
from xml.etree import ElementTree

_DENOMINATOR: Final = 100_000
_TOLERANCE: Final = 1e-14 * 5
_MASS_PER_AMOUNT: Final = "gram / mole"
_AMOUNT_PER_MASS: Final = "mole / gram"

_door: Final = threading.Lock()


def is_ucum(unit: str) -> bool:
    """Whether it is a UCUM unit, case sensitive (section 3 of the specification)."""
    return _quantity(unit) is not None


def factor(source: str, target: str, molar_mass: Fraction | None = None) -> tuple[Fraction, bool] | None:
    """(f, molar): a number in `source` times f is the same in `target`; `molar` says that the molar mass was used.

    `molar_mass` in g/mol, for between mass and amount. None where no exact factor does it: other quantities, units of
    arbitrary measure, and scales that do not begin at nought (Cel, [pH]).
    """
    if source == target and is_ucum(source):
        return Fraction(1), False
    ratio = _ratio(source, target)
    if ratio is None:
        return None
    number, of = ratio
    exact = _exact(number)
    if exact is None or of is None:
        return None
    if of == "":
        return exact, False
    if molar_mass is None or molar_mass <= 0:
        return None
    return (exact / molar_mass if of == _MASS_PER_AMOUNT else exact * molar_mass), True


@lru_cache(maxsize=4096)
def _ratio(source: str, target: str) -> tuple[float, str | None] | None:
    """source ÷ target as a number of "" (nothing), grams a mole, or moles a gram; None of anything else."""
    one, other = _quantity(source), _quantity(target)
    # Units of arbitrary measure are those of one procedure each: none is another's (section 3, §25 and §27).
    if one is None or other is None or _arbitrary(source) != _arbitrary(target):
        return None
    with _door:
        try:
            if not (one.units == other.units or (_is_ratio_scale(one) and _is_ratio_scale(other))):
                return None
            found = (one / other).to_base_units()
            if found.dimensionless:
                return float(found.magnitude), ""
            for of in (_MASS_PER_AMOUNT, _AMOUNT_PER_MASS):
                if found.is_compatible_with(of):
                    return float(found.to(of).magnitude), of
        except Exception:  # whatever it is that pint cannot reckon, it is no factor
            return None
    return None


def _is_ratio_scale(quantity: Any) -> bool:
    registry = quantity._REGISTRY
    return all(registry._units[name].is_multiplicative for name in quantity.units._units)


def _exact(number: float) -> Fraction | None:
    """The ratio that a float stands for: a decimal of at most 12 digits, else one of small whole numbers."""
    if not math.isfinite(number) or number <= 0:
        return None
    written = Fraction(Decimal(f"{number:.12g}"))
    small = Fraction(number).limit_denominator(_DENOMINATOR)
    inverse = Fraction(1 / number).limit_denominator(_DENOMINATOR)
    for near in (written, small, 1 / inverse if inverse else written):
        if near and abs(float(near) / number - 1) <= _TOLERANCE:
            return near
    return None


@lru_cache(maxsize=4096)
def _quantity(unit: str) -> Any:
    """What pint makes of a UCUM unit; None when it is none."""
    if not unit or len(unit) > 64 or not unit.isascii() or any(letter.isspace() for letter in unit):
        return None
    with _door:
        try:
            found = _registry().from_ucum(unit)
            # A bare number or an annotation counts as one.
            return found if hasattr(found, "units") else _registry().Quantity(found if isinstance(found, int) else 1)
        except Exception:  # lark and pint raise whatever comes; it is no unit then
            return None


def _arbitrary(unit: str) -> list[str]:
    return sorted(name.upper() for name in re.findall(r"\[[^\]]+\]", unit) if name in _arbitrary_units())


@lru_cache(maxsize=1)
def _arbitrary_units() -> frozenset[str]:
    text = (files("ucumvert") / "vendor" / "ucum-essence.xml").read_bytes()
    essence = ElementTree.fromstring(text)  # noqa: S314  it comes with the library
    return frozenset(unit.get("Code", "") for unit in essence.iter() if unit.get("isArbitrary") == "yes")


@lru_cache(maxsize=1)
def _registry() -> Any:
    # Takes two seconds and some 40 MB: a server whose doctors ask for no trend does without.
    from ucumvert import PintUcumRegistry

    return PintUcumRegistry()
