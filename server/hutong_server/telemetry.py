"""Every metric and every log field, named once. No patient data in any of them.

Metric names of the calls follow go-grpc-prometheus, so that existing dashboards work.
"""

import json
import logging
import os
import sys
import time
from typing import Final, Literal, TextIO

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

LOGGER: Final = "hutong"
_BUCKETS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)

_Mode = Literal["livemin", "livemax", "livesum"]

LOG_FIELDS: Final = (
    "request_id",
    "trace_id",
    "span_id",
    "method",
    "code",
    "reason",
    "milliseconds",
    "institution",
    "role",
    "outcome",
    "error_type",
    "error_at",
    "rules_version",
    "count",
    "address",
    "version",
    "worker",
    "exit_status",
)
"""All that a log line may carry beside time, level and event."""


class Metrics:
    """The metrics of one server, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.shared = "PROMETHEUS_MULTIPROC_DIR" in os.environ
        """Whether the values are shared with the other workers of one registry (see workers.py)."""
        call = ("grpc_type", "grpc_service", "grpc_method")
        self.started = Counter("grpc_server_started", "Calls begun.", call, registry=self.registry)
        self.handled = Counter("grpc_server_handled", "Calls ended.", (*call, "grpc_code"), registry=self.registry)
        self.received = Counter("grpc_server_msg_received", "Messages received.", call, registry=self.registry)
        self.sent = Counter("grpc_server_msg_sent", "Messages sent.", call, registry=self.registry)
        self.seconds = Histogram(
            "grpc_server_handling_seconds", "Seconds per call.", call, registry=self.registry, buckets=_BUCKETS
        )
        self.in_flight = Gauge(
            "hutong_calls_in_flight", "Calls in work now.", multiprocess_mode="livesum", registry=self.registry
        )
        self.refused = Counter("hutong_calls_refused", "Calls refused.", ("reason",), registry=self.registry)
        self.handshakes_refused = Counter(
            "hutong_handshakes_refused", "Connections that failed in TLS.", ("reason",), registry=self.registry
        )
        self.prompts = Counter(
            "hutong_prompts", "Charts and orders answered.", ("kind", "outcome"), registry=self.registry
        )
        self.verdicts = Counter(
            "hutong_verdicts",
            "Results judged for an answer, by REUSABLE or the first reason against.",
            ("verdict",),
            registry=self.registry,
        )
        self.published = Counter(
            "hutong_reports_published", "Reports received.", ("tier", "category", "outcome"), registry=self.registry
        )
        self.unmapped = Counter(
            "hutong_results_unmapped",
            "Results published whose codes lead to no item.",
            ("institution",),
            registry=self.registry,
        )
        self._of_the_night_shift()
        self.decisions = Counter("hutong_decisions", "Decisions received.", ("outcome",), registry=self.registry)
        self.break_glass = Counter("hutong_break_glass", "Emergencies declared.", registry=self.registry)
        self.reviews_open = Gauge(
            "hutong_reviews_open",
            "Emergencies that nobody has reviewed yet; NaN while unknown.",
            multiprocess_mode="livemostrecent",
            registry=self.registry,
        )
        self.rules_version = Gauge(
            "hutong_rules_version",
            "Version of the rules in force.",
            multiprocess_mode="livemin",
            registry=self.registry,
        )
        self.statistics_counted = Gauge(
            "hutong_statistics_counted_until_seconds",
            "Everything recorded before is in the statistics, in seconds since 1970; 0 where another process counts.",
            multiprocess_mode="livemax",
            registry=self.registry,
        )
        self.certificate_seconds = Gauge(
            "hutong_certificate_seconds_left",
            "Seconds until the registry's own certificate, or one of its authorities', runs out.",
            ("certificate",),
            multiprocess_mode="livemin",
            registry=self.registry,
        )
        self.client_certificates = Gauge(
            "hutong_client_certificates",
            "Client certificates that are good, by days left.",
            ("days_left",),
            multiprocess_mode="livemax",
            registry=self.registry,
        )
        self.client_expiry = Gauge(
            "hutong_client_certificate_expiry_timestamp_seconds",
            "When the first holder of an institution and role is left without a good certificate; 0: none is good.",
            ("institution", "role"),
            multiprocess_mode="livemax",
            registry=self.registry,
        )
        self.listening = Gauge(
            "hutong_listening",
            "1 while changes by other processes are heard of at once, 0 while only the polls find them (PostgreSQL).",
            multiprocess_mode="livemin",
            registry=self.registry,
        )
        self.serving = Gauge(
            "hutong_serving", "1 while the database answers.", multiprocess_mode="livemin", registry=self.registry
        )

    def _of_the_night_shift(self) -> None:
        """What api/observations.py looks at every few seconds. Institutions are labels: a city has some 839."""

        def gauge(name: str, text: str, *labels: str, mode: _Mode = "livemax") -> Gauge:
            return Gauge(f"hutong_{name}", text, labels, multiprocess_mode=mode, registry=self.registry)

        self.feed_received = gauge(
            "feed_last_received_timestamp_seconds", "When an institution last published; 0: never.", "institution"
        )
        self.feed_behind = gauge(
            "feed_behind", "1 while an institution is silent for longer than its habit.", "institution"
        )
        self.feed_not_resumed = gauge(
            "feed_not_resumed",
            "1 while nothing of an institution is reusable: a feed of it has not gone on since a restore.",
            "institution",
        )
        self.restore_unsettled = gauge(
            "restore_unsettled", "1 while the database was put back from a backup and nothing at all is reusable."
        )
        self.institutions = gauge("institutions", "Institutions registered.", "tier")
        self.held = gauge("reports_held", "Reports that wait for an administrator to say whose they are.")
        self.grants = gauge("quality_grants", "Quality grants in effect, by days left.", "days_left")
        self.checkpoint = gauge(
            "ledger_last_checkpoint_timestamp_seconds", "When a signed tree of the access ledger last became durable."
        )
        self.leaves = gauge("ledger_leaves", "Leaves that running workers have made durable.", mode="livesum")
        self.recent_lines = gauge(
            "recent_lines",
            "Lines of prompts of 7 days and today, by what became of them.",
            "institution",
            "what",
        )
        self.recent_item_lines = gauge("recent_item_lines", "The same by recognized item.", "item", "what")
        self.recent_savings = gauge(
            "recent_savings_yuan", "Prices of lines recognized in the last 7 days and today.", "institution"
        )
        self.replication_lag = gauge("replication_lag_seconds", "Of the replica farthest behind; 0 without any.")
        self.export_lag = gauge("ledger_export_lag_seconds", "For how long the oldest checkpoint waits for its export.")
        self.disk_free = gauge("disk_free_bytes", "Free bytes where something is kept.", "place", mode="livemin")
        self.jobs_waiting = gauge("write_jobs_waiting", "Write jobs that wait for a commit.", mode="livesum")
        self.connections = gauge("database_connections", "Connections of the read pool.", "state", mode="livesum")
        self.loop_lag = Histogram(
            "hutong_event_loop_lag_seconds",
            "How late the event loop came back to a timer.",
            registry=self.registry,
            buckets=_BUCKETS,
        )

    def serve(self, host: str, port: int) -> "MetricsServer":
        """Serves /metrics over plain HTTP, in a thread of its own."""
        return MetricsServer(self.registry, host, port)


class MetricsServer:
    """The metrics port."""

    def __init__(self, registry: CollectorRegistry, host: str, port: int) -> None:
        self._server, self._thread = start_http_server(port, host, registry)
        self.port = self._server.server_port

    def close(self) -> None:
        """Stops serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _JsonLines(logging.Formatter):
    """One JSON object a line: time, level, event, and the fields of LOG_FIELDS that are given."""

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, object] = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        given = record.__dict__
        line.update({name: given[name] for name in LOG_FIELDS if given.get(name) not in (None, "")})
        return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


class _Ours(logging.Filter):
    """Lines of our own pass; of libraries, only that something was said: their words may quote what they worked on."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name != LOGGER and not record.name.startswith(f"{LOGGER}."):
            record.msg, record.args = f"library: {record.name}", None
            record.exc_info = record.exc_text = record.stack_info = None
        return True


def start_logging(level: str, stream: TextIO | None = None) -> None:
    """Sends all log lines, ours and the libraries', as JSON to `stream` (default: stderr)."""
    target = logging.StreamHandler(stream or sys.stderr)
    target.setFormatter(_JsonLines())
    target.addFilter(_Ours())
    root = logging.getLogger()
    root.handlers[:] = [target]
    root.setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))
    logging.getLogger(LOGGER).setLevel(level.upper())


def log() -> logging.Logger:
    """The registry's logger; fields go into `extra`, named as in LOG_FIELDS."""
    return logging.getLogger(LOGGER)


def where(error: BaseException) -> str:
    """Where an error arose, as file:line of the innermost frames. Its text may hold patient data, this cannot."""
    frames = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}:{code.co_name}")
        trace = trace.tb_next
    return " > ".join(frames[-6:])
