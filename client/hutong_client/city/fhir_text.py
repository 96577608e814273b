"""FHIR JSON with decimals as they were written: 1.50 stays 1.50."""

import json
import re
from typing import Any

Json = dict[str, Any]

_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
# Python's own numbers forget how they were written. A written decimal travels as a string with a mark before it,
# a control character that the encoder escapes and that no text here holds; the quotes come off at the end.
_MARK = "\x01"
_MARKED = re.compile(r'"\\u0001([^"]*)"')


def decimal(written: str) -> str:
    """A decimal with its written precision, for `encode`."""
    return _MARK + written


def encode(document: Json) -> bytes:
    """The document as UTF-8."""
    return _MARKED.sub(r"\1", _ENCODE(document)).encode()


def concept(text: str, *codings: tuple[str, str, str]) -> Json:
    """A CodeableConcept of (system, code, display) and text; empty parts are left out."""
    made: Json = {}
    if codings:
        made["coding"] = [
            {key: value for key, value in (("system", system), ("code", code), ("display", display)) if value}
            for system, code, display in codings
        ]
    if text:
        made["text"] = text
    return made
