"""hutong admin access-log and hutong verify-proof, as people use them."""

import asyncio
import json
import subprocess
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from hutong.v1 import audit_service_pb2
from hutong_client.proofs import ProofInvalid, read_checkpoint, verify_proof
from hutong_client.queries import RESIDENT_NUMBER, patient_query

from tests.api.documents import encoded, lab_report, person
from tests.client.conftest import BIN, Cli, RegistryProcess, connect

ADMIN = {"institution": "registry", "role": "admin"}
WHO = ("--practitioner", "D7", "--encounter", "E7")


@pytest.fixture(scope="module")
def patient(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Somebody at whom a doctor has looked twice; as lines for stdin."""
    folder = tmp_path_factory.mktemp("access-log")
    somebody = person(897)
    (folder / "1.json").write_bytes(encoded(lab_report("access-log-1", somebody)))
    cli("publish", folder, institution="H1", role="feed")
    lines = (
        f"resident_number: {somebody['identifier'][0]['value']}\nname: {somebody['name'][0]['text']}\n"
        f"birth_date: {somebody['birthDate']}\nsex: {somebody['gender']}\n"
    )
    for _ in range(2):
        cli("chart", *WHO, stdin=lines, institution="H2", role="emr")
    return lines


@pytest.fixture(scope="module")
def proof(registry: RegistryProcess, patient: str) -> tuple[dict[str, Any], str]:
    """A proof as a file would hold it, and the key."""
    said = dict(line.split(": ") for line in patient.splitlines())

    async def fetch() -> tuple[audit_service_pb2.ProveAccessResponse, str]:
        async with connect(registry.authority, registry.address, "registry", "admin") as client:
            asked = patient_query(
                [(RESIDENT_NUMBER, said["resident_number"], "")],
                birth_date=said["birth_date"],
                name=said["name"],
                sex=said["sex"],
            )
            async for access in client.audit.accesses(asked, purpose="test"):
                if access.method == "OpenChart":
                    key = (await client.audit.checkpoints()).public_key
                    return await client.audit.prove(access.leaf_id), key
        raise AssertionError("nothing on record")

    found, key = asyncio.run(fetch())
    return {
        "leaf": b64encode(found.leaf).decode(),
        "leaf_index": found.leaf_index,
        "path": [b64encode(node).decode() for node in found.path],
        "checkpoint": found.checkpoint,
    }, key


def test_who_has_looked_is_listed_with_its_proof(cli: Cli, patient: str, proof: tuple[dict[str, Any], str]) -> None:
    ask = ("admin", "access-log", "--purpose", "the patient asks", "--ledger-key", proof[1])
    given = json.loads(cli(*ask, "--json", stdin=patient, **ADMIN).stdout)["accesses"]
    looks = [access for access in given if access["method"] == "OpenChart"]
    assert [(look["institution"], look["practitioner"], look["reports"]) for look in looks] == [("H2", "D7", 1)] * 2
    assert all(access["proved"] for access in given)
    shown = cli(*ask, stdin=patient, **ADMIN).stdout
    assert shown.count("OpenChart") == 2
    assert "D7" in shown
    assert "NO" not in shown


def test_another_key_proves_nothing(cli: Cli, patient: str) -> None:
    stranger = "hutong.local+00000000+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    ask = ("admin", "access-log", "--purpose", "x", "--limit", "1", "--ledger-key", stranger)
    ran = cli(*ask, stdin=patient, status=1, **ADMIN)
    assert "do not verify" in ran.stderr


def test_nobody_is_listed_for_somebody_unknown(cli: Cli) -> None:
    unknown = person(898)
    stdin = f"resident_number: {unknown['identifier'][0]['value']}\nname: 李四\nbirth_date: 1990-01-01\nsex: female\n"
    assert "Nothing is on record" in cli("admin", "access-log", "--purpose", "x", stdin=stdin, **ADMIN).stdout


def verify(proof: object, key: str, tmp_path: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    file = tmp_path / "proof.json"
    file.write_text(json.dumps(proof))
    return subprocess.run(
        [BIN / "hutong", "verify-proof", str(file), "--key", key, *more],
        capture_output=True,
        encoding="utf-8",
        env={"LANG": "C.UTF-8"},
        check=False,
    )


def test_a_proof_verifies_without_registry_or_certificate(proof: tuple[dict[str, Any], str], tmp_path: Path) -> None:
    given, key = proof
    shown = verify(given, key, tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "The proof holds" in shown.stdout
    assert "OpenChart" in shown.stdout
    document = json.loads(verify(given, key, tmp_path, "--json").stdout)
    assert document["valid"] is True
    assert document["leaf"]["who"]["practitioner"] == "D7"


def test_what_was_changed_does_not_verify(proof: tuple[dict[str, Any], str], tmp_path: Path) -> None:
    given, key = proof
    wrong: list[object] = [
        given | {"leaf": b64encode(b"{}").decode()},
        given | {"leaf_index": given["leaf_index"] + 1},
        given | {"leaf_index": -1},
        given | {"path": [*given["path"], given["leaf"]]},
        given | {"checkpoint": given["checkpoint"].replace("hutong.local/", "hutong.locaL/", 1)},
        given
        | {
            "checkpoint": given["checkpoint"][:-6]
            + ("B" if given["checkpoint"][-6] == "A" else "A")
            + given["checkpoint"][-5:]
        },
        given | {"path": "no"},
        {},
        [],
    ]
    for each in wrong:
        with pytest.raises(ProofInvalid):
            verify_proof(each if isinstance(each, dict) else {}, key)
    ran = verify(wrong[0], key, tmp_path)
    assert ran.returncode == 1
    assert "does NOT hold" in ran.stderr
    assert json.loads(verify(wrong[0], key, tmp_path, "--json").stdout)["valid"] is False
    assert verify(given, "hutong.local+1+AA", tmp_path).returncode == 1
    with pytest.raises(ProofInvalid):
        read_checkpoint(given["checkpoint"], key.replace("hutong.local", "other.local"))
    missing = subprocess.run(
        [BIN / "hutong", "verify-proof", "missing", "--key", key], capture_output=True, encoding="utf-8", check=False
    )
    assert missing.returncode == 2
    assert "Traceback" not in missing.stderr
