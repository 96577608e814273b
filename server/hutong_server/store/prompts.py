"""What was shown to whom: prompts and access records."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.elements import BindParameter

from hutong_server.domain.person import PatientKey
from hutong_server.domain.report import Instant
from hutong_server.store import tables
from hutong_server.store.base import AccessRecord, Prompt
from hutong_server.store.leaves import access_of, leaf_from_rest
from hutong_server.store.ledger import leaf_context, record_context
from hutong_server.store.ledger_file import in_file
from hutong_server.store.packing import pack, part_keys, unpack
from hutong_server.store.statements import Statement, upsert
from hutong_server.store.transaction import Row, Transaction

_PROMPT = b"prompt"
_FILE = 2**48
"""More than the records of a ledger file."""
_LINE = 5
"""Parts of a line."""

_access = tables.access_record.c
_PUT_PROMPT = upsert(tables.prompt)
MAX_EARLIER = 500
"""Lines in whose place others were offered, that one prompt remembers."""


def _add(database: str) -> ClauseElement:
    """Adds a prompt unless its key is there, and says whether it did."""
    values: dict[str, BindParameter[Any]] = {column.name: bindparam(column.name) for column in tables.prompt.columns}
    if database == "sqlite":
        for_sqlite = sqlite.insert(tables.prompt).values(values).on_conflict_do_nothing()
        return for_sqlite.returning(tables.prompt.c.prompt_id, tables.prompt.c.patient_key)
    for_postgresql = postgresql.insert(tables.prompt).values(values).on_conflict_do_nothing()
    return for_postgresql.returning(tables.prompt.c.prompt_id, tables.prompt.c.patient_key)


_ADD_PROMPT = Statement(_add)
_RECORDS = Statement(
    select(tables.access_record)
    .where(_access.record_id > bindparam("after"))
    .order_by(_access.record_id)
    .limit(bindparam("limit"))
)
_PROMPTS = Statement(
    select(tables.prompt)
    .where(tables.prompt.c.prompt_id == bindparam("of_id"))
    .order_by(func.coalesce(tables.prompt.c.recorded, tables.prompt.c.at).desc())
)

_PROMPT_OF = Statement(
    select(tables.prompt).where(
        tables.prompt.c.patient_key == bindparam("of_key"), tables.prompt.c.prompt_id == bindparam("of_id")
    )
)


def add_prompts(tx: Transaction, given: Sequence[Prompt]) -> list[bool]:
    """Adds prompts; which of them were there already, from a request that was sent before, and are not touched."""
    # In one order, so that no two writers wait for each other.
    keys = sorted({(prompt.prompt_id, prompt.patient_key or b""): prompt for prompt in reversed(given)}.items())
    added = {(found, key) for found, key in tx.rows_of_many(_ADD_PROMPT, [_columns(tx, each) for _, each in keys])}
    there = []
    for prompt in given:
        key = prompt.prompt_id, prompt.patient_key or b""
        there.append(key not in added)
        added.discard(key)
    return there


def put_prompt(tx: Transaction, prompt: Prompt) -> None:
    """See Writer."""
    # One statement, unless the request was sent before.
    if tx.rows(_ADD_PROMPT, **_columns(tx, prompt)):
        return
    tx.lock((prompt.prompt_id,))
    (row,) = tx.rows(_PROMPT_OF, of_key=prompt.patient_key or b"", of_id=prompt.prompt_id)
    former = _prompt_of(tx, row)
    tx.run(_PUT_PROMPT, **_columns(tx, _merged(former, prompt)))


def _merged(former: Prompt, given: Prompt) -> Prompt:
    """What stands after a repeat. Who decides on what an earlier answer offered finds it here."""
    offered = {line[0]: line for line in given.lines}
    replaced = tuple((*line, given.at) for line in former.lines if offered.get(line[0], line) != line)
    return replace(
        given,
        at=min(former.at, given.at),
        rules_version=min(former.rules_version, given.rules_version),
        lines=given.lines + tuple(line for line in former.lines if line[0] not in offered),
        earlier=(former.earlier + replaced)[-MAX_EARLIER:],
    )


def _columns(tx: Transaction, prompt: Prompt) -> dict[str, object]:
    key = prompt.patient_key or b""
    return {
        "patient_key": key,
        "prompt_id": prompt.prompt_id,
        "institution": prompt.institution,
        "at": prompt.at,
        "outcome": prompt.outcome,
        "rules_version": prompt.rules_version,
        "lines": tx.sealer.seal(pack(prompt.lines + prompt.earlier), _PROMPT + prompt.prompt_id + key),
        "kind": prompt.kind,
        "department": prompt.department,
        "encounter": prompt.encounter,
        "recorded": int(time.time() * 1000),
    }


def prompts(tx: Transaction, prompt_id: bytes) -> list[Prompt]:
    """See Reader."""
    return [_prompt_of(tx, row) for row in tx.rows(_PROMPTS, of_id=prompt_id)]


def _prompt_of(tx: Transaction, row: Row) -> Prompt:
    key, found, institution, at, outcome, rules, lines, kind, department, encounter, _ = row
    standing, earlier = offered(tx, found, key, lines)
    return Prompt(
        prompt_id=found,
        institution=institution,
        patient_key=key or None,
        at=at,
        outcome=outcome,
        rules_version=rules,
        lines=standing,
        earlier=earlier,
        kind=kind or "chart",
        department=department or "",
        encounter=encounter or b"",
    )


def offered(
    tx: Transaction, prompt_id: bytes, key: PatientKey, sealed: bytes
) -> tuple[tuple[tuple[str, bytes, int, str, int], ...], tuple[tuple[str, bytes, int, str, int, Instant], ...]]:
    """The lines of a prompt's row, and those in whose place others were offered; see Prompt."""
    opened = unpack(tx.sealer.open(sealed, _PROMPT + prompt_id + key))
    # Lines of before prompts were counted name neither issuer nor version; those that were replaced, also when.
    standing = tuple(line if len(line) > 3 else (*line, "", 0) for line in opened if len(line) <= _LINE)
    return standing, tuple(line for line in opened if len(line) > _LINE)


