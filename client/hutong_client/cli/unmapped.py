"""hutong admin rules unmapped: codes that lead to no item, and a file in which to map them."""

import csv
import io
import json
import sys
from typing import Annotated

import typer
from hutong.v1 import catalog_service_pb2 as catalog
from rich.console import Console
from rich.text import Text

from hutong_client.cli.language import Language, help_text, say
from hutong_client.cli.output import as_dict, cell, local_time, table
from hutong_client.cli.session import ADMIN_DEADLINE, Session, UsageFault
from hutong_client.clients import HutongClient

COLUMNS = (
    "institution", "system", "code", "specimen", "collection", "body_part", "laterality", "method", "contrast",
    "item", "valid_from", "valid_to", "note",
)  # fmt: skip


async def unmapped(
    at: Session,
    institution: Annotated[
        str, typer.Option(metavar="CODE", help=help_text("只列此机构", "Only those of this institution"))
    ] = "",
    least: Annotated[
        int, typer.Option(min=1, metavar="N", help=help_text("至少出现几次", "Only what occurs this often"))
    ] = 1,
    as_csv: Annotated[
        bool,
        typer.Option(
            "--csv",
            help=help_text(
                "输出可填写的对照文件：已有对照在前，未对照的填入 item 后导入（导入会整体替换该机构的对照）",
                "A mapping file to fill in: the mappings there are, then the unmapped codes without their item; "
                "its import replaces the institution's mappings whole",
            ),
        ),
    ] = False,
) -> None:
    if as_csv and at.json:
        raise UsageFault(say("--csv 与 --json 不能同时使用。", "Either --csv or --json."))
    whole = catalog.ListUnmappedCodesResponse()
    mappings: list[dict[str, str]] = []
    async with at.connect(ADMIN_DEADLINE) as client:
        async for page in client.admin.unmapped_pages(institution):
            whole.codes.extend(each for each in page.codes if each.occurrences >= least)
            whole.unmapped_per_mille.update(page.unmapped_per_mille)
        if as_csv:
            mappings = await _mappings(client, {each.institution.code for each in whole.codes})
    if as_csv:
        _write(mappings, whole)
    else:
        at.give(as_dict(whole), lambda console: _show(whole, console, at.language))


async def _mappings(client: HutongClient, institutions: set[str]) -> list[dict[str, str]]:
    found = []
    async for page in client.admin.catalog_pages("mapping"):
        bodies = (json.loads(entry.body) for entry in page.entries)
        found += [body for body in bodies if body["institution"] in institutions]
    return found


def _write(mappings: list[dict[str, str]], found: catalog.ListUnmappedCodesResponse) -> None:
    text = io.StringIO()
    rows = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    rows.writeheader()
    rows.writerows(mappings)
    for each in found.codes:
        times = say(f"{each.occurrences} 次", f"{each.occurrences} times")
        rows.writerow(
            {
                "institution": each.institution.code,
                "system": each.system,
                "code": each.code,
                "note": f"{each.display} ({times})" if each.display else times,
            }
        )
    sys.stdout.buffer.write(text.getvalue().encode())
    sys.stdout.buffer.flush()


def _show(found: catalog.ListUnmappedCodesResponse, console: Console, language: Language) -> None:
    zh = language == "zh"
    shown = table(
        "机构" if zh else "Institution",
        "次数" if zh else "Times",
        "编码" if zh else "Code",
        "名称" if zh else "Called",
        "编码系统" if zh else "System",
        "最近" if zh else "Last seen",
        numbers=(1,),
    )
    for each in found.codes:
        shown.add_row(
            cell(f"{each.institution.code} {each.institution.name}".strip()),
            str(each.occurrences),
            cell(each.code),
            cell(each.display),
            cell(each.system),
            local_time(each.last_seen_at),
        )
    if found.codes:
        console.print(shown)
    shares = sorted(found.unmapped_per_mille.items(), key=lambda each: (-each[1], each[0]))
    heading = "未对照结果占比" if zh else "Share of results without an item"
    listed = ", ".join(f"{code} {share / 10:g} %" for code, share in shares if share)
    console.print(Text(f"{heading}: {listed or '0 %'}", style="dim"))
