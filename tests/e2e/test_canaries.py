"""Nothing of a patient is found in the database's files, the logs, the metrics, the exports and the refusals of a run
that took everything in, answered everything, and was administered in every way.
"""

import asyncio
import base64
import dataclasses
import urllib.request
import zlib
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import grpc
import pytest
from hutong.v1 import (
    consent_service_pb2,
    consent_service_pb2_grpc,
    patient_service_pb2,
    registry_service_pb2,
    reuse_service_pb2,
)
from hutong_server.store.migrations import migrate

from tests.api.documents import CATALOG, context, encoded, lab_report, publish, question
from tests.api.process import ServerProcess, run
from tests.api.site import Material, Site, refusal_of, rest_of
from tests.building import RESIDENT, resident_number
from tests.e2e import canaries
from tests.e2e.canaries import Canaries, leaks
from tests.postgresql import NoPostgresql, PostgresqlServer

SERIALS = count(1)


@dataclasses.dataclass
class Place:
    """A database of its own, and where its files are."""

    url: str
    directories: tuple[Path, ...]
    postgresql: PostgresqlServer | None = None

    def written(self) -> None:
        """Everything is in the files that are searched."""
        if self.postgresql is not None:
            self.postgresql.execute("CHECKPOINT")


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "sqlite":
        yield Place(f"sqlite:///{tmp_path}/db/hutong.db", (tmp_path / "db",))
        return
    try:
        server = PostgresqlServer()
    except NoPostgresql as error:
        pytest.skip(str(error))
    url = server.url(server.create())
    migrate(url)
    yield Place(url, (server.directory,), server)
    server.stop()