def _access_rows(tx: Transaction, after: int, limit: int) -> list[Row]:
    found = tx.rows(_RECORDS, after=after, limit=limit)
    for file in tx.files.numbers() if tx.files is not None else ():
        first = (file + 1) * _FILE
        rows = in_file(tx, file).rows(_RECORDS, after=max(after - first, 0), limit=limit)
        found += [(first + row[0], *row[1:]) for row in rows if first + row[0] > after]
    return found[:limit]


def access_records(tx: Transaction, after: int = 0, limit: int = 1000) -> list[tuple[int, AccessRecord]]:
    """(number, record) after a number, in the order of the numbers: those of the database, then file by file."""
    found = []
    for row in _access_rows(tx, after, limit):
        number, at, method, institution, role, outcome, keys, sealed, log_id, index, _ = row
        context = record_context(at, keys) if not log_id else leaf_context(log_id, index)
        plain = leaf_from_rest(tx.sealer.open(sealed, context))
        if plain.startswith(b"{"):
            found.append((number, access_of(plain)))
            continue
        # A record of before the ledger.
        opened = unpack(plain)
        certificate, request_id, practitioner, department, encounter, encounter_class, purpose, prompt, ids = opened[:9]
        access = AccessRecord(
            at=at,
            method=method,
            institution=institution,
            role=role,
            certificate=certificate,
            request_id=request_id,
            outcome=outcome,
            practitioner=practitioner,
            department=department,
            encounter=encounter,
            encounter_class=encounter_class,
            purpose=purpose,
            patient_keys=part_keys(keys),
            prompt_id=prompt,
            reports=ids,
            # Records of before consent was asked for are shorter.
            consent_basis=opened[9] if len(opened) > 9 else "",
            withheld=opened[10] if len(opened) > 10 else (),
        )
        found.append((number, access))
    return found
