"""Labels are total over the contract; views and help fit a terminal with wide characters."""

import io
import json
import os
import subprocess
import sys

import pytest
from hutong.v1 import (
    catalog_service_pb2,
    consent_service_pb2,
    error_reason_pb2,
    patient_service_pb2,
    registry_service_pb2,
    report_pb2,
    reuse_service_pb2,
    statistics_service_pb2,
)
from hutong_client.cli import labels
from hutong_client.cli.chart_view import show_chart
from hutong_client.cli.language import Language, detect
from hutong_client.cli.output import clean
from rich.cells import cell_len
from rich.console import Console

from tests.client.made_answers import TOWNSHIP, chart, result, reuse_line

LANGUAGES: tuple[Language, ...] = ("zh", "en")
FILES = (
    catalog_service_pb2,
    consent_service_pb2,
    error_reason_pb2,
    patient_service_pb2,
    registry_service_pb2,
    report_pb2,
    reuse_service_pb2,
    statistics_service_pb2,
)
ENUMS = [enum for file in FILES for enum in file.DESCRIPTOR.enum_types_by_name.values()]


def test_there_are_enums_to_label() -> None:
    assert len(ENUMS) >= 14


@pytest.mark.parametrize("enum", ENUMS, ids=lambda enum: enum.name)
def test_every_value_of_the_contract_has_a_label_in_both_languages(enum: object) -> None:
    for value in enum.values:  # type: ignore[attr-defined]
        chinese, english = (labels.enum_label(enum, value.number, each) for each in LANGUAGES)  # type: ignore[arg-type]
        assert chinese
        assert english.isascii()
        assert value.name not in (chinese, english)
        if value.name not in ("FHIR_RELEASE_R4", "FHIR_RELEASE_R4B", "FHIR_RELEASE_R5"):
            assert any("一" <= c <= "鿿" for c in chinese), value.name


def test_every_reason_has_its_own_label() -> None:
    names = {name.removeprefix("ERROR_REASON_") for name in error_reason_pb2.ErrorReason.keys()}  # noqa: SIM118
    assert names <= set(labels.REASON_LABELS)
    assert set(labels.HINTS) <= set(labels.REASON_LABELS)


def test_no_label_is_left_over() -> None:
    names = {value.name for enum in ENUMS for value in enum.values}
    assert set(labels.ENUM_LABELS) <= names


def test_a_value_of_a_newer_registry_is_its_number() -> None:
    assert labels.enum_label(report_pb2.Tier.DESCRIPTOR, 99, "zh") == "Tier 99"
    assert labels.reason_label("NEW_REASON", "en") == "NEW_REASON"


