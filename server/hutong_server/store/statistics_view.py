"""Reading everything that is counted, row by row, so that somebody else can count it."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Table, bindparam, select, tuple_

from hutong_server.store.decision_tables import decision, prompt_event
from hutong_server.store.notice_tables import reliance
from hutong_server.store.prompts import offered
from hutong_server.store.statements import Statement
from hutong_server.store.tables import prompt
from hutong_server.store.transaction import Row, Transaction

_CHUNK = 2000

Raw = dict[str, Any]


def _walk(table: Table, *columns: str) -> tuple[Statement, Statement, int]:
    """The first rows by key, those after a key, and how many columns the key has."""
    keys = list(table.primary_key)
    rows = select(*keys, *(table.c[name] for name in columns)).order_by(*keys).limit(bindparam("limit"))
    after = tuple_(*(bindparam(f"after{place}", type_=key.type) for place, key in enumerate(keys)))
    return Statement(rows), Statement(rows.where(tuple_(*keys) > after)), len(keys)


_PROMPTS = _walk(prompt, "institution", "at", "department", "recorded", "lines")
_DECISIONS = _walk(decision, "institution", "kind", "ground", "source", "decided_at", "department", "price_fen")
_EVENTS = _walk(prompt_event)
_RELIANCES = _walk(reliance)


class RawView:
    """The raw rows over a transaction. Ids are bytes, and there is no patient in any row."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def prompts(self) -> Iterator[Raw]:
        """Prompts: a prompt whose patient's records were joined or parted between two answers has several rows."""
        for key, prompt_id, receiver, at, department, recorded, sealed in self._rows(_PROMPTS):
            # Rows of before prompts were counted.
            if recorded is None:
                continue
            lines, former = offered(self._tx, prompt_id, key, sealed)
            yield {
                "prompt": prompt_id,
                "receiver": receiver,
                "at": at,
                "department": department or "",
                "lines": [{"item": item, "source": source, "report": report} for item, report, _, source, _ in lines],
                "former": [{"item": line[0], "report": line[1]} for line in former],
            }

    def decisions(self) -> Iterator[Raw]:
        """Decisions and revocations."""
        names = ("receiver", "kind", "ground", "source", "at", "department", "price_fen")
        for _, prompt_id, item, _, *rest in self._rows(_DECISIONS):
            yield {"prompt": prompt_id, "item": item, **dict(zip(names, rest, strict=True))}

    def events(self) -> Iterator[Raw]:
        """What happened on screen."""
        for _, prompt_id, item, kind, at in self._rows(_EVENTS):
            yield {"prompt": prompt_id, "item": item, "kind": kind, "at": at}

    def opened(self) -> Iterator[Raw]:
        """Reports that were opened out of a prompt."""
        for row in self._rows(_RELIANCES):
            found = dict(zip((key.name for key in reliance.primary_key), row, strict=True))
            if found["how"] == "opened" and found["prompt_id"]:
                yield {"prompt": found["prompt_id"], "report": found["report_id"]}

    def _rows(self, walk: tuple[Statement, Statement, int]) -> Iterator[Row]:
        first, further, size = walk
        rows = self._tx.rows(first, limit=_CHUNK)
        while rows:
            yield from rows
            after = {f"after{place}": value for place, value in enumerate(rows[-1][:size])}
            rows = self._tx.rows(further, limit=_CHUNK, **after)
