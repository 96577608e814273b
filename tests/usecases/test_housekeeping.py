"""Housekeeping forgets what is past its time, and nothing that still matters to anybody."""

import threading
import time
from dataclasses import replace
from typing import Any

from hutong_server.domain.notice import NoticeKind
from hutong_server.domain.statistics import Counts
from hutong_server.retention import Forgotten, retain, would_forget
from hutong_server.store.base import AccessRecord, Store
from hutong_server.store.base_catalog import CANCELLED, PENDING, CatalogImport, PendingImport
from hutong_server.store.base_certificates import CertificateRow, EnrollmentToken
from hutong_server.store.base_unmapped import UnmappedRow
from hutong_server.store.prompts import access_records
from hutong_server.usecases import notices, statistics_counting
from hutong_server.usecases.housekeeping import METHOD, Keep, horizons
from hutong_server.usecases.statistics import Grouping

from tests.building import DAY, NOW, report, withdrawal
from tests.usecases.counting import BOOK, FIRST, Month, decide, happened, now, offer, opened
from tests.usecases.noticing import do, kinds, listed, listener, recognized, registry_of
from tests.usecases.test_statistics import WHOLE, asked, counting

KEEP = Keep(prompts=400, reliances=5479, notices=184, records=92, renewal_grace=30.0)
YEAR = 366 * DAY


def rows(found: list[Forgotten]) -> dict[str, int]:
    return {each.what: each.rows for each in found if each.rows}


