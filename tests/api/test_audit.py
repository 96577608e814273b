"""Who has seen my results? Asked over the wire, proved, and verified by the operator's commands."""

import asyncio
import json
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from fhir.resources.R4B.auditevent import AuditEvent
from hutong.v1 import audit_service_pb2, audit_service_pb2_grpc, reuse_service_pb2
from hutong_client.proofs import Consistency, Inclusion, ProofInvalid, verify_inclusion, verify_proof
from hutong_server.store.prompts import access_records

from tests.api.documents import CATALOG, chart, context, lab_report, person, publish, question
from tests.api.process import run
from tests.api.site import Material, Site, refused, start_site
from tests.store.ledgers import tamper


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def exported(module_store_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoints") / "out"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(material: Material, module_store_url: str, exported: Path) -> AsyncIterator[Site]:
    started = await start_site(material, module_store_url, HUTONG_LEDGER_EXPORT=str(exported))
    await started.load(CATALOG)
    yield started
    await started.close()


def auditing(site: Site, institution: str = "H9", role: str = "portal") -> Any:
    return audit_service_pb2_grpc.AuditServiceStub(site.channel(institution, role))


def asked(patient: dict[str, Any], **more: Any) -> audit_service_pb2.ListAccessesRequest:
    return audit_service_pb2.ListAccessesRequest(patient=question(patient), **more)


async def seen(site: Site, serials: Iterator[int], looks: int = 3) -> dict[str, Any]:
    """A patient with a report, at whom H2 has looked so many times."""
    patient = person(next(serials))
    await site.publishing("H1").PublishReport(publish(lab_report(f"audit-{next(serials)}", patient)), timeout=10)
    for number in range(looks):
        await site.asking("H2").OpenChart(chart(patient, f"look-{number}"), timeout=10)
    return patient


async def test_a_patient_learns_who_has_looked_newest_first_and_can_prove_it(
    site: Site, serials: Iterator[int]
) -> None:
    patient = await seen(site, serials)
    answer = await auditing(site, "H1").ListAccesses(asked(patient), timeout=10)
    assert [access.method for access in answer.accesses] == ["OpenChart"] * 3
    assert {(access.institution, access.role, access.reports) for access in answer.accesses} == {("H2", "emr", 1)}
    assert all(access.practitioner and access.purpose and access.consent_basis for access in answer.accesses)
    times = [(access.at.seconds, access.at.nanos) for access in answer.accesses]
    assert times == sorted(times, reverse=True)
    key = (
        await auditing(site, "H1").ListCheckpoints(audit_service_pb2.ListCheckpointsRequest(), timeout=10)
    ).public_key
    for access in answer.accesses:
        request = audit_service_pb2.ProveAccessRequest(leaf_id=access.leaf_id)
        proof = await auditing(site, "H1").ProveAccess(request, timeout=10)
        proved = verify_inclusion(proof.leaf, proof.leaf_index, proof.path, proof.checkpoint, key)
        assert proved.leaf["method"] == "OpenChart"
        assert proved.leaf["who"]["practitioner"] == access.practitioner
        with pytest.raises(ProofInvalid):
            verify_inclusion(proof.leaf + b" ", proof.leaf_index, proof.path, proof.checkpoint, key)
    # The questions themselves are on record.
    again = await auditing(site, "H1").ListAccesses(asked(patient), timeout=10)
    assert [access.method for access in again.accesses] == ["ProveAccess"] * 3 + ["ListAccesses"] + ["OpenChart"] * 3


async def test_pages_follow_one_another(site: Site, serials: Iterator[int]) -> None:
    patient = await seen(site, serials, 5)
    ids: list[str] = []
    token = ""
    for _ in range(10):
        page = await auditing(site, "registry", "admin").ListAccesses(
            asked(patient, page_size=2, page_token=token, purpose="complaint"), timeout=10
        )
        ids += [access.leaf_id for access in page.accesses if access.method == "OpenChart"]
        token = page.next_page_token
        if not token:
            break
    assert len(ids) == len(set(ids)) == 5
    other = asked(person(next(serials)), page_size=2, page_token="hAAAA", purpose="x")  # noqa: S106
    assert (await refused(auditing(site, "registry", "admin").ListAccesses(other))).reason == "PAGE_TOKEN_INVALID"


async def test_times_bound_the_list(site: Site, serials: Iterator[int]) -> None:
    patient = await seen(site, serials, 2)
    stub = auditing(site, "H1")
    newest = (await stub.ListAccesses(asked(patient), timeout=10)).accesses[0].at
    later = asked(patient)
    getattr(later, "from").seconds = newest.seconds + 60
    assert not (await stub.ListAccesses(later, timeout=10)).accesses
    earlier = asked(patient)
    earlier.before.seconds = newest.seconds - 3600
    assert not (await stub.ListAccesses(earlier, timeout=10)).accesses


async def test_another_persons_demographics_open_nothing(site: Site, serials: Iterator[int]) -> None:
    patient = await seen(site, serials)
    wrong = asked(patient)
    wrong.patient.demographics.birth_date = "1971-01-01"
    nobody = asked(person(next(serials)))
    answers = [await auditing(site, "H1").ListAccesses(each, timeout=10) for each in (wrong, nobody)]
    assert [len(answer.accesses) for answer in answers] == [0, 0]


async def test_administrators_say_why_and_ids_are_good_for_one_institution(site: Site, serials: Iterator[int]) -> None:
    patient = await seen(site, serials, 1)
    found = await refused(auditing(site, "registry", "admin").ListAccesses(asked(patient)))
    assert (found.reason, found.paths) == ("REQUEST_INVALID", ("purpose",))
    (access,) = (await auditing(site, "H1").ListAccesses(asked(patient), timeout=10)).accesses
    for leaf in (access.leaf_id, "hAAAA"):
        request = audit_service_pb2.ProveAccessRequest(leaf_id=leaf)
        assert (await refused(auditing(site, "H2").ProveAccess(request))).reason == "NOT_FOUND"
    assert (await refused(auditing(site, "H1", "emr").ListAccesses(asked(patient)))).reason == "ROLE_NOT_ALLOWED"


async def test_a_leaf_says_which_versions_verdicts_and_documents(site: Site, serials: Iterator[int]) -> None:
    patient = await seen(site, serials, 1)
    opened = await site.asking("H2").OpenChart(chart(patient, "which", include_not_reusable=True), timeout=10)
    (line,) = opened.lines
    request = reuse_service_pb2.GetReportRequest(
        report_id=line.result.report_id, prompt_id=opened.prompt_id, context=context()
    )
    await site.asking("H2").GetReport(request, timeout=10)
    assert site.registry is not None
    store = site.registry.store
    records = [r for _, r in await asyncio.to_thread(store.read, lambda tx: access_records(tx, limit=10_000))]  # type: ignore[arg-type]
    got, shown = records[-1], records[-2]
    published = next(r for r in reversed(records) if r.method == "PublishReport")
    assert (got.method, shown.method) == ("GetReport", "OpenChart")
    for record in (got, shown, published):
        (content,) = record.contents
        assert content.report_id == record.reports[0]
        assert content.version == 1
    assert "REUSABLE" in shown.contents[0].verdicts
    assert len(published.contents[0].digest) == 32
    assert published.contents[0].verdicts in (("accepted",), ("accepted_with_warnings",))


def empties(value: Any) -> bool:
    """Whether FHIR's JSON would be broken by something empty."""
    if isinstance(value, dict | list):
        return not value or any(map(empties, value.values() if isinstance(value, dict) else value))
    return value in ("", None)


def operator(site: Site, database: str, tmp_path: Path, *arguments: str, **more: str) -> Any:
    return run(["audit", *arguments], site.material.environment(database, **more), tmp_path)


async def test_the_operator_verifies_proves_and_exports_beside_a_running_server(
    site: Site, serials: Iterator[int], module_store_url: str, exported: Path, tmp_path: Path
) -> None:
    def audit(*arguments: str) -> Any:
        return operator(site, module_store_url, tmp_path, *arguments)

    await seen(site, serials)
    # Exported within a second.
    await asyncio.sleep(1.2)
    files = sorted(exported.glob("*.checkpoint"))  # noqa: ASYNC240
    assert len({file.name.split("-")[0] for file in files}) >= 2
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o444 for file in files)
    done = await asyncio.to_thread(audit, "verify", "--against", str(exported))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "verified" in done.stdout
    assert "are in no checkpoint" not in done.stdout
    key = (await asyncio.to_thread(audit, "checkpoint", "--key")).stdout.strip()
    notes = (await asyncio.to_thread(audit, "checkpoint")).stdout
    assert notes.count("\N{EM DASH} hutong.local ") >= 2

    dumped = tmp_path / "dump"
    assert (await asyncio.to_thread(audit, "dump", "--to", str(dumped))).returncode == 0
    offline = ("verify", "--offline", str(dumped), "--key", key, "--against", str(exported))
    assert (await asyncio.to_thread(run, ["audit", *offline], {}, tmp_path)).returncode == 0
    dumped.write_text(dumped.read_text().replace("look-1", "look-7", 1))
    bad = await asyncio.to_thread(run, ["audit", *offline], {}, tmp_path)
    assert bad.returncode == 1
    assert "was changed" in bad.stdout

    log = next(name for file in files if (name := file.name.split("-")[0]) != "0" * 32)
    proof = json.loads((await asyncio.to_thread(audit, "prove", f"{log}/0")).stdout)
    assert isinstance(verify_proof(proof, key), Inclusion)
    own = [file for file in files if file.name.startswith(log)]
    between = json.loads((await asyncio.to_thread(audit, "consistency", str(own[0]), str(own[-1]))).stdout)
    assert isinstance(verify_proof(between, key), Consistency)
    with pytest.raises(ProofInvalid):
        verify_proof(between | {"path": [*between["path"], proof["leaf"]]}, key)

    events = tmp_path / "events.ndjson"
    assert (await asyncio.to_thread(audit, "export", "--to", str(events))).returncode == 0
    parsed = [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines()]
    assert {event["subtype"][0]["display"] for event in parsed} >= {"OpenChart", "PublishReport", "ImportCatalog"}
    for event in parsed:
        AuditEvent.model_validate(event)
        assert not empties(event)
        # What cannot be kept is not claimed: the profiles of BALP ask for more than a call has.
        assert "meta" not in event


