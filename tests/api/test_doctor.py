"""`hutong-server doctor` and `migrate --check`: all is well, and each thing broken once."""

import datetime
import os
import re
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hutong_server import doctor
from hutong_server.doctor import Finding
from hutong_server.settings import load
from hutong_server.store.migrations import migrate, revisions
from hutong_server.trust.keys import create_key_file

from tests.api.process import ServerProcess, run
from tests.api.site import ROOT, Material, load_make_certs
from tests.conftest import MakeStoreUrl
from tests.enrollment.place import make_authorities
from tests.pgbouncer import Pgbouncer
from tests.postgresql import PostgresqlServer


def _now() -> datetime.datetime:
    # Not when this file is read: certificates that are made for the tests begin later.
    return datetime.datetime.now(datetime.UTC)


@pytest.fixture
def own(material: Material, tmp_path: Path) -> Material:
    """Key files and certificates that a test may break."""
    for name in ("token.key", "seal.key", "kek.key", "ledger.key"):
        shutil.copy(material.seal_key.with_name(name), tmp_path / name)
    authority = load_make_certs().Authority(tmp_path / "certs")
    authority.server()
    return Material(authority, tmp_path / "token.key", tmp_path / "seal.key")


@pytest.fixture
def url(make_store_url: MakeStoreUrl, request: pytest.FixtureRequest) -> str:
    return make_store_url(getattr(request, "param", "sqlite"))


def wrong(
    own: Material, url: str, now: datetime.datetime | None = None, least_free: float = 0, **more: str
) -> list[tuple[str, str]]:
    """(subject, text) of what is found to be wrong."""
    found = doctor.examine(load(own.environment(url, **more)), now or _now(), least_free)
    assert all(isinstance(each, Finding) and each.text for each in found)
    return [(each.subject, each.text) for each in found if each.mend]


@pytest.mark.parametrize("url", ["sqlite", "postgresql"], indirect=True)
async def test_an_installation_in_use_is_well_and_the_command_says_so(own: Material, url: str, tmp_path: Path) -> None:
    environment = own.environment(url, HUTONG_LEDGER_EXPORT=str(tmp_path / "export"))
    server = ServerProcess(environment, tmp_path)
    try:
        said = run(["doctor", "--least-free", "0"], environment, tmp_path)
    finally:
        assert server.end() == 0
    assert (said.returncode, said.stderr) == (0, ""), said.stdout
    assert "WRONG" not in said.stdout
    assert "HUTONG_TLS_CERTIFICATE: the server's certificate has 29 days left" in said.stdout
    assert "they open the database" in said.stdout
    assert "GiB free" in said.stdout
    assert said.stdout.endswith("nothing is wrong\n")


def test_what_is_wrong_is_printed_with_its_mend_and_exits_1(own: Material, url: str, tmp_path: Path) -> None:
    own.seal_key.with_name("kek.key").chmod(0o640)
    said = run(["doctor", "--least-free", "0"], own.environment(url), tmp_path)
    assert said.returncode == 1
    lines = said.stdout.splitlines()
    (at,) = (number for number, line in enumerate(lines) if line.startswith("WRONG  keys") and "mode 0640" in line)
    assert lines[at + 1].split()[:3] == ["mend:", "chmod", "600"]
    assert re.fullmatch(r"\d of \d+ are wrong", lines[-1])


def test_certificates(own: Material, url: str, tmp_path: Path) -> None:
    server = own.authority.directory / "server.pem"
    days = (x509.load_pem_x509_certificate(server.read_bytes()).not_valid_after_utc - _now()).days
    within_a_week = _now() + datetime.timedelta(days=days - 5)
    texts = [text for subject, text in wrong(own, url, within_a_week) if subject == "certificates"]
    assert any("the server's certificate has 5 days left" in text for text in texts), texts
    after = _now() + datetime.timedelta(days=days + 2)
    assert any("the certificate expired" in text for _, text in wrong(own, url, after))

    own.authority.issue("other", [x509.DNSName("localhost")], ExtendedKeyUsageOID.SERVER_AUTH)
    other = str(own.authority.directory / "other.key")
    found = wrong(own, url, HUTONG_TLS_KEY=other)
    assert ("certificates", "HUTONG_TLS_KEY: the key is not the one of HUTONG_TLS_CERTIFICATE") in found

    environment = load(own.environment(url))
    (probe,) = (
        each for each in doctor.examine(environment, within_a_week, 0, str(server)) if "health probe" in each.text
    )
    assert "has 5 days left" in probe.text
    assert "ca monitor-certificate" in probe.mend

    server.unlink()
    assert [subject for subject, text in wrong(own, url) if "server.pem is missing" in text] == ["certificates"]


