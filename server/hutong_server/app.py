"""The composition root: settings → store → rules → use cases → servicers → server. Everything is built here, once."""

import asyncio
import datetime
import logging
import math
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hutong_server import safety
from hutong_server.api.activation import Activation
from hutong_server.api.admission import CallLimits
from hutong_server.api.certificate_servicer import new_token, token_hash
from hutong_server.api.counting import Counting
from hutong_server.api.coverage import CoverageSnapshot
from hutong_server.api.document_reading import DocumentReading
from hutong_server.api.expiry import ExpiryWatch
from hutong_server.api.health import Health
from hutong_server.api.notice_news import NoticeNews
from hutong_server.api.notice_sweep import NoticeSweep
from hutong_server.api.observations import Observations
from hutong_server.api.parts import Limits, Parts
from hutong_server.api.rule_snapshot import RuleSnapshot, read_book
from hutong_server.api.server import SERVICES, ConnectionLimits, RegistryServer, ServerOptions
from hutong_server.api.standing import Standing
from hutong_server.api.unmapped_tally import UnmappedTally
from hutong_server.api.wire_form import ProtoWire
from hutong_server.app_certificates import authority_of, enrollment_server, retired_of, server_certificates
from hutong_server.domain.caller import Caller, Role
from hutong_server.domain.report import Instant
from hutong_server.sealed_store import check_keys, first_key_problems, open_sealed
from hutong_server.settings import Settings, SettingsError, split_address
from hutong_server.store.base import StoreUnavailable
from hutong_server.store.engine import UnsafeSettings, database_of
from hutong_server.store.listening import RULES, Listening
from hutong_server.store.migrations import migrate, migrations_pending
from hutong_server.store.sql_store import SqlStore, open_store
from hutong_server.telemetry import Metrics, MetricsServer, log
from hutong_server.trust.key_ring import KeyRing
from hutong_server.trust.ledger import MerkleLedger, checkpoint_key, open_ledger
from hutong_server.trust.sealing import KeyedSealer
from hutong_server.units import ucum
from hutong_server.usecases.certificates import MakeToken, make_token
from hutong_server.usecases.institutions import OPERATOR

if TYPE_CHECKING:
    from hutong_server.api.span_export import SpanExport

_REVIEWS_EVERY = 5.0
"""Seconds."""


UNSETTLED = (
    "HUTONG_DATABASE_URL: the database was put back from a backup, and what was withdrawn, withheld, revoked and "
    "suspended since is not replayed; run `hutong-server restore`"
)


def now() -> Instant:
    """The wall clock, in milliseconds since 1970. The only clock of the server."""
    return time.time_ns() // 1_000_000


