"""Who has seen a patient's results: the leaves under a patient's keys, newest first."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, bindparam, select, tuple_

from hutong_server.domain.person import PatientKey
from hutong_server.domain.report import Instant
from hutong_server.store import tables
from hutong_server.store.base import Leaf, LeafPlace
from hutong_server.store.leaves import PUBLISHING, access_of, leaf_from_rest
from hutong_server.store.ledger import leaf_context
from hutong_server.store.ledger_file import leaves_of
from hutong_server.store.ledger_tables import ledger_subject
from hutong_server.store.statements import Statement
from hutong_server.store.transaction import Row, Transaction

_rec, _subject = tables.access_record.c, ledger_subject.c
_place = (_subject.at, _subject.log_id, _subject.leaf_index)
_OF_PATIENT = (
    _subject.patient_key == bindparam("key"),
    _subject.at >= bindparam("since"),
    tuple_(*_place)
    < tuple_(
        bindparam("before_at", type_=_subject.at.type),
        bindparam("before_log", type_=_subject.log_id.type),
        bindparam("before_number", type_=_subject.leaf_index.type),
    ),
)
_NEWEST = (_subject.at.desc(), _subject.log_id.desc(), _subject.leaf_index.desc())
_PAGE = Statement(
    select(*_place, _rec.body)
    .select_from(
        ledger_subject.join(
            tables.access_record, and_(_subject.log_id == _rec.log_id, _subject.leaf_index == _rec.leaf_index)
        )
    )
    .where(*_OF_PATIENT, _rec.method != bindparam("publishing"))
    .order_by(*_NEWEST)
    .limit(bindparam("limit"))
)
# In the distributed form the patient's list and the leaves stand on different machines, on SQLite in different files.
_PLACES = Statement(select(*_place).where(*_OF_PATIENT).order_by(*_NEWEST).limit(bindparam("limit")))
_BODY = Statement(
    select(_rec.log_id, _rec.leaf_index, _rec.body).where(
        _rec.log_id == bindparam("of_log"),
        _rec.leaf_index == bindparam("number"),
        _rec.method != bindparam("publishing"),
    )
)


def accesses(tx: Transaction, keys: Sequence[PatientKey], since: Instant, before: LeafPlace, limit: int) -> list[Leaf]:
    """See Reader."""
    found: dict[tuple[Instant, bytes, int], bytes] = {}
    for key in keys:
        rows = _pages(tx, key, since, before, limit)
        found |= {(at, bytes(log_id), number): sealed for at, log_id, number, sealed in rows}
    newest = sorted(found, reverse=True)[:limit]
    return [
        Leaf(
            LeafPlace(at, log_id, number),
            access_of(leaf_from_rest(tx.sealer.open(found[at, log_id, number], leaf_context(log_id, number)))),
        )
        for at, log_id, number in newest
    ]


def _bodies(tx: Transaction, wanted: Sequence[dict[str, Any]]) -> list[Row]:
    if tx.files is None:
        return tx.rows_of_many(_BODY, wanted)
    logs = {each["of_log"]: leaves_of(tx, each["of_log"]) for each in wanted}
    return [row for each in wanted for row in logs[each["of_log"]].rows(_BODY, **each)]


def _pages(tx: Transaction, key: PatientKey, since: Instant, before: LeafPlace, limit: int) -> list[Row]:
    """(at, log, number, sealed leaf), the newest first."""
    found: list[Row] = []
    while True:
        asked: dict[str, Any] = {
            "key": key,
            "since": since,
            "before_at": before.at,
            "before_log": before.log_id,
            "before_number": before.number,
            "limit": limit,
        }
        if not tx.distributed and tx.files is None:
            return tx.rows(_PAGE, **asked, publishing=PUBLISHING)
        places = tx.rows(_PLACES, **asked)
        wanted = [{"of_log": log, "number": number, "publishing": PUBLISHING} for _, log, number in places]
        bodies = {(bytes(log), number): sealed for log, number, sealed in _bodies(tx, wanted)}
        found += [(*place, bodies[place[1:]]) for place in places if place[1:] in bodies]
        if len(found) >= limit or len(places) < limit:
            return found
        before = LeafPlace(*places[-1])
