"""Settings of the server: frozen, from HUTONG_* only; secrets are paths of files. What is unsafe refuses to start."""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "HUTONG_"

OTHER_PROGRAMS = frozenset(
    {
        "HUTONG_REGISTRY",
        "HUTONG_CA",
        "HUTONG_CERT",
        "HUTONG_KEY",
        "HUTONG_LANG",
        "HUTONG_LEDGER_VERIFIER",
        "HUTONG_METRICS",
        "HUTONG_DEADLINE",
        "HUTONG_JSON",
        "HUTONG_PRACTITIONER",
        "HUTONG_ENCOUNTER",
        "HUTONG_TRACEBACK",
        "HUTONG_TEST_DATA",
        "HUTONG_TEST_BACKENDS",
        "HUTONG_TEST_CITUS_URL",
        "HUTONG_FAILOVERS",
    }
)
"""Variables of the client and of the tests: not the server's, and no typing error either."""

Address = Annotated[str, StringConstraints(pattern=r"^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$")]
TrustDomain = Annotated[str, StringConstraints(pattern=r"^[a-z0-9._-]{1,255}$")]
_RATE = r"[A-Za-z0-9_-]{1,64}=\d{1,6}(\.\d{1,3})?"
Rates = Annotated[str, StringConstraints(pattern=f"^({_RATE}(,{_RATE})*)?$")]
Seconds = Annotated[float, Field(gt=0, le=3600)]


