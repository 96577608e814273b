"""The access ledger: the tables. See tables.py for what holds of all.

The leaves stand in access_record, whose clear columns are an index of them. Placement on Citus: by log.
"""

from sqlalchemy import BigInteger, Boolean, Column, Table

from hutong_server.store.tables import BLOB, INSTANT, KEY, metadata

OUTSIDE = b""
"""In the distributed form, the log of the access records that stand outside of every log: null cannot be there."""

ledger_log = Table(
    "ledger_log",
    metadata,
    Column("log_id", KEY, primary_key=True),
    Column("started", INSTANT, nullable=False),
    Column("ended", Boolean, nullable=False),
    # What retention cut off: so many leaves, and the roots of their full subtrees, 32 bytes each.
    Column("cut", BigInteger, nullable=False),
    Column("cut_nodes", BLOB, nullable=False),
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
