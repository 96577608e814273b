"""The administrator's work on the patient index: what is held, whose it is, which records are one person.

Every step is recorded with who did it and why, and can be undone.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import NamedTuple

from hutong_server.domain.caller import Caller
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.person import PatientKey, Person, agreeing
from hutong_server.domain.report import Instant
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import AccessRecord, HeldReport, PatientRecordRow, PatientStep, Reader, Writer
from hutong_server.usecases.acts import patient_steps
from hutong_server.usecases.institutions import admin_access
from hutong_server.usecases.notify import notify, of_persons

MAX_REPORTS = 200
"""Of one record that are listed."""


@dataclass(frozen=True, slots=True)
class Step:
    """What every step needs: who does it, why, and when."""

    caller: Caller
    reason: str
    now: Instant
    request_id: str = ""

    @property
    def by(self) -> str:
        """As it is recorded."""
        return f"{self.caller.institution}/{self.caller.role.value}"


class KnownReport(NamedTuple):
    """A report under a record, without anything that it says."""

    report_id: bytes
    institution: str
    received: Instant
    withheld: bool


@dataclass(frozen=True, slots=True)
class PersonView:
    """A person as an administrator sees it."""

    records: tuple[PatientRecordRow, ...]
    reports: dict[PatientKey, tuple[KnownReport, ...]] = field(default_factory=dict)
    """By record, newest first; only where a patient is shown."""


@dataclass(frozen=True, slots=True)
class HeldView:
    """A held report and the persons it may belong to."""

    held: HeldReport
    candidates: tuple[PersonView, ...]


def list_held(
    after: tuple[Instant, bytes] | None, limit: int, reader: Reader, book: RuleBook
) -> tuple[list[HeldView], bool]:
    """A page of held reports, oldest first, with the persons that agree; and whether more follow."""
    rows = reader.held(after, limit + 1)
    return [HeldView(row, _candidates(row, reader, book)) for row in rows[:limit]], len(rows) > limit


def show_patient(tokens: Sequence[bytes], reader: Reader) -> tuple[list[PersonView], list[PatientStep]]:
    """The persons under the tokens and the steps that formed them; empty for an unknown patient."""
    persons = reader.persons(tokens)
    keys = [key for person in persons for key in person.keys]
    views = [replace(_view(person, reader), reports=_reports(person, reader)) for person in persons]
    return views, reader.steps(keys)


def place_held(held_id: bytes, record: PatientKey | None, step: Step) -> Callable[[Writer], PatientStep]:
    """The write job that places a held report with the person of `record`, or makes it a person of its own (None).

    Raises NOT_FOUND for an unknown report or record, STATE_CONFLICT when it is not held any more.
    """

    def job(writer: Writer) -> PatientStep:
        writer.lock([held_id])
        held = writer.held_report(held_id)
        if held is None:
            raise HutongError(Reason.NOT_FOUND, "no such held report")
        if held.placed:
            raise HutongError(Reason.STATE_CONFLICT, "the report is placed already; undo that step first")
        if record is not None and not writer.patient_records([record]):
            raise HutongError(Reason.NOT_FOUND, "no such record")
        _open_key(writer, held, step.now)
        if record is None:
            done = _step("placed_alone", (held.patient_key,), step, held_id=held_id)
        else:
            done = _step("placed", (held.patient_key, record), step, held_id=held_id)
        writer.put_step(done)
        _placed(writer, done, stands=True)
        writer.record(_access("PlaceHeldReport", done, step, (held_id,)), patient_steps((done,)))
        return done

    return job


def link(one: PatientKey, other: PatientKey, step: Step) -> Callable[[Writer], PatientStep]:
    """The write job that links two persons. Idempotent: records of one person already are left as they are."""

    def job(writer: Writer) -> PatientStep:
        writer.lock(sorted((one, other)))
        known = {row.key: row for row in writer.patient_records([one, other])}
        if one not in known or other not in known:
            raise HutongError(Reason.NOT_FOUND, "no such record")
        standing = _standing(writer, one, other)
        if standing is not None:
            return standing
        if known[one].person == known[other].person:
            raise HutongError(Reason.STATE_CONFLICT, "both records are of one person already")
        done = _step("linked", (one, other), step)
        writer.put_step(done)
        notify(writer, of_persons(_records(writer, one), done.step_id), step.now)
        writer.record(_access("LinkPatients", done, step), patient_steps((done,)))
        return done

    return job


def unlink(record: PatientKey, step: Step) -> Callable[[Writer], PatientStep]:
    """The write job that takes a record out of its person. Raises STATE_CONFLICT when it is alone already."""

    def job(writer: Writer) -> PatientStep:
        writer.lock([record])
        if not writer.patient_records([record]):
            raise HutongError(Reason.NOT_FOUND, "no such record")
        links = [
            each
            for each in writer.steps([record])
            if each.undone_at is None and len(each.records) == 2 and record in each.records
        ]
        links = [each for each in links if each.action in ("linked", "placed")]
        if not links:
            raise HutongError(Reason.STATE_CONFLICT, "the record is alone already")
        done = replace(_step("unlinked", (record,), step), undid=tuple(each.step_id for each in links))
        notify(writer, of_persons(_records(writer, record), done.step_id), step.now)
        undone = [replace(each, undone_at=step.now, undone_by=step.by) for each in links]
        for each in undone:
            writer.put_step(each)
            _placed(writer, each, stands=False)
        writer.put_step(done)
        writer.record(_access("UnlinkPatient", done, step), patient_steps((*undone, done)))
        return done

    return job


def undo(step_id: bytes, step: Step) -> Callable[[Writer], PatientStep]:
    """The write job that undoes a step. Raises NOT_FOUND, and STATE_CONFLICT when it was undone already."""

    def job(writer: Writer) -> PatientStep:
        writer.lock([step_id])
        known = writer.step(step_id)
        if known is None:
            raise HutongError(Reason.NOT_FOUND, "no such step")
        if known.undone_at is not None:
            raise HutongError(Reason.STATE_CONFLICT, "the step was undone already")
        done = replace(known, undone_at=step.now, undone_by=step.by)
        before = _records(writer, *known.records)
        writer.put_step(done)
        _placed(writer, known, stands=False)
        again = [replace(each, undone_at=None, undone_by="") for each in filter(None, map(writer.step, known.undid))]
        for former in again:
            writer.put_step(former)
            _placed(writer, former, stands=True)
        # A placing step was about one report; what else its person has is as it was.
        concerned = known.records[:1] if known.held_id else (*before, *_records(writer, *known.records))
        notify(writer, of_persons(concerned, done.step_id + b"undone"), step.now)
        writer.record(_access("UndoPatientStep", done, step), patient_steps((done, *again)))
        return done

    return job


def keep_step(writer: Writer, step: PatientStep, now: Instant) -> bool:
    """Keeps a step that was made before, as it is; False where its records or its report are not there."""
    held = writer.held_report(step.held_id) if step.held_id else None
    if held is not None:
        _open_key(writer, held, now)
    if (step.held_id and held is None) or len(writer.patient_records(step.records)) < len(set(step.records)):
        return False
    writer.put_step(step)
    _placed(writer, step, stands=step.undone_at is None)
    return True


def _open_key(writer: Writer, held: HeldReport, now: Instant) -> None:
    """A held report's own key becomes a record of the index when the report is placed for the first time."""
    if not writer.patient_records([held.patient_key]):
        writer.open_patient(held.patient_key, held.demographics, now, ())


