"""hutong-server ca: makes, rotates and shows the registry's own authorities; makes its own certificate."""

import datetime
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from hutong_server.refusing import refuse, settings_or_refuse
from hutong_server.settings import SettingsError

ca = typer.Typer(
    no_args_is_help=True,
    help="The registry's own certificate authorities, in HUTONG_CA_DIRECTORY: a root that is kept offline, and issuing "
    "intermediates. A running server follows every change without a restart.",
)
rotate = typer.Typer(
    no_args_is_help=True,
    help="Exchange the issuing intermediate (or the root): prepare, activate, retire; the former and the next are both "
    "trusted in between.",
)
ca.add_typer(rotate, name="rotate")

Passphrase = Annotated[Path, typer.Option(help="File with the passphrase of root keys; readable by its owner only.")]
RootKey = Annotated[Path, typer.Option(help="Key file of the root. Keep it on a medium that is not in this machine.")]
_LEAST_PASSPHRASE = 12


@ca.command()
def init(passphrase_file: Passphrase, root_key: RootKey) -> None:
    """Make a root, its key encrypted at --root-key, and the first issuing intermediate."""
    from hutong_server.trust import ca_directory

    settings = settings_or_refuse()
    secret = _passphrase(passphrase_file)
    try:
        made = ca_directory.initialize(settings.ca_directory, settings.registry_name, root_key, secret, _now())
    except ca_directory.AuthorityFault as error:
        refuse([str(error)])
    _print(made)
    print(f"now move {root_key} to a medium that is kept apart: it is needed for `ca rotate prepare` only")


@rotate.command()
def prepare(
    passphrase_file: Passphrase,
    root_key: RootKey,
    new_root_key: Annotated[
        Path | None, typer.Option("--new-root-key", help="Make a new root, too; its key goes here, encrypted.")
    ] = None,
) -> None:
    """Make the next intermediate under the root: trusted from now on, issuing nothing yet.

    With --new-root-key it stands under a new root, and is certified by the former, too. Institutions learn of the new
    root when they renew: let the life of a certificate and the grace pass before `retire`.
    """
    from hutong_server.trust import ca_directory

    settings = settings_or_refuse()
    secret = _passphrase(passphrase_file)
    try:
        made = ca_directory.prepare(
            settings.ca_directory, settings.registry_name, root_key, secret, _now(), new_root_key
        )
    except ca_directory.AuthorityFault as error:
        refuse([str(error)])
    _print(made)


@rotate.command()
def activate() -> None:
    """Let the prepared intermediate issue. Certificates of the former stay good."""
    from hutong_server.trust import ca_directory

    try:
        _print(ca_directory.activate(settings_or_refuse().ca_directory))
    except ca_directory.AuthorityFault as error:
        refuse([str(error)])


@rotate.command()
def retire() -> None:
    """Trust the former no more. Who still holds a certificate of it renews through the enrolment listener.

    After the root was exchanged, make the server's certificate again (`ca server-certificate`) before and after.
    """
    from hutong_server.trust import ca_directory

    try:
        _print(ca_directory.retire(settings_or_refuse().ca_directory))
    except ca_directory.AuthorityFault as error:
        refuse([str(error)])


@ca.command()
def show() -> None:
    """Show the authorities, when they run out, and the fingerprint that institutions check the registry by."""
    from hutong_server.trust import ca_directory

    try:
        _print(ca_directory.read(settings_or_refuse().ca_directory))
    except ca_directory.AuthorityFault as error:
        refuse([str(error)])


@ca.command("server-certificate")
def server_certificate(
    name: Annotated[list[str], typer.Option(help="Host name or address of the registry; may be repeated.")],
    days: Annotated[int, typer.Option(min=1, max=90, help="Days that it is good for.")] = 30,
) -> None:
    """Make the server's own key and certificate, at HUTONG_TLS_KEY and HUTONG_TLS_CERTIFICATE. A running server takes
    them at the next connection.
    """
    from hutong_server.durable import put_file
    from hutong_server.trust import ca_directory
    from hutong_server.trust.ca_issuing import server_certificate as make

    settings = settings_or_refuse()
    try:
        chain, key = make(settings.ca_directory, name, datetime.timedelta(days=days), _now())
        put_file(settings.tls_key, key, 0o600)
        put_file(settings.tls_certificate, chain, 0o644)
    except ca_directory.AuthorityFault as error:
        refuse([str(error)])
    except OSError as error:
        refuse([f"{error.filename}: {error.strerror}"])
    print(f"made {settings.tls_key} and {settings.tls_certificate}, good for {days} days")