class Registry:
    """A running registry. Made by start(); ended by drain()."""

    def __init__(
        self, settings: Settings, store: SqlStore, ring: KeyRing, ledger: MerkleLedger, metrics: Metrics
    ) -> None:
        self._ring = ring
        self._settings = settings
        self.store = store
        self.metrics = metrics
        self._threads = ThreadPoolExecutor(settings.worker_threads, thread_name_prefix="hutong-work")
        self._documents = ThreadPoolExecutor(settings.document_threads, thread_name_prefix="hutong-read")
        # What ends calls and streams must not wait behind them: every worker hears of it within a second.
        self._looking = ThreadPoolExecutor(2, thread_name_prefix="hutong-look")
        self._reading = DocumentReading(self._documents, settings.document_processes)
        if not metrics.shared:
            metrics.reviews_open.set_function(lambda: _waiting(store))
        rules = RuleSnapshot(store.read(read_book), store, self._looking, metrics, settings.rules_poll_seconds)
        coverage = CoverageSnapshot(store, rules, now)
        authority = authority_of(settings)
        standing = Standing(
            store,
            self._looking,
            now,
            min(0.5, settings.rules_poll_seconds),
            require_registered=settings.require_registered_certificates,
            retired=retired_of(authority),
        )
        self._spans = _span_export(settings)
        parts = Parts(
            store=store,
            threads=self._threads,
            documents=self._documents,
            reading=self._reading,
            rules=rules,
            coverage=lambda: coverage.current,
            tokens=ring.tokens,
            ids=ring.ids,
            wire=ProtoWire(),
            metrics=metrics,
            units=ucum,
            clock=now,
            ended=self._spans.ended if self._spans else None,
            standing=standing,
            news=NoticeNews(rules.look),
            unmapped=UnmappedTally(store, ring.tokens, rules, metrics, now),
            checkpoint_key=checkpoint_key(settings.registry_name, settings.ledger_key).verifier.text,
            authority=authority,
            approved_roles=frozenset(Role(name) for name in settings.approval_roles),
            source=settings.registry_name,
            limits=Limits(
                max_document_bytes=settings.max_message_bytes,
                future_tolerance=settings.future_tolerance_seconds * 1000,
                stream_window=settings.stream_window,
                stall=settings.stall_seconds,
            ),
        )
        self._unmapped = parts.unmapped
        self.rules, self.standing = rules, standing
        self._listening: Listening | None = None
        self._health = Health(store, SERVICES, metrics, settings.health_interval_seconds)
        self.server = RegistryServer(parts, self._health, _options(settings))
        self.enrollment = enrollment_server(parts, settings)
        self.expiry = ExpiryWatch(parts, settings.tls_certificate)
        self.observations = Observations(
            parts,
            places(settings),
            lambda: store.queues,
            lambda: (ledger.committed_at, ledger.leaves, ledger.export_lag),
        )
        self.counting = Counting(store, lambda: rules.book, now, metrics, shedding=self.server.shedding)
        self._metrics_server: MetricsServer | None = None
        self._polls: list[Callable[[], Coroutine[Any, Any, None]]] = [
            rules.poll,
            Activation(parts, min(0.5, settings.rules_poll_seconds)).poll,
            parts.unmapped.poll,
            coverage.poll,
            self._health.watch,
            standing.poll,
            parts.news.poll,
            NoticeSweep(parts).poll,
            self.expiry.poll,
            self.observations.poll,
            self.observations.lag,
            self.counting.poll,
        ]
        if metrics.shared:
            self._polls.append(self._count_reviews)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def port(self) -> int:
        """Of gRPC."""
        return self.server.port

    @property
    def enrollment_port(self) -> int:
        """Of the enrolment listener; 0 when it is off."""
        return self.enrollment.port if self.enrollment else 0

    @property
    def metrics_port(self) -> int:
        """Of the metrics; 0 when they are off."""
        return self._metrics_server.port if self._metrics_server else 0

    async def run(self) -> None:
        """Listens, and starts what looks at the database again and again. Raises SettingsError for a taken address."""
        try:
            if (address := self._settings.metrics_address) is not None:
                self._metrics_server = self.metrics.serve(*address)
        except OSError as error:
            raise SettingsError([f"HUTONG_METRICS_LISTEN: {error.strerror}"]) from None
        try:
            await self.server.start()
        except RuntimeError:
            raise SettingsError(["HUTONG_LISTEN: the address is taken or cannot be listened on"]) from None
        try:
            if self.enrollment is not None:
                await self.enrollment.start()
        except RuntimeError:
            raise SettingsError(["HUTONG_ENROLLMENT_LISTEN: the address is taken or cannot be listened on"]) from None
        self._tasks = [asyncio.ensure_future(poll()) for poll in self._polls]
        self._listen(asyncio.get_running_loop())

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wakes the polls when another process says that something changed."""
        settings = self._settings
        if database_of(settings.database_url).get_backend_name() != "postgresql":
            return

        def heard(what: str) -> None:
            loop.call_soon_threadsafe((self.rules if what == RULES else self.standing).waking.wake)

        known: list[bool] = []

        def listens(now: bool) -> None:
            self.metrics.listening.set(now)
            if known != [now]:
                known[:] = [now]
                log().log(logging.INFO if now else logging.WARNING, "listening for changes" if now else "only polling")

        url = settings.database_direct_url or settings.database_url
        self._listening = Listening(url, heard, listens)
        self._listening.start()

    async def _count_reviews(self) -> None:
        # Values that processes share are kept in files: nothing can be asked when they are read.
        while True:
            waiting = await asyncio.get_running_loop().run_in_executor(self._threads, _waiting, self.store)
            self.metrics.reviews_open.set(waiting)
            await asyncio.sleep(_REVIEWS_EVERY)

    def handshake_failed(self, reason: str) -> None:
        """Counts a TLS handshake that failed, for one of handshakes.REASONS. On the loop's thread."""
        self.metrics.handshakes_refused.labels(reason).inc()
        self.server.handshake_failed(reason)

    async def drain(self) -> None:
        """Ends in good order; see RegistryServer.drain. What was queued for the disk is on it afterwards."""
        if self.enrollment is not None:
            await self.enrollment.drain()
        await self.server.drain()
        await self.close()

    async def close(self) -> None:
        """Lets everything go but the server, which has ended or never started."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._health.close()
        with suppress(StoreUnavailable):
            await self._unmapped.keep()
        await asyncio.get_running_loop().run_in_executor(None, self._close)

    def _close(self) -> None:
        self._threads.shutdown()
        self._looking.shutdown()
        self._reading.close()
        if self._listening is not None:
            self._listening.close()
        self._documents.shutdown()
        self._ring.close()
        self.store.close()
        if self._spans is not None:
            self._spans.close()
        if self._metrics_server is not None:
            self._metrics_server.close()


def _waiting(store: SqlStore) -> float:
    """Emergencies that wait for a review, asked whenever metrics are read: the number is all workers'."""
    try:
        return store.read(lambda reader: reader.openings_waiting())
    except StoreUnavailable:
        return math.nan


