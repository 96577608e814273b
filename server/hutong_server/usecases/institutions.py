"""Onboarding: institutions are added, changed, suspended and looked at."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from hutong_server.domain.caller import Caller
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.recognition import Institution
from hutong_server.domain.report import Instant, Issue, Severity
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import AccessRecord, FeedStatus, Reader, Writer
from hutong_server.store.base_certificates import CertificateRow
from hutong_server.usecases.acts import institution as act_of
from hutong_server.usecases.intake import Intake, intake_of

CERTIFICATES = 100
"""Certificates told of one institution at most."""
OPERATOR = "registry"
"""Code of the registry's own operator: its administrators' certificates carry it; it publishes and asks nothing."""


class Scope(StrEnum):
    """What a suspension reaches."""

    ACCESS = "access"
    QUALITY = "quality"


@dataclass(frozen=True, slots=True)
class InstitutionState:
    """An institution with what is known of its feed and its reports."""

    institution: Institution
    feed: FeedStatus | None = None
    reports: int = 0
    held: int = 0
    not_resumed: bool = False
    """Nothing of it is reusable: a feed of it has not gone on since the registry was put back from a backup."""


def put_institution(
    institution: Institution, *, update: bool, caller: Caller, now: Instant, request_id: str
) -> Callable[[Writer], bool]:
    """The write job that adds or changes an institution; True when it was new.

    State (suspensions) is never changed by it. Raises ALREADY_EXISTS for other content without `update`, and
    REQUEST_INVALID for the operator's own code.
    """

    def job(writer: Writer) -> bool:
        if institution.code == OPERATOR:
            issue = Issue(
                Severity.ERROR, Reason.REQUEST_INVALID.value, "institution.code", "this code is the registry's own"
            )
            raise HutongError(Reason.REQUEST_INVALID, "this code is the registry's own", (issue,))
        known = writer.institution(institution.code)
        wanted = institution
        if known is not None:
            wanted = replace(
                institution,
                access_suspended=known.access_suspended,
                quality_suspended_since=known.quality_suspended_since,
            )
            if wanted != known and not update:
                raise HutongError(Reason.ALREADY_EXISTS, "the institution exists with other content; update it instead")
        if wanted != known:
            writer.put_institution(wanted, now, _by(caller), f"institution {institution.code}")
        writer.record(
            admin_access("PutInstitution", caller, "unchanged" if wanted == known else "done", now, request_id),
            act_of(wanted),
        )
        return known is None

    return job


def suspend_institution(
    code: str,
    scope: Scope,
    *,
    since: Instant,
    lift: bool,
    reason: str,
    caller: Caller,
    now: Instant,
    request_id: str,
) -> Callable[[Writer], Institution]:
    """The write job that suspends, or lifts a suspension; `reason` is kept with the version that it makes.

    Raises NOT_FOUND for an unknown code.
    """

    def job(writer: Writer) -> Institution:
        known = _known(writer, code)
        if scope is Scope.ACCESS:
            wanted = replace(known, access_suspended=not lift)
        else:
            wanted = replace(known, quality_suspended_since=None if lift else since)
        outcome = f"{'lifted' if lift else 'suspended'}:{scope.value}:{code}"
        if wanted != known:
            writer.put_institution(wanted, now, _by(caller), f"{outcome}: {reason}")
        writer.record(admin_access("SuspendInstitution", caller, outcome, now, request_id), act_of(wanted))
        return wanted

    return job


def show_institution(code: str, reader: Reader) -> InstitutionState:
    """One institution with its feed and counts. Raises NOT_FOUND."""
    institution = _known(reader, code)
    feed = next((status for status in reader.feeds() if status.institution == code), None)
    reports, held = reader.institution_counts(code)
    return InstitutionState(institution, feed, reports, held, reader.unresumed().holds(code))


@dataclass(frozen=True, slots=True)
class Overview:
    """What an institution's administrators see of it at a glance."""

    certificates: tuple[CertificateRow, ...]
    """Good ones, soonest to end first."""
    intake: Intake


def overview(code: str, reader: Reader, book: RuleBook, caller: Caller, now: Instant) -> Overview | None:
    """Of an institution, for the operator's administrators and its own; None for others."""
    if caller.institution not in (OPERATOR, code):
        return None
    return Overview(tuple(reader.certificates(code, now, None, CERTIFICATES)), intake_of(reader, code, book, now))


def list_institutions(after: str, limit: int, reader: Reader) -> tuple[list[InstitutionState], bool]:
    """A page by code, and whether more follow."""
    rows = reader.institutions(after, limit + 1)
    feeds = {status.institution: status for status in reader.feeds()}
    lost = reader.unresumed()
    states = [InstitutionState(row, feeds.get(row.code), not_resumed=lost.holds(row.code)) for row in rows[:limit]]
    return states, len(rows) > limit


def _by(caller: Caller) -> str:
    return f"{caller.institution}/{caller.role.value}"


def _known(reader: Reader, code: str) -> Institution:
    known = reader.institution(code)
    if known is None:
        raise HutongError(Reason.NOT_FOUND, "no such institution")
    return known


def admin_access(
    method: str, caller: Caller, outcome: str, now: Instant, request_id: str, **about: tuple[bytes, ...]
) -> AccessRecord:
    """The record of an administrator's call."""
    return AccessRecord(
        at=now,
        method=method,
        institution=caller.institution,
        role=caller.role.value,
        certificate=caller.certificate,
        request_id=request_id,
        outcome=outcome,
        purpose="administration",
        patient_keys=about.get("patient_keys", ()),
        reports=about.get("reports", ()),
    )
