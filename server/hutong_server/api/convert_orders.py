"""Orders and what is known about them, between proto and domain."""

from typing import Final

from hutong.v1 import report_pb2, reuse_service_pb2

from hutong_server.api.convert import Faults, item_ref, numbers, stamp
from hutong_server.api.convert_reuse import OUTCOMES, Asker, SealedReports, coverage_out, newer_out, result_out
from hutong_server.api.convert_trace import trace_out
from hutong_server.domain.explanation import place
from hutong_server.domain.ordered_items import Order
from hutong_server.domain.orders import OrderCoverage, OrderedItem
from hutong_server.domain.report import CodeKey
from hutong_server.usecases.check_orders import OrdersAnswer
from hutong_server.usecases.feeds import Coverage

COVERAGES: Final = numbers(OrderCoverage, reuse_service_pb2.OrderCoverage, "ORDER_COVERAGE")
MAX_ORDERS: Final = 200
MAX_CODINGS: Final = 20
"""Of one concept."""
MAX_ORDER_ID: Final = 128


def orders_in(given: reuse_service_pb2.CheckOrdersRequest, faults: Faults) -> tuple[Order, ...]:
    """The orders. Required: at least one; of each an id of its own, and codes or the item."""
    if not given.orders:
        faults.add("orders", "at least one order is required")
    if len(given.orders) > MAX_ORDERS:
        faults.add("orders", f"more than {MAX_ORDERS} orders")
    orders = [_order_in(each, f"orders[{n}]", faults) for n, each in enumerate(given.orders[:MAX_ORDERS])]
    seen: set[str] = set()
    for n, order in enumerate(orders):
        if order.order_id in seen:
            faults.add(f"orders[{n}].order_id", "is that of another order of the request")
        seen.add(order.order_id)
    return tuple(orders)


def _order_in(given: reuse_service_pb2.Order, path: str, faults: Faults) -> Order:
    order = Order(
        order_id=faults.text(f"{path}.order_id", given.order_id, longest=MAX_ORDER_ID, required=True),
        codes=_keys(given.code, f"{path}.code", faults),
        body_site=_keys(given.body_site, f"{path}.body_site", faults),
        method=_keys(given.method, f"{path}.method", faults),
        specimen=_keys(given.specimen, f"{path}.specimen", faults),
        item=faults.text(f"{path}.item", given.item),
    )
    if not order.codes and not order.item:
        faults.add(f"{path}.code", "a code, a text or the item is required")
    return order


def _keys(given: report_pb2.CodeableConcept, path: str, faults: Faults) -> tuple[CodeKey, ...]:
    """The codings as (system, code) and the text as ("", text), as a result's."""
    if len(given.coding) > MAX_CODINGS:
        faults.add(f"{path}.coding", f"more than {MAX_CODINGS} codings")
    keys: list[CodeKey] = []
    for n, coding in enumerate(given.coding[:MAX_CODINGS]):
        system = faults.text(f"{path}.coding[{n}].system", coding.system)
        keys.append((system, faults.text(f"{path}.coding[{n}].code", coding.code, required=True)))
    text = faults.text(f"{path}.text", given.text)
    return (*keys, ("", text)) if text.strip() else tuple(keys)


def orders_out(
    answer: OrdersAnswer, asker: Asker, prompt_id: str, coverage: Coverage, source: str
) -> reuse_service_pb2.CheckOrdersResponse:
    """The answer to the whole set."""
    out = reuse_service_pb2.CheckOrdersResponse(
        prompt_id=prompt_id,
        outcome=OUTCOMES[answer.outcome],
        ask=answer.ask,
        rules_version=asker.book.version,
        withheld_count=answer.passed.count,
    )
    stamp(out.judged_at, answer.kept.at)
    # What several orders ask for is written once and copied.
    written: dict[str, reuse_service_pb2.OrderedItem] = {}
    sealed = SealedReports(asker)
    for each in answer.checked.answers:
        added = out.answers.add(order_id=each.order_id, coverage=COVERAGES[each.coverage])
        for item in each.items:
            if item.item.code not in written:
                written[item.item.code] = _item_out(item, answer, asker, sealed)
            added.items.append(written[item.item.code])
    if answer.checked.lines:
        for ground in asker.book.grounds:
            out.grounds.add(
                code=ground.code, name_zh=ground.name_zh, name_en=ground.name_en, needs_text=ground.needs_text
            )
    coverage_out(out.coverage.add(), coverage, source)
    return out


def _item_out(
    item: OrderedItem, answer: OrdersAnswer, asker: Asker, sealed: SealedReports
) -> reuse_service_pb2.OrderedItem:
    out = reuse_service_pb2.OrderedItem(already_decided=item.decided)
    item_ref(out.item, item.item)
    if item.line is not None:
        best = item.line.best
        result_out(out.line.result, best, answer.rows[best.report.report_id], asker, sealed)
        trace_out(out.line.result, answer.traces.get(place(best), ()))
        for newer in item.line.newer:
            newer_out(out.line.newer.add(), newer, answer.rows[newer.report.report_id], asker, sealed)
    for judged in item.not_reusable:
        entry = out.not_reusable.add()
        result_out(entry, judged, answer.rows[judged.report.report_id], asker, sealed)
        trace_out(entry, answer.traces.get(place(judged), ()))
    return out
