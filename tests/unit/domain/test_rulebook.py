"""The rule book's own answers: agreements, days, effective-dated items."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfoNotFoundError

import pytest
from hutong_server.domain import days, memory
from hutong_server.domain.days import zone_of
from hutong_server.domain.recognition import (
    Agreement,
    Dates,
    Group,
    Institution,
    Mapping,
    Policy,
    QualityGrant,
    RecognitionRule,
    RecognizedItem,
    Specialty,
    Tier,
)
from hutong_server.domain.report import ResultFacts, ResultFlag
from hutong_server.domain.reuse import NotReusable, ReportFacts, Request, assess
from hutong_server.domain.rulebook import RuleBook
from hutong_server.domain.standing import city, division


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("zone", "instant", "day"),
    [
        ("Asia/Shanghai", "2025-03-01T15:59:59.999", "2025-03-01"),
        ("Asia/Shanghai", "2025-03-01T16:00:00", "2025-03-02"),
        ("Asia/Urumqi", "2025-03-01T17:59:59.999", "2025-03-01"),
        ("Asia/Kathmandu", "2025-03-01T18:14:59.999", "2025-03-01"),
        ("Asia/Kathmandu", "2025-03-01T18:15:00", "2025-03-02"),
        # Summer time begins in Berlin on 2025-03-30: the day has 23 hours.
        ("Europe/Berlin", "2025-03-29T22:59:59.999", "2025-03-29"),
        ("Europe/Berlin", "2025-03-30T21:59:59.999", "2025-03-30"),
        ("Europe/Berlin", "2025-03-30T22:00:00", "2025-03-31"),
    ],
)
def test_days_are_the_region_s(zone: str, instant: str, day: str) -> None:
    assert RuleBook(policy=Policy(time_zone=zone)).day_of(at(instant)) == day


def test_days_beyond_the_calendar() -> None:
    assert RuleBook().day_of(10**18) == "9999-12-31"
    assert RuleBook().day_of(-(10**18)) == "0001-01-01"


def test_china_s_zone_needs_no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> None:
        raise ZoneInfoNotFoundError(name)

    monkeypatch.setattr(days, "ZoneInfo", nothing)
    assert RuleBook().day_of(at("2025-03-01T16:00:00")) == "2025-03-02"
    with pytest.raises(ZoneInfoNotFoundError):
        zone_of("Asia/Tokyo")


def test_agreements_are_directed_and_dated() -> None:
    book = RuleBook(agreements=[Agreement("A", "B", Dates("2025-01-01", "2025-06-30"))])
    assert book.may_publish_for("A", "B", "2025-01-01")
    assert book.may_publish_for("A", "B", "2025-06-30")
    assert not book.may_publish_for("A", "B", "2024-12-31")
    assert not book.may_publish_for("A", "B", "2025-07-01")
    assert not book.may_publish_for("B", "A", "2025-03-01")
    assert book.may_publish_for("B", "B", "2025-07-01")


def test_an_item_is_what_it_was_on_the_day_of_the_test() -> None:
    def item(days: int, first: str, last: str) -> RecognizedItem:
        return RecognizedItem("K", "钾", "K", Specialty.LABORATORY, window_days=days, dates=Dates(first, last))

    old, new = item(7, "", "2025-06-30"), item(10, "2025-07-01", "")
    book = RuleBook(items=[old, new], mappings=[Mapping("*", "s", "K", "K")])

    def tested(day: str) -> ResultFacts:
        return ResultFacts(0, "final", 1, at(f"{day}T04:00:00"), 1, None, (("s", "K"),))

    assert book.item_of(tested("2025-06-30"), "A").item is old
    assert book.item_of(tested("2025-07-01"), "A").item is new
    assert book.item("K") is new
    assert book.item("K", "2025-01-01") is old
    assert book.item("?") is None
    # Without any time: what is in effect without an end.
    assert book.item_of(tested("2025-06-30")._replace(time=None), "A").item is new


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *[("330000", "33"), ("33", "33"), ("330400", "3304"), ("3304", "3304"), ("330424", "330424"), ("100000", "10")],
        *[("330424000", "330424"), ("330424100", "330424100"), ("330424100000", "330424100")],
        *[("330424100200", "330424100200"), ("330400000000", "3304"), ("330424001000", "330424001")],
    ],
)
def test_division_codes(written: str, meant: str) -> None:
    assert division(written) == meant


def test_a_township_is_not_in_the_next_one() -> None:
    def at(region: str) -> Institution:
        return Institution("A", "A", Tier.VILLAGE, region)

    standings = RuleBook().standings
    assert standings.in_range(at("330424100201"), "330424100000")
    assert not standings.in_range(at("330424101001"), "330424100000")


@pytest.mark.parametrize(
    ("region", "meant"),
    [
        *[
            ("330424", "3304"),
            ("3304", "3304"),
            ("33", ""),
            ("429004", "429004"),
            ("4290", ""),
            ("429004100", "429004"),
        ],
        *[("310000", "31"), ("310101", "31"), ("310230", "31"), ("500229", "50")],
    ],
)
def test_cities(region: str, meant: str) -> None:
    """A municipality is one city; a county that its province administers itself is one of its own."""
    assert city(region) == meant


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "LIMIT", 10)
    book = RuleBook(mappings=[Mapping("*", "s", "K", "K")])
    facts = ResultFacts(0, "final", 1, 0, 1, None, ())
    for number in range(50):
        assert book.item_of(facts._replace(codes=(("s", f"{number}"),)), "A").code == ""
    assert len(book._index._mapped) <= 10


def test_a_suspension_is_not_forgotten_for_what_was_asked_before() -> None:
    since = at("2025-03-02T00:00:00")
    item = RecognizedItem("K", "钾", "K", Specialty.LABORATORY, window_days=7)
    book = RuleBook(
        institutions=[
            Institution("A", "a", Tier.TERTIARY, "99", quality_suspended_since=since),
            Institution("B", "b", Tier.TERTIARY, "99"),
        ],
        grants=[QualityGrant("A", ("*",), "national", "全国HR"), QualityGrant("", ("*",), "national", "无HR")],
        rules=[RecognitionRule("any", Group(), Group())],
    )
    facts = ResultFacts(0, "final", 1, since, 1, None, (), performer="A")

    def mark(performer: str, tested: int) -> str:
        return book.standing(facts._replace(performer=performer), "A", "B", item, tested, since).mark

    assert mark("A", since - 1) == "全国HR"
    assert mark("A", since) == ""
    assert mark("A", since - 1) == "全国HR"
    # Nobody bears the quality of an institution that the registry does not know.
    assert mark("", since - 1) == ""


def test_a_suspension_parts_results_of_one_day_that_are_alike() -> None:
    since = 1_780_000_000_000
    book = RuleBook(
        institutions=[
            Institution("A", "a", Tier.TERTIARY, "99", quality_suspended_since=since),
            Institution("B", "b", Tier.TERTIARY, "99"),
        ],
        items=[RecognizedItem("K", "k", "k", Specialty.LABORATORY, "c", 30)],
        mappings=[Mapping("*", "s", "K", "K")],
        grants=[QualityGrant("A", ("*",), "national", "HR")],
        rules=[RecognitionRule("open", Group(), Group())],
    )
    facts = ResultFacts(0, "final", int(ResultFlag.HAS_VALUE), since - 1, 1, None, (("s", "K"),), performer="A")
    report, request = ReportFacts(b"", "A", "final"), Request("B", since + 1)
    for _ in range(2):  # the second time from what is remembered
        assert assess(facts, report, request, book).reusable
        assert assess(facts._replace(time=since), report, request, book).reasons == (NotReusable.NO_QUALITY_GRANT,)
