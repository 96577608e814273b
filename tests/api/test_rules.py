"""The rule book as administrators keep it: versions, imports that wait, going back, who may do what."""

import asyncio
import datetime
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hutong.v1 import catalog_service_pb2 as catalog
from hutong.v1 import report_pb2

from tests.api.documents import CATALOG, chart, lab_report, person, publish
from tests.api.process import ServerProcess
from tests.api.site import Material, Site, refused

INSTITUTIONS = "code,name,tier,region,alliances,identifiers,feed_interval_hours"
PENDING, IN_FORCE, FORMER, CANCELLED, FAILED = range(1, 6)


def request(files: dict[str, str], **more: Any) -> catalog.ImportCatalogRequest:
    listed = [catalog.CatalogFile(name=name, content=text.encode()) for name, text in files.items()]
    return catalog.ImportCatalogRequest(files=listed, **more)


async def load(
    site: Site, files: dict[str, str], *, by: str = "registry", after: float | None = None, **more: Any
) -> Any:
    """Imports files; with `after` in that many seconds."""
    asked = request(files, **more)
    if after is not None:
        asked.activate_at.FromDatetime(datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=after))
    return await site.catalog(by).ImportCatalog(asked, timeout=20)


async def versions(site: Site, **more: Any) -> list[Any]:
    found: list[Any] = []
    ask = catalog.ListCatalogVersionsRequest(**more)
    for _ in range(500):
        page = await site.catalog().ListCatalogVersions(ask, timeout=5)
        found += page.versions
        ask.page_token = page.next_page_token
        if not ask.page_token:
            break
    return found


def window(code: str, days: int | str) -> dict[str, str]:
    """The files of an override of an institution's."""
    return {"overrides.csv": f"scope,item,window_days\ninstitution:{code},LAB-K,{days}\n"}


@pytest.fixture
async def hospital(site: Site, serials: Iterator[int]) -> str:
    """An institution of the test's own."""
    code = f"R{next(serials)}"
    await load(site, {"institutions.csv": f"{INSTITUTIONS}\n{code},医院,secondary,990421,,,0\n"})
    return code


async def old_result(site: Site, serials: Iterator[int]) -> dict[str, Any]:
    """A patient with a potassium of five days ago."""
    patient = person(next(serials))
    report = lab_report(f"rules-{next(serials)}", patient, days_ago=5)
    await site.publishing("H1").PublishReport(publish(report), timeout=5)
    return patient


async def verdict(site: Site, patient: dict[str, Any], asker: str) -> tuple[str, int]:
    """What is told of the patient's only result, and the version of the rules that judged it."""
    answer = await site.asking(asker).OpenChart(chart(patient, include_not_reusable=True), timeout=5)
    if answer.lines:
        return "reusable", answer.rules_version
    name = report_pb2.NotReusableReason.Name(answer.not_reusable[0].reasons[0])
    return name.removeprefix("NOT_REUSABLE_REASON_"), answer.rules_version


async def until_version(site: Site, version: int, patient: dict[str, Any], asker: str) -> tuple[str, int]:
    for _ in range(100):
        told = await verdict(site, patient, asker)
        if told[1] >= version:
            return told
        await asyncio.sleep(0.02)
    raise AssertionError("the version did not come")


async def test_an_import_is_one_version_that_tells_who_and_why(site: Site, hospital: str) -> None:
    before = (await versions(site, page_size=3))[0].version
    done = await load(
        site,
        window(hospital, 3) | {"institutions.csv": f"{INSTITUTIONS}\n{hospital}X,新,village,990421,,,0\n"},
        comment="为什么",
    )
    assert done.rules_version == before + 1
    first, second, *rest = [each for each in await versions(site, page_size=2) if each.version]
    assert (first.version, first.state, first.made_by, first.comment, first.change_count) == (
        before + 1, IN_FORCE, "registry/admin", "为什么", 2,
    )  # fmt: skip
    assert (second.version, second.state) == (before, FORMER)
    assert [each.version for each in rest] == list(range(before - 1, 0, -1))
    assert first.active_from.seconds > 1_700_000_000
    # What changes nothing makes no version.
    assert (await load(site, window(hospital, 3))).rules_version == before + 1


