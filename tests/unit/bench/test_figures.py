"""What the benchmark states: the figures that were asked for, in their order, and when one does not count."""

import json
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.bench import figures, picture, table
from tests.bench.absent import best_threshold
from tests.bench.figures import BUSY, Measured, Surroundings, entry
from tests.bench.open_loop import Seen
from tests.bench.parts import PARTS

ASKED = (
    "chart_vs_echo_sqlite",
    "chart_vs_echo_postgres",
    "chart_p99_vs_echo_p99",
    "growth_p50_sqlite",
    "growth_p50_postgres",
    "publish_vs_validation",
    "workers_2_vs_1",
    "chart_to_report_p99_ms",
    "memory_growth",
    "bytes_per_lab_report",
    "absent_vs_known",
)
QUIET = {"at": "2026-01-01T00:00Z", "commit": "abc", "busy": False, "others": 0.01}


def test_the_figures_that_are_asked_for_come_first_and_in_order() -> None:
    assert tuple(figures.BY_KEY)[: len(ASKED)] == ASKED


def test_a_figure_says_whether_it_reaches_what_is_asked_for() -> None:
    found = entry("chart_vs_echo_sqlite", Measured(0.3, {"per_second": 500}), QUIET, "python -m …")
    assert (found["floor"], found["aim"], found["reached"], found["aim_reached"]) == (0.25, 0.4, True, False)
    assert found["details"] == {"per_second": 500}
    assert entry("chart_vs_echo_sqlite", Measured(0.24), QUIET, "")["reached"] is False
    # Where small is good.
    assert entry("chart_to_report_p99_ms", Measured(49.0), QUIET, "")["reached"] is True
    assert entry("chart_to_report_p99_ms", Measured(51.0), QUIET, "")["reached"] is False
    # What does not count reaches nothing.
    late = entry("chart_to_report_p99_ms", Measured(10.0, invalid="the generator was late"), QUIET, "")
    assert (late["reached"], late["invalid"]) == (False, "the generator was late")


def test_parts_are_merged_into_one_file_in_the_order_of_the_table(tmp_path: Path) -> None:
    out = tmp_path / "build" / "bench.json"
    figures.keep({"absent_vs_known": entry("absent_vs_known", Measured(0.51), QUIET, "a")}, out)
    figures.keep({"chart_vs_echo_sqlite": entry("chart_vs_echo_sqlite", Measured(0.2), QUIET, "b")}, out)
    figures.keep({"absent_vs_known": entry("absent_vs_known", Measured(0.56), QUIET, "c")}, out)
    found = json.loads(out.read_text())
    assert list(found) == ["chart_vs_echo_sqlite", "absent_vs_known"]
    assert found["absent_vs_known"]["value"] == 0.56
    assert not found["absent_vs_known"]["reached"]
    # A file of a former form does not stop a new run.
    out.write_text(json.dumps({"memory": {"at_end_mb": 3}, "chart_vs_echo_sqlite": found["chart_vs_echo_sqlite"]}))
    assert list(figures.known(out)) == ["chart_vs_echo_sqlite"]


def test_the_table_has_a_row_for_each_figure_and_says_what_disturbed_it() -> None:
    busy = QUIET | {"busy": True, "others": 0.42}
    entries = {
        "chart_vs_echo_sqlite": entry("chart_vs_echo_sqlite", Measured(0.41), busy, ""),
        "workers_2_vs_1": entry("workers_2_vs_1", Measured(1.31), QUIET, ""),
        "chart_to_report_p99_ms": entry("chart_to_report_p99_ms", Measured(9, invalid="it was late"), QUIET, ""),
        "trust_cost_vs_echo": entry("trust_cost_vs_echo", Measured(0.7), QUIET, ""),
    }
    rows = table.rows(entries)
    assert [row[4] for row in rows] == ["aim", "yes", "does not count: it was late", ""]
    assert [row[3] for row in rows] == ["≥ 0.25, aim 0.4", "≥ 1.3", "≤ 50", ""]
    assert "others used 42%" in rows[0][5]
    assert "others" not in rows[1][5]
    assert len(table.markdown(entries).splitlines()) == len(entries) + 2


