"""hutong decide: what the doctor decided on lines of a prompt."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from hutong.v1 import error_reason_pb2
from hutong.v1 import reuse_service_pb2 as reuse
from rich.console import Console
from rich.text import Text

from hutong_client.cli.asking import (
    Authorization,
    Department,
    Encounter,
    EncounterClass,
    Practitioner,
    Purpose,
    context,
)
from hutong_client.cli.labels import enum_label
from hutong_client.cli.language import Language, help_text, say
from hutong_client.cli.output import as_dict, cell, clean, local_time
from hutong_client.cli.reports import date_option
from hutong_client.cli.session import DOCTOR_DEADLINE, Session, UsageFault
from hutong_client.decisions import decision

_WHICH = say("哪些提示项", "Which lines")
_WHAT = say("决定", "What was decided")

ChartFile = Annotated[
    Path | None,
    typer.Option(
        "--chart",
        metavar="FILE",
        help=help_text(
            "hutong chart 或 hutong order 的 --json 输出，“-”为标准输入；给出提示号与项目",
            "What hutong chart or hutong order printed with --json, - for stdin: prompt and items",
        ),
        rich_help_panel=_WHICH,
        show_default=False,
    ),
]
Prompt = Annotated[
    str,
    typer.Option(
        metavar="ID", help=help_text("提示号", "Id of the prompt"), rich_help_panel=_WHICH, show_default=False
    ),
]
Items = Annotated[
    list[str] | None,
    typer.Option(
        "--item",
        metavar="CODE",
        help=help_text(
            "项目编码，可多次；缺省为 --chart 的全部可互认项目", "Item, repeatable; by default all of --chart"
        ),
        rich_help_panel=_WHICH,
        show_default=False,
    ),
]
Recognize = Annotated[
    bool, typer.Option("--recognize", help=help_text("互认", "Rely on the result"), rich_help_panel=_WHAT)
]
Repeat = Annotated[
    str,
    typer.Option(
        "--repeat",
        metavar="GROUND",
        help=help_text("重新检查：本地区的情形编码", "Repeat the examination: code of the region's ground"),
        rich_help_panel=_WHAT,
        show_default=False,
    ),
]
Why = Annotated[
    str,
    typer.Option(
        "--text",
        metavar="TEXT",
        help=help_text("理由（不含患者信息），视情形必填", "Why, without patient data; some grounds ask for it"),
        rich_help_panel=_WHAT,
        show_default=False,
    ),
]
Revoke = Annotated[
    bool, typer.Option("--revoke", help=help_text("撤销此前的决定", "Take the decision back"), rich_help_panel=_WHAT)
]
At = Annotated[
    str,
    typer.Option(
        metavar="TIME",
        help=help_text(
            "作出决定的时间，缺省为现在；重发同一决定时须给出",
            "When it was decided, by default now; give it to send again",
        ),
        rich_help_panel=_WHAT,
        show_default=False,
    ),
]


async def decide(
    at: Session,
    practitioner: Practitioner,
    encounter: Encounter,
    chart: ChartFile = None,
    prompt: Prompt = "",
    item: Items = None,
    recognize: Recognize = False,
    repeat: Repeat = "",
    text: Why = "",
    revoke: Revoke = False,
    decided_at: At = "",
    department: Department = "",
    encounter_class: EncounterClass = "outpatient",
    purpose: Purpose = "treatment",
    authorization: Authorization = "",
) -> int:
    if [recognize, bool(repeat), revoke].count(True) != 1:
        raise UsageFault(
            say("须且只能给出 --recognize、--repeat、--revoke 之一。", "Give one of --recognize, --repeat, --revoke.")
        )
    kind = "recognized" if recognize else "repeated" if repeat else "revoked"
    moment = date_option(decided_at, "--decided-at") or datetime.now(UTC)
    prompt_id, items = _lines(chart, prompt, item or [])
    who = context(practitioner, encounter, department, encounter_class, purpose, authorization)
    decisions = [decision(prompt_id, each, kind, decided_at=moment, ground=repeat, text=text) for each in items]
    async with at.connect(DOCTOR_DEADLINE) as client:
        answer = await client.record_decisions(who, decisions)
    at.give(as_dict(answer), lambda console: _show(decisions, answer, console, at.language))
    kept = (reuse.DECISION_OUTCOME_RECORDED, reuse.DECISION_OUTCOME_ALREADY_RECORDED)
    return 0 if all(each.outcome in kept for each in answer.results) else 1


def _lines(chart: Path | None, prompt: str, items: list[str]) -> tuple[str, list[str]]:
    """Prompt and items of the options, and of a chart for what they leave open. Raises UsageFault."""
    if chart is not None:
        answer = _read(chart)
        prompt = prompt or str(answer.get("prompt_id", ""))
        items = items or list(dict.fromkeys(_offered(answer)))
    if not prompt:
        raise UsageFault(say("未指定提示：--chart 或 --prompt。", "Which prompt? Give --chart or --prompt."))
    if not items:
        raise UsageFault(say("没有可决定的项目：--item。", "Nothing to decide on: give --item."))
    return prompt, items


def _read(chart: Path) -> dict[str, Any]:
    content = sys.stdin.buffer.read() if str(chart) == "-" else chart.read_bytes()
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise UsageFault(
            say("--chart 须为 hutong chart --json 的输出。", "--chart is what hutong chart --json printed.")
        )
    return answer


def _offered(answer: dict[str, Any]) -> Iterator[str]:
    """Codes of the items with a line, of a chart or of an answer to orders."""
    try:
        lines = list(answer.get("lines", ()))
        for of_order in answer.get("answers", ()):
            lines += [each["line"] for each in of_order["items"] if each.get("line") and not each["already_decided"]]
        for line in lines:
            yield str(line["result"]["item"]["code"])
    except (KeyError, TypeError, AttributeError):
        raise UsageFault(
            say("--chart 须为 hutong chart --json 的输出。", "--chart is what hutong chart --json printed.")
        ) from None


def _show(
    decisions: list[reuse.Decision], answer: reuse.RecordDecisionsResponse, console: Console, language: Language
) -> None:
    zh = language == "zh"
    for sent, result in zip(decisions, answer.results, strict=True):
        good = result.outcome in (reuse.DECISION_OUTCOME_RECORDED, reuse.DECISION_OUTCOME_ALREADY_RECORDED)
        line = Text(clean(sent.item), style="bold")
        line.append(f"  {enum_label(reuse.DecisionKind.DESCRIPTOR, sent.kind, language)}  ", "not bold")
        outcome = enum_label(reuse.DecisionOutcome.DESCRIPTOR, result.outcome, language)
        line.append(outcome, "green" if good else "bold yellow")
        if result.HasField("price_fen"):
            yuan = f"{result.price_fen // 100}.{result.price_fen % 100:02}"
            line.append(f"  {yuan} 元" if zh else f"  {yuan} yuan", "dim")
        if result.revoked and sent.kind != reuse.DECISION_KIND_REVOKED:
            line.append("  已撤销，不再有效" if zh else "  taken back: nothing stands", "bold yellow")
        console.print(line)
        if result.outcome == reuse.DECISION_OUTCOME_CONFLICT:
            standing = result.standing
            kind = enum_label(reuse.DecisionKind.DESCRIPTOR, standing.kind, language)
            told = " ".join(part for part in (local_time(standing.decided_at), kind, standing.ground) if part)
            console.print(cell(f"  已有决定：{told}" if zh else f"  on record: {told}"))
        if result.message:
            reason = enum_label(error_reason_pb2.ErrorReason.DESCRIPTOR, result.reason, language)
            console.print(cell(f"  {reason}: {result.path} {result.message}"))
        if result.HasField("citation"):
            console.print(cell(result.citation.text_zh if zh else result.citation.text_en), soft_wrap=True)
