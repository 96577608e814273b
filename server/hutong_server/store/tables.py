"""The tables. One metadata for SQLite and PostgreSQL; migrations/ makes them, deploy/dev/migration_drift.py compares.

Only what is searched by stands in clear; everything else is in sealed blobs. Where each stands on several machines says
distribution.py. No foreign keys but among the catalogue and among steps. Keys are random or keyed digests, instants
milliseconds since 1970-01-01T00:00:00Z.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# One order of texts on both databases, whatever the server's locale.
TEXT = Text().with_variant(Text(collation="C"), "postgresql")
KEY = LargeBinary()
BLOB = LargeBinary()
INSTANT = BigInteger()
# SQLite numbers rows by itself only under the type name INTEGER.
COUNTER = BigInteger().with_variant(Integer(), "sqlite")

catalog_version = Table(
    "catalog_version",
    metadata,
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("at", INSTANT, nullable=False),
    Column("by", TEXT, nullable=False),
    Column("comment", TEXT, nullable=False),
    Column("change_count", Integer),  # null in rows of before it was counted
)

catalog_entry = Table(
    "catalog_entry",
    metadata,
    Column("kind", TEXT, primary_key=True),
    Column("key", TEXT, primary_key=True),
    Column("added_in", BigInteger, ForeignKey("catalog_version.version"), primary_key=True, autoincrement=False),
    # The version in which it no longer stands; null while it is in force.
    Column("removed_in", BigInteger, ForeignKey("catalog_version.version")),
    Column("body", TEXT, nullable=False),
)

institution = Table(
    "institution",
    metadata,
    Column("code", TEXT, primary_key=True),
    Column("name", TEXT, nullable=False),
    Column("tier", TEXT, nullable=False),
    Column("region", TEXT, nullable=False),
    Column("alliances", TEXT, nullable=False),  # JSON list
    Column("identifiers", TEXT, nullable=False),  # JSON list of [system, value]
    Column("feed_interval_hours", Integer, nullable=False),
    Column("access_suspended", Boolean, nullable=False),
    Column("quality_suspended_since", INSTANT),
)

patient = Table(
    "patient",
    metadata,
    Column("key", KEY, primary_key=True),
    # The representative of the records that are answered together; derived from the steps that stand.
    Column("person", KEY, nullable=False, index=True),
    Column("opened", INSTANT, nullable=False),
    Column("demographics", BLOB, nullable=False),  # sealed
)

patient_token = Table(
    "patient_token",
    metadata,
    Column("token", KEY, primary_key=True),
    Column("patient_key", KEY, primary_key=True),
    # Null in rows of before keys could be exchanged: the first token key, and an identifier that was not kept.
    Column("token_key", Integer),
    Column("identifier", BLOB),  # sealed: what the token was made of
    sqlite_with_rowid=False,
)

patient_step = Table(
    "patient_step",
    metadata,
    Column("step_id", KEY, primary_key=True),
    Column("body", BLOB, nullable=False),  # sealed
)

patient_step_record = Table(
    "patient_step_record",
    metadata,
    Column("patient_key", KEY, primary_key=True),
    Column("step_id", KEY, ForeignKey("patient_step.step_id"), primary_key=True),
    sqlite_with_rowid=False,
)

held_report = Table(
    "held_report",
    metadata,
    Column("held_id", KEY, primary_key=True),
    Column("received", INSTANT, nullable=False),
    Column("placed", Boolean, nullable=False),
    Column("body", BLOB, nullable=False),  # sealed
    Index("ix_held_report_received_held_id", "received", "held_id"),
)

identity = Table(
    "identity",
    metadata,
    Column("key", KEY, primary_key=True),
    # Random, so unique without a constraint; a unique key would have to hold the distribution column.
    Column("report_id", KEY, nullable=False, index=True),
    Column("patient_key", KEY, nullable=False),
    Column("current_version", Integer, nullable=False),
    Column("derived", Boolean, nullable=False),
    Column("held", Boolean, nullable=False),
    Column("disputed", Boolean, nullable=False),
    Column("former_keys", BLOB, nullable=False),  # 16 bytes each
    Column("withheld", Boolean),  # by an administrator; null in rows of before it could be
)

report = Table(
    "report",
    metadata,
    Column("patient_key", KEY, primary_key=True),
    Column("report_id", KEY, primary_key=True),
    Column("institution", TEXT, nullable=False),
    Column("version", Integer, nullable=False),
    Column("held", Boolean, nullable=False),
    Column("body", BLOB, nullable=False),  # sealed
    Index("ix_report_institution_held", "institution", "held"),
)

report_version = Table(
    "report_version",
    metadata,
    Column("patient_key", KEY, primary_key=True),
    Column("report_id", KEY, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("head", BLOB, nullable=False),  # sealed
    Column("images", BLOB, nullable=False),  # sealed
    Column("document", BLOB, nullable=False),  # compressed, sealed
    Column("institution", TEXT),  # bound to the blobs; null in rows of before it was
)

feed_status = Table(
    "feed_status",
    metadata,
    Column("institution", TEXT, primary_key=True),
    Column("feed", TEXT, primary_key=True),
    Column("position", TEXT, nullable=False),
    Column("last_received", INSTANT, nullable=False),
    Column("longest_gap", BigInteger, nullable=False),
)

prompt = Table(
    "prompt",
    metadata,
    Column("patient_key", KEY, primary_key=True),  # empty: unknown or in doubt
    Column("prompt_id", KEY, primary_key=True),
    Column("institution", TEXT, nullable=False),
    Column("at", INSTANT, nullable=False),
    Column("outcome", TEXT, nullable=False),
    Column("rules_version", BigInteger, nullable=False),
    Column("lines", BLOB, nullable=False),  # sealed
    # Null in rows of before they were counted.
    Column("kind", TEXT),  # chart, order
    Column("department", TEXT),
    Column("encounter", KEY),  # keyed digest of the visit's id
    Column("recorded", INSTANT),  # when the registry kept it: what roll-ups go by
    Index("ix_prompt_prompt_id", "prompt_id"),
    Index("ix_prompt_recorded", "recorded"),
)

access_record = Table(
    "access_record",
    metadata,
    Column("record_id", COUNTER, primary_key=True, autoincrement=True),
    Column("at", INSTANT, nullable=False),
    Column("method", TEXT, nullable=False),
    Column("institution", TEXT, nullable=False),
    Column("role", TEXT, nullable=False),
    Column("outcome", TEXT, nullable=False),
    Column("patient_keys", BLOB, nullable=False),  # 16 bytes each
    Column("body", BLOB, nullable=False),  # sealed: the leaf; before the ledger: who exactly, why, which reports
    # Where it stands in the ledger; null in rows of before it.
    Column("log_id", KEY),
    Column("leaf_index", BigInteger),
    Column("leaf_hash", BLOB),
    Index("ix_access_record_log_id_leaf_index", "log_id", "leaf_index", unique=True),
)

# Last, because they stand on the metadata above.
from hutong_server.store import (  # noqa: E402
    certificate_tables,
    consent_tables,
    decision_tables,
    intake_tables,
    key_tables,
    ledger_tables,
    notice_tables,
    order_tables,
    restoration_tables,
    rule_tables,
    statistics_tables,
)

__all__ = [
    "certificate_tables",
    "consent_tables",
    "decision_tables",
    "intake_tables",
    "key_tables",
    "ledger_tables",
    "metadata",
    "notice_tables",
    "order_tables",
    "restoration_tables",
    "rule_tables",
    "statistics_tables",
]