class Run:
    """Everything that can be done, and what was said in refusal."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.made = Canaries()
        self.refusals: list[str] = []
        self.answers = ""

    async def call(self, call: Any) -> Any:
        """The answer, kept as text; None for a refusal, kept too."""
        try:
            answer = await call
        except grpc.aio.AioRpcError as error:
            self.refusals.append(f"{refusal_of(error).everything}")
            return None
        self.answers += _text(answer)
        return answer

    def context(self) -> reuse_service_pb2.CallContext:
        return context(
            practitioner=self.made.word("practitioner"),
            encounter=self.made.word("encounter"),
            # By department is counted; it says nothing of a patient, and stands in clear.
            department="内科",
        )

    def patient(self) -> dict[str, Any]:
        resident = resident_number(next(SERIALS), canaries.BORN)
        return canaries.patient(self.made, resident, RESIDENT)

    async def publish(self, document: bytes, institution: str = "H1", **more: Any) -> Any:
        return await self.call(self.site.publishing(institution).PublishReport(publish(document, **more), timeout=20))

    def report(self, patient: dict[str, Any], release: str = "R4", **more: Any) -> dict[str, Any]:
        return canaries.enriched(lab_report("x", patient, **more), self.made, release)

    async def whole(self) -> None:
        """Publishes, asks and administers."""
        patient = self.patient()
        kept = 0
        for release in ("R4", "R5"):
            for days in (1, 3):
                wire = registry_service_pb2.FHIR_RELEASE_R4 if release == "R4" else registry_service_pb2.FHIR_RELEASE_R5
                document = encoded(self.report(patient, release, days_ago=days))
                answer = await self.publish(document, release=wire)
                kept += bool(answer)
        assert kept == 4, self.refusals
        await self._versions(patient)
        await self._stream(patient)
        await self._ask(patient)
        await self._administer()
        await self._consent(patient)
        await self._bad(patient)

    async def _versions(self, patient: dict[str, Any]) -> None:
        """One that is corrected and then withdrawn, one that moves to another patient, one that is only checked."""
        first = self.report(patient)
        await self.publish(encoded(first))
        await self.publish(encoded(first | {"status": "corrected", "conclusion": self.made.word("corrected")}))
        await self.publish(encoded(first | {"status": "entered-in-error"}))
        await self.publish(encoded(self.report(self.patient())), validate_only=True)
        await self.publish(encoded(self.report(patient)), institution="H2")

    async def _stream(self, patient: dict[str, Any]) -> None:
        """A feed, with a document in the middle that is refused."""
        documents = [encoded(self.report(patient)), self.made.word("stream").encode(), encoded(self.report(patient))]
        requests = [
            registry_service_pb2.PublishReportsRequest(feed="lis", position=f"{number}", report=publish(document))
            for number, document in enumerate(documents)
        ]
        stream = self.site.publishing("H1").PublishReports(iter(requests), timeout=20)
        answers: list[registry_service_pb2.PublishReportsResponse] = []
        await rest_of(stream, answers)
        self.refusals += [f"{issue}" for answer in answers for issue in answer.issues]
        assert len(answers) == len(documents)

    async def _ask(self, patient: dict[str, Any]) -> None:
        asking = self.site.asking("H2")
        chart = reuse_service_pb2.OpenChartRequest(
            request_id="c1", patient=question(patient), context=self.context(), include_not_reusable=True
        )
        answer = await self.call(asking.OpenChart(chart, timeout=20))
        assert answer is not None, self.refusals
        assert answer.lines
        await self._order(patient, answer)
        await self._decide(answer)
        listed = await self.call(_pages(asking, patient, self.context()))
        assert listed, self.refusals
        for report_id in listed:
            ask = reuse_service_pb2.GetReportRequest(
                report_id=report_id, context=self.context(), prompt_id=answer.prompt_id
            )
            await self.call(asking.GetReport(ask, timeout=20))
        # Nobody knows this one; and a hospital asks with a role that may not.
        chart.patient.CopyFrom(question(self.patient()))
        await self.call(asking.OpenChart(chart, timeout=20))
        await self.call(self.site.asking("H2", "feed").OpenChart(chart, timeout=20))
        chart.context.practitioner = ""
        await self.call(asking.OpenChart(chart, timeout=20))

    async def _order(self, patient: dict[str, Any], chart: reuse_service_pb2.OpenChartResponse) -> None:
        """Orders what is there, and in words that lead nowhere; then without an order."""
        asking = self.site.asking("H2")
        request = reuse_service_pb2.CheckOrdersRequest(
            request_id=self.made.word("CheckOrders.request_id"),
            patient=question(patient),
            context=self.context(),
            explain=True,
        )
        request.orders.add(order_id=self.made.word("Order.order_id"), item=chart.lines[0].result.item.code)
        worded = request.orders.add(order_id=self.made.word("Order.order_id 2"))
        for part in ("code", "body_site", "method", "specimen"):
            getattr(worded, part).text = self.made.word(f"Order.{part}")
        answer = await self.call(asking.CheckOrders(request, timeout=20))
        assert answer is not None, self.refusals
        assert [each.coverage for each in answer.answers] == [1, 4]
        assert answer.answers[0].items[0].line.result.trace
        worded.item = self.made.word("Order.item") * 40
        worded.order_id = request.orders[0].order_id
        await self.call(asking.CheckOrders(request, timeout=20))

    async def _decide(self, chart: reuse_service_pb2.OpenChartResponse) -> None:
        """Recognises, contradicts itself, takes it back, and tells what was on screen."""
        asking = self.site.asking("H2")
        request = reuse_service_pb2.RecordDecisionsRequest(context=self.context())
        for kind in ("RECOGNIZED", "REPEATED", "REVOKED", "UNSPECIFIED"):
            request.decisions.add(
                prompt_id=chart.prompt_id if kind != "UNSPECIFIED" else self.made.word("Decision.prompt_id"),
                item=chart.lines[0].result.item.code,
                kind=f"DECISION_KIND_{kind}",
                ground="4" if kind == "REPEATED" else "",
                text=self.made.word("Decision.text"),
                decided_at=chart.judged_at,
            )
        answer = await self.call(asking.RecordDecisions(request, timeout=20))
        assert answer is not None, self.refusals
        assert [each.outcome for each in answer.results] == [1, 3, 1, 4]
        self.refusals.append(f"{answer.results[-1]}")
        await self.call(asking.RecordDecisions(request, timeout=20))
        events = reuse_service_pb2.ReportPromptEventsRequest()
        for item in (chart.lines[0].result.item.code, self.made.word("PromptEvent.item")):
            events.events.add(prompt_id=chart.prompt_id, item=item, kind="PROMPT_EVENT_KIND_CITED", at=chart.judged_at)
        reported = await self.call(asking.ReportPromptEvents(events, timeout=20))
        assert (reported.recorded, len(reported.faults)) == (1, 1)
        self.refusals.append(f"{reported.faults}")

    async def _administer(self) -> None:
        """Reports that are held, placed, linked, parted, and all of it undone."""
        admin = self.site.patients()
        nameless = self.patient()
        for name in ("identifier", "name", "birthDate", "gender"):
            waiting = {key: value for key, value in nameless.items() if key != name}
            await self.publish(encoded(self.report(waiting)))
        bare = {"resourceType": "Patient", "id": "p", "name": [{"text": self.made.han("held name")}]}
        await self.publish(encoded(self.report(bare)))
        held = await self.call(admin.ListHeldReports(patient_service_pb2.ListHeldReportsRequest(), timeout=20))
        assert held is not None
        assert held.held
        shown = await self.call(
            admin.ShowPatient(
                patient_service_pb2.ShowPatientRequest(identifier=question(nameless).identifiers[0]), timeout=20
            )
        )
        records = [each.record for person in shown.persons for each in person.records] if shown else []
        for number, each in enumerate(held.held):
            place = patient_service_pb2.PlaceHeldReportRequest(
                held=each.held,
                record=records[0] if records and number == 0 else "",
                reason=self.made.word("PlaceHeldReport.reason"),
            )
            placed = await self.call(admin.PlaceHeldReport(place, timeout=20))
            if placed is not None:
                undo = patient_service_pb2.UndoPatientStepRequest(
                    step=placed.step.step, reason=self.made.word("UndoPatientStep.reason")
                )
                await self.call(admin.UndoPatientStep(undo, timeout=20))
        wrong = patient_service_pb2.PlaceHeldReportRequest(
            held=self.made.word("wrong id"), reason=self.made.word("wrong reason")
        )
        await self.call(admin.PlaceHeldReport(wrong, timeout=20))

    async def _consent(self, patient: dict[str, Any]) -> None:
        stub = consent_service_pb2_grpc.ConsentServiceStub(self.site.channel("H2", "emr"))
        directive = consent_service_pb2.Directive(effect=1, scope=1)
        before = len(self.refusals)
        put = consent_service_pb2.PutDirectiveRequest(
            request_id="d1", patient=question(patient), context=self.context(), directive=directive
        )
        await self.call(stub.PutDirective(put, timeout=20))
        broken = self.context()
        broken.purpose = reuse_service_pb2.PURPOSE_EMERGENCY
        broken.break_glass_reason = self.made.word("break_glass_reason")
        chart = reuse_service_pb2.OpenChartRequest(request_id="c2", patient=question(patient), context=broken)
        await self.call(self.site.asking("H2").OpenChart(chart, timeout=20))
        reviewing = consent_service_pb2_grpc.ConsentServiceStub(self.site.channel("registry", "admin"))
        waiting = await self.call(reviewing.ListReviews(consent_service_pb2.ListReviewsRequest(), timeout=20))
        for review in waiting.reviews if waiting else ():
            close = consent_service_pb2.CloseReviewRequest(
                review_id=review.review_id, finding=self.made.word("CloseReview.finding")
            )
            await self.call(reviewing.CloseReview(close, timeout=20))
        assert len(self.refusals) == before, self.refusals[before:]

    async def _bad(self, patient: dict[str, Any]) -> None:
        """Documents that are refused, each with canaries where the fault is."""
        c = self.made
        good = encoded(self.report(patient))
        text = good.decode()
        number = f"{canaries.NUMBER}9999"
        bad = [
            c.word("not JSON").encode(),
            good[: len(good) // 2],
            b"\xff\xfe" + c.word("binary").encode("utf-16-le"),
            text.encode("utf-16"),
            text.replace('"final"', f'"{c.word("status")}"').encode(),
            text.replace(canaries.BIRTH, f"{canaries.BIRTH[:8]}99").encode(),
            text.replace('"resourceType": "Patient"', f'"resourceType": "{c.word("type")}"').encode(),
            text.replace('"conclusion"', f'"{c.word("element")}"').encode(),
            text.replace('"gender": "female"', f'"gender": "{c.word("gender")}"').encode(),
            text.replace("#p", f"#{c.word('reference')}").encode(),
            text.replace("2823-3", c.word("code")).encode(),
            text.replace(number, number * 40).encode(),
            encoded(self.report(patient) | {"effectiveDateTime": f"{canaries.BIRTH}T{c.word('time')}"}),
            encoded(self.report(patient) | {"issued": f"2999-01-01T00:00:00Z{c.word('zone')}"}),
            encoded(self.report(patient) | {"subject": {"display": c.word("subject")}}),
            encoded(self.report(patient) | {"result": [{"reference": c.word("result")}]}),
            encoded(self.report(patient) | {"identifier": [{"system": c.word("system"), "value": ""}]}),
            ("[" * 2000 + f'"{c.word("nested")}"' + "]" * 2000).encode(),
        ]
        wrong = self.patient()
        wrong["identifier"] = [{"system": RESIDENT, "value": resident_number(7, canaries.BORN)[:-1] + "?"}]
        bad.append(encoded(self.report(wrong)))
        before = len(self.refusals)
        for document in bad:
            await self.publish(document)
        assert len(self.refusals) - before >= 10
        chart = reuse_service_pb2.OpenChartRequest(request_id="c3", patient=question(wrong), context=self.context())
        await self.call(self.site.asking("H2").OpenChart(chart, timeout=20))
        chart.patient.demographics.birth_date = c.word("birth_date")
        await self.call(self.site.asking("H2").OpenChart(chart, timeout=20))


async def _pages(asking: Any, patient: dict[str, Any], of: reuse_service_pb2.CallContext) -> list[str]:
    ask = reuse_service_pb2.ListReportsRequest(patient=question(patient), context=of, page_size=2)
    found: list[str] = []
    for _ in range(20):
        answer = await asking.ListReports(ask, timeout=20)
        found += [each.report_id for each in answer.reports]
        ask.page_token = answer.next_page_token
        if not answer.next_page_token:
            break
    return found


def _text(answer: Any) -> str:
    """All texts and bytes of an answer."""
    if isinstance(answer, list):
        return " ".join(answer)
    content: bytes = answer.SerializeToString()
    return content.decode("utf-8", "replace")


@pytest.mark.timeout(240)
async def test_nothing_of_a_patient_is_found_anywhere(place: Place, material: Material, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    environment = material.environment(
        place.url, HUTONG_LOG_LEVEL="debug", HUTONG_LEDGER_EXPORT=str(outside / "checkpoints")
    )
    server = ServerProcess(environment, outside)
    try:
        site = Site(material, server.port)
        await site.load(CATALOG)
        done = Run(site)
        await done.whole()
        place.written()
        # While it runs: the log of SQLite is not yet in its file.
        numbers = tuple(each for each in done.made.made if each.startswith(canaries.NUMBER))[:40]
        found = _searched(place, outside, numbers)
        found += leaks(await asyncio.to_thread(_metrics, server.metrics_port))
        for command in (
            ["keys", "rotate", "--seal", "--tokens", "--settle", "0.1"],
            ["audit", "verify"],
            ["check-config"],
            ["keys", "list"],
        ):
            said = run(command, environment, tmp_path)
            assert said.returncode == 0, said.stderr
            found += leaks((said.stdout + said.stderr).encode())
        assert "patient_token.token" in said.stdout
        again = await done.call(site.asking("H2").OpenChart(_again(done), timeout=20))
        assert again is not None
        await site.close()
    finally:
        assert server.end() == 0
    place.written()
    found += _searched(place, outside, numbers)
    for text in done.refusals:
        found += leaks(text.encode())
    assert not found, "\n".join(found[:20])
    # The run took the canaries in: doctors were shown them.
    shown = sum(canary in done.answers for canary in done.made.made)
    assert shown > 100, f"only {shown} of {len(done.made.made)} canaries came back to those who may see them"
    assert len(done.refusals) > 12
    print(f"{len(done.made.made)} canaries, {shown} shown to doctors, {len(done.refusals)} refusals")


def _metrics(port: int) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        content: bytes = answer.read()
    return content


def _again(done: Run) -> reuse_service_pb2.OpenChartRequest:
    return reuse_service_pb2.OpenChartRequest(request_id="c9", patient=question(done.patient()), context=done.context())


def _searched(place: Place, outside: Path, numbers: tuple[str, ...]) -> list[str]:
    found, size = [], 0
    for path, content in canaries.files(*place.directories, outside):
        size += len(content)
        found += [f"{path.name}: {each}" for each in leaks(content, numbers)]
    assert size > 100_000, "the files of the database were not among those searched"
    return found


# The search finds what is there


@pytest.mark.parametrize("needle", canaries.NEEDLES)
def test_each_form_is_found_wherever_it_stands(needle: str) -> None:
    planted = f"{needle}1234"
    raw = planted.encode()
    written = [
        raw,
        planted.encode("utf-16-le"),
        planted.encode("utf-16-be"),
        raw.hex().encode(),
        raw.hex().upper().encode(),
        zlib.compress(b"before" + raw),
        zlib.compress(base64.b64encode(raw)),
        *(base64.b64encode(b"x" * shift + raw) for shift in range(3)),
        *(base64.urlsafe_b64encode(b"x" * shift + raw) for shift in range(3)),
    ]
    for each in written:
        assert leaks(b"\x00noise\xff" * 30 + each + b"\x01more" * 30), each
    assert not leaks(b"\x00noise\xff" * 30)


def test_a_number_is_found_in_binary() -> None:
    number = f"{canaries.NUMBER}4321"
    for form, each in canaries.number_forms(number).items():
        assert leaks(b"abc" + each + b"def", (number,)), form


@pytest.mark.timeout(240)
async def test_what_is_planted_in_the_database_is_found(place: Place, material: Material, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    server = ServerProcess(material.environment(place.url), outside)
    try:
        site = Site(material, server.port)
        # A field that stays readable: the name of an institution.
        planted = CATALOG["institutions.csv"].replace("县医院", f"{canaries.WORD}0001")
        await site.load(CATALOG | {"institutions.csv": planted})
        place.written()
        found = _searched(place, outside, ())
        await site.close()
    finally:
        server.end()
    assert any(canaries.WORD in each for each in found)
