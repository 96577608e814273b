"""Publishing: one document's readings become versions of reports, each under its patient.

A publish is one write job: durable before it is acknowledged, everything or nothing. It may run twice (see store.base).
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from hutong_server.domain import feed
from hutong_server.domain.caller import Caller
from hutong_server.domain.errors import Reason
from hutong_server.domain.report import Instant, Issue, Refusal, Report, Severity, Withdrawal
from hutong_server.domain.rulebook import RuleBook
from hutong_server.domain.unmapped import Seen
from hutong_server.store.base import AccessRecord, Act, FeedStatus, RecordedReport, Tokens, Writer
from hutong_server.usecases.acts import withdrawal
from hutong_server.usecases.publish_version import Kept, keep
from hutong_server.usecases.publish_whose import Prepared, prepare
from hutong_server.usecases.wire import Wire

Reading = Report | Refusal | Withdrawal


class Outcome(StrEnum):
    """What became of one report."""

    ACCEPTED = "accepted"
    ACCEPTED_WITH_WARNINGS = "accepted_with_warnings"
    HELD = "held"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Published:
    """What became of one report of a document."""

    path: str
    outcome: Outcome
    issues: tuple[Issue, ...] = ()
    report_id: bytes = b""
    patient_key: bytes = b""
    version: int = 0
    current: bool = False
    unchanged: bool = False
    results: int = 0
    unreadable: int = 0
    identity_system: str = ""
    digest: bytes = b""
    category: str = "unknown"
    """laboratory, examination, other, withdrawal; unknown for one that was refused."""
    seen: Seen | None = None
    """Which of its results lead to no item; None for what was there already."""
    issued: Instant | None = None


@dataclass(frozen=True, slots=True)
class PublishDocument:
    """The command: what was read of a document, by whom it was sent, and when it came."""

    readings: tuple[Reading, ...]
    caller: Caller
    received: Instant
    request_id: str = ""
    feed: str = ""
    position: str = ""
    validate_only: bool = False


@dataclass(frozen=True, slots=True)
class Publisher:
    """What publishing needs beside the command."""

    book: RuleBook
    tokens: Tokens
    wire: Wire


class _CheckedOnly(Exception):
    """Ends a validate_only job: what it wrote is rolled back, what it found is carried out."""

    def __init__(self, published: tuple[Published, ...]) -> None:
        super().__init__()
        self.published = published


@dataclass(frozen=True, slots=True)
class PublishJob:
    """A publish, prepared outside the transaction and ready to run in one."""

    command: PublishDocument
    prepared: tuple[Prepared | Refusal, ...]

    def __call__(self, writer: Writer) -> tuple[Published, ...]:
        """Runs in a write transaction. Raises (and so rolls back) for validate_only; see `checked`."""
        command = self.command
        # All locks at once and sorted, so that two documents about the same patients cannot wait for each other.
        writer.lock(sorted({key for each in self.prepared if isinstance(each, Prepared) for key in each.locks}))
        published = tuple(_publish(each, writer, command) for each in self.prepared)
        if command.validate_only:
            raise _CheckedOnly(tuple(replace(each, report_id=b"") for each in published))
        _observe_feed(writer, command)
        writer.record(_access(command, published), *_taken_back(self.prepared, published))
        return published


def _taken_back(prepared: Sequence[Prepared | Refusal], published: Sequence[Published]) -> list[Act]:
    return [
        withdrawal(each)
        for each, became in zip(prepared, published, strict=True)
        if isinstance(each, Prepared) and each.rows is None and not became.unchanged
    ]


def publish(command: PublishDocument, publisher: Publisher) -> PublishJob:
    """Prepares the job: who issued, performed and read each report, whose it says it is, and its rows."""
    prepared = tuple(
        each
        if isinstance(each, Refusal)
        else prepare(each, command.caller, command.received, publisher.book, publisher.tokens, publisher.wire)
        for each in command.readings
    )
    return PublishJob(command, tuple(map(_of_nobody, prepared)) if command.validate_only else prepared)


def _of_nobody(each: Prepared | Refusal) -> Prepared | Refusal:
    """As of a patient whom nobody knows: else a check would tell who is known, and its record does not name whom."""
    if isinstance(each, Refusal):
        return each
    return replace(each, tokens=tuple(secrets.token_bytes(16) for _ in each.tokens))


def checked(error: BaseException) -> tuple[Published, ...] | None:
    """What a validate_only job found, from the exception that rolled it back; None for any other exception."""
    return error.published if isinstance(error, _CheckedOnly) else None


CHECKED = "checked"
"""Begins the outcome on record of a document that was only checked."""


def record_of_check(command: PublishDocument, published: Sequence[Published]) -> AccessRecord:
    """That a document was checked, for a write job of its own. Names no patient: what was written of one is gone."""
    nobody = tuple(replace(each, patient_key=b"", report_id=b"") for each in published)
    record = _access(command, nobody)
    return replace(record, outcome=f"{CHECKED},{record.outcome}" if record.outcome else CHECKED)


def _publish(each: Prepared | Refusal, writer: Writer, command: PublishDocument) -> Published:
    if isinstance(each, Refusal):
        return Published(path=each.path, outcome=Outcome.REJECTED, issues=each.issues)
    kept: Kept = keep(each, writer, command.received)
    issues = each.issues + kept.issues
    if kept.held and not any(issue.reason in _WHY_HELD for issue in issues):
        issues += (_several(each.path),)
    return Published(
        path=each.path,
        outcome=Outcome.HELD if kept.held else Outcome.ACCEPTED_WITH_WARNINGS if issues else Outcome.ACCEPTED,
        issues=issues,
        report_id=kept.report_id,
        patient_key=kept.patient_key,
        version=kept.version,
        current=kept.current,
        unchanged=kept.unchanged,
        results=each.result_count,
        unreadable=each.unreadable_count,
        identity_system=each.identity_system,
        digest=each.digest,
        seen=None if kept.unchanged else each.seen,
        category=(each.rows.specialty or "other") if each.rows else "withdrawal",
        issued=each.rows.issued if each.rows else None,
    )


_WHY_HELD = (Reason.PATIENT_IDENTIFIER_MISSING, Reason.PATIENT_IN_DOUBT)


def _several(path: str) -> Issue:
    message = "agrees with several persons under these identifiers"
    return Issue(Severity.WARNING, Reason.PATIENT_IN_DOUBT.value, f"{path}.subject", message)


def _observe_feed(writer: Writer, command: PublishDocument) -> None:
    known = writer.feed(command.caller.institution, command.feed)
    writer.put_feed(
        FeedStatus(
            institution=command.caller.institution,
            feed=command.feed,
            position=command.position or (known.position if known else ""),
            last_received=max(command.received, known.last_received) if known else command.received,
            longest_gap=feed.longest_gap(known.longest_gap, known.last_received, command.received) if known else 0,
        )
    )


def _access(command: PublishDocument, published: Sequence[Published]) -> AccessRecord:
    outcomes = sorted({each.outcome.value for each in published})
    return AccessRecord(
        at=command.received,
        method="PublishReport",
        institution=command.caller.institution,
        role=command.caller.role.value,
        certificate=command.caller.certificate,
        request_id=command.request_id,
        outcome=",".join(outcomes),
        patient_keys=tuple(dict.fromkeys(each.patient_key for each in published if each.patient_key)),
        reports=tuple(each.report_id for each in published if each.report_id),
        contents=tuple(
            RecordedReport(
                each.report_id, each.version, ("unchanged" if each.unchanged else each.outcome.value,), each.digest
            )
            for each in published
            if each.report_id
        ),
    )


def failed(published: Sequence[Published]) -> tuple[Issue, ...]:
    """All errors, when every report of the document was refused; empty otherwise."""
    if any(each.outcome is not Outcome.REJECTED for each in published):
        return ()
    return tuple(issue for each in published for issue in each.issues if issue.severity is Severity.ERROR)
