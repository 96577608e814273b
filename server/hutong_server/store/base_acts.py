"""Acts: what an institution, a patient or an administrator did that must hold even when the database is lost.

They leave the database in the ledger's export, sealed, before they are acknowledged, so that a registry which is put
back from a backup can do them again (usecases/replay.py).
"""

from typing import Any, NamedTuple

from hutong_server.store.base_records import AccessRecord


class Act(NamedTuple):
    """Something that was done. Names what it is about so that it is found in an older state of the database."""

    kind: str
    content: tuple[Any, ...]
    """Primitive values, of a form that belongs to the kind."""


class ToldAct(NamedTuple):
    """Acts as the export tells of them."""

    log_id: bytes
    number: int
    """Leaf of the log with which they became durable."""
    access: AccessRecord
    """That leaf: by whom, when and why."""
    acts: tuple[Act, ...]
