"""What is put into the chart for a recognised result, in Chinese and English: an outside result that is relied on is
noted in the chart (国卫医发〔2022〕6号), with its values as the source sent them.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from hutong_server.domain.recognition import RecognizedItem
from hutong_server.domain.report import Instant

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Citation:
    """What is said of the result. Values, units, ranges and flags are the source's own words."""

    item: RecognizedItem
    value: str
    issuer: str
    """Name, else code."""
    issuer_code: str
    report_id: str
    """As the institution was given it."""
    flags: tuple[str, ...] = ()
    """e.g. H, LL."""
    ranges: tuple[str, ...] = ()
    critical: bool = False
    taken: Instant | None = None
    taken_is_issue: bool = False
    """`taken` is only the time of issue."""
    mark: str = ""
    """Recognition mark, e.g. 浙HR."""
    corrected: bool = False
    """The source has sent another version since the doctor was shown the result."""


def chinese(cited: Citation, zone: tzinfo) -> str:
    """The text in Chinese. Times are in the region's zone."""
    value = cited.value + _within("（参考范围 {}）", cited.ranges, "；") + _within(" [{}]", cited.flags, "、")
    when = "报告时间" if cited.taken_is_issue else "检查检验时间"
    parts = [
        f"互认外院结果：{cited.item.name_zh or cited.item.code} {value}",
        "危急值" if cited.critical else "",
        f"{when} {_time(cited.taken, zone)}" if cited.taken is not None else "检查检验时间不详",
        f"出具机构 {_issuer(cited, '（{}）')}",
        f"互认标识 {cited.mark}" if cited.mark else "",
        "出具机构已更正，此为更正后的结果" if cited.corrected else "",
        f"报告号 {cited.report_id}",
    ]
    return "；".join(part for part in parts if part) + "。"


def english(cited: Citation, zone: tzinfo) -> str:
    """The text in English. Times are in the region's zone."""
    value = cited.value + _within(" (reference range {})", cited.ranges, "; ") + _within(" [{}]", cited.flags, ", ")
    when = "issued" if cited.taken_is_issue else "taken"
    parts = [
        f"Outside result recognized: {cited.item.name_en or cited.item.name_zh or cited.item.code} {value}",
        "CRITICAL VALUE" if cited.critical else "",
        f"{when} {_time(cited.taken, zone)}" if cited.taken is not None else "time of the test unknown",
        f"by {_issuer(cited, ' ({})')}",
        f"mark {cited.mark}" if cited.mark else "",
        "corrected by the issuer, this is the corrected result" if cited.corrected else "",
        f"report {cited.report_id}",
    ]
    return "; ".join(part for part in parts if part) + "."


def _within(form: str, texts: tuple[str, ...], between: str) -> str:
    said = between.join(text for text in texts if text)
    return form.format(said) if said else ""


def _issuer(cited: Citation, form: str) -> str:
    return cited.issuer if cited.issuer == cited.issuer_code else cited.issuer + form.format(cited.issuer_code)


def _time(instant: Instant, zone: tzinfo) -> str:
    moment = (_EPOCH + timedelta(milliseconds=instant)).astimezone(zone)
    offset = moment.strftime("%z")
    return f"{moment:%Y-%m-%d %H:%M} UTC{offset[:3]}:{offset[3:5]}"
