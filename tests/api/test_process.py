"""The server as a process: how it starts or refuses to, drains, renews its certificate, and when it acknowledges."""

import asyncio
import datetime
import os
import re
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from grpc_health.v1 import health_pb2, health_pb2_grpc
from hutong.v1 import registry_service_pb2, registry_service_pb2_grpc, reuse_service_pb2
from hutong_server import app, settings
from hutong_server.settings import Settings, SettingsError

from tests.api.documents import CATALOG, chart, lab_report, person, publish
from tests.api.process import ServerProcess, run
from tests.api.site import Material, Refused, Site, load_make_certs, refusal_of


@pytest.fixture
def environment(material: Material, tmp_path: Path) -> dict[str, str]:
    return material.environment(f"sqlite:///{tmp_path}/var/hutong.db")


@pytest.fixture
def server(environment: dict[str, str], tmp_path: Path) -> Iterator[ServerProcess]:
    started = ServerProcess(environment, tmp_path)
    yield started
    started.end()


async def site_of(server: ServerProcess, material: Material) -> Site:
    site = Site(material, server.port)
    await site.load(CATALOG)
    return site


async def test_sigterm_lets_the_current_item_finish_and_exits_0(
    server: ServerProcess, material: Material, serials: Iterator[int]
) -> None:
    site = await site_of(server, material)
    patient = person(next(serials))
    watch = health_pb2_grpc.HealthStub(site.channel("registry", "monitor")).Watch(
        health_pb2.HealthCheckRequest(), timeout=30
    )
    assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
    sent, answered, found = await asyncio.to_thread(_stream_until_drained, server, material, patient)
    assert (found.code, found.reason) == ("UNAVAILABLE", "STORE_UNAVAILABLE")
    assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert await asyncio.to_thread(server.wait) == 0
    await site.close()
    assert sent > len(answered) >= 5

    # Everything that was acknowledged is there, and the position agrees with it.
    again = ServerProcess(material.environment(f"sqlite:///{server.log.parent}/var/hutong.db"), server.log.parent)
    try:
        site = Site(material, again.port)
        status = await site.publishing("H1").GetFeedStatus(
            registry_service_pb2.GetFeedStatusRequest(feed="f"), timeout=5
        )
        assert int(status.position) >= int(answered[-1].position)
        ids = {answer.results[0].report_id for answer in answered}
        for number in (0, len(answered) - 1):
            assert answered[number].results[0].report_id in ids
            report = publish(lab_report(f"drain-{number}", patient, days_ago=1 + number / 10_000))
            assert (await site.publishing("H1").PublishReport(report, timeout=5)).results[0].version >= 1
        await site.close()
    finally:
        assert again.end() == 0


def _stream_until_drained(
    server: ServerProcess, material: Material, patient: dict[str, Any]
) -> tuple[int, list[Any], Refused]:
    """Publishes without end; sends SIGTERM after five answers. What was sent, the answers, and how the stream ended.

    By the sync client: the async one reports a write that comes too late in place of the stream's status.
    """
    sent = 0

    def requests() -> Iterator[registry_service_pb2.PublishReportsRequest]:
        nonlocal sent
        while sent < 5000:
            report = publish(lab_report(f"drain-{sent}", patient, days_ago=1 + sent / 10_000))
            yield registry_service_pb2.PublishReportsRequest(feed="f", position=str(sent), report=report)
            sent += 1

    answered = []
    with grpc.secure_channel(f"localhost:{server.port}", material.credentials("H1", "feed")) as channel:
        stub: Any = registry_service_pb2_grpc.RegistryServiceStub(channel)
        try:
            for answer in stub.PublishReports(requests(), timeout=60):
                answered.append(answer)
                if len(answered) == 5:
                    server.signal(signal.SIGTERM)
        except grpc.RpcError as error:
            return sent, answered, refusal_of(error)
    raise AssertionError("the stream ended without a status")


async def test_a_call_in_flight_is_answered_during_the_drain(
    server: ServerProcess, material: Material, serials: Iterator[int]
) -> None:
    site = await site_of(server, material)
    patient = person(next(serials))
    big = lab_report("flight", patient, conclusion="长" * 2_000_000)
    call = site.publishing("H1").PublishReport(publish(big), timeout=20)
    await asyncio.sleep(0.05)
    server.signal()
    published = await call
    assert published.results[0].report_id
    assert await asyncio.to_thread(server.wait) == 0
    await site.close()


