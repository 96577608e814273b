"""Who relied on what, and what they are told: the tables. See tables.py for what holds of all.

On Citus reliance goes by patient_key, beside the reports; notice and notice_head by institution.
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, text

from hutong_server.store.tables import BLOB, INSTANT, KEY, TEXT, metadata

WAITING = "acknowledged_at IS NULL"
"""Notices that are not acknowledged: what streams ask for, however many there have been."""

reliance = Table(
    "reliance",
    metadata,
    Column("patient_key", KEY, primary_key=True),
    Column("report_id", KEY, primary_key=True),
    Column("institution", TEXT, primary_key=True),
    Column("visit", KEY, primary_key=True),  # keyed digest of the visit's id
    Column("prompt_id", KEY, primary_key=True),  # empty: in none
    Column("item", TEXT, primary_key=True),  # empty: the report as a whole
    Column("how", TEXT, primary_key=True),  # opened, cited, recognized
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("ordinal", Integer, nullable=False),
    Column("issuer", TEXT, nullable=False),
    Column("department", TEXT, nullable=False),
    Column("at", INSTANT, nullable=False),
    Column("judged_at", INSTANT),
    Column("recorded", INSTANT, nullable=False),  # when the registry kept it: what roll-ups and sweeps go by
    Column("fallen", Boolean, nullable=False),
    Column("who", BLOB, nullable=False),  # sealed: visit and practitioner as the institution names them
    Index("ix_reliance_recorded", "recorded"),
    Index("ix_reliance_prompt_id", "prompt_id"),
    sqlite_with_rowid=False,
)

notice = Table(
    "notice",
    metadata,
    Column("institution", TEXT, primary_key=True),
    Column("notice_id", KEY, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("patient_key", KEY, nullable=False),
    Column("report_id", KEY, nullable=False),
    Column("created_at", INSTANT, nullable=False),
    Column("acknowledged_at", INSTANT),
    Column("hidden", Boolean, nullable=False),
    Column("body", BLOB, nullable=False),  # sealed: who relied on what, why it is not reusable
    Index("ix_notice_institution_number", "institution", "number"),
    Index("ix_notice_waiting", "institution", "number", sqlite_where=text(WAITING), postgresql_where=text(WAITING)),
    sqlite_with_rowid=False,
)

# The number that was given last: what every worker looks at for news.
notice_head = Table(
    "notice_head",
    metadata,
    Column("institution", TEXT, primary_key=True),
    Column("number", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# How far reliances have been judged anew, by the version of the catalogue that began it.
notice_sweep = Table(
    "notice_sweep",
    metadata,
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("position", KEY, nullable=False),  # packed; keys only
)
