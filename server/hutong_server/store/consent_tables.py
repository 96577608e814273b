"""Directives, break-glass and its reviews: the table. See tables.py for what holds of all.

One table, so that the gate asks once. On Citus by patient_key, as the reports.
"""

from sqlalchemy import Column, Index, Table

from hutong_server.store.tables import BLOB, INSTANT, KEY, TEXT, metadata

consent_entry = Table(
    "consent_entry",
    metadata,
    Column("patient_key", KEY, primary_key=True),
    Column("entry_id", KEY, primary_key=True),
    Column("kind", TEXT, nullable=False),  # directive, opening, opening_reviewed
    Column("at", INSTANT, nullable=False),
    Column("body", BLOB, nullable=False),  # sealed: what the directive says; who opened what and why
    Index("ix_consent_entry_kind_at_entry_id", "kind", "at", "entry_id"),
    sqlite_with_rowid=False,
)
