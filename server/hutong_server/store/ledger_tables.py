"""The access ledger: the tables. See tables.py for what holds of all.

The leaves stand in access_record, whose clear columns are an index of them. On SQLite each process has that table in a
file of its own, beside the database (ledger_file.py); here stand those of before, and of PostgreSQL. All else that is
of the ledger is committed here: the newest checkpoint of a log says which of its leaves count. Placement on Citus: by
log.
"""

from sqlalchemy import BigInteger, Boolean, Column, Table, or_

from hutong_server.store.tables import BLOB, INSTANT, KEY, access_record, metadata

OUTSIDE = b""
"""In the distributed form, the log of the access records that stand outside of every log: null cannot be there."""

is_outside = or_(access_record.c.log_id.is_(None), access_record.c.log_id == OUTSIDE)
"""An access record of no log."""

ledger_log = Table(
    "ledger_log",
    metadata,
    Column("log_id", KEY, primary_key=True),
    Column("started", INSTANT, nullable=False),
    Column("ended", Boolean, nullable=False),
    # What retention cut off: so many leaves, and the roots of their full subtrees, 32 bytes each.
    Column("cut", BigInteger, nullable=False),
    Column("cut_nodes", BLOB, nullable=False),
    # The ledger file beside the database in which its leaves stand (ledger_file.py); null: in access_record here.
    Column("file", BigInteger),
)

ledger_root = Table(
    "ledger_root",
    metadata,
    Column("leaf_index", BigInteger, primary_key=True, autoincrement=False),
    Column("body", BLOB, nullable=False),  # canonical JSON, in clear: nothing of a patient
    Column("leaf_hash", BLOB, nullable=False),
)

ledger_checkpoint = Table(
    "ledger_checkpoint",
    metadata,
    Column("log_id", KEY, primary_key=True),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("at", INSTANT, nullable=False),
    Column("root", BLOB, nullable=False),
    Column("signature", BLOB, nullable=False),
    sqlite_with_rowid=False,
)

ledger_subject = Table(
    "ledger_subject",
    metadata,
    Column("patient_key", KEY, primary_key=True),
    Column("at", INSTANT, primary_key=True, autoincrement=False),
    Column("log_id", KEY, primary_key=True),
    Column("leaf_index", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
