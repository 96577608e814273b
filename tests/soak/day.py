"""What a city does in a day: visits with charts, orders, retrievals and decisions, publishes, notices; and in between
renewed certificates, plug-ins that are started anew, rules that are imported, statistics that are asked for."""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from itertools import count
from typing import Any

from hutong_client import (
    RESIDENT_NUMBER,
    Document,
    HutongClient,
    call_context,
    decision,
    order,
    patient_query,
    statistics_filter,
)
from hutong_client.errors import HutongCallError

from tests.api.documents import encoded, lab_report
from tests.building import RESIDENT, resident_number
from tests.soak.curve import share
from tests.soak.premises import INSTITUTIONS, Premises, rules
from tests.soak.watch import Watch

KNOWN = 4000
"""People who have results when the day begins: so many that hardly one comes twice, and that a chart at the end of the
day has as much to tell as one at its beginning."""
TODAY = 400
"""Of those who came today, the last so many are remembered beside them."""
ITEMS = {"LAB-K": "2823-3", "LAB-NA": "2951-2"}
ORDERS, RETRIEVALS, DECISIONS, PUBLISHES = 0.6, 0.3, 0.3, 0.57
"""Of each visit."""


def _today() -> Any:
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    return statistics_filter(day, day)


class Person:
    """Somebody made, with one report of an institution for each of two items."""

    def __init__(self, serial: int) -> None:
        self.birth = f"{1930 + serial // 900 % 80}-0{1 + serial // 72000 % 9}-12"
        self.number = resident_number(serial % 900 + 1, self.birth.replace("-", ""))
        self.serial = serial
        self.issuers = [INSTITUTIONS[(serial + step) % len(INSTITUTIONS)] for step in (0, 3)]

    def report(self, which: int, value: str) -> bytes:
        """A version of one of the reports."""
        patient = {
            "resourceType": "Patient",
            "id": "p",
            "identifier": [{"system": RESIDENT, "value": self.number}],
            "name": [{"text": "张三"}],
            "gender": "male",
            "birthDate": self.birth,
        }
        code = [*ITEMS.values()][which]
        return encoded(lab_report(f"{self.serial}-{which}", patient, value=value, code=code, days_ago=0.01 + which))

    @property
    def query(self) -> Any:
        return patient_query([(RESIDENT_NUMBER, self.number)], birth_date=self.birth, name="张三", sex="male")


