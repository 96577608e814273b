"""Statistics as tables and CSV. Each rate is shown with what it is of, and as — where that is 0."""

import csv
import io
import sys
from collections.abc import Iterable, Iterator, Sequence

from hutong.v1 import statistics_service_pb2 as statistics
from rich.console import Console
from rich.text import Text

from hutong_client.cli.labels import Pair, enum_label
from hutong_client.cli.language import Language
from hutong_client.cli.output import cell, clean, local_time, table
from hutong_client.cli.phrases import institution_name

RATES: dict[str, Pair] = {
    "reminders_of_prompts": ("有提醒的查询 / 查询次数", "reminders / prompts"),
    "shown_of_returned": ("显示 / 可互认项次", "shown / eligible results"),
    "opened_of_returned": ("调阅 / 可互认项次", "opened / eligible results"),
    "recognized_of_reminders": ("互认 / 提醒次数", "recognized / reminders"),
    "recognized_of_opened": ("互认 / 调阅项次", "recognized / retrievals"),
    "recognized_of_returned": ("互认 / 可互认项次", "recognized / eligible results"),
    "recognized_of_decided": ("互认 / 已决定项次", "recognized / decisions"),
    "refused_of_decided": ("拒绝互认 / 已决定项次", "refused / decisions"),
}
"""Names of rates in words: what is counted, of what."""
COUNTS: dict[str, Pair] = {
    "prompts": ("查询次数", "prompts"),
    "reminders": ("提醒次数", "reminders"),
    "returned": ("可互认项次", "eligible results"),
    "shown": ("显示项次", "shown"),
    "opened": ("调阅项次", "retrievals"),
    "dismissed": ("关闭项次", "dismissed"),
    "cited": ("引用项次", "cited"),
    "reordered": ("仍开单项次", "ordered all the same"),
    "recognized": ("互认项次", "recognized"),
    "repeated_all": ("重复项次", "repeated"),
    "refused": ("其中拒绝互认", "of these refused"),
    "revoked": ("撤销项次", "revoked"),
    "savings_fen": ("节省费用（元）", "saved (yuan)"),
    "unpriced": ("互认而无价格项次", "recognized without a price"),
}
"""Counts in words, in the order of the contract."""
_BESIDE_GROUPS = ("prompts", "returned", "opened", "recognized", "repeated_all", "savings_fen", "unpriced")
NOTHING = "—"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def show_counts(
    found: statistics.GetStatisticsResponse,
    events: statistics.StatisticsFilter,
    by: Sequence[str],
    rate: str,
    console: Console,
    language: Language,
) -> None:
    """Prints everything about one group, or a table of groups."""
    zh = language == "zh"
    console.print(Text(f"{events.first_day} – {events.last_day}", style="bold"))
    if by:
        _show_groups(found, by, rate, console, language)
    elif found.rows:
        _show_one(found.rows[0], console, language)
    if found.next_page_token:
        text = "还有更多，请加大 --limit 或缩小范围。" if zh else "There are more: raise --limit or narrow down."
        console.print(Text(text))
    if found.HasField("counted_until"):
        when = local_time(found.counted_until)
        console.print(Text(f"统计至 {when}" if zh else f"Counted until {when}", style="dim"))
    else:
        console.print(Text("尚未开始统计" if zh else "Nothing was counted yet", style="yellow"))


def _show_one(row: statistics.StatisticsRow, console: Console, language: Language) -> None:
    listed = table("", "", numbers=(1,))
    listed.show_header = False
    for name in COUNTS:
        listed.add_row(cell(_word(COUNTS[name], language)), _count(row.counts, name))
    console.print(listed)
    if row.rates:
        console.print()
    rates = table("", "", "", numbers=(1, 2))
    rates.show_header = False
    for each in row.rates:
        words = _word(RATES.get(each.name, (each.name, each.name)), language)
        rates.add_row(cell(words), f"{each.numerator:,} / {each.denominator:,}", _percent(each))
    console.print(rates)


def _show_groups(
    found: statistics.GetStatisticsResponse, by: Sequence[str], rate: str, console: Console, language: Language
) -> None:
    grounds_only = not any(row.rates for row in found.rows)
    names = ("repeated_all", "refused") if grounds_only else _BESIDE_GROUPS
    headings = [_grouping(word, language) for word in by] + [_word(COUNTS[name], language) for name in names]
    if not grounds_only:
        headings.append(_word(RATES[rate], language))
    listed = table(*headings, numbers=range(len(by), len(headings)))
    for row in found.rows:
        words = row.group_zh if language == "zh" else row.group_en
        groups = [cell(name or NOTHING) for name in words or row.group]
        rates = [_percent(each) for each in row.rates if each.name == rate]
        listed.add_row(*groups, *(_count(row.counts, name) for name in names), *rates)
    console.print(listed)