async def test_a_suspension_s_reason_stands_in_the_history(site: Site, hospital: str) -> None:
    suspend = catalog.SuspendInstitutionRequest(code=hospital, scope="SUSPENSION_SCOPE_ACCESS", reason="设备检修")
    await site.catalog().SuspendInstitution(suspend, timeout=5)
    newest = next(each for each in await versions(site, page_size=5) if each.version)
    assert newest.comment == f"suspended:access:{hospital}: 设备检修"
    assert newest.made_by == "registry/admin"
    diff = await diff_of(site, newest.version - 1, newest.version)
    assert [(each.kind, each.key) for each in diff] == [("institution", hospital)]
    assert '"access_suspended":true' in diff[0].after


async def diff_of(site: Site, first: int, last: int = 0) -> list[Any]:
    ask = catalog.DiffCatalogVersionsRequest(from_version=first, to_version=last)
    return list((await site.catalog().DiffCatalogVersions(ask, timeout=5)).changes)


async def test_versions_differ_in_both_directions(site: Site, hospital: str) -> None:
    first = (await load(site, window(hospital, 6))).rules_version
    second = (await load(site, window(hospital, 2))).rules_version
    (forth,), (back,) = await diff_of(site, first), await diff_of(site, second, first)
    assert (forth.kind, forth.key) == ("override", f"institution:{hospital}|LAB-K")
    assert ('"window_days":6' in forth.before, '"window_days":2' in forth.after) == (True, True)
    assert (back.before, back.after) == (forth.after, forth.before)
    assert await diff_of(site, second) == []
    for unknown in ((0, 0), (1, second + 1), (second + 1, 1)):
        assert (await refused(diff_of(site, *unknown))).reason == "NOT_FOUND"


async def test_going_back_makes_a_new_version_with_the_old_content(
    site: Site, hospital: str, serials: Iterator[int]
) -> None:
    patient = await old_result(site, serials)
    good = (await load(site, window(hospital, 6))).rules_version
    assert await verdict(site, patient, hospital) == ("reusable", good)
    later = f"{INSTITUTIONS}\n{hospital}L,后来,village,990421,,,0\n{hospital},改名,secondary,990421,,,0\n"
    bad = (await load(site, window(hospital, 2) | {"institutions.csv": later})).rules_version
    assert await verdict(site, patient, hospital) == ("OUTSIDE_WINDOW", bad)
    suspend = catalog.SuspendInstitutionRequest(code=f"{hospital}L", scope="SUSPENSION_SCOPE_ACCESS", reason="停")
    await site.catalog().SuspendInstitution(suspend, timeout=5)
    quality = catalog.SuspendInstitutionRequest(code=hospital, scope="SUSPENSION_SCOPE_QUALITY", reason="停")
    await site.catalog().SuspendInstitution(quality, timeout=5)
    ask = catalog.RollBackCatalogRequest(to_version=good, comment="录入有误", dry_run=True)
    shown = await site.catalog().RollBackCatalog(ask, timeout=5)
    assert {(each.kind, each.key) for each in shown.changes} == {
        ("institution", hospital),
        ("override", f"institution:{hospital}|LAB-K"),
    }
    assert shown.rules_version == bad + 2
    ask.dry_run = False
    done = await site.catalog().RollBackCatalog(ask, timeout=5)
    assert (done.rules_version, done.change_count) == (bad + 3, 2)
    assert await verdict(site, patient, hospital) == ("reusable", bad + 3)
    # The institution that came later stays, and so does its suspension.
    kept = await site.catalog().GetInstitution(catalog.GetInstitutionRequest(code=f"{hospital}L"), timeout=5)
    assert kept.institution.state == catalog.INSTITUTION_STATE_ACCESS_SUSPENDED
    back = await site.catalog().GetInstitution(catalog.GetInstitutionRequest(code=hospital), timeout=5)
    assert (back.institution.name, back.institution.HasField("quality_suspended_since")) == ("医院", True)
    assert [each.key for each in await diff_of(site, good)] == [hospital, f"{hospital}L"]
    again = await site.catalog().RollBackCatalog(ask, timeout=5)
    assert (again.rules_version, again.change_count) == (bad + 3, 0)
    assert (await versions(site))[0].comment == f"as version {good}: 录入有误"
    ask.to_version = bad + 99
    assert (await refused(site.catalog().RollBackCatalog(ask, timeout=5))).reason == "NOT_FOUND"
    ask.comment = ""
    assert (await refused(site.catalog().RollBackCatalog(ask, timeout=5))).paths == ("comment",)


