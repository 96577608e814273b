"""Tables of the rule book's administration: imports that wait for their moment, and codes that lead nowhere."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table

from hutong_server.store.tables import BLOB, INSTANT, KEY, TEXT, metadata

catalog_pending = Table(
    "catalog_pending",
    metadata,
    Column("pending_id", KEY, primary_key=True),  # digest of what is imported, by whom and for when
    Column("state", TEXT, nullable=False),  # pending, cancelled, failed, done
    Column("activate_at", INSTANT, nullable=False),
    Column("made_at", INSTANT, nullable=False),
    Column("changed_at", INSTANT, nullable=False),
    Column("by", TEXT, nullable=False),
    Column("certificate", TEXT, nullable=False),
    Column("comment", TEXT, nullable=False),
    Column("note", TEXT, nullable=False),  # why it was cancelled or failed
    Column("change_count", Integer, nullable=False),
    Column("version", BigInteger, nullable=False),  # that it became; 0 until then
    Column("content", BLOB, nullable=False),  # what the files amounted to, compressed
    Index("ix_catalog_pending_state_activate_at", "state", "activate_at"),
)

unmapped_code = Table(
    "unmapped_code",
    metadata,
    Column("code_key", KEY, primary_key=True),  # keyed digest of institution, system, code
    Column("institution", TEXT, nullable=False, index=True),
    Column("occurrences", BigInteger, nullable=False),
    Column("first_seen", INSTANT, nullable=False),
    Column("last_seen", INSTANT, nullable=False),
    Column("rules_version", BigInteger, nullable=False),  # under which it was last seen to lead nowhere
    Column("body", BLOB, nullable=False),  # sealed: system, code, display, and for whom it was seen
)

unmapped_share = Table(
    "unmapped_share",
    metadata,
    Column("institution", TEXT, primary_key=True),
    Column("results", BigInteger, nullable=False),
)