def _placed(writer: Writer, placing: PatientStep, *, stands: bool) -> None:
    """Shows the report that a placing step is about, or holds it again when the step no longer stands."""
    held = writer.held_report(placing.held_id) if placing.held_id else None
    if held is None:
        return
    if placing.action == "placed_alone":
        (writer.add_tokens if stands else writer.remove_tokens)(held.patient_key, held.tokens)
    writer.put_held(replace(held, placed=stands))
    identity = writer.identity_of(held.held_id)
    if identity is not None and identity.patient_key == held.patient_key:
        writer.set_held(held.patient_key, held.held_id, not stands or identity.withheld)
        writer.put_identity(replace(identity, held=not stands))


def _records(writer: Writer, *of: PatientKey) -> tuple[PatientKey, ...]:
    """All records of the persons to whom these belong now."""
    persons = filter(None, map(writer.person_of, of))
    return tuple(dict.fromkeys(key for person in persons for key in person.keys))


def _standing(writer: Writer, one: PatientKey, other: PatientKey) -> PatientStep | None:
    return next(
        (
            each
            for each in writer.steps([one])
            if each.undone_at is None and each.action == "linked" and set(each.records) == {one, other}
        ),
        None,
    )


def _step(action: str, records: tuple[PatientKey, ...], step: Step, held_id: bytes = b"") -> PatientStep:
    return PatientStep(
        step_id=secrets.token_bytes(16),
        action=action,
        records=records,
        reason=step.reason,
        by=step.by,
        at=step.now,
        held_id=held_id,
    )


def _candidates(held: HeldReport, reader: Reader, book: RuleBook) -> tuple[PersonView, ...]:
    persons = reader.persons(held.tokens) if held.tokens else []
    return tuple(_view(person, reader) for person in agreeing(persons, held.demographics, book.policy.name_rule))


def _view(person: Person, reader: Reader) -> PersonView:
    return PersonView(tuple(reader.patient_records(person.keys)))


def _reports(person: Person, reader: Reader) -> dict[PatientKey, tuple[KnownReport, ...]]:
    """Of each record. Those that are held wait in a list of their own."""
    found: dict[PatientKey, tuple[KnownReport, ...]] = {}
    for key in person.keys:
        rows = sorted(reader.hidden_reports(key), key=lambda row: (row.received, row.report_id), reverse=True)
        known = ((row, reader.identity_of(row.report_id)) for row in rows)
        listed = (
            KnownReport(row.report_id, row.institution, row.received, identity.withheld)
            for row, identity in known
            if identity is not None and not identity.held
        )
        found[key] = tuple(islice(listed, MAX_REPORTS))
    return found


def _access(method: str, done: PatientStep, step: Step, reports: tuple[bytes, ...] = ()) -> AccessRecord:
    return admin_access(
        method, step.caller, done.action, step.now, step.request_id, patient_keys=done.records, reports=reports
    )