async def test_health_command_answers_by_exit_status(
    server: ServerProcess, material: Material, environment: dict[str, str], tmp_path: Path
) -> None:
    ca = material.authority.certificate_file
    certificate, key = material.authority.client("registry", "monitor")
    asked = ["health", "--target", f"localhost:{server.port}"]
    given = {"HUTONG_CA": str(ca), "HUTONG_CERT": str(certificate), "HUTONG_KEY": str(key)}
    answered = await asyncio.to_thread(run, asked, given, tmp_path)
    assert (answered.returncode, answered.stdout) == (0, "SERVING\n")
    server.end()
    answered = await asyncio.to_thread(run, asked, given, tmp_path)
    assert answered.returncode == 1


async def test_a_renewed_certificate_is_taken_without_a_restart(
    material: Material, tmp_path: Path, serials: Iterator[int]
) -> None:
    make = load_make_certs()
    authority = make.Authority(tmp_path / "certs")
    authority.server()
    own = Material(authority, material.token_key, material.seal_key)
    server = ServerProcess(own.environment(f"sqlite:///{tmp_path}/hutong.db"), tmp_path)
    try:
        site = Site(own, server.port)
        await site.load(CATALOG)
        first = await asyncio.to_thread(_serial, authority, server.port)
        # A pair that does not belong together is left alone.
        good = {name: (tmp_path / "certs" / name).read_bytes() for name in ("server.pem", "server.key")}
        other = make.Authority(tmp_path / "other")
        other.server()
        shutil.copy(tmp_path / "other" / "server.pem", tmp_path / "certs" / "server.pem")
        assert await asyncio.to_thread(_serial, authority, server.port) == first
        for name in good:
            (tmp_path / "certs" / name).unlink()
        authority.server()
        assert await asyncio.to_thread(_serial, authority, server.port) != first
        await site.asking("H2").OpenChart(chart(person(next(serials))), timeout=5)
        await site.close()
    finally:
        assert server.end() == 0


def _serial(authority: Any, port: int) -> int:
    """Serial number of the certificate that a new connection is shown."""
    context = ssl.create_default_context(cafile=str(authority.certificate_file))
    context.load_cert_chain(*authority.client("registry", "monitor"))
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        shown = secure.getpeercert(binary_form=True)
    assert shown is not None
    return x509.load_der_x509_certificate(shown).serial_number


UNSAFE = [
    ("no certificate", {"HUTONG_TLS_CERTIFICATE": "missing.pem"}, "HUTONG_TLS_CERTIFICATE"),
    ("no TLS key", {"HUTONG_TLS_KEY": "missing.key"}, "HUTONG_TLS_KEY"),
    ("no authority", {"HUTONG_TLS_CA": "missing.pem"}, "HUTONG_TLS_CA"),
    ("no token key", {"HUTONG_TOKEN_KEY": "missing.key"}, "HUTONG_TOKEN_KEY"),
    ("no seal key", {"HUTONG_SEAL_KEY": "missing.key"}, "HUTONG_SEAL_KEY"),
    ("no ledger key", {"HUTONG_LEDGER_KEY": "missing.key"}, "`hutong-server keys init` makes"),
    ("no key-encryption key", {"HUTONG_KEK": "missing.key"}, "`hutong-server keys init` makes"),
    ("open TLS key", {"HUTONG_TLS_KEY": "{tmp}/open.key"}, "chmod 600"),
    ("open seal key", {"HUTONG_SEAL_KEY": "{tmp}/open-seal.key"}, "HUTONG_SEAL_KEY"),
    ("a default secret", {"HUTONG_TOKEN_KEY": "{tmp}/zero.key"}, "not a random key"),
    ("another key", {"HUTONG_TLS_KEY": "{tmp}/other.key"}, "not the one of HUTONG_TLS_CERTIFICATE"),
    (
        "expired",
        {"HUTONG_TLS_CERTIFICATE": "{tmp}/expired.pem", "HUTONG_TLS_KEY": "{tmp}/expired.key"},
        "expired at",
    ),
    ("open metrics", {"HUTONG_METRICS_LISTEN": "0.0.0.0:9464"}, "HUTONG_METRICS_LISTEN"),
    ("memory", {"HUTONG_DATABASE_URL": "sqlite://"}, "HUTONG_DATABASE_URL"),
    ("weak SQLite", {"HUTONG_DATABASE_URL": "sqlite:///{tmp}/x.db?synchronous=off"}, "HUTONG_DATABASE_URL"),
    ("another database", {"HUTONG_DATABASE_URL": "mysql://localhost/x"}, "HUTONG_DATABASE_URL"),
    ("a typing error", {"HUTONG_DRAIN_SECOND": "3"}, "did you mean HUTONG_DRAIN_SECONDS?"),
    ("not a number", {"HUTONG_DRAIN_SECONDS": "soon"}, "HUTONG_DRAIN_SECONDS"),
    ("out of range", {"HUTONG_WORKER_THREADS": "0"}, "HUTONG_WORKER_THREADS"),
    ("not an address", {"HUTONG_LISTEN": "nowhere"}, "HUTONG_LISTEN"),
]


