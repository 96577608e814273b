"""What was taken in of each institution, day by day: the table. See tables.py for what holds of all."""

from sqlalchemy import BigInteger, Column, Table

from hutong_server.store.tables import TEXT, metadata

# On Citus by institution.
intake_count = Table(
    "intake_count",
    metadata,
    Column("institution", TEXT, primary_key=True),
    Column("day", TEXT, primary_key=True),  # YYYY-MM-DD, in the region's time zone
    Column("kind", TEXT, primary_key=True),  # reports, held, rejected, late; warning:REASON, error:REASON
    Column("reports", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
