"""hutong consent and hutong admin reviews: what patients decide, and the emergencies in which somebody looked."""

from typing import Annotated

import typer
from hutong.v1 import consent_service_pb2 as consent
from rich.console import Console
from rich.text import Text

from hutong_client.cli.asking import Department, Encounter, EncounterClass, Practitioner, context
from hutong_client.cli.labels import enum_label
from hutong_client.cli.language import Language, help_text
from hutong_client.cli.output import as_dict, cell, local_time
from hutong_client.cli.patient_source import PatientFile, read_patient
from hutong_client.cli.reports import date_option
from hutong_client.cli.session import ADMIN_DEADLINE, Session, UsageFault

Effect = Annotated[
    str,
    typer.Option(
        metavar="withhold|allow",
        help=help_text("withhold：不予公开；allow：同意公开敏感类别", "withhold, or allow a sensitive category"),
        show_default=False,
    ),
]
Scope = Annotated[
    str,
    typer.Option(
        metavar="everything|institution|category",
        help=help_text("全部、某机构的结果、某类别", "What it is about"),
        show_default=False,
    ),
]
Target = Annotated[
    str,
    typer.Option(
        metavar="CODE",
        help=help_text("机构或类别的编码", "Code of the institution or category"),
        show_default=False,
    ),
]
From = Annotated[
    str, typer.Option("--from", metavar="DATE", help=help_text("起始；缺省为现在", "From when; by default now"))
]
Until = Annotated[
    str, typer.Option(metavar="DATE", help=help_text("终止（不含）；缺省长期", "Until when, exclusive; else for good"))
]
RequestId = Annotated[
    str, typer.Option(metavar="ID", help=help_text("本次登记的编号", "Id of this request"), show_default=False)
]
DirectiveId = Annotated[
    str, typer.Argument(metavar="DIRECTIVE", help=help_text("意愿编号", "Id from list"), show_default=False)
]
ReviewId = Annotated[
    str, typer.Argument(metavar="REVIEW", help=help_text("审核编号", "Id from list"), show_default=False)
]
Finding = Annotated[
    str,
    typer.Option(help=help_text("审核结论；不含患者信息", "What was found; no patient data"), show_default=False),
]


async def put(
    at: Session,
    practitioner: Practitioner,
    encounter: Encounter,
    effect: Effect,
    scope: Scope,
    target: Target = "",
    patient_file: PatientFile = None,
    valid_from: From = "",
    until: Until = "",
    department: Department = "",
    encounter_class: EncounterClass = "outpatient",
    request_id: RequestId = "",
) -> None:
    patient = read_patient(patient_file)
    who = context(practitioner, encounter, department, encounter_class, "treatment")
    begins, ends = date_option(valid_from, "--from"), date_option(until, "--until")
    async with at.connect(ADMIN_DEADLINE) as client:
        try:
            directive = await client.consent.put(
                patient,
                who,
                effect=effect,
                scope=scope,
                target=target,
                valid_from=begins,
                valid_until=ends,
                request_id=request_id,
            )
        except ValueError as error:
            raise UsageFault(str(error)) from None
    _give(at, directive)


async def revoke(
    at: Session,
    directive: DirectiveId,
    practitioner: Practitioner,
    encounter: Encounter,
    patient_file: PatientFile = None,
    department: Department = "",
    encounter_class: EncounterClass = "outpatient",
) -> None:
    patient = read_patient(patient_file)
    who = context(practitioner, encounter, department, encounter_class, "treatment")
    async with at.connect(ADMIN_DEADLINE) as client:
        _give(at, await client.consent.revoke(directive, patient, who))


async def list_(
    at: Session,
    practitioner: Practitioner,
    encounter: Encounter,
    patient_file: PatientFile = None,
    department: Department = "",
    encounter_class: EncounterClass = "outpatient",
) -> None:
    patient = read_patient(patient_file)
    who = context(practitioner, encounter, department, encounter_class, "treatment")
    async with at.connect(ADMIN_DEADLINE) as client:
        found = await client.consent.list(patient, who)

    def show(console: Console) -> None:
        if not found:
            console.print(Text("没有登记意愿" if at.language == "zh" else "No directives"))
        for each in found:
            _show(each, console, at.language)

    at.give({"directives": [as_dict(each) for each in found]}, show)


async def reviews(
    at: Session,
    show_all: Annotated[
        bool, typer.Option("--all", help=help_text("也列出已审核的", "Also those that were reviewed"))
    ] = False,
    limit: Annotated[
        int, typer.Option(min=1, metavar="N", help=help_text("最多列出多少条", "List at most this many"))
    ] = 100,
) -> None:
    found: list[consent.Review] = []
    async with at.connect(ADMIN_DEADLINE) as client:
        async for review in client.consent.reviews(include_closed=show_all, page_size=min(limit, 100)):
            found.append(review)
            if len(found) >= limit:
                break

    def show(console: Console) -> None:
        zh = at.language == "zh"
        console.print(Text(f"紧急调阅 {len(found)} 次" if zh else f"{len(found)} emergencies", style="bold"))
        for review in found:
            _show_review(review, console, at.language)

    at.give({"reviews": [as_dict(each) for each in found]}, show)


async def close(at: Session, review: ReviewId, finding: Finding) -> None:
    async with at.connect(ADMIN_DEADLINE) as client:
        closed = await client.consent.close_review(review, finding=finding)
    at.give({"review": as_dict(closed)}, lambda console: _show_review(closed, console, at.language))


def _give(at: Session, directive: consent.Directive) -> None:
    at.give({"directive": as_dict(directive)}, lambda console: _show(directive, console, at.language))


def _show(each: consent.Directive, console: Console, language: Language) -> None:
    zh = language == "zh"
    what = [
        enum_label(consent.DirectiveEffect.DESCRIPTOR, each.effect, language),
        enum_label(consent.DirectiveScope.DESCRIPTOR, each.scope, language),
        each.target,
    ]
    until = local_time(each.valid_until) if each.HasField("valid_until") else ("长期" if zh else "for good")
    console.print(Text(each.directive_id, style="bold"), soft_wrap=True)
    console.print(cell("  " + "  ".join(part for part in what if part)))
    recorded = f"{each.recorded_by} {local_time(each.recorded_at)}"
    console.print(cell(f"  {local_time(each.valid_from)} – {until}  {recorded}"))
    if each.HasField("revoked_at"):
        when = local_time(each.revoked_at)
        console.print(Text(f"  已于 {when} 撤回" if zh else f"  taken back {when}", style="yellow"))


def _show_review(review: consent.Review, console: Console, language: Language) -> None:
    zh = language == "zh"
    console.print()
    console.print(Text(review.review_id, style="bold"), soft_wrap=True)
    console.print(cell("  " + "  ".join((review.institution, review.practitioner, review.encounter))))
    opened = f"{local_time(review.opened_at)} – {local_time(review.open_until)}"
    count = f"{review.answers} 次应答" if zh else f"{review.answers} answers"
    console.print(cell(f"  {opened}  {count}"))
    console.print(cell(f"  {review.reason}"))
    if review.HasField("closed_at"):
        word = "已审核" if zh else "reviewed"
        closed = f"{local_time(review.closed_at)} {review.closed_by} {review.finding}"
        console.print(cell(f"  {word} {closed}", "dim"))
