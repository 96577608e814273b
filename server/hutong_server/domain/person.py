"""Who a record is about: demographics, and when two of them agree.

Under one identifier, records that agree form a person; a contradiction in birth date, sex or name opens a second
person beside it and hides neither. A missing field is no contradiction. How names compare is data of the region.
"""

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

PatientKey = bytes
"""Random 16 bytes that name a record of the patient index; says nothing about the person."""


@dataclass(frozen=True, slots=True)
class Demographics:
    """What one record, or one chart, says of a person. Empty fields are unknown."""

    names: tuple[str, ...] = ()
    birth_date: str = ""
    """YYYY-MM-DD, YYYY-MM or YYYY."""
    sex: str = ""
    """"male", "female", "other", or "" (FHIR `unknown` is kept as "")."""

    @property
    def empty(self) -> bool:
        """Whether nothing is said."""
        return not (self.names or self.birth_date or self.sex)


class NameRule(StrEnum):
    """How names compare; data of the region (catalogue `policy.name_rule`)."""

    EXACT = "exact"
    """Equal after width, case and space folding."""
    TOKENS = "tokens"
    """The same words in any order, or one's words all among the other's (given name left out, middle name added)."""
    IGNORE = "ignore"
    """Names are never compared."""


def name_words(name: str) -> tuple[str, ...]:
    """Words of a name, folded: NFKC, case, accents; separators (space, dot, comma, hyphen, middle dot) part words."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
    kept = "".join(c for c in folded if not unicodedata.combining(c))
    return tuple("".join(c if c.isalnum() else " " for c in kept).split())


def names_agree(a: Iterable[str], b: Iterable[str], rule: NameRule) -> bool:
    """Whether any name of `a` is a name of `b` under the rule."""
    compare = _COMPARE[rule]
    others = [name_words(name) for name in b]
    return any(compare(name_words(name), other) for name in a for other in others)


def _exact(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    return "".join(a) == "".join(b)


def _tokens(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    if _exact(a, b):
        return True
    # One word alone is too little to identify by inclusion ("Li" is in half of all names).
    small, large = sorted((set(a), set(b)), key=len)
    return len(small) > 1 and small <= large


_COMPARE: dict[NameRule, Callable[[tuple[str, ...], tuple[str, ...]], bool]] = {
    NameRule.EXACT: _exact,
    NameRule.TOKENS: _tokens,
    NameRule.IGNORE: lambda _a, _b: True,
}


def contradict(a: Demographics, b: Demographics, rule: NameRule) -> tuple[str, ...]:
    """Fields ("birth_date", "sex", "name") in which two records cannot be of one person; empty when they agree."""
    found = []
    if a.birth_date and b.birth_date and not _dates_agree(a.birth_date, b.birth_date):
        found.append("birth_date")
    if a.sex and b.sex and a.sex != b.sex:
        found.append("sex")
    if a.names and b.names and not names_agree(a.names, b.names, rule):
        found.append("name")
    return tuple(found)


def _dates_agree(a: str, b: str) -> bool:
    # A partial date ("1980", "1980-05") agrees with every date that it covers.
    size = min(len(a), len(b))
    return a[:size] == b[:size]


@dataclass(frozen=True, slots=True)
class Person:
    """Records that are answered together."""

    key: PatientKey
    """The person's representative: one of its record keys."""
    records: tuple[tuple[PatientKey, Demographics], ...]

    @property
    def keys(self) -> tuple[PatientKey, ...]:
        """Keys of all records."""
        return tuple(key for key, _ in self.records)

    def agrees(self, other: Demographics, rule: NameRule) -> bool:
        """Whether `other` contradicts none of the records. Where an administrator linked records that contradict each
        other, it must agree with one of them, and may differ from the others where that one does.

        A person of whom nothing is said agrees with nobody: it would agree with everybody.
        """
        known = [own for _, own in self.records if not own.empty]
        against = [contradict(own, other, rule) for own in known]
        if not any(against):
            return bool(known)
        return any(
            all(set(found) <= set(contradict(own, like, rule)) for own, found in zip(known, against, strict=True))
            for like, differs in zip(known, against, strict=True)
            if not differs
        )


def agreeing(persons: Iterable[Person], demographics: Demographics, rule: NameRule) -> tuple[Person, ...]:
    """The persons with whom everything agrees. Exactly one is an answer; none or several are doubt."""
    return tuple(person for person in persons if person.agrees(demographics, rule))


def covers(own: Demographics, other: Demographics) -> bool:
    """Whether `own` already says all that `other` says, so that nothing is learned from `other`."""
    return (
        (not other.birth_date or own.birth_date == other.birth_date)
        and (not other.sex or own.sex == other.sex)
        and all(names_agree((name,), own.names, NameRule.EXACT) for name in other.names)
    )


def surely_same(a: Demographics, b: Demographics, rule: NameRule) -> bool:
    """Whether two records positively agree in birth date and name: enough to link what two identifiers lead to."""
    return bool(
        a.birth_date
        and len(a.birth_date) == 10
        and a.birth_date == b.birth_date
        and names_agree(a.names, b.names, rule)
    ) and not contradict(a, b, rule)
