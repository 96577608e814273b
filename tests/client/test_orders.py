"""Orders from the client and the terminal: always an answer, in time; what people and scripts see."""

import asyncio
import json
import re
import time
from pathlib import Path
from typing import Any

import grpc
import pytest
from hutong.v1 import reuse_service_pb2 as reuse
from hutong_client import ChartState, HutongClient, call_context, order, patient_query
from hutong_client.cli.order_source import read_orders
from hutong_client.cli.session import UsageFault

from tests.api.documents import encoded, lab_report, person
from tests.client.conftest import Cli, RawServer, connect
from tests.client.test_cli import ASK, parsed, patient_text

PATIENT = patient_query([("urn:test", "1")], birth_date="1980-01-02", sex="female")
CONTEXT = call_context(practitioner="D1", encounter="E1")
CHECK_ORDERS = "hutong.v1.ReuseService/CheckOrders"
ORDERS = [order("1", [("urn:lis", "K")])]
SLACK = 4.0
"""Seconds that a busy machine may add to a deadline."""


async def test_no_answer_is_nothing_to_ask_and_never_late(authority: Any, black_hole: str) -> None:
    async with connect(authority, black_hole) as client:
        before = time.monotonic()
        answer = await client.check_orders_or_empty(PATIENT, CONTEXT, ORDERS, deadline=0.5)
    assert (answer.state, answer.reason, answer.ask) == (ChartState.UNAVAILABLE, "DEADLINE_EXCEEDED", False)
    assert time.monotonic() - before < 0.5 + SLACK


@pytest.mark.parametrize("arguments", [(), (PATIENT, CONTEXT, None), (PATIENT, CONTEXT, ["canary"]), (1, 2, 3)])
async def test_wrong_arguments_are_an_answer(authority: Any, refusing: str, arguments: tuple[Any, ...]) -> None:
    call: Any = HutongClient.check_orders_or_empty
    async with connect(authority, refusing) as client:
        answer = await call(client, *arguments, deadline=5)
    assert (answer.state, answer.ask) == (ChartState.UNAVAILABLE, False)
    assert "canary" not in repr(answer)


@pytest.mark.parametrize("ask", [True, False])
async def test_the_answer_says_whether_to_ask(authority: Any, raw_server: RawServer, ask: bool) -> None:
    async def give(request: bytes, context: Any) -> bytes:
        asked = reuse.CheckOrdersRequest.FromString(request)
        assert [each.order_id for each in asked.orders] == ["1"]
        return reuse.CheckOrdersResponse(outcome=reuse.OUTCOME_FOUND, ask=ask, prompt_id="p").SerializeToString()

    registry = await raw_server({CHECK_ORDERS: grpc.unary_unary_rpc_method_handler(give)})
    async with connect(authority, registry) as client:
        answer = await client.check_orders_or_empty(PATIENT, CONTEXT, ORDERS, deadline=10)
    assert (answer.state, answer.ask, answer.response.prompt_id) == (ChartState.FOUND, ask, "p")


async def test_cancelling_the_waiting_task_passes_through(authority: Any, black_hole: str) -> None:
    async with connect(authority, black_hole) as client:
        task = asyncio.create_task(client.check_orders_or_empty(PATIENT, CONTEXT, ORDERS, deadline=30))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


FILES = {
    "orders.json": json.dumps(
        [
            {"order_id": "A", "code": "urn:lis|K01", "specimen": "血清"},
            {"code": ["urn:lis|K02", "http://loinc.org|2823-3"]},
            {"item": "LAB-K"},
        ]
    ),
    "proto.json": json.dumps(
        {
            "orders": [
                {
                    "order_id": "A",
                    "code": {"coding": [{"system": "urn:lis", "code": "K01"}]},
                    "specimen": {"text": "血清"},
                },
                {
                    "code": {
                        "coding": [
                            {"system": "urn:lis", "code": "K02"},
                            {"system": "http://loinc.org", "code": "2823-3"},
                        ]
                    }
                },
                {"item": "LAB-K"},
            ]
        }
    ),
    "orders.yaml": """
- {order_id: A, code: "urn:lis|K01", specimen: 血清}
- {code: ["urn:lis|K02", "http://loinc.org|2823-3"]}
- item: LAB-K
""",
}


