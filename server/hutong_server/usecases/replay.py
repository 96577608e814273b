"""Doing again, on a database that was put back from a backup, what must hold and happened after it (see acts.py).

Each act is recorded again as it was, by whom and when, with a word that it was replayed. What cannot be done is
counted: its report or patient is not in the backup, and comes again with its feed.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from hutong_server.domain.consent import Directive, Effect, Scope
from hutong_server.domain.person import Demographics, PatientKey
from hutong_server.domain.recognition import Institution, Tier
from hutong_server.domain.report import Instant, VersionKey
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import (
    AccessRecord,
    Identity,
    PatientStep,
    PatientToken,
    RecordedReport,
    Tokens,
    ToldAct,
    Writer,
)
from hutong_server.store.base_certificates import CertificateRow, EnrollmentToken
from hutong_server.usecases import acts
from hutong_server.usecases.patient_index import new_key, place
from hutong_server.usecases.patients import keep_step
from hutong_server.usecases.publish_version import keep
from hutong_server.usecases.publish_whose import Prepared

BY = "registry/restore"
"""Who made the catalogue's versions that a replay makes."""


@dataclass
class Replayed:
    """What a replay did."""

    done: Counter[str] = field(default_factory=Counter)
    """By kind of act."""
    left: Counter[str] = field(default_factory=Counter)
    """By kind: what the backup does not have what it is about."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What replaying needs beside the acts."""

    book: RuleBook
    tokens: Tokens
    now: Instant


class _NotThere(Exception):
    """What an act is about is not in the database."""


def replay(told: Iterable[ToldAct], by: Replay) -> Callable[[Writer], Replayed]:
    """The write job: all of them, in this order. Doing one twice changes nothing."""
    told = tuple(told)

    def job(writer: Writer) -> Replayed:
        found = Replayed()
        for each in told:
            record = replace(each.access, detail=(*each.access.detail, f"replayed {each.log_id.hex()}/{each.number}"))
            some = False
            for act in each.acts:
                try:
                    record = KINDS[act.kind](writer, act.content, by, record)
                except _NotThere:
                    found.left[act.kind] += 1
                else:
                    some = True
                    found.done[act.kind] += 1
            if some:
                # Told again, with the acts: this database may be lost, too.
                writer.record(record, *each.acts)
        return found

    return job


def _withdrawal(writer: Writer, content: tuple[Any, ...], by: Replay, record: AccessRecord) -> AccessRecord:
    institution, first, system, derived, order, status, digest, document = content
    withdrawn = Prepared(
        path="",
        institution=institution,
        identity_key=by.tokens.name_of(first),
        identity_system=system,
        derived=derived,
        order=VersionKey(*order),
        status=status,
        digest=digest,
        document=document,
        tokens=(),
        demographics=Demographics(),
        issues=(),
        rows=None,
        rule=by.book.policy.name_rule,
    )
    writer.lock(withdrawn.locks)
    kept = keep(withdrawn, writer, record.at)
    # A document may hold several reports: only this one is published again.
    others = tuple(each for each in record.contents if each.verdicts == _REPLAYED)
    verdicts = ("unchanged",) if kept.unchanged else _REPLAYED
    contents = (*others, RecordedReport(kept.report_id, kept.version, verdicts, digest))
    keys = tuple(dict.fromkeys((*(record.patient_keys if others else ()), kept.patient_key)))
    return replace(
        record, outcome="accepted", contents=contents, reports=tuple(each[0] for each in contents), patient_keys=keys
    )


_REPLAYED = ("accepted", "replayed")


