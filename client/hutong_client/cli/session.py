"""One run of a command: the connection options that every command takes, and its end as an exit status.

Each command is an async function whose first argument is the Session. `command` gives it the common options, so that
they may stand before or after the command's name, runs it, and turns errors into messages and exit statuses.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from hutong_client.calls import checked_deadline
from hutong_client.channel import TlsFilesInvalid
from hutong_client.cli import failures
from hutong_client.cli.language import LANGUAGE, Language, help_text, say
from hutong_client.cli.output import print_json, stderr, stdout
from hutong_client.clients import HutongClient
from hutong_client.errors import HutongCallError

_PANEL = say("连接与输出", "Connection and output")
DOCTOR_DEADLINE = 2.0
"""Seconds that a doctor's command waits."""
ADMIN_DEADLINE = 10.0
"""Seconds that other commands wait."""

Registry = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help=help_text("平台地址 （环境变量 HUTONG_REGISTRY）", "Address of the registry (env HUTONG_REGISTRY)"),
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]
Ca = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help=help_text("平台根证书 (PEM) (HUTONG_CA)", "CA of the registry, PEM (env HUTONG_CA)"),
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]
Cert = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help=help_text("本机构证书 (PEM) (HUTONG_CERT)", "This institution's certificate, PEM (env HUTONG_CERT)"),
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]
Key = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help=help_text("证书的私钥 (PEM) (HUTONG_KEY)", "Key of the certificate, PEM (env HUTONG_KEY)"),
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]
Lang = Annotated[
    str | None,
    typer.Option(
        metavar="zh|en",
        help=help_text(
            "语言；缺省取 HUTONG_LANG 或系统区域", "Language of labels and help; by default HUTONG_LANG or the locale"
        ),
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]
Json = Annotated[
    bool | None,
    typer.Option(
        "--json",
        help=help_text(
            '标准输出只有一个 JSON 文档，字段名与 proto 一致；出错时为 {"error": {}}',
            'One JSON document on stdout, named as in the .proto; {"error": {}} when the command fails',
        ),
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]
Deadline = Annotated[
    float | None,
    typer.Option(
        metavar=say("秒", "SECONDS"),
        help=help_text(
            "每次调用的时限；医生端缺省 2，管理端 10，发布 30 (HUTONG_DEADLINE)",
            "Seconds for each call; by default 2 for doctors, 10 for admin, 30 for publish (env HUTONG_DEADLINE)",
        ),
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]
COMMON: dict[str, Any] = {
    "registry": Registry,
    "ca": Ca,
    "cert": Cert,
    "key": Key,
    "lang": Lang,
    "json": Json,
    "deadline": Deadline,
}
"""The common options by name."""


class UsageFault(Exception):
    """The command was used wrongly; the text says how. Exit status 2."""


@dataclass(frozen=True, slots=True)
class Options:
    """The common options of a run."""

    registry: str | None = None
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    lang: str | None = None
    json: bool | None = None
    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """What a command works with."""

    options: Options
    out: Console
    err: Console
    language: Language = LANGUAGE

    @property
    def json(self) -> bool:
        """Whether the answer is wanted as JSON."""
        return bool(self.options.json)

    def deadline(self, otherwise: float) -> float:
        """Seconds for a call."""
        if self.options.deadline is None:
            return otherwise
        try:
            return checked_deadline(self.options.deadline)
        except ValueError as error:
            raise UsageFault(say("--deadline 须为正的秒数。", "--deadline is a positive number of seconds.")) from error

    def connect(self, deadline: float) -> AbstractAsyncContextManager[HutongClient]:
        """A client of the registry; `deadline` holds unless --deadline says otherwise."""
        options = self.options
        if not options.registry:
            raise UsageFault(
                say(
                    "未指定平台：--registry HOST:PORT，或环境变量 HUTONG_REGISTRY。",
                    "Which registry? Give --registry HOST:PORT or set HUTONG_REGISTRY.",
                )
            )
        files = {"--ca": options.ca, "--cert": options.cert, "--key": options.key}
        missing = [name for name, path in files.items() if path is None]
        if missing or not (options.ca and options.cert and options.key):
            names = ", ".join(f"{name} (HUTONG_{name[2:].upper()})" for name in missing)
            raise UsageFault(say(f"未指定证书文件：{names}。", f"Certificate files are not named: {names}."))
        try:
            return HutongClient.connect(
                options.registry,
                ca=options.ca,
                certificate=options.cert,
                key=options.key,
                deadline=self.deadline(deadline),
            )
        except ValueError as error:
            raise UsageFault(
                say("命令行只接受一个平台地址 HOST:PORT。", "A command takes one registry, HOST:PORT.")
            ) from error

    def give(self, document: dict[str, object], show: Callable[[Console], None]) -> None:
        """Prints the answer: the document as JSON, or for people."""
        if self.json:
            print_json(document)
        else:
            show(self.out)


Work = Callable[..., Awaitable[int | None]]


def command(work: Work) -> Callable[..., None]:
    """A typer command from an async function of a Session and its own options.

    The function returns the exit status; None is 0.
    """
    own = list(inspect.signature(work).parameters.values())[1:]

    def run(ctx: typer.Context, **given: Any) -> None:
        before: Options = ctx.find_root().obj or Options()
        common = {name: given.pop(name) for name in COMMON}
        options = replace(before, **{name: value for name, value in common.items() if value is not None})
        raise typer.Exit(_run(work, Session(options, stdout(), stderr()), given))

    common = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=None)
        for name, kind in COMMON.items()
    ]
    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    keyed = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
    run.__signature__ = inspect.Signature([context, *keyed, *common])  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in [context, *keyed, *common]}
    run.__name__, run.__doc__ = work.__name__, work.__doc__
    return run


def _run(work: Work, session: Session, given: dict[str, Any]) -> int:
    async def whole() -> int:
        return await work(session, **given) or 0

    try:
        return asyncio.run(whole())
    except HutongCallError as error:
        return failures.call_failed(error, session.err, session.language, as_json=session.json)
    except TlsFilesInvalid as error:
        return failures.refused("TLS_FILES_INVALID", str(error), session.err, session.language, as_json=session.json)
    except UsageFault as error:
        return failures.refused("USAGE", str(error), session.err, session.language, as_json=session.json)
    except BrokenPipeError:
        raise
    except OSError as error:
        text = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
        return failures.refused("USAGE", text, session.err, session.language, as_json=session.json)
    except KeyboardInterrupt:
        return 130
