"""hutong stats against a real registry: tables, CSV and JSON, drill-down and feeds; the operator's dump and rebuild."""

import csv
import datetime
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hutong.v1 import reuse_service_pb2, statistics_service_pb2
from hutong_client import decision
from hutong_client.cli.labels import enum_label
from hutong_client.cli.stats_view import COUNTS, RATES, counts_csv, show_counts, yuan
from hutong_server.domain.statistics import Counts, Measure, rates
from rich.console import Console

from tests.api.documents import SODIUM, context, encoded, lab_report, person, question
from tests.client.conftest import BIN, ROOT, RegistryProcess, connect, make_cli, onboard

FIRST = datetime.date.today() - datetime.timedelta(1)  # noqa: DTZ011  a day around now, in whatever zone
LAST = FIRST + datetime.timedelta(2)
DAYS = ("--from", str(FIRST), "--to", str(LAST))
EMR = {"institution": "H2", "role": "emr"}


def server(registry: RegistryProcess, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Runs `hutong-server`, beside the one that serves."""
    command = [BIN / "hutong-server", *arguments]
    ran = subprocess.run(
        command, env=registry.environment, capture_output=True, encoding="utf-8", timeout=100, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran


@pytest.fixture(scope="module")
async def visited(
    start_registry: Callable[..., RegistryProcess], tmp_path_factory: pytest.TempPathFactory
) -> tuple[RegistryProcess, str]:
    """A registry with one visit: potassium recognised, without a price; sodium not decided. And the prompt's id."""
    registry = start_registry()
    onboard(registry, tmp_path_factory.mktemp("catalog"))
    patient = person(901)
    async with connect(registry.authority, registry.address, "H1", "feed", deadline=20) as feed:
        for code in ("2823-3", SODIUM):
            await feed.publish(encoded(lab_report(f"stats-{code}", patient, code=code)))
    async with connect(registry.authority, registry.address, "H2", "emr", deadline=20) as doctor:
        answer = await doctor.open_chart(question(patient), context(department="=内科"))
        made = decision(answer.prompt_id, "LAB-K", "recognized", decided_at=answer.judged_at.ToDatetime(datetime.UTC))
        [result] = (await doctor.record_decisions(context(department="=内科"), [made])).results
        assert result.outcome == reuse_service_pb2.DECISION_OUTCOME_RECORDED
    assert server(registry, "statistics", "rebuild").stdout.endswith("counted\n")
    return registry, answer.prompt_id


def test_one_group_shows_everything_with_what_each_rate_is_of(visited: tuple[RegistryProcess, str]) -> None:
    run = make_cli(visited[0])
    shown = run("stats", *DAYS, "--lang", "en", **EMR).stdout
    lines = {" ".join(line.split()) for line in shown.splitlines()}
    assert {"prompts 1", "eligible results 2", "recognized 1", "saved (yuan) 0.00"} <= lines
    assert "recognized without a price 1" in lines
    assert "recognized / eligible results 1 / 2 50.0 %" in lines
    assert "recognized / retrievals 1 / 0 —" in lines
    chinese = run("stats", *DAYS, "--lang", "zh", **EMR).stdout
    assert "互认 / 可互认项次" in chinese
    assert "统计至" in chinese


def test_groups_as_table_json_and_csv(visited: tuple[RegistryProcess, str]) -> None:
    run = make_cli(visited[0])
    table = run("stats", *DAYS, "--by", "item", "--lang", "zh", institution="registry", role="supervisor").stdout
    assert "钾" in table
    assert "钠" in table
    assert "100.0 %" in table
    assert "0.0 %" in table
    document = json.loads(run("stats", *DAYS, "--by", "item,department", "--json", **EMR).stdout)
    assert [row["group"] for row in document["rows"]] == [["LAB-K", "=内科"], ["LAB-NA", "=内科"]]
    assert document["rows"][0]["counts"]["recognized"] == "1"
    text = run("stats", *DAYS, "--by", "item", "--by", "department", "--csv", **EMR).stdout
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [(row["item"], row["item_en"], row["returned"], row["recognized_of_returned"]) for row in rows] == [
        ("LAB-K", "potassium", "1", "1.0000"),
        ("LAB-NA", "sodium", "1", "0.0000"),
    ]
    # No spreadsheet runs it; no rate of nothing is 0.
    assert {row["department"] for row in rows} == {"'=内科"}
    assert {row["recognized_of_opened"] for row in rows} == {"—"}
    assert {row["recognized_of_decided"] for row in rows} == {"1.0000", "—"}


def test_the_rows_behind_a_number(visited: tuple[RegistryProcess, str]) -> None:
    registry, prompt_id = visited
    run = make_cli(registry)
    who = ("--practitioner", "QC1", "--occasion", "review-7")
    document = json.loads(run("stats", "rows", "--measure", "recognized", *DAYS, *who, "--json", **EMR).stdout)
    [row] = document["rows"]
    assert (row["prompt_id"], row["item"], row["source"], document["more"]) == (prompt_id, "LAB-K", "H1", False)
    shown = run("stats", "rows", "--measure", "returned", "--limit", "1", *DAYS, *who, "--lang", "en", **EMR).stdout
    assert prompt_id in shown
    assert "There are more" in shown
    text = run("stats", "rows", "--measure", "unpriced", *DAYS, *who, "--csv", **EMR).stdout
    assert [row["prompt_id"] for row in csv.DictReader(io.StringIO(text))] == [prompt_id]
    missing = run("stats", "rows", "--measure", "returned", *DAYS, "--lang", "en", status=1, **EMR).stderr
    assert "context.practitioner" in missing


def test_feeds(visited: tuple[RegistryProcess, str]) -> None:
    run = make_cli(visited[0])
    supervisor = {"institution": "registry", "role": "supervisor"}
    assert "县医院" in run("stats", "feeds", "--lang", "zh", **supervisor).stdout
    feeds = json.loads(run("stats", "feeds", "--json", **supervisor).stdout)["feeds"]
    assert [(feed["institution"]["code"], feed["reports"]) for feed in feeds] == [("H1", "2"), ("H2", "0"), ("T1", "0")]
    text = run("stats", "feeds", "--csv", **EMR).stdout
    assert [row["institution"] for row in csv.DictReader(io.StringIO(text))] == ["H2"]


def test_what_is_asked_wrongly(visited: tuple[RegistryProcess, str]) -> None:
    run = make_cli(visited[0])
    for wrong in (("--from", "yesterday"), ("--by", "doctor"), ("--rate", "x"), ("--specialty", "x")):
        assert run("stats", *wrong, "--lang", "en", status=2, **EMR).stderr
    assert run("stats", "rows", "--measure", "doctors", *DAYS, status=2, **EMR).stderr


def test_a_dump_is_counted_by_the_outside_script(visited: tuple[RegistryProcess, str], tmp_path: Path) -> None:
    registry, prompt_id = visited
    dump = tmp_path / "raw.ndjson"
    assert "lines" in server(registry, "statistics", "dump", "--to", str(dump)).stderr
    text = dump.read_text("utf-8")
    for secret in (prompt_id, "D1", "E1", "张三", person(901)["identifier"][0]["value"]):
        assert secret not in text
    ran = subprocess.run(
        [sys.executable, "-I", ROOT / "tests/recount.py", dump], capture_output=True, encoding="utf-8", check=True
    )
    counted = [json.loads(line) for line in ran.stdout.splitlines()]
    assert {(row["item"], row.get("returned"), row.get("recognized"), row.get("prompts")) for row in counted} == {
        ("", None, None, 1),
        ("LAB-K", 1, 1, None),
        ("LAB-NA", 1, None, None),
    }


def test_words_are_total_over_the_contract() -> None:
    counts = statistics_service_pb2.StatisticsCounts.DESCRIPTOR
    assert list(COUNTS) == [field.name for field in counts.fields]
    assert list(RATES) == [rate.name for rate in rates(Counts())]
    measures = statistics_service_pb2.StatisticsMeasure.DESCRIPTOR
    assert {value.name for value in measures.values[1:]} == {f"STATISTICS_MEASURE_{each.name}" for each in Measure}
    assert enum_label(measures, statistics_service_pb2.STATISTICS_MEASURE_UNPRICED, "en") == "unpriced"


def test_views_of_grounds_and_of_nothing() -> None:
    answer = statistics_service_pb2.GetStatisticsResponse()
    events = statistics_service_pb2.StatisticsFilter(first_day="2026-01-01", last_day="2026-01-31")

    def view(by: list[str]) -> str:
        console = Console(file=io.StringIO(), width=100)
        show_counts(answer, events, by, "recognized_of_returned", console, "en")
        return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]

    assert "Nothing was counted yet" in view([])
    row = answer.rows.add(group=["98"], group_zh=["未收到影像"], group_en=["images not received"])
    row.counts.repeated_all, row.counts.refused = 1200, 3
    shown = view(["ground"])
    assert "images not received" in shown
    assert "1,200" in shown
    assert "eligible" not in shown
    [_, line] = counts_csv(answer, ["ground"])
    assert line[:3] == ["98", "未收到影像", "images not received"]
    assert set(line[-len(RATES) :]) == {"—"}
    assert (yuan(5), yuan(123_456_78)) == ("0.05", "123,456.78")


def test_the_documentation_names_every_number() -> None:
    text: Any = (ROOT / "docs" / "statistics.md").read_text("utf-8")
    for name in (*COUNTS, *RATES):
        assert f"`{name}`" in text, name
