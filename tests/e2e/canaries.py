"""Canaries: words, numbers and a birthday that stand nowhere else, put into every field; and the search for them.

All words begin alike, and so do all numbers: what is looked for is the beginning, in every form, so that a value that
was cut or glued to something is found as well. What follows it tells which field it came from.
"""

import base64
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

WORD = "Qz7Wk3Xv"
HAN = "龘靐齉爩"
NUMBER = "73918264"
BIRTH = "1937-03-29"
BORN = "19370329"
NEEDLES = (WORD, HAN, NUMBER, BIRTH, BORN)

_ZLIB = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")
_ZEROS = re.compile(rb"\0{64,}")
_LONGEST = 4 * 2**20


@dataclass
class Canaries:
    """Makes canaries, each once."""

    made: dict[str, str] = field(default_factory=dict)
    """Canary → the field it was put into."""
    _numbers: Iterator[int] = field(default_factory=lambda: count(1000))

    def word(self, where: str) -> str:
        return self._new(f"{WORD}{next(self._numbers)}", where)

    def han(self, where: str) -> str:
        return self._new(f"{HAN}{chr(0x4E00 + next(self._numbers))}", where)

    def number(self, where: str) -> str:
        """Twelve digits."""
        return self._new(f"{NUMBER}{next(self._numbers)}", where)

    def _new(self, canary: str, where: str) -> str:
        self.made[canary] = where
        return canary


