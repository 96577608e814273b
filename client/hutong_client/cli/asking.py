"""Options that say who asks, in which visit and why; the same for chart, reports and report."""

from typing import Annotated

import typer
from hutong.v1 import reuse_service_pb2 as reuse

from hutong_client.cli.language import help_text, say
from hutong_client.cli.session import UsageFault
from hutong_client.queries import call_context

_PANEL = say("谁在询问", "Who asks")

Practitioner = Annotated[
    str,
    typer.Option(
        envvar="HUTONG_PRACTITIONER",
        metavar="ID",
        help=help_text("医师在本机构的工号", "The doctor's id within the institution"),
        rich_help_panel=_PANEL,
    ),
]
Encounter = Annotated[
    str,
    typer.Option(
        envvar="HUTONG_ENCOUNTER",
        metavar="ID",
        help=help_text("本次就诊号", "The visit's id within the institution"),
        rich_help_panel=_PANEL,
    ),
]
Department = Annotated[
    str, typer.Option(metavar="NAME", help=help_text("科室", "Department"), rich_help_panel=_PANEL, show_default=False)
]
EncounterClass = Annotated[str, typer.Option(help="outpatient | inpatient | emergency | other", rich_help_panel=_PANEL)]
Purpose = Annotated[str, typer.Option(help="treatment | emergency", rich_help_panel=_PANEL)]


Authorization = Annotated[
    str,
    typer.Option(
        metavar="HOW",
        help=help_text(
            "患者如何授权：card_read、code_scanned、form_signed 或 guardian",
            "How the patient authorised it: card_read, code_scanned, form_signed or guardian",
        ),
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]
BreakGlass = Annotated[
    str,
    typer.Option(
        metavar="REASON",
        help=help_text(
            "急救时打开患者不予公开的结果：事由（不含患者信息），须经审核；等同 --purpose emergency",
            "In an emergency, open what the patient withholds: why, without patient data, for the review; implies "
            "--purpose emergency",
        ),
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]


def context(
    practitioner: str,
    encounter: str,
    department: str,
    encounter_class: str,
    purpose: str,
    authorization: str = "",
    break_glass: str = "",
) -> reuse.CallContext:
    """The context of a call. Raises UsageFault."""
    try:
        return call_context(
            practitioner=practitioner,
            encounter=encounter,
            department=department,
            encounter_class=encounter_class,
            purpose="emergency" if break_glass else purpose,
            authorization=authorization,
            break_glass_reason=break_glass,
        )
    except ValueError as error:
        raise UsageFault(str(error)) from None
