"""Every failure of a call is a typed error with a reason to switch on."""

import asyncio
from typing import Any

import grpc
import hutong_client
import pytest
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from hutong.v1 import (
    audit_service_pb2,
    catalog_service_pb2,
    certificate_service_pb2,
    consent_service_pb2,
    error_reason_pb2,
    patient_service_pb2,
    registry_service_pb2,
    reuse_service_pb2,
    statistics_service_pb2,
)
from hutong_client import TlsFiles, TlsFilesInvalid, Violation, call_context, errors
from hutong_client.channel import NOT_RETRIED_METHODS, RETRIED_METHODS

from tests.client.conftest import RawServer, connect, load_make_certs

CONTEXT = call_context(practitioner="D1", encounter="E1")
GET_REPORT = "hutong.v1.ReuseService/GetReport"


async def failure(authority: Any, raw_server: RawServer, fail: Any) -> hutong_client.HutongCallError:
    async def answer(request: bytes, context: Any) -> bytes:
        await fail(context)
        raise AssertionError

    registry = await raw_server({GET_REPORT: grpc.unary_unary_rpc_method_handler(answer)})
    async with connect(authority, registry, deadline=10) as client:
        with pytest.raises(hutong_client.HutongCallError) as caught:
            await client.get_report("id", CONTEXT)
    return caught.value


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (code, kind)
        for code, kind in errors.BY_CODE.items()
        # These are tried again before they are raised.
        if code not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
    ],
)
async def test_a_status_without_reason(authority: Any, raw_server: RawServer, code: Any, kind: Any) -> None:
    error = await failure(authority, raw_server, lambda context: context.abort(code, "text"))
    assert type(error) is kind
    assert (error.reason, error.code, error.message) == (code.name, code, "text")


def test_a_write_on_a_broken_connection_is_no_fault_of_the_registry() -> None:
    nothing = grpc.aio.Metadata()
    error = grpc.aio.AioRpcError(grpc.StatusCode.INTERNAL, nothing, nothing, details="Internal error from Core")
    assert isinstance(errors.call_error(error), hutong_client.Unavailable)


def test_every_status_code_has_a_type() -> None:
    assert set(errors.BY_CODE) == set(grpc.StatusCode) - {grpc.StatusCode.OK}


def test_every_reason_named_in_the_table_exists() -> None:
    known = {name.removeprefix("ERROR_REASON_") for name in error_reason_pb2.ErrorReason.keys()}  # noqa: SIM118
    assert set(errors.BY_REASON) <= known


async def test_reason_paths_and_request_id_come_from_the_details(authority: Any, raw_server: RawServer) -> None:
    status = status_pb2.Status(code=grpc.StatusCode.INVALID_ARGUMENT.value[0], message="public")
    for detail in (
        error_details_pb2.ErrorInfo(reason="CATALOG_INVALID", domain="hutong", metadata={"request_id": "r-1"}),
        error_details_pb2.BadRequest(
            field_violations=[
                error_details_pb2.BadRequest.FieldViolation(field="a.yaml:3:7", description="unknown tier"),
                error_details_pb2.BadRequest.FieldViolation(field="b.csv:1:1", description="no column", reason="X"),
            ]
        ),
        error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=1, nanos=500_000_000)),
    ):
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)

    async def fail(context: Any) -> None:
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "public")

    error = await failure(authority, raw_server, fail)
    assert type(error) is hutong_client.CatalogInvalid
    assert error.reason == "CATALOG_INVALID"
    assert error.request_id == "r-1"
    assert error.retry_after == 1.5
    assert error.violations == (Violation("a.yaml:3:7", "unknown tier"), Violation("b.csv:1:1", "no column", "X"))