def show_rows(found: Sequence[statistics.StatisticsEvent], more: bool, console: Console, language: Language) -> None:
    """Prints rows; the prompts' ids stand below each, whole."""
    zh = language == "zh"
    console.print(Text(f"{len(found)} 行" if zh else f"{len(found)} rows", style="bold"))
    for row in found:
        parts = [row.day, row.receiver, row.department, row.item, row.source and f"← {row.source}", row.ground]
        price = f"¥{yuan(row.price_fen)}" if row.HasField("price_fen") else ""
        console.print(cell("  ".join(part for part in (*parts, price) if part)))
        console.print(Text(f"  {clean(row.prompt_id)}", style="dim"), soft_wrap=True)
    if more:
        console.print(Text("还有更多，请加大 --limit。" if zh else "There are more: raise --limit."))


def show_feeds(found: Sequence[statistics.FeedFreshness], console: Console, language: Language) -> None:
    """Prints how fresh the feeds are."""
    zh = language == "zh"
    headings = ("机构", "最近上传", "惯常间隔", "状态", "报告", "待核对")
    listed = table(
        *(headings if zh else ("Institution", "Last published", "Usual silence", "State", "Reports", "Held")),
        numbers=(4, 5),
    )
    for feed in found:
        last = local_time(feed.last_received_at) if feed.HasField("last_received_at") else NOTHING
        hours = f"{feed.habit_seconds / 3600:.1f} h" if feed.habit_seconds else NOTHING
        state = cell("滞后" if zh else "behind", "yellow") if feed.behind else cell("正常" if zh else "on time")
        listed.add_row(
            cell(institution_name(feed.institution)), last, hours, state, f"{feed.reports:,}", f"{feed.held:,}"
        )
    console.print(listed)


def counts_csv(found: statistics.GetStatisticsResponse, by: Sequence[str]) -> Iterator[Sequence[object]]:
    """Groups with all counts, and every rate as a fraction of 1. Headings as in the contract."""
    named = [word for word in by if word not in ("day", "department")]
    yield [
        *by,
        *(f"{word}_{language}" for word in named for language in ("zh", "en")),
        *COUNTS,
        *RATES,
    ]
    places = [place for place, word in enumerate(by) if word in named]
    for row in found.rows:
        rates = {each.name: _fraction(each) for each in row.rates}
        yield [
            *row.group,
            *(name for place in places for name in (row.group_zh[place], row.group_en[place])),
            *(getattr(row.counts, name) for name in COUNTS),
            *(rates.get(name, NOTHING) for name in RATES),
        ]


def rows_csv(found: Iterable[statistics.StatisticsEvent]) -> Iterator[Sequence[object]]:
    """Rows as in the contract."""
    names = ("day", "receiver", "department", "item", "source", "ground")
    yield [*names, "price_fen", "prompt_id"]
    for row in found:
        price = row.price_fen if row.HasField("price_fen") else ""
        yield [*(getattr(row, name) for name in names), price, row.prompt_id]


def feeds_csv(found: Iterable[statistics.FeedFreshness]) -> Iterator[Sequence[object]]:
    """Feeds as in the contract."""
    yield ["institution", "name", "last_received_at", "habit_seconds", "behind", "reports", "held"]
    for feed in found:
        last = feed.last_received_at.ToJsonString() if feed.HasField("last_received_at") else ""
        known = feed.institution
        yield [known.code, known.name, last, feed.habit_seconds, feed.behind, feed.reports, feed.held]


def print_csv(rows: Iterable[Sequence[object]]) -> None:
    """CSV (RFC 4180) on stdout, UTF-8. A text that a spreadsheet would run as a formula gets an apostrophe."""
    text = io.StringIO(newline="")
    written = csv.writer(text)
    for row in rows:
        written.writerow([_harmless(clean(value)) if isinstance(value, str) else value for value in row])
    sys.stdout.buffer.write(text.getvalue().encode())
    sys.stdout.buffer.flush()


def _harmless(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA) else value


def yuan(fen: int) -> str:
    """An amount in yuan."""
    return f"{fen // 100:,}.{fen % 100:02}"


def _count(counts: statistics.StatisticsCounts, name: str) -> str:
    value: int = getattr(counts, name)
    return yuan(value) if name == "savings_fen" else f"{value:,}"


def _percent(rate: statistics.StatisticsRate) -> str:
    return f"{100 * rate.numerator / rate.denominator:.1f} %" if rate.denominator else NOTHING


def _fraction(rate: statistics.StatisticsRate) -> str:
    return f"{rate.numerator / rate.denominator:.4f}" if rate.denominator else NOTHING


def _grouping(word: str, language: Language) -> str:
    number = statistics.Grouping.Value(f"GROUPING_{word.upper()}")
    return enum_label(statistics.Grouping.DESCRIPTOR, number, language)


def _word(pair: Pair, language: Language) -> str:
    return pair[0] if language == "zh" else pair[1]
