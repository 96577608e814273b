"""hutong city: a made prefecture city, written to files for tests, trials and load."""

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from hutong_client.city import REFERENCE, SCALES, ZONE, City, Scale
from hutong_client.city.files import write
from hutong_client.cli.language import help_text, say
from hutong_client.cli.output import cell, print_json, stdout, table
from hutong_client.cli.session import Options

app = typer.Typer(
    help=help_text(
        "造一座并不存在的城市：机构、居民和他们的报告", "Make a city that does not exist: institutions, people, reports"
    ),
    no_args_is_help=True,
)


@app.callback()
def _group() -> None:
    # With a callback the group keeps its command's name although there is only one.
    pass


def _reference(text: str) -> datetime:
    if text == "now":
        return datetime.now(ZONE)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        words = say("不是时间；如 2026-11-02T12:00，或 now", "not a time; give one such as 2026-11-02T12:00, or now")
        raise typer.BadParameter(words, param_hint="--reference") from None
    return at if at.tzinfo else at.replace(tzinfo=ZONE)


def _scale(text: str) -> Scale:
    for scale in SCALES:
        if scale == text:
            return scale
    raise typer.BadParameter(", ".join(SCALES), param_hint="--scale")


@app.command(
    "write",
    help=help_text(
        "写出报告 (reports/机构/*.json)、目录 (catalog/*.csv) 和居民 (patients.ndjson)",
        "Write reports (reports/INSTITUTION/*.json), catalogue (catalog/*.csv) and people (patients.ndjson)",
    ),
)
def write_city(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option(metavar="DIR", help=help_text("写到这个目录", "Directory to write to"))],
    seed: Annotated[
        int, typer.Option(help=help_text("种子；相同则逐字节相同", "The same seed makes the same city, byte for byte"))
    ] = 1,
    patients: Annotated[int, typer.Option(min=0, help=help_text("居民人数", "Number of people"))] = 200,
    days: Annotated[int, typer.Option(min=1, help=help_text("报告回溯天数", "How many days back reports go"))] = 180,
    scale: Annotated[
        str, typer.Option(metavar="|".join(SCALES), help=help_text("机构规模", "Number of institutions"))
    ] = "small",
    reference: Annotated[
        str, typer.Option(metavar="TIME", help=help_text("城市的“现在”；或 now", "The city's present; or now"))
    ] = REFERENCE.isoformat(),
    institution: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODE",
            help=help_text("只写这家机构的，可多次给出", "Only what this institution publishes; may be repeated"),
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=help_text("输出 JSON", "Print JSON"))] = False,
) -> None:
    made = City.make(seed, _reference(reference), patients, days=days, scale=_scale(scale))
    unknown = [code for code in institution or () if code not in made.places.by_code]
    if unknown:
        raise typer.BadParameter(
            say("没有这样的机构：", "no such institution: ") + ", ".join(unknown), param_hint="--institution"
        )
    counted: Counter[str] = Counter()
    for report in write(made, out, institution):
        counted[report.institution] += report.reports
    options = ctx.find_root().obj
    if as_json or (isinstance(options, Options) and options.json):
        print_json({"out": str(out), "reports": counted.total(), "institutions": dict(sorted(counted.items()))})
        return
    shown = table(say("编码", "Code"), say("机构", "Institution"), say("报告数", "Reports"), numbers=[2])
    for code, count in sorted(counted.items()):
        shown.add_row(code, cell(made.institution(code).name), str(count))
    stdout().print(shown)
    stdout().print(say(f"共 {counted.total()} 份报告，在 {out}", f"{counted.total()} reports in {out}"))
