"""`serve --workers N`: several server processes behind one port (SO_REUSEPORT), watched by one that answers no call.

Each worker is a whole server. A worker that dies is started again; all are drained together; the metrics of all are
one page. A worker whose watcher is gone drains by itself, so that none is left behind.
"""

import asyncio
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from hutong_server.settings import Settings, SettingsError, split_address
from hutong_server.telemetry import MetricsServer, log

METRICS_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
"""Variable by which prometheus-client is told where processes share their values."""
_LONGEST_PAUSE = 30.0
"""Seconds before a worker that keeps dying is started once more."""
_STEADY = 60.0
"""Seconds after which a worker counts as well again."""
_START = 60.0
"""Seconds that a worker may take until it listens."""
_AFTER_DRAIN = 20.0
"""Seconds beyond the drain before a worker is killed."""


class Workers:
    """The watching process."""

    def __init__(self, settings: Settings, count: int, directory: Path) -> None:
        """`directory`: where the workers share the values of their metrics; its content is lost."""
        self._settings = settings
        self._count = count
        self._directory = directory
        self._sockets: list[socket.socket] = []
        self._environment = dict(os.environ)
        self._running: dict[int, asyncio.subprocess.Process] = {}
        self._stop = asyncio.Event()
        self._failed: SettingsError | None = None
        self._registry = CollectorRegistry()
        MultiProcessCollector(self._registry, path=str(directory))  # type: ignore[no-untyped-call]
        self._up = Gauge("hutong_workers", "Server processes that listen.", registry=self._registry)
        self._restarts = Counter("hutong_worker_restarts", "Workers started again.", registry=self._registry)
        self.port = self.enrollment_port = self.metrics_port = 0

    def stop(self) -> None:
        """Begins the drain of all."""
        self._stop.set()

    async def run(self, ready: Callable[[], None]) -> bool:
        """Runs until stop(); calls `ready` once all listen. Whether every worker ended in good order.

        Raises SettingsError when an address cannot be had, or no worker can start.
        """
        metrics = self._listen()
        try:
            # The first alone: it makes what a new database needs.
            await self._start(0)
            await asyncio.gather(*(self._start(number) for number in range(1, self._count)))
            ready()
            watching = [asyncio.ensure_future(self._watch(number)) for number in range(self._count)]
            await self._stop.wait()
            log().info("draining", extra={"count": len(self._running)})
            return all([await watch for watch in watching])
        finally:
            await self._end()
            for reserved in self._sockets:
                reserved.close()
            if metrics is not None:
                metrics.close()

    def _listen(self) -> MetricsServer | None:
        settings = self._settings
        self.port = self._reserve("HUTONG_LISTEN", settings.listen)
        self._environment |= {
            "HUTONG_LISTEN": _with_port(settings.listen, self.port),
            "HUTONG_REUSE_PORT": "true",
            "HUTONG_WORKERS": "1",
            "HUTONG_METRICS_LISTEN": "",
            METRICS_DIRECTORY: str(self._directory),
        }
        if settings.enrollment_listen:
            self.enrollment_port = self._reserve("HUTONG_ENROLLMENT_LISTEN", settings.enrollment_listen)
            self._environment["HUTONG_ENROLLMENT_LISTEN"] = _with_port(settings.enrollment_listen, self.enrollment_port)
        if settings.metrics_address is None:
            return None
        try:
            server = MetricsServer(self._registry, *settings.metrics_address)
        except OSError as error:
            raise SettingsError([f"HUTONG_METRICS_LISTEN: {error.strerror}"]) from None
        self.metrics_port = server.port
        return server

    def _reserve(self, variable: str, address: str) -> int:
        """Takes the port without listening: workers share it, others cannot have it. Returns its number."""
        host, port = split_address(address)
        try:
            family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            # Without sharing first: another registry's workers would share theirs with ours.
            with socket.socket(family, kind, protocol) as alone:
                alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                alone.bind(where)
            reserved = socket.socket(family, kind, protocol)
            self._sockets.append(reserved)
            reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            reserved.bind(where)
        except OSError:
            raise SettingsError([f"{variable}: the address is taken or cannot be listened on"]) from None
        number: int = reserved.getsockname()[1]
        return number

    async def _start(self, number: int) -> None:
        """Starts a worker and waits until it listens. Raises SettingsError when it ends before."""
        worker = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "hutong_server",
            "serve",
            "--watched",
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self._running[number] = worker
        said = b""
        if worker.stdout is not None:  # asked for above
            with suppress(TimeoutError):
                async with asyncio.timeout(_START):
                    said = await worker.stdout.readline()
        if not said.startswith(b"listening"):
            raise SettingsError([f"worker {number} did not start; its reason stands above"])
        self._up.set(len(self._running))

    async def _watch(self, number: int) -> bool:
        """Keeps one worker running until the drain. Whether it ended in good order then."""
        pause = 1.0
        while True:
            began = time.monotonic()
            worker = self._running[number]
            stopping = asyncio.ensure_future(self._stop.wait())
            ended = asyncio.ensure_future(worker.wait())
            await asyncio.wait((stopping, ended), return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if self._stop.is_set():
                return await self._drain(worker)
            self._buried(number, worker)
            log().error("worker ended", extra={"worker": number, "exit_status": worker.returncode})
            pause = 1.0 if time.monotonic() - began > _STEADY else pause
            while number not in self._running and not self._stop.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._stop.wait()
                    return False
                pause = min(pause * 2, _LONGEST_PAUSE)
                self._restarts.inc()
                try:
                    await self._start(number)
                    log().info("worker started again", extra={"worker": number})
                except SettingsError:
                    await self._kill(number)

    async def _drain(self, worker: asyncio.subprocess.Process) -> bool:
        with suppress(ProcessLookupError):
            worker.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(self._settings.drain_seconds + _AFTER_DRAIN):
                return await worker.wait() == 0
        except TimeoutError:
            return False

    async def _kill(self, number: int) -> None:
        worker = self._running[number]
        with suppress(ProcessLookupError):
            worker.kill()
        await worker.wait()
        self._buried(number, worker)

    async def _end(self) -> None:
        for number in list(self._running):
            await self._kill(number)

    def _buried(self, number: int, worker: asyncio.subprocess.Process) -> None:
        del self._running[number]
        # What it was at that moment no longer counts; what it had counted does.
        mark_process_dead(worker.pid, path=str(self._directory))  # type: ignore[no-untyped-call]
        self._up.set(len(self._running))


def _with_port(address: str, port: int) -> str:
    return f"{address.rpartition(':')[0]}:{port}"


async def watch(settings: Settings, count: int) -> bool:
    """Runs `count` workers until SIGTERM or SIGINT. Whether all ended in good order. Raises SettingsError."""
    loop = asyncio.get_running_loop()
    with tempfile.TemporaryDirectory(prefix="hutong-metrics-") as directory:
        workers = Workers(settings, count, Path(directory))
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, workers.stop)

        def ready() -> None:
            line = f"listening on port {workers.port}, metrics on {workers.metrics_port or 'none'}"
            print(f"{line}, enrolment on {workers.enrollment_port}" if workers.enrollment_port else line, flush=True)

        return await workers.run(ready)