@ca.command("monitor-certificate")
def monitor_certificate(
    out: Annotated[Path, typer.Option(help="Directory for client.key, client.pem and ca.pem.")],
    days: Annotated[int, typer.Option(min=1, max=90, help="Days that it is good for.")] = 30,
) -> None:
    """Make a key and certificate for `hutong-server health`, before there is a server to enrol with.

    A registry with HUTONG_REQUIRE_REGISTERED_CERTIFICATES takes only enrolled ones: `ca enroll-token registry --role
    monitor`, then `hutong enroll`.
    """
    from hutong_server.durable import put_file
    from hutong_server.trust import ca_directory
    from hutong_server.trust.ca_issuing import monitor_certificate as make

    settings = settings_or_refuse()
    try:
        chain, key, roots = make(settings.ca_directory, settings.registry_name, datetime.timedelta(days=days), _now())
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        put_file(out / "client.key", key, 0o600)
        put_file(out / "client.pem", chain, 0o644)
        put_file(out / "ca.pem", roots, 0o644)
    except ca_directory.AuthorityFault as error:
        refuse([str(error)])
    except OSError as error:
        refuse([f"{error.filename}: {error.strerror}"])
    print(f"made client.key, client.pem and ca.pem in {out}, good for {days} days")


@ca.command("enroll-token")
def enroll_token(
    institution: Annotated[str, typer.Argument(help='Code of the institution; "registry" is the operator itself.')],
    role: Annotated[str, typer.Option(help="emr, feed, admin, supervisor, portal, registry or monitor.")],
    hours: Annotated[int, typer.Option(min=1, max=168, help="Hours that it is good for.")] = 24,
) -> None:
    """Make a one-time token right in the database: for the first administrators, before anybody can call.

    Prints the token on stdout, and nothing else there.
    """
    from hutong_server.app import make_operator_token
    from hutong_server.domain.caller import Role
    from hutong_server.domain.errors import HutongError
    from hutong_server.store.base import StoreUnavailable

    if role not in {each.value for each in Role}:
        refuse(["--role: no such role"])
    try:
        token, fingerprint = make_operator_token(settings_or_refuse(), institution, Role(role), hours)
    except SettingsError as error:
        refuse(error.problems)
    except (HutongError, StoreUnavailable) as error:
        refuse([str(error)])
    print(token)
    print(f"good for {hours} hours and one use; --ca-fingerprint {fingerprint}", file=sys.stderr)


def _print(authorities: object) -> None:
    from hutong_server.trust.ca import fingerprint
    from hutong_server.trust.ca_directory import Authorities

    assert isinstance(authorities, Authorities)  # noqa: S101  for the type checker: imports here are lazy
    for entry, certificate in authorities.listed():
        print(f"{entry.name}  {entry.state.value:<8}  under {entry.root}  until {certificate.not_valid_after_utc:%F}")
    for root in authorities.roots:
        print(f"root until {root.not_valid_after_utc:%F}  sha256:{fingerprint(root)}")
    print(f"institutions enrol with --ca-fingerprint sha256:{fingerprint(authorities.anchor)}")


def _passphrase(path: Path) -> bytes:
    try:
        mode, content = path.stat().st_mode, path.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        refuse([f"{path}: {error.strerror}"])
    if os.name == "posix" and mode & 0o077:
        refuse([f"{path} is open to others than its owner; chmod 600 it"])
    if len(content) < _LEAST_PASSPHRASE:
        refuse([f"{path}: a passphrase has at least {_LEAST_PASSPHRASE} characters"])
    return content


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0)
