"""How often a patient's chart changed: the table. See tables.py for what holds of all.

On Citus by patient_key, as the reports.
"""

from sqlalchemy import BigInteger, Column, Table

from hutong_server.store.tables import KEY, metadata

patient_change = Table(
    "patient_change",
    metadata,
    Column("patient_key", KEY, primary_key=True),
    # Raised once by every commit that changes what a chart of this record shows; no row: never.
    Column("changes", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
