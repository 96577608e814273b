"""In the distributed form every statement on the way of a chart, an order, a report and a publish is for one machine.

The use cases run on a database in that form; each statement that they ran is looked at: everywhere it touches a
distributed table, it says of the distribution column what it equals. On a real Citus its plan is read as well.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from hutong_server.domain.caller import Role
from hutong_server.domain.ordered_items import Order
from hutong_server.store.distribution import DISTRIBUTED, PLACEMENTS
from hutong_server.store.sql_store import SqlStore, open_store
from hutong_server.store.statements import Compiled, Statement
from hutong_server.store.tables import prompt
from hutong_server.trust.ledger import MerkleLedger
from hutong_server.trust.sealing import AesGcmSealer
from hutong_server.trust.tokens import HmacTokens
from hutong_server.usecases.asking import Context, Outcome, PatientQuery
from hutong_server.usecases.check_orders import CheckOrders, check_orders
from hutong_server.usecases.get_report import REPORT_ID, GetReport, get_report
from hutong_server.usecases.publish import Publisher
from sqlalchemy import Alias, Table, bindparam, delete, select, update
from sqlalchemy.sql import ClauseElement, operators
from sqlalchemy.sql.dml import Delete, Insert, Update
from sqlalchemy.sql.elements import BinaryExpression, BindParameter, BooleanClauseList, ClauseList
from sqlalchemy.sql.selectable import Join, Select

from tests.building import NOW, caller, chart_of, report, resident_number, withdrawal
from tests.citus import CITUS_URL, NOT_RUN
from tests.conftest import MakeStoreUrl
from tests.store.ledgers import KEY
from tests.usecases.conftest import PlainWire, Registry, rule_book


@dataclass
class Ran:
    """The statements that ran, with values that they ran with."""

    of: dict[str, tuple[ClauseElement, tuple[Any, ...]]] = field(default_factory=dict)


@pytest.fixture(scope="module", params=["distributed", "citus"])
def url(request: pytest.FixtureRequest, make_store_url: MakeStoreUrl) -> str:
    return make_store_url(request.param)


@pytest.fixture(scope="module")
def ran(url: str, sealer: AesGcmSealer) -> Ran:
    """Charts, orders, reports and publishes of every kind that is common."""
    kept = Ran()
    with pytest.MonkeyPatch.context() as patch:
        _record(patch, kept)
        store = open_store(url, sealer, lanes=1, ledger=MerkleLedger(KEY))
        _day(Registry(store, Publisher(_book(), HmacTokens(secrets.token_bytes(32)), PlainWire())), store)
        store.close()
    return kept


def _book() -> Any:
    book = rule_book()
    book.version = 0  # as the store has it: nothing was imported
    return book


def _day(at: Registry, store: SqlStore) -> None:
    book, tokens = at.publisher.book, at.publisher.tokens
    first = at.publish(report())[0]
    at.publish(report("R2", birth=""))
    at.publish(report("R3", name="测试 一"))  # says something new of the person: a record of its own, linked
    at.publish(withdrawal("R2"))
    for request in ("a", "a", "b"):  # asked, asked again, asked anew
        assert at.chart(report(), request=request).outcome is Outcome.FOUND
    at.chart(report(number=resident_number(77)))  # a stranger
    identifiers, demographics = chart_of(report())
    context = Context("dr", "visit", "treatment")
    query, emr = PatientQuery(identifiers, demographics), caller("H2", Role.EMR)
    order = CheckOrders("o", query, context, emr, (Order("1", item="K"),))
    answer = store.read(lambda reader: check_orders(order, reader, book, tokens, at.now))
    store.submit(answer.keep).result(30)
    offered = at.ids.seal(REPORT_ID, "H2", (first.patient_key, first.report_id))
    get = GetReport(offered, context, emr)
    whole = store.read(lambda reader: get_report(get, reader, book, tokens, at.ids, at.now))
    store.submit(whole.keep).result(30)
    at.publish(report(issued=NOW, content="corrected"))  # whoever relied on it is told


def _record(patch: pytest.MonkeyPatch, kept: Ran) -> None:
    on, values = Statement.on, Compiled.values
    elements: dict[int, ClauseElement] = {}

    def noted(self: Statement, database: str) -> Compiled:
        compiled = on(self, database)
        build = self._build
        elements[id(compiled)] = build if isinstance(build, ClauseElement) else build(database)
        return compiled

    def with_values(self: Compiled, given: Any) -> tuple[Any, ...]:
        found = values(self, given)
        if id(self) in elements:
            kept.of[self.text] = elements[id(self)], found
        return found

    patch.setattr(Statement, "on", noted)
    patch.setattr(Compiled, "values", with_values)


OF_THE_COORDINATOR = {"ledger_log", "ledger_root", "held_report"}
"""What stands there and is touched on the way: the start of a log, and what waits for an administrator."""


def unrouted(element: ClauseElement) -> list[str]:
    """Distributed tables of which a statement does not say what their distribution column equals."""
    if isinstance(element, Insert):
        given = {getattr(column, "name", column) for column in element._values or ()}
        return [] if _column(element.table) in (*given, None) else [str(element.table)]
    if isinstance(element, (Update, Delete)):
        said = _bound(element.whereclause)
        return [str(element.table)] if _column(element.table) and _of(element.table) not in said else []
    assert isinstance(element, Select), type(element)
    froms, conditions = [], [element.whereclause]
    for each in element.get_final_froms():
        tables, more = _flat(each)
        froms += tables
        conditions += more
    bound: set[Any] = set()
    for condition in conditions:
        bound |= _bound(condition)
    return [str(each) for each in froms if _column(each) and _of(each) not in bound]


def _flat(of: Any) -> tuple[list[Any], list[Any]]:
    if isinstance(of, Join):
        left, right = _flat(of.left), _flat(of.right)
        return left[0] + right[0], [of.onclause, *left[1], *right[1]]
    return [of], []


def _name(table: Any) -> str:
    return table.element.name if isinstance(table, Alias) else table.name  # type: ignore[no-any-return]


def _column(table: Any) -> str | None:
    placement = PLACEMENTS[_name(table)] if isinstance(table, (Alias, Table)) else None
    return placement.column if placement is not None and placement.kind == DISTRIBUTED else None


def _of(table: Any) -> tuple[int, str | None]:
    return id(table), _column(table)


def _bound(condition: Any) -> set[tuple[int, str]]:
    """(table, column) of what a conjunction says the value of."""
    if isinstance(condition, BooleanClauseList) and condition.operator is operators.and_:
        return set().union(*map(_bound, condition.clauses))
    if not isinstance(condition, BinaryExpression) or not hasattr(condition.left, "table"):
        return set()
    right = getattr(condition.right, "element", condition.right)
    one = isinstance(right, BindParameter) and condition.operator is operators.eq
    if isinstance(right, ClauseList) and condition.operator is operators.in_op:
        one = len(right.clauses) == 1 and isinstance(right.clauses[0], BindParameter)
    return {(id(condition.left.table), condition.left.name)} if one else set()


def test_no_statement_of_a_call_asks_several_machines(ran: Ran) -> None:
    assert len(ran.of) > 30
    found = {text: faults for text, (element, _) in ran.of.items() if (faults := unrouted(element))}
    assert not found


def test_everything_else_is_everywhere_or_on_the_coordinator_for_a_reason(ran: Ran) -> None:
    touched: set[str] = set()
    for element, _ in ran.of.values():
        parts = element.get_final_froms() if isinstance(element, Select) else [element.table]  # type: ignore[attr-defined]
        touched |= {_name(table) for part in parts for table in _flat(part)[0]}
    here = {name for name in touched if PLACEMENTS[name].kind == "coordinator"}
    assert here <= OF_THE_COORDINATOR
    assert {"report", "report_version", "prompt", "reliance", "patient_token", "person_member", "identity"} <= touched


def test_the_plans_are_for_one_machine(ran: Ran, url: str) -> None:
    if url != CITUS_URL:
        pytest.skip(NOT_RUN)
    with psycopg.connect(url) as connection:
        for text, (_, values) in ran.of.items():
            plan = "\n".join(row[0] for row in connection.execute(f"EXPLAIN {text}".encode(), values))
            assert "Task Count" not in plan or "Task Count: 1\n" in f"{plan}\n", text


@pytest.mark.parametrize("lost", ["patient_key", "prompt_id"])
def test_the_check_itself_finds_what_is_missing(lost: str) -> None:
    conditions = [prompt.c[name] == bindparam(name) for name in ("patient_key", "prompt_id") if name != lost]
    asked: list[Callable[[], Any]] = [
        lambda: select(prompt).where(*conditions),
        lambda: update(prompt).where(*conditions).values(at=1),
        lambda: delete(prompt).where(*conditions),
    ]
    assert [bool(unrouted(each())) for each in asked] == [lost == "patient_key"] * 3
    several = select(prompt).where(prompt.c.patient_key.in_([bindparam("a"), bindparam("b")]))
    assert unrouted(several)
