"""The authority of a running server: issues certificates, and follows the directory when a rotation changes it."""

import datetime
import threading
from pathlib import Path

from hutong_server.domain.report import Instant
from hutong_server.store.base_certificates import Issued
from hutong_server.trust import ca, ca_directory
from hutong_server.trust.ca_directory import Authorities
from hutong_server.trust.ca_request import CheckedRequest


class CertificateAuthority:
    """Issues client certificates from the active intermediate. Safe for use by several threads."""

    def __init__(self, directory: Path, registry_name: str, life: datetime.timedelta) -> None:
        """`life` of the certificates issued. Raises AuthorityFault when the directory cannot be used."""
        self._directory = directory
        self._registry_name = registry_name
        self._life = life
        self._lock = threading.Lock()
        self._seen = ca_directory.stamp(directory) if ca_directory.exists(directory) else None
        self._current = ca_directory.read(directory)

    @property
    def current(self) -> Authorities:
        """The authorities as they are now. While the directory cannot be read, as they were."""
        with self._lock:
            try:
                seen = ca_directory.stamp(self._directory)
                if seen != self._seen:
                    self._current = ca_directory.read(self._directory)
                    self._seen = seen
            except (OSError, ca_directory.AuthorityFault):
                pass
            return self._current

    @property
    def trust_bundle(self) -> bytes:
        """PEM of every root that is trusted now."""
        return ca.pem(*self.current.roots)

    @property
    def anchor_fingerprint(self) -> str:
        """What a new institution checks the registry by: "sha256:" and hex, of the root that every client knows."""
        return f"sha256:{ca.fingerprint(self.current.anchor)}"

    def issue(self, request: CheckedRequest, institution: str, role: str, now: Instant) -> Issued:
        """A certificate for the request's key, in the name that the registry chooses."""
        issuer = self.current.issuer
        spiffe_id = f"spiffe://{self._registry_name}/institution/{institution}/{role}"
        moment = datetime.datetime.fromtimestamp(now / 1000, datetime.UTC)
        signed = ca.sign_client(issuer, request.public_key, spiffe_id, f"{institution}.{role}", moment, self._life)
        return Issued(
            chain=ca.pem(signed, issuer.certificate),
            serial=ca.serial_text(signed),
            fingerprint=ca.fingerprint(signed),
            authority=issuer.key_id,
            not_before=_instant(signed.not_valid_before_utc),
            not_after=_instant(signed.not_valid_after_utc),
        )

    def expiries(self) -> dict[str, float]:
        """When the authorities expire, seconds since 1970: the first of the roots and of the intermediates."""
        current = self.current
        return {
            "root": min(each.not_valid_after_utc.timestamp() for each in current.roots),
            "issuing": current.issuer.certificate.not_valid_after_utc.timestamp(),
        }


def server_certificate(
    directory: Path, names: list[str], life: datetime.timedelta, now: datetime.datetime
) -> tuple[bytes, bytes]:
    """(chain, key) in PEM of a server certificate from the active intermediate. Raises AuthorityFault."""
    current = ca_directory.read(directory)
    key = ca.new_key()
    signed = ca.sign_server(current.issuer, key.public_key(), names, now, life)
    return ca.pem(signed, current.presented), ca.key_pem(key)


def monitor_certificate(
    directory: Path, registry_name: str, life: datetime.timedelta, now: datetime.datetime
) -> tuple[bytes, bytes, bytes]:
    """(chain, key, roots) in PEM for health probes: the registry's own, in the role monitor. Raises AuthorityFault.

    It is not in the list of certificates that were issued, for there may be no database yet.
    """
    current = ca_directory.read(directory)
    key = ca.new_key()
    spiffe_id = f"spiffe://{registry_name}/institution/registry/monitor"
    signed = ca.sign_client(current.issuer, key.public_key(), spiffe_id, "registry.monitor", now, life)
    return ca.pem(signed, current.issuer.certificate), ca.key_pem(key), ca.pem(*current.roots)


def _instant(moment: datetime.datetime) -> Instant:
    return int(moment.timestamp() * 1000)
