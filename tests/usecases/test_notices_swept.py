"""After a change of the catalogue: what was relied on and would not have been reusable is told once."""

from dataclasses import replace
from typing import Any

import pytest
from hutong_server.domain.notice import How, Notice, NoticeKind
from hutong_server.domain.recognition import Mapping, QualityGrant
from hutong_server.domain.report import Status
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import Prompt, Store
from hutong_server.usecases import notices, sweep_notices
from hutong_server.usecases.list_reports import judge
from hutong_server.usecases.sweep_notices import BATCH, SETTLED, due, sweep

from tests.building import DAY, LOINC, NOW, report, result, withdrawal
from tests.usecases.conftest import Registry, rule_book
from tests.usecases.noticing import do, kinds, listed, opened, recognized, registry_of

LATER = 1 << 45
"""A moment at which everything that was recorded is settled."""


@pytest.fixture
def registry(store: Store) -> Registry:
    return registry_of(store)


def swept(at: Registry, book: RuleBook) -> int:
    """Sweeps to the end; returns how many batches it took."""
    for batches in range(100):
        if not at.store.read(lambda reader: due(reader, book, LATER)):
            return batches
        do(at, sweep(book, LATER))
    raise AssertionError("the walk does not end")


def book_of(version: int, **more: Any) -> RuleBook:
    book = rule_book(**more)
    book.version = version
    return book


def test_a_grant_annulled_back_dated_is_told_once_with_the_reason(registry: Registry) -> None:
    (first,) = registry.publish(report())
    recognized(registry, first)
    opened(registry, first, "H3")
    swept(registry, book_of(7))
    assert listed(registry) == []
    swept(registry, without_grants(8))
    (notice,) = listed(registry)
    assert (notice.kind, notice.reasons, notice.item) == (NoticeKind.NOT_REUSABLE, ("NO_QUALITY_GRANT",), "K")
    # Who opened it outside a prompt relied on no verdict.
    assert listed(registry, "H3") == []
    swept(registry, without_grants(9))
    assert len(listed(registry)) == 1
    # Good again, nothing to tell; and when it falls again, that is another change.
    swept(registry, book_of(10))
    assert len(listed(registry)) == 1
    swept(registry, without_grants(11))
    assert len(listed(registry)) == 2


def test_each_item_of_a_report_that_fell_is_told(registry: Registry) -> None:
    (first,) = registry.publish(report(results=(result(), result("2951-2", "140", ordinal=1))))
    recognized(registry, first)
    recognized(registry, first, item="NA", ordinal=1, visit=b"2" * 16, encounter="another", practitioner="other")
    swept(registry, without_grants(8))
    assert [(each.item, each.reasons, each.practitioner) for each in listed(registry)] == [
        ("K", ("NO_QUALITY_GRANT",), "dr"),
        ("NA", ("UNMAPPED_CODE",), "other"),
    ]


def test_who_opened_it_from_a_prompt_is_told_of_the_line_that_fell(registry: Registry) -> None:
    (first,) = registry.publish(report())
    prompt_id = b"q" * 16
    lines = (("K", first.report_id, 0, "H1", first.version),)
    given = Prompt(prompt_id, "H3", first.patient_key, registry.now, "found", 7, lines)
    do(registry, lambda writer: writer.put_prompt(given))
    opening: dict[str, Any] = {"how": How.OPENED, "item": "", "ordinal": -1, "prompt_id": prompt_id}
    recognized(registry, first, "H3", **opening, visit=b"1" * 16)
    recognized(registry, first, "H3", **opening, visit=b"2" * 16, at=registry.now + 1, encounter="later")
    swept(registry, book_of(7))
    assert listed(registry, "H3") == []
    swept(registry, without_grants(8))
    (notice,) = listed(registry, "H3")
    assert (notice.kind, notice.reasons) == (NoticeKind.NOT_REUSABLE, ("NO_QUALITY_GRANT",))
    assert (notice.how, notice.item, notice.ordinal, notice.encounter) == (How.OPENED, "K", 0, "later")
    swept(registry, without_grants(9))
    assert len(listed(registry, "H3")) == 1


