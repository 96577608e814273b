"""hutong notices: what became of reports that this institution relied on."""

import json
from collections.abc import Sequence
from typing import Annotated

import typer
from hutong.v1 import reuse_service_pb2 as reuse
from rich.console import Console
from rich.text import Text

from hutong_client.cli.asking import Department, Encounter, EncounterClass, Practitioner, context
from hutong_client.cli.labels import enum_label
from hutong_client.cli.language import Language, help_text
from hutong_client.cli.output import as_dict, cell, local_time
from hutong_client.cli.phrases import institution_name, reasons_text
from hutong_client.cli.session import ADMIN_DEADLINE, Session

All = Annotated[bool, typer.Option("--all", help=help_text("含已确认的", "Also those that were acknowledged"))]
NoticeIds = Annotated[
    list[str],
    typer.Argument(
        metavar="NOTICE", help=help_text("通知编号，可多个", "Ids from list or watch, one or more"), show_default=False
    ),
]
ResumeToken = Annotated[
    str,
    typer.Option(
        metavar="TOKEN",
        help=help_text("从此通知之后继续", "Go on after the notice that gave this token"),
        show_default=False,
    ),
]
Count = Annotated[
    int, typer.Option(min=0, metavar="N", help=help_text("收到 N 条后结束；0 不限", "End after N notices; 0: never"))
]


async def list_(
    at: Session,
    practitioner: Practitioner,
    encounter: Encounter,
    include_acknowledged: All = False,
    department: Department = "",
    encounter_class: EncounterClass = "outpatient",
) -> None:
    who = context(practitioner, encounter, department, encounter_class, "treatment")
    async with at.connect(ADMIN_DEADLINE) as client:
        found = [each async for each in client.list_notices(who, include_acknowledged=include_acknowledged)]

    def show(console: Console) -> None:
        zh = at.language == "zh"
        console.print(Text(f"通知 {len(found)} 条" if zh else f"{len(found)} notices", style="bold"))
        _show_all(found, console, at.language)

    at.give({"notices": [as_dict(each) for each in found]}, show)


async def watch(
    at: Session,
    practitioner: Practitioner,
    encounter: Encounter,
    resume_token: ResumeToken = "",
    count: Count = 0,
    department: Department = "",
    encounter_class: EncounterClass = "outpatient",
) -> None:
    who = context(practitioner, encounter, department, encounter_class, "treatment")
    async with at.connect(ADMIN_DEADLINE) as client:
        seen = 0
        async for notice in client.watch_notices(who, resume_token=resume_token):
            if at.json:
                print(json.dumps(as_dict(notice), ensure_ascii=False), flush=True)
            else:
                _show(notice, at.out, at.language)
            seen += 1
            if seen == count:
                return


async def ack(
    at: Session,
    notice_ids: NoticeIds,
    practitioner: Practitioner,
    encounter: Encounter,
    department: Department = "",
    encounter_class: EncounterClass = "outpatient",
) -> None:
    who = context(practitioner, encounter, department, encounter_class, "treatment")
    async with at.connect(ADMIN_DEADLINE) as client:
        done = [await client.acknowledge_notice(who, each) for each in notice_ids]
    at.give({"notices": [as_dict(each) for each in done]}, lambda console: _show_all(done, console, at.language))


def _show_all(notices: Sequence[reuse.Notice], console: Console, language: Language) -> None:
    for notice in notices:
        _show(notice, console, language)


def _show(notice: reuse.Notice, console: Console, language: Language) -> None:
    zh = language == "zh"
    console.print(cell(notice.notice_id, "bold"), soft_wrap=True)
    kind = enum_label(reuse.NoticeKind.DESCRIPTOR, notice.kind, language)
    console.print(cell(f"  {kind}  {local_time(notice.created_at)}", "yellow"))
    if notice.reasons:
        console.print(cell(f"  {reasons_text(notice.reasons, language)}"))
    names = (notice.item.name_zh, notice.item.name_en) if zh else (notice.item.name_en, notice.item.name_zh)
    item = next((name for name in names if name), notice.item.code)
    reliance = enum_label(reuse.Reliance.DESCRIPTOR, notice.reliance, language)
    about = [item, institution_name(notice.issuer), reliance, local_time(notice.relied_at)]
    console.print(cell("  " + "  ".join(part for part in about if part)))
    visit, doctor = ("就诊", "医师") if zh else ("visit", "practitioner")
    console.print(cell(f"  {visit} {notice.encounter}  {doctor} {notice.practitioner}"))
    console.print(cell(f"  {'报告' if zh else 'report'} {notice.report_id}", "dim"), soft_wrap=True)
    if notice.HasField("acknowledged_at"):
        at = local_time(notice.acknowledged_at)
        console.print(Text(f"  已于 {at} 确认" if zh else f"  acknowledged {at}", style="green"))
