"""The shared nouns between proto and domain, both directions. Past this file, requests are right or refused."""

import datetime
import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp
from hutong.v1 import report_pb2

from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.person import Demographics
from hutong_server.domain.recognition import Institution, RecognizedItem, Specialty, Tier
from hutong_server.domain.report import Instant, Issue, RawIdentifier, Severity
from hutong_server.domain.reuse import NotReusable
from hutong_server.domain.rulebook import RuleBook

E = TypeVar("E", bound=StrEnum)
Number = Any
"""The number of an enum's value: an int at run time, a class of its own in the stubs."""


def numbers(members: Iterable[E], wrapper: Any, prefix: str) -> dict[E, Number]:
    """The enum's numbers by the domain's members. Raises ValueError when the contract lacks one: at import, and so
    in every test.
    """
    return {member: wrapper.Value(f"{prefix}_{member.name}") for member in members}


TIERS: Final = numbers(Tier, report_pb2.Tier, "TIER")
SPECIALTIES: Final = numbers(Specialty, report_pb2.Specialty, "SPECIALTY")
REASONS: Final = numbers(NotReusable, report_pb2.NotReusableReason, "NOT_REUSABLE_REASON")
SEXES: Final[dict[str, Number]] = {
    "male": report_pb2.SEX_MALE,
    "female": report_pb2.SEX_FEMALE,
    "other": report_pb2.SEX_OTHER,
    "": report_pb2.SEX_UNSPECIFIED,
}
_SEX_WORDS: Final = {
    report_pb2.SEX_UNSPECIFIED: "",
    report_pb2.SEX_MALE: "male",
    report_pb2.SEX_FEMALE: "female",
    report_pb2.SEX_OTHER: "other",
    report_pb2.SEX_UNKNOWN: "",
}
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
MAX_IDENTIFIERS: Final = 20
MAX_TEXT: Final = 256


class Faults:
    """Collects everything that is wrong with a request, so that the caller learns of all of it at once."""

    def __init__(self) -> None:
        self._issues: list[Issue] = []

    def add(self, path: str, message: str, reason: Reason = Reason.REQUEST_INVALID) -> None:
        """One fault. The message holds no value of the request."""
        self._issues.append(Issue(Severity.ERROR, reason.value, path, message))

    def text(self, path: str, value: str, *, longest: int = MAX_TEXT, required: bool = False) -> str:
        """A text of one line, trimmed of nothing: ids are compared as they are."""
        if required and not value.strip():
            self.add(path, "is required")
        elif len(value) > longest:
            self.add(path, f"is longer than {longest} characters")
        elif _CONTROL.search(value):
            self.add(path, "holds control characters")
        return value

    def page_size(self, value: int, default: int, most: int) -> int:
        """A page size by AIP-158."""
        if value < 0:
            self.add("page_size", "is negative")
        return min(value, most) if value > 0 else default

    def check(self) -> None:
        """Raises HutongError when anything was wrong; the reason is that of the first fault."""
        if self._issues:
            first = Reason(self._issues[0].reason)
            raise HutongError(first, "The request is not valid; see its fields.", tuple(self._issues))


def stamp(target: Timestamp, instant: Instant | None) -> None:
    """Sets the timestamp, or leaves it absent for None."""
    if instant is not None:
        seconds, milliseconds = divmod(instant, 1000)
        target.seconds, target.nanos = seconds, milliseconds * 1_000_000
        if not instant:
            # An instant of exactly 1970-01-01T00:00:00Z sets no field, and is present all the same.
            target.SetInParent()


def instant(given: Timestamp, path: str, faults: Faults) -> Instant:
    """Milliseconds of a timestamp, rounded down."""
    if not (-62135596800 <= given.seconds <= 253402300799 and 0 <= given.nanos < 1_000_000_000):
        faults.add(path, "is not a time")
        return 0
    return given.seconds * 1000 + given.nanos // 1_000_000


def institution_ref(target: report_pb2.InstitutionRef, code: str, book: RuleBook) -> None:
    """Names an institution in an answer."""
    known = book.institution(code)
    target.code = code
    if known is not None:
        name_institution(target, known)


def name_institution(target: report_pb2.InstitutionRef, known: Institution) -> None:
    """Fills the reference from the institution."""
    target.code, target.name, target.tier = known.code, known.name, TIERS[known.tier]


def item_ref(target: report_pb2.ItemRef, item: RecognizedItem) -> None:
    """Names a recognised item in an answer."""
    target.code, target.name_zh, target.name_en = item.code, item.name_zh, item.name_en
    target.specialty = SPECIALTIES[item.specialty]


def identifier_in(given: report_pb2.PatientIdentifier, path: str, faults: Faults) -> RawIdentifier:
    """A patient identifier as a chart has it."""
    return RawIdentifier(
        system=faults.text(f"{path}.system", given.system, required=True),
        value=faults.text(f"{path}.value", given.value, required=True),
        assigner=faults.text(f"{path}.assigner", given.assigner),
        path=f"{path}.value",
    )


def demographics_in(given: report_pb2.Demographics, path: str, faults: Faults) -> Demographics:
    """What a chart says of the person. Required: birth date, and name or sex."""
    name = faults.text(f"{path}.name", given.name).strip()
    if given.sex not in _SEX_WORDS:
        faults.add(f"{path}.sex", "is not a known value")
    sex = _SEX_WORDS.get(given.sex, "")
    if not given.birth_date:
        faults.add(f"{path}.birth_date", "is required")
    elif not _is_date(given.birth_date):
        faults.add(f"{path}.birth_date", "is not a date of the form YYYY-MM-DD")
    if not name and not sex:
        faults.add(path, "name or sex is required")
    return Demographics(names=(name,) if name else (), birth_date=given.birth_date, sex=sex)


def demographics_out(target: report_pb2.Demographics, known: Demographics) -> None:
    """What a record says of a person, for administrators."""
    target.name = known.names[0] if known.names else ""
    target.birth_date, target.sex = known.birth_date, SEXES.get(known.sex, report_pb2.SEX_UNKNOWN)


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return True
