"""hutong report: one report whole."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from hutong.v1 import report_pb2 as v1
from hutong.v1 import reuse_service_pb2 as reuse
from rich.console import Console
from rich.table import Table
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
from hutong_client.cli.labels import enum_label, status_label
from hutong_client.cli.language import Language, help_text
from hutong_client.cli.output import as_dict, cell, clean, local_time, table
from hutong_client.cli.phrases import concept, institution_name, range_text, reasons_text, value_text
from hutong_client.cli.session import DOCTOR_DEADLINE, Session

ReportId = Annotated[
    str,
    typer.Argument(
        metavar="REPORT_ID", help=help_text("提示或列表给出的报告号", "Id from a chart or a list"), show_default=False
    ),
]
DocumentFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help=help_text(
            "把原始 FHIR 文档写入此文件", "Write the FHIR document, byte for byte as published, to this file"
        ),
        show_default=False,
    ),
]
PromptId = Annotated[
    str, typer.Option(metavar="ID", help=help_text("来自哪次提示", "The prompt that offered it"), show_default=False)
]


async def report(
    at: Session,
    report_id: ReportId,
    practitioner: Practitioner,
    encounter: Encounter,
    department: Department = "",
    encounter_class: EncounterClass = "outpatient",
    purpose: Purpose = "treatment",
    authorization: Authorization = "",
    break_glass: BreakGlass = "",
    document: DocumentFile = None,
    prompt_id: PromptId = "",
) -> None:
    who = context(practitioner, encounter, department, encounter_class, purpose, authorization, break_glass)
    async with at.connect(DOCTOR_DEADLINE) as client:
        answer = await client.get_report(report_id, who, prompt_id=prompt_id)
    if document is not None:
        document.write_bytes(answer.document)
    at.give(as_dict(answer), lambda console: _show(answer, console, at.language))


def _show(answer: reuse.GetReportResponse, console: Console, language: Language) -> None:
    zh = language == "zh"
    entry = answer.entry
    console.print(cell(concept(entry.code), "bold"))
    facts = [
        ("出具机构" if zh else "Issuer", _issuer(entry.issuer, language)),
        ("状态" if zh else "Status", status_label(entry.status, language)),
        ("类别" if zh else "Category", ", ".join(concept(each) for each in entry.category)),
        ("采集时间" if zh else "Taken", local_time(entry.taken_at) if entry.HasField("taken_at") else ""),
        ("报告时间" if zh else "Issued", local_time(entry.issued_at) if entry.HasField("issued_at") else ""),
        ("接收时间" if zh else "Received", local_time(answer.received_at) if answer.HasField("received_at") else ""),
        ("版本" if zh else "Version", str(entry.version)),
        *_common(entry.results, language).items(),
    ]
    grid = table("", "")
    grid.show_header = False
    for name, text in facts:
        if text:
            grid.add_row(Text(name, style="dim"), cell(text))
    console.print(grid)
    if entry.withdrawn:
        console.print(
            Text("这份报告已被出具机构撤回。" if zh else "Its source has withdrawn this report.", style="bold red")
        )
    if entry.results:
        console.print()
        console.print(_results(entry, language))
    if entry.conclusion:
        console.print()
        console.print(Text("结论" if zh else "Conclusion", style="bold"))
        console.print(cell(entry.conclusion))
    if answer.images:
        console.print()
        console.print(Text("影像" if zh else "Images", style="bold"))
        for image in answer.images:
            counts = f"{image.series} 个序列" if zh else f"{image.series} series"
            if image.instances:
                counts += f"，{image.instances} 幅" if zh else f", {image.instances} images"
            console.print(cell(" ".join([*image.modality, counts])))
            console.print(Text(f"  {clean(image.address)}"), soft_wrap=True)
    if entry.has_attachments:
        console.print()
        console.print(
            Text("另有附件，见文档（--document）。" if zh else "It has attached forms: see the document (--document).")
        )


def _issuer(issuer: v1.InstitutionRef, language: Language) -> str:
    if issuer.tier == v1.TIER_UNSPECIFIED:
        return institution_name(issuer)
    return f"{institution_name(issuer)} ({enum_label(v1.Tier.DESCRIPTOR, issuer.tier, language)})"


_ABOUT = {
    "specimen": ("标本", "Specimen"),
    "body_site": ("部位", "Body site"),
    "method": ("方法", "Method"),
    "device": ("仪器", "Device"),
    "performer": ("检测者", "Performed by"),
    "reader": ("审核者", "Read by"),
}


def _about(result: v1.ResultEntry, language: Language) -> dict[str, str]:
    """How a result was come by, by the label of each part."""
    found = {labels[language != "zh"]: getattr(result.detail, name) for name, labels in _ABOUT.items()}
    return {label: text for label, text in found.items() if text}


def _common(results: Sequence[v1.ResultEntry], language: Language) -> dict[str, str]:
    """What is the same of all results: it is said once."""
    first, *others = [_about(result, language) for result in results] or [{}]
    return {label: text for label, text in first.items() if all(other.get(label) == text for other in others)}


def _results(entry: v1.ReportEntry, language: Language) -> Table:
    zh = language == "zh"
    shown = table(
        "项目" if zh else "Test",
        "结果" if zh else "Result",
        "参考范围" if zh else "Range",
        "互认" if zh else "Reuse",
    )
    common = _common(entry.results, language)
    for result in entry.results:
        detail = result.detail
        name = cell(concept(detail.code))
        own = [f"{label}: {text}" for label, text in _about(result, language).items() if label not in common]
        if own:
            name.append("\n")
            name.append_text(cell("; ".join(own), "dim"))
        value = cell(value_text(detail), "bold red" if result.critical else "bold")
        if result.critical:
            value.append(" 危急值" if zh else " CRITICAL", "bold red")
        for note in detail.note:
            value.append("\n")
            value.append_text(cell(note, "dim"))
        if result.reusable:
            until = local_time(result.valid_until) if result.HasField("valid_until") else "—"
            verdict = cell(f"{result.mark} {'有效至' if zh else 'until'} {until}", "green")
        else:
            verdict = cell(reasons_text(result.reasons, language), "yellow")
        shown.add_row(name, value, cell(range_text(detail.reference_range)), verdict)
    return shown
