"""hutong admin institution: who may take part."""

from pathlib import Path
from typing import Annotated

import typer
from hutong.v1 import catalog_service_pb2 as catalog
from hutong.v1 import report_pb2 as v1
from hutong.v1 import statistics_service_pb2 as statistics
from rich.console import Console
from rich.text import Text

from hutong_client.cli.catalog_files import import_files
from hutong_client.cli.institution_view import LISTED, show_institution, show_overview, states
from hutong_client.cli.labels import enum_label
from hutong_client.cli.language import help_text, say
from hutong_client.cli.output import as_dict, cell, local_time, table
from hutong_client.cli.reports import date_option
from hutong_client.cli.session import ADMIN_DEADLINE, Session, UsageFault
from hutong_client.clients import HutongClient
from hutong_client.queries import enum_name
from hutong_client.statistics import statistics_filter

Code = Annotated[
    str, typer.Argument(metavar="CODE", help=help_text("机构编码", "Code of the institution"), show_default=False)
]
Reason = Annotated[
    str,
    typer.Option(
        help=help_text("事由，存档用；不含患者信息", "Why, for the record; no patient data"), show_default=False
    ),
]
Scope = Annotated[
    str,
    typer.Option(
        metavar="access|quality",
        help=help_text(
            "access：不能接入，已有结果不变；quality：自 --since 起的结果，一律不互认，仍可接入",
            "access: its calls fail, its results stay; quality: results from --since on are never reusable, "
            "its calls go on",
        ),
        show_default=False,
    ),
]
Since = Annotated[
    str,
    typer.Option(
        metavar="DATE", help=help_text("quality 的起始时间；缺省为现在", "For quality; by default from now on")
    ),
]


async def add(
    at: Session,
    code: Code,
    name: Annotated[str, typer.Option(help=help_text("中文名称", "Chinese name"), show_default=False)],
    tier: Annotated[
        str,
        typer.Option(
            metavar="TIER",
            help="tertiary | secondary | township | village | private | laboratory_center",
            show_default=False,
        ),
    ],
    region: Annotated[
        str,
        typer.Option(metavar="CODE", help=help_text("行政区划代码", "Division code, GB/T 2260"), show_default=False),
    ],
    alliance: Annotated[
        list[str], typer.Option(metavar="CODE", help=help_text("医联体，可重复", "Alliance; may be repeated"))
    ] = [],  # noqa: B006  typer copies it
    feed_interval_hours: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="HOURS",
            help=help_text("正常的上传间隔，小时；0 为自动", "Longest normal silence of its feed; 0: learned"),
        ),
    ] = 0,
    update: Annotated[bool, typer.Option("--update", help=help_text("已存在则修改", "Change it if it exists"))] = False,
) -> None:
    try:
        tier_name = enum_name(v1.Tier.keys(), "TIER", tier)
    except ValueError as error:
        raise UsageFault(str(error)) from None
    institution = catalog.Institution(
        code=code,
        name=name,
        tier=tier_name,
        region=region,
        alliances=alliance,
        feed_interval_hours=feed_interval_hours,
    )
    async with at.connect(ADMIN_DEADLINE) as client:
        answer = await client.admin.put_institution(institution, update=update)

    def show(console: Console) -> None:
        word = say("已新增", "added") if answer.created else say("已存在", "is there")
        console.print(Text(f"{answer.institution.code} {word}"))
        show_institution(answer.institution, console, at.language)

    at.give(as_dict(answer), show)


async def list_(at: Session) -> None:
    async with at.connect(ADMIN_DEADLINE) as client:
        found = [institution async for institution in client.admin.institutions(page_size=1000)]

    def show(console: Console) -> None:
        zh = at.language == "zh"
        shown = table(
            "编码" if zh else "Code",
            "名称" if zh else "Name",
            "级别" if zh else "Tier",
            "区划" if zh else "Region",
            "状态" if zh else "State",
            "最近上传" if zh else "Last heard",
        )
        for each in found:
            shown.add_row(
                cell(each.code),
                cell(each.name),
                enum_label(v1.Tier.DESCRIPTOR, each.tier, at.language),
                cell(each.region),
                cell("\n".join(states(each, at.language))),
                local_time(each.last_received_at) if each.HasField("last_received_at") else "—",
            )
        console.print(shown)
        console.print(Text(f"共 {len(found)} 家" if zh else f"{len(found)} institutions", style="dim"))

    at.give({"institutions": [as_dict(each) for each in found]}, show)


async def show(at: Session, code: Code) -> None:
    unmapped = catalog.ListUnmappedCodesResponse()
    given, received = statistics.StatisticsRow(), statistics.StatisticsRow()
    async with at.connect(ADMIN_DEADLINE) as client:
        seen = await client.admin.institution_overview(code)
        if seen.HasField("intake"):
            async for page in client.admin.unmapped_pages(code):
                unmapped.codes.extend(page.codes)
                unmapped.unmapped_per_mille.update(page.unmapped_per_mille)
            days = (seen.intake.first_day, seen.intake.last_day)
            given = await _counts(client, statistics_filter(*days, source=code))
            received = await _counts(client, statistics_filter(*days, receiver=code))
    document = as_dict(seen)
    if seen.HasField("intake"):
        document |= {
            "unmapped": {
                "codes": len(unmapped.codes),
                "per_mille": unmapped.unmapped_per_mille.get(code, 0),
                "most_frequent": [as_dict(each) for each in unmapped.codes[:LISTED]],
            },
            "given": as_dict(given.counts),
            "received": as_dict(received.counts),
        }
    at.give(document, lambda console: show_overview(seen, unmapped, given, received, console, at.language))


async def _counts(client: HutongClient, events: statistics.StatisticsFilter) -> statistics.StatisticsRow:
    found = await client.statistics.counts(events)
    return found.rows[0] if found.rows else statistics.StatisticsRow()


async def suspend(at: Session, code: Code, scope: Scope, reason: Reason, since: Since = "") -> None:
    await _suspend(at, code, scope, reason, since, lift=False)


async def resume(at: Session, code: Code, scope: Scope, reason: Reason) -> None:
    await _suspend(at, code, scope, reason, "", lift=True)


async def _suspend(at: Session, code: str, scope: str, reason: str, since: str, *, lift: bool) -> None:
    if scope not in ("access", "quality"):
        raise UsageFault(say("--scope 须为 access 或 quality。", "--scope is access or quality."))
    if since and scope != "quality":
        raise UsageFault(say("--since 只用于 --scope quality。", "--since goes with --scope quality only."))
    async with at.connect(ADMIN_DEADLINE) as client:
        institution = await client.admin.suspend_institution(
            code, scope=scope, reason=reason, since=date_option(since, "--since"), lift=lift
        )
    at.give({"institution": as_dict(institution)}, lambda console: show_institution(institution, console, at.language))


async def import_(
    at: Session,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…", help=help_text("机构文件（.csv、.yaml）", "Files of institutions (.csv, .yaml)")
        ),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help=help_text("只看差异", "Show the difference, keep nothing"))
    ] = False,
    comment: Annotated[str, typer.Option(help=help_text("说明，存档用", "Why, for the record"))] = "",
) -> None:
    await import_files(at, files, dry_run=dry_run, comment=comment, kind="institutions")
