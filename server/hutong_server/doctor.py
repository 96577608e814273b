"""`hutong-server doctor`: what is wrong with an installation, and how to mend it. Changes nothing.

Certificates, keys, disk, database and clock, each finding one line. Run it as the user of the service: what root may
read says nothing of what the service may, and SQLite's files would then be root's.
"""

import datetime
import os
import shutil
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from hutong_server import app, safety
from hutong_server.sealed_store import check_keys
from hutong_server.settings import Settings, SettingsError
from hutong_server.store.base import StoreUnavailable
from hutong_server.store.condition import Condition, condition
from hutong_server.store.connections import room, which
from hutong_server.store.database_copy import standing_at
from hutong_server.store.engine import UnsafeSettings, database_of
from hutong_server.trust import ca_directory

LEAST_DAYS = 7
"""Days that the server's certificate should have left: as the alert ServerCertificateExpiring."""
LEAST_DAYS_OF_AUTHORITY = 30
"""An authority of our own is exchanged in steps between which days pass."""
MOST_SKEW = 2.0
"""Seconds by which clocks may differ. Machines that ask a time server differ by milliseconds."""
_GB = 1024**3


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. `mend` says what to do; empty when all is well. No secret, no patient."""

    subject: str
    text: str
    mend: str = ""


_OF_A_KEY = "restore it from its backup, chmod 600; a new registry makes it with `hutong-server keys init`"
MENDS = {
    "HUTONG_TLS_CERTIFICATE": "`hutong-server ca server-certificate --name HOST` makes key and certificate anew; of "
    "another authority, copy both from there. A running server takes them at the next connection",
    "HUTONG_TLS_KEY": "chmod 600 it and give it to the user of the service; when it is lost or another's, make both "
    "anew with `hutong-server ca server-certificate --name HOST`",
    "HUTONG_TLS_CA": "put the certificates of the authorities there whose clients are to be accepted: clients.pem of "
    "HUTONG_CA_DIRECTORY, or those of your own",
    "HUTONG_CERT": "`hutong-server ca monitor-certificate --out DIR` makes key and certificate anew; or `hutong renew`",
    "HUTONG_CA_DIRECTORY": "`hutong-server ca show` says how the authorities stand; restore the directory from its "
    "backup, or exchange what runs out with `hutong-server ca rotate prepare`",
    "HUTONG_ENROLLMENT_APPROVAL_ROLES": "name roles by commas: admin, emr, feed, monitor, portal, registry, supervisor",
    "HUTONG_ENROLLMENT_LISTEN": "give it as host:port, or leave it empty",
    "HUTONG_METRICS_LISTEN": "listen on 127.0.0.1, or let only Prometheus reach the port and say so with "
    "HUTONG_METRICS_ALLOW_REMOTE=true",
    "HUTONG_KEK": "chmod 600 it and give it to the user of the service; one that is lost, or is not the database's, "
    "comes from its backup. Only a new registry takes a new one (`hutong-server keys init`)",
    "HUTONG_SEAL_KEY": _OF_A_KEY,
    "HUTONG_TOKEN_KEY": _OF_A_KEY,
    "HUTONG_LEDGER_KEY": _OF_A_KEY,
    "HUTONG_LEDGER_EXPORT": "make the directory and let the user of the service write to it",
    "HUTONG_CRYPTO_SUITE": "set it to what the database is sealed with, or change that as the sentence says",
    "HUTONG_DATABASE_URL": "is the database up, the name, the role and its password file (PGPASSFILE) right? An unsafe "
    "setting is mended where it was made: postgresql.conf, ALTER ROLE, ALTER DATABASE",
    "HUTONG_DATABASE_DIRECT_URL": "name the same PostgreSQL, without the pooler; leave it empty where there is none",
    "HUTONG_DATABASE_REPLICA_URL": "name a standby of the same PostgreSQL, or leave it empty",
    "HUTONG_STATEMENT_TIMEOUT_SECONDS": "set lock time-out < statement time-out < deadline; defaults are 1.5, 2, 30",
}
"""What to do about a sentence that begins with the variable."""


def examine(settings: Settings, now: datetime.datetime, least_free: float, probe: str = "") -> list[Finding]:
    """Everything, at `now` (aware). `least_free`: GiB that each disk should have. `probe`: certificate of `health`."""
    found = [
        *_section(
            "settings",
            [*safety.address_problems(settings), *safety.connection_problems(settings)],
            lambda: [Finding("settings", "known and in range")],
        ),
        *_certificates(settings, now),
        *(_probe(Path(probe), now) if probe else ()),
        *_section("keys", safety.key_problems(settings), lambda: [Finding("keys", "there, closed to others")]),
        *_disk(settings, least_free),
    ]
    return [*found, *_database(settings)]


def _section(subject: str, sentences: Iterable[str], well: Callable[[], list[Finding]]) -> list[Finding]:
    """The sentences with their mends; what `well` finds when there are none."""
    return [Finding(subject, each, _mend(each)) for each in sentences] or well()


def _mend(sentence: str) -> str:
    variable = sentence.partition(" ")[0].rstrip(":")
    return MENDS.get(variable, "`hutong-server check-config` says what every setting is for")


def _certificates(settings: Settings, now: datetime.datetime) -> list[Finding]:
    sentences = [*safety.tls_problems(settings, now), *safety.authority_problems(settings)]
    return _section("certificates", sentences, lambda: _days_left(settings, now))


def _days_left(settings: Settings, now: datetime.datetime) -> list[Finding]:
    leaf = x509.load_pem_x509_certificates(settings.tls_certificate.read_bytes())[0]
    accepted = x509.load_pem_x509_certificates(settings.tls_ca.read_bytes())
    last = max(accepted, key=lambda each: each.not_valid_after_utc)
    found = [
        _left("HUTONG_TLS_CERTIFICATE", "the server's certificate", leaf, now, LEAST_DAYS),
        _left("HUTONG_TLS_CA", "the last of the accepted authorities", last, now, LEAST_DAYS),
    ]
    if ca_directory.exists(settings.ca_directory):
        own = ca_directory.read(settings.ca_directory)
        for what, each in (("the issuing intermediate", own.issuer.certificate), ("the root", own.anchor)):
            found.append(_left("HUTONG_CA_DIRECTORY", what, each, now, LEAST_DAYS_OF_AUTHORITY))
    return found


def _probe(certificate: Path, now: datetime.datetime) -> list[Finding]:
    # Once it has run out, orchestrators take every server for dead.
    try:
        (leaf, *_) = x509.load_pem_x509_certificates(certificate.read_bytes())
    except (OSError, ValueError):
        return _section("certificates", [f"HUTONG_CERT: {certificate} holds no certificate that can be read"], list)
    return [_left("HUTONG_CERT", "the health probe's certificate", leaf, now, LEAST_DAYS)]


def _left(variable: str, what: str, certificate: x509.Certificate, now: datetime.datetime, least: int) -> Finding:
    days = (certificate.not_valid_after_utc - now).days
    text = f"{variable}: {what} has {days} days left"
    return Finding("certificates", text, MENDS[variable] if days < least else "")


def _disk(settings: Settings, least_free: float) -> list[Finding]:
    found = []
    try:
        places = app.places(settings)
    except UnsafeSettings:
        return []  # the database's own line says so
    for name, place in places.items():
        there = next(each for each in (place, *place.parents) if each.exists())
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            found.append(
                Finding(
                    "disk",
                    f"{name}: {there} cannot be written to",
                    f"chown it to the user of the service (now {os.geteuid()})",
                )
            )
            continue
        free = shutil.disk_usage(there).free / _GB
        text = f"{name}: {free:.1f} GiB free at {place}"
        mend = "make room or grow the disk; a full one refuses publishes and answers (docs/operations.md#diskfilling)"
        found.append(Finding("disk", text, mend if free < least_free else ""))
    return found or [
        Finding("disk", "nothing is kept on this machine; the database's disk is seen by its own monitoring")
    ]


def _database(settings: Settings) -> list[Finding]:
    try:
        if app.is_new_file(settings.database_url):
            new = Finding("database", "the file is not there yet; `serve` makes it")
            return [new, *_section("keys", app.database_problems(settings), list)]
        if found := _file(settings):
            return found
        state = condition(settings.database_url)
    except (UnsafeSettings, StoreUnavailable) as error:
        return _section("database", [f"HUTONG_DATABASE_URL: {error}"], list)
    except OSError as error:
        return _section("database", [f"HUTONG_DATABASE_URL: {error.filename}: {error.strerror}"], list)
    if state.pending:
        text = f"the schema lacks {len(state.pending)} migrations: {', '.join(state.pending)}"
        return [Finding("database", text, "back it up, then `hutong-server migrate`"), *_clock(state)]
    well = Finding("database", "answers, settings durable, schema up to date")
    return [
        well,
        *_restored(state),
        *_clock(state),
        *_connections(settings),
        *_other_addresses(settings),
        *_opens(settings),
    ]


def _file(settings: Settings) -> list[Finding]:
    """What is wrong with a SQLite file before it is opened."""
    target = database_of(settings.database_url)
    if target.get_backend_name() != "sqlite":
        return []
    file = Path(target.database or "")
    found = []
    for each in standing_at(file):
        try:
            status = each.stat()
        except FileNotFoundError:
            # A log that its last user took away meanwhile.
            continue
        if status.st_uid != os.geteuid():
            text = f"{each} belongs to user {status.st_uid}, and this is user {os.geteuid()}"
            found.append(Finding("database", text, "run this as the user of the service, or chown the file to it"))
        if status.st_mode & 0o077:
            text = f"{each} is open to others (mode {stat.S_IMODE(status.st_mode):04o})"
            found.append(Finding("database", text, f"chmod 600 {each}"))
    return found


def _connections(settings: Settings) -> list[Finding]:
    """Whether the server has as many as all processes of this machine may open."""
    try:
        found = room(settings.database_url)
    except (UnsafeSettings, StoreUnavailable) as error:
        return _section("connections", [f"HUTONG_DATABASE_URL: {error}"], list)
    if found is None:
        return []
    each = settings.pool_size + settings.database_lanes
    listening = 0 if settings.database_direct_url else 1
    wanted = settings.workers * (each + listening)
    text = f"{settings.workers} processes may open {wanted}, PostgreSQL has {found.connections} for all its callers"
    if found.pooled:
        told = "" if settings.database_direct_url else "; changes of rules are found by polls only"
        text = f"a pooler is between: {wanted} of its clients' connections are needed{told}"
        mend = "set HUTONG_DATABASE_DIRECT_URL to PostgreSQL itself" if told else ""
        return [Finding("connections", text, mend)]
    mend = (
        "lower HUTONG_DATABASE_POOL_SIZE or HUTONG_WORKERS, raise max_connections, or put pgbouncer between"
        if wanted > found.connections
        else ""
    )
    return [Finding("connections", text, mend)]


def _other_addresses(settings: Settings) -> list[Finding]:
    """Whether what is named beside HUTONG_DATABASE_URL is the same database."""
    found = []
    for variable, url, standby in (
        ("HUTONG_DATABASE_DIRECT_URL", settings.database_direct_url, False),
        ("HUTONG_DATABASE_REPLICA_URL", settings.database_replica_url, True),
    ):
        if not url or safety.connection_problems(settings):
            continue
        try:
            sentence = (
                "" if which(url, standby=standby) == which(settings.database_url) else "leads to another database"
            )
        except (UnsafeSettings, StoreUnavailable) as error:
            sentence = str(error)
        if sentence:
            found += _section("connections", [f"{variable}: {sentence}"], list)
        else:
            found.append(Finding("connections", f"{variable}: leads to the same database"))
    return found


def _restored(state: Condition) -> list[Finding]:
    found = []
    if state.unsettled:
        text = "the database was put back from a backup; what was withdrawn, withheld and revoked since is not replayed"
        found.append(Finding("restore", text, "`hutong-server restore` (docs/operations.md#back-up-and-restore)"))
    if state.silent:
        named = ", ".join(state.silent[:10]) + (", …" if len(state.silent) > 10 else "")
        text = f"nothing is reusable of {len(state.silent)} institutions whose feeds have not gone on since: {named}"
        mend = "call them; a feed that is no more is excused by `hutong-server restore --excuse CODE`"
        found.append(Finding("restore", text, mend))
    return found


def _clock(state: Condition) -> list[Finding]:
    mend = "let every machine follow the same time server (chronyc tracking, timedatectl)"
    found = []
    if abs(state.ahead) - state.unsure / 2 > MOST_SKEW:
        side = "ahead of" if state.ahead > 0 else "behind"
        found.append(Finding("clock", f"the database's is {abs(state.ahead):.1f} s {side} this machine's", mend))
    if state.future > MOST_SKEW:
        text = (
            f"the ledger's newest log was begun {state.future:.0f} s after now: this clock, or that server's, is wrong"
        )
        found.append(Finding("clock", text, mend))
    return found or [Finding("clock", f"within {MOST_SKEW:.0f} s of the database's, and not behind the ledger")]


def _opens(settings: Settings) -> list[Finding]:
    try:
        check_keys(settings)
    except SettingsError as error:
        return _section("keys", error.problems, list)
    except (UnsafeSettings, StoreUnavailable) as error:
        return _section("database", [f"HUTONG_DATABASE_URL: {error}"], list)
    return [Finding("keys", "they open the database")]
