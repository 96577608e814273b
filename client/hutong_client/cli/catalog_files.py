"""Importing catalogue files: reading them, sending them, showing the difference."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

from hutong.v1 import catalog_service_pb2 as catalog
from rich.console import Console
from rich.text import Text

from hutong_client.cli.labels import enum_label
from hutong_client.cli.language import Language, say
from hutong_client.cli.output import as_dict, cell, table
from hutong_client.cli.session import Session, UsageFault
from hutong_client.errors import CatalogInvalid
from hutong_client.rule_calls import IMPORT_DEADLINE

SUFFIXES = (".yaml", ".yml", ".csv")
MAX_LISTED = 200
"""Differences that the table for people lists; --json has up to 10,000."""


async def import_files(
    at: Session,
    paths: Sequence[Path],
    *,
    dry_run: bool,
    comment: str,
    activate_at: datetime | date | None = None,
    kind: str = "",
) -> None:
    """Imports the files, now or at that moment, or with `dry_run` shows the difference.

    `kind`: what CSV files hold whatever they are called; else their names say it.
    """
    files = read_files(paths)
    called = {_named(name, kind): name for name, _ in files}
    sent = [(_named(name, kind), content) for name, content in files]
    async with at.connect(IMPORT_DEADLINE) as client:
        try:
            answer = await client.admin.import_catalog(sent, dry_run=dry_run, comment=comment, activate_at=activate_at)
        except CatalogInvalid as error:
            faults = [replace(each, path=_place(each.path, called)) for each in error.violations]
            raise CatalogInvalid(error.reason, error.code, error.message, faults, error.request_id) from None
    at.give(as_dict(answer), lambda console: _show(answer, console, at.language, dry_run=dry_run))


def read_files(paths: Sequence[Path]) -> list[tuple[str, bytes]]:
    """(name, content) of each file, and of the YAML and CSV files of each directory, sorted. Names as given."""
    found = [
        file
        for path in paths
        for file in (sorted(each for each in path.rglob("*") if each.suffix in SUFFIXES) if path.is_dir() else [path])
    ]
    if not found:
        raise UsageFault(say("没有找到 .yaml 或 .csv 文件。", "No .yaml or .csv files were found."))
    return [(str(file), file.read_bytes()) for file in found]


def _named(name: str, kind: str) -> str:
    """The name by which a file is sent: one that says what is in it."""
    path = Path(name)
    if not kind or path.suffix != ".csv" or path.name.startswith(kind):
        return name
    return str(path.with_name(f"{kind}-{path.name}"))


def _place(place: str, called: Mapping[str, str]) -> str:
    """A place as it is called here: file:line:column."""
    sent = next((name for name in called if place.startswith(f"{name}:")), "")
    return called[sent] + place.removeprefix(sent) if sent else place


def _show(answer: catalog.ImportCatalogResponse, console: Console, language: Language, *, dry_run: bool) -> None:
    zh = language == "zh"
    if answer.changes and not dry_run and not answer.pending_id:
        # What was imported is counted; the dry run before it shows each.
        _show_counts(answer, console, language)
    else:
        show_changes(answer.changes, answer.change_count, console, language)
        _show_counts(answer, console, language)
    whole = ", ".join(f"{kind} {count}" for kind, count in sorted(answer.entries.items()))
    if whole:
        console.print(cell(("条目：" if zh else "Entries: ") + whole, "dim"))
    done = "已导入" if zh else "imported"
    if answer.pending_id:
        done = f"待生效，编号 {answer.pending_id}" if zh else f"waits for its moment as {answer.pending_id}"
    elif dry_run:
        done = "仅演练，未作改变" if zh else "dry run, nothing was changed"
    count = f"差异 {answer.change_count} 处" if zh else f"differences: {answer.change_count}"
    version = f"规则第 {answer.rules_version} 版" if zh else f"rules version {answer.rules_version}"
    console.print(Text(f"{count}；{done}；{version}" if zh else f"{count}; {done}; {version}", style="bold"))


def _show_counts(answer: catalog.ImportCatalogResponse, console: Console, language: Language) -> None:
    """How many entries of each kind are new, different, gone, and as they were."""
    if answer.change_count > len(answer.changes) or not answer.stated:
        return
    counts = Counter((change.kind, change.change) for change in answer.changes)
    zh = language == "zh"
    labels = [enum_label(catalog.ChangeKind.DESCRIPTOR, number, language) for number in _STYLES]
    summary = table("类别" if zh else "Kind", *labels, "未变" if zh else "unchanged", numbers=range(1, len(labels) + 2))
    for kind in sorted({*answer.stated, *(kind for kind, _ in counts)}):
        touched = counts[kind, catalog.CHANGE_KIND_ADDED] + counts[kind, catalog.CHANGE_KIND_CHANGED]
        numbers = [
            cell(str(counts[kind, number]), style if counts[kind, number] else "") for number, style in _STYLES.items()
        ]
        summary.add_row(cell(kind), *numbers, str(answer.stated.get(kind, 0) - touched))
    console.print(summary)


def show_changes(changes: Sequence[catalog.CatalogChange], count: int, console: Console, language: Language) -> None:
    """Prints differences, the first of many."""
    zh = language == "zh"
    if not changes:
        return
    shown = table(
        "变化" if zh else "Change", "类别" if zh else "Kind", "条目" if zh else "Key", "内容" if zh else "Content"
    )
    for change in changes[:MAX_LISTED]:
        style = _STYLES.get(change.change, "")
        label = enum_label(catalog.ChangeKind.DESCRIPTOR, change.change, language)
        shown.add_row(cell(label, style), cell(change.kind), cell(change.key), cell(_difference(change)))
    console.print(shown)
    if count > MAX_LISTED:
        more = count - MAX_LISTED
        console.print(Text(f"另有 {more} 处，见 --json。" if zh else f"{more} more: see --json."))


_STYLES = {
    catalog.CHANGE_KIND_ADDED: "green",
    catalog.CHANGE_KIND_REMOVED: "red",
    catalog.CHANGE_KIND_CHANGED: "yellow",
}


def _difference(change: catalog.CatalogChange) -> str:
    before, after = _fields(change.before), _fields(change.after)
    if change.change != catalog.CHANGE_KIND_CHANGED:
        whole = after or before
        called = next((whole[name] for name in ("name_zh", "name", "name_en") if name in whole), "")
        # What has no name is told by what it states beyond its key.
        key = change.key.split("|")
        return called or "\n".join(f"{name}: {value}" for name, value in whole.items() if value not in key)
    keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    return "\n".join(f"{key}: {before.get(key, '—')} → {after.get(key, '—')}" for key in keys)


def _fields(body: str) -> dict[str, str]:
    try:
        parsed = json.loads(body) if body else {}
    except ValueError:
        return {"": body}
    if not isinstance(parsed, dict):
        return {"": body}
    return {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in parsed.items()
        if value not in ("", [], None)
    }
