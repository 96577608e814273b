"""Doctors and laboratories that do not stop calling while something breaks, and what became of their calls.

What they say at the end: each call ended within its deadline, as what it was and not as a fault of ours; everything
acknowledged is there, once; and afterwards calls were answered again without anybody's doing.
"""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from hutong.v1 import registry_service_pb2, reuse_service_pb2
from hutong_client.clients import HutongClient
from hutong_client.errors import DeadlineExceeded, HutongCallError, Unavailable

from tests.api.documents import context, encoded, lab_report, person, question
from tests.api.site import Material

DEADLINE = 1.2
"""Seconds: less than the two of a doctor, so that what stops need not stop for long."""
PATIENT = 10.0
"""Seconds: of callers who are to notice nothing, however busy the machine of the tests is."""
SLACK = 2.5
"""Seconds beyond it before an answer counts as late: the machine of the tests may be busy with other tests."""
PATIENTS = 3
RECOVERY = 30.0
"""Seconds within which calls must be answered again."""
CLEAN = (Unavailable, DeadlineExceeded)
_KEPT = (
    registry_service_pb2.PUBLISH_OUTCOME_ACCEPTED,
    registry_service_pb2.PUBLISH_OUTCOME_ACCEPTED_WITH_WARNINGS,
)
_people = itertools.count(100)
"""No load asks for another's patients."""
_loads = itertools.count(1)


def connect(material: Material, port: int, institution: str, role: str, deadline: float = DEADLINE) -> HutongClient:
    """The client that a vendor installs."""
    certificate, key = material.authority.client(institution, role)
    ca = material.authority.certificate_file
    return HutongClient.connect(f"localhost:{port}", ca=ca, certificate=certificate, key=key, deadline=deadline)


class Load:
    """Two doctors and two laboratories. Use `under_load`."""

    def __init__(self, material: Material, port: int, deadline: float) -> None:
        self._deadline = deadline
        self._doctor = connect(material, port, "H2", "emr", deadline)
        self._lab = connect(material, port, "H1", "feed")
        self._patients = [person(next(_people)) for _ in range(PATIENTS)]
        self._name = f"load-{next(_loads)}"
        self._documents = itertools.count()
        self._openings = itertools.count()
        self._stopped = False
        self.charts = 0
        """Answered."""
        self.acknowledged: list[str] = []
        self.chart_failures: Counter[str] = Counter()
        self.publish_failures: Counter[str] = Counter()
        self.slowest = 0.0
        """Seconds of the call that took longest."""
        self.wrong: Counter[str] = Counter()
        """What must never be: late, unclean, empty."""

    @property
    def failures(self) -> int:
        """Calls that were not answered."""
        return self.chart_failures.total() + self.publish_failures.total()

    async def run(self) -> None:
        """Until stop()."""
        try:
            await asyncio.gather(self._look(), self._look(), self._publish(), self._publish())
        finally:
            await self._doctor.close()
            await self._lab.close()

    def stop(self) -> None:
        """Lets each finish the call that it is in."""
        self._stopped = True

    async def answered(self, charts: int = 5, publishes: int = 5, within: float = RECOVERY) -> float:
        """Waits until so many more calls were answered; seconds that it took. AssertionError when they are not."""
        began = time.monotonic()
        more = self.charts + charts, len(self.acknowledged) + publishes
        await self.until(lambda: self.charts >= more[0] and len(self.acknowledged) >= more[1], within)
        return time.monotonic() - began

    async def until(self, what: Callable[[], bool], within: float = RECOVERY) -> None:
        """Waits for something. AssertionError when it does not come."""
        end = time.monotonic() + within
        while not what():
            assert time.monotonic() < end, f"not within {within:.0f} s; {self.told()}"
            await asyncio.sleep(0.02)

    def told(self) -> str:
        """For people."""
        return (
            f"{self.charts} charts, {len(self.acknowledged)} reports; "
            f"failed: {dict(self.chart_failures)}, {dict(self.publish_failures)}; "
            f"slowest: {self.slowest:.1f} s; wrong: {dict(self.wrong)}"
        )

    async def everything_is_there(self, material: Material, port: int) -> None:
        """Every acknowledged report is listed, once, in its first version."""
        async with connect(material, port, "H2", "emr", deadline=20) as client:
            found = Counter(
                [
                    entry.conclusion
                    for patient in self._patients
                    async for page in client.list_reports(question(patient), context(), page_size=100)
                    for entry in page.reports
                    if entry.version == 1
                ]
            )
        assert set(self.acknowledged) <= set(found), "acknowledged reports are missing"
        assert set(found.values()) == {1}, "reports are there twice"

    async def _look(self) -> None:
        while not self._stopped:
            number = next(self._openings)
            patient = self._patients[number % PATIENTS]
            began = time.monotonic()
            known = len(self.acknowledged) > 4 * PATIENTS
            try:
                answer = await self._doctor.open_chart(
                    question(patient), context(), request_id=f"{self._name}-{number}"
                )
            except HutongCallError as error:
                self._failed("chart", self.chart_failures, error)
            else:
                self.charts += 1
                if known and answer.outcome != reuse_service_pb2.OUTCOME_FOUND:
                    self.wrong[f"a chart without results: {answer.outcome}"] += 1
            self._timed("chart", began)
            await asyncio.sleep(0.05)

    async def _publish(self) -> None:
        while not self._stopped:
            number = next(self._documents)
            name = f"{self._name}-{number}"
            days = 0.5 + number / 10_000
            content = encoded(lab_report(name, self._patients[number % PATIENTS], conclusion=name, days_ago=days))
            # What was not acknowledged is sent again, as it is.
            while not self._stopped:
                began = time.monotonic()
                try:
                    (result,) = (await self._lab.publish(content, deadline=self._deadline)).results
                except HutongCallError as error:
                    self._failed("publish", self.publish_failures, error)
                    await asyncio.sleep(0.05)
                    continue
                finally:
                    self._timed("publish", began)
                if result.outcome not in _KEPT:
                    self.wrong[f"a publish: {result.outcome}"] += 1
                self.acknowledged.append(name)
                break
            await asyncio.sleep(0.05)

    def _failed(self, what: str, failures: "Counter[str]", error: HutongCallError) -> None:
        failures[error.reason] += 1
        if not isinstance(error, CLEAN):
            self.wrong[f"a {what}: {error.reason}"] += 1

    def _timed(self, what: str, began: float) -> None:
        took = time.monotonic() - began
        self.slowest = max(self.slowest, took)
        if took > self._deadline + SLACK:
            self.wrong[f"a {what} took {took:.1f} s"] += 1


@asynccontextmanager
async def under_load(material: Material, port: int, deadline: float = DEADLINE) -> AsyncIterator[Load]:
    """A load that runs, is answered before and after what is done to the registry, and says what must hold then."""
    load = Load(material, port, deadline)
    running = asyncio.ensure_future(load.run())
    try:
        await load.answered(charts=10, publishes=4 * PATIENTS + 5)
        yield load
        await load.answered()
        load.stop()
        await running
    finally:
        load.stop()
        await asyncio.gather(running, return_exceptions=True)
    print(load.told())
    assert not load.wrong, load.wrong
    await load.everything_is_there(material, port)
