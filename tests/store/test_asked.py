"""Prompts, access records and feeds."""

from dataclasses import replace

from hutong_server.store.base import FeedStatus, Prompt
from hutong_server.store.sql_store import SqlStore

from tests.store.rows import NOW, access, key, write


def test_a_repeat_replaces_its_prompt(store: SqlStore) -> None:
    first = Prompt(key(), "H1", key(), NOW, "found", 3, (("K", key(), 0), ("NA", key(), 4)))
    repeat = replace(first, at=NOW + 1, outcome="none", lines=())
    nobody = Prompt(key(), "H1", None, NOW, "none", 3, ())
    for prompt in (first, repeat, nobody):
        write(store, lambda writer, prompt=prompt: writer.put_prompt(prompt))
    assert store.read(lambda reader: reader.prompts(first.prompt_id)) == [repeat]
    assert store.read(lambda reader: reader.prompts(nobody.prompt_id)) == [nobody]


def test_access_records_are_kept_in_order(store: SqlStore) -> None:
    first, second, third = access(key(), key()), access(), access(key(), request_id="r2")
    for record in (first, second, third):
        write(store, lambda writer, record=record: writer.record(record))
    found = store.read(lambda reader: reader.access_records())
    assert [record for _, record in found] == [first, second, third]
    assert store.read(lambda reader: reader.access_records(after=found[1][0])) == found[2:]


def test_a_feed_remembers_how_far_it_came(store: SqlStore) -> None:
    assert store.read(lambda reader: reader.feed("H1", "lis")) is None
    for position in ("a", "b"):
        write(store, lambda writer, p=position: writer.put_feed(FeedStatus("H1", "lis", p, NOW, 60_000)))
    assert store.read(lambda reader: reader.feed("H1", "lis")) == FeedStatus("H1", "lis", "b", NOW, 60_000)
    assert store.read(lambda reader: reader.feed("H1", "ris")) is None


def test_an_institution_is_as_recent_as_its_latest_feed(store: SqlStore) -> None:
    for status in (
        FeedStatus("H1", "lis", "", NOW, 5),
        FeedStatus("H1", "ris", "", NOW - 10, 99),
        FeedStatus("H2", "", "x", NOW - 3, 7),
    ):
        write(store, lambda writer, status=status: writer.put_feed(status))
    assert store.read(lambda reader: reader.feeds()) == [
        FeedStatus("H1", "lis", "", NOW, 99),
        FeedStatus("H2", "", "x", NOW - 3, 7),
    ]