def test_the_table_is_put_into_a_document_between_its_markers() -> None:
    entries = {"workers_2_vs_1": entry("workers_2_vs_1", Measured(1.31), QUIET, "python -m tests.bench --only workers")}
    once = table.put("before\n<!-- figures -->\nold\n<!-- end -->\nafter", entries)
    assert once == table.put(once, entries)
    assert once.startswith("before\n<!-- figures -->\n| Figure |")
    assert once.endswith("```\n<!-- end -->\nafter")
    assert "| 1.31 |" in once
    assert ".venv/bin/python -m tests.bench --only workers\n" in once
    assert "old" not in once
    with pytest.raises(ValueError, match="no place"):
        table.put("text", entries)


def test_each_part_gives_a_figure_that_the_table_knows() -> None:
    assert {figure.part for figure in figures.FIGURES} >= set(PARTS)


def test_a_machine_that_others_use_is_told() -> None:
    if (os.cpu_count() or 1) > 8:
        pytest.skip("one busy process is no tenth of this machine")
    around = Surroundings()
    # Of this process, but not ended yet: counted as others'.
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as child:
        time.sleep(1.0)
        told = around.told()
        child.kill()
    assert told["others"] > BUSY
    assert told["busy"] is True
    assert told["machine"]
    assert len(told["load"]) == 2


def test_a_run_whose_generator_was_the_bottleneck_does_not_count() -> None:
    def seen(late: float = 0.1, used: float = 0.2, took: float = 3.0) -> Seen:
        return Seen(100, {"chart": [took] * 200}, {"OK": 200}, [late] * 200, used)

    assert seen().invalid() == ""
    assert "late" in seen(late=2.5).invalid()
    # What is a tenth of the figure does not make it.
    assert seen(late=2.5, took=40.0).invalid() == ""
    assert "core" in seen(used=0.8).invalid()


def test_the_best_threshold() -> None:
    assert best_threshold([1, 2, 3], [4, 5, 6]) == best_threshold([4, 5, 6], [1, 2, 3]) == 1.0
    assert best_threshold([1, 2, 3, 4], [1, 2, 3, 4]) == 0.5
    assert best_threshold([1, 1, 1, 9], [2, 2, 2, 2]) == 0.875
    # Kinds weigh the same, however often each was asked for.
    assert best_threshold([1] * 100, [1]) == pytest.approx(0.5)


SVG = "{http://www.w3.org/2000/svg}"


def test_the_picture_shows_what_was_measured() -> None:
    steps = [
        {"rate": rate, "kinds": {"chart": {"p50_ms": p50, "p99_ms": 5 * p50}}, **more}
        for rate, p50, more in ((50, 3.0, {}), (100, 3.5, {}), (200, 40.0, {"invalid": "late"}))
    ]
    sizes = {"small_reports": 1e5, "small_p50_ms": 3.0, "large_reports": 1e7, "large_p50_ms": 3.3}
    entries = {
        "chart_to_report_p99_ms": {"details": {"by_rate": steps}},
        "growth_p50_sqlite": {"details": sizes},
    }
    drawn = ElementTree.fromstring(picture.svg([picture.by_rate(entries), picture.by_size(entries)]))  # noqa: S314
    rate, size = drawn.findall(f"{SVG}g")
    assert [len(plot.findall(f"{SVG}polyline")) for plot in (rate, size)] == [2, 1]
    circles = rate.findall(f"{SVG}circle")
    assert [circle.get("fill") == "white" for circle in circles] == [False, False, True] * 2
    # Higher is slower, and to the right is more.
    heights = [float(circle.get("cy") or 0) for circle in circles[:3]]
    assert heights == sorted(heights, reverse=True)
    assert [float(circle.get("cx") or 0) for circle in circles[:3]] == sorted(
        float(circle.get("cx") or 0) for circle in circles[:3]
    )
    words = [text.text for text in size.findall(f"{SVG}text")]
    assert {"SQLite", "100k", "10M"} <= set(words)
    assert "PostgreSQL" not in words


def test_the_picture_of_nothing_says_so() -> None:
    assert picture.svg([picture.by_rate({}), picture.by_size({})]).count("not measured") == 2
