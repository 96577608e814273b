"""hutong chart: what a doctor sees at chart opening."""

from typing import Annotated

import typer
from rich.console import Console

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
from hutong_client.cli.chart_view import show_chart
from hutong_client.cli.explain import show_explained
from hutong_client.cli.language import help_text
from hutong_client.cli.output import as_dict
from hutong_client.cli.patient_source import PatientFile, read_patient
from hutong_client.cli.session import DOCTOR_DEADLINE, Session

All = Annotated[
    bool,
    typer.Option(
        "--all", help=help_text("也列出不能互认的结果及原因", "Also list what cannot be reused, with reasons")
    ),
]
Why = Annotated[
    bool,
    typer.Option(
        "--explain",
        help=help_text("也说明每项判定的依据", "Also say how the verdict on each listed result was reached"),
    ),
]
RequestId = Annotated[
    str,
    typer.Option(
        metavar="ID",
        help=help_text(
            "本次打开的编号；同号重复得到同一提示号", "Id of this opening; a repeat gets the same prompt id"
        ),
        show_default=False,
    ),
]


async def chart(
    at: Session,
    practitioner: Practitioner,
    encounter: Encounter,
    patient_file: PatientFile = None,
    department: Department = "",
    encounter_class: EncounterClass = "outpatient",
    purpose: Purpose = "treatment",
    authorization: Authorization = "",
    break_glass: BreakGlass = "",
    show_all: All = False,
    show_why: Why = False,
    request_id: RequestId = "",
) -> None:
    patient = read_patient(patient_file)
    who = context(practitioner, encounter, department, encounter_class, purpose, authorization, break_glass)
    async with at.connect(DOCTOR_DEADLINE) as client:
        answer = await client.open_chart(
            patient, who, request_id=request_id, include_not_reusable=show_all, explain=show_why
        )

    def show(console: Console) -> None:
        show_chart(answer, console, at.language)
        if show_why:
            results = [line.result for line in answer.lines]
            show_explained([*results, *answer.not_reusable], console, at.language)

    at.give(as_dict(answer), show)