async def test_an_import_waits_for_its_moment(site: Site, hospital: str, serials: Iterator[int]) -> None:
    patient = await old_result(site, serials)
    before = (await verdict(site, patient, hospital))[1]
    moment = time.time() + 1.2
    made = await load(site, window(hospital, 2), after=1.2, comment="新年度")
    assert (made.rules_version, made.change_count, len(made.pending_id)) == (before, 1, 16)
    assert await verdict(site, patient, hospital) == ("reusable", before)
    first = (await versions(site, page_size=1))[0]
    assert (first.version, first.state, first.pending_id, first.comment) == (0, PENDING, made.pending_id, "新年度")
    assert await until_version(site, before + 1, patient, hospital) == ("OUTSIDE_WINDOW", before + 1)
    assert moment <= time.time() < moment + 1
    newest = (await versions(site))[0]
    assert (newest.version, newest.state, newest.comment, newest.made_by) == (
        before + 1, IN_FORCE, "新年度", "registry/admin",
    )  # fmt: skip
    # It is in force: it cannot be moved or cancelled any more; to have it in force at once changes nothing.
    for more in ({"cancel": True}, {"activate_at": {"seconds": 4_000_000_000 // 2}}):
        found = await refused(activate(site, made.pending_id, **more))
        assert (found.code, found.reason) == ("FAILED_PRECONDITION", "STATE_CONFLICT")
    assert (await activate(site, made.pending_id)).version == before + 1


async def activate(site: Site, pending_id: str, *, by: str = "registry", **more: Any) -> Any:
    ask = catalog.ActivateCatalogRequest(pending_id=pending_id, **more)
    return (await site.catalog(by).ActivateCatalog(ask, timeout=5)).version


async def test_an_import_that_waits_is_moved_cancelled_revived_and_applied(
    site: Site, hospital: str, serials: Iterator[int]
) -> None:
    patient = await old_result(site, serials)
    asked = request(window(hospital, 2), comment="再说")
    asked.activate_at.FromJsonString("2030-01-01T00:00:00Z")
    made = await site.catalog().ImportCatalog(asked, timeout=5)
    # The same again is the same one.
    assert (await site.catalog().ImportCatalog(asked, timeout=5)).pending_id == made.pending_id
    moved = await activate(site, made.pending_id, activate_at={"seconds": 1_900_000_000})
    assert (moved.state, moved.active_from.seconds) == (PENDING, 1_900_000_000)
    assert [each.pending_id for each in await versions(site) if each.state == PENDING].count(made.pending_id) == 1
    ended = await activate(site, made.pending_id, cancel=True, comment="不需要了")
    assert ended.state == CANCELLED
    assert (await activate(site, made.pending_id, cancel=True, comment="不需要了")).state == CANCELLED
    listed = next(each for each in await versions(site) if each.pending_id == made.pending_id)
    assert (listed.state, listed.comment) == (CANCELLED, "再说 (不需要了)")
    assert (await verdict(site, patient, hospital))[0] == "reusable"
    applied = await activate(site, made.pending_id)
    assert applied.state == IN_FORCE
    assert await verdict(site, patient, hospital) == ("OUTSIDE_WINDOW", applied.version)
    assert made.pending_id not in [each.pending_id for each in await versions(site)]


async def test_an_import_that_does_not_fit_any_more_fails_whole_at_its_moment(site: Site, hospital: str) -> None:
    item = "items:\n  - {{code: {0}, name_zh: 项, name_en: item, specialty: laboratory, window_days: 7}}\n"
    kept = CATALOG["region.yaml"].partition("items:\n")[2].partition("rules:\n")[0]
    extra = {"items.yaml": item.format(f"X-{hospital}") + kept}
    await load(site, extra)
    mapping = f"institution,system,code,item\n{hospital},urn:l,1,LAB-K\n{hospital},urn:l,2,X-{hospital}\n"
    made = await load(site, {"mappings.csv": mapping}, after=0.8)
    before = (await load(site, {"items.yaml": f"items:\n{kept}"})).rules_version
    for _ in range(100):
        state = next(each for each in await versions(site) if each.pending_id == made.pending_id)
        if state.state != PENDING:
            break
        await asyncio.sleep(0.05)
    assert state.state == FAILED
    assert f'unknown item "X-{hospital}"' in state.comment
    entries = await site.catalog().ListCatalogEntries(
        catalog.ListCatalogEntriesRequest(kind="mapping", page_size=1000), timeout=5
    )
    assert not [each.key for each in entries.entries if each.key.startswith(f"{hospital}|")]
    assert entries.rules_version == before
    found = await refused(activate(site, made.pending_id))
    assert (found.reason, len(found.paths)) == ("CATALOG_INVALID", 1)


@pytest.mark.parametrize("moment", ["2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z"])
async def test_a_moment_lies_ahead_and_within_ten_years(site: Site, hospital: str, moment: str) -> None:
    asked = request(window(hospital, 2))
    asked.activate_at.FromJsonString(moment)
    assert (await refused(site.catalog().ImportCatalog(asked, timeout=5))).paths == ("activate_at",)
    waits = await load(site, window(hospital, 2), after=1000)
    found = await refused(activate(site, waits.pending_id, activate_at=asked.activate_at))
    assert found.paths == ("activate_at",)
    await activate(site, waits.pending_id, cancel=True)


async def test_a_day_begins_in_the_region_s_zone(site: Site, hospital: str) -> None:
    made = await site.catalog().ImportCatalog(request(window(hospital, 2), activate_on="2030-01-01"), timeout=5)
    waiting = next(each for each in await versions(site) if each.pending_id == made.pending_id)
    assert waiting.active_from.ToJsonString() == "2029-12-31T16:00:00Z"
    moved = await activate(site, made.pending_id, activate_on="2030-02-01")
    assert moved.active_from.ToJsonString() == "2030-01-31T16:00:00Z"
    await activate(site, made.pending_id, cancel=True)
    for wrong in ("2020-01-01", "2030-02-30", "tomorrow", "2100-01-01"):
        asked = request(window(hospital, 2), activate_on=wrong)
        assert (await refused(site.catalog().ImportCatalog(asked, timeout=5))).paths == ("activate_on",)
    both = request(window(hospital, 2), activate_on="2030-01-01")
    both.activate_at.FromJsonString("2030-01-01T00:00:00Z")
    assert (await refused(site.catalog().ImportCatalog(both, timeout=5))).paths == ("activate_on",)


async def test_an_import_that_nobody_made_is_not_found(site: Site) -> None:
    for unknown in ("00" * 8, "zz"):
        assert (await refused(activate(site, unknown))).reason == "NOT_FOUND"


async def test_an_institution_s_administrator_imports_what_is_its_own(
    site: Site, hospital: str, serials: Iterator[int]
) -> None:
    patient = await old_result(site, serials)
    own = window(hospital, 2) | {
        "mappings.csv": f"institution,system,code,item\n{hospital},urn:l,K1,LAB-K\n",
        "prices.csv": f"institution,item,yuan\n{hospital},LAB-K,12.50\n",
    }
    done = await load(site, own, by=hospital)
    assert done.change_count == 3
    assert await verdict(site, patient, hospital) == ("OUTSIDE_WINDOW", done.rules_version)
    assert (await versions(site))[0].made_by == f"{hospital}/admin"
    # It may be stricter than the region, not laxer.
    found = await refused(load(site, window(hospital, 8), by=hospital))
    assert (found.reason, found.paths) == ("CATALOG_INVALID", (f"overrides.csv:2:{len(hospital) + 20}",))
    later = await load(site, window(hospital, 3), by=hospital, after=3000)
    assert (await activate(site, later.pending_id, by=hospital, cancel=True)).state == CANCELLED
    # And take it back.
    await load(site, {"overrides.csv": f"scope,item,window_days\ninstitution:{hospital},,\n"}, by=hospital)
    assert (await verdict(site, patient, hospital))[0] == "reusable"


@pytest.mark.parametrize(
    ("name", "text", "places"),
    [
        ("overrides.csv", "scope,item,window_days\ninstitution:OWN,LAB-K,3\nregion:99,LAB-K,3\n", ["3:1"]),
        ("overrides.csv", "scope,item,window_days\ninstitution:H1,LAB-K,3\n", ["2:1"]),
        ("mappings.csv", "institution,system,code,item\nOWN,urn:l,1,LAB-K\nH1,urn:l,1,LAB-K\n*,urn:l,1,LAB-K\n",
         ["3:1", "4:1"]),
        ("prices.csv", "institution,item,yuan\n*,LAB-K,3\n", ["2:1"]),
        ("grants.csv", "institution,items,range\nOWN,*,national\n", ["2:1"]),
        ("institutions.csv", f"{INSTITUTIONS}\nOWN,医院,tertiary,990421,,,0\n", ["2:1"]),
        ("all.yaml", "items: []\npolicy:\n  overrides: {institution: everything}\nrules: []\n", ["1:1", "2:1", "4:1"]),
        ("agreements.csv", "publisher,performer\n", ["1:1"]),
    ],
)  # fmt: skip
async def test_an_institution_s_administrator_imports_nothing_else(
    site: Site, hospital: str, name: str, text: str, places: list[str]
) -> None:
    before = (await versions(site))[0]
    found = await refused(load(site, {name: text.replace("OWN", hospital)}, by=hospital))
    assert (found.code, found.reason) == ("PERMISSION_DENIED", "ROLE_NOT_ALLOWED")
    assert list(found.paths) == [f"{name}:{place}" for place in places]
    assert (await versions(site))[0] == before


async def test_what_is_the_registry_s_is_its_own_administrators(site: Site, hospital: str) -> None:
    mine = site.catalog(hospital)
    others = await load(site, window("H1", 3), after=3000)
    calls = [
        mine.PutInstitution(
            catalog.PutInstitutionRequest(institution={"code": hospital, "name": "x", "tier": 1, "region": "99"}),
            timeout=5,
        ),
        mine.SuspendInstitution(
            catalog.SuspendInstitutionRequest(code="H1", scope="SUSPENSION_SCOPE_ACCESS", reason="x"), timeout=5
        ),
        mine.RollBackCatalog(catalog.RollBackCatalogRequest(to_version=1, comment="x"), timeout=5),
        activate(site, others.pending_id, by=hospital, cancel=True),
    ]
    for call in calls:
        found = await refused(call)
        assert (found.code, found.reason) == ("PERMISSION_DENIED", "ROLE_NOT_ALLOWED")
    await activate(site, others.pending_id, cancel=True)


async def test_all_errors_are_listed_when_asked_for(site: Site, hospital: str) -> None:
    rows = "\n".join(f"{hospital},urn:x,{n},NO-SUCH-ITEM-{n}" for n in range(3000))
    files = {"mappings.csv": f"institution,system,code,item\n{rows}\n", "items.yaml": "itmes: []\n"}
    told = await load(site, files, dry_run=True, list_faults=True)
    assert (told.fault_count, len(told.faults), told.change_count) == (3001, 3001, 0)
    assert told.faults[2999].place == "mappings.csv:3001:" + str(len(f"{hospital},urn:x,2999,") + 1)
    assert 'unknown item "NO-SUCH-ITEM-2999"' in told.faults[2999].message
    assert told.faults[3000].place == "items.yaml:1:1"
    right = await load(site, window(hospital, 2), dry_run=True, list_faults=True)
    assert (right.fault_count, right.change_count) == (0, 1)
    assert (await refused(load(site, files, list_faults=True))).paths == ("list_faults",)
    foreign = await load(site, window("H1", 2), by=hospital, dry_run=True, list_faults=True)
    assert [each.place for each in foreign.faults] == ["overrides.csv:2:1"]


async def unmapped(site: Site, institution: str, *, by: str = "registry", **more: Any) -> Any:
    ask = catalog.ListUnmappedCodesRequest(institution=institution, **more)
    return await site.catalog(by).ListUnmappedCodes(ask, timeout=5)


async def test_codes_that_lead_nowhere_are_told_with_how_often(
    site: Site, hospital: str, serials: Iterator[int]
) -> None:
    for code, count in (("9999-1", 1), ("9999-2", 3), ("2823-3", 4)):
        for _ in range(count):
            report = lab_report(f"unmapped-{next(serials)}", person(next(serials)), code=code)
            await site.publishing(hospital).PublishReport(publish(report), timeout=5)
            if code == "9999-1":  # what is there already, and what is only checked, is not counted
                await site.publishing(hospital).PublishReport(publish(report), timeout=5)
                other = lab_report(f"unmapped-{next(serials)}", person(next(serials)), code=code)
                await site.publishing(hospital).PublishReport(publish(other, validate_only=True), timeout=5)
    for _ in range(100):
        found = await unmapped(site, hospital)
        # Written down once a second, maybe between two reports.
        if dict(found.unmapped_per_mille) == {hospital: 500} and sum(each.occurrences for each in found.codes) == 4:
            break
        await asyncio.sleep(0.05)
    assert [(each.system, each.code, each.display, each.occurrences) for each in found.codes] == [
        ("http://loinc.org", "9999-2", "Potassium", 3),
        ("http://loinc.org", "9999-1", "", 1),
    ]
    assert (found.codes[0].institution.code, found.codes[0].institution.name) == (hospital, "医院")
    assert found.codes[0].last_seen_at.seconds > 1_700_000_000
    assert dict(found.unmapped_per_mille) == {hospital: 500}
    first = await unmapped(site, hospital, page_size=1)
    rest = await unmapped(site, hospital, page_token=first.next_page_token)
    assert [*first.codes, *rest.codes] == list(found.codes)
    assert await unmapped(site, "", by=hospital) == found
    assert (await refused(unmapped(site, "H1", by=hospital))).reason == "ROLE_NOT_ALLOWED"
    mapping = f"institution,system,code,item\n{hospital},http://loinc.org,9999-2,LAB-K\n"
    await load(site, {"mappings.csv": mapping}, by=hospital)
    now = await unmapped(site, hospital)
    assert [each.code for each in now.codes] == ["9999-1"]
    assert dict(now.unmapped_per_mille) == {hospital: 125}


async def test_a_change_is_live_on_every_worker_within_a_second(
    material: Material, store_url: str, tmp_path: Path, serials: Iterator[int]
) -> None:
    """Two processes on one database; imports that are due are applied once, by one of them."""
    sites: list[Site] = []
    processes: list[ServerProcess] = []
    try:
        for number in range(2):
            directory = tmp_path / str(number)
            directory.mkdir()
            started = await asyncio.to_thread(ServerProcess, material.environment(store_url), directory)
            processes.append(started)
            sites.append(Site(material, started.port))
        one, other = sites
        await one.load(CATALOG)
        patient = await old_result(one, serials)
        await other.load(CATALOG)  # nothing new, but it looks
        begun = time.monotonic()
        version = (await load(one, window("T1", 2))).rules_version
        assert await verdict(one, patient, "T1") == ("OUTSIDE_WINDOW", version)
        assert await until_version(other, version, patient, "T1") == ("OUTSIDE_WINDOW", version)
        assert time.monotonic() - begun < 1.5  # a second, and the time of an answer
        moment = time.time() + 1
        await load(other, window("T1", 6), after=1)
        told = await asyncio.gather(*(until_version(each, version + 1, patient, "T1") for each in sites))
        assert told == [("reusable", version + 1)] * 2
        assert time.time() < moment + 2
        await asyncio.sleep(0.6)  # until both have looked once more
        assert [each.version for each in await versions(one) if each.version] == list(range(version + 1, 0, -1))
    finally:
        for each in sites:
            await each.close()
        for process in processes:
            await asyncio.to_thread(process.end)
