"""The restores of a registry: the table. See tables.py for what holds of all. A reference table on Citus."""

from sqlalchemy import BigInteger, Column, Table

from hutong_server.store.tables import INSTANT, TEXT, metadata

restoration = Table(
    "restoration",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    # When the database was put back, and how far it had come: the newest checkpoint of its ledger.
    Column("at", INSTANT, nullable=False),
    Column("reaches", INSTANT, nullable=False),
    # When what was withdrawn, decided, revoked and suspended since had been replayed, or its loss accepted.
    Column("settled", INSTANT),
    # From when on it is lost; null where it was replayed.
    Column("lost_since", INSTANT),
    # JSON list of institutions that count as resumed though a feed of theirs has not gone on.
    Column("excused", TEXT, nullable=False),
)
