"""Keys of the store, wrapped: the tables. See tables.py for what holds of all. On Citus they are reference tables."""

from sqlalchemy import Column, Integer, Table

from hutong_server.store.tables import BLOB, INSTANT, KEY, TEXT, metadata

data_key = Table(
    "data_key",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("purpose", TEXT, nullable=False),
    Column("suite", TEXT, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("made", INSTANT, nullable=False),
    Column("changed", INSTANT, nullable=False),
)

# Two for each key while the key-encryption key is exchanged.
key_wrap = Table(
    "key_wrap",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("kek", KEY, primary_key=True),
    Column("wrapped", BLOB, nullable=False),
)
