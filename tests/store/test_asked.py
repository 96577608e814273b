"""Prompts, access records and feeds."""

import threading
import time
from dataclasses import replace

from hutong_server.store.base import FeedStatus, Prompt
from hutong_server.store.sql_store import SqlStore, open_store
from hutong_server.trust.sealing import AesGcmSealer

from tests.store.rows import NOW, access, key, write


def line(item: str, report: bytes, version: int = 1) -> tuple[str, bytes, int, str, int]:
    return item, report, 0, "H1", version


def test_a_repeat_keeps_what_was_offered_and_counts_from_the_first_answer(store: SqlStore) -> None:
    report, newer = key(), key()
    first = Prompt(key(), "H2", key(), NOW, "found", 3, (line("K", report), line("NA", report)))
    second = replace(first, at=NOW + 1, lines=(line("K", newer),), rules_version=4)
    third = replace(first, at=NOW + 2, lines=(line("K", newer, 2),))
    none = replace(first, at=NOW + 3, outcome="none", lines=())
    for prompt in (first, first, second, third, none):
        write(store, lambda writer, prompt=prompt: writer.put_prompt(prompt))
    [found] = store.read(lambda reader: reader.prompts(first.prompt_id))
    assert (found.at, found.outcome) == (NOW, "none")
    assert sorted(found.lines) == sorted([line("K", newer, 2), line("NA", report)])
    assert found.earlier == ((*line("K", report), NOW + 1), (*line("K", newer), NOW + 2))


def test_a_prompt_of_nobody_is_kept(store: SqlStore) -> None:
    nobody = Prompt(key(), "H1", None, NOW, "none", 3, ())
    write(store, lambda writer: writer.put_prompt(nobody))
    assert store.read(lambda reader: reader.prompts(nobody.prompt_id)) == [nobody]


def test_repeats_at_once_lose_no_line(store: SqlStore) -> None:
    first = Prompt(key(), "H2", key(), NOW, "found", 3, ())
    items = [f"I{number}" for number in range(30)]
    jobs = [replace(first, at=NOW + number, lines=(line(item, key()),)) for number, item in enumerate(items)]
    for done in [store.submit(lambda writer, prompt=prompt: writer.put_prompt(prompt)) for prompt in jobs]:
        done.result(30)
    [found] = store.read(lambda reader: reader.prompts(first.prompt_id))
    assert sorted(each[0] for each in found.lines) == sorted(items)


class Pausing:
    """A sealer that stops for a moment once it has opened what stands."""

    def __init__(self, sealer: AesGcmSealer) -> None:
        self._sealer = sealer
        self.opened = threading.Event()

    def seal(self, plain: bytes, context: bytes) -> bytes:
        return self._sealer.seal(plain, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        self.opened.set()
        time.sleep(0.3)
        return self._sealer.open(sealed, context)


def test_repeats_on_two_servers_lose_no_line(store: SqlStore, store_url: str, sealer: AesGcmSealer) -> None:
    first = Prompt(key(), "H2", key(), NOW, "found", 3, (line("K", key()),))
    write(store, lambda writer: writer.put_prompt(first))
    pausing = Pausing(sealer)
    there = open_store(store_url, pausing)
    slow = there.submit(lambda writer: writer.put_prompt(replace(first, at=NOW + 1, lines=(line("NA", key()),))))
    assert pausing.opened.wait(10)
    # It has read what stands, and has not replaced it yet.
    write(store, lambda writer: writer.put_prompt(replace(first, at=NOW + 2, lines=(line("CA", key()),))))
    slow.result(30)
    [found] = store.read(lambda reader: reader.prompts(first.prompt_id))
    assert sorted(each[0] for each in found.lines) == ["CA", "K", "NA"]
    there.close()


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
