"""Orders against results: what satisfies them, how far, and why not."""

import pytest
from hutong_server.domain.ordered_items import Order
from hutong_server.domain.orders import MAX_NOT_REUSABLE, CheckedOrders, OrderCoverage, check_orders
from hutong_server.domain.prompt import prompt
from hutong_server.domain.recognition import (
    Dimension,
    Group,
    Institution,
    Mapping,
    Panel,
    QualityGrant,
    RecognitionRule,
    RecognizedItem,
    Specialty,
    Tier,
    VocabularyTerm,
)
from hutong_server.domain.report import ResultFacts, ResultFlag, TimeSource
from hutong_server.domain.reuse import DAY, NotReusable, ReportFacts, Request
from hutong_server.domain.rulebook import RuleBook

from tests.building import NOW
from tests.unit.domain.random_rules import questions

LAB = "urn:lab"
TEN = tuple(f"T{n}" for n in range(10))
XRAY = RecognizedItem(
    "XR", "膝", "knee", Specialty.EXAMINATION, window_days=30, terms=((Dimension.BODY_PART, ("KNEE",)),)
)
BOOK = RuleBook(
    version=3,
    institutions=[Institution(code, code, Tier.SECONDARY, "990421") for code in ("H1", "H2", "H3")],
    items=[XRAY, *(RecognizedItem(code, code, code, Specialty.LABORATORY, window_days=7) for code in TEN)],
    mappings=[Mapping("*", LAB, code, code) for code in ("XR", *TEN)],
    panels=[Panel("H2", LAB, "PANEL", TEN)],
    grants=[QualityGrant(code, ("*",), "99", "99HR") for code in ("H1", "H3")],
    rules=[RecognitionRule("all", Group(), Group())],
    vocabulary=[
        VocabularyTerm(Dimension.BODY_PART, "KNEE", texts=("膝", "左膝", "右膝")),
        VocabularyTerm(Dimension.LATERALITY, "LEFT", texts=("左膝",)),
        VocabularyTerm(Dimension.LATERALITY, "RIGHT", texts=("右膝",)),
    ],
)
Report = tuple[ReportFacts, tuple[ResultFacts, ...]]


def report(*codes: str, days: float = 1, issuer: str = "H1", status: str = "final", site: str = "") -> Report:
    at = NOW - int(days * DAY)
    facts = tuple(
        ResultFacts(
            ordinal=n,
            status="final",
            flags=ResultFlag.HAS_VALUE | ResultFlag.IMAGES_PRESENT,
            time=at,
            time_source=TimeSource.RESULT,
            issued=at,
            codes=((LAB, code),),
            body_site=(("", site),) if site else (),
            performer=issuer,
        )
        for n, code in enumerate(codes)
    )
    return ReportFacts(f"{issuer}{days}{codes[0]}{site}".encode(), issuer, status, issued=at), facts


def order(code: str, order_id: str = "", site: str = "") -> Order:
    return Order(order_id or code, ((LAB, code),), body_site=(("", site),) if site else ())


def check(
    *orders: Order, of: tuple[Report, ...], now: int = NOW, decided: frozenset[str] = frozenset()
) -> CheckedOrders:
    return check_orders(orders, of, Request("H2", now, decided), BOOK)


def found(checked: CheckedOrders, place: int = 0) -> list[str]:
    return [each.item.code for each in checked.answers[place].items if each.line]


def test_a_panel_with_eight_of_ten_says_which_eight() -> None:
    checked = check(order("PANEL"), of=(report(*TEN[:8]), report(TEN[8], days=8)))
    (answer,) = checked.answers
    assert answer.coverage is OrderCoverage.PARTLY
    assert found(checked) == list(TEN[:8])
    late, never = answer.items[8], answer.items[9]
    assert [each.verdict.reasons for each in late.not_reusable] == [(NotReusable.OUTSIDE_WINDOW,)]
    assert never.not_reusable == ()
    assert [line.item.code for line in checked.lines] == list(TEN[:8])


def test_all_of_it_none_of_it_and_codes_that_lead_nowhere() -> None:
    checked = check(order("PANEL"), order("T9"), order("?"), of=(report(*TEN[:9]), report("T9", issuer="H2")))
    assert [each.coverage for each in checked.answers] == [
        OrderCoverage.PARTLY,
        OrderCoverage.NONE,
        OrderCoverage.UNMAPPED,
    ]
    assert checked.answers[2].items == ()
    whole = check(order("PANEL"), of=(report(*TEN),))
    assert whole.answers[0].coverage is OrderCoverage.SATISFIED


def test_what_several_orders_ask_for_is_one_question() -> None:
    checked = check(order("PANEL"), order("T1"), order("T1", "again"), of=(report("T1"),))
    assert [each.coverage for each in checked.answers] == [
        OrderCoverage.PARTLY,
        OrderCoverage.SATISFIED,
        OrderCoverage.SATISFIED,
    ]
    assert [line.item.code for line in checked.lines] == ["T1"]
    assert len(checked.shown) == 1


