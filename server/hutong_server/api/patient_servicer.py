"""The administrator's work on the patient index. Every call is recorded before its answer leaves."""

from collections.abc import Callable, Sequence
from typing import Any

import grpc
from hutong.v1 import patient_service_pb2, patient_service_pb2_grpc

from hutong_server.api import call
from hutong_server.api.convert import Faults, identifier_in
from hutong_server.api.convert_patients import HELD, RECORD, STEP, SealedKeys, held_out, person_out, step_out
from hutong_server.api.paging import Pages
from hutong_server.api.parts import Parts
from hutong_server.api.withhold_methods import WithholdMethods
from hutong_server.domain.person import Demographics
from hutong_server.store.base import PatientStep, Writer
from hutong_server.usecases.asking import PatientQuery, tokens_of
from hutong_server.usecases.institutions import admin_access
from hutong_server.usecases.patients import link, list_held, place_held, show_patient, undo, unlink

Context = grpc.aio.ServicerContext[Any, Any]

PAGE, LARGEST_PAGE = 20, 100


class PatientServicer(WithholdMethods, patient_service_pb2_grpc.PatientServiceServicer):
    """hutong.v1.PatientService."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._pages = Pages(parts.ids)

    async def ListHeldReports(
        self, request: patient_service_pb2.ListHeldReportsRequest, context: Context
    ) -> patient_service_pb2.ListHeldReportsResponse:
        """See the contract."""
        faults = Faults()
        size = faults.page_size(request.page_size, PAGE, LARGEST_PAGE)
        faults.check()
        keys, book = self._keys(), self._parts.rules.book
        position = self._pages.open("held", keys.institution, request.page_token)
        after = (int(position[0]), bytes.fromhex(position[1])) if position else None
        views, more = await self._parts.read(lambda reader: list_held(after, size, reader, book))
        response = patient_service_pb2.ListHeldReportsResponse()
        for view in views:
            held_out(response.held.add(), view, keys)
        if more:
            last = views[-1].held
            response.next_page_token = self._pages.seal(
                "held", keys.institution, str(last.received), last.held_id.hex()
            )
        persons = [person for view in views for person in view.candidates]
        await self._record(
            "ListHeldReports",
            [row.key for person in persons for row in person.records],
            [view.held.held_id for view in views],
        )
        return response

    async def ShowPatient(
        self, request: patient_service_pb2.ShowPatientRequest, context: Context
    ) -> patient_service_pb2.ShowPatientResponse:
        """See the contract."""
        faults = Faults()
        identifier = identifier_in(request.identifier, "identifier", faults)
        faults.check()
        keys, parts = self._keys(), self._parts
        query = PatientQuery((identifier,), Demographics())
        tokens = tokens_of(query, keys.institution, parts.rules.book, parts.tokens)
        persons, steps = await parts.read(lambda reader: show_patient(tokens, reader))
        response = patient_service_pb2.ShowPatientResponse()
        for person in persons:
            person_out(response.persons.add(), person, keys)
        for step in steps:
            step_out(response.steps.add(), step, keys)
        shown = [each.report_id for person in persons for known in person.reports.values() for each in known]
        await self._record("ShowPatient", [row.key for person in persons for row in person.records], shown)
        return response

    async def PlaceHeldReport(
        self, request: patient_service_pb2.PlaceHeldReportRequest, context: Context
    ) -> patient_service_pb2.PlaceHeldReportResponse:
        """See the contract."""
        faults, keys = Faults(), self._keys()
        held = keys.open(HELD, request.held, "held", faults)
        record = keys.open(RECORD, request.record, "record", faults) if request.record else None
        step = self._step(request.reason, faults)
        response = patient_service_pb2.PlaceHeldReportResponse()
        step_out(response.step, await self._do(place_held(held, record, step)), keys)
        return response

    async def LinkPatients(
        self, request: patient_service_pb2.LinkPatientsRequest, context: Context
    ) -> patient_service_pb2.LinkPatientsResponse:
        """See the contract."""
        faults, keys = Faults(), self._keys()
        one = keys.open(RECORD, request.record, "record", faults)
        other = keys.open(RECORD, request.other_record, "other_record", faults)
        if one and one == other:
            faults.add("other_record", "is the same record")
        step = self._step(request.reason, faults)
        response = patient_service_pb2.LinkPatientsResponse()
        step_out(response.step, await self._do(link(one, other, step)), keys)
        return response

    async def UnlinkPatient(
        self, request: patient_service_pb2.UnlinkPatientRequest, context: Context
    ) -> patient_service_pb2.UnlinkPatientResponse:
        """See the contract."""
        faults, keys = Faults(), self._keys()
        record = keys.open(RECORD, request.record, "record", faults)
        step = self._step(request.reason, faults)
        response = patient_service_pb2.UnlinkPatientResponse()
        step_out(response.step, await self._do(unlink(record, step)), keys)
        return response

    async def UndoPatientStep(
        self, request: patient_service_pb2.UndoPatientStepRequest, context: Context
    ) -> patient_service_pb2.UndoPatientStepResponse:
        """See the contract."""
        faults, keys = Faults(), self._keys()
        undone = keys.open(STEP, request.step, "step", faults)
        step = self._step(request.reason, faults)
        response = patient_service_pb2.UndoPatientStepResponse()
        step_out(response.step, await self._do(undo(undone, step)), keys)
        return response

    def _keys(self) -> SealedKeys:
        return SealedKeys(self._parts.ids, call.current().peer.institution)

    async def _do(self, job: Callable[[Writer], PatientStep]) -> PatientStep:
        return await self._parts.write(job)

    async def _record(self, method: str, patient_keys: Sequence[bytes], reports: Sequence[bytes]) -> None:
        this = call.current()
        access = admin_access(
            method,
            this.peer,
            "found" if patient_keys or reports else "none",
            self._parts.clock(),
            this.request_id,
            patient_keys=tuple(dict.fromkeys(patient_keys)),
            reports=tuple(reports),
        )
        await self._parts.write(lambda writer: writer.record(access))
