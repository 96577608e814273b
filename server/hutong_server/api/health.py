"""gRPC health: every service serves while the database answers, and none once the server drains.

The service of prompts does not while the database was put back from a backup and is not settled: nothing is reusable
then (usecases/replay.py).
"""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from grpc_health.v1 import health_pb2
from grpc_health.v1.health import aio

from hutong_server.store.base import Reader, Store
from hutong_server.telemetry import Metrics, log, where

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
PROMPTS: Final = "hutong.v1.ReuseService"


TIME: Final = "hutong-time"
"""Metadata of an answer to Check: this server's time, milliseconds since 1970, for a caller's look at its own."""


class _Servicer(aio.HealthServicer):  # type: ignore[misc]  # the library ships no types
    async def Check(self, request: Any, context: Any) -> Any:
        await context.send_initial_metadata(((TIME, str(time.time_ns() // 1_000_000)),))
        return await super().Check(request, context)


class Health:
    """Asks the database again and again, and tells."""

    def __init__(self, store: Store, services: tuple[str, ...], metrics: Metrics, interval: float) -> None:
        """`interval` in seconds: between questions, and the longest that an answer may take."""
        self.servicer: Any = _Servicer()
        self._store = store
        self._services = ("", *services)
        self._metrics = metrics
        self._interval = interval
        self._serving: bool | None = None
        self._settled = self._told_settled = True
        self._asked: asyncio.Future[None] | None = None
        # A thread of its own: a database that hangs must not eat the calls' threads, nor busy ones hide that it does.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hutong-health")

    async def look(self) -> None:
        """One look at the database."""
        await self._tell(await self._answers())

    async def watch(self) -> None:
        """Looks for ever."""
        while True:
            await asyncio.sleep(self._interval)
            await self.look()

    async def drain(self) -> None:
        """From now on nothing serves."""
        self._metrics.serving.set(0)
        await self.servicer.enter_graceful_shutdown()

    def close(self) -> None:
        """Lets the thread go; one that hangs in the database is left behind."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _answers(self) -> bool:
        if self._asked is None or self._asked.done():
            self._asked = asyncio.get_running_loop().run_in_executor(self._thread, self._ping)
        try:
            # Shielded: a question that hangs is still out, and no second one is put behind it.
            async with asyncio.timeout(self._interval):
                await asyncio.shield(self._asked)
        except Exception as error:  # whatever it is, the database does not answer
            if self._serving is not False:
                log().error(
                    "database does not answer", extra={"error_type": type(error).__name__, "error_at": where(error)}
                )
            return False
        return True

    def _ping(self) -> None:
        def look(reader: Reader) -> bool:
            reader.ping()
            last = reader.restoration()
            return last is None or last.settled is not None

        self._settled = self._store.read(look)

    async def _tell(self, serving: bool) -> None:
        if (serving, self._settled) == (self._serving, self._told_settled):
            return
        self._serving, self._told_settled = serving, self._settled
        self._metrics.serving.set(int(serving))
        for service in self._services:
            good = serving and (self._told_settled or service != PROMPTS)
            await self.servicer.set(service, SERVING if good else NOT_SERVING)
        log().info("serving" if serving else "not serving")
        if not self._told_settled:
            log().error("restored and not settled: nothing is reusable")
