"""Builds what concerns certificates: the composition root's part, apart because it stands by itself."""

import datetime
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from hutong_server import safety
from hutong_server.api.chain import Chain
from hutong_server.api.enrollment_server import METHODS, Crowd, EnrollmentOptions, EnrollmentServer
from hutong_server.api.enrollment_servicer import Enrolling
from hutong_server.api.guess_limits import TRUST_LIMITS, GuessLimits
from hutong_server.api.interceptors import Deadline, HideFaults, Telemetry
from hutong_server.api.parts import Parts
from hutong_server.api.refusal_record import RefusalRecord
from hutong_server.api.tls import ServerCertificates
from hutong_server.settings import Settings
from hutong_server.trust import ca_directory
from hutong_server.trust.ca_issuing import CertificateAuthority

ENROLLMENT_THREADS = 2
"""Each needs a connection to the database."""
_DAY = 24 * 3600 * 1000


def authority_of(settings: Settings) -> CertificateAuthority | None:
    """The registry's own authority; None where none was made."""
    if not ca_directory.exists(settings.ca_directory):
        return None
    life = datetime.timedelta(hours=settings.certificate_life_hours)
    return CertificateAuthority(settings.ca_directory, settings.registry_name, life)


def retired_of(authority: CertificateAuthority | None) -> Callable[[], frozenset[str]]:
    """Key ids of the authorities that are trusted no more."""
    return lambda: authority.current.retired if authority else frozenset()


def server_certificates(settings: Settings) -> ServerCertificates:
    """The registry's own certificate, and whose it accepts: HUTONG_TLS_CA, and its own authorities."""
    return ServerCertificates(
        settings.tls_certificate,
        settings.tls_key,
        settings.tls_ca,
        lambda: safety.tls_problems(settings, datetime.datetime.now(datetime.UTC)),
        also=settings.ca_directory / ca_directory.CLIENTS_FILE,
    )


def enrollment_server(parts: Parts, settings: Settings) -> EnrollmentServer | None:
    """The enrolment listener; None where it is off."""
    if not settings.enrollment_listen or parts.authority is None:
        return None
    enrolling = Enrolling(
        parts.authority, round(settings.renewal_grace_days * _DAY), GuessLimits(), GuessLimits(*TRUST_LIMITS)
    )
    # Strangers have threads of their own: no chart waits behind them.
    own = ThreadPoolExecutor(ENROLLMENT_THREADS, thread_name_prefix="hutong-enroll")
    parts = replace(parts, threads=own)
    options = EnrollmentOptions(
        listen=settings.enrollment_listen,
        credentials=server_certificates(settings).credentials(require_client=False),
        drain=settings.drain_seconds,
        reuse_port=settings.reuse_port,
    )
    deadline = Deadline(settings.default_deadline_seconds, settings.deadline_margin_seconds)
    refusals = RefusalRecord(parts.store, parts.clock)
    chain = Chain([Telemetry(parts.metrics), HideFaults(), refusals, Crowd(), deadline], METHODS)
    return EnrollmentServer(parts, enrolling, options, chain, refusals, own)
