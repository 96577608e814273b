"""Roll-ups of what was counted, and how far counting has come: the tables. See tables.py for what holds of all.

All of it can be made again from the raw rows (`hutong-server statistics rebuild`). On Citus by receiver, with the rows
that are of no receiver in one place.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, Table

from hutong_server.domain.statistics import Counts
from hutong_server.store.tables import INSTANT, KEY, TEXT, metadata, prompt

statistics_count = Table(
    "statistics_count",
    metadata,
    # Which of receiver, source, department and item are told apart (see statistics.CUBOIDS); the others are empty.
    Column("cuboid", Integer, primary_key=True, autoincrement=False),
    Column("period", TEXT, primary_key=True),  # a day, YYYY-MM-DD, or a month, YYYY-MM
    Column("receiver", TEXT, primary_key=True),
    Column("source", TEXT, primary_key=True),
    Column("department", TEXT, primary_key=True),
    Column("specialty", TEXT, primary_key=True),
    Column("item", TEXT, primary_key=True),
    Column("ground", TEXT, primary_key=True),
    *(Column(name, BigInteger, nullable=False) for name in Counts._fields),
    sqlite_with_rowid=False,
)
# What became of an institution's results elsewhere is asked of the finest counts, too.
Index(
    "ix_statistics_count_source_period",
    statistics_count.c.source,
    statistics_count.c.period,
    sqlite_where=statistics_count.c.cuboid == 0,
    postgresql_where=statistics_count.c.cuboid == 0,
)

statistics_position = Table(
    "statistics_position",
    metadata,
    Column("raw", TEXT, primary_key=True),  # prompt, decision, prompt_event, reliance
    Column("recorded", INSTANT, nullable=False),  # what was recorded before this is counted
)

# One row: who counts, until when he is the only one, and how far he came.
statistics_run = Table(
    "statistics_run",
    metadata,
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("holder", KEY, nullable=False),
    Column("held_until", INSTANT, nullable=False),
    Column("counted_until", INSTANT, nullable=False),
    Column("time_zone", TEXT, nullable=False),  # of all days in the counts
    # The first month (YYYY-MM) whose raw rows are all there; null: that of the first. Older days are not counted anew.
    Column("forgotten", TEXT),
)

Index("ix_prompt_institution_at", prompt.c.institution, prompt.c.at)
