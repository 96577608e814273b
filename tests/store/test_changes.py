"""What changes a chart raises the patient's number, whoever writes it: no use case has to think of it."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hutong_server.domain.consent import Directive, Effect, Opening, Scope
from hutong_server.store.base import PatientStep, Reader, StoreUnavailable, Writer
from hutong_server.store.sql_store import SqlStore

from tests.store.rows import NOW, WANG, key, opened, report, token, write
from tests.store.test_decisions import decision

RAISES: dict[str, Callable[[Writer, bytes], None]] = {
    "put_report": lambda writer, of: writer.put_report(report(of)),
    "set_held": lambda writer, of: writer.set_held(of, key(), True),
    "remove_report": lambda writer, of: writer.remove_report(of, key()),
    "add_tokens": lambda writer, of: writer.add_tokens(of, [token()]),
    "remove_tokens": lambda writer, of: writer.remove_tokens(of, [token()]),
    "open_patient": lambda writer, of: writer.open_patient(of, WANG, NOW, [token()]),
    "put_step": lambda writer, of: writer.put_step(PatientStep(key(), "linked", (of,), "same", "admin", NOW)),
    "put_directive": lambda writer, of: writer.put_directive(
        Directive(key(), of, Effect.WITHHOLD, Scope.EVERYTHING, "", NOW, None, "H1", NOW)
    ),
    "put_opening": lambda writer, of: writer.put_opening(
        Opening(key(), of, "H2", "D1", "E1", "unconscious", NOW, NOW + 1)
    ),
    "put_decision": lambda writer, of: writer.put_decision(decision(of)),
}
"""Each method that changes what a chart of the record shows."""

SILENT = {
    "lock": "writes nothing",
    "put_identity": "who a report is; what a chart shows of it stands in its row",
    "put_version": "documents, which no chart shows",
    "put_held": "a report that nobody is shown; placing it puts its row",
    "remove_held": "a report that nobody is shown",
    "put_feed": "how far a feed has come",
    "put_prompt": "what was shown, not what there is",
    "put_prompt_event": "what was shown, not what there is",
    "record": "what was shown, not what there is",
    "put_data_key": "keys",
    "remove_data_key": "keys",
    "reseal": "the same under another key",
    "rename": "the same under another key",
    "retoken": "the same under another key",
    "retoken_held": "the same under another key",
}
"""Each method that does not, and why."""
APART = {
    "CatalogWriter": "rules, which have a version of their own",
    "CertificateWriter": "certificates",
    "HousekeepingWriter": "what is past its retention, and no chart shows",
    "NoticeWriter": "who relied on what was shown, and is told",
    "RestorationWriter": "restores; what they take from charts is in the rule book, by the institutions' feeds",
    "StatisticsWriter": "counts of what was shown",
    "UnmappedWriter": "counts of codes",
}
"""Parts of Writer that change no chart, and why."""


def test_every_writing_method_is_known_to_change_charts_or_not() -> None:
    known = {name for part in Reader.__mro__ for name in vars(part)}
    parts = [
        part for part in Writer.__mro__ if part.__name__ not in APART and part.__module__.startswith("hutong_server")
    ]
    methods = {name for part in parts for name in vars(part) if not name.startswith("_")} - known
    assert RAISES.keys() <= methods <= RAISES.keys() | SILENT.keys()
    assert not RAISES.keys() & SILENT.keys()


def changes(store: SqlStore, *keys: bytes) -> tuple[int, ...]:
    return store.read(lambda reader: reader.changes(keys))


@pytest.mark.parametrize("method", RAISES)
def test_what_changes_a_chart_raises_the_number(store: SqlStore, method: str) -> None:
    changed, other = opened(store, token()), opened(store, token())
    before = changes(store, changed, other)
    write(store, lambda writer: RAISES[method](writer, changed))
    assert changes(store, changed, other) == (before[0] + 1, before[1])


def test_one_commit_counts_once_and_one_undone_not_at_all(store: SqlStore) -> None:
    changed = key()
    assert changes(store, changed) == (0,)

    def several(writer: Writer) -> None:
        writer.put_report(report(changed))
        writer.put_report(report(changed))

    def undone(writer: Writer) -> None:
        writer.put_report(report(changed))
        raise LookupError

    write(store, several)
    assert changes(store, changed) == (1,)
    with pytest.raises(LookupError):
        write(store, undone)
    assert changes(store, changed) == (1,)


def test_who_is_joined_or_parted_changes_with_all_who_are_answered_together(store: SqlStore) -> None:
    first, second, third = (opened(store, token()) for _ in range(3))
    write(store, lambda writer: writer.put_step(PatientStep(key(), "linked", (first, second), "same", "admin", NOW)))
    before = changes(store, first, second, third)
    step = PatientStep(key(), "linked", (second, third), "same", "admin", NOW)
    write(store, lambda writer: writer.put_step(step))
    joined = changes(store, first, second, third)
    assert all(after > was for was, after in zip(before, joined, strict=True))
    write(store, lambda writer: writer.put_step(replace(step, undone_at=NOW + 1, undone_by="admin")))
    assert all(after > was for was, after in zip(joined, changes(store, first, second, third), strict=True))


def test_a_row_that_commits_raises_its_number_in_the_same_commit(store: SqlStore) -> None:
    """Whoever sees the row sees the number; both are there or neither."""
    changed = key()
    future = store.submit(lambda writer: writer.put_report(report(changed)))
    seen = set()
    for _ in range(1000):
        seen.add(store.read(lambda reader: (len(reader.reports([changed])), reader.changes([changed])[0])))
        if future.done() and (1, 1) in seen:
            break
    assert seen <= {(0, 0), (1, 1)}
    assert (1, 1) in seen


def test_many_commits_at_once_lose_no_change(store: SqlStore) -> None:
    """Lanes raise the same numbers in one order: none waits for the other for ever."""
    keys = [key() for _ in range(4)]

    def both_ways(number: int) -> Callable[[Writer], None]:
        def job(writer: Writer) -> None:
            for each in keys if number % 2 else reversed(keys):
                writer.set_held(each, key(), True)

        return job

    before = changes(store, *keys)
    for future in [store.submit(both_ways(number)) for number in range(60)]:
        try:
            future.result(30)
        except StoreUnavailable as error:  # what a deadlock would end in
            raise AssertionError(str(error)) from None
    assert all(1 <= after - was <= 60 for was, after in zip(before, changes(store, *keys), strict=True))
