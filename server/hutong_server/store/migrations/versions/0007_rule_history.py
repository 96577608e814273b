"""Imports that wait for their day, codes that lead nowhere, and institutions as entries of the catalogue's versions."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes them."""
    op.add_column("catalog_version", sa.Column("change_count", sa.Integer(), nullable=True))
    op.create_table(
        "catalog_pending",
        sa.Column("pending_id", sa.LargeBinary(), nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("activate_at", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("by", TEXT, nullable=False),
        sa.Column("certificate", TEXT, nullable=False),
        sa.Column("comment", TEXT, nullable=False),
        sa.Column("note", TEXT, nullable=False),
        sa.Column("change_count", sa.Integer(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("pending_id", name="pk_catalog_pending"),
    )
    op.create_index("ix_catalog_pending_state_activate_at", "catalog_pending", ["state", "activate_at"])
    op.create_table(
        "unmapped_code",
        sa.Column("code_key", sa.LargeBinary(), nullable=False),
        sa.Column("institution", TEXT, nullable=False),
        sa.Column("occurrences", sa.BigInteger(), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.Column("rules_version", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("code_key", name="pk_unmapped_code"),
    )
    op.create_index("ix_unmapped_code_institution", "unmapped_code", ["institution"])
    op.create_table(
        "unmapped_share",
        sa.Column("institution", TEXT, nullable=False),
        sa.Column("results", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("institution", name="pk_unmapped_share"),
    )
    _keep_institutions()


def _keep_institutions() -> None:
    """Institutions of before stand in the versions from the last one on: what they were earlier was not kept."""
    database = op.get_bind()
    last = database.execute(sa.text("SELECT max(version) FROM catalog_version")).scalar()
    columns = (
        "code, name, tier, region, alliances, identifiers, feed_interval_hours, access_suspended, "
        "quality_suspended_since"
    )
    for row in database.execute(sa.text(f"SELECT {columns} FROM institution ORDER BY code")).all():  # noqa: S608
        code, name, tier, region, alliances, identifiers, hours, suspended, since = row
        body = {"code": code, "name": name, "tier": tier, "region": region}
        body |= {"alliances": json.loads(alliances)} if json.loads(alliances) else {}
        if json.loads(identifiers):
            body["identifiers"] = [{"system": system, "value": value} for system, value in json.loads(identifiers)]
        body |= {"feed_interval_hours": hours} if hours else {}
        body |= {"access_suspended": True} if suspended else {}
        body |= {"quality_suspended_since": since} if since is not None else {}
        database.execute(
            sa.text(
                "INSERT INTO catalog_entry (kind, key, added_in, removed_in, body) "
                "VALUES ('institution', :code, :last, NULL, :body)"
            ),
            {
                "code": code,
                "last": last,
                "body": json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False),
            },
        )
