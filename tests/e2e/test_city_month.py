"""`make city-month`, tiny: a small city, a few dozen visits, both courses on real registries over mTLS."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, str(ROOT / "deploy" / "city_month" / "month.py")]
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("HUTONG_", "LC_", "LANG"))}


def month(place: Path, *more: str) -> tuple[str, dict[str, Any], str]:
    """What the program printed, its JSON and its Markdown."""
    options = ["--visits", "60", "--scale", "small", "--home", str(place / "home"), "--out", str(place / "month")]
    done = subprocess.run(
        [*PROGRAM, *options, *more], capture_output=True, text=True, env=ENVIRONMENT, check=False, timeout=400
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads((place / "month.json").read_text())
    return done.stdout, told["month"], (place / "month.md").read_text()


@pytest.mark.timeout(820)
def test_a_month_is_repeatable_and_counted_alike_by_doctors_and_registry(tmp_path: Path) -> None:
    printed, told, text = month(tmp_path, "--lang", "en", "--acceptance", "0.6")
    check = told["check"]
    assert check["differences"] == []
    assert check["prices_differ"] == 0
    assert check["numbers"] > 1000
    totals, duplicates = told["statistics"]["totals"], told["duplicates"]
    # There was something to count, and doctors did all that they may.
    for measure in ("prompts", "reminders", "returned", "shown", "opened", "cited", "recognized", "repeated_all"):
        assert totals[measure] > 0, measure
    assert totals["savings_fen"] == duplicates["avoided"]["fen"] > 0
    assert totals["recognized"] == duplicates["avoided"]["items"]
    assert duplicates["without"]["items"] >= duplicates["with_offered"]["items"] > duplicates["avoided"]["items"]
    parts = ("avoided", "repeated_on_a_ground", "nothing_said", "taken_back")
    assert sum(duplicates[part]["items"] for part in parts) == duplicates["with_offered"]["items"]
    # What is recognised is not measured again.
    assert told["city"]["reports_with"] < told["city"]["reports_without"]
    for group in ("by_tier", "by_direction", "by_order"):
        assert sum(each["avoided"]["items"] for each in told[group].values()) == totals["recognized"]
    varied = told["acceptance_varied"]
    assert varied["low"]["items"] < varied["high"]["items"] < varied["hard stop"]["items"]
    assert "are what StatisticsService says" in printed
    assert f"{duplicates['avoided']['items']} item-times" in text
    # The same seed comes to the same month, on other registries with other keys.
    assert month(tmp_path, "--lang", "zh", "--acceptance", "0.6")[1] == told
