"""A chart's prompt as a doctor reads it: what can be reused, what is newer, how sure the answer is."""

from collections.abc import Iterable
from itertools import groupby

from hutong.v1 import report_pb2 as v1
from hutong.v1 import reuse_service_pb2 as reuse
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hutong_client.cli.labels import enum_label, status_label
from hutong_client.cli.language import Language
from hutong_client.cli.output import cell, clean, local_time, zone
from hutong_client.cli.phrases import (
    institution_name,
    item_name,
    range_text,
    reasons_text,
    taken_text,
    value_text,
)

_TIME = 16
"""Cells of a time: "2026-10-03 08:12" fits."""
_NUMBER = 4
"""Cells of the report's number: "[12]" fits."""


def show_chart(answer: reuse.OpenChartResponse, console: Console, language: Language) -> None:
    """Prints a prompt. The number before a line stands for its report, whose id is listed below."""

    def say(chinese: str, english: str) -> str:
        return chinese if language == "zh" else english

    outcome = enum_label(reuse.Outcome.DESCRIPTOR, answer.outcome, language)
    # The reports behind lines come first, so that their numbers run in order.
    ids = list(dict.fromkeys(line.result.report_id for line in answer.lines))
    if answer.lines:
        heading = say(f"可互认的结果 {len(answer.lines)} 项", f"{len(answer.lines)} results can be reused")
        console.print(Text(heading, style="bold green"))
        if answer.outcome != reuse.OUTCOME_FOUND:
            console.print(Text(outcome, style="bold yellow"))
        console.print()
        _show_lines(answer, ids, console, language)
    else:
        console.print(Text(outcome, style="bold yellow" if answer.outcome != reuse.OUTCOME_NONE else "bold"))
    if answer.not_reusable:
        console.print(Text(say("不能互认的结果", "Results that cannot be reused"), style="bold"))
        _show_not_reusable(answer, ids, console, language)
        console.print()
    elif answer.other_result_count:
        text = say(
            f"另有 {answer.other_result_count} 项结果未列出：较早的，或不能互认的。加 --all 列出原因。",
            f"{answer.other_result_count} more results are older or cannot be reused; --all tells why not.",
        )
        console.print(Text(text))
    if answer.not_reusable_count > len(answer.not_reusable) > 0:
        text = say(
            f"共 {answer.not_reusable_count} 项，只列出 {len(answer.not_reusable)} 项。",
            f"{len(answer.not_reusable)} of {answer.not_reusable_count} are listed.",
        )
        console.print(Text(text))
    if answer.withheld_count:
        text = say(
            f"患者不予公开的结果 {answer.withheld_count} 项。",
            f"The patient withholds {answer.withheld_count} results.",
        )
        console.print(Text(text))
    show_coverage(answer.coverage, console, language)
    if ids:
        console.print(Text(say("报告号（hutong report 报告号）", "Report ids (hutong report ID)"), style="bold"))
        for number, report_id in enumerate(ids, 1):
            console.print(Text(f"{f'[{number}]':<{_NUMBER}} {clean(report_id)}"), soft_wrap=True)
    judged = local_time(answer.judged_at) if answer.HasField("judged_at") else "—"
    foot = say(
        f"判定于 {judged}（{zone()}），规则第 {answer.rules_version} 版",
        f"Judged {judged} ({zone()}) by rules version {answer.rules_version}",
    )
    console.print(Text(foot, style="dim"))
    if answer.prompt_id:
        console.print(Text(say("提示号 ", "Prompt ") + clean(answer.prompt_id), style="dim"), soft_wrap=True)


def _numbered(report_id: str, ids: list[str]) -> int:
    if report_id not in ids:
        ids.append(report_id)
    return ids.index(report_id) + 1


def _show_lines(answer: reuse.OpenChartResponse, ids: list[str], console: Console, language: Language) -> None:
    zh = language == "zh"
    # What one report found stands together, so that its issuer and time are read once.
    groups: dict[tuple[int, str], list[v1.PromptLine]] = {}
    for line in answer.lines:
        groups.setdefault((line.result.item.specialty, line.result.report_id), []).append(line)
    widths = _widths(answer, console.width)
    headings = ("项目", "结果", "参考范围", "有效至", "标识") if zh else ("Item", "Result", "Range", "Until", "Mark")
    console.print(_grid(widths, "", *(Text(each, style="dim") for each in headings)))
    former = None
    for (specialty, report_id), lines in groups.items():
        if specialty != former:
            console.print(Text(enum_label(v1.Specialty.DESCRIPTOR, specialty, language), style="bold underline"))
            former = specialty
        console.print(_heading(_numbered(report_id, ids), lines[0].result, language))
        warnings = [tuple(newer.SerializeToString(deterministic=True) for newer in line.newer) for line in lines]
        shared = len(lines) > 1 and len(set(warnings)) == 1
        for line in lines:
            _show_line(line.result, widths, console, language)
            if not shared:
                _show_newer(line, 1, ids, console, language)
        if shared:
            _show_newer(lines[0], len(lines), ids, console, language)
    console.print()


def _widths(answer: reuse.OpenChartResponse, width: int) -> tuple[int, ...]:
    """Cells of the columns: number, item, result, range, until, mark."""
    mark = min(14, max(6, *(Text(clean(line.result.mark)).cell_len for line in answer.lines)))
    free = max(30, width - _NUMBER - _TIME - mark - 5)
    name = free * 9 // 20
    value = (free - name) * 11 // 20
    return _NUMBER, name, value, free - name - value, _TIME, mark