class SettingsError(Exception):
    """The settings are wrong or unsafe. `problems` says how, one sentence each, without secrets."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class Settings(BaseSettings):
    """Everything that an operator may set. Each field is the variable HUTONG_<FIELD>."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True, case_sensitive=False
    )

    listen: Address = Field("127.0.0.1:7443", description="Address of the gRPC port; port 0 takes a free one.")
    workers: Annotated[int, Field(ge=1, le=64)] = Field(
        1, description="Server processes behind the one port; rates and limits hold for each."
    )
    reuse_port: bool = Field(False, description="Share the port among several server processes (SO_REUSEPORT).")
    registry_name: TrustDomain = Field("hutong.local", description="SPIFFE trust domain of certificates; source name.")
    database_url: str = Field("sqlite:///var/hutong.db", description="SQLAlchemy URL: sqlite:/// or postgresql://.")
    database_direct_url: str = Field(
        "", description="The same PostgreSQL without a pooler between, on which changes are heard of; empty: the same."
    )
    database_replica_url: str = Field(
        "", description="A standby that is asked for statistics and lists that may lag; empty: the primary is."
    )
    replica_lag_seconds: Annotated[float, Field(ge=0.1, le=3600)] = Field(
        10.0, description="A standby that is further behind is not asked."
    )
    database_pool_size: Annotated[int, Field(ge=0, le=1000)] = Field(
        0, description="Connections for reads that a process opens at most; 0: the worker threads and 10."
    )
    database_lanes: Annotated[int, Field(ge=1, le=16)] = Field(
        2, description="Connections that commit beside them (PostgreSQL; SQLite has one)."
    )
    prepared_statements: Literal["auto", "on", "off"] = Field(
        "auto", description="PostgreSQL: whether statements are prepared; auto: unless a pooler is found between."
    )
    statement_timeout_seconds: Annotated[float, Field(ge=0.1, le=600)] = Field(
        2.0, description="How long a statement may take; calls have less, and the rest of a deadline is for a repeat."
    )
    lock_timeout_seconds: Annotated[float, Field(ge=0.05, le=600)] = Field(
        1.5, description="PostgreSQL: how long a statement may wait for a lock."
    )
    idle_transaction_seconds: Annotated[float, Field(ge=1, le=3600)] = Field(
        30.0,
        description="PostgreSQL: a transaction in which nothing happens for so long is ended, and its locks with it.",
    )
    tls_certificate: Path = Field(Path("certs/server.pem"), description="The server's certificate chain, PEM.")
    tls_key: Path = Field(Path("certs/server.key"), description="Its private key, PEM; readable by the owner only.")
    tls_ca: Path = Field(Path("certs/ca.pem"), description="Authorities whose client certificates are accepted, PEM.")
    ca_directory: Path = Field(Path("var/ca"), description="The registry's own authorities (hutong-server ca init).")
    enrollment_listen: str = Field(
        "", description="Address of the enrolment port (TLS without client certificate); empty: off."
    )
    certificate_life_hours: Annotated[float, Field(ge=1, le=2160)] = Field(
        168.0, description="Life of the client certificates that are issued."
    )
    renewal_grace_days: Annotated[float, Field(ge=0, le=365)] = Field(
        30.0, description="How long after its end a certificate may still be renewed by proof of its key."
    )
    enrollment_approval_roles: str = Field(
        "", description="Roles, by commas, whose enrolments a second administrator approves, whatever the token says."
    )
    require_registered_certificates: bool = Field(
        False, description="Refuse client certificates that this registry did not issue, whoever signed them."
    )
    token_key: Path = Field(Path("var/keys/token.key"), description="Key of patient tokens; owner only.")
    seal_key: Path = Field(Path("var/keys/seal.key"), description="Key that seals payloads; owner only.")
    kek: Path = Field(Path("var/keys/kek.key"), description="Key that wraps the keys in the database; owner only.")
    crypto_suite: Literal["aes256gcm-sha256", "sm4gcm-sm3"] = Field(
        "aes256gcm-sha256", description="Algorithms that seal and make tokens; of a database, see `keys rotate`."
    )
    ledger_key: Path = Field(
        Path("var/keys/ledger.key"), description="Key that signs the access ledger's checkpoints; owner only."
    )
    ledger_export: str = Field(
        "",
        description="Directory to which checkpoints, and what must hold after a loss, are exported; best a write-once "
        "store elsewhere; empty: none.",
    )
    ledger_retention_days: Annotated[int, Field(ge=184, le=36525)] = Field(
        1095, description="How long the access ledger is kept; `audit retain` cuts what is older. Never under 6 months."
    )
    retain_prompts_days: Annotated[int, Field(ge=400, le=36525)] = Field(
        1095, description="How long prompts are kept on which nobody relied or decided; whole months, once counted."
    )
    retain_reliances_days: Annotated[int, Field(ge=5479, le=36525)] = Field(
        10958, description="How long it is kept who opened, cited or recognized a report; never under 15 years."
    )
    retain_notices_days: Annotated[int, Field(ge=184, le=36525)] = Field(
        1095, description="How long notices are kept after they were acknowledged. Others are kept for ever."
    )
    retain_records_days: Annotated[int, Field(ge=92, le=36525)] = Field(
        400,
        description="How long unmapped codes, counts of intake, ended certificates and called-off imports are kept.",
    )
    mail_server: Annotated[str, Field(pattern=r"^(\S+:\d{1,5})?$")] = Field(
        "", description="SMTP server, host:port, that reports are mailed by; empty: none are."
    )
    mail_tls: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How that connection is encrypted; none: for a server on this machine only."
    )
    mail_ca: Path | None = Field(None, description="Authority of the SMTP server, PEM; default: those of the system.")
    mail_user: str = Field("", description="Name to log in to the SMTP server with; empty: no log-in.")
    mail_password: Path | None = Field(None, description="File with its password; owner only.")
    mail_from: str = Field("", description="Address that reports come from.")
    mail_to: str = Field("", description="Addresses that reports go to, by commas.")
    metrics_listen: str = Field("127.0.0.1:9464", description="Prometheus address; empty: off.")
    metrics_allow_remote: bool = Field(False, description="Let metrics listen beyond loopback.")
    otlp_endpoint: Annotated[str, Field(pattern=r"^(https?://[^\s@]+)?$")] = Field(
        "", description="Base URL of an OpenTelemetry collector (OTLP over HTTP) for traces; empty: off."
    )
    default_deadline_seconds: Seconds = Field(30.0, description="Longest that a call without a deadline may take.")
    deadline_margin_seconds: Annotated[float, Field(ge=0, le=10)] = Field(
        0.02, description="Kept back from each deadline, so that the answer arrives within it."
    )
    future_tolerance_seconds: Annotated[int, Field(ge=0, le=86400)] = Field(
        300, description="How far ahead a time in a report may lie, and by how much a doctor's clock may be off."
    )
    max_message_bytes: Annotated[int, Field(ge=65536, le=256 * 2**20)] = Field(
        8 * 2**20, description="Largest document."
    )
    max_concurrent_calls: Annotated[int, Field(ge=1, le=100_000)] = Field(
        512, description="Calls in flight; more are told to come again."
    )
    answer_target_seconds: Seconds = Field(
        0.05,
        description="While charts take longer (where the quickest takes more than half of it: longer than twice that),"
        " fewer are let in at a time; the others are told to come again.",
    )
    max_streams_per_connection: Annotated[int, Field(ge=1, le=10_000)] = Field(
        128, description="HTTP/2 streams that one connection may hold."
    )
    calls_per_second: Annotated[float, Field(ge=0, le=100_000)] = Field(
        5.0, description="Calls a second of an institution in one role, at length; 0: no limit. A stream is one call."
    )
    calls_burst: Annotated[int, Field(ge=1, le=100_000)] = Field(
        1000, description="Calls that it may make at once after a pause."
    )
    calls_per_second_of: Rates = Field(
        "", description="Other rates of some institutions: CODE=RATE,CODE=RATE; the burst grows with the rate."
    )
    max_calls_per_institution: Annotated[int, Field(ge=1, le=100_000)] = Field(
        64, description="Calls of one institution in flight."
    )
    max_streams_per_institution: Annotated[int, Field(ge=1, le=10_000)] = Field(
        16, description="Open streams of one institution."
    )
    max_pending_calls: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        32, description="Calls that wait inside gRPC before they are looked at; above twice as many all are cut."
    )
    stall_seconds: Seconds = Field(
        30.0, description="How long a publishing stream waits for its caller to read an answer."
    )
    keepalive_seconds: Seconds = Field(60.0, description="Silence on a connection after which its peer is asked.")
    keepalive_timeout_seconds: Seconds = Field(20.0, description="How long it may take to answer that.")
    connection_idle_seconds: Annotated[float, Field(gt=0, le=86_400)] = Field(
        2400.0, description="A connection without calls is closed after so long; clients close theirs after 30 minutes."
    )
    connection_age_seconds: Annotated[float, Field(gt=0, le=604_800)] = Field(
        3600.0, description="A connection takes no new calls after so long; the client opens another by itself."
    )
    connection_grace_seconds: Annotated[float, Field(gt=0, le=86_400)] = Field(
        900.0, description="How long calls and streams of such a connection may go on before they are cut."
    )
    stream_window: Annotated[int, Field(ge=1, le=1024)] = Field(
        64, description="Documents of one publishing stream in work at a time."
    )
    # More of either makes both slower: they run Python, one at a time, and only hand the turn around.
    worker_threads: Annotated[int, Field(ge=1, le=256)] = Field(2, description="Threads that answer from rows.")
    document_threads: Annotated[int, Field(ge=1, le=256)] = Field(2, description="Threads that prepare documents.")
    document_processes: Annotated[int, Field(ge=0, le=64)] = Field(
        1, description="Processes that read documents, about 100 MB each; 0: the threads do."
    )
    rules_poll_seconds: Annotated[float, Field(gt=0, le=1)] = Field(
        0.5, description="How often a change of the rules by another process is looked for."
    )
    health_interval_seconds: Seconds = Field(1.0, description="How often the database is asked whether it is there.")
    drain_seconds: Annotated[float, Field(ge=0, le=600)] = Field(
        10.0, description="How long calls in flight may take to finish at the end."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")

    @property
    def rates(self) -> dict[str, float]:
        """Calls a second of the institutions that calls_per_second_of names."""
        pairs = (pair.partition("=") for pair in self.calls_per_second_of.split(",") if pair)
        return {code: float(rate) for code, _, rate in pairs}

    @property
    def pool_size(self) -> int:
        """Connections for reads of one process. Beside the worker threads: health, rules, certificates, coverage,
        metrics, observations, the key ring, counting, and two of enrolment."""
        return self.database_pool_size or self.worker_threads + 10

    @property
    def approval_roles(self) -> frozenset[str]:
        """Roles for which every enrolment is approved by a second administrator."""
        return frozenset(name.strip() for name in self.enrollment_approval_roles.split(",") if name.strip())

    @property
    def metrics_address(self) -> tuple[str, int] | None:
        """Host and port of the metrics, or None when they are off."""
        return split_address(self.metrics_listen) if self.metrics_listen else None


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Reads the environment. Raises SettingsError for an unknown HUTONG_* variable or a value out of range."""
    given = dict(os.environ if environ is None else environ)
    problems = unknown_variables(given)
    values = {name: given[variable] for name in Settings.model_fields if (variable := PREFIX + name.upper()) in given}
    try:
        # Named one by one, so that a test's mapping counts instead of the process environment.
        settings = _Given(**values)  # type: ignore[arg-type]  # text; pydantic turns it into the field's type
    except ValidationError as error:
        problems += [
            _sentence(str(e["loc"][0]), e["msg"]) for e in error.errors(include_input=False, include_url=False)
        ]
        raise SettingsError(problems) from None
    if problems:
        raise SettingsError(problems)
    return settings


class _Given(Settings):
    """Settings from arguments alone."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Leaves the process environment out."""
        del settings_cls
        return (init_settings,)


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """A sentence for each HUTONG_* variable that no program knows, with the name that was probably meant."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    found = []
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known and name not in OTHER_PROGRAMS:
            near = difflib.get_close_matches(name, known, n=1)
            found.append(f"{name} is not a setting" + (f"; did you mean {near[0]}?" if near else ""))
    return found


def shown(settings: Settings) -> list[tuple[str, str, str]]:
    """(variable, value, meaning) of every setting. Passwords in URLs are not shown."""
    rows = []
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        text = without_password(value) if name.endswith("_url") else str(value)
        rows.append((PREFIX + name.upper(), text, field.description or ""))
    return rows


def without_password(url: str) -> str:
    """The URL with its password replaced."""
    password = urlsplit(url).password
    return url.replace(f":{password}@", ":***@", 1) if password else url


def split_address(address: str) -> tuple[str, int]:
    """Host and port of "host:port" or "[::1]:port". Raises ValueError for anything else."""
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        raise ValueError("an address is host:port")
    return host.strip("[]"), int(port)


def _sentence(field: str, message: str) -> str:
    return f"{PREFIX}{field.upper()}: {message[:1].lower()}{message[1:]}"