async def test_what_cannot_be_put_on_record_is_not_answered(
    site: Site, serials: Iterator[int], module_store_url: str
) -> None:
    patient = await seen(site, serials, 1)
    await asyncio.to_thread(tamper, module_store_url, "ALTER TABLE ledger_checkpoint RENAME TO elsewhere")
    try:
        found = await refused(site.asking("H2").OpenChart(chart(patient, "not on record"), timeout=10))
        sent = await refused(
            site.publishing("H1").PublishReport(publish(lab_report("not-on-record", patient)), timeout=10)
        )
    finally:
        await asyncio.to_thread(tamper, module_store_url, "ALTER TABLE elsewhere RENAME TO ledger_checkpoint")
    assert (found.code, found.reason) == ("UNAVAILABLE", "STORE_UNAVAILABLE")
    assert (sent.code, sent.reason) == ("UNAVAILABLE", "STORE_UNAVAILABLE")
    answer = await site.asking("H2").OpenChart(chart(patient, "on record"), timeout=10)
    # Nothing of the publish was kept, either.
    assert len(answer.lines) == 1
    assert not answer.lines[0].newer


async def test_what_cannot_be_used_is_said_in_a_sentence(site: Site, module_store_url: str, tmp_path: Path) -> None:
    for arguments in (
        ("prove", "nonsense"),
        ("prove", "00/99"),
        ("verify", "--key", "no+key"),
        ("verify", "--against", "missing"),
        ("verify", "--offline", "missing"),
        ("consistency", "missing", "missing"),
    ):
        done = await asyncio.to_thread(operator, site, module_store_url, tmp_path, *arguments)
        assert done.returncode == 2, arguments
        assert done.stderr.startswith("hutong-server: ")
        assert "Traceback" not in done.stderr
    empty = await asyncio.to_thread(operator, site, f"sqlite:///{tmp_path}/none.db", tmp_path, "verify")
    assert "no database yet" in empty.stderr
    assert not (tmp_path / "none.db").exists()


async def test_nothing_of_the_last_years_is_cut_off(site: Site, module_store_url: str, tmp_path: Path) -> None:
    done = await asyncio.to_thread(operator, site, module_store_url, tmp_path, "retain")
    assert (done.returncode, done.stdout) == (0, "0 leaves in 0 logs were past 1095 days\n")
    short = await asyncio.to_thread(
        lambda: operator(site, module_store_url, tmp_path, "retain", HUTONG_LEDGER_RETENTION_DAYS="183")
    )
    assert short.returncode == 2
    assert "HUTONG_LEDGER_RETENTION_DAYS" in short.stderr
