"""What administrators do: institutions, catalogue files, the patient index."""

from collections.abc import Iterator
from typing import Any

import pytest
from hutong.v1 import catalog_service_pb2, patient_service_pb2, report_pb2, reuse_service_pb2

from tests.api.documents import CATALOG, chart, lab_report, person, publish
from tests.api.site import Refused, Site, refused

File = catalog_service_pb2.CatalogFile
Institution = catalog_service_pb2.Institution


def institution(code: str, **more: Any) -> Institution:
    return Institution(**{"code": code, "name": "新医院", "tier": "TIER_SECONDARY", "region": "990421"} | more)


async def put(site: Site, wanted: Institution, *, update: bool = False) -> Any:
    request = catalog_service_pb2.PutInstitutionRequest(institution=wanted, update=update)
    return await site.catalog().PutInstitution(request, timeout=5)


async def test_an_institution_is_added_once_and_changed_on_purpose(site: Site, serials: Iterator[int]) -> None:
    code = f"A{next(serials)}"
    first = await put(site, institution(code, alliances=["医共体"]))
    assert first.created
    assert first.institution.state == catalog_service_pb2.INSTITUTION_STATE_ACTIVE
    assert not (await put(site, institution(code, alliances=["医共体"]))).created
    found = await refused(put(site, institution(code, name="改名")))
    assert (found.code, found.reason) == ("ALREADY_EXISTS", "ALREADY_EXISTS")
    changed = await put(site, institution(code, name="改名"), update=True)
    assert (changed.created, changed.institution.name) == (False, "改名")
    got = await site.catalog().GetInstitution(catalog_service_pb2.GetInstitutionRequest(code=code), timeout=5)
    assert got.institution.name == "改名"
    # It may call at once.
    await site.asking(code).OpenChart(chart(person(next(serials))), timeout=5)


async def test_a_change_by_hand_keeps_the_identifiers_of_the_import(site: Site, serials: Iterator[int]) -> None:
    code = f"I{next(serials)}"
    head = "code,name,tier,region,alliances,identifiers,feed_interval_hours"
    await site.load({"institutions.csv": f"{head}\n{code},医院,secondary,990421,,urn:org|{code},0\n"})
    await put(site, institution(code), update=True)
    listed = catalog_service_pb2.ImportCatalogRequest(
        files=[
            File(
                name="institutions.csv", content=f"{head}\n{code},新医院,secondary,990421,,urn:org|{code},0\n".encode()
            )
        ],
        dry_run=True,
    )
    assert (await site.catalog().ImportCatalog(listed, timeout=5)).change_count == 0


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        (institution(""), "institution.code"),
        (institution("has space"), "institution.code"),
        (institution("x" * 65), "institution.code"),
        (institution("B1", name=" "), "institution.name"),
        (institution("B1", tier="TIER_UNSPECIFIED"), "institution.tier"),
        (institution("B1", tier=99), "institution.tier"),
        (institution("B1", region="99042"), "institution.region"),
        (institution("B1", region="浙江"), "institution.region"),
        (institution("B1", alliances=[""]), "institution.alliances[0]"),
        (institution("B1", feed_interval_hours=1_000_000), "institution.feed_interval_hours"),
    ],
)
async def test_an_institution_that_is_malformed_is_refused_by_path(site: Site, wanted: Institution, path: str) -> None:
    found = await refused(put(site, wanted))
    assert (found.code, found.reason, found.paths) == ("INVALID_ARGUMENT", "REQUEST_INVALID", (path,))


async def test_lists_have_pages(site: Site) -> None:
    admin = site.catalog()
    ask = catalog_service_pb2.ListInstitutionsRequest(page_size=2)
    codes: list[str] = []
    for _ in range(200):
        page = await admin.ListInstitutions(ask, timeout=5)
        codes += [each.code for each in page.institutions]
        if not page.next_page_token:
            break
        ask.page_token = page.next_page_token
    assert codes == sorted(codes)
    assert {"H1", "H2", "T1"} <= set(codes)
    entries = await admin.ListCatalogEntries(catalog_service_pb2.ListCatalogEntriesRequest(page_size=1), timeout=5)
    assert entries.next_page_token
    # A token is good for its own list only.
    for call in (
        admin.ListInstitutions(
            catalog_service_pb2.ListInstitutionsRequest(page_token=entries.next_page_token), timeout=5
        ),
        admin.ListCatalogEntries(
            catalog_service_pb2.ListCatalogEntriesRequest(kind="item", page_token=entries.next_page_token), timeout=5
        ),
        admin.ListInstitutions(catalog_service_pb2.ListInstitutionsRequest(page_token="x"), timeout=5),  # noqa: S106  a token of nothing
    ):
        assert (await refused(call)).reason == "PAGE_TOKEN_INVALID"
    found = await refused(admin.ListInstitutions(catalog_service_pb2.ListInstitutionsRequest(page_size=-1), timeout=5))
    assert found.paths == ("page_size",)


