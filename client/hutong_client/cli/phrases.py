"""How single things of an answer read: a value with its flag, a range, an institution, a list of reasons."""

from collections.abc import Iterable

from hutong.v1 import report_pb2 as v1

from hutong_client.cli.labels import enum_label
from hutong_client.cli.language import Language
from hutong_client.cli.output import local_time

_ARROWS = {"H": "↑", "HH": "↑↑", "HU": "↑↑", "L": "↓", "LL": "↓↓", "LU": "↓↓"}


def value_text(detail: v1.ResultDetail) -> str:
    """The value with unit and flags: "6.8 % ↑H". Components one a line."""
    parts = []
    if detail.HasField("value") or detail.interpretation:
        parts.append(_flagged(detail.value.text, detail.interpretation))
    for part in detail.component:
        name = concept(part.code)
        text = _flagged(part.value.text or part.data_absent_reason, part.interpretation)
        ranges = range_text(part.reference_range)
        parts.append(f"{name}: {text}" + (f" ({ranges})" if ranges else ""))
    return "\n".join(part for part in parts if part) or detail.data_absent_reason or "—"


def _flagged(text: str, flags: Iterable[str]) -> str:
    shown = [f"{_ARROWS.get(flag, '')}{flag}" for flag in flags if flag != "N"]
    return " ".join([text, *shown]).strip()


def range_text(ranges: Iterable[v1.ReferenceRange]) -> str:
    """Reference ranges as the source sent them."""
    return "; ".join(text for text in map(_range, ranges) if text)


def _range(one: v1.ReferenceRange) -> str:
    if one.text:
        return one.text
    low, high = one.low.value, one.high.value
    if low and high:
        return f"{low}–{high}"
    return f"≥ {low}" if low else f"≤ {high}" if high else ""


def concept(code: v1.CodeableConcept) -> str:
    """A concept as the source calls it: its text, else a display, else a code."""
    if code.text:
        return code.text
    named = next((coding.display for coding in code.coding if coding.display), "")
    return named or next((coding.code for coding in code.coding if coding.code), "") or "—"


def item_name(result: v1.ResultEntry, language: Language) -> str:
    """The recognised item's name, else what the source calls the result."""
    if not result.HasField("item"):
        return concept(result.detail.code)
    first, second = result.item.name_zh, result.item.name_en
    if language == "en":
        first, second = second, first
    return first or second or result.item.code


def institution_name(institution: v1.InstitutionRef) -> str:
    """An institution's name, else its code."""
    return institution.name or institution.code or "—"


def taken_text(result: v1.ResultEntry, language: Language) -> str:
    """When a result was taken, in local time, and when that is only the time of issue."""
    if not result.HasField("taken_at"):
        return "时间不详" if language == "zh" else "time unknown"
    issued = ("（报告时间）" if language == "zh" else " (issued)") if result.taken_at_is_issue_time else ""
    return local_time(result.taken_at) + issued


def reasons_text(reasons: Iterable[int], language: Language) -> str:
    """Reasons why a result may not be reused, the most telling first."""
    enum = v1.NotReusableReason.DESCRIPTOR
    return ("；" if language == "zh" else "; ").join(enum_label(enum, reason, language) for reason in reasons)