class City:
    """The institutions of a registry, with a plug-in and a feed each."""

    def __init__(self, premises: Premises, watch: Watch, seed: int) -> None:
        self._premises, self._watch = premises, watch
        self._chance = random.Random(seed)  # noqa: S311  a draw of visits, no secret
        self._plugins: dict[str, HutongClient] = {}
        self._feeds: dict[str, HutongClient] = {}
        self._files: dict[str, Any] = {}
        self._listening: dict[str, asyncio.Task[None]] = {}
        self._working: set[asyncio.Task[None]] = set()
        self._serials, self._numbers = count(KNOWN), count()
        self._known = [Person(serial) for serial in range(KNOWN)]
        self._today: deque[Person] = deque(maxlen=TODAY)
        self._admin: HutongClient

    async def open(self) -> None:
        """Rules, institutions, certificates, and what is known when the day begins."""
        self._admin = await self._premises.administrator()
        await self._admin.admin.import_catalog(rules(7), comment="soak")
        for code in INSTITUTIONS:
            for role, clients in (("emr", self._plugins), ("feed", self._feeds)):
                token = (await self._admin.admin.create_enrollment_token(code, role)).token
                files = await self._premises.enrolled(token, f"{code}.{role}")
                clients[code] = self._premises.client(files, deadline=20)
                self._files[f"{code}.{role}"] = files
            self._listening[code] = asyncio.ensure_future(self._listen(code))
        for code in INSTITUTIONS:
            documents = (
                Document(person.report(which, "4.10"), str(person.serial))
                for person in self._known
                for which, issuer in enumerate(person.issuers)
                if issuer == code
            )
            async for _ in self._feeds[code].publish_stream(documents, feed="lis"):
                pass

    async def visits(self, peak: float, seconds: float, at: Callable[[float], float] = share) -> None:
        """Visits for so long, `peak` a second at most; each begins when it is due, whatever became of those before."""
        begun = self._watch.now
        due = begun
        while due < begun + seconds:
            due += self._chance.expovariate(peak * at((due - begun) / seconds))
            await asyncio.sleep(max(0.0, due - self._watch.now))
            self._begin(self._visit(due))

    async def operate(self, hour: float) -> None:
        """What happens now and then, for ever: all of it once an hour, at the same minutes, one institution after the
        other."""
        for number in count():
            code = INSTITUTIONS[number % len(INSTITUTIONS)]
            begins = number * hour
            await self._until(begins)
            await self._try("renewal", self._renew(code))
            await self._until(begins + hour / 4)
            await self._try("restart", self._restart(code))
            await self._until(begins + hour / 2)
            await self._try("rules", self._admin.admin.import_catalog(rules(7 + number % 2), comment="soak"))
            await self._until(begins + hour * 3 / 4)
            await self._try("statistics", self._admin.statistics.counts(_today(), by=["item"]))
            await self._try("checkpoints", self._admin.audit.checkpoints())

    async def _until(self, moment: float) -> None:
        """Of the day; a moment that is over is not waited for."""
        await asyncio.sleep(max(0.0, moment - self._watch.now))

    async def close(self) -> None:
        """Lets what is under way end, and ends the rest."""
        if self._working:
            await asyncio.wait(self._working, timeout=30)
        for task in self._listening.values():
            task.cancel()
        await asyncio.gather(*self._listening.values(), return_exceptions=True)
        for client in (*self._plugins.values(), *self._feeds.values(), self._admin):
            await client.close()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _visit(self, due: float) -> None:
        chance = self._chance
        code = chance.choice(INSTITUTIONS)
        client, person = self._plugins[code], chance.choice(chance.choice([self._known, self._today or self._known]))
        context = call_context(practitioner="D1", encounter=f"E{next(self._numbers)}", department="内科")
        opened = await self._call("chart", due, client.open_chart(person.query, context))
        if opened is None:
            return
        if chance.random() < ORDERS:
            orders = [order(item, [("http://loinc.org", code)], specimen="血清") for item, code in ITEMS.items()]
            await self._call("orders", None, client.check_orders(person.query, context, orders))
        lines = list(opened.lines)
        if lines and chance.random() < RETRIEVALS:
            await self._call("report", None, client.get_report(lines[0].result.report_id, context))
        if lines and chance.random() < DECISIONS:
            item = lines[0].result.item.code
            made = decision(opened.prompt_id, item, "recognized", decided_at=datetime.now(UTC))
            await self._call("decision", None, client.record_decisions(context, [made]))
        if chance.random() < PUBLISHES:
            await self._publish()

    async def _publish(self) -> None:
        """A new patient's reports, or what corrects a known one's."""
        chance, which = self._chance, self._chance.randrange(2)
        person = chance.choice(self._known) if chance.random() < 0.3 else Person(next(self._serials))
        document = person.report(which, f"4.{chance.randrange(10, 99)}")
        await self._call("publish", None, self._feeds[person.issuers[which]].publish(document))
        if person.serial >= KNOWN:
            self._today.append(person)

    async def _call(self, kind: str, due: float | None, call: Awaitable[Any]) -> Any:
        due = self._watch.now if due is None else due
        try:
            answer = await call
        except HutongCallError as error:
            self._watch.failed[f"{kind}: {error.reason}"] += 1
            return None
        self._watch.answered(due, kind)
        return answer

    async def _try(self, kind: str, work: Awaitable[Any]) -> None:
        try:
            await work
        except HutongCallError as error:
            self._watch.failed[f"{kind}: {error.reason}"] += 1
        else:
            self._watch.done[kind] += 1

    async def _renew(self, code: str) -> None:
        for client in (self._plugins[code], self._feeds[code]):
            assert client.renewal is not None
            if not await client.renewal.attempt():
                self._watch.failed[f"renewal: {type(client.renewal.failure).__name__}"] += 1

    async def _restart(self, code: str) -> None:
        """The plug-in's computer is started anew: another connection, and notices from the beginning."""
        former, self._plugins[code] = (
            self._plugins[code],
            self._premises.client(self._files[f"{code}.emr"], deadline=20),
        )
        self._listening[code].cancel()
        await asyncio.gather(self._listening[code], return_exceptions=True)
        self._listening[code] = asyncio.ensure_future(self._listen(code))
        await asyncio.sleep(2)
        await former.close()

    async def _listen(self, code: str) -> None:
        client, context = self._plugins[code], call_context(practitioner="plug-in", encounter="notices")
        async for notice in client.watch_notices(context):
            await self._call("notice", None, client.acknowledge_notice(context, notice.notice_id))
