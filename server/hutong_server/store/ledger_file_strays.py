"""What stands in ledger files and belongs to no log, and files that are not there, for `audit verify`."""

from collections import Counter
from typing import Final

from sqlalchemy import func, not_, select

from hutong_server.store import tables
from hutong_server.store.ledger_file import PREPARED_MOST, LedgerFiles, beyond, committed
from hutong_server.store.ledger_tables import is_outside, ledger_log
from hutong_server.store.statements import Statement, as_number
from hutong_server.store.transaction import Transaction

LOGLESS: Final = "leaves of a log that is not there"
OUTSIDE_ALL: Final = "records outside of every log, written after the ledger began"

_rec, _log = tables.access_record.c, ledger_log.c
_KNOWN = Statement(select(_log.log_id, as_number(_log.file)).where(_log.file.is_not(None)))
_LOGS = Statement(select(_rec.log_id, func.count()).where(not_(is_outside)).group_by(_rec.log_id))
_LAST = Statement(select(_rec.log_id).order_by(_rec.record_id.desc()).limit(1))
_OUTSIDE = Statement(select(func.count()).where(is_outside))


def file_strays(tx: Transaction) -> dict[str, int]:
    """What → how many."""
    found: Counter[str] = Counter()
    if tx.files is None:
        return found
    known = {(log_id, file) for log_id, file in tx.rows(_KNOWN)}
    there = tx.files.numbers()
    for number in there:
        ledger = tx.files.of(number)
        found[OUTSIDE_ALL] += (ledger.row(_OUTSIDE) or (0,))[0]
        last = (ledger.row(_LAST) or (None,))[0]
        for log_id, count in ledger.rows(_LOGS):
            if (log_id, number) in known:
                continue
            if not (committed(tx, log_id) == 0 and _on_its_way(tx.files, ledger, log_id, log_id == last)):
                found[LOGLESS] += count
    for number, logs in Counter(file for _, file in known if file not in there).items():
        found[f"logs whose leaves stood in ledger file {number}, which is not there"] += logs
    return found


def _on_its_way(files: LedgerFiles, ledger: Transaction, log_id: bytes, last: bool) -> bool:
    """Whether a log began since, or was prepared by a commit that did not come through: then it was written last."""
    later = files.committed_now(log_id)
    return (later > 0 or last) and beyond(ledger, log_id, later) <= PREPARED_MOST
