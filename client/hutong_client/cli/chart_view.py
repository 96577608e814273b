"""A chart's prompt as a doctor reads it: what can be reused, what is newer, how sure the answer is."""

from collections.abc import Iterable

from hutong.v1 import report_pb2 as v1
from hutong.v1 import reuse_service_pb2 as reuse
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hutong_client.cli.labels import enum_label, status_label
from hutong_client.cli.language import Language
from hutong_client.cli.output import cell, clean, local_time, table, zone
from hutong_client.cli.phrases import (
    institution_name,
    item_name,
    range_text,
    reasons_text,
    taken_text,
    value_text,
)

_TIMES = 23
"""Cells of the column of times: "有效至 2026-10-03 08:12" fits."""
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
        mark_width = max(6, *(Text(clean(line.result.mark)).cell_len for line in answer.lines))
        specialty = None
        for line in answer.lines:
            if line.result.item.specialty != specialty:
                specialty = line.result.item.specialty
                console.print()
                console.print(Text(enum_label(v1.Specialty.DESCRIPTOR, specialty, language), style="bold underline"))
            number = _numbered(line.result.report_id, ids)
            console.print(_line(number, line.result, console.width, min(mark_width, 14), language))
            for newer in line.newer:
                warning = _newer(newer, _numbered(newer.report_id, ids), language)
                console.print(Padding(warning, (0, 0, 0, _NUMBER + 1)))
        console.print()
    else:
        console.print(Text(outcome, style="bold yellow" if answer.outcome != reuse.OUTCOME_NONE else "bold"))
    if answer.not_reusable:
        console.print(Text(say("不能互认的结果", "Results that cannot be reused"), style="bold"))
        console.print(_not_reusable(answer, ids, language))
        console.print()
    elif answer.not_reusable_count:
        text = say(
            f"另有 {answer.not_reusable_count} 项不能互认，加 --all 列出原因。",
            f"{answer.not_reusable_count} more cannot be reused; --all lists them with reasons.",
        )
        console.print(Text(text))
    if answer.not_reusable_count > len(answer.not_reusable) > 0:
        text = say(
            f"共 {answer.not_reusable_count} 项，只列出 {len(answer.not_reusable)} 项。",
            f"{len(answer.not_reusable)} of {answer.not_reusable_count} are listed.",
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


def _line(number: int, result: v1.ResultEntry, width: int, mark_width: int, language: Language) -> Table:
    def say(chinese: str, english: str) -> str:
        return chinese if language == "zh" else english

    free = max(20, width - _NUMBER - _TIMES - mark_width - 4)
    grid = Table.grid(padding=(0, 1, 0, 0))
    name_width = free // 2
    for cells in (_NUMBER, name_width, free - name_width, _TIMES, mark_width):
        grid.add_column(width=cells, overflow="fold")
    critical = say(" 危急值", " CRITICAL") if result.critical else ""
    ranges = range_text(result.detail.reference_range)
    value = cell(value_text(result.detail), "bold red" if result.critical or _abnormal(result) else "bold")
    if critical:
        value.append(critical, "bold red reverse")
    if ranges:
        value.append(clean(say("\n参考 ", "\nref. ") + ranges), "dim")
    until = local_time(result.valid_until) if result.HasField("valid_until") else "—"
    name = cell(item_name(result, language), "bold")
    name.append("\n" + clean(institution_name(result.issuer)), "dim")
    times = cell(taken_text(result, language))
    times.append("\n" + say("有效至 ", "until ") + until, "green")
    grid.add_row(Text(f"[{number}]", style="dim"), name, value, times, cell(result.mark, "cyan"))
    return grid


def _abnormal(result: v1.ResultEntry) -> bool:
    return any(flag not in ("N", "NEG") for flag in result.detail.interpretation)


def _newer(newer: v1.NewerResult, number: int, language: Language) -> Text:
    def say(chinese: str, english: str) -> str:
        return chinese if language == "zh" else english

    when = local_time(newer.taken_at) if newer.HasField("taken_at") else say("时间不详", "time unknown")
    text = Text(overflow="fold", style="yellow")
    text.append(say(f"! 有更新的结果 [{number}]", f"! newer result [{number}]"), "bold")
    if newer.critical:
        text.append(say(" 危急值", " CRITICAL"), "bold red")
    status = status_label(clean(newer.status), language)
    parts = [f"{when} {clean(institution_name(newer.issuer))}", status, say("不能互认", "not reusable")]
    text.append(say("：", ": ") + say("，", ", ").join(parts))
    text.append(say("：", ": ") + reasons_text(newer.reasons, language))
    return text


def _not_reusable(answer: reuse.OpenChartResponse, ids: list[str], language: Language) -> Table:
    zh = language == "zh"
    shown = table(
        "",
        "项目 / 机构" if zh else "Item / issuer",
        "结果" if zh else "Result",
        "时间" if zh else "Taken",
        "原因" if zh else "Why not",
    )
    shown.columns[0].no_wrap = True
    shown.columns[3].no_wrap = True
    for result in answer.not_reusable:
        name = cell(item_name(result, language))
        name.append("\n" + clean(institution_name(result.issuer)), "dim")
        value = cell(value_text(result.detail))
        if result.critical:
            value.append(" 危急值" if zh else " CRITICAL", "bold red")
        why = cell(reasons_text(result.reasons, language), "yellow")
        number = _numbered(result.report_id, ids)
        shown.add_row(Text(f"[{number}]", style="dim"), name, value, cell(taken_text(result, language)), why)
    return shown


def show_coverage(coverage: Iterable[reuse.SourceCoverage], console: Console, language: Language) -> None:
    """Prints which sources did not answer in full, and whose feeds are behind. Silent when all is well."""
    zh = language == "zh"
    for source in coverage:
        if source.answer != reuse.SOURCE_ANSWER_COMPLETE:
            label = enum_label(reuse.SourceAnswer.DESCRIPTOR, source.answer, language)
            console.print(Text(clean(f"! {source.source}: {label}"), style="bold yellow"))
        for behind in source.feeds_behind:
            name = institution_name(behind.institution)
            if behind.HasField("last_received_at"):
                last = local_time(behind.last_received_at)
                text = f"! {name} 上传滞后，最近一次 {last}" if zh else f"! {name}: feed is behind, last heard {last}"
            else:
                text = f"! {name} 从未上传" if zh else f"! {name}: has never published"
            console.print(Text(clean(text), style="yellow"))