def left(store: Store, table: str) -> int:
    def count(reader: Any) -> int:
        return int(reader.command(f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608

    return store.read(count)


def recorded(store: Store) -> list[AccessRecord]:
    return [each for _, each in store.read(lambda reader: access_records(reader))]  # type: ignore[arg-type]


def counted_by(store: Store, at: int) -> None:
    """As if everything recorded before then were counted."""

    def job(writer: Any) -> None:
        writer.put_counting_run(writer.counting_run()._replace(counted_until=at, held_until=0))

    store.submit(job).result(30)


def test_prompts_go_and_what_was_counted_stays_whatever_comes_late(store: Store) -> None:
    month = Month(prompts_a_day=1)
    month.write(store, month.early + month.late)
    prompt = offer(b"1" * 16, FIRST + 10 * DAY, "H1", {"K": ("H2", b"a" * 16), "CT": ("H2", b"b" * 16)})
    month.write(
        store,
        [
            lambda writer: writer.put_prompt(prompt),
            lambda writer: writer.put_decision(decide(prompt, "K", "recognized", prompt.at, price=2800)),
            lambda writer: writer.put_prompt_event(happened(prompt, "shown", prompt.at)),
        ],
    )
    assert counting(store).count()
    by = (Grouping.DAY, Grouping.RECEIVER)
    before = asked(store, WHOLE, by)
    assert sum(counts.returned for counts in before.values()) > 50
    prompts, decisions, events = (left(store, table) for table in ("prompt", "decision", "prompt_event"))
    later = now() + 2 * YEAR

    # Nothing goes that is not counted yet, by whole months.
    assert rows(retain(store, BOOK, KEEP, later)) == {}
    counted_by(store, later)
    expected = rows(would_forget(store, BOOK, KEEP, later))
    assert left(store, "prompt") == prompts
    gone = rows(retain(store, BOOK, KEEP, later))
    assert gone["prompts"] == expected["prompts"] == prompts - left(store, "prompt") > 20
    assert gone["events"] == events - left(store, "prompt_event") > 20
    # On what was decided or opened everything stays: what was offered, and what happened on screen.
    assert left(store, "decision") == decisions
    (kept,) = store.read(lambda reader: reader.prompts(prompt.prompt_id))
    assert kept.lines == prompt.lines
    assert len(store.read(lambda reader: reader.events_on(prompt.prompt_id))) == 1
    assert asked(store, WHOLE, by) == before

    # A late act on one of these days, a rebuild: the days keep what they had.
    store.submit(lambda writer: writer.put_decision(decide(prompt, "K", "revoked", FIRST + 11 * DAY))).result(30)
    assert counting(store).count()
    assert asked(store, WHOLE, by) == before
    again = counting(store)
    store.submit(statistics_counting.seize(again.holder, BOOK, now(), 60_000)).result(30)
    while store.submit(lambda writer: writer.forget_counts()).result(30):
        pass
    assert again.count()
    assert asked(store, WHOLE, by) == before
    assert rows(retain(store, BOOK, KEEP, later)) == {}


def test_a_prompt_that_was_opened_stays_and_one_answered_for_several_records_goes_whole_or_not(store: Store) -> None:
    at = FIRST + 10 * DAY
    lines = {"K": ("H2", b"a" * 16)}
    relied, lone, later = (offer(bytes([number]) * 16, at, "H1", lines) for number in (1, 2, 3))
    # The same prompt for another record of the patient, two months later.
    twin = offer(later.prompt_id, at + 60 * DAY, "H1", lines, patient_key=b"r" * 16)
    for each in (relied, lone, later, twin):
        do_put(store, each)
    store.submit(lambda writer: writer.put_reliance(opened(relied, b"a" * 16, at))).result(30)
    counting(store).count()
    # Recorded as they were given: a month between the two.
    store.submit(lambda writer: writer.command(f"UPDATE prompt SET recorded = {at}")).result(30)  # noqa: S608
    counted_by(store, at + 40 * DAY)
    keep = replace(KEEP, prompts=0)
    assert rows(retain(store, BOOK, keep, at + 40 * DAY)) == {"prompts": 1}

    def there(prompt_id: bytes) -> int:
        return len(store.read(lambda reader: reader.prompts(prompt_id)))

    assert [there(each.prompt_id) for each in (relied, lone, later)] == [1, 0, 2]


def do_put(store: Store, prompt: Any) -> None:
    store.submit(lambda writer: writer.put_prompt(prompt)).result(30)


def test_who_decides_while_a_prompt_goes_is_waited_for(store: Store) -> None:
    prompt = offer(b"1" * 16, FIRST + 10 * DAY, "H1", {"K": ("H2", b"a" * 16)})
    do_put(store, prompt)
    counting(store).count()
    counted_by(store, now() + 2 * YEAR)
    begun, gone = threading.Event(), threading.Event()

    def late(writer: Any) -> None:
        writer.lock({prompt.prompt_id})
        begun.set()
        # As long as it takes to forget the prompt meanwhile, if that is possible.
        gone.wait(0.3)
        writer.put_decision(decide(prompt, "K", "recognized", prompt.at))

    deciding = store.submit(late)
    assert begun.wait(10)
    retain(store, BOOK, KEEP, now() + 2 * YEAR)
    gone.set()
    deciding.result(30)
    assert store.read(lambda reader: reader.prompts(prompt.prompt_id))


def test_what_was_opened_stays_as_long_as_the_prompts_that_it_is_counted_by() -> None:
    found = horizons(replace(KEEP, prompts=6000), NOW, NOW - 6100 * DAY)
    assert found["reliances"] == found["prompts"] == NOW - 6100 * DAY


def test_days_whose_raw_rows_are_there_are_still_counted_anew(store: Store) -> None:
    prompt = offer(b"1" * 16, FIRST + 10 * DAY, "H1", {"K": ("H2", b"a" * 16)})
    store.submit(lambda writer: writer.put_prompt(prompt)).result(30)
    assert counting(store).count()
    counted_by(store, now())
    assert rows(retain(store, BOOK, KEEP, prompt.at + 410 * DAY)) == {}
    store.submit(lambda writer: writer.put_reliance(opened(prompt, b"a" * 16, prompt.at))).result(30)
    assert counting(store).count()
    day = BOOK.day_of(prompt.at)
    assert asked(store, WHOLE, (Grouping.DAY,)) == {(day,): Counts(prompts=1, reminders=1, returned=1, opened=1)}


def test_a_withdrawal_after_housekeeping_still_reaches_who_relied_on_the_report(store: Store) -> None:
    at = registry_of(store)
    (published,) = at.publish(report("R1"))
    recognized(at, published)
    (told,) = at.publish(report("R2"))
    recognized(at, told, prompt_id=b"q" * 16)
    at.publish(withdrawal("R2"))
    (waiting,) = listed(at)
    later = now() + 14 * YEAR
    counting(store).count()
    counted_by(store, later)
    retain(store, at.publisher.book, KEEP, later)
    # What nobody acknowledged waits, however long, and the report is withdrawn fourteen years after it was relied on.
    at.publish(withdrawal("R1"))
    assert kinds(listed(at)) == [NoticeKind.WITHDRAWN, NoticeKind.WITHDRAWN]
    acknowledged(at, waiting.notice_id, at.now)
    assert rows(retain(store, at.publisher.book, KEEP, at.now + 183 * DAY)) == {}
    assert rows(retain(store, at.publisher.book, KEEP, at.now + 186 * DAY)) == {"notices": 1}
    (still,) = listed(at, acknowledged=True)
    assert still.report_id == published.report_id
    # The next one is numbered after those that are gone.
    assert still.number == 2
    assert rows(retain(store, at.publisher.book, KEEP, now() + 16 * YEAR)) == {"reliances": 2}


def acknowledged(at: Any, notice_id: bytes, moment: int) -> None:
    ask = listener(method="AcknowledgeNotice")
    work = at.store.read(lambda reader: notices.acknowledge_notice(ask, notice_id, reader, at.publisher.book, moment))
    do(at, work.keep)


def test_what_administrators_leave_behind_goes_in_its_time_and_what_counts_stays(store: Store) -> None:
    def certificate(serial: str, ended: int, revoked: int | None = None) -> CertificateRow:
        return CertificateRow(serial, f"f{serial}", "H1", "emr", "a", ended - DAY, ended, serial, revoked_at=revoked)

    def token(number: int, expires: int) -> EnrollmentToken:
        return EnrollmentToken(bytes([number]), bytes([number]), "H1", "emr", "me", expires - DAY, expires, False)

    def waiting(number: int, state: str) -> PendingImport:
        return PendingImport(bytes([number]), state, NOW, NOW, NOW, "me", "c", "")

    def code(number: int, seen: int) -> UnmappedRow:
        return UnmappedRow(bytes([number]), "H1", 5, seen, seen, 1, "urn:l", "X", "", ())

    def put(writer: Any) -> None:
        for each in (certificate("01", NOW), certificate("02", NOW, NOW), certificate("03", NOW + YEAR)):
            writer.put_certificate(each)
        for row in (token(1, NOW), token(2, NOW + YEAR)):
            writer.put_enrollment_token(row)
        writer.use_challenge(b"n", NOW, 0)
        for pending in (waiting(1, CANCELLED), waiting(2, PENDING)):
            writer.put_pending(pending, CatalogImport())
        writer.put_unmapped([code(1, NOW), code(2, NOW + YEAR)])
        writer.add_intake({("H1", "2026-05-28", "reports"): 3, ("H1", "2027-05-28", "reports"): 4})

    store.submit(put).result(30)
    assert rows(retain(store, BOOK, KEEP, NOW + 91 * DAY)) == {"challenges": 1}
    assert rows(retain(store, BOOK, KEEP, NOW + 94 * DAY)) == {"codes": 1, "imports": 1, "intake": 1}
    assert rows(retain(store, BOOK, KEEP, NOW + 123 * DAY)) == {"certificates": 1, "tokens": 1}
    assert store.read(lambda reader: reader.certificate("02")) is not None
    assert store.read(lambda reader: reader.certificate("03")) is not None
    assert store.read(lambda reader: reader.pending_import(bytes([2]))) is not None
    assert store.read(lambda reader: reader.intake_counts("H1", "2000-01-01", "2099-01-01")) == {"reports": 4}


def test_what_was_forgotten_is_on_record_without_a_word_of_a_patient(store: Store) -> None:
    store.submit(lambda writer: writer.use_challenge(b"n", NOW, 0)).result(30)
    retain(store, BOOK, KEEP, NOW + DAY)
    (found,) = recorded(store)
    assert (found.method, found.role, found.detail, found.patient_keys) == (METHOD, "registry", ("challenges:1",), ())


def test_calls_commit_while_it_forgets(store: Store) -> None:
    """More rows than a commit takes: it ends with all of them, and writers come in between."""
    for start in range(0, 1200, 300):
        store.submit(
            lambda writer, start=start: [  # type: ignore[misc]
                writer.use_challenge(number.to_bytes(4), NOW, 0) for number in range(start, start + 300)
            ]
        ).result(30)
    began = time.monotonic()
    assert rows(retain(store, BOOK, KEEP, NOW + DAY)) == {"challenges": 1200}
    assert time.monotonic() - began < 10
    assert len(recorded(store)) == 6