@pytest.fixture
def odd_files(material: Material, tmp_path: Path) -> None:
    """Secrets that are open, empty, somebody else's or out of date."""
    directory = material.authority.directory
    for source, name, mode in (
        (directory / "server.key", "open.key", 0o640),
        (material.seal_key, "open-seal.key", 0o604),
        (directory / "ca.key", "other.key", 0o600),
    ):
        shutil.copy(source, tmp_path / name)
        (tmp_path / name).chmod(mode)
    (tmp_path / "zero.key").write_text("00" * 32)
    (tmp_path / "zero.key").chmod(0o600)
    names = (x509.DNSName("localhost"),)
    expired = material.authority.issue(
        "expired-server", names, ExtendedKeyUsageOID.SERVER_AUTH, valid=datetime.timedelta(minutes=-1)
    )
    for file in expired:
        shutil.copy(file, tmp_path / f"expired{file.suffix}")


@pytest.mark.parametrize(("changed", "said"), [case[1:] for case in UNSAFE], ids=[case[0] for case in UNSAFE])
async def test_unsafe_settings_refuse_to_start(
    material: Material, environment: dict[str, str], odd_files: None, tmp_path: Path, changed: dict[str, str], said: str
) -> None:
    given = environment | {name: value.format(tmp=tmp_path) for name, value in changed.items()}
    with pytest.raises(SettingsError) as refusal:
        await app.start(settings.load(given))
    (problem,) = refusal.value.problems
    assert said in problem
    assert material.seal_key.read_text().strip() not in problem
    # Nothing was made.
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("variable", ["HUTONG_LISTEN", "HUTONG_METRICS_LISTEN"])
async def test_an_address_that_is_taken_refuses_to_start(environment: dict[str, str], variable: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(SettingsError) as refusal:
            await app.start(settings.load(environment | {variable: address}))
    assert [problem.split(":")[0] for problem in refusal.value.problems] == [variable]


@pytest.mark.parametrize("command", ["serve", "check-config"])
def test_refusals_are_told_one_a_line_and_exit_1(
    environment: dict[str, str], odd_files: None, tmp_path: Path, command: str
) -> None:
    wrong = {"HUTONG_TLS_KEY": str(tmp_path / "open.key"), "HUTONG_TOKEN_KEY": str(tmp_path / "zero.key")}
    done = run([command], environment | wrong, tmp_path)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert [line.split(":")[1].strip() for line in lines] == ["HUTONG_TLS_KEY", "HUTONG_TOKEN_KEY"]


def test_check_config_shows_every_setting_and_no_secret(
    material: Material, environment: dict[str, str], tmp_path: Path
) -> None:
    url = "postgresql://hutong:t0psecret@127.0.0.1:1/hutong"
    done = run(["check-config"], environment | {"HUTONG_DATABASE_URL": url}, tmp_path)
    assert done.returncode == 1
    assert "does not answer" in done.stderr
    assert "t0psecret" not in done.stdout + done.stderr
    assert "HUTONG_DATABASE_URL=postgresql://hutong:***@127.0.0.1:1/hutong" in done.stdout
    assert all(f"HUTONG_{name.upper()}=" in done.stdout for name in Settings.model_fields)
    done = run(["check-config"], environment, tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "safe to start")
    assert not (tmp_path / "var").exists()


def test_a_pending_migration_refuses_to_start_and_names_the_command(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "var").mkdir()
    with sqlite3.connect(tmp_path / "var" / "hutong.db") as connection:
        connection.execute("CREATE TABLE something (x)")
    connection.close()
    for command in ("serve", "check-config"):
        done = run([command], environment, tmp_path)
        assert done.returncode == 1
        assert "hutong-server migrate" in done.stderr
    assert run(["migrate"], environment, tmp_path).returncode == 0
    assert run(["check-config"], environment, tmp_path).returncode == 0


def test_keys_are_made_once_and_closed(tmp_path: Path) -> None:
    given = {"HUTONG_TOKEN_KEY": f"{tmp_path}/k/token.key", "HUTONG_SEAL_KEY": f"{tmp_path}/k/seal.key"}
    assert run(["keys", "init"], given, tmp_path).returncode == 0
    made = {path: path.read_bytes() for path in (tmp_path / "k").iterdir()}
    assert len(made) == 2
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in made)
    done = run(["keys", "init"], given, tmp_path)
    assert done.returncode == 0
    assert {line.split()[0] for line in done.stdout.splitlines()} == {"kept"}
    assert all(path.read_bytes() == content for path, content in made.items())


