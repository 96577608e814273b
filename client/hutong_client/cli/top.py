"""hutong top: how the registry does, live."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import fields
from typing import Annotated

import typer
from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from hutong_client.cli.failures import UNAVAILABLE
from hutong_client.cli.language import help_text, say
from hutong_client.cli.output import print_json
from hutong_client.cli.session import Session, UsageFault
from hutong_client.cli.top_view import dashboard
from hutong_client.figures import Reading, Source, reading
from hutong_client.metrics import NoPage, Page, fetch

DEFAULT = "http://127.0.0.1:9464/metrics"
_MOST = 64
"""Pages read at once."""
_TALL = 60
"""Lines where there is no terminal that limits them."""


async def top(
    at: Session,
    metrics: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            help=help_text(
                "平台的指标页，可重复 （环境变量 HUTONG_METRICS，以逗号分隔）；缺省 ",
                "Page of metrics of a registry; may be repeated (env HUTONG_METRICS, by commas). By default ",
            )
            + DEFAULT,
            show_default=False,
        ),
    ] = None,
    interval: Annotated[
        float,
        typer.Option(min=0.2, max=60, metavar="SECONDS", help=help_text("每隔几秒更新", "Seconds between two looks")),
    ] = 2.0,
    once: Annotated[
        bool,
        typer.Option(
            "--once",
            help=help_text("看两次后打印并结束，供脚本使用", "Look twice, print and end: for scripts"),
        ),
    ] = False,
) -> int:
    urls = metrics or [url.strip() for url in os.environ.get("HUTONG_METRICS", DEFAULT).split(",") if url.strip()]
    if len(urls) > _MOST or len(set(urls)) < len(urls):
        raise UsageFault(say("--metrics 重复或过多。", "--metrics: one page twice, or too many."))
    if not all(url.startswith(("http://", "https://")) for url in urls):
        raise UsageFault(say("--metrics 须为 http:// 地址。", "--metrics is an http:// address."))
    sources = [Source(url if "/" in url.split("//", 1)[-1] else f"{url}/metrics") for url in urls]
    try:
        if once or at.json:
            return await _once(at, sources, interval)
        await _live(at, sources, interval)
    except asyncio.CancelledError:
        # ^C is how it ends.
        return 0
    return 0


async def _once(at: Session, sources: Sequence[Source], interval: float) -> int:
    await _look(sources, interval)
    if any(source.pages for source in sources):
        await asyncio.sleep(interval)
        await _look(sources, interval)
    found = reading(sources)
    faults = {source.url: source.fault for source in sources if source.fault}
    if at.json:
        print_json({**(_document(found) if found else {}), "unreachable": faults})
    elif found is not None:
        at.out.print(_shown(at, found, sources, at.out))
    else:
        for url, fault in faults.items():
            at.err.print(Text(f"{url}: {fault}", style="bold red"))
    return 0 if found is not None else UNAVAILABLE


async def _live(at: Session, sources: Sequence[Source], interval: float) -> None:
    found: Reading | None = None
    if not at.out.is_terminal:
        while True:
            await _look(sources, interval)
            found = reading(sources) or found
            at.out.print(_shown(at, found, sources, at.out))
            at.out.print()
            await asyncio.sleep(interval)
    with Live(console=at.out, screen=True, auto_refresh=False, transient=True) as live:
        while True:
            await _look(sources, interval)
            found = reading(sources) or found
            live.update(_shown(at, found, sources, at.out), refresh=True)
            await asyncio.sleep(interval)


def _shown(at: Session, found: Reading | None, sources: Sequence[Source], console: Console) -> RenderableType:
    height = console.height if console.is_terminal else _TALL
    return dashboard(found, sources, at.language, height=height, width=console.width)


async def _look(sources: Sequence[Source], interval: float) -> None:
    """Reads all pages at once. One that does not come within the interval is not there."""

    async def one(source: Source) -> None:
        source.take(await asyncio.to_thread(_fetched, source.url, max(1.0, interval)))

    await asyncio.gather(*map(one, sources))


def _document(found: Reading) -> dict[str, object]:
    values = {each.name: getattr(found, each.name) for each in fields(found)}
    return {
        name: [each._asdict() for each in value] if isinstance(value, tuple) else value
        for name, value in values.items()
    }


def _fetched(url: str, timeout: float) -> Page | NoPage:
    try:
        return fetch(url, timeout)
    except NoPage as error:
        return error
