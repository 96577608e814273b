"""FHIR files of others, as documents to publish: files as they are, and single reports put together with what they
name.
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.api.site import ROOT

HOSTILE = ("fhir-test-cases", "ms-fhir-server")
"""Sets of which every file is published, report or not."""
_SETS = (
    "au-test-data",
    "cdc-reportstream",
    "ch-lab",
    "eu-lab-ig",
    "hl7-r4-examples",
    "hl7-r5-examples",
    "ips",
    "synthea-iris",
    "tw-nhi-pas",
    "twcore-examples",
    "us-core",
    *HOSTILE,
)
_LITERAL = re.compile(r"(?:.*/)?([A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64})")
_NEVER_FOLLOWED = frozenset({"DiagnosticReport", "Composition", "Condition"})


def data_directory() -> Path:
    """Where the files are: HUTONG_TEST_DATA, else beside the project."""
    return Path(os.environ.get("HUTONG_TEST_DATA") or ROOT.parent / "shared" / "data")


@dataclass(frozen=True)
class Given:
    """A document to publish."""

    of: str
    """Name of its set."""
    name: str
    content: bytes
    assembled: bool = False

    @property
    def position(self) -> str:
        return f"{self.of}/{'+' if self.assembled else ''}{self.name}"

    @property
    def parsed(self) -> Any:
        """As JSON; None when it is not."""
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            return None

    def reports(self) -> list[dict[str, Any]]:
        """Its DiagnosticReports, as far as an ordinary reader of JSON sees them."""
        return [each for each in resources(self.parsed) if each.get("resourceType") == "DiagnosticReport"]


def resources(parsed: Any) -> Iterator[dict[str, Any]]:
    """The resource, or the resources of a Bundle. Broken entries are passed over."""
    if not isinstance(parsed, dict):
        return
    if parsed.get("resourceType") != "Bundle":
        yield parsed
        return
    entries = parsed.get("entry")
    for entry in entries if isinstance(entries, list) else []:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict):
            yield resource


def literals(node: Any) -> Iterator[str]:
    """Type/id of every literal reference within."""
    if isinstance(node, dict):
        reference = node.get("reference")
        if isinstance(reference, str) and (found := _LITERAL.fullmatch(reference)):
            yield found[1]
        for value in node.values():
            yield from literals(value)
    elif isinstance(node, list):
        for item in node:
            yield from literals(item)


def given_documents(directory: Path) -> list[Given]:
    """Everything to publish, set by set: files first, then what was put together."""
    found: list[Given] = []
    for of in _SETS:
        files = [
            Given(of, str(path.relative_to(directory / of)), path.read_bytes())
            for path in sorted((directory / of).rglob("*"))
            if path.suffix in (".json", ".fhir", ".hl7")
        ]
        singles = {
            f"{parsed['resourceType']}/{parsed['id']}": each
            for each in files
            if isinstance(parsed := each.parsed, dict)
            and {"id", "resourceType"} <= parsed.keys()
            and parsed["resourceType"] != "Bundle"
        }
        found += [each for each in files if of in HOSTILE or each.parsed is None or each.reports()]
        if of not in HOSTILE:
            reports = [each for key, each in singles.items() if key.startswith("DiagnosticReport/")]
            found += [assembled(each, singles) for each in reports]
    return found


def assembled(report: Given, singles: dict[str, Given], *, instead: dict[str, str] | None = None) -> Given:
    """A collection of a report's file and the files that it names, directly or through others, as they stand.

    `instead`: Type/id of resources for which another one is taken.
    """
    chosen = {"": report}
    todo = [report]
    while todo:
        for key in literals(todo.pop().parsed):
            target = singles.get((instead or {}).get(key, key))
            if target is not None and key not in chosen and key.partition("/")[0] not in _NEVER_FOLLOWED:
                chosen[key] = target
                # A patient's record names no results; whatever else it names says nothing of the report.
                if not key.startswith("Patient/"):
                    todo.append(target)
    entries = ",".join(_entry(key or f"DiagnosticReport/{report.parsed['id']}", each) for key, each in chosen.items())
    content = f'{{"resourceType":"Bundle","type":"collection","entry":[{entries}]}}'
    return Given(report.of, report.name, content.encode(), assembled=True)


def _entry(key: str, given: Given) -> str:
    return (
        f'{{"fullUrl":"http://third-party.example/fhir/{key}","resource":{given.content.decode("utf-8-sig").strip()}}}'
    )


def raw_resources(bundle: str) -> list[str]:
    """The resources of a Bundle as they are written, character for character."""
    decoder = json.JSONDecoder()
    found = []
    at = bundle.find('"resource":')
    while at >= 0:
        start = at + len('"resource":')
        start += len(bundle[start:]) - len(bundle[start:].lstrip())
        _, end = decoder.raw_decode(bundle, start)
        found.append(bundle[start:end])
        at = bundle.find('"resource":', end)
    return found


def patient_of(given: Given, report: dict[str, Any]) -> dict[str, Any] | None:
    """The Patient that a report names, when an ordinary reader would find it."""
    reference = report.get("subject", {}).get("reference", "")
    if reference.startswith("#"):
        within = report.get("contained", [])
        return next((each for each in within if f"#{each.get('id')}" == reference), None)
    parsed = given.parsed
    for entry in parsed.get("entry", []) if isinstance(parsed, dict) else []:
        resource = entry.get("resource") or {}
        own = f"{resource.get('resourceType')}/{resource.get('id')}"
        if resource.get("resourceType") == "Patient" and reference in (entry.get("fullUrl"), own):
            found: dict[str, Any] = resource
            return found
    return None