def forms(needle: str) -> dict[str, bytes]:
    """How a text may be written."""
    raw = needle.encode()
    found = {
        "UTF-8": raw,
        "UTF-16 LE": needle.encode("utf-16-le"),
        "UTF-16 BE": needle.encode("utf-16-be"),
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
    }
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + raw)
        sure = whole[-(-shift * 8 // 6) : (shift + len(raw)) * 8 // 6]
        found[f"base64 {shift}"] = sure
        found[f"base64url {shift}"] = sure.replace(b"+", b"-").replace(b"/", b"_")
    if needle.isascii():
        found["lower case"] = needle.lower().encode()
        found["upper case"] = needle.upper().encode()
    else:
        found["GB 18030"] = needle.encode("gb18030")
        found["escaped"] = needle.encode("unicode-escape")
        found["percent"] = b"".join(b"%%%02X" % byte for byte in raw)
    return found


def number_forms(number: str) -> dict[str, bytes]:
    """A number as it may stand in binary; whole, since its digits are not its beginning."""
    value = int(number)
    return {
        f"{name} {order}": struct.pack(f"{order}{kind}", value)
        for order in "<>"
        for name, kind in (("int64", "q"), ("double", "d"))
    }


def leaks(content: bytes, numbers: tuple[str, ...] = (), *, depth: int = 2) -> list[str]:
    """What of the canaries stands in these bytes, as "form: surroundings"; also in what was compressed."""
    content = _ZEROS.sub(b"\0" * 64, content)
    patterns = {f"{needle} as {form}": each for needle in NEEDLES for form, each in forms(needle).items()}
    patterns |= {f"{number} as {form}": each for number in numbers for form, each in number_forms(number).items()}
    found = []
    for name, pattern in patterns.items():
        at = content.find(pattern)
        if at >= 0:
            found.append(f"{name}: {content[max(0, at - 24) : at + len(pattern) + 16]!r}")
    if depth:
        for plain in inflated(content):
            found += [f"compressed, {each}" for each in leaks(plain, numbers, depth=depth - 1)]
    return found


def inflated(content: bytes) -> Iterator[bytes]:
    """Everything in these bytes that looks compressed (zlib, gzip), as far as it can be read."""
    for match in _ZLIB.finditer(content):
        reader = zlib.decompressobj(wbits=47)
        plain = b""
        try:
            for start in range(match.start(), min(len(content), match.start() + _LONGEST), 4096):
                plain += reader.decompress(content[start : start + 4096], _LONGEST)
                if reader.eof or len(plain) > _LONGEST:
                    break
        except zlib.error:
            pass
        if len(plain) >= 8:
            yield plain


def files(*directories: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file below, each content once."""
    seen: set[int] = set()
    for directory in directories:
        for path in sorted(directory.rglob("*")):
            if path.is_file():
                content = path.read_bytes()
                if (known := hash(content)) not in seen:
                    seen.add(known)
                    yield path, content


def patient(canaries: Canaries, resident: str, resident_system: str) -> dict[str, Any]:
    """A Patient with a canary in every field that says something."""
    c = canaries
    return {
        "resourceType": "Patient",
        "id": "p",
        "identifier": [
            {"system": resident_system, "value": resident},
            {"system": "urn:h1:mrn", "value": c.word("Patient.identifier")},
        ],
        "name": [
            {"text": c.han("Patient.name.text")},
            {"family": c.word("Patient.name.family"), "given": [c.word("Patient.name.given")]},
        ],
        "telecom": [{"system": "phone", "value": c.number("Patient.telecom")}],
        "gender": "female",
        "birthDate": BIRTH,
        "address": [
            {
                "text": c.han("Patient.address.text"),
                "line": [c.word("Patient.address.line")],
                "city": c.word("Patient.address.city"),
                "district": c.word("Patient.address.district"),
                "postalCode": c.number("Patient.address.postalCode"),
            }
        ],
        "maritalStatus": {"text": c.word("Patient.maritalStatus")},
        "contact": [
            {
                "name": {"text": c.han("Patient.contact.name")},
                "telecom": [{"system": "phone", "value": c.number("Patient.contact.telecom")}],
            }
        ],
        "generalPractitioner": [{"display": c.word("Patient.generalPractitioner")}],
        "managingOrganization": {"display": c.word("Patient.managingOrganization")},
    }


def enriched(report: dict[str, Any], canaries: Canaries, release: str) -> dict[str, Any]:
    """A report of tests.api.documents with a canary in every field that says something. `release`: "R4" or "R5"."""
    c = canaries
    _, specimen, observation = report["contained"]
    doctor = {
        "resourceType": "Practitioner",
        "id": "d",
        "identifier": [{"system": "urn:h1:staff", "value": c.word("Practitioner.identifier")}],
        "name": [{"text": c.han("Practitioner.name"), "family": c.word("Practitioner.name.family")}],
        "telecom": [{"system": "phone", "value": c.number("Practitioner.telecom")}],
    }
    specimen |= {
        "identifier": [{"value": c.word("Specimen.identifier")}],
        "accessionIdentifier": {"value": c.word("Specimen.accessionIdentifier")},
        "note": [{"text": c.word("Specimen.note")}],
    }
    observation |= {
        "code": {
            "coding": [
                *observation["code"]["coding"],
                {"system": "urn:h1:items", "code": c.word("Observation.code"), "display": c.han("Observation.display")},
            ],
            "text": c.word("Observation.code.text"),
        },
        "valueQuantity": {"value": f"@@{c.number('Observation.value')}@@", "unit": c.word("Observation.unit")},
        "interpretation": [{"text": c.word("Observation.interpretation")}],
        "note": [{"text": c.han("Observation.note")}, {"text": c.word("Observation.note 2")}],
        "bodySite": {"text": c.word("Observation.bodySite")},
        "method": {"text": c.word("Observation.method")},
        "performer": [{"reference": "#d", "display": c.han("Observation.performer")}],
        "device": {"display": c.word("Observation.device")},
        "referenceRange": [
            {"text": c.word("Observation.referenceRange"), "low": {"value": f"@@{c.number('Observation.low')}@@"}}
        ],
        "component": [
            {"code": {"text": c.word("component.code")}, "valueString": c.word("component.value")},
            {"code": {"text": c.word("component.code 2")}, "valueQuantity": {"value": f"@@{c.number('component')}@@"}},
        ],
    }
    said = {
        "resourceType": "Observation",
        "id": "t",
        "status": "final",
        "code": {"text": c.han("Observation.code 2")},
        "subject": {"reference": "#p"},
        "effectiveDateTime": observation["effectiveDateTime"],
        "valueString": c.word("Observation.valueString"),
    }
    form = base64.b64encode(c.word("presentedForm.data").encode()).decode()
    more: dict[str, Any] = {
        "contained": [*report["contained"], doctor, said],
        "identifier": [{"system": "urn:h1:reports", "value": c.word("DiagnosticReport.identifier")}],
        "text": {
            "status": "generated",
            "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{c.word("DiagnosticReport.text")}</div>',
        },
        "meta": {"tag": [{"system": "urn:h1:tags", "code": "x", "display": c.word("meta.tag")}]},
        "extension": [{"url": "urn:h1:extension", "valueString": c.word("extension")}],
        "code": report["code"] | {"text": c.han("DiagnosticReport.code.text")},
        "encounter": {"display": c.word("DiagnosticReport.encounter")},
        "basedOn": [{"display": c.word("DiagnosticReport.basedOn")}],
        "performer": [{"reference": "#d", "display": c.word("DiagnosticReport.performer")}],
        "resultsInterpreter": [{"reference": "#d", "display": c.han("DiagnosticReport.resultsInterpreter")}],
        "result": [{"reference": "#o", "display": c.word("result.display")}, {"reference": "#t"}],
        "conclusion": f"{c.han('conclusion')}，{c.word('conclusion 2')}。" * 20,
        "conclusionCode": [{"text": c.word("conclusionCode")}],
        "presentedForm": [{"contentType": "text/plain", "data": form, "title": c.word("presentedForm.title")}],
    }
    if release == "R5":
        more["note"] = [{"text": c.word("DiagnosticReport.note")}]
        more["conclusionCode"] = [{"text": c.word("conclusionCode")}]
    return report | more
