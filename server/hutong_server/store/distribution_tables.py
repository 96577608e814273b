"""What only the distributed form has: indexes that stand where their question is asked. See distribution.py.

A record is found by its person and an identity by its report's id; both are kept by other keys, so that on several
machines each would be looked for on all of them.
"""

from sqlalchemy import Column, MetaData, Table

from hutong_server.store.tables import KEY, metadata

distributed_only = MetaData(naming_convention=metadata.naming_convention)

person_member = Table(
    "person_member",
    distributed_only,
    Column("person", KEY, primary_key=True),
    Column("key", KEY, primary_key=True),
)

report_name = Table(
    "report_name",
    distributed_only,
    Column("report_id", KEY, primary_key=True),
    Column("key", KEY, nullable=False),  # of the identity
)