async def start(settings: Settings) -> Registry:
    """Builds and starts a registry. Raises SettingsError when anything is unsafe; nothing is open then."""
    if found := safety.problems(settings, datetime.datetime.now(datetime.UTC)):
        raise SettingsError(found)
    loop = asyncio.get_running_loop()
    store, ring, ledger = await loop.run_in_executor(None, _open, settings)
    try:
        registry = Registry(settings, store, ring, ledger, Metrics())
        ring.start()
    except BaseException:
        store.close()
        raise
    try:
        await registry.run()
    except BaseException:
        await registry.close()
        raise
    log().info("listening", extra={"address": f"{split_address(settings.listen)[0]}:{registry.port}"})
    return registry


def _span_export(settings: Settings) -> "SpanExport | None":
    if not settings.otlp_endpoint:
        return None
    try:
        from hutong_server.api.span_export import SpanExport
    except ImportError:
        raise SettingsError(["HUTONG_OTLP_ENDPOINT needs OpenTelemetry: pip install 'hutong[otel]'"]) from None
    return SpanExport(settings.otlp_endpoint, settings.registry_name)


def places(settings: Settings) -> dict[str, Path]:
    """Directories of ours whose disk must not fill up. Raises UnsafeSettings for a database that cannot be used."""
    found = {}
    target = database_of(settings.database_url)
    if target.get_backend_name() == "sqlite" and target.database:
        found["database"] = Path(target.database).absolute().parent
    if settings.ledger_export:
        found["ledger_export"] = Path(settings.ledger_export).absolute()
    return found


def _open(settings: Settings) -> tuple[SqlStore, KeyRing, MerkleLedger]:
    if is_new_file(settings.database_url) and (found := first_key_problems(settings)):
        raise SettingsError(found)
    try:
        prepare_schema(settings.database_url)
        ledger = open_ledger(settings.registry_name, settings.ledger_key, settings.ledger_export)
        store, ring = open_sealed(settings, now, pool_size=settings.pool_size, ledger=ledger)
        try:
            check_settled(store)
        except BaseException:
            store.close()
            raise
        return store, ring, ledger
    except (UnsafeSettings, StoreUnavailable) as error:
        raise SettingsError([f"HUTONG_DATABASE_URL: {error}"]) from None
    except OSError as error:
        raise SettingsError([f"HUTONG_LEDGER_EXPORT: {error.strerror}"]) from None


