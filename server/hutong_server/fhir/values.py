"""Values of results, in the source's words, unit and precision."""

from collections.abc import Callable
from typing import Final

from hutong_server.domain.report import Component, Quantity, Range, Value
from hutong_server.fhir.elements import child, children, concept, number, quantity, reference_of, text
from hutong_server.fhir.json_text import Node

_LONGEST_SAMPLES: Final = 80
_INT32: Final = 2**31


def value(node: Node) -> Value | None:
    """The value[x] of a result or component; None when there is none (a Quantity without a number is none)."""
    for key in node:
        read = _READERS.get(key)
        if read is not None:
            return read(node, key)
    return None


def component(node: Node) -> Component:
    """A part of a result."""
    return Component(
        code=concept(child(node, "code")),
        value=value(node),
        interpretation=interpretation(node),
        ranges=ranges(node),
        absent_reason=concept(child(node, "dataAbsentReason")).words,
    )


def interpretation(node: Node) -> tuple[str, ...]:
    """Flags as sent: codes where there are codes, else words."""
    flags: list[str] = []
    for item in children(node, "interpretation"):
        found = concept(item)
        flags += [c.code for c in found.coding if c.code] or ([found.words] if found.words else [])
    return tuple(dict.fromkeys(flags))


def ranges(node: Node) -> tuple[Range, ...]:
    """Reference ranges as sent."""
    return tuple(_range(item) for item in children(node, "referenceRange"))


def _range(node: Node) -> Range:
    words = text(node, "text")
    normal = concept(child(node, "normalValue")).words
    return Range(_bound(node, "low"), _bound(node, "high"), words or normal)


def _bound(node: Node, key: str) -> Quantity | None:
    found = quantity(child(node, key))
    return found if found.value else None


def _quantity(node: Node, key: str) -> Value | None:
    found = quantity(child(node, key))
    return Value(found.words, quantity=found) if found.value else None


def _coded(node: Node, key: str) -> Value | None:
    found = concept(child(node, key))
    return Value(found.words, coded=found) if found.words else None


def _string(node: Node, key: str) -> Value | None:
    found = text(node, key)
    return Value(found, string=found) if found.strip() else None


def _boolean(node: Node, key: str) -> Value | None:
    found = node[key]
    return Value("true" if found else "false", boolean=found) if found.__class__ is bool else None


def _integer(node: Node, key: str) -> Value | None:
    found = node[key]
    if found.__class__ is not int or not -_INT32 <= found < _INT32:
        return None
    return Value(str(found), integer=found)


def _date_time(node: Node, key: str) -> Value | None:
    found = text(node, key)
    return Value(found, date_time=found) if found else None


def _time(node: Node, key: str) -> Value | None:
    found = text(node, key)
    return Value(found, time=found) if found else None


def _span(node: Node, key: str) -> Value | None:
    low, high = quantity(child(child(node, key), "low")), quantity(child(child(node, key), "high"))
    if low.value and high.value:
        same = (low.unit or low.code) == (high.unit or high.code)
        return Value(f"{low.value if same else low.words} – {high.words}")
    if low.value:
        return Value(f"≥ {low.words}")
    return Value(f"≤ {high.words}") if high.value else None


def _ratio(node: Node, key: str) -> Value | None:
    over, under = quantity(child(child(node, key), "numerator")), quantity(child(child(node, key), "denominator"))
    if not over.value:
        return None
    if not under.value:
        return Value(over.words)
    plain = over.words == over.comparator + over.value and under.words == under.comparator + under.value
    return Value(f"{over.words}:{under.words}" if plain else f"{over.words} / {under.words}")


def _samples(node: Node, key: str) -> Value | None:
    points = text(child(node, key), "data").strip()
    if not points:
        return None
    return Value(points if len(points) <= _LONGEST_SAMPLES else points[:_LONGEST_SAMPLES].rsplit(" ", 1)[0] + " …")


def _period(node: Node, key: str) -> Value | None:
    start, end = text(child(node, key), "start"), text(child(node, key), "end")
    return Value(f"{start} – {end}".strip()) if start or end else None


def _attachment(node: Node, key: str) -> Value | None:
    found = child(node, key)
    words = text(found, "title") or text(found, "url") or text(found, "contentType")
    return Value(words) if words or "data" in found else None


def _reference(node: Node, key: str) -> Value | None:
    found = reference_of(child(node, key))
    words = text(found, "display") or text(found, "reference") or text(child(found, "identifier"), "value")
    return Value(words) if words else None


_READERS: Final[dict[str, Callable[[Node, str], Value | None]]] = {
    "valueQuantity": _quantity,
    "valueCodeableConcept": _coded,
    "valueString": _string,
    "valueBoolean": _boolean,
    "valueInteger": _integer,
    "valueDateTime": _date_time,
    "valueTime": _time,
    "valueRange": _span,
    "valueRatio": _ratio,
    "valueSampledData": _samples,
    "valuePeriod": _period,
    "valueAttachment": _attachment,
    "valueReference": _reference,
}


def duration(node: Node) -> str:
    """A duration in words: "24 h"."""
    unit = text(node, "code") or text(node, "unit")
    size = number(node.get("value"))
    return f"{size} {unit}".strip() if size else ""