@pytest.fixture
def traced(environment: dict[str, str], tmp_path: Path) -> Iterator[tuple[ServerProcess, Path]]:
    """A server whose every sync of a file is traced, and takes 40 ms longer."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed (apt install strace)")
    trace = tmp_path / "trace"
    calls = "fsync,fdatasync,sync_file_range,syncfs,msync"
    prefix = ["strace", "-f", "-y", "-ttt", "-T", "-o", str(trace), "-e", f"trace={calls}"]
    probe = subprocess.run(["strace", "-f", "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    if probe.returncode:
        pytest.skip(f"strace may not trace here: {probe.stderr.strip()}")
    started = ServerProcess(environment, tmp_path, [*prefix, "-e", "inject=fsync,fdatasync:delay_exit=40000"])
    yield started, trace
    started.end()


_CALL = re.compile(r"^\d+ +([\d.]+) f(?:data)?sync\(\d+<(.*)>\) += 0 .*<([\d.]+)>$")
_BEGUN = re.compile(r"^(\d+) +[\d.]+ f(?:data)?sync\(\d+<([^>]*)>? <unfinished")
_RESUMED = re.compile(r"^(\d+) +([\d.]+) <\.\.\. f(?:data)?sync resumed>.*\) += 0 .*<([\d.]+)>$")


def synced(trace: str) -> Iterator[tuple[float, float, str]]:
    """Begin and end of each sync that succeeded, and of which file. strace stamps a call that others interrupt at its
    end."""
    begun: dict[str, str] = {}
    for text in trace.splitlines():
        if whole := _CALL.match(text):
            yield float(whole[1]), float(whole[1]) + float(whole[3]), whole[2]
        elif first := _BEGUN.match(text):
            begun[first[1]] = first[2]
        elif rest := _RESUMED.match(text):
            yield float(rest[2]) - float(rest[3]), float(rest[2]), begun.pop(rest[1])


async def test_a_sync_precedes_every_acknowledgement(
    traced: tuple[ServerProcess, Path], material: Material, serials: Iterator[int]
) -> None:
    server, trace = traced
    site = await site_of(server, material)
    patient = person(next(serials))
    publishing, asking = site.publishing("H1"), site.asking("H2")
    stream = publishing.PublishReports(timeout=60)
    calls: list[tuple[str, float, float]] = []

    async def timed(name: str, call: Any) -> Any:
        begin = time.time()
        answer = await call
        calls.append((name, begin, time.time()))
        return answer

    async def streamed(number: int) -> Any:
        report = publish(lab_report(f"sync-s{number}", patient, days_ago=2 + number / 100))
        await stream.write(registry_service_pb2.PublishReportsRequest(position=str(number), report=report))
        return await stream.read()

    shown = ""
    for number in range(8):
        report = publish(lab_report(f"sync-{number}", patient, days_ago=1 + number / 100))
        await timed("PublishReport", publishing.PublishReport(report, timeout=10))
        await timed("PublishReports", streamed(number))
        answer = await timed("OpenChart", asking.OpenChart(chart(patient, f"sync-{number}"), timeout=10))
        shown = answer.lines[0].result.report_id
        await timed("OpenChart of a stranger", asking.OpenChart(chart(person(next(serials))), timeout=10))
        whole = reuse_service_pb2.GetReportRequest(report_id=shown, context=chart(patient).context)
        await timed("GetReport", asking.GetReport(whole, timeout=10))
    waits = []
    for _ in range(10):
        started = time.time()
        await publishing.GetFeedStatus(registry_service_pb2.GetFeedStatusRequest(), timeout=10)
        waits.append(time.time() - started)
    # What keeps nothing waits for no disk.
    assert min(waits) < 0.04
    stream.cancel()
    await site.close()
    server.end()

    syncs = list(synced(trace.read_text()))
    assert syncs, "the trace holds no sync at all"
    for name, begin, end in calls:
        # A sync that began after the question and was over before the answer: of the ledger, and then of the database.
        within = [(first, last, path) for first, last, path in syncs if begin <= first and last <= end]
        leaves = [last for _, last, path in within if path.endswith("-ledger-0-wal")]
        assert leaves, f"{name} was acknowledged without a sync of its leaf"
        rest = [first for first, _, path in within if path.endswith("hutong.db-wal")]
        assert any(first >= min(leaves) for first in rest), (
            f"{name} was acknowledged without a sync of what it tells of"
        )
        assert end - begin >= 0.08
