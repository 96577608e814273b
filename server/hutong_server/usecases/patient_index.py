"""Whose report is this? Finds, opens and links the records of the patient index for a report that arrives.

Under one token, records that agree form a person; a contradiction opens a second person beside it and hides neither.
What is not certain is held.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from hutong_server.domain.person import Demographics, NameRule, PatientKey, Person, agreeing, covers, surely_same
from hutong_server.domain.report import Instant
from hutong_server.store.base import PatientStep, Writer
from hutong_server.usecases.notify import notify, of_persons

REGISTRY = "registry"
"""Who did a step that no administrator did."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Under which key a report stands, or why that is not certain."""

    key: PatientKey | None
    held_because: str = ""
    """"no_identifier", "no_demographics" or "several_persons"; "" when placed."""


def place(
    writer: Writer,
    tokens: Sequence[bytes],
    said: Demographics,
    rule: NameRule,
    now: Instant,
    current: PatientKey | None,
) -> Placement:
    """Finds the record for what a report says of its patient; opens or links records as needed.

    `current` is the key under which an earlier version of the report stands: kept when it is still right.
    The caller holds the lock of every token.
    """
    if not tokens:
        return Placement(None, "no_identifier")
    if said.empty:
        return Placement(None, "no_demographics")
    persons = agreeing(writer.persons(tokens), said, rule)
    if not persons:
        # Nobody yet, or everybody there contradicts: a person of their own, beside the others.
        key = new_key()
        writer.open_patient(key, said, now, tokens)
        return Placement(key)
    if len(persons) > 1 and not _one_person(persons, said, rule):
        return Placement(None, "several_persons")
    key = _record(writer, persons, said, tokens, now, current)
    for other in persons[1:]:
        step = _link(writer, persons[0].key, other.key, now)
        notify(writer, of_persons((*persons[0].keys, *other.keys), step), now)
    return Placement(key)


def _one_person(persons: Sequence[Person], said: Demographics, rule: NameRule) -> bool:
    """Whether identifiers that lead to several persons may link them: all positively agree in birth date and name."""
    return all(any(surely_same(own, said, rule) for _, own in person.records) for person in persons) and all(
        other.agrees(own, rule) for person in persons for other in persons for _, own in person.records
    )


def _record(
    writer: Writer,
    persons: Sequence[Person],
    said: Demographics,
    tokens: Sequence[bytes],
    now: Instant,
    current: PatientKey | None,
) -> PatientKey:
    """The record that already says all of `said` (the current one first), else a new one linked to the person."""
    known = [record for person in persons for record in person.records if covers(record[1], said)]
    key = next((key for key, _ in known if key == current), known[0][0] if known else None)
    if key is not None:
        writer.add_tokens(key, tokens)
        return key
    key = new_key()
    writer.open_patient(key, said, now, tokens)
    _link(writer, persons[0].key, key, now)
    return key


def _link(writer: Writer, one: PatientKey, other: PatientKey, now: Instant) -> bytes:
    step_id = new_key()
    writer.put_step(
        PatientStep(step_id=step_id, action="linked", records=(one, other), reason="identifiers", by=REGISTRY, at=now)
    )
    return step_id


def new_key() -> PatientKey:
    """16 random bytes."""
    return secrets.token_bytes(16)