@pytest.mark.parametrize(
    ("arguments", "environment", "language"),
    [
        ([], {}, "en"),
        ([], {"LANG": "zh_CN.UTF-8"}, "zh"),
        ([], {"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ([], {"LANG": "en_US.UTF-8", "HUTONG_LANG": "zh"}, "zh"),
        (["chart", "--lang", "zh"], {}, "zh"),
        (["--lang=en"], {"LANG": "zh_CN"}, "en"),
        (["--", "--lang", "zh"], {}, "en"),
    ],
)
def test_the_language_of_a_run(arguments: list[str], environment: dict[str, str], language: str) -> None:
    assert detect(arguments, environment) == language


def rendered(language: Language, width: int = 80) -> str:
    out = io.StringIO()
    show_chart(chart(), Console(file=out, width=width, highlight=False, markup=False, emoji=False), language)
    return out.getvalue()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [80, 100, 60])
def test_a_chart_fits_its_width(language: Language, width: int) -> None:
    wide = [line for line in rendered(language, width).splitlines() if cell_len(line.rstrip()) > width]
    assert wide == []


def test_columns_stand_below_each_other_in_cells() -> None:
    lines = rendered("zh").splitlines()
    starts = [cell_len(line[: line.index("2026-05-20")]) for line in lines if "2026-05-20" in line]
    assert len(starts) == 5
    assert len(set(starts[:3])) == len(set(starts[3:])) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_reasons_warnings_and_feeds_are_whole(language: Language) -> None:
    assert "…" not in rendered(language)
    # Columns that fold interleave; side by side each is one piece.
    text = "".join(rendered(language, 250).split())
    for reason in ("NOT_FINAL", "NO_QUALITY_GRANT", "OUTSIDE_WINDOW", "SPECIMEN_DIFFERS", "DIRECTION_NOT_RECOGNIZED"):
        pair = labels.ENUM_LABELS[f"NOT_REUSABLE_REASON_{reason}"]
        assert "".join(pair[LANGUAGES.index(language)].split()) in text
    assert TOWNSHIP.name in text
    assert ("危急值" if language == "zh" else "CRITICAL") in text
    assert "6.8%↑H" in text
    assert "4.0–6.0" in text


def test_the_newer_result_stands_below_its_line() -> None:
    lines = rendered("en").splitlines()
    line = next(number for number, text in enumerate(lines) if text.startswith("[2]"))
    newer = next(number for number, text in enumerate(lines) if "newer result" in text)
    following = next(number for number, text in enumerate(lines) if text.startswith("[3]"))
    assert line < newer < following


def test_text_of_a_report_cannot_steer_the_terminal() -> None:
    answer = chart()
    evil = "\x1b[2J\x9b31m[bold]x[/bold]\u202e\x07"
    answer.lines.append(reuse_line(result(evil, evil)))
    out = io.StringIO()
    show_chart(answer, Console(file=out, width=80, force_terminal=False, markup=False), "en")
    shown = out.getvalue()
    assert "\x1b" not in shown
    assert "\x9b" not in shown
    assert "\u202e" not in shown
    assert "[bold]" in shown.replace("\n", "")
    assert clean("张三 é\n") == "张三 é\n"


COMMANDS = (
    "",
    "publish",
    "doctor",
    "top",
    "chart",
    "reports",
    "report",
    "admin",
    "admin institution",
    "admin institution add",
    "admin institution list",
    "admin institution show",
    "admin institution suspend",
    "admin institution resume",
    "admin institution import",
    "admin rules import",
    "admin rules show",
    "admin rules validate",
    "admin rules history",
    "admin rules activate",
    "admin rules rollback",
    "admin rules unmapped",
    "admin rules diff",
    "admin patients held",
    "admin patients show",
    "admin patients place",
    "admin patients link",
    "admin patients unlink",
    "admin patients undo",
    "admin reviews",
    "admin reviews list",
    "admin reviews close",
    "admin access-log",
    "verify-proof",
    "consent",
    "consent put",
    "consent revoke",
    "consent list",
)


HELP = """
import contextlib, io, json, sys
from hutong_client.cli.main import app
texts = {}
for name in json.loads(sys.argv[3]):
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        app([*name.split(), "--help"], prog_name="hutong")
    texts[name] = out.getvalue()
print(json.dumps(texts))
"""


@pytest.mark.parametrize("language", LANGUAGES)
def test_help_is_whole_and_fits(language: Language) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", HELP, "--lang", language, json.dumps(COMMANDS)],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "COLUMNS": "80", "TERM": "dumb", "PYTHONUTF8": "1"},
        check=True,
    )
    for name, text in json.loads(ran.stdout).items():
        assert "--help" in text
        if language == "zh":
            assert any("一" <= c <= "鿿" for c in text), name
        for line in text.splitlines():
            assert cell_len(line) <= 80
            # "FILE|DIR…" is a name; anything else with dots was cut off.
            assert "…" not in line.replace("DIR…", "").replace("FILE…", ""), line
        if name.count(" ") == 2 or name in ("chart", "doctor", "publish", "report", "reports"):
            assert "--json" in text
