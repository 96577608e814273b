"""hutong admin rules history, activate, rollback: versions of the rules, and what waits for its moment."""

from typing import Annotated

import typer
from hutong.v1 import catalog_service_pb2 as catalog
from rich.console import Console
from rich.text import Text

from hutong_client.cli.catalog_files import show_changes
from hutong_client.cli.labels import enum_label
from hutong_client.cli.language import Language, help_text, say
from hutong_client.cli.output import as_dict, cell, local_time, table, zone
from hutong_client.cli.rules import ActivateAt, Comment, moment_option
from hutong_client.cli.session import ADMIN_DEADLINE, Session, UsageFault

Pending = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help=help_text("待生效导入的编号，见 history", "Id of the import, from history"),
        show_default=False,
    ),
]


async def history(
    at: Session,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help=help_text("最多列出几个", "At most this many"))] = 50,
) -> None:
    found: list[catalog.CatalogVersion] = []
    async with at.connect(ADMIN_DEADLINE) as client:
        async for version in client.admin.catalog_versions(page_size=min(limit, 1000)):
            found.append(version)
            if len(found) >= limit:
                break

    def show(console: Console) -> None:
        _table(found, console, at.language)

    at.give({"versions": [as_dict(each) for each in found]}, show)


def _table(found: list[catalog.CatalogVersion], console: Console, language: Language) -> None:
    zh = language == "zh"
    shown = table(
        "版本" if zh else "Version",
        "状态" if zh else "State",
        f"生效 ({zone()})" if zh else f"In force from ({zone()})",
        "变化" if zh else "Changes",
        "操作者" if zh else "By",
        "说明" if zh else "Why",
        numbers=(3,),
    )
    for each in found:
        shown.add_row(
            cell(str(each.version) if each.version else each.pending_id),
            cell(enum_label(catalog.CatalogVersionState.DESCRIPTOR, each.state, language), _STYLES.get(each.state, "")),
            local_time(each.active_from),
            str(each.change_count),
            cell(each.made_by),
            cell(each.comment),
        )
    console.print(shown)


_STYLES = {
    catalog.CATALOG_VERSION_STATE_IN_FORCE: "green",
    catalog.CATALOG_VERSION_STATE_PENDING: "yellow",
    catalog.CATALOG_VERSION_STATE_FAILED: "red",
}


async def activate(
    at: Session,
    pending: Pending,
    activate_at: ActivateAt = "",
    cancel: Annotated[bool, typer.Option("--cancel", help=help_text("取消", "Cancel it instead"))] = False,
    comment: Comment = "",
) -> None:
    if cancel and activate_at:
        raise UsageFault(say("--cancel 与 --activate-at 不能同时使用。", "Either --cancel or --activate-at."))
    moment = moment_option(activate_at, "--activate-at")
    async with at.connect(ADMIN_DEADLINE) as client:
        version = await client.admin.activate_catalog(pending, activate_at=moment, cancel=cancel, comment=comment)
    at.give(as_dict(version), lambda console: _table([version], console, at.language))


async def rollback(
    at: Session,
    version: Annotated[
        int,
        typer.Argument(
            metavar="VERSION", help=help_text("恢复到哪个版本的内容", "The version to go back to"), show_default=False
        ),
    ],
    comment: Comment = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help=help_text("只看差异，不作改变", "Show the difference, keep nothing"))
    ] = False,
) -> None:
    if not comment and not dry_run:
        raise UsageFault(say("请用 --comment 说明原因。", "Say why with --comment."))
    async with at.connect(ADMIN_DEADLINE) as client:
        answer = await client.admin.roll_back_catalog(version, comment=comment, dry_run=dry_run)

    def show(console: Console) -> None:
        show_changes(answer.changes, answer.change_count, console, at.language)
        count, now = answer.change_count, answer.rules_version
        words = say(f"差异 {count} 处；规则第 {now} 版", f"differences: {count}; rules version {now}")
        console.print(Text(words + (say("（仅演练）", " (dry run)") if dry_run else ""), style="bold"))
        later = say("之后登记的机构保留，停用状态不变。", "Institutions that came later stay, and so do suspensions.")
        console.print(Text(later, style="dim"))

    at.give(as_dict(answer), show)
