"""hutong trend: what a person sees, and what a script reads."""

from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from tests.api.documents import lab_report, person
from tests.client.conftest import Cli
from tests.client.test_cli import ASK, parsed, patient_text, write

NUMBER = 895


@pytest.fixture(scope="module")
def published(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("trend")
    for number, (value, days) in enumerate((("4.10", 40), ("4.60", 20), ("5.30", 3))):
        write(folder, f"{number}.json", lab_report(f"trend-{number}", person(NUMBER), value=value, days_ago=days))
    other = lab_report("trend-g", person(NUMBER), value="0.0046", days_ago=10)
    other["contained"][2]["valueQuantity"] |= {"unit": "mol/L", "code": "mol/L"}
    write(folder, "other.json", other)
    cli("publish", folder, institution="H1", role="feed")


def run(cli: Cli, *arguments: str | Path, status: int = 0) -> Any:
    return cli(*arguments, institution="H2", role="emr", stdin=patient_text(NUMBER), status=status)


def test_as_json(cli: Cli, published: None) -> None:
    answer = parsed(run(cli, "trend", *ASK, "--item", "LAB-K", "--json"))
    first, second = answer["series"]
    assert [point["value"] for point in first["points"]] == ["4.10", "4.60", "5.30"]
    assert (second["conversion"]["unit"], second["conversion"]["factor"]) == ("mmol/L", "1000")
    assert [(point["value"], point["converted"]) for point in second["points"]] == [("0.0046", "4.6")]


def test_as_a_person_sees_it(cli: Cli, published: None) -> None:
    chinese = run(cli, "--lang", "zh", "trend", *ASK, "--item", "LAB-K").stdout
    for word in ("钾 (LAB-K)", "A  mmol/L", "B  mol/L；换算为 mmol/L，系数 1000", "5.30 mmol/L", "≈ mmol/L", "县医院"):
        assert word in chinese, chinese
    picture = [line for line in chinese.splitlines() if "│" in line or "┤" in line]
    assert len(picture) > 8
    assert sum(line.count("A") for line in picture) == 3
    assert sum(line.count("B") for line in picture) == 1
    assert all(cell_len(line) <= 80 for line in chinese.splitlines())
    english = run(cli, "--lang", "en", "trend", *ASK, "--item", "LAB-K", "--ascii").stdout
    assert "converted to mmol/L by 1000" in english
    drawn = english.split("A  mmol/L")[0].replace("\N{IDENTICAL TO}", "")
    assert drawn.isascii(), drawn


def test_nothing_and_nonsense(cli: Cli, published: None) -> None:
    assert "There is no result of it." in run(cli, "--lang", "en", "trend", *ASK, "--item", "LAB-NA").stdout
    assert "NOT_FOUND" in run(cli, "trend", *ASK, "--item", "LAB-NONE", "--json", status=5).stdout
