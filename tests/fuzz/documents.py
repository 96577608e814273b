"""Documents of any shape: good FHIR in which something was changed, and JSON that is none."""

import copy
import json
from typing import Any

from hypothesis import strategies as st

from tests.api.documents import lab_report, person
from tests.fuzz.messages import CANARY

_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.sampled_from(
        [
            CANARY,
            "",
            " ",
            "#p",
            "#",
            "Patient/1",
            "urn:uuid:x",
            "0001-01-01",
            "2026-02-30",
            "2026-01-01T25:00:00Z",
            "9" * 400,
            10**400,
            "1e999999",
            "x" * 3000,
            "\u202e",
            "DiagnosticReport",
            "final",
        ]
    ),
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def _seed() -> dict[str, Any]:
    return lab_report("fuzz", person(1, name=CANARY), conclusion=CANARY)


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """A document."""
    way = draw(st.sampled_from(["changed", "changed", "changed", "bundle", "text", "noise", "deep"]))
    if way == "noise":
        return draw(st.binary(max_size=200))
    if way == "deep":
        return draw(st.sampled_from([b"[", b'{"a":', b'{"extension":[', b'{"contained":['])) * draw(
            st.integers(1, 3000)
        )
    document = _seed()
    for _ in range(draw(st.integers(1, 4))):
        _change(draw, document)
    whole: Any = document
    if way == "bundle":
        entries = [
            {"fullUrl": draw(_LEAVES), "resource": copy.deepcopy(document)} for _ in range(draw(st.integers(0, 3)))
        ]
        whole = {
            "resourceType": "Bundle",
            "type": draw(st.sampled_from(["collection", "document", "x"])),
            "entry": entries,
        }
    text = json.dumps(whole, ensure_ascii=draw(st.booleans())).replace('"@@', "").replace('@@"', "")
    content = bytearray(text.encode("utf-8", "surrogatepass"))
    if way == "text":
        for _ in range(draw(st.integers(1, 5))):
            content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
    return bytes(content)


def _change(draw: st.DrawFn, document: Any) -> None:
    place: Any = document
    while True:
        if isinstance(place, dict) and place:
            key: Any = draw(st.sampled_from(sorted(place)))
        elif isinstance(place, list) and place:
            key = draw(st.integers(0, len(place) - 1))
        else:
            return
        if not isinstance(place[key], dict | list) or not place[key] or draw(st.integers(0, 2)) == 0:
            break
        place = place[key]
    way = draw(st.sampled_from(["value", "drop", "double", "wrap", "other"]))
    if way == "drop":
        del place[key]
    elif way == "double" and isinstance(place, list):
        place.append(copy.deepcopy(place[key]))
    elif way == "wrap":
        place[key] = [place[key]]
    elif way == "other" and isinstance(place, dict):
        place[draw(st.text(max_size=10))] = draw(_VALUES)
    else:
        place[key] = draw(_VALUES)
