"""What makes settings unsafe. Each check gives sentences; none means that the server may start."""

import datetime
import ipaddress
import stat
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization

from hutong_server.domain.caller import Role
from hutong_server.settings import Settings, split_address
from hutong_server.store.engine import UnsafeSettings, database_of
from hutong_server.trust import ca_directory
from hutong_server.trust.keys import UnsafeKey, read_key_file


def problems(settings: Settings, now: datetime.datetime) -> list[str]:
    """Everything that forbids a start, at `now` (aware): TLS material, keys, addresses."""
    return [
        *tls_problems(settings, now),
        *authority_problems(settings),
        *key_problems(settings),
        *address_problems(settings),
        *_database(settings),
    ]


def tls_problems(settings: Settings, now: datetime.datetime) -> list[str]:
    """Faults of the TLS material: missing, open, expired, not matching."""
    found: list[str] = []
    chain = _certificates("HUTONG_TLS_CERTIFICATE", settings.tls_certificate, found)
    authorities = _certificates("HUTONG_TLS_CA", settings.tls_ca, found)
    if chain:
        found += _period("HUTONG_TLS_CERTIFICATE", chain[0], now)
    # While authorities are exchanged, old and new stand in one file: one that is good is enough.
    faults = [_period("HUTONG_TLS_CA", each, now) for each in authorities]
    if faults and all(faults):
        found += faults[0]
    key_file = settings.tls_key
    found += owner_only("HUTONG_TLS_KEY", key_file)
    if chain and key_file.is_file():
        try:
            key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        except (ValueError, TypeError, OSError):
            found.append(f"HUTONG_TLS_KEY: {key_file} holds no private key in PEM without a passphrase")
        else:
            if _public(key.public_key()) != _public(chain[0].public_key()):
                found.append("HUTONG_TLS_KEY: the key is not the one of HUTONG_TLS_CERTIFICATE")
    return found


def authority_problems(settings: Settings) -> list[str]:
    """Faults of the registry's own authorities, and of the enrolment listener that needs them."""
    found = []
    unknown = settings.approval_roles - {role.value for role in Role}
    if unknown:
        found.append(f"HUTONG_ENROLLMENT_APPROVAL_ROLES: no such role: {', '.join(sorted(unknown))}")
    if settings.enrollment_listen:
        try:
            split_address(settings.enrollment_listen)
        except ValueError as error:
            found.append(f"HUTONG_ENROLLMENT_LISTEN: {error}")
    if not settings.enrollment_listen and not ca_directory.exists(settings.ca_directory):
        return found
    try:
        authorities = ca_directory.read(settings.ca_directory)
    except ca_directory.AuthorityFault as error:
        return [*found, f"HUTONG_CA_DIRECTORY: {error}"]
    if settings.enrollment_listen and not _issued_here(settings.tls_certificate, authorities):
        found.append(
            "HUTONG_TLS_CERTIFICATE: enrolling institutions could not check it, for it is not from HUTONG_CA_DIRECTORY;"
            " make one with `hutong-server ca server-certificate`"
        )
    return found


def _issued_here(path: Path, authorities: ca_directory.Authorities) -> bool:
    try:
        leaf, *rest = x509.load_pem_x509_certificates(path.read_bytes())
        return any(_signed(leaf, issuing) for issuing in (*rest, *authorities.accepted)) and any(
            _signed(issuing, root) for issuing in (*rest, *authorities.accepted) for root in authorities.roots
        )
    except (OSError, ValueError):
        return False


def _signed(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def key_problems(settings: Settings) -> list[str]:
    """Faults of the key files: missing where they are needed, open to others, malformed."""
    found = []
    for variable, path in (("HUTONG_TOKEN_KEY", settings.token_key), ("HUTONG_SEAL_KEY", settings.seal_key)):
        # A database that has keys needs neither file.
        if path.exists():
            try:
                read_key_file(path)
            except UnsafeKey as error:
                found.append(f"{variable}: {error} (make both with `hutong-server keys init`)")
    try:
        read_key_file(settings.kek)
    except UnsafeKey as error:
        found.append(f"HUTONG_KEK: {error} (`hutong-server keys init` makes the key that wraps the others)")
    try:
        read_key_file(settings.ledger_key)
    except UnsafeKey as error:
        found.append(f"HUTONG_LEDGER_KEY: {error} (`hutong-server keys init` makes the key of the access ledger)")
    return found


def address_problems(settings: Settings) -> list[str]:
    """Faults of the metrics address."""
    if not settings.metrics_listen:
        return []
    try:
        host, _ = split_address(settings.metrics_listen)
    except ValueError as error:
        return [f"HUTONG_METRICS_LISTEN: {error}"]
    if settings.metrics_allow_remote or _loopback(host):
        return []
    return [
        "HUTONG_METRICS_LISTEN: metrics have no access control and listen beyond loopback;"
        " set HUTONG_METRICS_ALLOW_REMOTE=true if the network guards them"
    ]


def _database(settings: Settings) -> list[str]:
    try:
        database_of(settings.database_url)
    except UnsafeSettings as error:
        return [f"HUTONG_DATABASE_URL: {error}"]
    return connection_problems(settings)


def connection_problems(settings: Settings) -> list[str]:
    """Faults of what is said of connections beside the database's URL: time-outs, other addresses."""
    found = []
    postgresql = settings.database_url.startswith("postgresql")
    ordered = settings.lock_timeout_seconds < settings.statement_timeout_seconds < settings.default_deadline_seconds
    if postgresql and not ordered:
        found.append(
            "HUTONG_STATEMENT_TIMEOUT_SECONDS: must be longer than HUTONG_LOCK_TIMEOUT_SECONDS and shorter than"
            " HUTONG_DEFAULT_DEADLINE_SECONDS"
        )
    for variable, url in (
        ("HUTONG_DATABASE_DIRECT_URL", settings.database_direct_url),
        ("HUTONG_DATABASE_REPLICA_URL", settings.database_replica_url),
    ):
        if not url:
            continue
        try:
            if {database_of(each).get_backend_name() for each in (url, settings.database_url)} != {"postgresql"}:
                found.append(f"{variable}: is for PostgreSQL only")
        except UnsafeSettings as error:
            found.append(f"{variable}: {error}")
    return found


def owner_only(variable: str, path: Path) -> list[str]:
    """Faults of a secret's file: missing, or readable by others than its owner."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return [f"{variable}: {path} is missing or cannot be read"]
    if not stat.S_ISREG(mode):
        return [f"{variable}: {path} is not a file"]
    if mode & 0o077:
        return [f"{variable}: {path} is open to others than its owner (mode {stat.S_IMODE(mode):04o}); chmod 600 it"]
    return []


def _period(variable: str, certificate: x509.Certificate, now: datetime.datetime) -> list[str]:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if end <= now:
        return [f"{variable}: the certificate expired at {end:%Y-%m-%d %H:%MZ}"]
    return [f"{variable}: the certificate is not valid before {begin:%Y-%m-%d %H:%MZ}"] if begin > now else []


def _certificates(variable: str, path: Path, found: list[str]) -> list[x509.Certificate]:
    try:
        content = path.read_bytes()
    except OSError:
        found.append(f"{variable}: {path} is missing or cannot be read")
        return []
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError:
        found.append(f"{variable}: {path} holds no certificate in PEM")
        return []


def _public(key: object) -> bytes:
    encode = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(*encode)  # type: ignore[attr-defined, no-any-return]  # every key type has it


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
