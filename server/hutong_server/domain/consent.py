"""What a patient has decided, and what follows for one result at one moment. Pure.

A directive that withholds always wins. A sensitive category that needs a grant is withheld unless a directive allows
it; a result of two such categories needs both. Consent is by patient and result, not by asker: it holds for the
institution that issued the result as well.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from hutong_server.domain.person import PatientKey
from hutong_server.domain.report import Instant
from hutong_server.domain.sensitivity import NOTHING, Categories


class Effect(StrEnum):
    """What a directive does."""

    WITHHOLD = "withhold"
    ALLOW = "allow"


class Scope(StrEnum):
    """What a directive is about."""

    EVERYTHING = "everything"
    INSTITUTION = "institution"
    CATEGORY = "category"


class Withheld(StrEnum):
    """Why a result does not exist for an asker. Stands in records only, never in an answer."""

    CONSENT_WITHHELD = "CONSENT_WITHHELD"
    SENSITIVE_CATEGORY = "SENSITIVE_CATEGORY"


@dataclass(frozen=True, slots=True)
class Directive:
    """A patient's directive. Kept when it is taken back."""

    directive_id: bytes
    """16 bytes."""
    patient_key: PatientKey
    """Of the record under which it was given; it holds for the whole person."""
    effect: Effect
    scope: Scope
    target: str
    """Code of the institution or category; "" for everything."""
    valid_from: Instant
    valid_until: Instant | None
    """Exclusive; None: for good."""
    recorded_by: str
    """Institution that recorded it."""
    recorded_at: Instant
    revoked_by: str = ""
    revoked_at: Instant | None = None

    def holds(self, now: Instant) -> bool:
        """Whether it is in force."""
        return (
            self.revoked_at is None and self.valid_from <= now and (self.valid_until is None or now < self.valid_until)
        )


@dataclass(frozen=True, slots=True)
class Opening:
    """A declared emergency (break-glass): one practitioner may see what one patient withholds, for a limited time."""

    opening_id: bytes
    """16 bytes."""
    patient_key: PatientKey
    institution: str
    practitioner: str
    encounter: str
    reason: str
    opened_at: Instant
    open_until: Instant
    """Exclusive."""
    answers: int = 1
    """Answers given under it."""
    closed_at: Instant | None = None
    """When it was reviewed."""
    closed_by: str = ""
    finding: str = ""

    def serves(self, institution: str, practitioner: str, now: Instant) -> bool:
        """Whether it opens what is withheld to this practitioner now."""
        return (
            self.institution == institution
            and self.practitioner == practitioner
            and self.opened_at <= now < self.open_until
        )


class Consent(NamedTuple):
    """The directives in force, for many questions."""

    nothing: bool
    """Everything is withheld."""
    institutions: frozenset[str]
    categories: Categories
    closed: Categories
    """Categories that need a grant and have none."""

    @property
    def open(self) -> bool:
        """Whether nothing can be withheld."""
        return not (self.nothing or self.institutions or self.categories or self.closed)

    def withholds(self, categories: Categories, *issuers: str) -> Withheld | None:
        """Why something of these categories, issued by these institutions, is withheld; None when it is not."""
        if self.nothing or not self.institutions.isdisjoint(issuers) or not self.categories.isdisjoint(categories):
            return Withheld.CONSENT_WITHHELD
        if not self.closed.isdisjoint(categories):
            return Withheld.SENSITIVE_CATEGORY
        return None


def consent_of(directives: Iterable[Directive], needing_grant: Categories, now: Instant) -> Consent:
    """What the directives in force amount to."""
    standing = [each for each in directives if each.holds(now)]

    def targets(effect: Effect, scope: Scope) -> frozenset[str]:
        return frozenset(each.target for each in standing if each.effect is effect and each.scope is scope)

    return Consent(
        nothing=bool(targets(Effect.WITHHOLD, Scope.EVERYTHING)),
        institutions=targets(Effect.WITHHOLD, Scope.INSTITUTION),
        categories=targets(Effect.WITHHOLD, Scope.CATEGORY),
        closed=needing_grant - targets(Effect.ALLOW, Scope.CATEGORY) if needing_grant else NOTHING,
    )
