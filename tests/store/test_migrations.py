"""Migrations leave the version before at work: what they may do to the schema, and how they give way to calls."""

import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from hutong_server.store import migrations
from hutong_server.store.base import StoreUnavailable
from hutong_server.store.engine import make_engine
from hutong_server.store.migrations import migrate, migrations_pending, revisions

from tests import next_version
from tests.conftest import MakeStoreUrl
from tests.postgresql import PostgresqlServer

BUILT_BESIDE_WRITERS = "0014"
"""From the next one on, an index of a table that was there is built concurrently: 0.1.0 is not upgraded under load."""


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations, in their place."""
    copied = tmp_path / "scripts"
    shutil.copytree(migrations.SCRIPTS, copied, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(migrations, "SCRIPTS", copied)
    return copied


@pytest.fixture
def in_use(postgresql: PostgresqlServer, make_store_url: MakeStoreUrl) -> Iterator[str]:
    """A database of this version on PostgreSQL."""
    url = make_store_url("postgresql")
    yield url
    postgresql.drop(postgresql.database(url))


def narrowed(before: sa.MetaData, after: sa.MetaData) -> list[str]:
    """What the version that knows `before` would stumble over in `after`."""
    found = []
    for name, old in before.tables.items():
        new = after.tables.get(name)
        if new is None:
            found.append(f"{name} is gone")
            continue
        for column in old.columns:
            found += [f"{name}.{column.name} {what}" for what in _changed(column, new.columns.get(column.name))]
        added = [column for column in new.columns if column.name not in old.columns]
        found += [
            f"{name}.{column.name} must be given"
            for column in added
            if not column.nullable and not column.server_default
        ]
        fresh = {column.name for column in added}
        found += [
            f"{index.name} refuses what was taken"
            for index in new.indexes
            if index.unique
            and index.name not in {each.name for each in old.indexes}
            and not fresh & {column.name for column in index.columns}
        ]
        if [column.name for column in old.primary_key] != [column.name for column in new.primary_key]:
            found.append(f"{name} has another key")
    return found


def _changed(old: sa.Column[object], new: sa.Column[object] | None) -> list[str]:
    if new is None:
        return ["is gone"]
    found = ["has another type"] if str(old.type) != str(new.type) else []
    return [*found, "must not be null any more"] if old.nullable and not new.nullable else found


def _reflected(engine: sa.Engine) -> sa.MetaData:
    metadata = sa.MetaData()
    metadata.reflect(engine)
    return metadata


def _indexes_of_old_tables(before: sa.MetaData, after: sa.MetaData) -> set[str]:
    return {
        str(index.name)
        for name, table in after.tables.items()
        if name in before.tables
        for index in table.indexes
        if index.name not in {each.name for each in before.tables[name].indexes}
    }


def test_each_migration_leaves_the_version_before_at_work(tmp_path: Path, scripts: Path) -> None:
    next_version.add_migrations(scripts)
    engine = make_engine(f"sqlite:///{tmp_path}/hutong.db", pooled=False)
    known = revisions()
    assert known[-2:] == next_version.REVISIONS
    before = sa.MetaData()
    for revision in known:
        with engine.begin() as connection:
            migrations._upgrade(connection, revision)
        after = _reflected(engine)
        assert narrowed(before, after) == [], revision
        if revision > BUILT_BESIDE_WRITERS and _indexes_of_old_tables(before, after):
            module = migrations._scripts().get_revision(revision).module
            assert getattr(module, "CONCURRENTLY", False), f"{revision} holds up the writers of a table in use"
        before = after
    engine.dispose()


def _table(*columns: sa.Column[object], **more: sa.Index) -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table("t", metadata, sa.Column("key", sa.Integer, primary_key=True), *columns, *more.values())
    return metadata


@pytest.mark.parametrize(
    ("after", "found"),
    [
        (sa.MetaData(), ["t is gone"]),
        (_table(), ["t.a is gone"]),
        (_table(sa.Column("b", sa.Text)), ["t.a is gone"]),
        (_table(sa.Column("a", sa.Integer)), ["t.a has another type"]),
        (_table(sa.Column("a", sa.Text, nullable=False)), ["t.a must not be null any more"]),
        (_table(sa.Column("a", sa.Text), sa.Column("b", sa.Text, nullable=False)), ["t.b must be given"]),
        (_table(sa.Column("a", sa.Text), sa.Column("b", sa.Text, nullable=False, server_default="")), []),
        (
            _table(sa.Column("a", sa.Text), sa.Column("b", sa.Text, primary_key=True)),
            ["t.b must be given", "t has another key"],
        ),
        (_table(sa.Column("a", sa.Text), index=sa.Index("u", "a", unique=True)), ["u refuses what was taken"]),
        (_table(sa.Column("a", sa.Text), index=sa.Index("u", "a")), []),
    ],
)
def test_what_narrows_is_found(after: sa.MetaData, found: list[str]) -> None:
    assert narrowed(_table(sa.Column("a", sa.Text)), after) == found


def test_a_migration_waits_for_a_table_and_lets_calls_go_first(
    postgresql: PostgresqlServer, in_use: str, scripts: Path
) -> None:
    name = postgresql.database(in_use)
    next_version.add_migrations(scripts)
    holding, calling = (psycopg.connect(postgresql.conninfo(name), autocommit=True) for _ in range(2))
    calling.execute("SET statement_timeout = '3s'")
    holding.execute("BEGIN")
    holding.execute("LOCK TABLE prompt IN ACCESS SHARE MODE")
    done: list[tuple[str, ...]] = []
    migrating = threading.Thread(target=lambda: done.append(migrate(in_use)))
    migrating.start()
    waits = []
    until = time.monotonic() + 20
    # The calls queue behind the migration, more than once, and not for long.
    while sum(wait > 0.1 for wait in waits) < 2 and time.monotonic() < until:
        began = time.monotonic()
        calling.execute("SELECT count(*) FROM prompt")
        waits.append(time.monotonic() - began)
        time.sleep(0.02)
    assert not done
    holding.execute("COMMIT")
    migrating.join(20)
    assert done == [next_version.REVISIONS]
    assert max(waits) < 2.5
    assert calling.execute(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_prompt_next_number'::regclass"
    ).fetchone() == (True,)
    holding.close()
    calling.close()


def test_what_was_broken_off_is_continued(in_use: str, scripts: Path) -> None:
    next_version.add_migrations(scripts)
    index = scripts / "versions" / "9002_next_index.py"
    whole = index.read_text()
    index.write_text(whole + '    raise RuntimeError("pulled the plug")\n')
    with pytest.raises(RuntimeError):
        migrate(in_use)
    # The one before is kept; of this one, an index is left that nobody may build upon.
    assert migrations_pending(in_use) == ("9002",)
    index.write_text(whole)
    assert migrate(in_use) == ("9002",)
    assert migrate(in_use) == ()


def test_a_migration_takes_as_long_as_it_takes(
    postgresql: PostgresqlServer, in_use: str, scripts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index of a nation's reports takes hours: no statement is cut, and the lock on migrations is held meanwhile."""
    monkeypatch.setattr(migrations, "_TIMES", replace(migrations._TIMES, idle=200))
    next_version.add_migrations(scripts)
    index = scripts / "versions" / "9002_next_index.py"
    seen = "SELECT current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock"
    index.write_text(
        index.read_text()
        + "    from alembic import op\n"
        + f'    op.execute("CREATE TABLE seen AS {seen}")\n    op.execute("SELECT pg_sleep(0.5)")\n'
    )
    assert migrate(in_use) == next_version.REVISIONS
    with psycopg.connect(postgresql.conninfo(postgresql.database(in_use))) as connection:
        assert connection.execute("SELECT * FROM seen").fetchall() == [("0", "0")]


def test_a_migration_gives_up_in_the_end(
    postgresql: PostgresqlServer, in_use: str, scripts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "_TRIES", 1)
    next_version.add_migrations(scripts)
    with psycopg.connect(postgresql.conninfo(postgresql.database(in_use))) as holding:
        holding.execute("LOCK TABLE prompt IN ACCESS SHARE MODE")
        with pytest.raises(StoreUnavailable):
            migrate(in_use)
    assert migrations_pending(in_use) == next_version.REVISIONS


def test_the_version_before_finds_nothing_to_do(tmp_path: Path, scripts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    next_version.add_migrations(scripts)
    url = f"sqlite:///{tmp_path}/hutong.db"
    migrate(url)
    monkeypatch.undo()
    assert migrations_pending(url) == ()
    assert migrate(url) == ()