@pytest.mark.parametrize("name", FILES)
def test_orders_are_read_from_a_file(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_text(FILES[name], "utf-8")
    assert read_orders(file, ["钾", "urn:lis|NA"], ["LAB-NA"]) == [
        order("A", [("urn:lis", "K01")], specimen="血清"),
        order("2", [("urn:lis", "K02"), ("http://loinc.org", "2823-3")]),
        order("3", item="LAB-K"),
        order("4", "钾"),
        order("5", [("urn:lis", "NA")]),
        order("6", item="LAB-NA"),
    ]


def test_orders_are_read_from_a_table(tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("\ufefforder_id,code,body_site,item\nA,urn:ris|CT,胸部,\n,,,LAB-K\n", "utf-8")
    assert read_orders(file, (), ()) == [order("A", [("urn:ris", "CT")], body_site="胸部"), order("2", item="LAB-K")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("orders.json", "{"),
        ("orders.json", '{"orders": 1}'),
        ("orders.json", '["K"]'),
        ("orders.json", '[{"cod": "K"}]'),
        ("orders.json", '[{"code": {"codes": []}}]'),
        ("orders.yaml", "- {code: K"),
        ("orders.csv", "code\nK,L\n"),
        ("orders.txt", "K"),
        ("orders.json", "[]"),
    ],
)
def test_a_faulty_file_is_wrong_usage(tmp_path: Path, name: str, content: str) -> None:
    file = tmp_path / name
    file.write_text(content, "utf-8")
    with pytest.raises(UsageFault):
        read_orders(file, (), ())


@pytest.fixture(scope="module")
def published(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A person with a potassium to reuse, and a sodium that is too old."""
    folder = tmp_path_factory.mktemp("reports")
    (folder / "1.json").write_bytes(encoded(lab_report("order-cli-1", person(896))))
    old = lab_report("order-cli-2", person(896), code="2951-2", value="140", days_ago=9)
    (folder / "2.json").write_bytes(encoded(old))
    cli("publish", folder, institution="H1", role="feed")
    return patient_text(896)


CODES = ("--code", "http://loinc.org|2823-3", "--item", "LAB-NA", "--code", "http://loinc.org|1-8", "--item", "LAB-K")


def test_people_see_what_is_there_and_why_the_rest_is_not(cli: Cli, published: str) -> None:
    zh = cli("order", *ASK, *CODES, "--lang", "zh", institution="H2", role="emr", stdin=published).stdout
    assert re.search(r"1  2823-3 +全部可互认\n +\[1\] +钾 +4\.10 mmol/L", zh)
    assert "样例市HR" in zh
    assert re.search(r"LAB-NA +没有可互认的结果\n +钠 .*县医院 +超出互认时限", zh.replace("\n          ", " "))
    assert "医嘱编码未对照" in zh
    # The same item once more is the same question.
    assert re.search(r"4  LAB-K +全部可互认\n +钾 +同上", zh)
    assert re.search(r"请医师逐项选择.*\n  4  急诊", zh)
    en = cli("order", *ASK, *CODES, "--lang", "en", institution="H2", role="emr", stdin=published).stdout
    assert "potassium" in en
    assert "all of it can be reused" in en
    assert "order code not mapped to an item" in en


def test_an_emergency_asks_nothing(cli: Cli, published: str) -> None:
    emergency = ("--encounter-class", "emergency")
    seen = cli("order", *ASK, *CODES, *emergency, "--lang", "en", institution="H2", role="emr", stdin=published).stdout
    assert "potassium" in seen
    assert "To decide" not in seen


def test_scripts_get_the_contract(cli: Cli, published: str, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("order_id,item\nX,LAB-K\n")
    arguments = ("order", *ASK, "--orders", file, "--explain", "--json")
    answer = parsed(cli(*arguments, institution="H2", role="emr", stdin=published))
    assert (answer["ask"], answer["outcome"]) == (True, "OUTCOME_FOUND")
    (only,) = answer["answers"]
    assert (only["order_id"], only["coverage"]) == ("X", "ORDER_COVERAGE_SATISFIED")
    assert only["items"][0]["line"]["result"]["trace"]
    assert "Traceback" not in cli("order", *ASK, institution="H2", role="emr", stdin=published, status=2).stderr
    refusal = parsed(
        cli("order", *ASK, "--item", "", "--json", institution="H2", role="emr", stdin=published, status=1)
    )
    assert refusal["error"]["violations"][0]["path"] == "orders[0].code"


def test_what_was_decided_at_the_terminal_is_not_asked_again(cli: Cli, published: str, tmp_path: Path) -> None:
    visit = ("--practitioner", "D1", "--encounter", "E-decided")
    asked = cli("order", *visit, "--item", "LAB-K", "--json", institution="H2", role="emr", stdin=published)
    answer = tmp_path / "answer.json"
    answer.write_text(asked.stdout, "utf-8")
    cli("decide", *visit, "--chart", answer, "--recognize", institution="H2", role="emr")
    again = cli(
        "order", *visit, "--item", "LAB-K", "--lang", "en", institution="H2", role="emr", stdin=published
    ).stdout
    assert "already decided in this encounter" in again
    assert "To decide" not in again
