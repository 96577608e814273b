"""hutong doctor: what stands between this computer and the registry, in the order in which it has to work."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import grpc
import typer
from rich.console import Console

from hutong_client.channel import TlsFiles, open_channel
from hutong_client.cli import findings
from hutong_client.cli.doctor_calls import (
    Health,
    look_at_delay_and_clock,
    look_at_health,
    look_at_messages,
    try_role,
)
from hutong_client.cli.doctor_files import Identity, look_at_files
from hutong_client.cli.doctor_line import Place, look_at_name, look_at_port, look_at_proxy, look_at_tls
from hutong_client.cli.failures import DONE, REFUSED
from hutong_client.cli.findings import Finding, State, skipped, wrong
from hutong_client.cli.language import help_text, say
from hutong_client.cli.session import ADMIN_DEADLINE, Session
from hutong_client.clients import HutongClient

CALLS = ("health", "delay", "clock", "compression", "size", "trial")
"""What waits for a connection."""


Enrollment = Annotated[
    str,
    typer.Option(
        metavar="HOST:PORT",
        help=help_text("也检查证书申领与续期的端口", "Also look at the port at which certificates are renewed"),
    ),
]


async def doctor(at: Session, enrollment: Enrollment = "") -> int:
    options, found = at.options, list[Finding]()
    seen = look_at_files(options.ca, options.cert, options.key, datetime.now(UTC))
    found += seen.findings
    deadline = at.deadline(ADMIN_DEADLINE)
    place = Place.of(options.registry or "", deadline)
    if place is None:
        found.append(_no_place(options.registry))
    else:
        found += await _line(place, seen.files)
        if seen.files is not None and not _any_wrong(found[len(seen.findings) :]):
            found += await _calls(str(place), seen.files, seen.identity, deadline)
        else:
            found += _waiting(CALLS)

    if enrollment:
        found.append(await _renewal(enrollment, deadline))

    def show(console: Console) -> None:
        findings.show(found, console)

    at.give(findings.document(found), show)
    return REFUSED if _any_wrong(found) else DONE


async def _line(place: Place, files: TlsFiles | None) -> list[Finding]:
    found = look_at_proxy(place)
    for look in (look_at_name, look_at_port):
        found.append(await asyncio.to_thread(look, place))
        if found[-1].state is State.WRONG:
            return [*found, *_waiting({look_at_name: ("port", "tls"), look_at_port: ("tls",)}[look])]
    if files is None:
        return [*found, *_waiting(("tls",))]
    return [*found, *await asyncio.to_thread(look_at_tls, place, files, datetime.now(UTC))]


async def _calls(registry: str, files: TlsFiles, identity: Identity | None, deadline: float) -> list[Finding]:
    channel = open_channel(registry, files)
    async with HutongClient(channel, deadline=deadline) as client:
        health = Health(channel, deadline)
        found = [await look_at_health(health)]
        if _any_wrong(found):
            return [*found, *_waiting(CALLS[1:])]
        try:
            found += await look_at_delay_and_clock(health)
        except grpc.aio.AioRpcError as error:
            text = say(f"调用中断 ({error.code().name})", f"calls break off ({error.code().name})")
            found.append(wrong("delay", text, say("请网络管理员检查线路。", "Ask your network's administrator.")))
        found += await look_at_messages(health)
        found.append(await try_role(client, identity, deadline) if identity else _waiting(("trial",))[0])
        return found


async def _renewal(enrollment: str, deadline: float) -> Finding:
    place = Place.of(enrollment, deadline)
    if place is None:
        text = say("续期端口不是 主机:端口", "the port for renewals is not named as HOST:PORT")
        return wrong("enrollment", text, "--enrollment HOST:PORT")
    for look in (look_at_name, look_at_port):
        seen = await asyncio.to_thread(look, place)
        if seen.state is State.WRONG:
            break
    return replace(seen, check="enrollment")


def _any_wrong(found: Iterable[Finding]) -> bool:
    return any(each.state is State.WRONG for each in found)


def _waiting(checks: Iterable[str]) -> list[Finding]:
    text = say("前面的问题解决后再查", "waits until what is wrong above is put right")
    return [skipped(check, text) for check in checks]


def _no_place(registry: str | None) -> Finding:
    mend = say("--registry 主机:端口，或环境变量 HUTONG_REGISTRY。", "--registry HOST:PORT, or HUTONG_REGISTRY.")
    if not registry:
        return wrong("registry", say("未指定平台", "no registry is named"), mend)
    return wrong("registry", say("平台地址不是 主机:端口", "the registry is not named as HOST:PORT"), mend)
