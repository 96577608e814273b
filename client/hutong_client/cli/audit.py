"""hutong admin access-log: who has seen a patient's results; hutong verify-proof: a proof, checked with a key alone."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from hutong.v1 import audit_service_pb2 as audit
from rich.console import Console
from rich.text import Text

from hutong_client.cli.failures import DONE, REFUSED, USAGE
from hutong_client.cli.language import help_text, say
from hutong_client.cli.output import as_dict, cell, clean, local_time, print_json, stderr, stdout, table
from hutong_client.cli.patient_source import PatientFile, read_patient
from hutong_client.cli.reports import date_option
from hutong_client.cli.session import ADMIN_DEADLINE, Session
from hutong_client.proofs import Inclusion, ProofInvalid, verify_proof

_MOST_BYTES = 16 << 20

Purpose = Annotated[
    str,
    typer.Option(
        metavar="TEXT",
        help=help_text("查询事由，存档用；不含患者信息", "Why it is asked, for the record; no patient data"),
        show_default=False,
    ),
]
From = Annotated[
    str, typer.Option("--from", metavar="DATE", help=help_text("起始日期", "Only from this day on"), show_default=False)
]
Before = Annotated[
    str, typer.Option(metavar="DATE", help=help_text("终止日期（不含）", "Only before this day"), show_default=False)
]
LedgerKey = Annotated[
    str,
    typer.Option(
        envvar="HUTONG_LEDGER_VERIFIER",
        metavar="VKEY",
        help=help_text(
            "核验公钥；缺省用平台给出的公钥，则只能证明平台前后一致",
            "Key to verify proofs with; by default the one that the registry gives, which proves less",
        ),
        show_default=False,
    ),
]


async def access_log(
    at: Session,
    purpose: Purpose,
    patient_file: PatientFile = None,
    since: From = "",
    before: Before = "",
    limit: Annotated[
        int, typer.Option(min=1, metavar="N", help=help_text("最多列出多少条", "List at most this many"))
    ] = 100,
    ledger_key: LedgerKey = "",
) -> int:
    patient = read_patient(patient_file)
    begins, ends = date_option(since, "--from"), date_option(before, "--before")
    found: list[tuple[audit.Access, bool]] = []
    async with at.connect(ADMIN_DEADLINE) as client:
        key = ledger_key or (await client.audit.checkpoints()).public_key
        pages = client.audit.accesses(patient, purpose=purpose, since=begins, before=ends, page_size=min(limit, 100))
        listed = []
        async for access in pages:
            listed.append(access)
            if len(listed) >= limit:
                break
        for access in listed:
            try:
                proved = await client.audit.verify(access.leaf_id, key)
            except ProofInvalid:
                found.append((access, False))
            else:
                found.append((access, _says_the_same(access, proved)))
    unproved = sum(not proved for _, proved in found)

    def show(console: Console) -> None:
        _show(found, console, at.language == "zh")

    at.give({"accesses": [as_dict(access) | {"proved": proved} for access, proved in found]}, show)
    if unproved:
        text = say(f"{unproved} 条未能核验", f"{unproved} of {len(found)} do not verify")
        at.err.print(Text(text, style="bold red"))
    return REFUSED if unproved else DONE


def _says_the_same(access: audit.Access, proved: Inclusion) -> bool:
    """Whether the leaf that was proved is the access that was listed."""
    leaf, who = proved.leaf, proved.leaf.get("who", {})
    return (
        leaf.get("at") == access.at.seconds * 1000 + access.at.nanos // 1_000_000
        and leaf.get("method") == access.method
        and leaf.get("outcome") == access.outcome
        and who.get("institution", "") == access.institution
        and who.get("practitioner", "") == access.practitioner
        and len(leaf.get("reports", ())) == access.reports
    )


def _show(found: list[tuple[audit.Access, bool]], console: Console, zh: bool) -> None:
    if not found:
        console.print(Text("没有记录" if zh else "Nothing is on record"))
        return
    shown = table(
        "时间" if zh else "When",
        "机构" if zh else "Institution",
        "医师" if zh else "Practitioner",
        "调用" if zh else "Call",
        "目的" if zh else "Why",
        "依据" if zh else "Ground",
        "报告" if zh else "Reports",
        "核验" if zh else "Proved",
    )
    for access, proved in found:
        shown.add_row(
            local_time(access.at),
            cell(access.institution),
            cell(" ".join(part for part in (access.practitioner, access.department) if part)),
            cell(access.method),
            cell(access.purpose),
            cell(access.consent_basis),
            str(access.reports),
            Text(("是" if zh else "yes") if proved else ("否" if zh else "NO"), style="" if proved else "bold red"),
        )
    console.print(shown)
    console.print(Text(f"共 {len(found)} 条" if zh else f"{len(found)} accesses", style="dim"))


def check_proof(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help=help_text("证明文件 (JSON)，- 为标准输入", "Proof, JSON; - for stdin")),
    ],
    key: Annotated[
        str,
        typer.Option(
            "--key",
            metavar="VKEY",
            help=help_text(
                "平台公布的核验公钥（hutong-server audit checkpoint --key）",
                "The registry's published verifier key (hutong-server audit checkpoint --key)",
            ),
        ),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help=help_text("输出 JSON", "One JSON document on stdout"))
    ] = False,
) -> None:
    """Needs no registry, no certificate and no network."""
    try:
        raw = sys.stdin.buffer.read(_MOST_BYTES) if str(file) == "-" else file.read_bytes()[:_MOST_BYTES]
        proof = json.loads(raw)
    except (OSError, ValueError, RecursionError):
        _end(say("读不出证明文件。", "The proof cannot be read."), USAGE)
    try:
        proved = verify_proof(proof if isinstance(proof, dict) else {}, key)
    except ProofInvalid as error:
        if as_json:
            print_json({"valid": False, "error": str(error)})
        _end(say("核验失败", "The proof does NOT hold") + f": {error}", REFUSED)
    if isinstance(proved, Inclusion):
        at = proved.checkpoint
        document: dict[str, object] = {
            "valid": True,
            "origin": at.origin,
            "size": at.size,
            "leaf_index": proved.leaf_index,
            "leaf": proved.leaf,
        }
        words = f"{at.origin}: {say('条目', 'leaf')} {proved.leaf_index} / {at.size}"
        text = json.dumps(proved.leaf, ensure_ascii=False, indent=1)
    else:
        document = {"valid": True, "origin": proved.new.origin, "old": proved.old.size, "new": proved.new.size}
        words = f"{proved.new.origin}: {proved.old.size} → {proved.new.size}"
        text = say("此前的条目未被改动", "nothing before the older checkpoint was changed")
    if as_json:
        print_json(document)
        return
    console = stdout()
    console.print(Text(say("核验通过", "The proof holds"), style="bold green"))
    console.print(Text(words), soft_wrap=True)
    console.print(Text(clean(text)), soft_wrap=True)


def _end(text: str, status: int) -> None:
    stderr().print(Text(text, style="bold red"), soft_wrap=True)
    raise typer.Exit(status)
