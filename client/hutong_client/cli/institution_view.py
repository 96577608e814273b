"""How an institution is shown: who it is, and at a glance how it does. Readable on 100 columns."""

from collections.abc import Iterable
from datetime import UTC, datetime

from hutong.v1 import catalog_service_pb2 as catalog
from hutong.v1 import certificate_service_pb2 as certs
from hutong.v1 import report_pb2 as v1
from hutong.v1 import statistics_service_pb2 as statistics
from rich.console import Console
from rich.text import Text

from hutong_client.cli.labels import enum_label, reason_label
from hutong_client.cli.language import Language
from hutong_client.cli.output import cell, local_time, table

LISTED = 10
"""Codes without an item that are listed."""
_SOON = 30
"""Days left of a certificate that are few for one that no client renews by itself; of a week's, those that are its
last third."""

Fact = tuple[str, str, str]
"""Name, value, style."""


def states(each: catalog.Institution, language: Language) -> list[str]:
    """How an institution stands, in words."""
    found = [enum_label(catalog.InstitutionState.DESCRIPTOR, each.state, language)]
    if each.HasField("quality_suspended_since"):
        since = local_time(each.quality_suspended_since)
        found.append(f"自 {since} 起不互认" if language == "zh" else f"quality suspended since {since}")
    if each.feed_behind:
        found.append("上传滞后" if language == "zh" else "feed is behind")
    if each.feed_not_resumed:
        found.append("恢复后尚未续传" if language == "zh" else "feed has not gone on since the registry was restored")
    return found


def show_institution(each: catalog.Institution, console: Console, language: Language) -> None:
    """Prints who it is."""
    zh = language == "zh"
    active = each.state == catalog.INSTITUTION_STATE_ACTIVE and not each.HasField("quality_suspended_since")
    facts = [
        ("编码" if zh else "Code", each.code, ""),
        ("名称" if zh else "Name", each.name, ""),
        ("级别" if zh else "Tier", enum_label(v1.Tier.DESCRIPTOR, each.tier, language), ""),
        ("区划" if zh else "Region", each.region, ""),
        ("医联体" if zh else "Alliances", ", ".join(each.alliances) or "—", ""),
        (
            "状态" if zh else "State",
            "; ".join(states(each, language)),
            "" if active and not (each.feed_behind or each.feed_not_resumed) else "yellow",
        ),
        ("上传间隔" if zh else "Feed interval", _interval(each, zh), ""),
        ("最近上传" if zh else "Last heard", _heard(each, zh), "yellow" if each.feed_behind else ""),
        ("报告数" if zh else "Reports", str(each.reports), ""),
        ("待核对" if zh else "Held", str(each.held), "yellow" if each.held else ""),
    ]
    _facts(facts, console)


def show_overview(
    seen: catalog.GetInstitutionResponse,
    unmapped: catalog.ListUnmappedCodesResponse,
    given: statistics.StatisticsRow,
    received: statistics.StatisticsRow,
    console: Console,
    language: Language,
) -> None:
    """Prints everything about one institution. What others may not see is left out."""
    zh = language == "zh"
    show_institution(seen.institution, console, language)
    if not seen.HasField("intake"):
        text = (
            "证书与数据质量仅平台与本机构可见。"
            if zh
            else "Certificates and data quality are for itself and the operator."
        )
        console.print(Text(text, style="dim"))
        return
    _heading("证书" if zh else "Certificates", console)
    _certificates(seen.certificates, console, zh)
    days = f"{seen.intake.first_day} – {seen.intake.last_day}"
    _heading(f"数据质量 {days}" if zh else f"Data quality {days}", console)
    _intake(seen.intake, console, language)
    _unmapped(seen.institution.code, unmapped, console, zh)
    _heading(f"互认 {days}" if zh else f"Recognition {days}", console)
    _recognition(given, received, console, zh)


def _certificates(found: Iterable[certs.Certificate], console: Console, zh: bool) -> None:
    listed = table(
        "角色" if zh else "Role", "到期" if zh else "Ends", "剩余" if zh else "Left", "序列号" if zh else "Serial"
    )
    count = 0
    for each in found:
        count += 1
        days = (each.not_after.seconds - datetime.now(UTC).timestamp()) / 86_400
        life = (each.not_after.seconds - each.not_before.seconds) / 86_400
        late = days < min(_SOON, life / 3)
        left = f"{days:.0f} 天" if zh else f"{days:.0f} days"
        listed.add_row(
            cell(each.role), local_time(each.not_after), cell(left, "yellow" if late else ""), cell(each.serial)
        )
    if count:
        console.print(listed)
    else:
        text = (
            "没有有效证书；以 hutong admin enroll-token 发放令牌"
            if zh
            else "none is good; hutong admin enroll-token makes a token"
        )
        console.print(Text(text, style="yellow"))