def test_what_these_rules_offered_is_not_judged_by_them_again(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[int] = []

    def counted(row: Any, request: Any, book: RuleBook) -> Any:
        judged.append(book.version)
        return judge(row, request, book)

    monkeypatch.setattr(sweep_notices, "judge", counted)
    (first,) = registry.publish(report(results=(result(), result("2951-2", "140", ordinal=1))))
    prompt_id = b"q" * 16
    lines = tuple((item, first.report_id, ordinal, "H1", first.version) for ordinal, item in enumerate(("K", "NA")))
    given = Prompt(prompt_id, "H3", first.patient_key, registry.now, "found", 7, lines)
    do(registry, lambda writer: writer.put_prompt(given))
    recognized(registry, first, "H3", how=How.OPENED, item="", ordinal=-1, prompt_id=prompt_id)
    assert swept(registry, book_of(7))
    assert judged == []
    swept(registry, without_grants(8))
    # Both lines, at one time.
    assert judged == [8]
    assert [each.item for each in listed(registry, "H3")] == ["K"]


def test_a_line_that_an_answer_of_before_offered_is_judged_though_the_request_came_again(registry: Registry) -> None:
    (first,) = registry.publish(report())
    prompt_id = b"q" * 16
    lines = (("K", first.report_id, 0, "H1", first.version),)
    given = Prompt(prompt_id, "H3", first.patient_key, registry.now, "found", 7, lines)
    do(registry, lambda writer: writer.put_prompt(given))
    # By the rules of the day after it is offered no more; the row keeps what was offered.
    do(registry, lambda writer: writer.put_prompt(replace(given, rules_version=8, lines=())))
    recognized(registry, first, "H3", how=How.OPENED, item="", ordinal=-1, prompt_id=prompt_id)
    swept(registry, without_grants(8))
    assert [each.item for each in listed(registry, "H3")] == ["K"]


def test_who_opened_and_recognized_it_is_told_that_it_was_recognized(registry: Registry) -> None:
    (first,) = registry.publish(report())
    prompt_id = b"q" * 16
    lines = (("K", first.report_id, 0, "H1", first.version),)
    given = Prompt(prompt_id, "H2", first.patient_key, registry.now, "found", 7, lines)
    do(registry, lambda writer: writer.put_prompt(given))
    recognized(registry, first, how=How.OPENED, item="", ordinal=-1, prompt_id=prompt_id)
    recognized(registry, first, prompt_id=prompt_id)
    swept(registry, without_grants(8))
    (notice,) = listed(registry)
    assert (notice.how, notice.item) == (How.RECOGNIZED, "K")


def without_grants(version: int) -> RuleBook:
    book = rule_book()
    return RuleBook(
        version=version,
        institutions=book.institutions.values(),
        items=[item for versions in book.items.values() for item in versions],
        mappings=[Mapping("*", LOINC, "2823-3", "K")],
        grants=[QualityGrant("H3", ("*",), "99", "99HR")],
        rules=book.rules,
        vocabulary=book.vocabulary,
    )


def test_a_mapping_that_is_corrected_is_told(registry: Registry) -> None:
    (first,) = registry.publish(report())
    recognized(registry, first)
    book = rule_book()
    other = RuleBook(
        version=8,
        institutions=book.institutions.values(),
        items=[item for versions in book.items.values() for item in versions],
        mappings=[Mapping("*", LOINC, "2823-3", "NA")],
        grants=[each for grants in book.grants.values() for each in grants],
        rules=book.rules,
        vocabulary=book.vocabulary,
    )
    swept(registry, other)
    (notice,) = listed(registry)
    assert "UNMAPPED_CODE" in notice.reasons


def test_it_is_judged_at_the_moment_when_it_was_relied_on(registry: Registry) -> None:
    (first,) = registry.publish(report())
    # Decided after the window, on a prompt of within it.
    recognized(registry, first, at=NOW + 30 * DAY, judged_at=NOW)
    swept(registry, book_of(8))
    assert listed(registry) == []
    recognized(registry, first, "H3", at=NOW + 30 * DAY)
    swept(registry, book_of(9))
    assert [each.reasons for each in listed(registry, "H3")] == [("OUTSIDE_WINDOW",)]


def test_what_has_its_own_notice_is_not_told_as_not_reusable(registry: Registry) -> None:
    (first,) = registry.publish(report(version_id=1))
    recognized(registry, first)
    later = report(version_id=2, issued=NOW + DAY, results=(result(time=NOW + DAY),), status=Status.CORRECTED)
    registry.publish(later)
    swept(registry, book_of(8))
    assert kinds(listed(registry)) == [NoticeKind.CORRECTED]
    swept(registry, without_grants(9))
    assert kinds(listed(registry)) == [NoticeKind.CORRECTED, NoticeKind.NOT_REUSABLE]
    registry.publish(withdrawal(version_id=3))
    swept(registry, book_of(10))
    swept(registry, without_grants(11))
    assert kinds(listed(registry))[2:] == [NoticeKind.WITHDRAWN]


def test_a_walk_goes_on_where_it_was_left_and_takes_in_what_comes_late(registry: Registry) -> None:
    published = []
    for number in range(120):
        (first,) = registry.publish(report(f"R{number}"))
        published.append(first)
        recognized(registry, first)
    book = without_grants(8)
    assert do(registry, sweep(book, LATER))
    assert len(listed(registry)) == BATCH
    # Another worker, after a restart: nothing is told twice, nothing is left out.
    assert swept(registry, book) <= 120 // BATCH
    assert len({each.report_id for each in listed(registry)}) == len(listed(registry)) == 100
    late = registry.publish(report("late"))[0]
    recognized(registry, late)
    swept(registry, book)
    assert len(told_of(registry, late.report_id)) == 1


def told_of(at: Registry, report_id: bytes) -> list[Notice]:
    found = at.store.read(
        lambda reader: [
            each for after in range(0, 400, 50) for each in reader.notices("H2", notices.NoticeFilter(after), 50)
        ]
    )
    return list({each.notice_id: each for each in found if each.report_id == report_id}.values())


def test_a_worker_with_older_rules_does_not_judge(registry: Registry) -> None:
    (first,) = registry.publish(report())
    recognized(registry, first)
    swept(registry, book_of(8))
    assert do(registry, sweep(without_grants(7), LATER)) is False
    assert listed(registry) == []


def test_what_is_not_settled_waits(registry: Registry) -> None:
    (first,) = registry.publish(report())
    recognized(registry, first)
    book = without_grants(8)
    do(registry, sweep(book, SETTLED))
    assert listed(registry) == []
    swept(registry, book)
    assert len(listed(registry)) == 1


def test_a_revoked_recognition_is_relied_on_no_more(registry: Registry) -> None:
    (first,) = registry.publish(report())
    relied = recognized(registry, first)
    do(registry, lambda writer: writer.remove_reliance(relied))
    registry.publish(withdrawal())
    assert listed(registry) == []
