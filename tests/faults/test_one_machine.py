"""A registry on SQLite, as on one small machine, whose disk fills, whose files go away and whose reader is killed.

Its database lies on a small disk of its own: a tmpfs in a mount namespace that only it sees.
"""

import asyncio
import contextlib
import datetime
import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hutong_client.errors import HutongCallError, Overloaded
from hutong_server import safety, settings

from tests.api.documents import CATALOG, context, person, question
from tests.api.process import ServerProcess
from tests.api.site import Material, Site
from tests.faults.disk import fill
from tests.faults.load import DEADLINE, PATIENT, SLACK, connect, under_load

pytestmark = pytest.mark.timeout(120)

_HOLDS_IT = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
held.execute("ROLLBACK")
"""
_ON_A_SMALL_DISK = 'mount -t tmpfs -o size=24m,mode=700 tmpfs "$0" && exec "$@"'


def _namespace() -> list[str]:
    """A command that gives what it starts mounts of its own: root may, others where the kernel lets them."""
    for way in (["unshare", "-m"], ["unshare", "-Urm"]):
        try:
            tried = subprocess.run([*way, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False)
        except FileNotFoundError:
            break
        if tried.returncode == 0:
            return way
    pytest.skip("no mount namespace can be had here (unshare -m)")


class Machine(ServerProcess):
    """A server on a small disk."""

    def __init__(self, environment: dict[str, str], directory: Path) -> None:
        disk = directory / "disk"
        disk.mkdir()
        given = environment | {"HUTONG_DATABASE_URL": f"sqlite:///{disk}/hutong.db"}
        way = _namespace()
        super().__init__(given, directory, [*way, "sh", "-c", _ON_A_SMALL_DISK, str(disk)])
        self.environment = given
        self._database = disk / "hutong.db"
        self._inside = ["nsenter", "-t", str(self.pid), "-m"]
        if "-Urm" in way:
            self._inside += ["-U", "--preserve-credentials"]
        self.disk = Path(f"/proc/{self.pid}/root") / disk.relative_to("/")
        """The disk, seen from outside."""

    @property
    def pid(self) -> int:
        """unshare and sh become the server; they start none."""
        return self._process.pid

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Another process holds the one lock of writers."""
        with subprocess.Popen(
            [*self._inside, sys.executable, "-c", _HOLDS_IT, str(self._database)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as holder:
            assert holder.stdin is not None
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            try:
                yield
            finally:
                holder.stdin.write("\n")
                holder.stdin.flush()

    def readers(self) -> list[int]:
        """Processes that read documents."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("machine")


@pytest.fixture(scope="module")
def machine(material: Material, place: Path) -> Iterator[Machine]:
    own = {}
    for name in ("server.pem", "server.key"):
        # Its own: one of these tests exchanges them.
        own[name] = shutil.copy(material.authority.directory / name, place / name)
    environment = material.environment(
        "",
        HUTONG_DOCUMENT_PROCESSES="1",
        HUTONG_LEDGER_EXPORT=str(place / "export"),
        HUTONG_TLS_CERTIFICATE=str(own["server.pem"]),
        HUTONG_TLS_KEY=str(own["server.key"]),
    )
    server = Machine(environment, place)
    asyncio.run(_with_catalog(material, server.port))
    yield server
    assert server.end() == 0


async def _with_catalog(material: Material, port: int) -> None:
    site = Site(material, port)
    await site.load(CATALOG)
    await site.close()


async def test_a_full_disk(machine: Machine, material: Material, seconds: float) -> None:
    async with under_load(material, machine.port) as load:
        filler = await asyncio.to_thread(fill, machine.disk)
        try:
            with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
                (machine.disk / "more").write_bytes(b"x" * 8192)
            # Nothing is shown that is not on record, and nothing acknowledged that is not kept.
            await load.until(lambda: load.chart_failures.total() > 2 and load.publish_failures.total() > 2)
            known = load.charts, len(load.acknowledged)
            await asyncio.sleep(seconds / 3)
            assert known == (load.charts, len(load.acknowledged))
        finally:
            filler.unlink()
        assert set(load.chart_failures) <= {"STORE_UNAVAILABLE", "DEADLINE_TOO_SHORT", "DEADLINE_EXCEEDED"}
    assert '"event":"store unavailable"' in machine.log.read_text()


async def test_a_database_that_somebody_holds_locked(machine: Machine, material: Material, seconds: float) -> None:
    """As by a forgotten `sqlite3` of an operator in the middle of a transaction."""
    async with under_load(material, machine.port) as load:
        before = load.failures
        with machine.locked():
            await asyncio.sleep(max(seconds, DEADLINE + 0.5))
            assert load.failures > before


async def test_an_export_directory_that_cannot_be_written(machine: Machine, material: Material, place: Path) -> None:
    """Doctors notice nothing; what could not be exported is exported when the directory is back."""
    export, away = place / "export", place / "export-away"
    async with under_load(material, machine.port, PATIENT) as load:
        export.rename(away)
        export.write_text("not a directory")
        try:
            await load.until(lambda: '"event":"checkpoint not exported"' in machine.log.read_text())
            await load.answered()
        finally:
            export.unlink()
            away.rename(export)
        there = len(list(export.iterdir()))
        await load.until(lambda: len(list(export.iterdir())) > there)
        assert load.failures == 0


async def test_a_key_file_that_is_gone(machine: Machine, material: Material) -> None:
    """What runs goes on: the keys are in its memory. What starts refuses, and says which file is missing."""
    wanted = settings.load(machine.environment)
    now = datetime.datetime.now(datetime.UTC)
    assert safety.problems(wanted, now) == []
    kek = material.seal_key.with_name("kek.key")
    away = kek.rename(kek.with_suffix(".away"))
    try:
        async with under_load(material, machine.port, PATIENT) as load:
            (problem,) = safety.problems(wanted, now)
            assert problem.startswith("HUTONG_KEK")
            assert str(kek) in problem
            await load.answered()
            assert load.failures == 0
    finally:
        away.rename(kek)
    # As by a mistaken chmod.
    kek.chmod(0o640)
    (problem,) = safety.problems(wanted, now)
    assert problem.startswith("HUTONG_KEK")
    kek.chmod(0o600)


async def test_a_reader_that_is_killed(machine: Machine, material: Material) -> None:
    """A publish may take as long as a new reader takes to start. Doctors notice nothing."""
    async with under_load(material, machine.port, PATIENT) as load:
        await load.until(lambda: bool(machine.readers()))
        (reader,) = machine.readers()
        os.kill(reader, signal.SIGKILL)
        await load.until(lambda: machine.readers() not in ([], [reader]))
        await load.answered()
        assert not load.chart_failures
        assert '"event":"reading process ended"' in machine.log.read_text()


async def test_a_prometheus_that_is_away_or_hangs(machine: Machine, material: Material) -> None:
    """Nobody reads the metrics, and those who begin to do not go on."""
    async with under_load(material, machine.port, PATIENT) as load:
        hanging = [socket.create_connection(("127.0.0.1", machine.metrics_port)) for _ in range(20)]
        try:
            for each in hanging:
                each.sendall(b"GET /metrics HTTP/1.1\r\n")
            await load.answered()
        finally:
            for each in hanging:
                each.close()
        assert load.failures == 0


async def test_a_server_certificate_that_ran_out(machine: Machine, material: Material, place: Path) -> None:
    """Who is connected goes on; who comes anew is not let in, within the deadline; a new file is taken by itself."""
    certificate, key = place / "server.pem", place / "server.key"
    good = certificate.read_bytes(), key.read_bytes()
    short = material.authority.issue(
        "short",
        (x509.DNSName("localhost"),),
        ExtendedKeyUsageOID.SERVER_AUTH,
        valid=datetime.timedelta(seconds=3),
    )
    async with under_load(material, machine.port, PATIENT) as load:
        _put(key, short[1].read_bytes())
        _put(certificate, short[0].read_bytes())
        end = x509.load_pem_x509_certificate(short[0].read_bytes()).not_valid_after_utc
        assert await _newcomer(material, machine.port) is None
        try:
            await asyncio.sleep(max(0.0, (end - datetime.datetime.now(datetime.UTC)).total_seconds()) + 0.2)
            began = time.monotonic()
            assert isinstance(await _newcomer(material, machine.port), Overloaded)
            assert time.monotonic() - began < DEADLINE + SLACK
        finally:
            _put(key, good[1])
            _put(certificate, good[0])
        await _soon_a_newcomer(material, machine.port)
        assert load.failures == 0


def _put(path: Path, content: bytes) -> None:
    """As `install` does it: whole or not at all."""
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.chmod(0o600)
    new.rename(path)


async def _newcomer(material: Material, port: int) -> HutongCallError | None:
    """How a call of one who has no connection yet fails; None when it does not."""
    async with connect(material, port, "T1", "emr") as client:
        try:
            await client.open_chart(question(person(999)), context())
        except HutongCallError as error:
            return error
    return None


async def _soon_a_newcomer(material: Material, port: int) -> None:
    for _ in range(20):
        if await _newcomer(material, port) is None:
            return
    raise AssertionError("nobody is let in with the new certificate")