def _intake(intake: catalog.Intake, console: Console, language: Language) -> None:
    zh = language == "zh"
    whole = intake.reports + intake.rejected
    _facts(
        [
            ("接收报告" if zh else "Reports", str(intake.reports), ""),
            ("待核对" if zh else "Held", _of(intake.held, intake.reports), "yellow" if intake.held else ""),
            (
                "出具 24 小时后才到" if zh else "Late by over 24 h",
                _of(intake.late, intake.reports),
                "yellow" if intake.late else "",
            ),
            ("拒收" if zh else "Rejected", _of(intake.rejected, whole), "yellow" if intake.rejected else ""),
        ],
        console,
    )
    if not intake.issues:
        return
    listed = table(
        "问题" if zh else "What was amiss",
        "字段" if zh else "Field",
        "后果" if zh else "So it was",
        "报告数" if zh else "Reports",
        numbers=(3,),
    )
    for each in intake.issues:
        became = ("拒收" if zh else "rejected") if each.refused else ("提醒" if zh else "warned of")
        listed.add_row(
            cell(reason_label(each.reason, language)),
            cell(each.field),
            cell(became, "yellow" if each.refused else ""),
            _of(each.reports, whole),
        )
    console.print(listed)


def _unmapped(code: str, found: catalog.ListUnmappedCodesResponse, console: Console, zh: bool) -> None:
    share = found.unmapped_per_mille.get(code, 0)
    words = f"未对照结果占 {share / 10:g} %" if zh else f"{share / 10:g} % of all results lead to no item"
    count = len(found.codes)
    most = f"，共 {count} 个编码" if zh else f", {count} codes"
    console.print(Text(words + most, style="yellow" if share else ""))
    if not count:
        return
    listed = table(
        "编码" if zh else "Code",
        "名称" if zh else "Called",
        "次数" if zh else "Times",
        "最近" if zh else "Last seen",
        numbers=(2,),
    )
    for each in found.codes[:LISTED]:
        listed.add_row(cell(each.code), cell(each.display), str(each.occurrences), local_time(each.last_seen_at))
    console.print(listed)
    if count > LISTED:
        rest = f"其余 {count - LISTED} 个：" if zh else f"{count - LISTED} more: "
        console.print(Text(f"{rest}hutong admin rules unmapped --institution {code}", style="dim"))


def _recognition(
    given: statistics.StatisticsRow, received: statistics.StatisticsRow, console: Console, zh: bool
) -> None:
    listed = table(
        "",
        "可互认项次" if zh else "Eligible",
        "调阅" if zh else "Opened",
        "互认" if zh else "Recognized",
        "重复" if zh else "Repeated",
        "互认 / 可互认" if zh else "Recognized / eligible",
        "节省（元）" if zh else "Saved (yuan)",
        numbers=(1, 2, 3, 4, 5, 6),
    )
    for name, row in (
        ("本机构结果被他院互认" if zh else "Its results elsewhere", given),
        ("本机构互认他院结果" if zh else "Others' results here", received),
    ):
        counts = row.counts
        rate = f"{100 * counts.recognized / counts.returned:.1f} %" if counts.returned else "—"
        listed.add_row(
            name,
            str(counts.returned),
            str(counts.opened),
            str(counts.recognized),
            str(counts.repeated_all),
            rate,
            f"{counts.savings_fen / 100:,.2f}",
        )
    console.print(listed)


def _heading(text: str, console: Console) -> None:
    console.print()
    console.print(Text(text, style="bold"))


def _facts(facts: Iterable[Fact], console: Console) -> None:
    grid = table("", "")
    grid.show_header = False
    for name, text, style in facts:
        grid.add_row(Text(name, style="dim"), cell(text, style))
    console.print(grid)


def _of(part: int, whole: int) -> str:
    return f"{part} ({100 * part / whole:.1f} %)" if part and whole else str(part)


def _interval(each: catalog.Institution, zh: bool) -> str:
    return f"{each.feed_interval_hours} h" if each.feed_interval_hours else ("自动" if zh else "learned")


def _heard(each: catalog.Institution, zh: bool) -> str:
    if not each.HasField("last_received_at"):
        return "—"
    minutes = max(0, round((datetime.now(UTC).timestamp() - each.last_received_at.seconds) / 60))
    for size, words in ((1440, ("天", "d")), (60, ("小时", "h")), (1, ("分钟", "min"))):
        if minutes >= 2 * size or size == 1:
            ago = f"{minutes // size} {words[0]}前" if zh else f"{minutes // size} {words[1]} ago"
            return f"{local_time(each.last_received_at)} ({ago})"
    return local_time(each.last_received_at)
