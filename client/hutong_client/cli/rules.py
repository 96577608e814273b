"""hutong admin rules: the catalogue that says what may be reused."""

from pathlib import Path
from typing import Annotated

import typer
from hutong.v1 import catalog_service_pb2 as catalog
from rich.console import Console
from rich.text import Text

from hutong_client.cli.catalog_files import import_files
from hutong_client.cli.language import help_text
from hutong_client.cli.output import as_dict, cell, table
from hutong_client.cli.session import ADMIN_DEADLINE, Session

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


async def import_(at: Session, files: Files, dry_run: DryRun = False, comment: Comment = "") -> None:
    await import_files(at, files, dry_run=dry_run, comment=comment)


async def diff(at: Session, files: Files) -> None:
    await import_files(at, files, dry_run=True, comment="")


async def show(
    at: Session,
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help=help_text(
                "类别：institution、item、mapping、grant、rule、ground、agreement、vocabulary 等；缺省全部",
                "Kind: item, mapping, grant, rule, ground, agreement, vocabulary and others; by default all",
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
