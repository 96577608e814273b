"""hutong enroll and hutong renew: how an institution gets its certificate, and keeps it."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from hutong_client import enrollment
from hutong_client.cli.failures import REFUSED
from hutong_client.cli.language import help_text, say
from hutong_client.cli.session import ADMIN_DEADLINE, Session, UsageFault
from hutong_client.files import CertificateFiles

PENDING = REFUSED
_LONGEST_TOKEN = 4096

Out = Annotated[
    Path,
    typer.Option(
        metavar="DIR",
        help=help_text("存放 client.key、client.pem、ca.pem 的目录", "Directory for client.key, client.pem and ca.pem"),
        show_default=False,
    ),
]


async def enroll(
    at: Session,
    ca_fingerprint: Annotated[
        str,
        typer.Option(
            metavar="sha256:…",
            help=help_text(
                "平台根证书的指纹，由管理员提供", "Fingerprint of the registry's root, from the administrator"
            ),
            show_default=False,
        ),
    ],
    out: Out,
    token: Annotated[
        str,
        typer.Option(
            metavar="TOKEN",
            help=help_text(
                "一次性令牌；命令行可被他人看到，宜用 --token-file 或标准输入",
                "One-time token; others may see a command line: prefer --token-file or stdin",
            ),
        ),
    ] = "",
    token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help=help_text("令牌所在文件", "File that holds the token"), show_default=False),
    ] = None,
    server_name: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help=help_text("平台证书中的名称，与地址不同时", "Name in the registry's certificate, if not the address"),
        ),
    ] = "",
) -> int | None:
    given = _token(token, token_file)
    try:
        done = await enrollment.enroll(
            _registry(at), given, ca_fingerprint, out, server_name=server_name, deadline=at.deadline(ADMIN_DEADLINE)
        )
    except ValueError:
        raise UsageFault(
            say("--ca-fingerprint 须为 sha256: 加 64 位十六进制数。", "--ca-fingerprint is sha256: and 64 hex digits.")
        ) from None
    except enrollment.RegistryNotTrusted as error:
        raise UsageFault(
            say(f"不是所指的平台，未发送令牌：{error}", f"Not the registry that was named: {error}")
        ) from None
    document: dict[str, object] = {
        "institution": done.institution,
        "role": done.role,
        "pending": done.pending,
        "files": {} if done.pending else _named(done.files),
    }

    def show(console: Console) -> None:
        if done.pending:
            text = say(
                "等待另一位管理员批准；批准后用同一令牌和目录再执行一次。",
                "Waits for a second administrator; run it again with the same token and directory after that.",
            )
        else:
            end = f"{done.files.period()[1].astimezone():%Y-%m-%d %H:%M}"
            text = say(
                f"{done.institution} {done.role}：证书有效至 {end}，在 {out}",
                f"{done.institution} {done.role}: certificate good until {end}, in {out}",
            )
        console.print(Text(text))

    at.give(document, show)
    return PENDING if done.pending else None


async def renew(
    at: Session,
    out: Out,
    if_due: Annotated[
        bool,
        typer.Option(
            "--if-due", help=help_text("有效期未过三分之二则不更新", "Only when two thirds of its life are over")
        ),
    ] = False,
    server_name: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help=help_text("平台证书中的名称，与地址不同时", "Name in the registry's certificate, if not the address"),
        ),
    ] = "",
) -> None:
    files = CertificateFiles.within(out)
    begin, end = files.period()
    due = begin + (end - begin) * 2 / 3 <= datetime.now(UTC)
    if due or not if_due:
        await enrollment.renew(_registry(at), files, server_name=server_name, deadline=at.deadline(ADMIN_DEADLINE))
        end = files.period()[1]

    def show(console: Console) -> None:
        until = f"{end.astimezone():%Y-%m-%d %H:%M}"
        renewed = due or not if_due
        console.print(
            Text(
                say(f"已更新，有效至 {until}", f"renewed, good until {until}")
                if renewed
                else say(f"尚不必更新，有效至 {until}", f"not due yet, good until {until}")
            )
        )

    at.give({"renewed": due or not if_due, "good_until": f"{end:%Y-%m-%dT%H:%M:%SZ}", "files": _named(files)}, show)


def _registry(at: Session) -> str:
    if not at.options.registry:
        raise UsageFault(
            say(
                "未指定平台的证书申领地址：--registry HOST:PORT。",
                "Which enrolment listener? Give --registry HOST:PORT.",
            )
        )
    return at.options.registry


def _token(token: str, file: Path | None) -> str:
    if token and file:
        raise UsageFault(say("--token 与 --token-file 只用其一。", "Give --token or --token-file, not both."))
    if file is not None:
        token = file.read_text(encoding="utf-8", errors="replace")
    elif not token:
        if sys.stdin is None or sys.stdin.isatty():
            token = typer.prompt(say("一次性令牌", "One-time token"), hide_input=True, err=True)
        else:
            token = sys.stdin.read(_LONGEST_TOKEN)
    if not token.strip():
        raise UsageFault(say("没有令牌。", "There is no token."))
    return token.strip()


def _named(files: CertificateFiles) -> dict[str, str]:
    return {"ca": str(files.ca), "certificate": str(files.certificate), "key": str(files.key)}