def test_authorities_that_run_out(own: Material, url: str, tmp_path: Path) -> None:
    made = make_authorities(tmp_path / "ca", tmp_path / "root.key")
    end = made.issuer.certificate.not_valid_after_utc
    assert not any(
        "HUTONG_CA_DIRECTORY" in text for _, text in wrong(own, url, HUTONG_CA_DIRECTORY=str(tmp_path / "ca"))
    )
    settings = load(own.environment(url, HUTONG_CA_DIRECTORY=str(tmp_path / "ca")))
    # The server's certificate is long gone then; what is said of the authorities is looked at by itself.
    found = doctor._days_left(settings, end - datetime.timedelta(days=20))
    (issuing,) = (each for each in found if "issuing intermediate" in each.text)
    assert "has 20 days left" in issuing.text
    assert "ca rotate" in issuing.mend
    (tmp_path / "ca" / "authorities.json").write_text("{}")
    assert any("HUTONG_CA_DIRECTORY" in text for _, text in wrong(own, url, HUTONG_CA_DIRECTORY=str(tmp_path / "ca")))


def test_a_key_that_does_not_open_the_database(own: Material, url: str, tmp_path: Path) -> None:
    environment = own.environment(url)
    assert ServerProcess(environment, tmp_path).end() == 0
    assert wrong(own, url) == []
    kek = own.seal_key.with_name("kek.key")
    kek.unlink()
    found = wrong(own, url)
    assert [subject for subject, _ in found] == ["keys", "keys"]
    create_key_file(kek)
    ((subject, text),) = wrong(own, url)
    assert (subject, text.partition(":")[0]) == ("keys", "HUTONG_KEK")
    assert kek.read_text().strip() not in text


def test_the_disk(own: Material, url: str, tmp_path: Path) -> None:
    ((subject, text),) = wrong(own, url, least_free=1e9)
    assert subject == "disk"
    assert re.match(r"database: \d+\.\d GiB free", text)
    (tmp_path / "file").touch(0o755)
    found = wrong(own, url, HUTONG_LEDGER_EXPORT=str(tmp_path / "file"))
    assert found == [("disk", f"ledger_export: {tmp_path}/file cannot be written to")]


def test_a_schema_that_lacks_migrations(own: Material, tmp_path: Path) -> None:
    file = tmp_path / "var" / "hutong.db"
    url = f"sqlite:///{file}"
    environment = own.environment(url)
    checked = run(["migrate", "--check"], environment, tmp_path)
    assert (checked.returncode, checked.stdout.split()) == (1, [w for each in revisions() for w in ("pending", each)])
    assert not file.exists()
    assert wrong(own, url) == []

    migrate(url)
    assert run(["migrate", "--check"], environment, tmp_path).stdout == "up to date\n"
    with sqlite3.connect(file) as database:
        database.execute("UPDATE alembic_version SET version_num = ?", (revisions()[-2],))
    checked = run(["migrate", "--check"], environment, tmp_path)
    assert (checked.returncode, checked.stdout) == (1, f"pending {revisions()[-1]}\n")
    assert wrong(own, url) == [("database", f"the schema lacks 1 migrations: {revisions()[-1]}")]


def test_a_database_that_is_not_there_is_unsafe_or_is_another_users(
    own: Material, postgresql: PostgresqlServer, make_store_url: MakeStoreUrl, url: str, tmp_path: Path
) -> None:
    ((subject, text),) = wrong(own, f"postgresql://postgres@/none?host={tmp_path}")
    assert (subject, "does not answer" in text) == ("database", True)
    unsafe = make_store_url("postgresql")
    name = postgresql.database(unsafe)
    postgresql.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    ((subject, text),) = wrong(own, unsafe)
    assert (subject, "synchronous_commit is off" in text) == ("database", True)
    assert wrong(own, "sqlite:///:memory:")[0][0] == "database"

    file = Path(url.removeprefix("sqlite:///"))
    file.chmod(0o644)
    ((_, text),) = wrong(own, url)
    assert text.endswith("is open to others (mode 0644)")
    file.chmod(0o600)
    ledger = Path(f"{file}-ledger-0")
    ledger.touch(0o640)
    ((_, text),) = wrong(own, url)
    assert text == f"{ledger} is open to others (mode 0640)"
    ledger.unlink()
    if os.geteuid() == 0:
        os.chown(file, 65534, 65534)
        ((_, text),) = wrong(own, url)
        assert "belongs to user 65534, and this is user 0" in text


def test_clocks(own: Material, url: str, make_store_url: MakeStoreUrl, postgresql: PostgresqlServer) -> None:
    file = url.removeprefix("sqlite:///")
    later = int((_now() + datetime.timedelta(hours=1)).timestamp() * 1000)
    with sqlite3.connect(file) as database:
        database.execute(
            "INSERT INTO ledger_log (log_id, started, ended, cut, cut_nodes) VALUES (?, ?, 0, 0, ?)",
            (b"1" * 16, later, b""),
        )
    ((subject, text),) = wrong(own, url)
    assert subject == "clock"
    assert re.match(r"the ledger's newest log was begun 3[456]\d\d s after now", text)

    # A clock that stands elsewhere: found by the name before PostgreSQL's own.
    other = make_store_url("postgresql")
    name = postgresql.database(other)
    postgresql.execute(
        "CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS"
        " $$ SELECT pg_catalog.clock_timestamp() + interval '90 seconds' $$",
        name,
    )
    postgresql.execute(f'ALTER DATABASE "{name}" SET search_path = public, pg_catalog')
    ((subject, text),) = wrong(own, other)
    assert subject == "clock"
    assert re.match(r"the database's is (89|90)\.\d s ahead of this machine's", text)


