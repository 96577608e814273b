"""What a restore refuses, and what it says: on what one lost registry left, each test with copies of its own."""

import asyncio
import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from hutong.v1 import catalog_service_pb2
from hutong_server import app
from hutong_server.api.health import PROMPTS
from hutong_server.store.base import Restoration
from hutong_server.trust.keys import create_key_file

from tests.api.documents import CATALOG, chart, lab_report, person, publish
from tests.api.site import Material, start_site
from tests.e2e.desk import Desk


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def left(material: Material, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    """backup/ and export/ of a registry that was lost: one report was withdrawn after the backup, T1 suspended."""
    directory = tmp_path_factory.mktemp("lost")
    desk = Desk(material, f"sqlite:///{directory}/hutong.db", directory, None)
    site = await start_site(material, desk.url, HUTONG_LEDGER_EXPORT=str(directory / "export"))
    await site.load(CATALOG)
    for number, name in ((1, "kept"), (2, "withdrawn")):
        await site.publishing("H1").PublishReport(publish(lab_report(name, person(number))), timeout=10)
    assert desk.run("backup", "--to", str(directory / "backup")).exit_code == 0
    gone = lab_report("withdrawn", person(2), status="entered-in-error")
    await site.publishing("H1").PublishReport(publish(gone), timeout=10)
    suspend = catalog_service_pb2.SuspendInstitutionRequest(code="T1", scope="SUSPENSION_SCOPE_ACCESS", reason="x")
    await site.catalog().SuspendInstitution(suspend, timeout=10)
    await site.close()
    yield directory


@pytest.fixture
def desk(left: Path, material: Material, tmp_path: Path) -> Desk:
    """An empty place with copies of both."""
    shutil.copytree(left / "backup", tmp_path / "backup")
    shutil.copytree(left / "export", tmp_path / "export")
    return Desk(material, f"sqlite:///{tmp_path}/hutong.db", tmp_path, None)


def put_back(desk: Desk, *more: str, **environment: str) -> tuple[int, str]:
    made = desk.run("restore", "--from", str(desk.directory / "backup"), *more, **environment)
    return made.exit_code, made.output


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(bytes(content))


def acts(desk: Desk) -> list[Path]:
    """Files of the log that tells of something."""
    (last,) = (desk.directory / "export").glob("*-000002.acts")
    return sorted((desk.directory / "export").glob(f"{last.name.partition('-')[0]}-*.acts"))


def test_what_was_tampered_with_is_not_put_back(desk: Desk) -> None:
    backup = desk.directory / "backup"
    # A ledger file that was put there, and one that was taken away.
    shutil.copyfile(backup / "hutong.db-ledger-0", backup / "hutong.db-ledger-3")
    assert "the manifest does not name hutong.db-ledger-3" in put_back(desk)[1]
    (backup / "hutong.db-ledger-3").replace(desk.directory / "aside")
    (backup / "hutong.db-ledger-0").rename(desk.directory / "aside")
    assert "hutong.db-ledger-0: No such file" in put_back(desk)[1]
    (desk.directory / "aside").rename(backup / "hutong.db-ledger-0")
    flip(backup / "hutong.db")
    assert put_back(desk)[0] == 1
    assert "hutong.db: was changed" in put_back(desk)[1]
    # With a manifest that was changed to match.
    manifest = json.loads((backup / "manifest.json").read_text())
    (backup / "manifest.json").write_text(json.dumps({**manifest, "counts": {}}))
    assert "manifest.json: was changed" in put_back(desk)[1]
    (backup / "manifest.json").unlink()
    assert "it is no backup" in put_back(desk)[1]
    assert not (desk.directory / "hutong.db").exists()


def test_rows_that_were_changed_before_the_backup_are_found_by_the_ledger(desk: Desk, left: Path) -> None:
    live = Desk(desk.material, f"sqlite:///{desk.directory}/live.db", desk.directory, None)
    shutil.copyfile(left / "backup" / "hutong.db", desk.directory / "live.db")
    with closing(sqlite3.connect(desk.directory / "live.db")) as database, database:
        database.execute("UPDATE report SET institution = 'H2'")
    (desk.directory / "live.db").chmod(0o600)
    shutil.rmtree(desk.directory / "backup")
    assert live.run("backup", "--to", str(desk.directory / "backup")).exit_code == 0
    code, said = put_back(desk)
    assert (code, "the index was changed" in said) == (1, True)
    assert not (desk.directory / "hutong.db").exists()


def test_keys_that_are_not_its_own_are_told(desk: Desk) -> None:
    other = desk.directory / "other.key"
    create_key_file(other)
    code, said = put_back(desk, HUTONG_KEK=str(other))
    assert (code, "its keys are wrapped under" in said) == (1, True)
    code, said = put_back(desk, HUTONG_LEDGER_KEY=str(other))
    assert (code, "its ledger is signed by" in said) == (1, True)
    assert not (desk.directory / "hutong.db").exists()
    assert desk.run("backup", "--to", str(desk.directory / "new"), HUTONG_KEK=str(other)).exit_code == 1


@pytest.mark.parametrize("fault", ["changed", "missing", "moved", "renumbered", "all missing"])
def test_an_export_that_is_not_whole_does_not_settle(desk: Desk, fault: str) -> None:
    told = acts(desk)
    if fault == "changed":
        flip(told[1])
    elif fault == "missing":
        told[1].unlink()
    elif fault == "moved":
        told[2].replace(told[1])
    elif fault == "renumbered":
        before = hashlib.sha256(told[0].read_bytes()).hexdigest()
        content = {**json.loads(told[2].read_bytes()), "ordinal": 1, "before": before}
        told[2].replace(told[1])
        told[1].chmod(0o600)
        told[1].write_text(json.dumps(content))
    else:
        for path in told:
            path.unlink()
    code, said = put_back(desk)
    assert code == 3, said
    assert "NOT SETTLED" in said
    made = desk.run("check-config")
    assert (made.exit_code, "is not replayed; run `hutong-server restore`" in made.output) == (1, True)


def test_a_checkpoint_that_was_changed_does_not_settle(desk: Desk) -> None:
    for path in (desk.directory / "export").glob("*.checkpoint"):
        flip(path)
    code, said = put_back(desk)
    assert (code, "an exported checkpoint" in said) == (3, True)


async def test_a_loss_is_accepted_on_record(desk: Desk, material: Material) -> None:
    shutil.rmtree(desk.directory / "export")
    assert put_back(desk)[0] == 3
    assert desk.run("restore", "--accept-loss-since", "yesterday").exit_code == 1
    made = desk.run("restore", "--accept-loss-since", "2026-11-22T08:00:00+08:00")
    assert made.exit_code == 0
    assert "LOST, and on record" in made.output
    dump = desk.directory / "dump"
    assert desk.run("audit", "dump", "--to", str(dump)).exit_code == 0
    leaves = [json.loads(line.get("text") or "{}") for line in map(json.loads, dump.read_text().splitlines())]
    (entry,) = [leaf for leaf in leaves if leaf.get("type") == "restore"]
    assert entry["lost_since"] == 1_795_305_600_000
    (record,) = [leaf for leaf in leaves if leaf.get("method") == "RestoreRegistry"]
    assert "loss accepted since 2026-11-22T00:00:00.000+00:00" in record["detail"]
    assert desk.run("audit", "verify").exit_code == 0
    # Neither the withdrawal nor the suspension is known any more; of H1 nothing is reusable all the same.
    async with serving(desk, material) as site:
        answer = await site.asking("H2").OpenChart(chart(person(2), "x", include_not_reusable=True), timeout=10)
        assert [list(each.reasons) for each in answer.not_reusable] == [[21]]
    assert desk.run("restore", "--excuse", "H9").exit_code == 1
    assert desk.run("restore", "--excuse", "H1").exit_code == 0
    async with serving(desk, material) as site:
        answer = await site.asking("H2").OpenChart(chart(person(1), "x"), timeout=10)
        assert len(answer.lines) == 1


class serving:
    """A registry in this process, on the desk's database."""

    def __init__(self, desk: Desk, material: Material) -> None:
        self._started = start_site(material, desk.url)

    async def __aenter__(self) -> Any:
        self._site = await self._started
        return self._site

    async def __aexit__(self, *_: object) -> None:
        await self._site.close()


def test_what_is_there_is_not_overwritten_unasked(desk: Desk) -> None:
    place = desk.directory / "hutong.db"
    place.write_bytes(b"something")
    place.chmod(0o600)
    code, said = put_back(desk)
    assert (code, "something is there already" in said) == (1, True)
    assert place.read_bytes() == b"something"
    assert put_back(desk, "--force")[0] == 0
    (aside,) = desk.directory.glob("hutong.db.before-*")
    assert aside.read_bytes() == b"something"
    # A second time from the same backup: what was replayed the first time is replayed again.
    opened = (
        "import sqlite3, sys; d = sqlite3.connect(sys.argv[1]); print(*d.execute('SELECT 1 FROM identity')); input()"
    )
    command = [sys.executable, "-c", opened, str(place)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as somebody:
        assert somebody.stdout is not None
        somebody.stdout.readline()
        code, said = put_back(desk, "--force")
        somebody.communicate(b"\n", timeout=10)
    assert (code, "somebody has the database open" in said) == (1, True)
    code, said = put_back(desk, "--force")
    assert (code, "× withdrawal" in said, "× institution" in said) == (0, True, True)
    assert desk.run("audit", "verify", "--against", str(desk.directory / "export")).exit_code == 0


def test_what_a_lost_file_left_beside_it_does_not_get_into_the_restored_one(desk: Desk) -> None:
    lost, place = desk.directory / "lost.db", desk.directory / "hutong.db"
    shutil.copyfile(desk.directory / "backup" / "hutong.db", lost)
    with closing(sqlite3.connect(lost)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        with database:
            database.execute("UPDATE report SET institution = 'H2'")
        shutil.copyfile(f"{lost}-wal", f"{place}-wal")
    # The same of a ledger file.
    with closing(sqlite3.connect(desk.directory / "lost")) as database:
        database.execute("PRAGMA journal_mode=WAL")
        with database:
            database.execute("CREATE TABLE access_record (leaf)")
        shutil.copyfile(desk.directory / "lost-wal", f"{place}-ledger-0-wal")
    code, said = put_back(desk)
    assert (code, said.count("moved aside")) == (0, 2)
    with closing(sqlite3.connect(place)) as database:
        assert database.execute("SELECT DISTINCT institution FROM report").fetchall() == [("H1",)]
    assert desk.run("audit", "verify").exit_code == 0


def test_keys_are_backed_up_apart(desk: Desk) -> None:
    keys = desk.directory / "keys"
    for other in (keys, keys / "below"):
        assert desk.run("backup", "--to", str(keys), "--keys-to", str(other)).exit_code == 1
    assert desk.run("backup", "--keys-to", str(keys)).exit_code == 0
    assert {path.name for path in keys.iterdir()} == {"kek.key", "ledger.key", "token.key", "seal.key"}
    assert (keys.stat().st_mode & 0o777, (keys / "kek.key").stat().st_mode & 0o777) == (0o700, 0o600)
    assert desk.run("backup", "--keys-to", str(keys)).exit_code == 1, "there already"
    # A key that is not there, and one whose file would take the place of another's, are no backup of keys.
    (desk.directory / "second").mkdir()
    namesake = desk.directory / "second" / "kek.key"
    assert desk.run("backup", "--keys-to", f"{keys}2", HUTONG_LEDGER_KEY=str(namesake)).exit_code == 1
    create_key_file(namesake)
    assert "two keys" in desk.run("backup", "--keys-to", f"{keys}2", HUTONG_LEDGER_KEY=str(namesake)).output
    assert not list(desk.directory.glob("*keys2*"))
    there = {path.name for path in (desk.directory / "backup").iterdir()}
    assert there == {"hutong.db", "hutong.db-ledger-0", "manifest.json"}


def _copied(desk: Desk, name: str) -> None:
    shutil.copyfile(desk.directory / "backup" / name, desk.directory / name)
    (desk.directory / name).chmod(0o600)


async def test_a_database_restored_by_its_own_means_is_settled_in_place(desk: Desk) -> None:
    _copied(desk, "hutong.db")
    made = desk.run("restore", "--in-place")
    assert (made.exit_code, "ledger file 0, which is not there" in made.output) == (1, True)
    for name in ("hutong.db", "hutong.db-ledger-0"):
        _copied(desk, name)
    made = desk.run("restore")
    assert (made.exit_code, "never put back" in made.output) == (0, True)
    made = desk.run("restore", "--in-place")
    assert made.exit_code == 0
    assert "replayed: 1 × withdrawal" in made.output
    assert "nothing is reusable of 1 institutions until their feeds go on: H1" in made.output


async def test_a_running_server_shows_nothing_reusable_of_what_is_not_settled(desk: Desk, material: Material) -> None:
    assert put_back(desk)[0] == 0
    async with serving(desk, material) as site:
        assert desk.run("restore", "--excuse", "H1").exit_code == 0
        unsettled = Restoration(app.now(), app.now(), 0)
        site.registry.store.submit(lambda writer: writer.put_restoration(unsettled)).result()
        await site.registry.rules.refresh()
        answer = await site.asking("H2").OpenChart(chart(person(1), "y", include_not_reusable=True), timeout=10)
        assert [list(each.reasons) for each in answer.not_reusable] == [[21]]
        checking: Any = health_pb2_grpc.HealthStub(site.channel("registry", "monitor"))
        states: list[int] = []
        for _ in range(60):
            asked = [health_pb2.HealthCheckRequest(service=name) for name in ("", PROMPTS, "hutong.v1.RegistryService")]
            states = [(await checking.Check(each, timeout=5)).status for each in asked]
            if states[1] != health_pb2.HealthCheckResponse.SERVING:
                break
            await asyncio.sleep(0.05)
        assert states == [1, 2, 1]
        await site.registry.observations.look()
        assert site.registry.metrics.registry.get_sample_value("hutong_restore_unsettled") == 1
        told = desk.run("doctor")
        assert told.exit_code == 1
        assert "WRONG  restore       the database was put back from a backup" in told.output
