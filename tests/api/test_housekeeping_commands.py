"""Housekeeping and the report of unmapped codes as a timer runs them: by command, with settings of the environment."""

# ruff: noqa: ARG002, ARG005  aiosmtpd says how its handlers are called

import csv
import io
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from hutong_server import settings as configuration
from hutong_server.__main__ import cli
from hutong_server.domain.recognition import Institution, Tier
from hutong_server.opening import now, opened, opened_ledger
from hutong_server.store.base_unmapped import UnmappedRow
from typer.testing import CliRunner

from tests.api.site import ROOT, Material, load_make_certs
from tests.building import DAY

NAME, EVIL = "云泽市第一医院", "=HYPERLINK(1)"


@pytest.fixture(scope="module")
def environment(material: Material, make_store_url: Any) -> dict[str, str]:
    """Of a registry to which three codes came that lead nowhere, one of them a year and a half ago."""
    variables = material.environment(make_store_url("sqlite"))
    at = now()

    def code(number: int, code: str, seen: int, times: int) -> UnmappedRow:
        return UnmappedRow(bytes([number]), "H1", times, seen, seen, 1, "urn:lis", code, "血清钾", ())

    def put(writer: Any) -> None:
        hospital = Institution("H1", NAME, Tier.TERTIARY, "990401")
        writer.apply_catalog([], [], at, "registry/admin", "", [hospital])
        writer.put_unmapped([code(1, "K1", at, 7), code(2, EVIL, at, 5), code(3, "OLD", at - 550 * DAY, 3)])
        writer.add_results_seen("H1", 60)
        writer.use_challenge(b"n", at - DAY, 0)

    keep(variables, put)
    return variables


def keep(variables: dict[str, str], job: Any) -> Any:
    settings = configuration.load(variables)
    with opened(settings, timeout_ms=10_000, ledger=opened_ledger(settings)) as (store, _):
        return store.submit(job).result(30)


def run(variables: dict[str, str], *arguments: str, status: int = 0) -> tuple[str, str]:
    done = CliRunner().invoke(cli, arguments, env=variables, catch_exceptions=False)
    assert done.exit_code == status, done.output
    return done.stdout, done.stderr


def test_a_dry_run_changes_nothing_and_a_run_forgets_and_looks_at_the_database(environment: dict[str, str]) -> None:
    dry, _ = run(environment, "housekeeping", "--dry-run")
    assert [line.split()[:5] for line in dry.splitlines() if "would" in line] == [
        ["challenges", "1", "would", "be", "forgotten,"],
        ["codes", "1", "would", "be", "forgotten,"],
    ]
    again, _ = run(environment, "housekeeping", "--dry-run")
    assert again == dry
    done, _ = run(environment, "housekeeping")
    assert [line.split()[:2] for line in done.splitlines() if "forgotten" in line] == [
        ["challenges", "1"],
        ["codes", "1"],
    ]
    # The database, and the ledger file beside it.
    looked = [line.split()[:2] for line in done.splitlines()[2:]]
    assert looked == [["ok", what] for what in ("vacuum", "vacuum", "indexes", "file", "file")]
    assert "nothing is past its time" in run(environment, "housekeeping")[0]


def test_what_is_wrong_with_the_database_is_told_and_exits_1(environment: dict[str, str]) -> None:
    keep(environment, lambda writer: writer.command("DROP INDEX ix_prompt_recorded"))
    said, _ = run(environment, "housekeeping", "--dry-run", "--mend", status=1)
    assert "WRONG  indexes      ix_prompt_recorded is missing" in said
    assert "mend:        housekeeping --mend" in said
    run(environment, "housekeeping", "--mend")
    run(environment, "housekeeping", "--dry-run", "--deep")


def test_a_rule_below_its_floor_is_refused(environment: dict[str, str]) -> None:
    for name in ("PROMPTS", "RELIANCES", "NOTICES", "RECORDS"):
        variable = f"HUTONG_RETAIN_{name}_DAYS"
        _, said = run({**environment, variable: "30"}, "housekeeping", status=1)
        assert variable in said