def test_settings(own: Material, url: str, tmp_path: Path) -> None:
    ((subject, text),) = wrong(own, url, HUTONG_METRICS_LISTEN="0.0.0.0:9464")
    assert (subject, text.partition(":")[0]) == ("settings", "HUTONG_METRICS_LISTEN")
    said = run(["doctor"], own.environment(url, HUTONG_LISTN="127.0.0.1:1"), tmp_path)
    assert (said.returncode, "did you mean HUTONG_LISTEN" in said.stderr) == (1, True)


def test_connections(
    own: Material, make_store_url: MakeStoreUrl, pgbouncer: Pgbouncer, postgresql: PostgresqlServer
) -> None:
    direct = make_store_url("postgresql")
    pooled = pgbouncer.url(postgresql.database(direct))
    assert not wrong(own, direct, HUTONG_WORKERS="4")
    ((subject, text),) = wrong(own, direct, HUTONG_WORKERS="8")
    assert (subject, text) == ("connections", "8 processes may open 120, PostgreSQL has 97 for all its callers")
    assert not wrong(own, direct, HUTONG_WORKERS="8", HUTONG_DATABASE_POOL_SIZE="4")
    ((subject, text),) = wrong(own, pooled, HUTONG_WORKERS="8")
    assert subject == "connections"
    assert "by polls only" in text
    assert not wrong(own, pooled, HUTONG_WORKERS="8", HUTONG_DATABASE_DIRECT_URL=direct)


def test_other_addresses_lead_to_the_same_database(own: Material, make_store_url: MakeStoreUrl) -> None:
    url, other = make_store_url("postgresql"), make_store_url("postgresql")
    assert not wrong(own, url, HUTONG_DATABASE_DIRECT_URL=url)
    found = wrong(own, url, HUTONG_DATABASE_DIRECT_URL=other, HUTONG_DATABASE_REPLICA_URL=url)
    assert [text.partition(":")[2] for _, text in found] == [
        " leads to another database",
        " PostgreSQL: this is no standby; it is not asked",
    ]
    ((_, text),) = wrong(own, url, HUTONG_DATABASE_REPLICA_URL="postgresql://nobody@/x?host=/nowhere")
    assert "does not answer" in text


def test_what_is_said_of_connections(own: Material, url: str, make_store_url: MakeStoreUrl) -> None:
    other = make_store_url("postgresql")
    ((_, text),) = wrong(own, url, HUTONG_DATABASE_REPLICA_URL=other)
    assert text.startswith("HUTONG_DATABASE_REPLICA_URL:")
    # SQLite has no such times.
    assert not wrong(own, url, HUTONG_LOCK_TIMEOUT_SECONDS="3")
    ((_, text),) = wrong(own, other, HUTONG_LOCK_TIMEOUT_SECONDS="3")
    assert text.startswith("HUTONG_STATEMENT_TIMEOUT_SECONDS:")


def test_every_sentence_about_a_variable_has_its_mend() -> None:
    server = ROOT / "server" / "hutong_server"
    sources = "".join((server / name).read_text("utf-8") for name in ("safety.py", "sealed_store.py", "doctor.py"))
    named = set(re.findall(r"\"(HUTONG_[A-Z_]+)[:\"]", sources)) | {"HUTONG_TOKEN_KEY", "HUTONG_SEAL_KEY"}
    assert len(named) > 10
    assert named <= doctor.MENDS.keys(), named - doctor.MENDS.keys()


def test_a_monitor_certificate_is_made_before_there_is_a_server(own: Material, url: str, tmp_path: Path) -> None:
    make_authorities(tmp_path / "ca", tmp_path / "root.key")
    environment = own.environment(
        url,
        HUTONG_CA_DIRECTORY=str(tmp_path / "ca"),
        HUTONG_TLS_CERTIFICATE=str(tmp_path / "server.pem"),
        HUTONG_TLS_KEY=str(tmp_path / "server.key"),
        HUTONG_TLS_CA=str(tmp_path / "ca" / "roots.pem"),
    )
    for command in (
        ["ca", "server-certificate", "--name", "localhost"],
        ["ca", "monitor-certificate", "--out", str(tmp_path / "monitor")],
    ):
        made = run(command, environment, tmp_path)
        assert made.returncode == 0, made.stderr
    held = tmp_path / "monitor"
    assert (held / "client.key").stat().st_mode & 0o777 == 0o600
    server = ServerProcess(environment, tmp_path)
    try:
        asked = {f"HUTONG_{name}": str(held / file) for name, file in PROBE.items()}
        said = run(["health", "--target", f"localhost:{server.port}"], asked, tmp_path)
        assert (said.returncode, said.stdout) == (0, "SERVING\n")
    finally:
        server.end()
    text = subprocess.run(
        ["openssl", "x509", "-noout", "-ext", "subjectAltName", "-in", held / "client.pem"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "spiffe://hutong.local/institution/registry/monitor" in text


PROBE = {"CA": "ca.pem", "CERT": "client.pem", "KEY": "client.key"}
