"""Orders about to be signed: which earlier results satisfy them, and how far. Pure.

An item that several orders ask for is one question, answered alike in each. Where the orders state what the item leaves
open (a side, a contrast), the result must state the same or be silent: what a region calls one item may still be two
examinations to the doctor who orders.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from hutong_server.domain.mapping import Stated
from hutong_server.domain.ordered_items import Order, Ordered
from hutong_server.domain.prompt import Judged, Line, may_be_newer, recency
from hutong_server.domain.recognition import Dimension, RecognizedItem, Specialty
from hutong_server.domain.report import ResultFacts
from hutong_server.domain.results import Results
from hutong_server.domain.reuse import Judge, NotReusable, ReportFacts, Request
from hutong_server.domain.rulebook import RuleBook

MAX_NOT_REUSABLE = 10
"""Results listed with their reasons for an item that has no line."""


class OrderCoverage(StrEnum):
    """How far earlier results satisfy an order. Mirrors hutong.v1.OrderCoverage."""

    SATISFIED = "satisfied"
    """Every item of it has a result that can be reused."""
    PARTLY = "partly"
    """Some items of it have one."""
    NONE = "none"
    UNMAPPED = "unmapped"
    """Its codes lead to no recognised item."""
    ALREADY_DECIDED = "already_decided"
    """Everything of it that could be reused was decided in this encounter."""


class OrderedItem(NamedTuple):
    """One item that orders ask for."""

    item: RecognizedItem
    line: Line | None
    """The latest result that can be reused."""
    not_reusable: tuple[Judged, ...]
    """Newest first, at most MAX_NOT_REUSABLE; empty when there is a line."""
    decided: bool
    """The doctor decided on it in this encounter already."""


class AnsweredOrder(NamedTuple):
    """What is known about one order."""

    order_id: str
    coverage: OrderCoverage
    items: tuple[OrderedItem, ...]
    """By item code."""


class CheckedOrders(NamedTuple):
    """The answer to a set of orders."""

    answers: tuple[AnsweredOrder, ...]
    """In the order of the orders."""
    lines: tuple[Line, ...]
    """What there is to ask the doctor: each item once, by specialty (laboratory first) and item code."""

    @property
    def shown(self) -> list[Judged]:
        """Every result that the answer speaks of, each once."""
        items = {each.item.code: each for answer in self.answers for each in answer.items}
        found: list[Judged] = []
        for each in items.values():
            if each.line is not None:
                found += (each.line.best, *each.line.newer)
            found += each.not_reusable
        return found


def check_orders(
    orders: Sequence[Order],
    reports: Iterable[tuple[ReportFacts, Sequence[ResultFacts]]],
    request: Request,
    book: RuleBook,
) -> CheckedOrders:
    """Answers a set of orders from the patient's reports. Total: whatever codes the orders hold."""
    today = book.day_of(request.now)
    ordered = [book.ordered_items(order, request.institution, today) for order in orders]
    stated = _stated(ordered)
    judged = _judged(stated, reports, request, book)
    items = {
        item.code: _item(item, _fitting(judged[item.code], stated[item.code], book), request)
        for each in ordered
        for item in each.items
    }
    answers = tuple(
        _answer(order.order_id, tuple(items[item.code] for item in each.items))
        for order, each in zip(orders, ordered, strict=True)
    )
    lines = [each.line for each in items.values() if each.line is not None]
    lines.sort(key=lambda line: (line.item.specialty is not Specialty.LABORATORY, line.item.code))
    return CheckedOrders(answers, tuple(lines))


def _judged(
    wanted: Iterable[str],
    reports: Iterable[tuple[ReportFacts, Sequence[ResultFacts]]],
    request: Request,
    book: RuleBook,
) -> dict[str, list[Judged]]:
    """The results of the wanted items, by item code."""
    judged: dict[str, list[Judged]] = {code: [] for code in wanted}
    for report, given in reports:
        results = Results.of(given)
        judges = {when: Judge(when, report, request, book) for when in set(results.times)}
        for index, shape in enumerate(results.shapes):
            judge = judges[results.when(index)]
            found = judge.judgment(shape)
            if found.item is not None and found.item.code in judged:
                result = results.fact(index)
                judged[found.item.code].append(Judged(report, result, judge.assessment(found), result.time))
    return judged


def _answer(order_id: str, items: tuple[OrderedItem, ...]) -> AnsweredOrder:
    found = sum(each.line is not None for each in items)
    if not items:
        coverage = OrderCoverage.UNMAPPED
    elif found:
        coverage = OrderCoverage.SATISFIED if found == len(items) else OrderCoverage.PARTLY
    elif any(each.decided for each in items):
        coverage = OrderCoverage.ALREADY_DECIDED
    else:
        coverage = OrderCoverage.NONE
    return AnsweredOrder(order_id, coverage, items)


def _item(item: RecognizedItem, judged: list[Judged], request: Request) -> OrderedItem:
    judged.sort(key=recency, reverse=True)
    best = next((each for each in judged if each.verdict.reusable), None)
    # Without a result that may be seen there is nothing to tell of it: what the patient withholds since is not there.
    decided = item.code in request.decided and bool(judged)
    if best is None or best.verdict.item is None:
        return OrderedItem(item, None, tuple(judged[:MAX_NOT_REUSABLE]), decided)
    newer = tuple(each for each in judged if not each.verdict.reusable and may_be_newer(each, best))
    return OrderedItem(item, Line(best.verdict.item, best, newer), (), decided)


def _stated(ordered: Iterable[Ordered]) -> dict[str, Stated]:
    """For each item, what the orders that ask for it state of the dimensions that the item leaves open."""
    found: dict[str, Stated] = {}
    for each in ordered:
        for item in each.items:
            named = {name for name, _ in item.terms}
            known = found.setdefault(item.code, {})
            for name, terms in each.stated.items():
                if terms and name not in named:
                    known[name] = known.get(name, frozenset()) | terms
    return found


def _fitting(judged: list[Judged], asked: Stated, book: RuleBook) -> list[Judged]:
    """The same, with what does not fit the words of the orders made not reusable."""
    return [_fitted(each, asked, book.stated(each.result)) for each in judged] if asked else judged


def _fitted(judged: Judged, asked: Stated, stated: Stated) -> Judged:
    differs = {name for name, terms in asked.items() if stated[name] and not terms <= stated[name]}
    if not differs:
        return judged
    reasons = set(judged.verdict.reasons)
    if differs & _OF_SPECIMEN:
        reasons.add(NotReusable.SPECIMEN_DIFFERS)
    if differs - _OF_SPECIMEN:
        reasons.add(NotReusable.BODY_PART_OR_METHOD_DIFFERS)
    listed = tuple(reason for reason in NotReusable if reason in reasons)
    return judged._replace(verdict=judged.verdict._replace(reusable=False, until=None, mark="", reasons=listed))


_OF_SPECIMEN = frozenset({Dimension.SPECIMEN, Dimension.COLLECTION})