async def test_catalogue_entries_are_listed_whole(site: Site) -> None:
    ask = catalog_service_pb2.ListCatalogEntriesRequest(kind="item", page_size=1)
    first = await site.catalog().ListCatalogEntries(ask, timeout=5)
    ask.page_token = first.next_page_token
    second = await site.catalog().ListCatalogEntries(ask, timeout=5)
    assert [each.key for each in (*first.entries, *second.entries)] == ["LAB-K", "LAB-NA"]
    assert '"name_zh":"钾"' in first.entries[0].body
    assert first.rules_version == second.rules_version > 0


async def test_a_dry_run_shows_the_difference_and_keeps_nothing(site: Site) -> None:
    text = CATALOG["grants.csv"].replace("H2,*,9904,,,样例质控中心\n", "H2,LAB-K,9904,,,样例质控中心\n")
    request = catalog_service_pb2.ImportCatalogRequest(
        files=[File(name="grants.csv", content=text.encode())], dry_run=True
    )
    shown = await site.catalog().ImportCatalog(request, timeout=5)
    assert shown.change_count == len(shown.changes) > 0
    assert {change.kind for change in shown.changes} == {"grant"}
    again = await site.catalog().ImportCatalog(request, timeout=5)
    assert again == shown


async def test_faults_of_files_are_told_all_at_once_with_their_places(site: Site) -> None:
    content = """items:
  - code: LAB-X
    name_zh: 某
    specialty: labratory
    windows_days: 7
rules:
  - {code: R, issued_by: {tiers: [huge]}, received_by: {}}
"""
    request = catalog_service_pb2.ImportCatalogRequest(files=[File(name="mine.yaml", content=content.encode())])
    found = await refused(site.catalog().ImportCatalog(request, timeout=5))
    assert (found.code, found.reason) == ("INVALID_ARGUMENT", "CATALOG_INVALID")
    places = {tuple(path.split(":")[:2]) for path in found.paths}
    assert {("mine.yaml", "4"), ("mine.yaml", "5"), ("mine.yaml", "7")} <= places


async def test_many_faults_still_reach_the_caller(site: Site) -> None:
    """More than fit into a trailer: those that fit are listed, the rest is counted."""
    head = "institution,system,code,specimen,body_part,method,item,valid_from,valid_to"
    rows = "\n".join(f"H1,urn:x,{n},,,,NO-SUCH-ITEM-{n},," for n in range(3000))
    request = catalog_service_pb2.ImportCatalogRequest(
        files=[File(name="mappings.csv", content=f"{head}\n{rows}\n".encode())]
    )
    found = await refused(site.catalog().ImportCatalog(request, timeout=20))
    assert (found.code, found.reason) == ("INVALID_ARGUMENT", "CATALOG_INVALID")
    assert 10 < len(found.paths) < 3000
    assert f"{3000 - len(found.paths)} more" in found.text


async def test_a_suspension_of_quality_names_its_time(site: Site, serials: Iterator[int]) -> None:
    code = f"Q{next(serials)}"
    await put(site, institution(code))
    await site.load({"grants.csv": f"institution,items,range,valid_from,valid_to,quality_body\n{code},*,9904,,,质控\n"})
    patient = person(next(serials))
    await site.publishing(code).PublishReport(publish(lab_report("quality-old", patient, days_ago=3)), timeout=5)
    asking = site.asking("T1")
    assert (await asking.OpenChart(chart(patient, "q1"), timeout=5)).lines
    suspend = catalog_service_pb2.SuspendInstitutionRequest(
        code=code, scope="SUSPENSION_SCOPE_QUALITY", reason="室间质评不合格"
    )
    suspend.since.FromJsonString("2020-01-01T00:00:00Z")
    done = await site.catalog().SuspendInstitution(suspend, timeout=5)
    assert done.institution.quality_suspended_since == suspend.since
    assert done.institution.state == catalog_service_pb2.INSTITUTION_STATE_ACTIVE
    answer = await asking.OpenChart(chart(patient, "q2", include_not_reusable=True), timeout=5)
    assert answer.outcome == reuse_service_pb2.OUTCOME_NONE
    assert report_pb2.NOT_REUSABLE_REASON_NO_QUALITY_GRANT in answer.not_reusable[0].reasons
    # Its calls go on.
    await site.publishing(code).PublishReport(publish(lab_report("quality-new", patient)), timeout=5)


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"code": ""}, "code"),
        ({"scope": "SUSPENSION_SCOPE_UNSPECIFIED"}, "scope"),
        ({"reason": ""}, "reason"),
        ({"since": {"seconds": 0}}, "since"),
    ],
)
async def test_a_suspension_says_what_why_and_whom(site: Site, more: dict[str, Any], path: str) -> None:
    given = {"code": "H1", "scope": "SUSPENSION_SCOPE_ACCESS", "reason": "测试"} | more
    request = catalog_service_pb2.SuspendInstitutionRequest(**given)
    found = await refused(site.catalog().SuspendInstitution(request, timeout=5))
    assert (found.reason, found.paths) == ("REQUEST_INVALID", (path,))


