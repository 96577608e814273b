"""A channel to a registry: mutual TLS from files, retries, keepalive and limits, set once for every caller."""

import ipaddress
import json
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import PublicFormat

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""Most bytes of one message either way. The registry's own limit (8 MiB by default) is what counts; this one only
keeps a fault on either side from filling the memory."""

RETRIED_METHODS = (
    "hutong.v1.RegistryService/PublishReport",
    "hutong.v1.RegistryService/GetFeedStatus",
    "hutong.v1.ReuseService/OpenChart",
    "hutong.v1.ReuseService/ListReports",
    "hutong.v1.ReuseService/GetReport",
    "hutong.v1.ReuseService/CheckOrders",
    "hutong.v1.ReuseService/RecordDecisions",
    "hutong.v1.ReuseService/ReportPromptEvents",
    "hutong.v1.ReuseService/ListNotices",
    "hutong.v1.ReuseService/AcknowledgeNotice",
    "hutong.v1.ReuseService/GetTrend",
    "hutong.v1.ReuseService/ExplainItem",
    "hutong.v1.CatalogService/PutInstitution",
    "hutong.v1.CatalogService/ListInstitutions",
    "hutong.v1.CatalogService/GetInstitution",
    "hutong.v1.CatalogService/SuspendInstitution",
    "hutong.v1.CatalogService/ImportCatalog",
    "hutong.v1.CatalogService/ListCatalogEntries",
    "hutong.v1.CatalogService/ListCatalogVersions",
    "hutong.v1.CatalogService/DiffCatalogVersions",
    "hutong.v1.CatalogService/ActivateCatalog",
    "hutong.v1.CatalogService/RollBackCatalog",
    "hutong.v1.CatalogService/ListUnmappedCodes",
    "hutong.v1.PatientService/ListHeldReports",
    "hutong.v1.PatientService/ShowPatient",
    "hutong.v1.PatientService/LinkPatients",
    "hutong.v1.PatientService/WithholdReport",
    "hutong.v1.ConsentService/PutDirective",
    "hutong.v1.ConsentService/RevokeDirective",
    "hutong.v1.ConsentService/ListDirectives",
    "hutong.v1.ConsentService/ListReviews",
    "hutong.v1.AuditService/ListAccesses",
    "hutong.v1.AuditService/ProveAccess",
    "hutong.v1.AuditService/ListCheckpoints",
    "hutong.v1.CertificateService/ListPendingEnrollments",
    "hutong.v1.CertificateService/ListCertificates",
    "hutong.v1.CertificateService/RevokeCertificate",
    "hutong.v1.StatisticsService/GetStatistics",
    "hutong.v1.StatisticsService/ListStatisticsRows",
    "hutong.v1.StatisticsService/ListFeedFreshness",
)
"""Idempotent methods: gRPC sends them again by itself when the registry was UNAVAILABLE or cut the call."""

NOT_RETRIED_METHODS = (
    "hutong.v1.RegistryService/PublishReports",  # publishing.py resumes the stream itself
    "hutong.v1.ReuseService/WatchNotices",  # notices.py resumes the stream itself
    "hutong.v1.PatientService/PlaceHeldReport",  # a second try would find the first one's work and fail
    "hutong.v1.PatientService/UnlinkPatient",
    "hutong.v1.PatientService/UndoPatientStep",
    "hutong.v1.ConsentService/CloseReview",
    "hutong.v1.CertificateService/CreateEnrollmentToken",
    "hutong.v1.CertificateService/DecideEnrollment",
)
"""Methods that gRPC must not send twice."""

_RETRY_POLICY = {
    "maxAttempts": 4,
    "initialBackoff": "0.1s",
    "maxBackoff": "1s",
    "backoffMultiplier": 2,
    # CANCELLED: gRPC's core on the far side had too many calls waiting, or began to drain as the call came
    # (grpc/grpc#41785). Who cancels a call here is not sent again.
    "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
}
_RETRY_THROTTLING = {
    # A registry in trouble is not to be buried under retries: they stop when one call in ten fails. But a replica that
    # dies takes all calls in flight with it, at once, and some of them break a second time before a connection stands:
    # those of an institution that has as many as it may (64) stay above half of the tokens.
    "maxTokens": 300,
    "tokenRatio": 0.1,
}


class TlsFilesInvalid(Exception):
    """A certificate or key file cannot be used. The text names the file and what to do."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files for mutual TLS: the registry's CA, this institution's certificate (with its chain) and its key."""

    ca: Path
    certificate: Path
    key: Path

    def credentials(self) -> grpc.ChannelCredentials:
        """Channel credentials from the files as they are now.

        Raises:
            TlsFilesInvalid: a file is missing, not PEM, the key does not fit, or others can read the key.
        """
        ca, chain, key = _read(self.ca), _read(self.certificate), _read(self.key)
        if os.name == "posix" and self.key.stat().st_mode & stat.S_IROTH:
            raise TlsFilesInvalid(f"{self.key}: everyone on this computer can read this key; run: chmod 600 {self.key}")
        _certificates(ca, self.ca)
        own = _certificates(chain, self.certificate)[0]
        try:
            private = serialization.load_pem_private_key(key, password=None)
        except (ValueError, TypeError) as error:
            raise TlsFilesInvalid(f"{self.key}: not an unencrypted private key in PEM form") from error
        form = serialization.Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        if private.public_key().public_bytes(*form) != own.public_key().public_bytes(*form):
            raise TlsFilesInvalid(f"{self.key}: this key does not belong to the certificate {self.certificate}")
        return grpc.ssl_channel_credentials(ca, key, chain)


