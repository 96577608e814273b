"""What was acknowledged is there, whatever became of the process."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hutong_server.store.base import StoreUnavailable
from hutong_server.store.lanes import BATCH
from hutong_server.store.migrations import migrate
from hutong_server.store.sql_store import open_store
from hutong_server.trust.keys import create_key_file, read_key_file
from hutong_server.trust.sealing import AesGcmSealer

from tests.postgresql import NoPostgresql, PostgresqlServer
from tests.store.rows import key, report, write

ROOT = Path(__file__).parents[2]


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "seal.key"
    create_key_file(path)
    return path


def publish_and_kill(
    url: str, key_file: Path, *, least: int, lanes: int = 2, tracing: Sequence[str] = ()
) -> list[list[bytes]]:
    """Lets a process publish, kills it in the middle, and returns (report, name, patient) of what it acknowledged."""
    process = subprocess.Popen(
        [*tracing, sys.executable, "-m", "tests.store.publishing", url, str(key_file), str(lanes)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(least)]
    # The group: a tracer's end would let the process go on.
    os.killpg(process.pid, signal.SIGKILL)
    lines += process.stdout.read().splitlines(keepends=True)
    process.stdout.close()
    process.wait()
    assert lines[least - 1], "the publishing process ended by itself"
    # Of a line that was cut nobody heard.
    return [[bytes.fromhex(part) for part in line.split()[1:]] for line in lines if line.endswith("\n")]


def test_killed_while_publishing_every_acknowledged_report_is_there_once(store_url: str, key_file: Path) -> None:
    acknowledged: list[list[bytes]] = []
    for round_ in range(3):
        acknowledged += publish_and_kill(store_url, key_file, least=50 + 100 * round_)
        store = open_store(store_url, AesGcmSealer(read_key_file(key_file)))
        for report_id, name, patient in acknowledged:
            identity = store.read(lambda reader, name=name: reader.identity(name))
            assert identity is not None
            assert identity.report_id == report_id
            rows = store.read(lambda reader, patient=patient: reader.reports([patient]))
            assert [row.report_id for row in rows] == [report_id]
            assert store.read(lambda reader, p=patient, r=report_id: reader.document(p, r, 1)) is not None
        store.close()
    assert len({report_id for report_id, _, _ in acknowledged}) == len(acknowledged) >= 450


def test_a_database_that_crashes_comes_back_with_everything(sealer: AesGcmSealer) -> None:
    try:
        server = PostgresqlServer()
    except NoPostgresql as error:
        pytest.skip(str(error))
    url = server.url(server.create())
    migrate(url)
    store = open_store(url, sealer)
    rows = [report(key()) for _ in range(20)]
    for row in rows:
        write(store, lambda writer, row=row: writer.put_report(row))
    server.restart()
    # Every connection of the store is dead now, and it finds out by itself.
    assert store.read(lambda reader: reader.reports([row.patient_key for row in rows])) == rows
    late = report(key())
    write(store, lambda writer: writer.put_report(late))
    assert store.read(lambda reader: reader.reports([late.patient_key])) == [late]
    server.stop()
    with pytest.raises(StoreUnavailable):
        store.read(lambda reader: reader.ping())
    with pytest.raises(StoreUnavailable):
        write(store, lambda writer: writer.put_report(late))
    store.close()


needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def strace(output: Path, calls: str) -> list[str]:
    return ["strace", "-f", "-y", "-s", "64", "-e", f"trace={calls}", "-o", str(output)]


@needs_strace
def test_a_sync_of_sqlites_log_precedes_every_acknowledgement(
    tmp_path: Path, key_file: Path, make_store_url: Callable[[str], str]
) -> None:
    trace = tmp_path / "trace"
    calls = strace(trace, "fdatasync,fsync,pwrite64,write")
    publish_and_kill(make_store_url("sqlite"), key_file, least=200, tracing=calls)
    synced, acknowledged = True, 0
    for line in trace.read_text(errors="replace").splitlines():
        if re.search(r"pwrite64\(\d+<[^>]*-wal>", line):
            synced = False
        elif re.search(r"f(data)?sync\(\d+<[^>]*-wal>\) += 0|<\.\.\. f(data)?sync resumed>.*= 0", line):
            synced = True
        elif re.search(r'write\(1<[^>]*>, "ack ', line):
            assert synced, "acknowledged before the log was synced"
            acknowledged += 1
    assert acknowledged >= 200


@needs_strace
def test_a_sync_of_postgresqls_log_precedes_every_acknowledgement(tmp_path: Path, key_file: Path) -> None:
    trace = Path(tempfile.mkdtemp(prefix="hutong-trace-"))
    trace.chmod(0o777)  # the server may run as another user
    try:
        server = PostgresqlServer(tracing=strace(trace / "trace", "fdatasync,fsync,recvfrom,sendto"))
    except NoPostgresql as error:
        pytest.skip(str(error))
    try:
        url = server.url(server.create())
        migrate(url)
        publish_and_kill(url, key_file, least=200, lanes=1)
        lines = (trace / "trace").read_text(errors="replace").splitlines()
        assert commits_after_a_sync(lines) >= 200 / BATCH
    finally:
        server.stop()
        shutil.rmtree(trace)


def commits_after_a_sync(lines: Sequence[str]) -> int:
    """How many writing transactions were answered, each only after a sync that ended since it was told to commit."""
    wrote: set[str] = set()
    told: set[str] = set()
    count = 0
    for line in lines:
        backend = line.split()[0]
        if re.search(r"f(data)?sync\(\d+<[^>]*pg_wal[^>]*>\) += 0|<\.\.\. f(data)?sync resumed>.*= 0", line):
            told.clear()
        elif re.search(r'recvfrom\(.*, "', line):
            told.add(backend)
        elif re.search(r"sendto\(.*INSERT 0 1", line):
            wrote.add(backend)
        elif re.search(r"sendto\(.*COMMIT", line) and backend in wrote:
            assert backend not in told, "acknowledged before the log was synced"
            wrote.remove(backend)
            count += 1
    return count