async def test_persons_are_linked_parted_and_put_back(site: Site, serials: Iterator[int]) -> None:
    one, other = person(next(serials)), person(next(serials))
    for number, patient in enumerate((one, other)):
        report = lab_report(f"link-{number}-{one['identifier'][0]['value']}", patient, days_ago=1 + number)
        await site.publishing("H1").PublishReport(publish(report), timeout=5)
    admin = site.patients()
    records = [await record_of(site, patient) for patient in (one, other)]

    before = await admin.ShowPatient(show(other), timeout=5)
    linked = await admin.LinkPatients(
        patient_service_pb2.LinkPatientsRequest(record=records[0], other_record=records[1], reason="同一人"), timeout=5
    )
    assert (linked.step.action, linked.step.by, linked.step.reason) == ("linked", "registry/admin", "同一人")
    (whole,) = (await admin.ShowPatient(show(other), timeout=5)).persons
    assert {record.record for record in whole.records} == set(records)
    # The chart is now answered from both.
    listed = await listed_reports(site, other)
    assert listed == 2
    parted = await admin.UnlinkPatient(
        patient_service_pb2.UnlinkPatientRequest(record=records[0], reason="看错了"), timeout=5
    )
    assert await listed_reports(site, other) == 1
    found = await refused(
        admin.UnlinkPatient(patient_service_pb2.UnlinkPatientRequest(record=records[0], reason="再来"), timeout=5)
    )
    assert (found.code, found.reason) == ("FAILED_PRECONDITION", "STATE_CONFLICT")
    await admin.UndoPatientStep(
        patient_service_pb2.UndoPatientStepRequest(step=parted.step.step, reason="还是同一人"), timeout=5
    )
    assert await listed_reports(site, other) == 2
    assert len(before.persons) == 1


def show(patient: dict[str, Any]) -> patient_service_pb2.ShowPatientRequest:
    return patient_service_pb2.ShowPatientRequest(identifier=report_pb2.PatientIdentifier(**patient["identifier"][0]))


async def record_of(site: Site, patient: dict[str, Any]) -> str:
    answer = await site.patients().ShowPatient(show(patient), timeout=5)
    return str(answer.persons[0].records[0].record)


async def listed_reports(site: Site, patient: dict[str, Any]) -> int:
    ask = chart(patient)
    page = await site.asking("H2").ListReports(
        reuse_service_pb2.ListReportsRequest(patient=ask.patient, context=ask.context), timeout=5
    )
    return len(page.reports)


async def test_an_unknown_patient_gives_an_empty_answer(site: Site, serials: Iterator[int]) -> None:
    answer = await site.patients().ShowPatient(show(person(next(serials))), timeout=5)
    assert not answer.persons
    assert not answer.steps


async def test_keys_of_the_index_are_good_for_what_they_name_only(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    await site.publishing("H1").PublishReport(publish(lab_report(f"keys-{next(serials)}", patient)), timeout=5)
    record = await record_of(site, patient)
    admin = site.patients()

    async def said(call: Any) -> Refused:
        found = await refused(call)
        assert found.paths
        return found

    place = patient_service_pb2.PlaceHeldReportRequest(held=record, reason="x")
    assert (await said(admin.PlaceHeldReport(place, timeout=5))).reason == "NOT_FOUND"
    undo = patient_service_pb2.UndoPatientStepRequest(step=record, reason="x")
    assert (await said(admin.UndoPatientStep(undo, timeout=5))).reason == "NOT_FOUND"
    link = patient_service_pb2.LinkPatientsRequest(record=record, other_record=record, reason="x")
    assert (await said(admin.LinkPatients(link, timeout=5))).paths == ("other_record",)
    unlink = patient_service_pb2.UnlinkPatientRequest(record=record)
    assert (await said(admin.UnlinkPatient(unlink, timeout=5))).paths == ("reason",)
