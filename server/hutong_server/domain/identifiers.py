"""Patient identifiers: which systems there are, how each is folded and checked, and whom it names.

Which systems a region knows is data (catalogue kind `identifier_system`). A strong identifier names one person
wherever it is written; a local one only together with its assigner.
Source of the resident number's structure and check digit: GB 11643—1999 (ISO 7064, MOD 11-2).
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from hutong_server.domain.recognition import Policy
from hutong_server.domain.report import RawIdentifier

MAX_LENGTH = 128
"""Longest identifier that counts, in characters."""


class IdentifierKind(StrEnum):
    """What sort of identifier a system holds."""

    RESIDENT = "resident"
    """居民身份证号."""
    HEALTH_CARD = "health_card"
    """电子健康卡."""
    HEALTH_CODE = "health_code"
    """健康码."""
    SOCIAL_SECURITY = "social_security"
    """社会保障卡."""
    PASSPORT = "passport"
    MEDICAL_RECORD = "medical_record"
    """A hospital's own number."""


class Strength(StrEnum):
    """How far an identifier reaches."""

    STRONG = "strong"
    """Names one person wherever it is written."""
    LOCAL = "local"
    """Names one person within its assigner."""


class Check(StrEnum):
    """How a value is checked."""

    GB11643 = "gb11643"
    PATTERN = "pattern"
    NONE = "none"


class Fold(StrEnum):
    """What is taken away before values are compared."""

    WIDTH = "width"
    """Full-width characters become half-width (Unicode NFKC)."""
    CASE = "case"
    """Upper case."""
    SPACE = "space"
    """Every space goes."""
    HYPHEN = "hyphen"
    """Every hyphen goes."""


@dataclass(frozen=True, slots=True)
class IdentifierSystem:
    """A system of identifiers that the region knows."""

    system: str
    kind: IdentifierKind
    strength: Strength
    aliases: tuple[str, ...] = ()
    """Other URIs for the same system."""
    check: Check = Check.NONE
    pattern: str = ""
    """Regular expression that the whole folded value must match, for Check.PATTERN."""
    fold: tuple[Fold, ...] = (Fold.WIDTH, Fold.CASE, Fold.SPACE)
    name_zh: str = ""
    name_en: str = ""


class Identifier(NamedTuple):
    """A normalised identifier: equal for the same person, however it was written."""

    system: str
    assigner: str
    """"" for a strong one."""
    value: str
    strong: bool


@dataclass(frozen=True, slots=True)
class IdentifierFault:
    """An identifier that fails its check. Holds no value."""

    path: str
    system: str
    message: str


def by_uri(systems: Iterable[IdentifierSystem]) -> dict[str, IdentifierSystem]:
    """Systems by their URI and by each alias."""
    return {uri: system for system in systems for uri in (system.system, *system.aliases)}


def normalise(
    raw: RawIdentifier, systems: Mapping[str, IdentifierSystem], own_institution: str, policy: Policy
) -> Identifier | IdentifierFault | None:
    """What the identifier amounts to; a fault when it fails its check; None when it does not count.

    `systems` is by_uri(...) of the region's systems. A local identifier counts within `raw.assigner`, or within
    `own_institution` when the assigner is not stated.
    """
    known = systems.get(raw.system.strip())
    if known is None and policy.unknown_identifier_systems != "local":
        return None
    uri = raw.system.strip() if known is None else known.system
    value = _folded(raw.value, _DEFAULT_FOLD if known is None else known.fold)
    if not value:
        return None
    if len(value) > MAX_LENGTH:
        return IdentifierFault(raw.path, uri, f"longer than {MAX_LENGTH} characters")
    if not value.isprintable():
        return IdentifierFault(raw.path, uri, "holds characters that cannot be printed")
    if known is None:
        return Identifier(uri, raw.assigner.strip() or own_institution, value, False)
    if known.check is Check.GB11643:
        resident = resident_number(value)
        if isinstance(resident, IdentifierFault):
            return IdentifierFault(raw.path, uri, resident.message)
        value = resident
    elif known.check is Check.PATTERN and not _pattern(known.pattern).fullmatch(value):
        return IdentifierFault(raw.path, uri, "does not have the form of this system")
    if known.strength is Strength.STRONG:
        return Identifier(uri, "", value, True)
    return Identifier(uri, raw.assigner.strip() or own_institution, value, False)


# A hospital's number keeps its case and hyphens unless the region says otherwise: "A-1" and "a1" may be two people.
_DEFAULT_FOLD = (Fold.WIDTH, Fold.SPACE)


def _folded(value: str, fold: tuple[Fold, ...]) -> str:
    if Fold.WIDTH in fold:
        value = unicodedata.normalize("NFKC", value)
    value = "".join(value.split()) if Fold.SPACE in fold else value.strip()
    if Fold.HYPHEN in fold:
        value = "".join(c for c in value if unicodedata.category(c) != "Pd")
    return value.upper() if Fold.CASE in fold else value


@lru_cache(maxsize=256)
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_DIGITS = "10X98765432"
# [0-9], not \d: other scripts' digits are not digits here.
_EIGHTEEN = re.compile(r"[0-9]{17}[0-9X]")
_FIFTEEN = re.compile(r"[0-9]{15}")


def check_digit(first17: str) -> str:
    """Check digit of a resident number's first 17 digits (GB 11643: ISO 7064 MOD 11-2), "0"…"9" or "X"."""
    return _CHECK_DIGITS[sum(int(digit) * weight for digit, weight in zip(first17, _WEIGHTS, strict=True)) % 11]


def resident_number(value: str) -> str | IdentifierFault:
    """A resident number of 18 characters, from one of 18 or of 15 (issued before 1999, all born in 19xx).

    `value` is folded already. The birth date must be a date, the sum must be right; the division code may be any,
    because divisions are renamed and merged while numbers stay.
    """
    if _FIFTEEN.fullmatch(value):
        body = f"{value[:6]}19{value[6:]}"
        value = body + check_digit(body)
    elif not _EIGHTEEN.fullmatch(value):
        return _fault("must have 18 characters (or 15 digits), the last a digit or X")
    try:
        born = date(int(value[6:10]), int(value[10:12]), int(value[12:14]))
    except ValueError:
        return _fault("the birth date in it is not a date")
    if born.year < 1800:
        return _fault("the birth date in it is not a date of this age")
    if check_digit(value[:17]) != value[17]:
        return _fault("the check digit is wrong")
    return value


def _fault(message: str) -> IdentifierFault:
    return IdentifierFault("", "", message)
