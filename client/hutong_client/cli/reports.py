"""hutong reports: the doctor's own search."""

from datetime import datetime
from typing import Annotated

import typer
from hutong.v1 import report_pb2 as v1
from hutong.v1 import reuse_service_pb2 as reuse
from rich.console import Console
from rich.text import Text

from hutong_client.cli.asking import (
    Authorization,
    BreakGlass,
    Department,
    Encounter,
    EncounterClass,
    Practitioner,
    Purpose,
    context,
)
from hutong_client.cli.chart_view import show_coverage
from hutong_client.cli.labels import enum_label, status_label
from hutong_client.cli.language import Language, help_text, say
from hutong_client.cli.output import as_dict, cell, clean, local_time, table
from hutong_client.cli.patient_source import PatientFile, read_patient
from hutong_client.cli.phrases import concept, institution_name
from hutong_client.cli.session import DOCTOR_DEADLINE, Session, UsageFault

_WHICH = say("哪些报告", "Which reports")
Item = Annotated[
    str, typer.Option(metavar="CODE", help=help_text("互认项目编码", "Recognized item"), rich_help_panel=_WHICH)
]
Category = Annotated[
    str,
    typer.Option(
        metavar="CODE",
        help=help_text("类别，如 LAB、RAD", "Category, e.g. LAB or RAD, or a specialty"),
        rich_help_panel=_WHICH,
    ),
]
Institution = Annotated[
    str, typer.Option(metavar="CODE", help=help_text("出具机构编码", "Issuing institution"), rich_help_panel=_WHICH)
]
From = Annotated[
    str, typer.Option("--from", metavar="DATE", help=help_text("不早于", "Taken at or after"), rich_help_panel=_WHICH)
]
Before = Annotated[str, typer.Option(metavar="DATE", help=help_text("早于", "Taken before"), rich_help_panel=_WHICH)]
Most = Annotated[
    int,
    typer.Option(
        "--limit",
        min=1,
        metavar="N",
        help=help_text("最多列出多少份", "List at most this many"),
        rich_help_panel=_WHICH,
    ),
]


async def reports(
    at: Session,
    practitioner: Practitioner,
    encounter: Encounter,
    patient_file: PatientFile = None,
    department: Department = "",
    encounter_class: EncounterClass = "outpatient",
    purpose: Purpose = "treatment",
    authorization: Authorization = "",
    break_glass: BreakGlass = "",
    item: Item = "",
    category: Category = "",
    institution: Institution = "",
    taken_from: From = "",
    before: Before = "",
    limit: Most = 100,
) -> None:
    patient = read_patient(patient_file)
    who = context(practitioner, encounter, department, encounter_class, purpose, authorization, break_glass)
    found = reuse.ListReportsResponse()
    async with at.connect(DOCTOR_DEADLINE) as client:
        token = ""
        while True:
            page = await client.list_reports_page(
                patient,
                who,
                item=item,
                category=category,
                institution=institution,
                taken_from=date_option(taken_from, "--from"),
                taken_before=date_option(before, "--before"),
                page_size=min(100, limit - len(found.reports)),
                page_token=token,
            )
            # The first page speaks for the list; later ones add their reports.
            if not token:
                found.outcome = page.outcome
                found.coverage.extend(page.coverage)
            found.reports.extend(page.reports)
            token = page.next_page_token
            if not token or len(found.reports) >= limit:
                break
    found.next_page_token = token
    at.give(as_dict(found), lambda console: _show(found, console, at.language))


def date_option(word: str, name: str) -> datetime | None:
    """A date or time of the command line; without zone it is of this computer's. Raises UsageFault."""
    if not word:
        return None
    try:
        moment = datetime.fromisoformat(word)
    except ValueError:
        raise UsageFault(
            say(f"{name} 须为 YYYY-MM-DD 或 YYYY-MM-DDTHH:MM。", f"{name} is YYYY-MM-DD or YYYY-MM-DDTHH:MM.")
        ) from None
    return moment if moment.tzinfo else moment.astimezone()


def _show(found: reuse.ListReportsResponse, console: Console, language: Language) -> None:
    zh = language == "zh"
    if found.reports:
        heading = f"报告 {len(found.reports)} 份" if zh else f"{len(found.reports)} reports"
        console.print(Text(heading, style="bold"))
        shown = table(
            "",
            "报告 / 机构" if zh else "Report / issuer",
            "时间" if zh else "Taken",
            "状态" if zh else "Status",
            "可互认" if zh else "Reusable",
        )
        shown.columns[2].no_wrap = True
        for number, report in enumerate(found.reports, 1):
            shown.add_row(Text(f"[{number}]", style="dim"), *_row(report, language))
        console.print(shown)
        console.print()
    else:
        console.print(Text(enum_label(reuse.Outcome.DESCRIPTOR, found.outcome, language), style="bold"))
    if found.next_page_token:
        console.print(
            Text("还有更多，请加大 --limit 或缩小范围。" if zh else "There are more: raise --limit or narrow down.")
        )
    show_coverage(found.coverage, console, language)
    if found.reports:
        console.print(Text("报告号（hutong report 报告号）" if zh else "Report ids (hutong report ID)", style="bold"))
        for number, report in enumerate(found.reports, 1):
            console.print(Text(f"{f'[{number}]':<4} {clean(report.report_id)}"), soft_wrap=True)


def _row(report: v1.ReportEntry, language: Language) -> list[Text]:
    zh = language == "zh"
    name = cell(concept(report.code))
    name.append("\n")
    name.append_text(cell(institution_name(report.issuer), "dim"))
    extras = [
        word
        for there, word in (
            (report.has_images, "影像" if zh else "images"),
            (report.has_attachments, "附件" if zh else "attachments"),
        )
        if there
    ]
    status = cell("\n".join([status_label(report.status, language), *extras]))
    taken = report.taken_at if report.HasField("taken_at") else report.issued_at
    when = local_time(taken) if report.HasField("taken_at") or report.HasField("issued_at") else "—"
    reusable = sum(result.reusable for result in report.results)
    return [name, cell(when), status, Text(f"{reusable}/{len(report.results)}", style="green" if reusable else "")]
