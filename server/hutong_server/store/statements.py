"""Statements written in SQLAlchemy Core, compiled once for each database, run on the driver's connection.

Core costs 0.1 ms a statement when it executes; its compiled text costs nothing. Parameters are named in the statement
and stand in the order of the text.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, LargeBinary, Table, bindparam, cast
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.elements import BindParameter, Cast

DIALECTS: Mapping[str, Callable[[], Dialect]] = {
    "sqlite": lambda: sqlite.dialect(paramstyle="qmark"),
    "postgresql": lambda: psycopg.dialect(paramstyle="format"),  # type: ignore[no-untyped-call]  # typed nowhere
}

NO_LIMIT = 2**31 - 1


class Compiled:
    """A statement's text for one database."""

    __slots__ = ("_constants", "names", "text")

    def __init__(self, element: ClauseElement, database: str) -> None:
        compiled = element.compile(dialect=DIALECTS[database]())
        self.text = str(compiled)
        self.names: tuple[str, ...] = tuple(getattr(compiled, "positiontup", None) or ())
        self._constants = {name: value for name, value in compiled.params.items() if value is not None}

    def values(self, given: Mapping[str, Any]) -> tuple[Any, ...]:
        """The parameters in the order of the text."""
        if not self._constants:
            return tuple([given[name] for name in self.names])
        known = {**self._constants, **given}
        return tuple([known[name] for name in self.names])


class Statement:
    """A statement for every database, compiled when first used."""

    __slots__ = ("_build", "_compiled")

    def __init__(self, build: ClauseElement | Callable[[str], ClauseElement]) -> None:
        """`build` is the element, or makes it for a database's name."""
        self._build = build
        self._compiled: dict[str, Compiled] = {}

    def on(self, database: str) -> Compiled:
        """Its text for this database."""
        found = self._compiled.get(database)
        if found is None:
            build = self._build
            element = build if isinstance(build, ClauseElement) else build(database)
            found = self._compiled[database] = Compiled(element, database)
        return found


class StatementOver:
    """A statement over several values (an IN list): one text for each number of them."""

    __slots__ = ("_build", "_by_count")

    def __init__(self, build: Callable[[Sequence[BindParameter[Any]]], ClauseElement]) -> None:
        """`build` is given one parameter for each value, v0, v1, …, and uses each once, in order."""
        self._build = build
        self._by_count: dict[int, Statement] = {}

    def of(self, count: int) -> Statement:
        """The statement over this many values."""
        found = self._by_count.get(count)
        if found is None:
            element = self._build([bindparam(f"v{i}") for i in range(count)])
            found = self._by_count[count] = Statement(element)
        return found


def as_bytes(column: Column[Any]) -> Cast[bytes]:
    """Bytes, whatever stands there: SQLite keeps what it is given by hand, and a text would end the reading."""
    return cast(column, LargeBinary)


def as_number(column: Column[Any]) -> Cast[int]:
    """A number, whatever stands there; see as_bytes."""
    return cast(column, BigInteger)


def insert(table: Table) -> Statement:
    """Adds a row; every column is a parameter of its name."""
    return Statement(table.insert().values({column.name: bindparam(column.name) for column in _given(table)}))


def insert_new(table: Table) -> Statement:
    """Adds a row unless its key is there."""
    values: dict[str, BindParameter[Any]] = {column.name: bindparam(column.name) for column in _given(table)}

    def build(database: str) -> ClauseElement:
        if database == "sqlite":
            return sqlite.insert(table).values(values).on_conflict_do_nothing()
        return postgresql.insert(table).values(values).on_conflict_do_nothing()

    return Statement(build)


def upsert(table: Table) -> Statement:
    """Adds a row, or replaces what stands under its primary key."""
    keys = [column.name for column in table.primary_key]
    values: dict[str, BindParameter[Any]] = {column.name: bindparam(column.name) for column in _given(table)}
    rest = [name for name in values if name not in keys]

    def build(database: str) -> ClauseElement:
        if database == "sqlite":
            for_sqlite = sqlite.insert(table).values(values)
            changed = {name: for_sqlite.excluded[name] for name in rest}
            return for_sqlite.on_conflict_do_update(index_elements=keys, set_=changed)
        for_postgresql = postgresql.insert(table).values(values)
        changed = {name: for_postgresql.excluded[name] for name in rest}
        return for_postgresql.on_conflict_do_update(index_elements=keys, set_=changed)

    return Statement(build)


def _given(table: Table) -> list[Any]:
    return [column for column in table.columns if column.autoincrement is not True]