def open_channel(
    registry: str,
    tls: TlsFiles,
    *,
    server_name: str = "",
    spread: bool = False,
    options: Sequence[tuple[str, str | int]] = (),
) -> grpc.aio.Channel:
    """A channel to `registry` ("HOST:PORT"). Connects on the first call, and again by itself after a break.

    Args:
        registry: where the registry listens. Several replicas without a balancer before them: "IP:PORT,IP:PORT" with
            `server_name`; calls then go to all of them in turn, and past one that does not answer.
        spread: do so with all addresses that a name stands for. Of a list it is always done.
        tls: the files; read now, so renewed certificates need a new channel.
        server_name: the name in the registry's certificate, when it is reached under another one.
        options: further gRPC options; they win over the ones set here.

    Raises:
        TlsFilesInvalid: a file cannot be used.
        ValueError: a list that is not of IP addresses with ports, or has no `server_name`.
    """
    if (several := "," in registry) and not server_name:
        raise ValueError("a list of registries needs the name in their certificates (server_name)")
    own = dict(_OPTIONS)
    if several or spread:
        own["grpc.service_config"] = service_config(spread=True)
        # While one is away the others answer; it is to be found again before the next one goes.
        own["grpc.max_reconnect_backoff_ms"] = 1_000
    if server_name:
        own["grpc.ssl_target_name_override"] = server_name
    # Each name once: of two, gRPC takes the first.
    return grpc.aio.secure_channel(_target(registry), tls.credentials(), options=[*(own | dict(options)).items()])


def service_config(*, spread: bool = False) -> str:
    """The gRPC service config (JSON): which methods are retried, and how; whether calls go to all addresses in turn."""
    names = [dict(zip(("service", "method"), path.split("/"), strict=True)) for path in RETRIED_METHODS]
    config: dict[str, object] = {
        "methodConfig": [{"name": names, "retryPolicy": _RETRY_POLICY}],
        "retryThrottling": _RETRY_THROTTLING,
    }
    if spread:
        config["loadBalancingConfig"] = [{"round_robin": {}}]
    return json.dumps(config)


def _target(registry: str) -> str:
    """gRPC's name of what may be several addresses."""
    if "," not in registry:
        return registry
    parts = [address.rpartition(":") for address in registry.split(",")]
    try:
        versions = {ipaddress.ip_address(host.strip("[]")).version for host, _, _ in parts}
    except ValueError:
        raise ValueError("a list of registries is IP:PORT,IP:PORT; a name may stand for several by itself") from None
    if len(versions) > 1:
        raise ValueError("the registries of a list are all IPv4 or all IPv6")
    return f"ipv{versions.pop()}:{registry}"


_OPTIONS: tuple[tuple[str, str | int], ...] = (
    ("grpc.service_config", service_config()),
    ("grpc.enable_retries", 1),
    # gRPC's own 256 kB would leave every larger document to its first try.
    ("grpc.per_rpc_retry_buffer_size", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # A firewall that dropped the connection silently is noticed before the next chart is opened.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # Errors travel in a trailer; a long list of faults needs more than gRPC's 8 kB.
    ("grpc.max_metadata_size", 256 * 1024),
    ("grpc.absolute_max_metadata_size", 512 * 1024),
    # A registry that comes back is found again within seconds; gRPC's own habit is up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TlsFilesInvalid(f"{path}: cannot be read ({error.strerror})") from error


def _certificates(pem: bytes, path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise TlsFilesInvalid(f"{path}: holds no certificate in PEM form") from error
