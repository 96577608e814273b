"""hutong explain, and what a chart says with --explain."""

from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from tests.api.documents import lab_report, person
from tests.client.conftest import Cli
from tests.client.test_cli import ASK, parsed, patient_text, write


@pytest.fixture(scope="module")
def published(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("explained")
    write(folder, "1.json", lab_report("explain-1", person(851), value="4.31", days_ago=30))
    write(folder, "2.json", lab_report("explain-2", person(851), value="4.32", days_ago=2))
    cli("publish", folder, institution="H1", role="feed")


def run(cli: Cli, *arguments: str | Path, stdin: str = "", status: int = 0) -> Any:
    return cli(*arguments, institution="H2", role="emr", stdin=stdin or patient_text(851), status=status)


def test_as_json(cli: Cli, published: None) -> None:
    answer = parsed(run(cli, "explain", *ASK, "--item", "LAB-K", "--json"))
    assert (answer["outcome"], answer["item"]["code"]) == ("OUTCOME_FOUND", "LAB-K")
    assert [each["reusable"] for each in answer["results"]] == [True, False]
    old = answer["results"][1]
    (step,) = [step for step in old["trace"] if step["reason"] != "NOT_REUSABLE_REASON_UNSPECIFIED"]
    assert (step["subject"], step["passed"], step["entry_kind"], step["entry_key"], step["reason"]) == (
        "TRACE_SUBJECT_WINDOW",
        False,
        "item",
        "LAB-K",
        "NOT_REUSABLE_REASON_OUTSIDE_WINDOW",
    )
    by_code = parsed(run(cli, "explain", *ASK, "--item", "2823-3", "--json"))
    assert len(by_code["results"]) == 2
    assert "item" not in by_code


def test_as_a_person_reads_it(cli: Cli, published: None) -> None:
    chinese = run(cli, "--lang", "zh", "explain", *ASK, "--item", "LAB-K").stdout
    for word in ("钾 (LAB-K)：有可互认的结果", "✓ 患者", "可互认至", "7 个 24 小时", "✗ 互认时限", "→ 超出互认时限"):
        assert word in chinese, chinese
    # A key is folded where the line ends; nothing of it is lost.
    whole = "".join(chinese.split())
    assert "[ruleEVERYWHERE]" in whole
    assert "[grantH1|9904|*]" in whole
    assert all(cell_len(line) <= 80 for line in chinese.splitlines())
    assert "mmol" not in chinese  # a trace has no values
    english = run(cli, "--lang", "en", "explain", *ASK, "--item", "LAB-K").stdout
    for word in ("potassium (LAB-K): results can be reused", "about the patient", "validity window", "✗ is why not"):
        assert word in english, english
    nothing = run(cli, "--lang", "en", "explain", *ASK, "--item", "LAB-NA").stdout
    assert "There is no result of it." in nothing


def test_the_item_is_needed(cli: Cli) -> None:
    assert "--item" in run(cli, "explain", *ASK, status=2).stderr


def test_a_chart_explained(cli: Cli, published: None) -> None:
    answer = parsed(run(cli, "chart", *ASK, "--all", "--explain", "--json"))
    assert answer["lines"][0]["result"]["trace"]
    assert answer["not_reusable"][0]["trace"]
    assert not parsed(run(cli, "chart", *ASK, "--json"))["lines"][0]["result"]["trace"]
    chart = run(cli, "--lang", "zh", "chart", *ASK, "--all", "--explain").stdout
    assert chart.count("互认时限") >= 2
    assert "✗ 互认时限" in chart
