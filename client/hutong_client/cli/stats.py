"""hutong stats: what recognition is worth, the rows behind a number, and how fresh the feeds are."""

import datetime
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

import typer
from hutong.v1 import statistics_service_pb2 as statistics

from hutong_client.cli.language import help_text, say
from hutong_client.cli.output import as_dict
from hutong_client.cli.session import ADMIN_DEADLINE, Session, UsageFault, command
from hutong_client.cli.stats_view import (
    RATES,
    counts_csv,
    feeds_csv,
    print_csv,
    rows_csv,
    show_counts,
    show_feeds,
    show_rows,
)
from hutong_client.statistics import statistics_filter

app = typer.Typer(
    help=help_text(
        "统计：互认、重复理由、节省费用；不排名医师。 每个比率都注明分母，分母为零时为 —",
        "What recognition is worth: retrievals, recognitions, repeats by ground, savings; no ranking of doctors. Each "
        "rate names its denominator, and is — at zero",
    ),
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
_WHICH = say("统计哪些", "What is counted")


def _filter(chinese: str, english: str, metavar: str = "CODE") -> Any:
    return typer.Option(metavar=metavar, help=help_text(chinese, english), rich_help_panel=_WHICH, show_default=False)


From = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="DATE",
        help=help_text("首日；缺省为本月 1 日", "First day; by default the first of this month"),
        rich_help_panel=_WHICH,
        show_default=False,
    ),
]
To = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="DATE",
        help=help_text("末日（含）；缺省为今天", "Last day, inclusive; by default today"),
        rich_help_panel=_WHICH,
        show_default=False,
    ),
]
Source = Annotated[str, _filter("只统计该机构出具的结果", "Only results that this institution issued")]
Receiver = Annotated[str, _filter("只统计该机构的查询", "Only what this institution asked")]
Department = Annotated[str, _filter("只统计该科室", "Only this department", "NAME")]
Item = Annotated[str, _filter("只统计该互认项目", "Only this recognized item")]
Specialty = Annotated[str, _filter("只统计检验或检查", "Only one specialty", "laboratory|examination")]
Ground = Annotated[str, _filter("只统计以该理由重复的", "Only repeats on this ground")]
By = Annotated[
    list[str] | None,
    typer.Option(
        metavar="WORD",
        help=help_text(
            "按 day、source、receiver、department、item、specialty、ground 分组，至多三个，可重复或以逗号分隔",
            "Group by day, source, receiver, department, item, specialty or ground: up to three, repeated or by commas",
        ),
        show_default=False,
    ),
]
RateName = Annotated[
    str,
    typer.Option(
        "--rate",
        metavar="NAME",
        help=help_text("分组时列出哪个比率：", "Which rate to list beside groups: ") + " | ".join(RATES),
    ),
]
Csv = Annotated[bool, typer.Option("--csv", help=help_text("输出 CSV", "Print CSV"))]
Limit = Annotated[int, typer.Option(min=1, metavar="N", help=help_text("最多列出多少行", "List at most this many"))]
Measure = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help=help_text("哪个数字：", "Which number: ")
        + " | ".join(
            name.removeprefix("STATISTICS_MEASURE_").lower()
            for name in statistics.StatisticsMeasure.DESCRIPTOR.values_by_name
            if not name.endswith("_UNSPECIFIED")
        ),
        show_default=False,
    ),
]
Looker = Annotated[
    str,
    typer.Option(
        "--practitioner",
        envvar="HUTONG_PRACTITIONER",
        metavar="ID",
        help=help_text("查看者工号（emr 证书必填）", "Who looks; required with an emr certificate"),
        show_default=False,
    ),
]
Occasion = Annotated[
    str,
    typer.Option(
        metavar="ID",
        help=help_text(
            "查看事由，如质控编号（emr 证书必填）", "What for, e.g. a review's number; required with an emr certificate"
        ),
        show_default=False,
    ),
]


