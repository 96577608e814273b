"""hutong admin patients: whose report is whose. The identifier to look under is never taken from the command line."""

from typing import Annotated

import typer
from hutong.v1 import patient_service_pb2 as patients
from hutong.v1 import report_pb2 as v1
from rich.console import Console
from rich.text import Text

from hutong_client.cli.labels import enum_label
from hutong_client.cli.language import Language, help_text
from hutong_client.cli.output import as_dict, cell, local_time, table
from hutong_client.cli.patient_source import PatientFile, read_identifier
from hutong_client.cli.session import ADMIN_DEADLINE, Session

Reason = Annotated[
    str,
    typer.Option(
        help=help_text("事由，存档用；不含患者信息", "Why, for the record; no patient data"), show_default=False
    ),
]
RecordKey = Annotated[
    str,
    typer.Argument(
        metavar="RECORD", help=help_text("档案号", "Key of a record, from held or show"), show_default=False
    ),
]
_ACTIONS = {
    "linked": ("已关联", "linked"),
    "unlinked": ("已拆分", "unlinked"),
    "placed": ("已归档", "placed"),
    "placed_alone": ("已单独建档", "made a person of its own"),
}


async def held(
    at: Session,
    limit: Annotated[
        int, typer.Option(min=1, metavar="N", help=help_text("最多列出多少份", "List at most this many"))
    ] = 100,
) -> None:
    found: list[patients.HeldReport] = []
    async with at.connect(ADMIN_DEADLINE) as client:
        async for report in client.admin.held_reports(page_size=min(limit, 100)):
            found.append(report)
            if len(found) >= limit:
                break

    def show_held(console: Console) -> None:
        zh = at.language == "zh"
        console.print(Text(f"待核对 {len(found)} 份" if zh else f"{len(found)} reports are held", style="bold"))
        for report in found:
            console.print()
            console.print(Text(report.held, style="bold"), soft_wrap=True)
            parts = [report.institution, local_time(report.received_at), report.reason]
            console.print(cell("  " + "  ".join(parts)))
            console.print(cell("  " + _person_words(report.demographics, at.language)))
            for number, person in enumerate(report.candidates, 1):
                console.print(Text(f"  候选 {number}" if zh else f"  candidate {number}"))
                _show_person(person, console, at.language)

    at.give({"held": [as_dict(report) for report in found]}, show_held)


async def show(at: Session, patient_file: PatientFile = None) -> None:
    identifier = read_identifier(patient_file)
    async with at.connect(ADMIN_DEADLINE) as client:
        answer = await client.admin.show_patient(identifier)

    def show_patient(console: Console) -> None:
        zh = at.language == "zh"
        if not answer.persons:
            console.print(Text("没有记录" if zh else "Nothing is known under this identifier"))
        for number, person in enumerate(answer.persons, 1):
            console.print(Text(f"人员 {number}" if zh else f"Person {number}", style="bold"))
            _show_person(person, console, at.language)
        if answer.steps:
            console.print(Text("操作记录" if zh else "Steps", style="bold"))
        for step in answer.steps:
            _show_step(step, console, at.language)

    at.give(as_dict(answer), show_patient)


async def place(
    at: Session,
    held: Annotated[
        str, typer.Argument(metavar="HELD", help=help_text("待核对号", "Id from held"), show_default=False)
    ],
    reason: Reason,
    record: Annotated[
        str,
        typer.Option(
            metavar="RECORD",
            help=help_text(
                "归入此档案；缺省单独建档", "Record of the person it belongs to; by default a person of its own"
            ),
            show_default=False,
        ),
    ] = "",
) -> None:
    async with at.connect(ADMIN_DEADLINE) as client:
        _give(at, await client.admin.place_held_report(held, record=record, reason=reason))


async def link(at: Session, record: RecordKey, other_record: RecordKey, reason: Reason) -> None:
    async with at.connect(ADMIN_DEADLINE) as client:
        _give(at, await client.admin.link_patients(record, other_record, reason=reason))


async def unlink(at: Session, record: RecordKey, reason: Reason) -> None:
    async with at.connect(ADMIN_DEADLINE) as client:
        _give(at, await client.admin.unlink_patient(record, reason=reason))


async def undo(
    at: Session,
    step: Annotated[
        str, typer.Argument(metavar="STEP", help=help_text("操作号", "Id of the step"), show_default=False)
    ],
    reason: Reason,
) -> None:
    async with at.connect(ADMIN_DEADLINE) as client:
        _give(at, await client.admin.undo_patient_step(step, reason=reason))


def _give(at: Session, step: patients.PatientStep) -> None:
    at.give({"step": as_dict(step)}, lambda console: _show_step(step, console, at.language))


def _person_words(demographics: v1.Demographics, language: Language) -> str:
    sex = enum_label(v1.Sex.DESCRIPTOR, demographics.sex, language) if demographics.sex else ""
    nothing = "无人口学信息" if language == "zh" else "no demographics"
    return "  ".join(part for part in (demographics.name, demographics.birth_date, sex) if part) or nothing


def _show_person(person: patients.Person, console: Console, language: Language) -> None:
    zh = language == "zh"
    shown = table(
        "档案" if zh else "Record",
        "信息" if zh else "Demographics",
        "报告" if zh else "Reports",
        "机构" if zh else "From",
    )
    for record in person.records:
        shown.add_row(
            cell(record.record),
            cell(_person_words(record.demographics, language)),
            str(record.reports),
            cell(", ".join(record.institutions)),
        )
    console.print(shown)
    known = [report for record in person.records for report in record.known_reports]
    if known:
        console.print(
            Text("报告号（admin report withhold 可用）" if zh else "Reports, for admin report withhold", style="dim")
        )
    for report in known:
        withheld = ("  已停止展示" if zh else "  withheld") if report.withheld else ""
        console.print(
            cell(f"  {report.report_id}  {report.institution}  {local_time(report.received_at)}{withheld}"),
            soft_wrap=True,
        )


def _show_step(step: patients.PatientStep, console: Console, language: Language) -> None:
    zh = language == "zh"
    action = _ACTIONS.get(step.action, (step.action, step.action))[0 if zh else 1]
    console.print(Text(step.step, style="bold"), soft_wrap=True)
    console.print(cell(f"  {action}  {local_time(step.at)}  {step.by}  {step.reason}"))
    for record in step.records:
        console.print(cell(f"  {record}", "dim"), soft_wrap=True)
    if step.HasField("undone_at"):
        undone = local_time(step.undone_at)
        console.print(Text(f"  已于 {undone} 撤销" if zh else f"  undone {undone}", style="yellow"))
