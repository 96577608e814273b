"""FHIR files that others wrote, published over the wire: all their reports with all their results, or why not.

The counts of each set go to build/third-party.json and to the output of the test.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import pytest_asyncio
from fhir.resources.diagnosticreport import DiagnosticReport as R5Report
from fhir.resources.R4B.diagnosticreport import DiagnosticReport as R4BReport
from hutong.v1 import error_reason_pb2, registry_service_pb2, report_pb2, reuse_service_pb2
from hutong_client.clients import HutongClient
from hutong_client.errors import InvalidRequest
from hutong_client.publishing import Document

from tests.api.documents import CATALOG, context
from tests.api.site import ROOT, Material
from tests.e2e.running import RunningServer
from tests.e2e.third_party import (
    Given,
    assembled,
    data_directory,
    given_documents,
    patient_of,
    raw_resources,
    resources,
)

pytestmark = pytest.mark.timeout(240)

FILES, ASSEMBLED = "H1", "H2"
"""Institutions that publish the files as they are, and what was put together: so the two are never one report."""
REJECTED = registry_service_pb2.PUBLISH_OUTCOME_REJECTED
HELD = registry_service_pb2.PUBLISH_OUTCOME_HELD
_KEPT = (
    registry_service_pb2.PUBLISH_OUTCOME_ACCEPTED,
    registry_service_pb2.PUBLISH_OUTCOME_ACCEPTED_WITH_WARNINGS,
)
# fmt: off
_STATUSES = frozenset({
    "registered", "partial", "preliminary", "modified", "final", "amended", "corrected", "appended", "cancelled",
    "entered-in-error", "unknown",
})
# fmt: on


@dataclass
class Answered:
    """A document, what became of it, and how its reports were found at once afterwards."""

    given: Given
    response: registry_service_pb2.PublishReportsResponse
    found: dict[int, tuple[str, reuse_service_pb2.GetReportResponse | None]] = field(default_factory=dict)
    """By number of the report in its document, where a chart can ask for its patient: the outcome of that, and the
    report as the doctor then opened it; None when it was not among the patient's.
    """

    def results(self) -> list[tuple[dict[str, Any], registry_service_pb2.PublishResult]]:
        """(report, result) of each report, in the order of the document."""
        return list(zip(self.given.reports(), self.response.results, strict=True)) if self.response.results else []


@dataclass
class Survey:
    """All of it, and the registry that took it in."""

    material: Material
    port: int
    answered: list[Answered] = field(default_factory=list)

    def client(self, institution: str, role: str) -> HutongClient:
        certificate, key = self.material.authority.client(institution, role)
        ca = self.material.authority.certificate_file
        return HutongClient.connect(f"localhost:{self.port}", ca=ca, certificate=certificate, key=key, deadline=20)

    async def publish(self, institution: str, given: Sequence[Given]) -> list[Answered]:
        """Publishes one after the other, each looked for before the next: files of one set name the same report for
        several patients, and the last of them has it.
        """
        looked = asyncio.Semaphore(0)

        async def documents() -> AsyncIterator[Document]:
            for each in given:
                yield Document(each.content, each.position)
                await looked.acquire()

        found: list[Answered] = []
        async with (
            self.client(institution, "feed") as feed,
            self.client(institution, "emr") as doctor,
            aclosing(aiter(feed.publish_stream(documents(), feed="files", attempts=1))) as answers,
        ):
            async for each in answers:
                answered = Answered(given[len(found)], each.response)
                await self._look(answered, doctor)
                found.append(answered)
                looked.release()
        return found

    async def _look(self, answered: Answered, doctor: HutongClient) -> None:
        # Reports of one document that share their number are versions of one report: the last of them is the one shown.
        last = {result.report_id: number for number, (_, result) in enumerate(answered.results())}
        for number, (report, result) in enumerate(answered.results()):
            patient = patient_of(answered.given, report)
            asked = _question(patient) if patient is not None else None
            if asked is None or not result.current or result.unchanged or last[result.report_id] != number:
                continue
            outcome, entries = await _listed(doctor, asked)
            found = None
            for entry in entries:
                if entry.version == result.version:
                    whole = await doctor.get_report(entry.report_id, context())
                    if _is(report, whole.document):
                        found = whole
                        break
            answered.found[number] = (outcome, found)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def survey(material: Material, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Survey]:
    directory = data_directory()
    if not directory.is_dir():
        pytest.skip(f"third-party data is not there: {directory.name} (set HUTONG_TEST_DATA)")
    place = tmp_path_factory.mktemp("third-party")
    server = RunningServer(
        material.environment(f"sqlite:///{place / 'hutong.db'}", HUTONG_LOG_LEVEL="warning"), place / "log"
    )
    try:
        found = Survey(material, server.port)
        async with found.client("registry", "admin") as admin:
            await admin.admin.import_catalog([(name, text.encode()) for name, text in CATALOG.items()])
        given = await asyncio.get_running_loop().run_in_executor(None, given_documents, directory)
        for institution in (FILES, ASSEMBLED):
            chosen = [each for each in given if each.assembled == (institution == ASSEMBLED)]
            found.answered += await found.publish(institution, chosen)
        yield found
    finally:
        assert server.stop() == 0, "the registry did not survive"


def test_counts_are_stated(survey: Survey) -> None:
    counts: dict[str, Counter[str]] = {}
    for answered in survey.answered:
        given = answered.given
        kind = " put together" if given.assembled else " HL7v2" if given.name.endswith(".hl7") else ""
        count = counts.setdefault(given.of + kind, Counter())
        count["documents"] += 1
        count["refused whole"] += not answered.response.results
        for result in answered.response.results:
            count[
                registry_service_pb2.PublishOutcome.Name(result.outcome).removeprefix("PUBLISH_OUTCOME_").lower()
            ] += 1
            count["results"] += result.results
            count["unreadable"] += result.unreadable
            if result.outcome == REJECTED:
                count.update({f"rejected: {reason} {path}" for reason, path in _errors(result.issues)})
    out = ROOT / "build" / "third-party.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(counts, indent=2, ensure_ascii=False) + "\n")
    for name, count in counts.items():
        print(f"{name:32s} " + ", ".join(f"{key} {value}" for key, value in count.items() if value and ":" not in key))
    assert sum(count["documents"] for count in counts.values()) == len(survey.answered) > 600


def test_every_valid_report_is_kept_with_all_its_results(survey: Survey) -> None:
    looked_at = 0
    for answered in survey.answered:
        for report, result in answered.results():
            if not _valid(report) or _withdraws(report):
                continue
            where = f"{answered.given.position} {result.path}"
            looked_at += 1
            assert result.outcome != REJECTED, f"{where}: {_errors(result.issues)}"
            named = {reference.get("reference") for reference in report.get("result", [])}
            assert result.results >= len(named), where
    assert looked_at > 280


def test_nothing_that_holds_a_valid_report_is_refused_whole(survey: Survey) -> None:
    refused = [
        (answered.given.position, _errors(answered.response.issues))
        for answered in survey.answered
        if not answered.response.results and any(map(_valid, answered.given.reports()))
    ]
    assert refused == []


def test_what_was_put_together_is_read_whole(survey: Survey) -> None:
    read = 0
    for answered in survey.answered:
        if answered.given.assembled:
            present = {f"{each.get('resourceType')}/{each.get('id')}" for each in resources(answered.given.parsed)}
            for report, result in answered.results():
                named = {each.get("reference") for each in report.get("result", [])}
                if result.outcome != REJECTED and named <= present:
                    assert result.unreadable == 0, answered.given.position
                    read += result.results
    assert read >= 70


def test_every_refusal_has_a_reason_and_a_path(survey: Survey) -> None:
    refusals = 0
    for answered in survey.answered:
        faults = [answered.response.issues] if not answered.response.results else []
        faults += [each.issues for each in answered.response.results if each.outcome == REJECTED]
        for issues in faults:
            errors = [issue for issue in issues if issue.severity == registry_service_pb2.ISSUE_SEVERITY_ERROR]
            assert errors, answered.given.position
            for issue in errors:
                assert issue.reason != error_reason_pb2.ERROR_REASON_UNSPECIFIED, answered.given.position
                assert issue.reason != error_reason_pb2.ERROR_REASON_INTERNAL, answered.given.position
                assert issue.message, answered.given.position
                assert issue.path, f"{answered.given.position}: {issue.message}"
            refusals += 1
    assert refusals > 300


def test_messages_of_hl7v2_are_refused_cleanly(survey: Survey) -> None:
    messages = [answered for answered in survey.answered if answered.given.name.endswith(".hl7")]
    assert len(messages) == 150
    assert {issue.reason for each in messages for issue in each.response.issues} == {
        error_reason_pb2.ERROR_REASON_NOT_JSON
    }


def test_each_report_is_found_by_its_patient_and_comes_back_byte_for_byte(survey: Survey) -> None:
    opened = 0
    for answered in survey.answered:
        for number, (report, result) in enumerate(answered.results()):
            if result.outcome not in _KEPT or number not in answered.found or _withdraws(report):
                continue
            outcome, whole = answered.found[number]
            assert outcome == "FOUND", answered.given.position
            assert whole is not None, f"{answered.given.position} {result.path} is not among its patient's reports"
            _compare(answered.given, report, whole)
            assert len(whole.entry.results) == result.results
            opened += 1
    assert opened > 80


async def test_seven_variants_of_one_person_are_one_person(survey: Survey) -> None:
    """Reports for the same woman, each with another of her records: name, sex or birth date left out or masked."""
    directory = data_directory() / "au-test-data"
    files = [
        Given("au-test-data", str(path.relative_to(directory)), path.read_bytes()) for path in directory.rglob("*.json")
    ]
    singles = {f"{parsed['resourceType']}/{parsed['id']}": each for each in files if "id" in (parsed := each.parsed)}
    report = singles["DiagnosticReport/lipid-panel-report"]
    subject = report.parsed["subject"]["reference"]
    variants = sorted(key for key in singles if key.startswith("Patient/italia-sofia"))
    documents = []
    for number, variant in enumerate(variants):
        # A report of her own for each record: another number, and her record in the place of the other patient's.
        text = report.content.replace(b'"value" : "26-', f'"value" : "variant-{number}-'.encode())
        assert text != report.content
        made = assembled(replace(report, content=text), singles, instead={subject: variant})
        documents.append(replace(made, name=variant))
    answers = {each.given.name: each for each in await survey.publish(ASSEMBLED, documents)}
    with_number = [key for key in variants if "-identifier" not in key]
    assert len(with_number) == 7
    for variant in variants:
        (result,) = answers[variant].response.results
        if variant in with_number:
            assert result.outcome in _KEPT, variant
        else:
            assert result.outcome == HELD, variant
    asked = _question(singles["Patient/italia-sofia"].parsed)
    assert asked is not None
    async with survey.client(ASSEMBLED, "emr") as doctor:
        outcome, entries = await _listed(doctor, asked)
    assert outcome == "FOUND"
    assert len(entries) == 7


async def test_the_registry_answers_afterwards(survey: Survey) -> None:
    async with survey.client(FILES, "feed") as feed:
        assert (await feed.feed_status("files")).position


def _valid(report: dict[str, Any]) -> bool:
    """By an independent reading: the library accepts it in R4B or R5, and it has none of the faults that the library
    passes over.
    """
    if report.get("status") not in _STATUSES or not report.get("subject") or _has_empties(report):
        return False
    bare = {key: value for key, value in report.items() if key != "contained"}
    return any(_reads(model, bare) for model in (R4BReport, R5Report))


def _reads(model: Any, node: dict[str, Any]) -> bool:
    try:
        model.model_validate(node)
    except Exception:  # the library raises all sorts; none of them makes it valid
        return False
    return True


def _withdraws(report: dict[str, Any]) -> bool:
    return report.get("status") in ("cancelled", "entered-in-error")


def _has_empties(node: Any) -> bool:
    if isinstance(node, dict):
        return not node or any(map(_has_empties, node.values()))
    if isinstance(node, list):
        return not node or any(map(_has_empties, node))
    return node is None or node == ""


def _errors(issues: Any) -> list[tuple[str, str]]:
    return [(error_reason_pb2.ErrorReason.Name(issue.reason), issue.path) for issue in issues if issue.severity == 1]


def _compare(given: Given, report: dict[str, Any], whole: reuse_service_pb2.GetReportResponse) -> None:
    if given.parsed["resourceType"] == "DiagnosticReport":
        assert whole.document == given.content, given.position
        return
    source, kept = given.content.decode("utf-8-sig"), whole.document.decode()
    written = raw_resources(kept)
    assert len(written) == len(json.loads(kept)["entry"])
    for each in written:
        assert each in source, given.position
    parsed = [json.loads(each) for each in written]
    assert parsed[0] == report
    assert [each["resourceType"] for each in parsed].count("DiagnosticReport") == 1
    # Every result that the Bundle holds is in it.
    urls = {entry.get("fullUrl"): entry.get("resource") for entry in given.parsed["entry"]}
    for reference in report.get("result", []):
        named = urls.get(reference.get("reference"))
        assert named is None or named in parsed, given.position


def _question(patient: dict[str, Any]) -> reuse_service_pb2.PatientQuery | None:
    """How a chart of the same person would ask; None when a chart could not."""
    identifiers = [
        report_pb2.PatientIdentifier(
            system=each["system"], value=each["value"], assigner=each.get("assigner", {}).get("display", "")
        )
        for each in patient.get("identifier", [])
        if each.get("system") and each.get("value")
    ]
    name = next(
        (
            each.get("text") or " ".join([*each.get("given", []), each.get("family", "")]).strip()
            for each in patient.get("name", [])
            # A chart holds the name of today.
            if (each.get("text") or each.get("family")) and "end" not in each.get("period", {})
        ),
        "",
    )
    sex = {"male": report_pb2.SEX_MALE, "female": report_pb2.SEX_FEMALE}.get(patient.get("gender", ""))
    birth = patient.get("birthDate", "")
    if not identifiers or len(birth) != 10 or not (name or sex):
        return None
    demographics = report_pb2.Demographics(name=name, birth_date=birth, sex=sex or report_pb2.SEX_UNKNOWN)
    return reuse_service_pb2.PatientQuery(identifiers=identifiers, demographics=demographics)


async def _listed(
    doctor: HutongClient, query: reuse_service_pb2.PatientQuery
) -> tuple[str, list[report_pb2.ReportEntry]]:
    """(outcome, reports) of a patient; as outcome the reason when the question is refused."""
    entries: list[report_pb2.ReportEntry] = []
    outcome = ""
    try:
        async for page in doctor.list_reports(query, context(), page_size=100):
            outcome = reuse_service_pb2.Outcome.Name(page.outcome).removeprefix("OUTCOME_")
            entries.extend(page.reports)
    except InvalidRequest as error:
        outcome = error.reason
    return outcome, entries


def _is(report: dict[str, Any], document: bytes) -> bool:
    """Whether a document that was opened is about this report."""
    return next(resources(json.loads(document))) == report
