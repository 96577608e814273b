"""The database's own upkeep: what is missing or broken is seen and mended, while others write."""

import sqlite3
from collections.abc import Callable
from typing import Any

from hutong_server.store import upkeep
from hutong_server.store.base import Store
from hutong_server.store.base_housekeeping import FORGETTABLE

from tests.postgresql import PostgresqlServer
from tests.store.rows import NOW, write

Execute = Callable[[str], Any]


def wrong(url: str, **how: bool) -> dict[str, str]:
    return {each.subject: each.text for each in upkeep.check(url, **how) if each.wrong}


def by_hand(url: str, statement: str, request: Any) -> None:
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        connection.execute(statement)
        connection.close()
    else:
        server: PostgresqlServer = request.getfixturevalue("postgresql")
        server.execute(statement, server.database(url))


def test_a_good_database_is_called_good(store_url: str, store: Store) -> None:
    write(store, lambda writer: writer.use_challenge(b"n", NOW, 0))
    assert wrong(store_url) == {}
    # Nothing is emptied, nothing to vacuum; everything: every statement is one that the database takes.
    assert all(not each.wrong for each in upkeep.vacuum(store_url, ()))
    assert all(not each.wrong for each in upkeep.vacuum(store_url, FORGETTABLE, compact=True))
    assert write(store, lambda writer: writer.use_challenge(b"n", NOW, 0)) is False


def test_a_missing_index_is_seen_and_made(store_url: str, request: Any) -> None:
    by_hand(store_url, "DROP INDEX ix_prompt_recorded", request)
    by_hand(store_url, "DROP INDEX ix_notice_waiting", request)
    assert wrong(store_url) == {"indexes": "ix_notice_waiting is missing; ix_prompt_recorded is missing"}
    told = {each.subject: each.text for each in upkeep.check(store_url, mend=True)}
    assert told["indexes"].endswith("mended")
    assert wrong(store_url) == {}


def test_an_index_that_lacks_rows_is_seen_and_made_anew(make_store_url: Callable[[str], str]) -> None:
    url = make_store_url("sqlite")
    connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("INSERT INTO renewal_challenge VALUES (x'01', 5), (x'02', 6)")
    (root,) = connection.execute(
        "SELECT rootpage FROM sqlite_schema WHERE name = 'ix_renewal_challenge_used_at'"
    ).fetchone()
    (empty,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'ix_prompt_recorded'").fetchone()
    connection.execute("PRAGMA writable_schema=ON")
    # The index of challenges now begins at the page of an empty one.
    for name, page in (("ix_renewal_challenge_used_at", empty), ("ix_prompt_recorded", root)):
        connection.execute("UPDATE sqlite_schema SET rootpage = ? WHERE name = ?", (page, name))
    connection.close()
    assert wrong(url) == {}
    found = wrong(url, deep=True)
    assert set(found) == {"file"}
    assert "ix_renewal_challenge_used_at" in found["file"]
    upkeep.check(url, mend=True)
    assert wrong(url, deep=True) == {}


def test_an_invalid_index_is_seen_and_made_anew(make_store_url: Callable[[str], str], request: Any) -> None:
    url = make_store_url("postgresql")
    # As a CREATE INDEX CONCURRENTLY that was broken off leaves it.
    by_hand(url, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_prompt_recorded'::regclass", request)
    assert wrong(url) == {"invalid": "ix_prompt_recorded is invalid: it is written and never used"}
    upkeep.check(url, mend=True)
    assert wrong(url) == {}


def test_bloat_is_seen_and_mended_and_rows_are_looked_up_in_every_index(
    make_store_url: Callable[[str], str], request: Any, monkeypatch: Any
) -> None:
    url = make_store_url("postgresql")
    monkeypatch.setattr(upkeep, "_BLOATED", 100_000)
    by_hand(
        url,
        "INSERT INTO renewal_challenge SELECT decode(md5(n::text), 'hex'), n FROM generate_series(1, 20000) n",
        request,
    )
    by_hand(url, "ANALYZE renewal_challenge", request)
    assert wrong(url) == {}
    by_hand(url, "DELETE FROM renewal_challenge WHERE used_at % 20 > 0", request)
    by_hand(url, "VACUUM (ANALYZE) renewal_challenge", request)
    assert set(wrong(url)) == {"bloat"}
    upkeep.check(url, mend=True)
    assert wrong(url) == {}
    assert wrong(url, deep=True) == {"rows": "not looked at: there is no amcheck"}