def test_what_was_decided_is_not_asked_again() -> None:
    reports = (report("T1", "T2"),)
    some = check(order("PANEL"), order("T1"), of=reports, decided=frozenset({"T1"}))
    assert [each.coverage for each in some.answers] == [OrderCoverage.PARTLY, OrderCoverage.ALREADY_DECIDED]
    assert found(some) == ["T2"]
    assert some.answers[1].items[0].decided
    assert not some.answers[0].items[2].decided
    assert some.answers[1].items[0].not_reusable[0].verdict.reasons == (NotReusable.ALREADY_DECIDED,)
    everything = check(order("PANEL"), of=reports, decided=frozenset({"T1", "T2"}))
    assert everything.answers[0].coverage is OrderCoverage.ALREADY_DECIDED
    assert everything.lines == ()


def test_the_latest_that_can_be_reused_with_what_is_newer_and_cannot() -> None:
    reports = (report("T1", days=3), report("T1", days=2, issuer="H3"), report("T1", days=1, status="preliminary"))
    (line,) = check(order("T1"), of=reports).lines
    assert line.best.report.issuer == "H3"
    assert [each.verdict.reasons for each in line.newer] == [(NotReusable.NOT_FINAL,)]


def test_lines_are_those_of_a_chart() -> None:
    """The same results, the same verdicts: an order is a chart read for some of its items."""
    reports = (report(*TEN[:4], days=2), report(*TEN[2:8], days=1, issuer="H3"), report("T0", days=0.5, issuer="H2"))
    assert check(order("PANEL"), of=reports).lines == prompt(reports, Request("H2", NOW), BOOK).lines


def test_an_order_for_everything_is_a_chart_under_random_rules() -> None:
    """Lines and what is newer, whatever rules and results; an order for one item has the line of that item."""
    lines = 0
    for seed in range(450):
        source, chart, requests = questions(seed)
        book = RuleBook(**source)
        items = sorted({item.code for item in source["items"]})
        for request in requests:
            meant = prompt(chart, request, book).lines
            whole = check_orders([Order(code, item=code) for code in items], chart, request, book)
            assert whole.lines == meant, seed
            lines += len(meant)
            for code in items:
                single = check_orders([Order("1", item=code)], chart, request, book)
                assert single.lines == tuple(line for line in meant if line.item.code == code), seed
                (answer,) = single.answers
                assert (answer.coverage is OrderCoverage.SATISFIED) == bool(single.lines)
                assert all(each.line or not each.decided or each.not_reusable for each in answer.items)
    assert lines > 300


def test_daylight_on_the_last_millisecond_of_a_window() -> None:
    reports = (report("T1", days=1),)
    end = NOW - DAY + 7 * DAY
    assert found(check(order("T1"), of=reports, now=end)) == ["T1"]
    assert found(check(order("T1"), of=reports, now=end + 1)) == []


def test_not_more_than_ten_results_are_told_of_an_item() -> None:
    reports = tuple(report("T1", days=8 + n) for n in range(MAX_NOT_REUSABLE + 3))
    (item,) = check(order("T1"), of=reports).answers[0].items
    assert [each.report for each in item.not_reusable] == [each[0] for each in reports[:MAX_NOT_REUSABLE]]


@pytest.mark.parametrize(
    ("sites", "fits"),
    [(("左膝",), True), (("膝",), True), (("右膝",), False), (("左膝", "右膝"), False), (("右膝", "左膝"), False)],
)
def test_a_side_that_the_item_leaves_open_is_still_the_side_that_was_ordered(
    sites: tuple[str, ...], fits: bool
) -> None:
    """The region calls both knees one item. Whoever orders the right one is not shown the left one."""
    orders = [order("XR", site, site) for site in sites]
    checked = check(*orders, of=(report("XR", site="左膝", days=2),))
    assert bool(checked.lines) is fits
    if not fits:
        reasons = checked.answers[0].items[0].not_reusable[0].verdict.reasons
        assert reasons == (NotReusable.BODY_PART_OR_METHOD_DIFFERS,)


def test_an_older_result_of_the_right_side_is_found_behind_one_of_the_wrong_side() -> None:
    reports = (report("XR", site="左膝", days=1), report("XR", site="右膝", days=2))
    (line,) = check(order("XR", site="右膝"), of=reports).lines
    assert line.best.report == reports[1][0]
    assert [each.report for each in line.newer] == [reports[0][0]]


def test_what_does_not_fit_keeps_its_other_reasons() -> None:
    (item,) = check(order("XR", site="右膝"), of=(report("XR", site="左膝", days=40),)).answers[0].items
    assert item.not_reusable[0].verdict.reasons == (
        NotReusable.BODY_PART_OR_METHOD_DIFFERS,
        NotReusable.OUTSIDE_WINDOW,
    )


def test_a_withdrawn_or_disputed_report_satisfies_nothing() -> None:
    facts, results = report("T1")
    for changed in (facts._replace(withdrawn=True), facts._replace(disputed=True), facts._replace(in_doubt=True)):
        assert check(order("T1"), of=((changed, results),)).lines == ()