def _report_hidden(writer: Writer, content: tuple[Any, ...], by: Replay, record: AccessRecord) -> AccessRecord:
    report_id, hidden, name, derived = content
    name = by.tokens.renamed(name)
    writer.lock([name])
    identity = writer.identity_of(report_id) or writer.identity(name)
    if identity is None:
        if not hidden:
            raise _NotThere
        # Its feed sends it again: it must not be shown then. No version, and no patient, until it comes.
        identity = Identity(name, report_id, new_key(), 0, derived)
    writer.put_identity(replace(identity, withheld=hidden))
    writer.set_held(identity.patient_key, identity.report_id, identity.held or hidden)
    return replace(record, patient_keys=(identity.patient_key,), reports=(identity.report_id,))


def _directive(writer: Writer, content: tuple[Any, ...], by: Replay, record: AccessRecord) -> AccessRecord:
    said, identifiers, demographics = content
    directive_id, _, effect, scope, *rest = said
    patient = tuple(by.tokens.remade(each) for each in identifiers)
    writer.lock(patient)
    persons = _whose(writer, patient, Demographics(*demographics), by)
    if not persons or (len(persons) > 1 and effect == Effect.ALLOW):
        raise _NotThere
    for keys in persons:
        known = next((each for each in writer.consent(keys)[0] if each.directive_id == directive_id), None)
        if known is None or known.revoked_at is None:
            key = keys[0] if known is None else known.patient_key
            writer.put_directive(Directive(directive_id, key, Effect(effect), Scope(scope), *rest))
    return replace(record, patient_keys=tuple(key for keys in persons for key in keys))


def _whose(
    writer: Writer, patient: tuple[PatientToken, ...], said: Demographics, by: Replay
) -> list[tuple[PatientKey, ...]]:
    """The records of whom a directive is about, the one under which it is kept first; of several, where it cannot be
    told which: rather too much is withheld than something shown that should not be.
    """
    placement = place(writer, patient, said, by.book.policy.name_rule, by.now, None)
    if placement.key is None:
        return [person.keys for person in writer.persons(patient)]
    person = writer.person_of(placement.key)
    rest = person.keys if person is not None else ()
    return [(placement.key, *(key for key in rest if key != placement.key))]


def _certificate(writer: Writer, content: tuple[Any, ...], _: Replay, record: AccessRecord) -> AccessRecord:
    row = CertificateRow(*content)
    writer.lock((b"certificate " + row.serial.encode(),))
    known = writer.certificate(row.serial)
    if known is None or known.revoked_at is None:
        writer.put_certificate(row)
    return record


def _enrollment_token(writer: Writer, content: tuple[Any, ...], _: Replay, record: AccessRecord) -> AccessRecord:
    token = EnrollmentToken(*content)
    writer.lock((token.token_hash,))
    writer.put_enrollment_token(token)
    return record


def _institution(writer: Writer, content: tuple[Any, ...], by: Replay, record: AccessRecord) -> AccessRecord:
    code, name, tier, *rest = content
    wanted = Institution(code, name, Tier(tier), *rest)
    if wanted != writer.institution(code):
        writer.put_institution(wanted, by.now, BY, f"institution {code}, replayed")
    return record


def _patient_steps(writer: Writer, content: tuple[Any, ...], by: Replay, record: AccessRecord) -> AccessRecord:
    # All of them are tried: of a person who was parted from several, some may be in the backup.
    kept = [keep_step(writer, PatientStep(*each), by.now) for each in content]
    if not any(kept):
        raise _NotThere
    return record


def _rules(_: Writer, __: tuple[Any, ...], ___: Replay, ____: AccessRecord) -> AccessRecord:
    # Imported again by whoever has the files: nothing is known here of what they say.
    raise _NotThere


KINDS = {
    acts.WITHDRAWAL: _withdrawal,
    acts.REPORT_HIDDEN: _report_hidden,
    acts.DIRECTIVE: _directive,
    acts.CERTIFICATE: _certificate,
    acts.INSTITUTION: _institution,
    acts.PATIENT_STEPS: _patient_steps,
    acts.ENROLLMENT: _enrollment_token,
    acts.RULES: _rules,
}
"""How each kind is done again."""
