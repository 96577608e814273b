"""Doctors, laboratories and listeners that go on calling as the project's own client has them call.

Nothing is called again here: what fails, failed for whoever uses the client. What was acknowledged is kept by name.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from hutong.v1 import reuse_service_pb2 as reuse
from hutong_client import Document, HutongClient, decision, order
from hutong_client.errors import HutongCallError

from tests.api.documents import context, encoded, lab_report, person, question
from tests.api.site import Material

PATIENTS = 20
SERIALS = 100
"""Serial numbers of persons that one load may use."""


def connect(material: Material, registry: str, institution: str, role: str, **more: Any) -> HutongClient:
    """A client as an EMR vendor makes it."""
    certificate, key = material.authority.client(institution, role)
    ca = material.authority.certificate_file
    return HutongClient.connect(registry, ca=ca, certificate=certificate, key=key, **more)


class SteadyLoad:
    """Charts, orders, reports, decisions, publishes and streams over one address, while its context is entered."""

    def __init__(self, name: str, doctor: HutongClient, feed: HutongClient, first_serial: int) -> None:
        """`first_serial`: of its patients; nobody else may ask about them. Closes the clients at the end."""
        self.name = name
        self.phase = "before"
        """What is going on; stands before each failure."""
        self.failed: list[str] = []
        self.answered = 0
        self.acknowledged: list[str] = []
        """Names of the reports that were published alone."""
        self.streamed: list[str] = []
        """Names of those that were published in the stream, in the order of their answers."""
        self.patients = [person(first_serial + number) for number in range(PATIENTS)]
        self._another = person(first_serial + PATIENTS)
        self._doctor = doctor
        self._feed = feed
        self._told: set[str] = set()
        self._number = 0
        self._going = True
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "SteadyLoad":
        for patient in self.patients:
            await self._publish(patient)
        calls = (
            self._again(0.15, "chart", self._open),
            self._again(0.3, "orders", self._sign),
            self._again(0.3, "publish", lambda: self._publish(self._patient())),
            self._guarded("stream", self._stream()),
        )
        self._tasks = [asyncio.ensure_future(each) for each in (self._guarded("notices", self._listen()), *calls)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._going = False
        listening, *calls = self._tasks
        try:
            async with asyncio.timeout(30):
                await asyncio.gather(*calls)
        except TimeoutError:
            self._failed("the end", "what was begun does not end")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(listening, *calls, return_exceptions=True)
        await self._doctor.close()
        await self._feed.close()

    async def rush(self, count: int) -> None:
        """So many charts at once."""
        await asyncio.gather(*(self._counted("rush", self._open) for _ in range(count)))

    @asynccontextmanager
    async def hurry(self, callers: int) -> AsyncIterator[None]:
        """So many charts more at any time, without a pause between them."""
        hurrying = True

        async def call() -> None:
            while hurrying:
                await self._counted("hurry", self._open)

        tasks = [asyncio.ensure_future(call()) for _ in range(callers)]
        yield
        hurrying = False
        await asyncio.gather(*tasks)

    async def is_told(self) -> bool:
        """Whether a doctor who relied on a report that is withdrawn now hears of it within 10 s."""
        name, visit = self._name("relied"), context(encounter=self._name("visit"))
        await self._feed.publish(encoded(lab_report(name, self._another)))
        line = (await self._doctor.open_chart(question(self._another), visit)).lines[0].result
        await self._doctor.get_report(line.report_id, visit)
        await self._feed.publish(encoded(lab_report(name, self._another, status="entered-in-error")))
        for _ in range(200):
            if visit.encounter in self._told:
                return True
            await asyncio.sleep(0.05)
        return False

    async def _again(self, period: float, what: str, call: Callable[[], Awaitable[None]]) -> None:
        loop = asyncio.get_running_loop()
        while self._going:
            due = loop.time() + period
            await self._counted(what, call)
            await asyncio.sleep(max(0.0, due - loop.time()))

    async def _counted(self, what: str, call: Callable[[], Awaitable[None]]) -> None:
        try:
            await call()
            self.answered += 1
        except (HutongCallError, AssertionError) as error:
            self._failed(what, repr(error))

    async def _guarded(self, what: str, call: Awaitable[None]) -> None:
        try:
            await call
        except (HutongCallError, AssertionError) as error:
            self._failed(what, repr(error))

    def _failed(self, what: str, how: str) -> None:
        self.failed.append(f"{self.phase}: {what}: {how}")

    def _name(self, kind: str) -> str:
        self._number += 1
        return f"{self.name}-{kind}-{self._number:05d}"

    def _patient(self) -> dict[str, Any]:
        self._number += 1
        return self.patients[self._number % PATIENTS]

    async def _open(self) -> None:
        """A chart is opened, the report that it offers is read, and the doctor takes it."""
        visit = context(encounter=self._name("visit"))
        answer = await self._doctor.open_chart(question(self._patient()), visit)
        assert answer.outcome == reuse.OUTCOME_FOUND
        offered = answer.lines[0].result
        await self._doctor.get_report(offered.report_id, visit, prompt_id=answer.prompt_id)
        taken = decision(answer.prompt_id, offered.item.code, "recognized", decided_at=datetime.now(UTC))
        await self._doctor.record_decisions(visit, [taken])

    async def _sign(self) -> None:
        visit = context(encounter=self._name("signed"))
        answer = await self._doctor.check_orders(question(self._patient()), visit, [order("1", item="LAB-K")])
        assert answer.outcome == reuse.OUTCOME_FOUND

    async def _publish(self, patient: dict[str, Any]) -> None:
        name = self._name("alone")
        await self._feed.publish(encoded(lab_report(name, patient, conclusion=name)))
        self.acknowledged.append(name)

    async def _stream(self) -> None:
        async def documents() -> AsyncIterator[Document]:
            while self._going:
                name = self._name("streamed")
                yield Document(encoded(lab_report(name, self._patient(), conclusion=name)), name)
                await asyncio.sleep(0.3)

        async for published in self._feed.publish_stream(documents(), feed=self.name):
            self.streamed.append(published.document.position)

    async def _listen(self) -> None:
        async for notice in self._doctor.watch_notices(context()):
            self._told.add(notice.encounter)
