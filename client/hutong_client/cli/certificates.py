"""hutong admin enroll-token, certificate, enrollment: who is admitted to a certificate, and whose is taken back."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from hutong.v1 import certificate_service_pb2 as certificates
from rich.console import Console
from rich.text import Text

from hutong_client.cli.institution import Code, Reason
from hutong_client.cli.language import Language, help_text, say
from hutong_client.cli.output import as_dict, cell, local_time, moment, table
from hutong_client.cli.session import ADMIN_DEADLINE, Session

Enrollment = Annotated[
    str,
    typer.Argument(
        metavar="ENROLLMENT",
        help=help_text("申领号，见 enrollment list", "Id of the enrolment, from enrollment list"),
        show_default=False,
    ),
]
Institution = Annotated[
    str, typer.Option(metavar="CODE", help=help_text("只列此机构", "Only those of this institution"))
]


async def enroll_token(
    at: Session,
    code: Code,
    role: Annotated[
        str,
        typer.Option(
            metavar="ROLE",
            help="emr | feed | admin | supervisor | portal | registry | monitor",
            show_default=False,
        ),
    ],
    hours: Annotated[
        int,
        typer.Option(min=1, max=168, metavar="HOURS", help=help_text("有效小时数", "Hours that it is good for")),
    ] = 24,
    approval: Annotated[
        bool,
        typer.Option("--approval", help=help_text("须由另一位管理员批准", "A second administrator has to approve")),
    ] = False,
) -> None:
    async with at.connect(ADMIN_DEADLINE) as client:
        answer = await client.admin.create_enrollment_token(code, role, hours=hours, needs_approval=approval)

    def show(console: Console) -> None:
        # Alone on standard output, so that `> token` holds nothing else.
        console.print(Text(answer.token), soft_wrap=True)
        until = local_time(answer.expires_at)
        at.err.print(
            Text(
                say(
                    f"只显示这一次，有效至 {until}，只能用一次。在机构处执行：",
                    f"Shown this once, good until {until} and for one use. At the institution:",
                ),
                style="dim",
            ),
            soft_wrap=True,
        )
        line = f"hutong enroll --registry HOST:PORT --ca-fingerprint {answer.ca_fingerprint} --out DIR"
        at.err.print(Text(line), soft_wrap=True)

    at.give(as_dict(answer), show)


async def list_(
    at: Session,
    institution: Institution = "",
    ended: Annotated[
        bool, typer.Option("--all", help=help_text("也列已过期和已吊销的", "Also those expired or revoked"))
    ] = False,
) -> None:
    async with at.connect(ADMIN_DEADLINE) as client:
        found = [row async for row in client.admin.certificates(institution, include_ended=ended, page_size=1000)]

    def show(console: Console) -> None:
        zh = at.language == "zh"
        shown = table(
            "序列号" if zh else "Serial",
            "机构" if zh else "Institution",
            "角色" if zh else "Role",
            "有效至" if zh else "Good until",
            "状态" if zh else "State",
        )
        for each in found:
            shown.add_row(
                cell(each.serial),
                cell(each.institution),
                cell(each.role),
                local_time(each.not_after),
                cell(_state(each, at.language)),
            )
        console.print(shown)
        console.print(Text(f"共 {len(found)} 张" if zh else f"{len(found)} certificates", style="dim"))

    at.give({"certificates": [as_dict(each) for each in found]}, show)


async def revoke(
    at: Session,
    serial: Annotated[
        str,
        typer.Argument(metavar="SERIAL", help=help_text("序列号，见 certificate list", "Serial number, hex")),
    ],
    reason: Reason,
) -> None:
    async with at.connect(ADMIN_DEADLINE) as client:
        row = await client.admin.revoke_certificate(serial, reason=reason)
    text = f"{row.serial} {row.institution} {row.role}: {_state(row, at.language)}"
    at.give({"certificate": as_dict(row)}, lambda console: console.print(Text(text)))


async def waiting(at: Session) -> None:
    async with at.connect(ADMIN_DEADLINE) as client:
        found = await client.admin.pending_enrollments()

    def show(console: Console) -> None:
        zh = at.language == "zh"
        shown = table(
            "申领号" if zh else "Enrollment",
            "机构" if zh else "Institution",
            "角色" if zh else "Role",
            "申请时间" if zh else "Asked at",
            "公钥指纹" if zh else "Key",
        )
        for each in found:
            shown.add_row(
                cell(each.enrollment),
                cell(each.institution),
                cell(each.role),
                local_time(each.requested_at),
                cell(each.key_fingerprint[:16]),
            )
        console.print(shown)
        console.print(Text(f"共 {len(found)} 项" if zh else f"{len(found)} enrolments wait", style="dim"))

    at.give({"pending": [as_dict(each) for each in found]}, show)


async def approve(at: Session, enrollment: Enrollment, reason: Reason) -> None:
    await _decide(at, enrollment, reason, approve=True)


async def refuse(at: Session, enrollment: Enrollment, reason: Reason) -> None:
    await _decide(at, enrollment, reason, approve=False)


async def _decide(at: Session, enrollment: str, reason: str, *, approve: bool) -> None:
    async with at.connect(ADMIN_DEADLINE) as client:
        await client.admin.decide_enrollment(enrollment, approve=approve, reason=reason)
    word = say("已批准", "approved") if approve else say("已拒绝", "refused")
    at.give({"enrollment": enrollment, "approved": approve}, lambda console: console.print(Text(word)))


def _state(each: certificates.Certificate, language: Language) -> str:
    zh = language == "zh"
    if each.HasField("revoked_at"):
        when = local_time(each.revoked_at)
        return f"{when} 吊销" if zh else f"revoked {when}"
    left = (moment(each.not_after) - datetime.now(UTC)).total_seconds()
    if left <= 0:
        return "已过期" if zh else "expired"
    days = int(left // 86400)
    return f"余 {days} 天" if zh else f"{days} days left"
