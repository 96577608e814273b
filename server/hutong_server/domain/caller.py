"""Who calls: what the certificate says, never what a request says (SPIFFE: spiffe://<registry>/institution/<code>/<role>)."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a certificate may be used for."""

    EMR = "emr"
    FEED = "feed"
    ADMIN = "admin"
    SUPERVISOR = "supervisor"
    PORTAL = "portal"
    REGISTRY = "registry"
    MONITOR = "monitor"


@dataclass(frozen=True, slots=True)
class Caller:
    """The peer of a call."""

    institution: str
    role: Role
    certificate: str
    """SHA-256 fingerprint of the certificate, hex."""
    authority: str = ""
    """Key id of the authority that issued it, hex; empty when the certificate does not say."""
