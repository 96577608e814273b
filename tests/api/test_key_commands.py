"""Keys as an operator meets them: made, listed, exchanged under a running server, changed to the other suite."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hutong.v1 import reuse_service_pb2

from tests.api.documents import CATALOG, chart, context, lab_report, person, publish
from tests.api.process import ServerProcess, run
from tests.api.site import Material, Site

SM = {"HUTONG_CRYPTO_SUITE": "sm4gcm-sm3"}
QUICK = ("--settle", "1.5")


@pytest.fixture
def own(material: Material, tmp_path: Path) -> Material:
    """Key files that this test may change."""
    for name in ("token.key", "seal.key", "kek.key", "ledger.key"):
        shutil.copy(material.seal_key.with_name(name), tmp_path / name)
    return Material(material.authority, tmp_path / "token.key", tmp_path / "seal.key")


async def test_keys_are_exchanged_under_a_server_that_goes_on(
    own: Material, module_store_url: str, tmp_path: Path, serials: Iterator[int]
) -> None:
    environment = own.environment(module_store_url)
    server = ServerProcess(environment, tmp_path)
    patients = [person(next(serials)) for _ in range(4)]
    try:
        site = Site(own, server.port)
        await site.load(CATALOG)
        feed, asking = site.publishing("H1"), site.asking("H2")
        documents = [lab_report(f"keys-{number}", each) for number, each in enumerate(patients)]
        # One report without a number: its identity is made of its facts and of its patient.
        del documents[3]["identifier"]
        for document in documents:
            await feed.PublishReport(publish(document), timeout=10)
        before = await asking.OpenChart(chart(patients[0], "keys"), timeout=10)
        work = asyncio.ensure_future(asyncio.to_thread(run, ["keys", "rotate", *QUICK], environment, tmp_path))
        calls = 0
        while not work.done():
            each = patients[calls % len(patients)]
            answer = await asking.OpenChart(chart(each, f"keys-{calls}"), timeout=10)
            assert answer.outcome == reuse_service_pb2.OUTCOME_FOUND
            # What is published again is the same report of the same patient, under whichever key.
            (result,) = (await feed.PublishReport(publish(documents[calls % len(patients)]), timeout=10)).results
            assert (result.version, result.unchanged) == (1, True)
            calls += 1
        done = await work
        assert done.returncode == 0, done.stderr
        assert calls > 20
        # An id of before opens, and a repeat is the prompt of before.
        asked = reuse_service_pb2.GetReportRequest(
            report_id=before.lines[0].result.report_id, context=context(), prompt_id=before.prompt_id
        )
        assert (await asking.GetReport(asked, timeout=10)).document
        listed = run(["keys", "list"], environment, tmp_path)
        assert listed.returncode == 0, listed.stderr
        states = [line.split()[1:4:2] for line in listed.stdout.splitlines() if line[0].isdigit()]
        assert sorted(states) == sorted(
            [
                ["digest", "current"],
                ["digest", "chained"],
                *([purpose, state] for purpose in ("seal", "token", "ids") for state in ("current", "retired")),
            ]
        )
        assert "report_version.document: 4" in listed.stdout
        await site.close()
    finally:
        assert server.end() == 0
    # The leaves of the ledger were sealed anew, and are what they were.
    verified = run(["audit", "verify"], environment, tmp_path)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    # The files of the first keys are of no more use.
    own.token_key.unlink()
    own.seal_key.unlink()
    server = ServerProcess(environment, tmp_path)
    try:
        site = Site(own, server.port)
        answer = await site.asking("H2").OpenChart(chart(patients[1], "after"), timeout=10)
        assert answer.outcome == reuse_service_pb2.OUTCOME_FOUND
        await site.close()
    finally:
        assert server.end() == 0


async def test_a_database_keeps_its_suite_until_it_is_changed(
    own: Material, tmp_path: Path, serials: Iterator[int]
) -> None:
    environment = own.environment(f"sqlite:///{tmp_path}/hutong.db")
    patient = person(next(serials))
    server = ServerProcess(environment, tmp_path)
    site = Site(own, server.port)
    try:
        await site.load(CATALOG)
        await site.publishing("H1").PublishReport(publish(lab_report("suite", patient)), timeout=10)
        for command in ("serve", "check-config"):
            done = run([command], environment | SM, tmp_path)
            assert done.returncode == 1
            assert "hutong-server keys rotate --seal --tokens" in done.stderr
        # The server of the former suite goes on while it changes, and after.
        done = run(["keys", "rotate", "--seal", "--tokens", *QUICK], environment | SM, tmp_path)
        assert done.returncode == 0, done.stderr
        answer = await site.asking("H2").OpenChart(chart(patient, "former"), timeout=10)
        assert answer.outcome == reuse_service_pb2.OUTCOME_FOUND
        await site.close()
    finally:
        assert server.end() == 0
    assert run(["serve"], environment, tmp_path).returncode == 1
    server = ServerProcess(environment | SM, tmp_path)
    site = Site(own, server.port)
    try:
        answer = await site.asking("H2").OpenChart(chart(patient, "new"), timeout=10)
        assert answer.outcome == reuse_service_pb2.OUTCOME_FOUND
        await site.close()
    finally:
        assert server.end() == 0


async def test_a_new_database_begins_with_the_suite_of_the_setting(
    own: Material, tmp_path: Path, serials: Iterator[int]
) -> None:
    environment = own.environment(f"sqlite:///{tmp_path}/hutong.db") | SM
    patient = person(next(serials))
    server = ServerProcess(environment, tmp_path)
    site = Site(own, server.port)
    try:
        await site.load(CATALOG)
        await site.publishing("H1").PublishReport(publish(lab_report("suite", patient)), timeout=10)
        answer = await site.asking("H2").OpenChart(chart(patient), timeout=10)
        asked = reuse_service_pb2.GetReportRequest(
            report_id=answer.lines[0].result.report_id, context=context(), prompt_id=answer.prompt_id
        )
        assert (await site.asking("H2").GetReport(asked, timeout=10)).document
        await site.close()
    finally:
        assert server.end() == 0
    listed = run(["keys", "list"], environment, tmp_path)
    assert listed.stdout.count("sm4gcm-sm3") == 4
    assert "aes" not in listed.stdout


def test_another_key_encryption_key_is_refused_and_named(own: Material, tmp_path: Path) -> None:
    environment = own.environment(f"sqlite:///{tmp_path}/hutong.db")
    assert run(["keys", "list"], environment, tmp_path).returncode == 0
    kek = tmp_path / "kek.key"
    secret = kek.read_text().strip()
    kek.unlink()
    assert run(["keys", "init"], environment, tmp_path).returncode == 0
    for command in (["check-config"], ["serve"], ["keys", "list"], ["keys", "rotate"]):
        done = run(command, environment, tmp_path)
        assert done.returncode == 1
        assert "is wrapped under" in done.stderr
        assert "HUTONG_KEK" in done.stderr
        assert secret not in done.stderr
        assert "Traceback" not in done.stderr
