"""docs/operations.md says what happens when something breaks: each line names tests and alerts that exist."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "operations.md").read_text()
TESTS = {path.name: path.read_text() for path in (ROOT / "tests").rglob("*.py")}
ALERTS = set(re.findall(r"alert: (\w+)", (ROOT / "deploy" / "prometheus" / "alerting_rules.yml").read_text()))
EVENTS = " ".join(path.read_text() for path in (ROOT / "server").rglob("*.py"))


def rows() -> Iterator[list[str]]:
    """(what, doctors, operators, do, test) of each line."""
    section = TEXT.split("## What happens when\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    for line in lines[2:]:
        yield [cell.strip() for cell in line.strip("|").split(" | ")]


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: row[0])
def test_a_line_names_tests_alerts_and_log_lines_that_exist(row: list[str]) -> None:
    what, doctors, operators, do, test = row
    assert what
    assert doctors
    assert do
    functions = set(re.findall(r"def test_(\w+)\(", " ".join(TESTS.values())))
    named = re.findall(r"`([^`]+)`", test)
    assert named
    for name in named:
        if "/" in name:
            assert (ROOT / name).exists()
        else:
            assert name in functions or name in TESTS, name
    for name in re.findall(r"`([A-Z][A-Za-z]+)`", operators):
        assert name in ALERTS, name
        assert f"\n### {name}\n" in TEXT, name
    for event in re.findall(r"log `([^`]+)`", operators):
        assert f'"{event}"' in EVENTS, event


def test_every_test_of_bad_days_has_its_line() -> None:
    """Nothing is shown that is not promised."""
    named = " ".join(row[-1] for row in rows())
    files = {name: text for name, text in TESTS.items() if (ROOT / "tests" / "faults" / name).exists()}
    assert len(files) > 5
    for name, text in files.items():
        for function in re.findall(r"^async def test_(\w+)\(", text, re.MULTILINE):
            assert function in named or name in named or function == "the_log_of_bad_days_names_nobody", function