def codes(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def test_unmapped_codes_go_to_a_file_that_is_replaced_whole(environment: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "unmapped.csv"
    file.write_text("old")
    run(environment, "unmapped-report", "--to", str(file))
    heading, first, second, *_ = codes(file.read_text("utf-8"))
    assert heading[:3] == ["institution", "name", "share_percent"]
    assert first[:2] == ["H1", NAME]
    assert first[3:7] == ["urn:lis", "K1", "血清钾", "7"]
    # No spreadsheet takes a code for a formula.
    assert second[4] == f"'{EVIL}"
    assert [each.name for each in tmp_path.iterdir()] == ["unmapped.csv"]
    assert codes(run(environment, "unmapped-report", "--to", "-", "--institution", "H1")[0])[1] == first
    assert "no institution" in run(environment, "unmapped-report", "--to", "-", "--institution", "H7", status=1)[1]
    assert "either" in run(environment, "unmapped-report", status=1)[1]
    assert "No such file" in run(environment, "unmapped-report", "--to", str(tmp_path / "no" / "x"), status=1)[1]
    (tmp_path / "folder").mkdir()
    assert "directory" in run(environment, "unmapped-report", "--to", str(tmp_path / "folder"), status=1)[1]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["folder", "unmapped.csv"]


@dataclass
class Mailbox:
    """What a real SMTP server on this machine took."""

    port: int = 0
    taken: list[tuple[list[str], EmailMessage, bool]] = field(default_factory=list)
    refuse: str = ""

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address == self.refuse:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        message = message_from_bytes(envelope.content, policy=default)
        assert isinstance(message, EmailMessage)
        self.taken.append((envelope.rcpt_tos, message, session.ssl is not None))
        return "250 OK"


@pytest.fixture(scope="module")
def mailbox(material: Material) -> Iterator[Mailbox]:
    made = Mailbox()
    directory = material.authority.directory
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(directory / "server.pem", directory / "server.key")

    class Server(Controller):
        def factory(self) -> SMTP:
            return SMTP(
                self.handler,
                tls_context=context,
                require_starttls=True,
                auth_required=True,
                authenticator=lambda server, session, envelope, mechanism, data: AuthResult(
                    success=(data.login, data.password) == (b"reports", b"s3cret"), handled=False
                ),
            )

        def _trigger_server(self) -> None:
            # It took a free port, and asks at the one that it was given.
            self.port = self.server.sockets[0].getsockname()[1]
            super()._trigger_server()

    server = Server(made, hostname="127.0.0.1", port=0, server_hostname="localhost", ready_timeout=60)
    server.start()
    made.port = server.port
    yield made
    server.stop()


@pytest.fixture
def mailing(environment: dict[str, str], material: Material, mailbox: Mailbox, tmp_path: Path) -> dict[str, str]:
    password = tmp_path / "password"
    password.write_text("s3cret\n")
    password.chmod(0o600)
    mailbox.taken.clear()
    mailbox.refuse = ""
    return environment | {
        "HUTONG_MAIL_SERVER": f"localhost:{mailbox.port}",
        "HUTONG_MAIL_CA": str(material.authority.certificate_file),
        "HUTONG_MAIL_USER": "reports",
        "HUTONG_MAIL_PASSWORD": str(password),
        "HUTONG_MAIL_FROM": "互通 <registry@example.org>",
        "HUTONG_MAIL_TO": "codes@example.org, second@example.org",
    }


def test_unmapped_codes_are_mailed_over_tls(mailing: dict[str, str], mailbox: Mailbox) -> None:
    said, _ = run(mailing, "unmapped-report", "--mail")
    assert "2 codes, mailed to 2" in said
    ((to, message, encrypted),) = mailbox.taken
    assert (to, encrypted) == (["codes@example.org", "second@example.org"], True)
    assert "2 codes without an item" in message["Subject"]
    body = message.get_body(("plain",))
    assert body is not None
    assert f"20.0 %  H1 {NAME}: 2 codes, 12 results" in body.get_content()
    (attached,) = message.iter_attachments()
    assert attached.get_filename().startswith("unmapped-")  # type: ignore[union-attr]
    assert codes(attached.get_content())[1][1:5] == [NAME, "20", "urn:lis", "K1"]


def test_a_mail_that_does_not_go_says_why_and_no_secret(
    mailing: dict[str, str], mailbox: Mailbox, tmp_path: Path
) -> None:
    def refused(**more: str) -> str:
        changed = {f"HUTONG_MAIL_{name.upper()}": value for name, value in more.items()}
        said = run(mailing | changed, "unmapped-report", "--mail", status=1)[1]
        assert "s3cret" not in said
        assert "example.org" not in said
        return said

    assert "HUTONG_MAIL_TO is not set" in refused(to="")
    assert "ASCII" in refused(to="编码@example.org")
    assert "host:port" in refused(server="localhost:99999")
    assert "a server on this machine only" in refused(tls="none", server="mail.example:25")
    password = tmp_path / "password"
    password.chmod(0o644)
    assert "HUTONG_MAIL_PASSWORD" in refused()
    password.chmod(0o600)
    password.write_text("wrong\n")
    assert "answered 535" in refused()
    password.write_text("s3cret\n")
    stranger = load_make_certs().Authority(tmp_path / "stranger")
    assert "certificate" in refused(ca=str(stranger.certificate_file))
    assert "Connection refused" in refused(server="127.0.0.1:9")
    mailbox.refuse = "second@example.org"
    assert "refused 1 of the addresses" in refused()
    assert len(mailbox.taken) == 1


def test_every_command_of_the_document_works_as_printed(
    mailing: dict[str, str], mailbox: Mailbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = (ROOT / "docs" / "operations.md").read_text("utf-8").split("\n## Housekeeping\n")[1].split("\n## ")[0]
    printed = [line.split("#")[0].split() for line in section.splitlines() if line.startswith("hutong-server ")]
    assert len(printed) == 6
    monkeypatch.chdir(tmp_path)
    for _, *arguments in printed:
        run(mailing, *arguments)
    assert (tmp_path / "unmapped.csv").exists()
    assert len(mailbox.taken) == 1
    # Every setting of retention has its line, with its default and its floor.
    for name, each in configuration.Settings.model_fields.items():
        if name.startswith("retain_"):
            (least,) = (bound.ge for bound in each.metadata if hasattr(bound, "ge"))
            assert f"`HUTONG_{name.upper()}` ({each.default}; {least})" in section
