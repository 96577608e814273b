"""What the made city writes is valid FHIR of the release that it says."""

import importlib
import json
from collections import Counter
from typing import Any

import pytest
from hutong_client.city import City, MadeReport

# Validated one by one, as a registry would: R4 as R4B, since fhir.resources has no R4 of its own.
_PACKAGES = {"R4": "fhir.resources.R4B", "R5": "fhir.resources"}


def resources(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Every resource of a document, contained ones apart from what contains them."""
    if document["resourceType"] == "Bundle":
        return [found for entry in document["entry"] for found in resources(entry["resource"])]
    return [document, *document.get("contained", [])]


def validate(resource: dict[str, Any], release: str) -> None:
    kind = resource["resourceType"]
    module = importlib.import_module(f"{_PACKAGES[release]}.{kind.lower()}")
    model = getattr(module, kind)
    model.model_validate({key: value for key, value in resource.items() if key != "contained"})


@pytest.fixture(scope="module")
def samples() -> dict[tuple[str, str], list[MadeReport]]:
    """Some documents of each shape and release."""
    city = City.make(seed=11, patients=200, scale="city", days=120)
    found: dict[tuple[str, str], list[MadeReport]] = {}
    for made in city.reports():
        of_kind = found.setdefault((made.shape, made.release), [])
        if len(of_kind) < 50:
            of_kind.append(made)
    return found


@pytest.mark.parametrize("release", ["R4", "R5"])
@pytest.mark.parametrize("shape", ["alone", "collection", "document", "message", "transaction"])
def test_every_resource_is_valid_in_its_release(
    shape: str, release: str, samples: dict[tuple[str, str], list[MadeReport]]
) -> None:
    made = samples[shape, release]
    kinds: Counter[str] = Counter()
    for report in made:
        document = json.loads(report.document)
        for resource in resources(document):
            validate(resource, release)
            kinds[resource["resourceType"]] += 1
        if document["resourceType"] == "Bundle":
            head = {key: value for key, value in document.items() if key != "entry"}
            validate(head, release)
            for entry in document["entry"]:
                assert set(entry) <= {"fullUrl", "resource", "request"}
    assert kinds["DiagnosticReport"] == sum(report.reports for report in made)


def test_the_releases_differ_where_fhir_says_so() -> None:
    city = City.make(seed=11, patients=260, scale="town", days=120)
    seen: set[tuple[str, str]] = set()
    for made in city.reports():
        for resource in resources(json.loads(made.document)):
            if resource["resourceType"] == "DiagnosticReport":
                seen |= {(made.release, key) for key in ("study", "imagingStudy") if key in resource}
    assert seen == {("R4", "imagingStudy"), ("R5", "study")}


def test_every_reference_leads_somewhere() -> None:
    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["reference"]] if isinstance(node.get("reference"), str) else []
            return own + [found for value in node.values() for found in references(value)]
        return [found for value in node for found in references(value)] if isinstance(node, list) else []

    city = City.make(seed=5, patients=60, scale="town")
    forms: Counter[str] = Counter()
    for made in city.reports():
        document = json.loads(made.document)
        known = {f"#{one['id']}" for one in document.get("contained", [])}
        for entry in document.get("entry", []):
            url = entry["fullUrl"]
            known |= {url, "/".join(url.split("/")[-2:])}
        for reference in references(document):
            assert reference in known
            form = "#" if reference[0] == "#" else "urn" if reference.startswith("urn:uuid:") else "other"
            forms[form] += 1
    assert set(forms) == {"#", "urn", "other"}