async def test_details_that_are_no_status_do_not_hide_the_error(authority: Any, raw_server: RawServer) -> None:
    async def fail(context: Any) -> None:
        context.set_trailing_metadata((("grpc-status-details-bin", b"\xff\xff\xff"),))
        await context.abort(grpc.StatusCode.NOT_FOUND, "text")

    error = await failure(authority, raw_server, fail)
    assert type(error) is hutong_client.NotFound


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED])
async def test_a_call_that_was_shed_is_tried_again_and_then_raised(
    authority: Any, raw_server: RawServer, code: Any
) -> None:
    """Neither of them was this client's doing, and none has a reason of the registry."""
    tries = []

    async def fail(context: Any) -> None:
        tries.append(1)
        await context.abort(code, "restarting")

    error = await failure(authority, raw_server, fail)
    assert type(error) is hutong_client.Overloaded
    assert isinstance(error, hutong_client.Unavailable)
    assert (error.reason, error.code) == (code.name, code)
    assert len(tries) == 4


async def test_a_database_that_is_away_is_no_overload(authority: Any, raw_server: RawServer) -> None:
    async def fail(context: Any) -> None:
        status = status_pb2.Status(code=grpc.StatusCode.UNAVAILABLE.value[0], message="public")
        status.details.add().Pack(error_details_pb2.ErrorInfo(reason="STORE_UNAVAILABLE", domain="hutong"))
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        await context.abort(grpc.StatusCode.UNAVAILABLE, "public")

    assert type(await failure(authority, raw_server, fail)) is hutong_client.Unavailable


async def test_a_cancelled_task_is_no_error_of_the_call(authority: Any, black_hole: str) -> None:
    async with connect(authority, black_hole) as client:
        task = asyncio.create_task(client.get_report("id", CONTEXT, deadline=30))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_the_deadline_holds_while_connecting(authority: Any, black_hole: str) -> None:
    async with connect(authority, black_hole) as client:
        with pytest.raises(hutong_client.DeadlineExceeded):
            await client.get_report("id", CONTEXT, deadline=0.3)


@pytest.mark.parametrize("deadline", [0, -1, float("nan"), float("inf"), "2"])
async def test_a_deadline_is_a_positive_number(authority: Any, refusing: str, deadline: Any) -> None:
    async with connect(authority, refusing) as client:
        with pytest.raises(ValueError, match="deadline"):
            await client.get_report("id", CONTEXT, deadline=deadline)


CONTRACT = (
    registry_service_pb2,
    reuse_service_pb2,
    statistics_service_pb2,
    catalog_service_pb2,
    patient_service_pb2,
    consent_service_pb2,
    audit_service_pb2,
    certificate_service_pb2,
)
"""What is called over mutual TLS: enrolment has connections of its own."""


def test_every_method_of_the_contract_is_retried_or_not_on_purpose() -> None:
    methods = {
        f"{service.full_name}/{method.name}"
        for file in CONTRACT
        for service in file.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }
    assert methods == set(RETRIED_METHODS) | set(NOT_RETRIED_METHODS)
    assert not set(RETRIED_METHODS) & set(NOT_RETRIED_METHODS)


def test_certificate_files_that_cannot_be_used(authority: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = tmp_path_factory.mktemp("files")
    certificate, key = authority.client("H1", "emr")
    _, other_key = load_make_certs().Authority(tmp_path_factory.mktemp("ca2")).client("H1", "emr")
    garbage = directory / "garbage.pem"
    garbage.write_text("no certificate")
    open_key = directory / "open.key"
    open_key.write_bytes(key.read_bytes())
    open_key.chmod(0o644)
    ca = authority.certificate_file
    for files, word in (
        (TlsFiles(directory / "absent.pem", certificate, key), "absent.pem"),
        (TlsFiles(garbage, certificate, key), "garbage.pem"),
        (TlsFiles(ca, garbage, key), "garbage.pem"),
        (TlsFiles(ca, certificate, other_key), "does not belong"),
        (TlsFiles(ca, certificate, open_key), "chmod 600"),
    ):
        with pytest.raises(TlsFilesInvalid, match=word):
            files.credentials()


def test_everything_the_package_names_is_there() -> None:
    assert set(hutong_client.__all__) == set(hutong_client._MODULES)
    for name in hutong_client.__all__:
        assert getattr(hutong_client, name).__name__ == name if name != "RESIDENT_NUMBER" else True
    with pytest.raises(AttributeError):
        hutong_client.NoSuchThing  # type: ignore[attr-defined]  # noqa: B018
