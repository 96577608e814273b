"""Codes of results that lead to no item: what is told of them, and what is not, because it could be about a person.

A code is told as it stands. Words (a text without a code, and what the source calls a code) are told only once they
came with several patients: who wrote a name into a report wrote it for one.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from hutong_server.domain.mapping import folded_text
from hutong_server.domain.report import CodeKey, ResultFacts
from hutong_server.domain.rulebook import RuleBook

LONGEST = 64
"""Characters of a code or text that are kept."""
PATIENTS = 3
"""Words that came with fewer patients are kept nowhere."""

_LONGEST_SYSTEM = 200
_DIGITS_OF_WORDS = re.compile(r"\d(?:[ \-]?\d){5,}")
# Resident, card and telephone numbers; codes of items are shorter.
_DIGITS_OF_CODES = re.compile(r"\d(?:[ \-]?\d){13,}|(?<!\d)1[3-9]\d{9}(?!\d)")


class UnmappedResult(NamedTuple):
    """A result whose codes lead to no item."""

    institution: str
    """Whose mappings were looked up; "" when the registry does not know who performed it."""
    system: str
    """Of the code; "" for a text without a code, and when nothing may be told."""
    code: str
    """The code or text; "" when it could be about a person, or there is none."""
    display: str
    """What the source calls it; "" when that could be about a person."""


class Seen(NamedTuple):
    """What was looked at of a report."""

    institutions: tuple[str, ...]
    """By result: whose mappings were looked up."""
    unmapped: tuple[UnmappedResult, ...]


def unmapped_result(
    result: ResultFacts, names: Iterable[CodeKey], issuer: str, person: Iterable[str], book: RuleBook
) -> UnmappedResult | None:
    """What is told of a result when its codes lead to no item; None when they do.

    `names`: what else it is called. `person`: names and numbers of the patient, which are told nowhere.
    """
    institution = result.performer or issuer
    if book.item_of(result, institution).code:
        return None
    about = {folded for each in person if len(folded := _bare(each)) > 1}
    coded = next(((system, code) for system, code in result.codes if system), None)
    words = (text for system, text in (*result.codes, *names) if not system)
    if coded is not None:
        system, code = coded
        told = _unless(code, about, _DIGITS_OF_CODES)
        display = next((text for word in words if (text := _unless(word, about, _DIGITS_OF_WORDS))), "")
        return UnmappedResult(institution, system[:_LONGEST_SYSTEM] if told else "", told, display if told else "")
    text = next((word for word in words), "")
    return UnmappedResult(institution, "", _unless(text, about, _DIGITS_OF_WORDS), "")


def _unless(text: str, about: Iterable[str], digits: re.Pattern[str]) -> str:
    """The text, cut; nothing when it could be about the person."""
    bare = _bare(text)
    if digits.search(folded_text(text)) or any(each in bare for each in about):
        return ""
    return text.strip()[:LONGEST]


def _bare(text: str) -> str:
    return re.sub(r"[\s\-·•]", "", folded_text(text))
