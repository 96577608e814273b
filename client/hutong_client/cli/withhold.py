"""hutong admin report withhold: one report is hidden at once."""

from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from hutong_client.cli.language import help_text
from hutong_client.cli.output import as_dict
from hutong_client.cli.patients import Reason
from hutong_client.cli.session import ADMIN_DEADLINE, Session

ReportId = Annotated[
    str,
    typer.Argument(
        metavar="REPORT_ID",
        help=help_text(
            "admin patients show 给出的报告号，或发布时得到的报告号",
            "Id from admin patients show, or the one that its publisher was given",
        ),
        show_default=False,
    ),
]
Lift = Annotated[bool, typer.Option("--lift", help=help_text("恢复展示", "Show it again"))]


async def withhold(at: Session, report_id: ReportId, reason: Reason, lift: Lift = False) -> None:
    async with at.connect(ADMIN_DEADLINE) as client:
        answer = await client.admin.withhold_report(report_id, reason=reason, lift=lift)

    def show(console: Console) -> None:
        zh = at.language == "zh"
        if answer.withheld:
            state = "已停止展示" if zh else "withheld: no answer shows it"
        else:
            state = "正常展示" if zh else "shown"
        console.print(Text(state, style="bold"))
        if answer.notified:
            told = answer.notified
            console.print(Text(f"已通知 {told} 家机构" if zh else f"{told} institutions are told"))

    at.give(as_dict(answer), show)