def make_operator_token(settings: Settings, institution: str, role: Role, hours: int) -> tuple[str, str]:
    """(one-time token, fingerprint of the root), made right in the database by who may read its keys.

    Raises SettingsError for unsafe settings, HutongError for an institution that cannot have one.
    """
    authority = authority_of(settings)
    if authority is None:
        raise SettingsError(["HUTONG_CA_DIRECTORY holds no authorities; make them with `hutong-server ca init`"])
    if found := safety.problems(settings, datetime.datetime.now(datetime.UTC)):
        raise SettingsError(found)
    store = _open(settings)[0]
    try:
        token = new_token()
        command = MakeToken(token_hash(token), institution, role, hours, needs_approval=False)
        operator = Caller(OPERATOR, Role.REGISTRY, "")
        store.submit(make_token(command, operator, now(), f"ca-{token_hash(token).hex()[:12]}")).result()
        return token, authority.anchor_fingerprint
    finally:
        store.close()


def prepare_schema(url: str) -> None:
    """Makes the schema of a new SQLite file. Raises SettingsError when any other database lacks migrations.

    A schema in use is changed by an operator who has a backup, not by a restart.
    """
    if is_new_file(url):
        migrate(url)
    elif pending := migrations_pending(url):
        raise SettingsError([f"the database lacks {len(pending)} migrations; run `hutong-server migrate`"])


def check_settled(store: SqlStore) -> None:
    """Raises SettingsError for a database that was put back from a backup and is not brought up to date."""
    last = store.read(lambda reader: reader.restoration())
    if last is not None and last.settled is None:
        raise SettingsError([UNSETTLED])


def database_problems(settings: Settings) -> list[str]:
    """What the database itself would refuse at a start. Makes nothing."""
    url = settings.database_url
    if is_new_file(url):
        return first_key_problems(settings)
    try:
        store = open_store(url, KeyedSealer(), pool_size=1)
        try:
            prepare_schema(url)
            check_settled(store)
        finally:
            store.close()
        check_keys(settings)
    except (UnsafeSettings, StoreUnavailable) as error:
        return [f"HUTONG_DATABASE_URL: {error}"]
    except SettingsError as error:
        return error.problems
    return []


def is_new_file(url: str) -> bool:
    """Whether the URL names a SQLite file that is not there yet, or is empty."""
    target = database_of(url)
    if target.get_backend_name() != "sqlite":
        return False
    file = Path(target.database or "")
    return not file.exists() or file.stat().st_size == 0


def _options(settings: Settings) -> ServerOptions:
    return ServerOptions(
        listen=settings.listen,
        credentials=server_certificates(settings).credentials(),
        registry_name=settings.registry_name,
        max_document_bytes=settings.max_message_bytes,
        limits=CallLimits(
            per_second=settings.calls_per_second,
            burst=settings.calls_burst,
            per_second_of=settings.rates,
            calls=settings.max_calls_per_institution,
            streams=settings.max_streams_per_institution,
            total=settings.max_concurrent_calls,
            target=settings.answer_target_seconds,
        ),
        connections=ConnectionLimits(
            streams=settings.max_streams_per_connection,
            pending=settings.max_pending_calls,
            keepalive=settings.keepalive_seconds,
            keepalive_timeout=settings.keepalive_timeout_seconds,
            idle=settings.connection_idle_seconds,
            age=settings.connection_age_seconds,
            grace=settings.connection_grace_seconds,
        ),
        default_deadline=settings.default_deadline_seconds,
        deadline_margin=settings.deadline_margin_seconds,
        drain=settings.drain_seconds,
        reuse_port=settings.reuse_port,
    )
