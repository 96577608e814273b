"""The answer to orders as a doctor reads it: per order what is there already, and why the rest is not."""

from hutong.v1 import report_pb2 as v1
from hutong.v1 import reuse_service_pb2 as reuse
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hutong_client.cli.chart_view import show_coverage
from hutong_client.cli.labels import enum_label
from hutong_client.cli.language import Language
from hutong_client.cli.output import cell, clean, local_time, zone
from hutong_client.cli.phrases import institution_name, range_text, reasons_text, taken_text, value_text

_STYLES = {
    reuse.ORDER_COVERAGE_SATISFIED: "bold green",
    reuse.ORDER_COVERAGE_PARTLY: "bold yellow",
    reuse.ORDER_COVERAGE_UNMAPPED: "dim",
    reuse.ORDER_COVERAGE_ALREADY_DECIDED: "cyan",
}


def show_orders(
    asked: list[reuse.Order], answer: reuse.CheckOrdersResponse, console: Console, language: Language
) -> None:
    """Prints the answer to a set of orders. The number before a line stands for its report, listed below."""

    def say(chinese: str, english: str) -> str:
        return chinese if language == "zh" else english

    names = {order.order_id: _ordered(order) for order in asked}
    ids: list[str] = []
    told: set[str] = set()
    if answer.outcome == reuse.OUTCOME_IN_DOUBT:
        console.print(Text(enum_label(reuse.Outcome.DESCRIPTOR, answer.outcome, language), style="bold yellow"))
    for each in answer.answers:
        found = sum(item.HasField("line") for item in each.items)
        label = enum_label(reuse.OrderCoverage.DESCRIPTOR, each.coverage, language)
        count = f" {found}/{len(each.items)}" if len(each.items) > 1 else ""
        heading = Text(clean(f"{each.order_id}  {names.get(each.order_id, '')}  "), style="bold")
        heading.append(f"{label}{count}", _STYLES.get(each.coverage, "yellow"))
        console.print(heading)
        if each.items:
            console.print(Padding(_items(each, ids, told, console.width, language), (0, 0, 0, 2)))
    if answer.ask:
        text = say(
            "请医师逐项选择：互认，或写明理由后重复检查。",
            "To decide for each line: recognise it, or repeat it on a ground.",
        )
        console.print(Text(text, style="bold"))
        for ground in answer.grounds:
            console.print(_ground(ground, language))
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
            console.print(Text(f"{f'[{number}]':<4} {clean(report_id)}"), soft_wrap=True)
    foot = say(
        f"判定于 {local_time(answer.judged_at)}（{zone()}），规则第 {answer.rules_version} 版",
        f"Judged {local_time(answer.judged_at)} ({zone()}) by rules version {answer.rules_version}",
    )
    console.print(Text(foot, style="dim"))
    console.print(Text(say("提示号 ", "Prompt ") + clean(answer.prompt_id), style="dim"), soft_wrap=True)


def _items(answer: reuse.OrderAnswer, ids: list[str], told: set[str], width: int, language: Language) -> Table:
    free = max(40, width - 2 - 4 - 4)
    name = free // 4
    grid = Table.grid(padding=(0, 1, 0, 0))
    for cells in (4, name, free - name):
        grid.add_column(width=cells, overflow="fold")
    for item in answer.items:
        again = item.item.code in told
        told.add(item.item.code)
        names = (item.item.name_zh, item.item.name_en) if language == "zh" else (item.item.name_en, item.item.name_zh)
        called = cell(names[0] or names[1] or item.item.code)
        if again:
            # One question, however many orders ask for it.
            grid.add_row("", called, Text("同上" if language == "zh" else "as above", style="dim"))
        elif item.HasField("line"):
            grid.add_row(_number(item.line.result.report_id, ids), called, _line(item.line, ids, language))
        else:
            grid.add_row("", called, _why_not(item, language))
    return grid


def _line(line: v1.PromptLine, ids: list[str], language: Language) -> Text:
    zh = language == "zh"
    result = line.result
    text = cell(value_text(result.detail), "bold red" if result.critical else "bold")
    if result.critical:
        text.append(" 危急值" if zh else " CRITICAL", "bold red")
    ranges = range_text(result.detail.reference_range)
    parts = [taken_text(result, language), institution_name(result.issuer), result.mark]
    parts.append(("有效至 " if zh else "until ") + local_time(result.valid_until))
    text.append(clean(f"  {ranges}" if ranges else ""), "dim")
    text.append(clean("  " + "  ".join(part for part in parts if part)), "cyan")
    for newer in line.newer:
        when = local_time(newer.taken_at) if newer.HasField("taken_at") else ("时间不详" if zh else "time unknown")
        words = "! 有更新的结果" if zh else "! newer result"
        critical = (" 危急值" if zh else " CRITICAL") if newer.critical else ""
        reasons = reasons_text(newer.reasons, language)
        number = _number(newer.report_id, ids)
        text.append(clean(f"\n{words} {number}{critical} {when} {institution_name(newer.issuer)}: {reasons}"), "yellow")
    return text


def _why_not(item: reuse.OrderedItem, language: Language) -> Text:
    zh = language == "zh"
    if item.already_decided:
        return Text("本次就诊已处理" if zh else "already decided in this encounter", style="cyan")
    if not item.not_reusable:
        return Text("没有结果" if zh else "no result", style="dim")
    newest, more = item.not_reusable[0], len(item.not_reusable) - 1
    words = (
        f"{taken_text(newest, language)}  {institution_name(newest.issuer)}  {reasons_text(newest.reasons, language)}"
    )
    if more:
        words += f"（另有 {more} 项）" if zh else f" (and {more} more)"
    return cell(words, "yellow")


def _ground(ground: reuse.RepeatGround, language: Language) -> Text:
    zh = language == "zh"
    name = (ground.name_zh if zh else ground.name_en) or ground.name_zh
    words = ("（须写明理由）" if zh else " (say why)") if ground.needs_text else ""
    return cell(f"  {ground.code}  {name}{words}", "dim")


def _number(report_id: str, ids: list[str]) -> str:
    if report_id not in ids:
        ids.append(report_id)
    return f"[{ids.index(report_id) + 1}]"


def _ordered(order: reuse.Order) -> str:
    """What was ordered, as it was written."""
    codes = [each.display or each.code for each in order.code.coding]
    return order.code.text or (codes[0] if codes else order.item)
