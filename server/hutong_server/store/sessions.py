"""Sessions of PostgreSQL: what each is set to, and what is asked of it before it is used.

A session of our own is set once. Behind a pooler that gives the server's sessions to whoever begins a transaction
(pgbouncer, transaction mode) nothing may be left behind: what a session is set to goes with each BEGIN, and statements
are not prepared. Such a pooler is found out by its process number, which is not the server's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import psycopg

Prepared = Literal["auto", "on", "off"]

SESSION = "session"
"""Under which a pooled connection's notes hold its Session."""

STANDBY = "PostgreSQL: this is a standby, which only reads; name the primary, or all hosts, of which it is found"

KEEPALIVE: Mapping[str, int] = {
    "connect_timeout": 3,
    # A host that is gone without a word is noticed within 20 seconds; the system's own answer is two hours.
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}

_DURABLE = {
    "fsync": ("on",),
    "full_page_writes": ("on",),
    "synchronous_commit": ("on", "remote_apply"),
}
_ASK = (
    "SELECT pg_backend_pid(), pg_is_in_recovery(), to_regclass('person_member') IS NOT NULL,"
    " array_agg(name::text), array_agg(setting)"
    " FROM pg_catalog.pg_settings WHERE name = ANY(%s)"
)
_SET = "SELECT " + ", ".join(
    f"set_config('{name}', %s, false)"
    for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
)


class UnsafeSettings(Exception):
    """The database would lose what it acknowledged, or cannot be used as asked. Says which setting, and no secret."""


class Session(NamedTuple):
    """What a transaction has to know of its connection."""

    begin_with: str = ""
    """What it begins with: mostly nothing."""
    distributed: bool = False
    """Whether the tables are distributed over several machines (distribution.py)."""
    standby: bool = False
    """Whether it is to be a standby's."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long things may take in the database, in milliseconds; 0: for ever."""

    statement: int
    lock: int
    """A wait for a lock: less than a statement's, so that the error says which it was."""
    idle: int
    """A transaction in which nothing happens: what it holds is free again though its process stands still."""

    @classmethod
    def of(cls, statement: int) -> "Timeouts":
        """The others, derived from a statement's."""
        return cls(statement, statement * 3 // 4, min(max(30_000, 5 * statement), 3_600_000))

    @property
    def as_texts(self) -> tuple[str, str, str]:
        """For PostgreSQL, in the order of the fields."""
        return str(self.statement), str(self.lock), str(self.idle)


def begin(connection: Any, timeouts: Timeouts, prepared: Prepared = "auto", *, standby: bool = False) -> Session:
    """Checks a session and sets it up.

    `standby`: whether it is to be a standby's instead of a primary's. Raises UnsafeSettings when it could lose a
    commit, or is not what it should be.
    """
    pid, recovering, distributed, names, found = connection.execute(_ASK, (list(_DURABLE),)).fetchone()
    if recovering and not standby:
        raise UnsafeSettings(STANDBY)
    settings = dict(zip(names, found, strict=True))
    for name, wanted in _DURABLE.items():
        if not standby and settings.get(name) not in wanted:
            raise UnsafeSettings(f"PostgreSQL: {name} is {settings.get(name)} and must be {' or '.join(wanted)}")
    shared = pid != connection.info.backend_pid
    if prepared == "off" or (prepared == "auto" and shared):
        connection.prepare_threshold = None
    if not shared:
        connection.execute(_SET, timeouts.as_texts)
        return Session("", distributed, standby)
    statement, lock, idle = timeouts.as_texts
    # Others may have left less in the session that a transaction is given.
    durable = "" if standby else f"; SET LOCAL synchronous_commit = {settings['synchronous_commit']}"
    return Session(
        f"; SET LOCAL statement_timeout = {statement}; SET LOCAL lock_timeout = {lock}"
        f"; SET LOCAL idle_in_transaction_session_timeout = {idle}{durable}",
        distributed,
        standby,
    )


def watch_commits(connection: "psycopg.Connection[Any]") -> list[str]:
    """Where warnings of a connection are noted from now on, by their codes.

    PostgreSQL acknowledges a commit whose wait for the synchronous standby was canceled by hand, with a warning only.
    """
    warnings: list[str] = []

    def note(diagnostic: "psycopg.errors.Diagnostic") -> None:
        if diagnostic.severity_nonlocalized == "WARNING":
            warnings.append(diagnostic.sqlstate or "")

    connection.add_notice_handler(note)
    return warnings
