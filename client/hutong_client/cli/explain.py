"""hutong explain: why results of an item can or cannot be reused, rule by rule."""

from collections.abc import Sequence
from typing import Annotated

import typer
from hutong.v1 import report_pb2 as v1
from hutong.v1 import reuse_service_pb2 as reuse
from rich.console import Console
from rich.padding import Padding
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
from hutong_client.cli.output import as_dict, cell, clean, local_time, zone
from hutong_client.cli.patient_source import PatientFile, read_patient
from hutong_client.cli.phrases import institution_name, item_name, taken_text
from hutong_client.cli.session import DOCTOR_DEADLINE, Session

Item = Annotated[
    str,
    typer.Option(
        metavar="CODE",
        help=help_text(
            "互认项目编码，或来源机构自己的编码", "Code of the recognized item, or a source's own code of the test"
        ),
    ),
]


async def explain(
    at: Session,
    practitioner: Practitioner,
    encounter: Encounter,
    item: Item,
    patient_file: PatientFile = None,
    department: Department = "",
    encounter_class: EncounterClass = "outpatient",
    purpose: Purpose = "treatment",
    authorization: Authorization = "",
    break_glass: BreakGlass = "",
) -> None:
    patient = read_patient(patient_file)
    who = context(practitioner, encounter, department, encounter_class, purpose, authorization, break_glass)
    async with at.connect(DOCTOR_DEADLINE) as client:
        answer = await client.explain_item(patient, who, item)
    at.give(as_dict(answer), lambda console: _show(answer, item, console, at.language))


def _show(answer: reuse.ExplainItemResponse, item: str, console: Console, language: Language) -> None:
    zh = language == "zh"
    name = item
    if answer.HasField("item"):
        name = f"{(answer.item.name_zh if zh else answer.item.name_en) or answer.item.name_zh} ({answer.item.code})"
    outcome = enum_label(reuse.Outcome.DESCRIPTOR, answer.outcome, language)
    console.print(Text(clean(f"{name}{'：' if zh else ': '}{outcome}"), style="bold"))
    if not answer.results and answer.outcome == reuse.OUTCOME_NONE:
        console.print(Text("没有该项目的结果。" if zh else "There is no result of it."))
    show_explained(answer.results, console, language)
    judged = local_time(answer.judged_at) if answer.HasField("judged_at") else "—"
    foot = (
        f"判定于 {judged}（{zone()}），规则第 {answer.rules_version} 版"
        if zh
        else f"Judged {judged} ({zone()}) by rules version {answer.rules_version}"
    )
    console.print(Text(foot, style="dim"))


def show_explained(results: Sequence[v1.ResultEntry], console: Console, language: Language) -> None:
    """Prints results, each with the steps of its verdict, and what the signs before the steps mean."""
    for number, result in enumerate(results, 1):
        console.print()
        console.print(_heading(number, result, language))
        show_trace(result, console, language)
    if results:
        console.print()
        signs = (
            "✓ 支持互认，✗ 使其不能互认，· 试过而不适用"
            if language == "zh"
            else "✓ speaks for reuse, ✗ is why not, · was tried and does not hold"
        )
        console.print(Text(signs, style="dim"))


def _heading(number: int, result: v1.ResultEntry, language: Language) -> Text:
    zh = language == "zh"
    status = status_label(clean(result.status), language)
    parts = [taken_text(result, language), institution_name(result.issuer), item_name(result, language), status]
    heading = Text(f"[{number}] ", style="dim")
    heading.append(clean("  ".join(parts)), "cyan")
    heading.append("  ")
    if result.reusable:
        until = local_time(result.valid_until)
        words = f"可互认至 {until}，{result.mark}" if zh else f"reusable until {until} as {result.mark}"
        heading.append(clean(words), "bold green")
    else:
        heading.append("不能互认" if zh else "not reusable", "bold yellow")
    return heading


def show_trace(result: v1.ResultEntry, console: Console, language: Language) -> None:
    """Prints the steps of a verdict, in their order: sign, subject, what was compared, and the entry that decided."""
    subjects = v1.TraceSubject.DESCRIPTOR
    names = [enum_label(subjects, step.subject, language) for step in result.trace]
    width = max((Text(name).cell_len for name in names), default=0)
    grid = Table.grid(padding=(0, 1, 0, 0))
    for column in (1, width, max(30, console.width - width - 8)):
        grid.add_column(width=column, overflow="fold")
    former = ""
    for name, step in zip(names, result.trace, strict=True):
        sign, style = ("✓", "green") if step.passed else ("✗", "bold red") if step.reason else ("·", "dim")
        words = cell((step.detail_zh if language == "zh" else "") or step.detail, "" if sign != "·" else "dim")
        if step.reason:
            reason = enum_label(v1.NotReusableReason.DESCRIPTOR, step.reason, language)
            words.append(f" → {reason}", "bold yellow")
        if step.entry_key:
            words.append(clean(f"  [{step.entry_kind} {step.entry_key}]"), "dim")
        # The subject is told once for all steps about it.
        grid.add_row(Text(sign, style=style), Text("" if name == former else name, style="bold"), words)
        former = name
    console.print(Padding(grid, (0, 0, 0, 4)))
