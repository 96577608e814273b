"""An answer at ordering is recorded only while it is true: one fresh read, in the transaction that records it."""

import secrets
from collections.abc import Callable, Iterator

import pytest
from hutong_server.domain.caller import Role
from hutong_server.domain.consent import Directive, Effect, Scope
from hutong_server.domain.errors import HutongError
from hutong_server.domain.ordered_items import Order
from hutong_server.domain.orders import OrderCoverage
from hutong_server.store.base import Store
from hutong_server.store.sql_store import SqlStore, open_store
from hutong_server.trust.sealing import AesGcmSealer
from hutong_server.trust.tokens import HmacTokens
from hutong_server.usecases.asking import Context, PatientQuery
from hutong_server.usecases.check_orders import MAX_ITEMS, ChangedMeanwhile, CheckOrders, OrdersAnswer, check_orders
from hutong_server.usecases.publish import Publisher

from tests.building import DAY, NOW, caller, chart_of, report, resident_number, withdrawal
from tests.usecases.conftest import PlainWire, Registry, rule_book


@pytest.fixture
def registry(store: Store) -> Registry:
    book = rule_book()
    # As the store has it: nothing was imported.
    book.version = 0
    return Registry(store, Publisher(book, HmacTokens(secrets.token_bytes(32)), PlainWire()))


@pytest.fixture
def elsewhere(registry: Registry, store_url: str, sealer: AesGcmSealer) -> Iterator[Registry]:
    """The same registry as another worker has it."""
    other: SqlStore = open_store(store_url, sealer)
    yield Registry(other, registry.publisher)
    other.close()


def work_out(registry: Registry, now: int = NOW, request_id: str = "o") -> OrdersAnswer:
    """Reads and judges; keeps nothing."""
    identifiers, demographics = chart_of(report())
    ask = CheckOrders(
        request_id,
        PatientQuery(identifiers, demographics),
        Context("dr", "visit", "treatment"),
        caller("H2", Role.EMR),
        (Order("1", item="K"),),
    )
    return registry.store.read(
        lambda reader: check_orders(ask, reader, registry.publisher.book, registry.publisher.tokens, now)
    )


def coverage(answer: OrdersAnswer) -> OrderCoverage:
    return answer.checked.answers[0].coverage


def withdraw(elsewhere: Registry, answer: OrdersAnswer) -> None:
    del answer
    elsewhere.publish(withdrawal())


def withhold(elsewhere: Registry, answer: OrdersAnswer) -> None:
    directive = Directive(
        secrets.token_bytes(16),
        answer.record.patient_keys[0],
        Effect.WITHHOLD,
        Scope.EVERYTHING,
        "",
        NOW,
        None,
        "H1",
        NOW,
    )
    elsewhere.store.submit(lambda writer: writer.put_directive(directive)).result(10)


def change_rules(elsewhere: Registry, answer: OrdersAnswer) -> None:
    del answer
    institution = elsewhere.publisher.book.institutions["H1"]
    elsewhere.store.submit(lambda writer: writer.put_institution(institution, NOW, "admin", "")).result(10)


@pytest.mark.parametrize("change", [withdraw, withhold, change_rules])
def test_what_changed_while_it_was_worked_out_is_not_recorded_as_it_was(
    registry: Registry, elsewhere: Registry, change: Callable[[Registry, OrdersAnswer], None]
) -> None:
    registry.publish(report())
    answer = work_out(registry)
    assert coverage(answer) is OrderCoverage.SATISFIED
    change(elsewhere, answer)
    with pytest.raises(ChangedMeanwhile):
        registry.store.submit(answer.keep).result(10)
    assert registry.store.read(lambda reader: reader.prompts(answer.kept.prompt_id)) == []


def test_what_did_not_change_is_recorded(registry: Registry, elsewhere: Registry) -> None:
    registry.publish(report())
    answer = work_out(registry)
    # Somebody else's report, and a chart of this patient, change nothing of it.
    elsewhere.publish(report("other", name="测试二", number=resident_number(2)))
    elsewhere.chart(report())
    registry.store.submit(answer.keep).result(10)
    (prompt,) = registry.store.read(lambda reader: reader.prompts(answer.kept.prompt_id))
    assert [line[0] for line in prompt.lines] == ["K"]


def test_a_result_that_ran_out_between_chart_and_order_is_not_reusable(registry: Registry) -> None:
    registry.publish(report())
    end = NOW - DAY + 7 * DAY
    assert coverage(work_out(registry, end)) is OrderCoverage.SATISFIED
    assert coverage(work_out(registry, end + 1)) is OrderCoverage.NONE


def test_orders_that_ask_for_too_much_are_refused(registry: Registry) -> None:
    identifiers, demographics = chart_of(report())
    ask = CheckOrders(
        "o",
        PatientQuery(identifiers, demographics),
        Context("dr", "visit", "treatment"),
        caller("H2", Role.EMR),
        tuple(Order(str(n), item="K") for n in range(MAX_ITEMS + 1)),
    )
    with pytest.raises(HutongError) as refusal:
        registry.store.read(
            lambda reader: check_orders(ask, reader, registry.publisher.book, registry.publisher.tokens, NOW)
        )
    assert refusal.value.issues[0].path == "orders"
