"""hutong admin rules: the catalogue that says what may be reused."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from hutong.v1 import catalog_service_pb2 as catalog
from rich.console import Console
from rich.text import Text

from hutong_client.cli.catalog_files import import_files, read_files, show_changes
from hutong_client.cli.failures import DONE, REFUSED
from hutong_client.cli.language import help_text, say
from hutong_client.cli.output import as_dict, cell, clean, table
from hutong_client.cli.reports import date_option
from hutong_client.cli.session import ADMIN_DEADLINE, Session, UsageFault
from hutong_client.rule_calls import IMPORT_DEADLINE

Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE|DIR…",
        help=help_text("目录文件（.yaml、.csv）或其目录", "Catalogue files (.yaml, .csv) or directories of them"),
        show_default=False,
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help=help_text("只看差异，不作改变", "Show the difference, keep nothing"))
]
Comment = Annotated[str, typer.Option(help=help_text("说明，存档用", "Why, for the record"), show_default=False)]


ActivateAt = Annotated[
    str,
    typer.Option(
        "--activate-at",
        metavar="DATE",
        help=help_text(
            "生效时间：YYYY-MM-DD（地区时区当日零时）或 YYYY-MM-DDTHH:MM；缺省立即生效",
            "When it comes into force: YYYY-MM-DD (of the region) or YYYY-MM-DDTHH:MM; by default at once",
        ),
        show_default=False,
    ),
]


def moment_option(word: str, name: str) -> datetime | date | None:
    """A day of the region, or a moment; without zone it is of this computer's. Raises UsageFault."""
    try:
        return date.fromisoformat(word) if word else None
    except ValueError:
        return date_option(word, name)


async def import_(
    at: Session, files: Files, dry_run: DryRun = False, comment: Comment = "", activate_at: ActivateAt = ""
) -> None:
    moment = moment_option(activate_at, "--activate-at")
    await import_files(at, files, dry_run=dry_run, comment=comment, activate_at=moment)


async def validate(at: Session, files: Files) -> int:
    async with at.connect(IMPORT_DEADLINE) as client:
        faults = await client.admin.validate_catalog(read_files(files))

    def show_faults(console: Console) -> None:
        for fault in faults:
            console.print(Text(clean(f"{fault.path}: {fault.description}")), soft_wrap=True)
        words = say(f"错误 {len(faults)} 处", f"errors: {len(faults)}")
        console.print(Text(words, style="bold red" if faults else "bold green"))

    listed = [{"place": fault.path, "message": fault.description} for fault in faults]
    at.give({"faults": listed}, show_faults)
    return REFUSED if faults else DONE


async def diff(
    at: Session,
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="VERSION|FILE…",
            help=help_text(
                "目录文件，与现行目录比较；或一两个版本号",
                "Catalogue files, compared with what is in force; or one or two versions (to the one in force)",
            ),
            show_default=False,
        ),
    ],
) -> None:
    if not all(word.isdecimal() for word in what):
        await import_files(at, [Path(word) for word in what], dry_run=True, comment="")
        return
    if len(what) > 2:
        raise UsageFault(say("最多两个版本号。", "At most two versions."))
    async with at.connect(IMPORT_DEADLINE) as client:
        answer = await client.admin.diff_catalog(*map(int, what))

    def print_changes(console: Console) -> None:
        show_changes(answer.changes, answer.change_count, console, at.language)
        count = answer.change_count
        console.print(Text(say(f"差异 {count} 处", f"differences: {count}"), style="bold"))

    at.give(as_dict(answer), print_changes)


async def show(
    at: Session,
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help=help_text(
                "类别：item、mapping、panel、grant、price、override、rule、institution 等；缺省为机构以外的全部",
                "Kind: item, mapping, panel, grant, price, override, rule, ground, institution and others; "
                "by default all but institutions",
            ),
            show_default=False,
        ),
    ] = "",
) -> None:
    whole = catalog.ListCatalogEntriesResponse()
    async with at.connect(ADMIN_DEADLINE) as client:
        async for page in client.admin.catalog_pages(kind):
            whole.entries.extend(page.entries)
            whole.rules_version = page.rules_version

    def print_entries(console: Console) -> None:
        zh = at.language == "zh"
        shown = table("类别" if zh else "Kind", "条目" if zh else "Key", "内容" if zh else "Content")
        for entry in whole.entries:
            shown.add_row(cell(entry.kind), cell(entry.key), cell(entry.body))
        console.print(shown)
        count = len(whole.entries)
        foot = (
            f"{count} 条，规则第 {whole.rules_version} 版"
            if zh
            else f"{count} entries, rules version {whole.rules_version}"
        )
        console.print(Text(foot, style="dim"))

    at.give(as_dict(whole), print_entries)
