"""Reliances and notices in the store: once each, numbered for each institution as they are committed."""

import threading
from dataclasses import replace

from hutong_server.domain.notice import How, Notice, NoticeKind, Reliance
from hutong_server.store.base import Store, Writer
from hutong_server.store.base_notices import NoticeFilter, SweepPosition
from hutong_server.usecases.notify import put_notices

from tests.store.rows import NOW, key, write

SETTLED = 1 << 50


def reliance(**values: object) -> Reliance:
    given: dict[str, object] = {
        "patient_key": key(),
        "report_id": key(),
        "version": 1,
        "institution": "H2",
        "issuer": "H1",
        "how": How.RECOGNIZED,
        "at": NOW,
        "visit": b"v" * 16,
        "encounter": "visit-7",
        "practitioner": "Dr. 李",
        "item": "K",
        "ordinal": 0,
    }
    return Reliance(**(given | values))  # type: ignore[arg-type]


def notice(institution: str = "H2", **values: object) -> Notice:
    given: dict[str, object] = {
        "institution": institution,
        "notice_id": key(),
        "kind": NoticeKind.CORRECTED,
        "patient_key": key(),
        "report_id": key(),
        "issuer": "H1",
        "how": How.OPENED,
        "encounter": "visit-7",
        "practitioner": "Dr. 李",
        "relied_at": NOW,
        "created_at": NOW + 1,
        "reasons": ("NO_QUALITY_GRANT",),
    }
    return Notice(**(given | values))  # type: ignore[arg-type]


def test_a_reliance_is_recorded_once_and_found_by_report_and_by_patient(store: Store) -> None:
    one = reliance()
    other = replace(one, how=How.OPENED, item="", ordinal=-1)
    elsewhere = replace(one, report_id=key())
    for each in (one, one, other, elsewhere):
        write(store, lambda writer, each=each: writer.put_reliance(each))
    found = store.read(lambda reader: reader.reliances([one.patient_key], one.report_id))
    assert sorted(found, key=lambda each: each.how) == sorted([one, other], key=lambda each: each.how)
    assert len(store.read(lambda reader: reader.reliances([one.patient_key, one.patient_key, key()]))) == 3
    write(store, lambda writer: writer.remove_reliance(one))
    write(store, lambda writer: writer.remove_reliance(one))
    assert store.read(lambda reader: reader.reliances([one.patient_key], one.report_id)) == [other]


def test_a_walk_sees_what_was_judged_once_and_in_order(store: Store) -> None:
    relied = [reliance() for _ in range(5)]
    opened = reliance(how=How.OPENED)
    write(store, lambda writer: [writer.put_reliance(each) for each in (*relied, opened)])
    seen: list[Reliance] = []
    after: tuple[object, ...] = ()
    while batch := store.read(lambda reader, after=after: reader.relied_since(after, SETTLED, 2)):
        assert len(batch) <= 2
        seen += [each for _, each in batch]
        after = batch[-1][0]
        write(store, lambda writer, after=after: writer.put_sweep_position(SweepPosition(3, after)))
        assert store.read(lambda reader: reader.sweep_position()) == SweepPosition(3, after)
    assert len(seen) == 5
    assert {each.report_id for each in seen} == {each.report_id for each in relied}
    assert store.read(lambda reader: reader.relied_since((), NOW, 2)) == []
    write(store, lambda writer: writer.set_fallen(relied[0], True))
    assert store.read(lambda reader: reader.reliances([relied[0].patient_key]))[0].fallen


def test_a_notice_is_put_once_hidden_shown_at_the_end_and_acknowledged(store: Store) -> None:
    first, second = notice(), notice()
    assert write(store, lambda writer: (writer.put_notice(first), writer.put_notice(first))) == (True, False)
    write(store, lambda writer: writer.put_notice(second))
    write(store, lambda writer: writer.put_notice(notice("H3")))
    listed = store.read(lambda reader: reader.notices("H2", NoticeFilter(), 10))
    assert listed == [replace(first, number=1), replace(second, number=2)]
    assert store.read(lambda reader: reader.notice_heads()) == {"H2": 2, "H3": 1}
    write(store, lambda writer: writer.hide_notice("H2", first.notice_id))
    assert [each.number for each in read(store, hidden=False)] == [2]
    assert [each.number for each in read(store, hidden=True)] == [1]
    assert write(store, lambda writer: writer.show_notice("H2", first.notice_id)) == 3
    assert [each.notice_id for each in read(store, hidden=False)] == [second.notice_id, first.notice_id]
    assert [each.number for each in read(store, after=2)] == [3]
    for at in (NOW + 5, NOW + 9):
        write(store, lambda writer, at=at: writer.acknowledge_notice("H2", second.notice_id, at))
    assert [each.number for each in read(store)] == [3]
    kept = store.read(lambda reader: reader.notice("H2", second.notice_id))
    assert kept is not None
    assert kept.acknowledged_at == NOW + 5
    assert store.read(lambda reader: reader.notice("H3", second.notice_id)) is None


def read(store: Store, **only: object) -> list[Notice]:
    return store.read(lambda reader: reader.notices("H2", NoticeFilter(**only), 10))  # type: ignore[arg-type]


def test_whoever_writes_no_number_appears_behind_one_that_was_read(store: Store) -> None:
    """Writers in parallel; a reader that goes on from the last number it saw misses none."""

    def job(writer: Writer) -> None:
        put_notices(writer, [notice("H2"), notice("H3")])

    def work() -> None:
        for future in [store.submit(job) for _ in range(40)]:
            future.result(60)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    seen: list[int] = []
    while any(thread.is_alive() for thread in threads) or read(store, after=seen[-1] if seen else 0):
        seen += [each.number for each in read(store, after=seen[-1] if seen else 0)]
    for thread in threads:
        thread.join()
    assert seen == list(range(1, 161))
