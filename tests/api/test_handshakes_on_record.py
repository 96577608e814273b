"""Connections that fail in TLS never become calls; they are in the ledger all the same, counted once a second."""

import asyncio
import datetime
import os
import ssl
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hutong_server.handshakes import EXPIRED, FAILED, MISSING, NO_TLS, NOT_YET_VALID, UNTRUSTED, reason_of
from hutong_server.store.leaves import access_of
from hutong_server.trust.ledger_dump import DumpView

from tests.api import raw_http2 as h2
from tests.api.documents import chart, person
from tests.api.process import ServerProcess, run
from tests.api.site import Material, Site, load_make_certs, refused

NAME = [x509.UniformResourceIdentifier("spiffe://hutong.local/institution/H2/emr")]
CORE = b"I1122 11:51:37.158045    6735 ssl_transport_security.cc:2563] "
FAULT = b"Handshake failed with error SSL_ERROR_SSL: error:1000007d:SSL routines:OPENSSL_internal:"


@pytest.fixture(scope="module")
def running(
    material: Material, module_store_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    server = ServerProcess(material.environment(module_store_url), tmp_path_factory.mktemp("running"))
    yield server
    server.end()


def metric(server: ServerProcess, reason: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    wanted = f'hutong_handshakes_refused_total{{reason="{reason}"}} '
    return next((float(line.removeprefix(wanted)) for line in lines if line.startswith(wanted)), 0.0)


async def tried(port: int, tls: ssl.SSLContext) -> None:
    """Connects; fails the test when a word of HTTP/2 is heard."""
    try:
        connection = await h2.Connection.open(port, tls)
    except (ssl.SSLError, ConnectionError):
        return
    seen = await connection.watch(5)
    connection.close()
    assert seen.closed
    assert not seen.frames


def certificate(authority: Any, stem: str, **more: Any) -> ssl.SSLContext:
    pair = authority.issue(stem, NAME, ExtendedKeyUsageOID.CLIENT_AUTH, **more)
    return h2.client_tls(authority.certificate_file, *pair)


@pytest.mark.filterwarnings("ignore:.*TLSv1.*:DeprecationWarning")
async def test_every_handshake_that_fails_is_a_leaf(
    running: ServerProcess, material: Material, module_store_url: str, tmp_path: Path
) -> None:
    own = material.authority
    stranger = load_make_certs().Authority(tmp_path / "stranger", name="Another CA").client("H2", "emr")
    forged = load_make_certs().Authority(tmp_path / "forged").client("H2", "emr")
    gone, early = datetime.timedelta(seconds=-1), datetime.timedelta(hours=-1)
    old = h2.client_tls(own.certificate_file, *own.client("H2", "emr"))
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    for tls in (
        h2.client_tls(own.certificate_file),
        h2.client_tls(own.certificate_file),
        h2.client_tls(own.certificate_file, *stranger),
        h2.client_tls(own.certificate_file, *forged),
        certificate(own, "ran-out", valid=gone),
        certificate(own, "not-yet", age=early),
        old,
    ):
        await tried(running.port, tls)
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(b"GET /CANARY-91823 HTTP/1.1\r\nHost: CANARY-91823\r\n\r\n")
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await asyncio.wait_for(reader.readexactly(1000), 5)
    writer.transport.abort()
    # One that is let in is none of them.
    site = Site(material, running.port)
    assert (await refused(site.asking("H2").OpenChart(chart(person(1)), timeout=5))).reason == "INSTITUTION_UNKNOWN"
    await site.close()

    wanted = {MISSING: 2, UNTRUSTED: 2, EXPIRED: 1, NOT_YET_VALID: 1, NO_TLS: 1, FAILED: 1}
    for _ in range(100):
        if {reason: await asyncio.to_thread(metric, running, reason) for reason in wanted} == wanted:
            break
        await asyncio.sleep(0.05)
    # What was counted is written when the server ends, at the latest.
    assert await asyncio.to_thread(running.end) == 0
    dumped = tmp_path / "dump"
    environment = material.environment(module_store_url)
    assert (await asyncio.to_thread(run, ["audit", "verify"], environment, tmp_path)).returncode == 0
    assert (await asyncio.to_thread(run, ["audit", "dump", "--to", str(dumped)], environment, tmp_path)).returncode == 0
    with dumped.open(encoding="ascii") as lines:
        view = DumpView(lines)
    leaves = [access_of(stored.leaf) for log in view.logs() for stored in view.leaves(log.log_id) if stored.leaf]
    counted: Counter[str] = Counter()
    for leaf in leaves:
        if leaf.method == "TlsHandshake":
            assert (leaf.outcome, leaf.institution, leaf.certificate, leaf.patient_keys) == ("refused", "", "", ())
            counted[leaf.reason] += int(leaf.detail[0].removeprefix("count:"))
    assert counted == wanted
    said = running.log.read_bytes() + dumped.read_bytes()
    assert b"CANARY" not in said
    # The log is ours alone, a JSON object a line, as without the watch.
    assert all(line.startswith(b"{") for line in running.log.read_bytes().splitlines())


WATCHING = """
import os, sys, time
from hutong_server.handshakes import HandshakeWatch
heard = []
with HandshakeWatch() as watch:
    watch.tell(heard.append)
    os.write(2, b"a word of something else\\n")
    os.write(2, {line!r} + b"\\n")
    for _ in range(100):
        if heard:
            break
        time.sleep(0.02)
    # Far more than the pipe holds, at once: lost perhaps, but nobody waits.
    for _ in range(100):
        try:
            os.write(2, b"x" * 60_000 + b"\\n")
        except BlockingIOError:
            pass
print(heard)
os.write(2, b"and afterwards\\n")
"""


@pytest.mark.parametrize("read", [True, False], ids=["standard error is read", "nobody reads standard error"])
def test_the_watch_passes_on_what_is_not_its_own_and_outlives_its_reader(read: bool) -> None:
    line = CORE + FAULT + b"PEER_DID_NOT_RETURN_A_CERTIFICATE: x"
    ours, theirs = os.pipe()
    if not read:
        os.close(ours)
    script = WATCHING.replace("{line!r}", repr(line))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        if read:
            with os.fdopen(ours, "rb") as reader:
                said = reader.read()
        assert process.stdout is not None
        assert process.stdout.read().decode().strip() == f"['{MISSING}']"
    if read:
        lines = said.splitlines()
        assert lines[0] == b"a word of something else"
        assert lines[-1] == b"and afterwards"
        assert not any(line.startswith(CORE) for line in lines)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (CORE + FAULT + b"PEER_DID_NOT_RETURN_A_CERTIFICATE: Invalid certificate verification context", MISSING),
        (CORE + FAULT + b"CERTIFICATE_VERIFY_FAILED: certificate has expired", EXPIRED),
        (CORE + FAULT + b"CERTIFICATE_VERIFY_FAILED: certificate is not yet valid", NOT_YET_VALID),
        (CORE + FAULT + b"CERTIFICATE_VERIFY_FAILED: unable to get local issuer certificate", UNTRUSTED),
        (CORE + FAULT + b"HTTP_REQUEST: Invalid certificate verification context", NO_TLS),
        (CORE + FAULT + b"SOMETHING_NEW: of another version", FAILED),
        (CORE + b"Handshake failed with fatal error SSL_ERROR_SYSCALL", FAILED),
        (CORE + b"keepalive watchdog fired", None),
        (FAULT + b"HTTP_REQUEST: not the core's line", None),
        (b'{"event":"call","reason":"Handshake failed with error"}', None),
        (b"", None),
    ],
)
def test_a_line_of_the_core_says_why(line: bytes, reason: str | None) -> None:
    assert reason_of(line) == reason
