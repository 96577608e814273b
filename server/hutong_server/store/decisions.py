"""What was decided on prompts, and what happened to them on screen.

What is counted by stands in clear; what the doctor wrote, who that was and in which visit are sealed under the line.
"""

from collections.abc import Sequence

from sqlalchemy import bindparam, select

from hutong_server.domain.decision import Decision, DecisionKind, PromptEvent, PromptEventKind
from hutong_server.domain.person import PatientKey
from hutong_server.store.decision_tables import decision, prompt_event
from hutong_server.store.packing import pack, unpack
from hutong_server.store.statements import Statement, StatementOver, insert, insert_new
from hutong_server.store.transaction import Row, Transaction

_OF_KEYS = StatementOver(lambda keys: select(decision).where(decision.c.patient_key.in_(keys)))
_ON = Statement(select(decision).where(decision.c.prompt_id == bindparam("of_prompt")))
_EVENTS_ON = Statement(select(prompt_event).where(prompt_event.c.prompt_id == bindparam("of_prompt")))
_PUT = insert(decision)
_PUT_EVENT = insert_new(prompt_event)


def context(key: PatientKey, prompt_id: bytes, item: str, *, revokes: bool) -> bytes:
    """Context under which what a decision says in words is sealed."""
    return b"decision" + key + prompt_id + (b"-" if revokes else b"+") + item.encode("utf-8", "surrogatepass")


def decisions(tx: Transaction, keys: Sequence[PatientKey], encounter: bytes = b"") -> list[Decision]:
    """See Reader."""
    rows = tx.rows_over(_OF_KEYS, keys)
    return [_decision(tx, row) for row in rows if not encounter or row[_ENCOUNTER] == encounter]


def decisions_on(tx: Transaction, prompt_id: bytes) -> list[Decision]:
    """See Reader."""
    return [_decision(tx, row) for row in tx.rows(_ON, of_prompt=prompt_id)]


def put_decision(tx: Transaction, given: Decision) -> None:
    """See Writer."""
    revokes = given.kind is DecisionKind.REVOKED
    place = context(given.patient_key, given.prompt_id, given.item, revokes=revokes)
    said = (given.text, given.practitioner, given.encounter_id, given.report_key)
    tx.run(
        _PUT,
        patient_key=given.patient_key,
        prompt_id=given.prompt_id,
        item=given.item,
        revokes=revokes,
        institution=given.institution,
        kind=given.kind.value,
        ground=given.ground,
        report_id=given.report_id,
        ordinal=given.ordinal,
        version=given.version,
        source=given.source,
        decided_at=given.decided_at,
        recorded=given.recorded,
        department=given.department,
        encounter=given.encounter,
        price_fen=given.price_fen,
        body=tx.sealer.seal(pack(said), place),
    )
    tx.touch(given.patient_key)


def events_on(tx: Transaction, prompt_id: bytes) -> list[PromptEvent]:
    """See Reader."""
    return [_event(row) for row in tx.rows(_EVENTS_ON, of_prompt=prompt_id)]


def put_prompt_event(tx: Transaction, given: PromptEvent) -> None:
    """See Writer."""
    tx.run(
        _PUT_EVENT,
        patient_key=given.patient_key,
        prompt_id=given.prompt_id,
        item=given.item,
        kind=given.kind.value,
        at=given.at,
        institution=given.institution,
        source=given.source,
        department=given.department,
        recorded=given.recorded,
    )


_ENCOUNTER = list(decision.c.keys()).index("encounter")


def _decision(tx: Transaction, row: Row) -> Decision:
    key, prompt_id, item, revokes, institution, kind, ground, report_id, ordinal, version, source, *rest = row
    decided_at, recorded, department, encounter, price_fen, sealed = rest
    place = context(key, prompt_id, item, revokes=bool(revokes))
    text, practitioner, encounter_id, report_key = unpack(tx.sealer.open(sealed, place))
    return Decision(
        patient_key=key,
        prompt_id=prompt_id,
        institution=institution,
        item=item,
        kind=DecisionKind(kind),
        ground=ground,
        report_id=report_id,
        ordinal=ordinal,
        version=version,
        source=source,
        decided_at=decided_at,
        recorded=recorded,
        department=department,
        encounter=encounter,
        price_fen=price_fen,
        text=text,
        practitioner=practitioner,
        encounter_id=encounter_id,
        report_key=report_key,
    )


def _event(row: Row) -> PromptEvent:
    key, prompt_id, item, kind, at, institution, source, department, recorded = row
    return PromptEvent(key, prompt_id, item, PromptEventKind(kind), at, institution, source, department, recorded)
