"""The dashboard of `hutong top`: one screen, the worst first; text where there is no terminal."""

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hutong_client.cli.labels import reason_label
from hutong_client.cli.language import Language
from hutong_client.cli.output import cell, table
from hutong_client.figures import Feed, Rate, Reading, Source

_BETWEEN = 5
"""Lines that are neither of the head nor rows: two that are empty, names of columns, how many feeds there are."""
_WORD = 10
"""Columns that a line may lose at its end, because words are not broken."""
_WIDE = 90
"""Columns from which two tables stand side by side."""
_FEED_WIDTH = 46
NOTHING = "—"
_OUTCOMES = {
    "found": ("有可互认", "found"),
    "none": ("无可互认", "none"),
    "in_doubt": ("身份存疑", "in doubt"),
    "unknown": ("未知患者", "unknown"),
    "accepted": ("接收", "accepted"),
    "accepted_with_warnings": ("接收并提醒", "with warnings"),
    "held": ("待核对", "held"),
    "rejected": ("拒收", "rejected"),
}


def dashboard(
    found: Reading | None, sources: Sequence[Source], language: Language, *, height: int, width: int
) -> RenderableType:
    """One screen of at most `height` lines. `found`: the last that was known; None: nothing yet."""
    zh = language == "zh"
    head = [_title(found, sources, zh)]
    if found is not None:
        head += [_state(found, sources, zh), _flow(found, zh), _recognition(found, zh)]
    head += [_away(source, zh) for source in sources if source.fault]
    if found is None:
        return Group(*head)
    # Half of what is left below the head, and for feeds what the other half does not need.
    left = max(6, height - _BETWEEN - sum(1 + line.cell_len // max(1, width - _WORD) for line in head))
    rows = left // 2
    if width < _WIDE:
        # Names of columns once more, and an empty line.
        left = max(6, left - 2)
        rows = max(2, left // 3)
        tables: RenderableType = Group(_methods(found, rows, zh), Text(""), _errors(found.errors, rows, language))
        left -= rows
    else:
        tables = _beside(_methods(found, rows, zh), _errors(found.errors, rows, language))
    left -= min(rows, max(1, len(found.methods), len(found.errors)))
    feeds = _feeds(found.feeds, left, zh, columns=max(1, width // _FEED_WIDTH))
    return Group(*head, Text(""), tables, Text(""), feeds)


def _title(found: Reading | None, sources: Sequence[Source], zh: bool) -> Text:
    there = sum(not source.fault for source in sources)
    line = Text("hutong top", style="bold")
    line.append(f"  {datetime.now(UTC).astimezone():%H:%M:%S}", style="")
    if len(sources) > 1:
        line.append(f"  {there}/{len(sources)} " + ("个实例" if zh else "registries"))
    if found is not None:
        line.append(f"  规则第 {found.rules_version} 版" if zh else f"  rules {found.rules_version}")
        seconds = f"{found.seconds:.0f} s"
        line.append("  " + (f"近 {seconds} 的速率" if zh else f"rates of the last {seconds}") if found.seconds else "")
    return line


def _state(found: Reading, sources: Sequence[Source], zh: bool) -> Text:
    line = Text()
    if all(source.fault for source in sources):
        then = f"{datetime.fromtimestamp(found.at, UTC).astimezone():%H:%M:%S}"
        line.append(f"{then} 时的情况" if zh else f"as of {then}", style="bold yellow")
    elif found.serving:
        line.append("服务正常" if zh else "serving", style="green")
    else:
        line.append("数据库不可用" if zh else "NOT SERVING: the database does not answer", style="bold red")
    share = found.failed / found.calls if found.calls else 0.0
    _add(line, "在途" if zh else "in flight", f"{found.in_flight:.0f}")
    _add(line, "待写" if zh else "writes waiting", f"{found.waiting:.0f}", "yellow" if found.waiting > 100 else "")
    late = found.loop_p99
    _add(line, "循环滞后 p99" if zh else "loop late p99", _time(late), "yellow" if late and late > 0.1 else "")
    _add(line, "失败" if zh else "failed", f"{100 * share:.1f} %" if found.calls else NOTHING, _bad(share))
    if found.checkpoint:
        ago = max(0.0, time.time() - found.checkpoint)
        _add(line, "账本" if zh else "ledger", f"{_ago(ago, zh)}" if ago >= 1 else ("刚刚" if zh else "now"))
    days = found.certificate_days
    if days is not None:
        words = f"{days:.0f} 天" if zh else f"{days:.0f} d"
        _add(line, "证书" if zh else "certificate", words, "red" if days < 7 else "yellow" if days < 30 else "")
    return line


def _flow(found: Reading, zh: bool) -> Text:
    line = Text()
    _add(line, "调用" if zh else "calls", f"{found.calls:.1f}/s")
    _add(line, "查询" if zh else "prompts", _rates(found.prompts, zh))
    _add(line, "报告" if zh else "reports", _rates(found.published, zh))
    if found.unmapped:
        _add(line, "未对照结果" if zh else "unmapped results", f"{found.unmapped:.1f}/s", "yellow")
    if found.held:
        _add(line, "待核对报告" if zh else "held", f"{found.held:.0f}", "yellow")
    if found.reviews:
        _add(line, "待审核紧急调阅" if zh else "reviews open", f"{found.reviews:.0f}", "yellow")
    return line


def _recognition(found: Reading, zh: bool) -> Text:
    counts = found.recognition
    returned, recognized = counts["returned"], counts["recognized"]
    line = Text()
    _add(line, "近 7 日可互认" if zh else "7 days: eligible", f"{returned:.0f}")
    _add(line, "调阅" if zh else "opened", f"{counts['opened']:.0f}")
    rate = f" ({100 * recognized / returned:.1f} %)" if returned else ""
    _add(line, "互认" if zh else "recognized", f"{recognized:.0f}{rate}")
    _add(line, "重复" if zh else "repeated", f"{counts['repeated']:.0f}")
    _add(line, "节省" if zh else "saved", f"{found.savings:,.2f} {'元' if zh else 'yuan'}")
    return line


def _away(source: Source, zh: bool) -> Text:
    since = f"{datetime.fromtimestamp(source.since, UTC).astimezone():%H:%M:%S}"
    words = f"{source.url} 自 {since} 无应答" if zh else f"{source.url} does not answer since {since}"
    return Text.assemble((words, "bold red"), ": ", cell(source.fault))


def _methods(found: Reading, rows: int, zh: bool) -> Table:
    shown = _table("方法" if zh else "Method", "/s", "p50", "p99", "失败/s" if zh else "failed/s", numbers=(1, 2, 3, 4))
    for each in found.methods[:rows]:
        shown.add_row(
            cell(each.name),
            f"{each.per_second:.1f}",
            _time(each.p50),
            cell(_time(each.p99), "yellow" if each.p99 and each.p99 > 0.5 else ""),
            cell(f"{each.failed_per_second:.1f}" if each.failed_per_second else "", "red"),
        )
    if not found.methods:
        shown.add_row(cell("没有调用" if zh else "no calls", "dim"), "", "", "", "")
    return shown


def _errors(errors: Sequence[Rate], rows: int, language: Language) -> Table:
    zh = language == "zh"
    shown = _table("错误" if zh else "Errors", "/s", "启动以来" if zh else "since start", numbers=(1, 2))
    listed = errors if len(errors) <= rows else errors[: rows - 1]
    for each in listed:
        style = "red" if each.per_second else "dim"
        label = reason_label(each.name, language) if zh else each.name
        shown.add_row(cell(label, style), f"{each.per_second:.1f}", f"{each.ever:.0f}")
    if more := len(errors) - len(listed):
        shown.add_row(cell(f"另有 {more} 种" if zh else f"{more} more kinds", "dim"), "", "")
    if not errors:
        shown.add_row(cell("没有" if zh else "none", "dim"), "", "")
    return shown


def _feeds(feeds: Sequence[Feed], rows: int, zh: bool, *, columns: int) -> Group:
    behind = sum(feed.behind for feed in feeds)
    never = sum(feed.last_received == 0 for feed in feeds)
    words = (
        f"上传：{len(feeds)} 家机构，{behind} 家沉默过久，{never} 家从未上传"
        if zh
        else f"Feeds: {len(feeds)} institutions, {behind} silent for too long, {never} that never published"
    )
    now = time.time()
    grids = []
    for column in range(columns):
        shown = _table("机构" if zh else "Institution", "最近" if zh else "Last heard", "")
        for feed in feeds[column * rows : (column + 1) * rows]:
            heard = _ago(now - feed.last_received, zh) if feed.last_received else ("从未" if zh else "never")
            mark = ("沉默" if zh else "SILENT") if feed.behind else ""
            shown.add_row(cell(feed.institution), cell(heard, "red" if feed.behind else ""), cell(mark, "bold red"))
        if shown.row_count:
            grids.append(shown)
    return Group(Text(words, style="red" if behind else "bold"), _beside(*grids) if grids else Text(""))


def _table(*headings: str, numbers: Iterable[int] = ()) -> Table:
    """Rows of one line each, so that the screen is as high as it was planned."""
    made = table(*headings, numbers=numbers)
    for column in made.columns:
        column.no_wrap, column.overflow = True, "ellipsis"
    return made


def _beside(*tables: Table) -> Table:
    grid = Table.grid(padding=(0, 4, 0, 0))
    for _ in tables:
        grid.add_column(vertical="top")
    grid.add_row(*tables)
    return grid


def _add(line: Text, name: str, value: str, style: str = "") -> None:
    if line:
        line.append("  ")
    line.append(f"{name} ", style="dim")
    line.append(value, style=style)


def _rates(rates: Sequence[Rate], zh: bool) -> str:
    whole = sum(each.per_second for each in rates)
    parts = [
        f"{_OUTCOMES.get(each.name, (each.name, each.name))[0 if zh else 1]} {each.per_second:.1f}"
        for each in rates
        if each.per_second >= 0.05
    ]
    return f"{whole:.1f}/s" + (f" ({', '.join(parts)})" if len(parts) > 1 else "")


def _bad(share: float) -> str:
    return "bold red" if share > 0.05 else "yellow" if share > 0.001 else ""


def _time(seconds: float | None) -> str:
    if seconds is None:
        return NOTHING
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def _ago(seconds: float, zh: bool) -> str:
    for size, (chinese, english) in (
        (86_400, ("天", "d")),
        (3600, ("小时", "h")),
        (60, ("分", "min")),
        (1, ("秒", "s")),
    ):
        if seconds >= 2 * size or size == 1:
            number = f"{max(0.0, seconds) / size:.0f}"
            return f"{number} {chinese}前" if zh else f"{number} {english} ago"
    return NOTHING
