"""Decisions and events on screen: the tables. See tables.py for what holds of all.

On Citus by patient_key, as the prompts.
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table

from hutong_server.store.tables import BLOB, INSTANT, KEY, TEXT, metadata

decision = Table(
    "decision",
    metadata,
    Column("patient_key", KEY, primary_key=True),
    Column("prompt_id", KEY, primary_key=True),
    Column("item", TEXT, primary_key=True),
    # A revocation stands beside what it takes back, and may come before it.
    Column("revokes", Boolean, primary_key=True),
    Column("institution", TEXT, nullable=False),
    Column("kind", TEXT, nullable=False),  # recognized, repeated, revoked
    Column("ground", TEXT, nullable=False),
    Column("report_id", KEY, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("source", TEXT, nullable=False),
    Column("decided_at", INSTANT, nullable=False),
    Column("recorded", INSTANT, nullable=False),  # what roll-ups go by
    Column("department", TEXT, nullable=False),
    Column("encounter", KEY, nullable=False),  # keyed digest of the visit's id
    Column("price_fen", BigInteger),
    Column("body", BLOB, nullable=False),  # sealed: text, practitioner, the visit's id
    Index("ix_decision_prompt_id", "prompt_id"),
    Index("ix_decision_recorded", "recorded"),
    Index("ix_decision_institution_decided_at", "institution", "decided_at"),
)

prompt_event = Table(
    "prompt_event",
    metadata,
    Column("patient_key", KEY, primary_key=True),
    Column("prompt_id", KEY, primary_key=True),
    Column("item", TEXT, primary_key=True),  # "": the prompt as a whole
    Column("kind", TEXT, primary_key=True),
    Column("at", INSTANT, primary_key=True, autoincrement=False),
    Column("institution", TEXT, nullable=False),
    Column("source", TEXT, nullable=False),
    Column("department", TEXT, nullable=False),
    Column("recorded", INSTANT, nullable=False),
    Index("ix_prompt_event_prompt_id", "prompt_id"),
    Index("ix_prompt_event_recorded", "recorded"),
    Index("ix_prompt_event_institution_at", "institution", "at"),
)
