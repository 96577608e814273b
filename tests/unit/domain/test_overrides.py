"""What regions, alliances and institutions decide of an item for themselves."""

from dataclasses import replace

import pytest
from hutong_server.domain.prompt import prompt
from hutong_server.domain.recognition import (
    Dates,
    Group,
    Institution,
    Leeway,
    Mapping,
    Override,
    OverrideRule,
    OverrideScope,
    Policy,
    QualityGrant,
    RecognitionRule,
    RecognizedItem,
    Specialty,
    Tier,
    TimeBase,
)
from hutong_server.domain.report import ResultFacts, ResultFlag, TimeSource
from hutong_server.domain.reuse import DAY, NotReusable, ReportFacts, Request, assess
from hutong_server.domain.rulebook import RuleBook

NOW = 1_780_000_000_000
K = RecognizedItem("K", "钾", "Potassium", Specialty.LABORATORY, window_days=7)
REGION, ALLIANCE, INSTITUTION = OverrideScope
LOOSE = OverrideRule(alliance=Leeway.EVERYTHING, institution=Leeway.EVERYTHING)


def book(*overrides: Override, rule: OverrideRule | None = None, item: RecognizedItem = K) -> RuleBook:
    return RuleBook(
        policy=Policy(overrides=rule or OverrideRule()),
        institutions=[
            Institution("A", "a", Tier.SECONDARY, "990421"),
            Institution("B", "b", Tier.TOWNSHIP, "990400", ("x", "y")),
            Institution("C", "c", Tier.TOWNSHIP, "980421", ("y",)),
        ],
        items=[item],
        mappings=[Mapping("*", "s", "k", "K")],
        grants=[QualityGrant("A", ("*",), "national", "全国HR")],
        rules=[RecognitionRule("all", Group(), Group())],
        overrides=overrides,
    )


def window(rules: RuleBook, receiver: str, day: str = "2026-06-01") -> int:
    return rules.item_for(K, receiver, day).window_days


def test_a_later_scope_wins_and_reaches_its_own_only() -> None:
    rules = book(
        Override(INSTITUTION, "B", "K", window_days=2),
        Override(ALLIANCE, "y", "K", window_days=30),
        Override(REGION, "990421", "K", window_days=4),
        Override(REGION, "99", "K", window_days=5),
        rule=LOOSE,
    )
    assert [window(rules, code) for code in ("A", "B", "C", "nobody")] == [4, 2, 30, 7]
    assert rules.item_for(replace(K, code="NA"), "B", "2026-06-01").window_days == 7


def test_a_region_s_code_may_be_filled_up_with_zeros() -> None:
    assert [window(book(Override(REGION, "990400", "K", window_days=1)), code) for code in "ABC"] == [1, 1, 7]


def test_the_day_of_asking_counts() -> None:
    rules = book(Override(REGION, "99", "K", window_days=3, dates=Dates("2026-06-02", "2026-06-03")))
    days = ("2026-06-01", "2026-06-02", "2026-06-03", "2026-06-04")
    assert [window(rules, "A", day) for day in days] == [7, 3, 3, 7]


def test_where_the_policy_says_stricter_nothing_is_ever_looser() -> None:
    loose = Override(INSTITUTION, "A", "K", 30, TimeBase.ISSUED, needs_images=False, recognized=True)
    strict = replace(K, needs_images=True, recognized=False)
    assert book(loose).item_for(strict, "A", "2026-06-01") == strict
    tight = Override(INSTITUTION, "A", "K", 3, needs_images=True, recognized=False)
    assert book(tight).item_for(K, "A", "2026-06-01") == replace(K, window_days=3, needs_images=True, recognized=False)
    # The region has shortened it since.
    assert window(book(Override(INSTITUTION, "A", "K", 5), Override(REGION, "99", "K", 4)), "A") == 4


def test_of_several_alliances_the_strictest_counts() -> None:
    either = [Override(ALLIANCE, "x", "K", 3), Override(ALLIANCE, "y", "K", 2)]
    assert window(book(*either), "B") == window(book(*reversed(either)), "B") == 2


def test_a_scope_without_leeway_decides_nothing() -> None:
    rule = OverrideRule(region=Leeway.NOTHING, institution=Leeway.NOTHING)
    assert window(book(Override(REGION, "99", "K", 3), Override(INSTITUTION, "A", "K", 3), rule=rule), "A") == 7


def result(days_ago: float) -> ResultFacts:
    return ResultFacts(
        0, "final", ResultFlag.HAS_VALUE, NOW - round(days_ago * DAY), TimeSource.RESULT, None, (("s", "k"),),
        performer="A",
    )  # fmt: skip


def verdict(rules: RuleBook, days_ago: float, receiver: str) -> str:
    found = assess(result(days_ago), ReportFacts(b"", "A", "final"), Request(receiver, NOW), rules)
    return ",".join(found.reasons) or "reusable"


@pytest.mark.parametrize(
    ("override", "item", "days_ago", "told"),
    [
        (Override(REGION, "99", "K", window_days=30), K, 20, ("reusable", "OUTSIDE_WINDOW")),
        (Override(INSTITUTION, "B", "K", window_days=3), K, 5, ("OUTSIDE_WINDOW", "reusable")),
        (Override(INSTITUTION, "B", "K", recognized=False), K, 1, ("NOT_RECOGNIZED_ITEM", "reusable")),
        (Override(ALLIANCE, "x", "K", needs_images=True), K, 1, ("IMAGES_MISSING", "reusable")),
        (Override(REGION, "99", "K", time_base=TimeBase.ISSUED), K, 1, ("TIME_UNKNOWN", "reusable")),
        (Override(REGION, "99", "K", recognized=True), replace(K, recognized=False), 1,
         ("reusable", "NOT_RECOGNIZED_ITEM")),
        (Override(REGION, "99", "K", recognized=True), replace(K, dates=Dates("", "2025-12-31")), 1,
         ("NOT_RECOGNIZED_ITEM", "NOT_RECOGNIZED_ITEM")),
    ],
)  # fmt: skip
def test_the_verdict_is_the_receiver_s_own(
    override: Override, item: RecognizedItem, days_ago: float, told: tuple[str, str]
) -> None:
    """B has decided, C has not. Asked in turn, so that nothing that is remembered of one is told to the other."""
    rules = book(override, item=item)
    for _ in range(2):
        assert (verdict(rules, days_ago, "B"), verdict(rules, days_ago, "C")) == told


def test_the_lines_are_the_same_whether_all_was_judged_or_only_what_they_need() -> None:
    rules = book(Override(REGION, "99", "K", window_days=30))
    reports = [(ReportFacts(bytes([n]), "A", "final"), (result(20 + n),)) for n in range(3)]
    for everything in (True, False):
        lines = prompt(reports, Request("B", NOW), rules, everything=everything).lines
        assert [(line.item.window_days, line.best.report.report_id) for line in lines] == [(30, b"\x00")]
        assert prompt(reports, Request("C", NOW), rules, everything=everything).lines == ()


def test_a_verdict_tells_the_window_that_judged_it() -> None:
    found = assess(
        result(5), ReportFacts(b"", "A", "final"), Request("B", NOW), book(Override(INSTITUTION, "B", "K", 3))
    )
    assert found.item is not None
    assert (found.item.window_days, found.reasons) == (3, (NotReusable.OUTSIDE_WINDOW,))