async def counts(
    at: Session,
    first_day: From = "",
    last_day: To = "",
    by: By = None,
    source: Source = "",
    receiver: Receiver = "",
    department: Department = "",
    item: Item = "",
    specialty: Specialty = "",
    ground: Ground = "",
    rate: RateName = "recognized_of_returned",
    limit: Limit = 1000,
    csv: Csv = False,
) -> None:
    if rate not in RATES:
        raise UsageFault(say("--rate 须为：", "--rate is one of: ") + ", ".join(RATES))
    groupings = [word for given in by or () for word in given.split(",") if word]
    events = _events(first_day, last_day, (source, receiver, department, item, specialty, ground))
    async with at.connect(ADMIN_DEADLINE) as client:
        try:
            found = await client.statistics.counts(events, by=groupings, limit=limit)
        except ValueError as error:
            raise UsageFault(str(error)) from None
    if csv and not at.json:
        print_csv(counts_csv(found, groupings))
    else:
        at.give(as_dict(found), lambda console: show_counts(found, events, groupings, rate, console, at.language))


async def rows(
    at: Session,
    measure: Measure,
    first_day: From = "",
    last_day: To = "",
    source: Source = "",
    receiver: Receiver = "",
    department: Department = "",
    item: Item = "",
    specialty: Specialty = "",
    ground: Ground = "",
    practitioner: Looker = "",
    occasion: Occasion = "",
    limit: Limit = 1000,
    csv: Csv = False,
) -> None:
    events = _events(first_day, last_day, (source, receiver, department, item, specialty, ground))
    found: list[statistics.StatisticsEvent] = []
    more = False
    async with at.connect(ADMIN_DEADLINE) as client:
        try:
            pages = client.statistics.rows(
                events, measure, practitioner=practitioner, occasion=occasion, page_size=min(limit, 1000)
            )
            async for row in pages:
                if more := len(found) >= limit:
                    break
                found.append(row)
        except ValueError as error:
            raise UsageFault(str(error)) from None
    if csv and not at.json:
        print_csv(rows_csv(found))
    else:
        document = {"rows": [as_dict(row) for row in found], "more": more}
        at.give(document, lambda console: show_rows(found, more, console, at.language))


async def feeds(at: Session, csv: Csv = False) -> None:
    async with at.connect(ADMIN_DEADLINE) as client:
        found = [feed async for feed in client.statistics.feeds()]
    if csv and not at.json:
        print_csv(feeds_csv(found))
    else:
        at.give({"feeds": [as_dict(feed) for feed in found]}, lambda console: show_feeds(found, console, at.language))


def _events(first_day: str, last_day: str, filters: Sequence[str]) -> statistics.StatisticsFilter:
    today = datetime.datetime.now(datetime.UTC).astimezone().date()
    days = (
        _date(first_day, "--from") or today.replace(day=1).isoformat(),
        _date(last_day, "--to") or today.isoformat(),
    )
    names: Iterable[str] = ("source", "receiver", "department", "item", "specialty", "ground")
    try:
        return statistics_filter(*days, **dict(zip(names, filters, strict=True)))
    except ValueError as error:
        raise UsageFault(str(error)) from None


def _date(word: str, name: str) -> str:
    if not word:
        return ""
    try:
        return datetime.date.fromisoformat(word).isoformat()
    except ValueError:
        raise UsageFault(say(f"{name} 须为 YYYY-MM-DD。", f"{name} is YYYY-MM-DD.")) from None


def _alone(run: Callable[..., None]) -> Callable[..., None]:
    """The group's own command: what it does when no other is named."""

    def callback(ctx: typer.Context, **given: Any) -> None:
        if ctx.invoked_subcommand is None:
            run(ctx=ctx, **given)

    callback.__signature__ = inspect.signature(run)  # type: ignore[attr-defined]
    callback.__annotations__ = run.__annotations__
    return callback


app.callback(invoke_without_command=True)(_alone(command(counts)))
app.command(
    "rows",
    help=help_text(
        "列出一个数字背后的提示号，不含患者身份；患者现已不予公开的不列",
        "List the prompts behind a number, without identity; not what its patient withholds by now",
    ),
)(command(rows))
app.command("feeds", help=help_text("各机构上传是否及时", "How fresh each institution's feed is"))(command(feeds))
