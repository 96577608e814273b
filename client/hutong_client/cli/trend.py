"""hutong trend: one item of one patient over time, drawn in the terminal and listed below."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from hutong.v1 import reuse_service_pb2 as reuse
from rich.console import Console
from rich.text import Text

from hutong_client.cli.asking import (
    Authorization,
    BreakGlass,
    Department,
    Encounter,
    EncounterClass,
    Practitioner,
    Purpose,
    context,
)
from hutong_client.cli.labels import enum_label
from hutong_client.cli.language import Language, help_text
from hutong_client.cli.output import as_dict, cell, clean, table, zone
from hutong_client.cli.patient_source import PatientFile, read_patient
from hutong_client.cli.phrases import institution_name, range_text, taken_text
from hutong_client.cli.session import Session

TREND_DEADLINE = 10.0
"""Seconds: the first trend of a registry's life waits until it has read the table of units."""
_HEIGHT = 14
_NAMES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

Item = Annotated[str, typer.Option(metavar="CODE", help=help_text("互认项目编码", "Code of the recognized item"))]
Unit = Annotated[
    str,
    typer.Option(
        metavar="UCUM",
        help=help_text(
            "换算到该单位（UCUM）；缺省为最新结果的单位", "Convert to this UCUM unit; by default the newest result's"
        ),
    ),
]
Ascii = Annotated[
    bool, typer.Option("--ascii", help=help_text("图形只用 ASCII 字符", "Draw with ASCII characters only"))
]


async def trend(
    at: Session,
    practitioner: Practitioner,
    encounter: Encounter,
    item: Item,
    patient_file: PatientFile = None,
    unit: Unit = "",
    ascii_only: Ascii = False,
    department: Department = "",
    encounter_class: EncounterClass = "outpatient",
    purpose: Purpose = "treatment",
    authorization: Authorization = "",
    break_glass: BreakGlass = "",
) -> None:
    patient = read_patient(patient_file)
    who = context(practitioner, encounter, department, encounter_class, purpose, authorization, break_glass)
    async with at.connect(TREND_DEADLINE) as client:
        answer = await client.get_trend(patient, who, item, unit=unit)
    at.give(as_dict(answer), lambda console: _show(answer, console, at.language, ascii_only=ascii_only))


def _show(answer: reuse.GetTrendResponse, console: Console, language: Language, *, ascii_only: bool) -> None:
    zh = language == "zh"
    name = (answer.item.name_zh if zh else answer.item.name_en) or answer.item.name_zh
    console.print(Text(clean(f"{name} ({answer.item.code})"), style="bold"))
    if answer.outcome != reuse.OUTCOME_FOUND:
        words = "没有该项目的结果。" if zh else "There is no result of it."
        if answer.outcome == reuse.OUTCOME_IN_DOUBT:
            words = enum_label(reuse.Outcome.DESCRIPTOR, answer.outcome, language)
        console.print(Text(words))
        return
    names = {number: _NAMES[number % len(_NAMES)] for number in range(len(answer.series))}
    for group in dict.fromkeys(series.group for series in answer.series):
        members = [(names[n], series) for n, series in enumerate(answer.series) if series.group == group]
        console.print()
        _draw(members, console, ascii_only=ascii_only)
    for number, series in enumerate(answer.series):
        console.print()
        console.print(_heading(names[number], series, language))
        _list(series, console, language)
    console.print(Text(f"时间为 {zone()}" if zh else f"Times are {zone()}", style="dim"))


def _draw(members: Sequence[tuple[str, reuse.TrendSeries]], console: Console, *, ascii_only: bool) -> None:
    """One picture of the series that can be compared: each point under its series' letter."""
    drawn = [(name, series, _points(series)) for name, series in members]
    drawn = [(name, series, points) for name, series, points in drawn if points]
    if not drawn:
        return
    import plotext

    chart: Any = plotext  # the library has no types, and one figure for the whole process
    chart.clear_figure()
    chart.theme("clear")
    chart.plotsize(max(30, min(console.width, 100)), _HEIGHT)
    for name, _, points in drawn:
        times, values = [time for time, _ in points], [value for _, value in points]
        if len(points) > 1 and not ascii_only:
            chart.plot(times, values, marker="braille")
        chart.scatter(times, values, marker=name)
    moments = sorted({time for _, _, points in drawn for time, _ in points})
    ticks = [moments[0] + (moments[-1] - moments[0]) * step / 3 for step in range(4)] if len(moments) > 1 else moments
    chart.xticks(ticks, [f"{datetime.fromtimestamp(tick).astimezone():%Y-%m-%d}" for tick in ticks])
    picture = str(chart.build()).replace("\x1b[0m", "")
    chart.clear_figure()
    if ascii_only:
        picture = picture.translate(_PLAIN)
    series = drawn[0][1]
    console.print(Text(clean(series.conversion.unit or series.unit), style="dim"))
    console.print(Text("\n".join(line.rstrip() for line in picture.splitlines())), soft_wrap=True)


_PLAIN = str.maketrans(dict.fromkeys("┌┐└┘┤├┬┴┼", "+") | {"─": "-", "│": "|"})


def _points(series: reuse.TrendSeries) -> list[tuple[float, float]]:
    return [
        (point.result.taken_at.ToMilliseconds() / 1000, float(point.converted or point.value))
        for point in series.points
        if point.value
    ]


def _heading(name: str, series: reuse.TrendSeries, language: Language) -> Text:
    zh = language == "zh"
    parts = [series.unit or ("无单位" if zh else "no unit")]
    if series.method:
        parts.append(("方法：" if zh else "method: ") + series.method)
    if series.specimen:
        parts.append(("标本：" if zh else "specimen: ") + series.specimen)
    if series.HasField("conversion"):
        conversion = series.conversion
        words = (
            f"换算为 {conversion.unit}，系数 {conversion.factor}"
            if zh
            else (f"converted to {conversion.unit} by {conversion.factor}")
        )
        if conversion.molar_mass:
            words += (
                f"（摩尔质量 {conversion.molar_mass} g/mol）" if zh else f" (molar mass {conversion.molar_mass} g/mol)"
            )
        parts.append(words)
    return Text(clean(f"{name}  {('；' if zh else '; ').join(parts)}"), style="cyan")


def _list(series: reuse.TrendSeries, console: Console, language: Language) -> None:
    zh = language == "zh"
    headings = ["时间", "结果", "参考范围", "机构"] if zh else ["taken", "value", "range", "issuer"]
    if series.HasField("conversion"):
        headings.insert(2, f"≈ {series.conversion.unit}")
    shown = table(*headings, numbers=(1, 2) if series.HasField("conversion") else (1,))
    for point in reversed(series.points):
        detail = point.result.detail
        flags = " ".join(detail.interpretation)
        cells = [
            cell(taken_text(point.result, language)),
            cell(f"{detail.value.text} {flags}".strip(), "bold red" if point.result.critical else ""),
            cell(range_text(detail.reference_range)),
            cell(institution_name(point.result.issuer)),
        ]
        if series.HasField("conversion"):
            cells.insert(2, cell(point.converted, "italic"))
        shown.add_row(*cells)
    console.print(shown)