def _grid(widths: tuple[int, ...], *cells: Text | str) -> Table:
    grid = Table.grid(padding=(0, 1, 0, 0))
    for width in widths:
        grid.add_column(width=width, overflow="fold")
    grid.add_row(*cells)
    return grid


def _heading(number: int, result: v1.ResultEntry, language: Language) -> Text:
    heading = Text(f"{f'[{number}]':<{_NUMBER}} ", style="dim")
    heading.append(clean(f"{taken_text(result, language)}  {institution_name(result.issuer)}"), "cyan")
    return heading


def _show_line(result: v1.ResultEntry, widths: tuple[int, ...], console: Console, language: Language) -> None:
    value = cell(value_text(result.detail), "bold red" if result.critical or _abnormal(result) else "bold")
    if result.critical:
        value.append(" 危急值" if language == "zh" else " CRITICAL", "bold red reverse")
    ranges = cell(range_text(result.detail.reference_range), "dim")
    until = cell(local_time(result.valid_until) if result.HasField("valid_until") else "—", "green")
    # Findings in words get the whole width below their item.
    words = value.cell_len > widths[2] + (0 if ranges.cell_len else widths[3]) or "\n" in value.plain
    name, mark = cell(item_name(result, language)), cell(result.mark, "cyan")
    console.print(_grid(widths, "", name, Text() if words else value, ranges, until, mark))
    if words:
        console.print(Padding(value, (0, 0, 0, _NUMBER + 3)))


def _show_newer(line: v1.PromptLine, count: int, ids: list[str], console: Console, language: Language) -> None:
    for newer in line.newer:
        warning = _newer(newer, count, _numbered(newer.report_id, ids), language)
        console.print(Padding(warning, (0, 0, 0, _NUMBER + 1)))


def _abnormal(result: v1.ResultEntry) -> bool:
    return any(flag not in ("N", "NEG") for flag in result.detail.interpretation)


def _newer(newer: v1.NewerResult, count: int, number: int, language: Language) -> Text:
    def say(chinese: str, english: str) -> str:
        return chinese if language == "zh" else english

    when = local_time(newer.taken_at) if newer.HasField("taken_at") else say("时间不详", "time unknown")
    text = Text(overflow="fold", style="yellow")
    whose = say(f"以上 {count} 项", f" of these {count}") if count > 1 else ""
    text.append(say(f"! {whose}有更新的结果 [{number}]", f"! newer result{whose} [{number}]"), "bold")
    if newer.critical:
        text.append(say(" 危急值", " CRITICAL"), "bold red")
    status = status_label(clean(newer.status), language)
    parts = [f"{when} {clean(institution_name(newer.issuer))}", status, say("不能互认", "not reusable")]
    text.append(say("：", ": ") + say("，", ", ").join(parts))
    text.append(say("：", ": ") + reasons_text(newer.reasons, language))
    return text


def _show_not_reusable(answer: reuse.OpenChartResponse, ids: list[str], console: Console, language: Language) -> None:
    # Results of one report stand together under its heading, as they come: newest first.
    free = max(30, console.width - _NUMBER - 3)
    name_width, value_width = free * 27 // 100, free // 4
    for (report_id, _, _), results in groupby(
        answer.not_reusable,
        key=lambda each: (each.report_id, taken_text(each, language), institution_name(each.issuer)),
    ):
        found = list(results)
        console.print(_heading(_numbered(report_id, ids), found[0], language))
        grid = Table.grid(padding=(0, 1, 0, 0))
        for width in (_NUMBER, name_width, value_width, free - name_width - value_width):
            grid.add_column(width=width, overflow="fold")
        for result in found:
            value = cell(value_text(result.detail), "bold red" if result.critical else "")
            if result.critical:
                value.append(" 危急值" if language == "zh" else " CRITICAL", "bold red")
            why = cell(reasons_text(result.reasons, language), "yellow")
            grid.add_row("", cell(item_name(result, language)), value, why)
        console.print(grid)


def show_coverage(coverage: Iterable[reuse.SourceCoverage], console: Console, language: Language) -> None:
    """Prints which sources did not answer in full, and whose feeds are behind. Silent when all is well."""
    zh = language == "zh"
    for source in coverage:
        if source.answer != reuse.SOURCE_ANSWER_COMPLETE:
            label = enum_label(reuse.SourceAnswer.DESCRIPTOR, source.answer, language)
            console.print(Text(clean(f"! {source.source}: {label}"), style="bold yellow"))
        never = [each for each in source.feeds_behind if not each.HasField("last_received_at")]
        for behind in source.feeds_behind:
            if behind.HasField("last_received_at"):
                name, last = institution_name(behind.institution), local_time(behind.last_received_at)
                text = f"! {name} 上传滞后，最近一次 {last}" if zh else f"! {name}: feed is behind, last heard {last}"
                console.print(cell(text, "yellow"))
        if never:
            names = ("、" if zh else ", ").join(institution_name(each.institution) for each in never)
            text = f"! {len(never)}家机构从未上传：{names}" if zh else f"! {len(never)} have never published: {names}"
            console.print(cell(text, "yellow"))
