"""hutong order: what a doctor is asked when orders are signed."""

from typing import Annotated

import typer

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
from hutong_client.cli.chart import RequestId
from hutong_client.cli.language import help_text
from hutong_client.cli.order_source import Codes, Items, OrderFile, read_orders
from hutong_client.cli.order_view import show_orders
from hutong_client.cli.output import as_dict
from hutong_client.cli.patient_source import PatientFile, read_patient
from hutong_client.cli.session import DOCTOR_DEADLINE, Session

Explain = Annotated[
    bool,
    typer.Option(
        "--explain", help=help_text("另给出判定过程（见 --json）", "Also say how each verdict was reached (see --json)")
    ),
]


async def order(
    at: Session,
    practitioner: Practitioner,
    encounter: Encounter,
    code: Codes = None,
    item: Items = None,
    orders: OrderFile = None,
    patient_file: PatientFile = None,
    department: Department = "",
    encounter_class: EncounterClass = "outpatient",
    purpose: Purpose = "treatment",
    authorization: Authorization = "",
    break_glass: BreakGlass = "",
    explain: Explain = False,
    request_id: RequestId = "",
) -> None:
    asked = read_orders(orders, code or (), item or ())
    patient = read_patient(patient_file)
    who = context(practitioner, encounter, department, encounter_class, purpose, authorization, break_glass)
    async with at.connect(DOCTOR_DEADLINE) as client:
        answer = await client.check_orders(patient, who, asked, request_id=request_id, explain=explain)
    at.give(as_dict(answer), lambda console: show_orders(asked, answer, console, at.language))
