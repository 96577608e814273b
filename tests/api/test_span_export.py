"""Calls as OpenTelemetry spans: what a collector on 127.0.0.1 receives of a registry, over OTLP."""

import asyncio
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from hutong_server.settings import SettingsError, load
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.api.documents import CATALOG, chart, lab_report, person, publish
from tests.api.site import Material, Site, refused, start_site

TRACE, THEIRS = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector:
    """Keeps what is posted to it."""

    def __init__(self) -> None:
        self.received: list[tuple[str, bytes]] = []
        collector = self

        class Post(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                collector.received.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Post)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def spans(self) -> list[Span]:
        found = []
        for path, content in self.received:
            assert path == "/v1/traces"
            for resource in ExportTraceServiceRequest.FromString(content).resource_spans:
                found += [span for scope in resource.scope_spans for span in scope.spans]
        return found

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def collector() -> Iterator[Collector]:
    started = Collector()
    yield started
    started.close()


async def site_with(collector: Collector, material: Material, directory: Path) -> Site:
    site = await start_site(material, f"sqlite:///{directory}/hutong.db", HUTONG_OTLP_ENDPOINT=collector.url)
    await site.load(CATALOG)
    return site


async def test_each_call_is_a_span_in_its_callers_trace(
    material: Material, tmp_path: Path, serials: Iterator[int], collector: Collector
) -> None:
    site = await site_with(collector, material, tmp_path)
    patient = person(next(serials))
    await site.publishing("H1").PublishReport(publish(lab_report("span-1", patient)), timeout=10)
    call = site.asking("H2").OpenChart(
        chart(patient), timeout=10, metadata=(("traceparent", f"00-{TRACE}-{THEIRS}-01"),)
    )
    await call
    said = dict(await call.trailing_metadata())["traceresponse"]
    unkept = (("traceparent", f"00-{TRACE[::-1]}-{THEIRS}-00"),)
    await site.asking("H2").OpenChart(chart(patient), timeout=10, metadata=unkept)
    await refused(site.asking("H2", "feed").OpenChart(chart(patient), timeout=10))
    await site.close()  # hands over what is left

    by_name: dict[str, list[Span]] = {}
    for span in collector.spans():
        by_name.setdefault(span.name, []).append(span)
    opened, denied = sorted(by_name["hutong.v1.ReuseService/OpenChart"], key=lambda span: span.end_time_unix_nano)
    assert (opened.trace_id.hex(), opened.parent_span_id.hex()) == (TRACE, THEIRS)
    assert said == f"00-{TRACE}-{opened.span_id.hex()}-01"
    assert opened.kind == Span.SPAN_KIND_SERVER
    assert 0 < opened.end_time_unix_nano - opened.start_time_unix_nano < 10e9
    attributes = {each.key: each.value.string_value or each.value.int_value for each in opened.attributes}
    assert attributes.pop("hutong.request_id")
    assert attributes == {
        "rpc.system": "grpc",
        "rpc.service": "hutong.v1.ReuseService",
        "rpc.method": "OpenChart",
        "rpc.grpc.status_code": 0,
        "hutong.outcome": "found",
        "hutong.institution": "H2",
        "hutong.role": "emr",
    }
    assert denied.trace_id.hex() not in (TRACE, TRACE[::-1])
    assert denied.parent_span_id == b""
    assert {each.key: each.value.string_value for each in denied.attributes}["hutong.reason"] == "ROLE_NOT_ALLOWED"
    assert denied.status.code == Status.STATUS_CODE_UNSET  # the caller's fault, not ours
    assert len(by_name["hutong.v1.RegistryService/PublishReport"]) == 1
    everything = b"".join(content for _, content in collector.received)
    for secret in (patient["identifier"][0]["value"], patient["name"][0]["text"], "span-1", "4.10"):
        assert secret.encode() not in everything


async def test_a_collector_that_is_not_there_costs_no_answer(
    material: Material, tmp_path: Path, serials: Iterator[int], collector: Collector
) -> None:
    site = await site_with(collector, material, tmp_path)
    await asyncio.to_thread(collector._server.server_close)
    await site.asking("H2").OpenChart(chart(person(next(serials))), timeout=10)
    async with asyncio.timeout(10):
        await site.close()
    assert collector.received == []


@pytest.mark.parametrize("given", ["localhost:4318", "ftp://localhost", "http://user:secret@localhost"])
def test_what_is_no_address_of_a_collector_is_refused(material: Material, given: str) -> None:
    with pytest.raises(SettingsError) as error:
        load(material.environment("sqlite:///x.db", HUTONG_OTLP_ENDPOINT=given))
    assert "HUTONG_OTLP_ENDPOINT" in str(error.value)
    assert "secret" not in str(error.value)


async def test_without_opentelemetry_the_setting_says_what_to_install(
    material: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "hutong_server.api.span_export", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SettingsError) as error:
        await start_site(material, f"sqlite:///{tmp_path}/hutong.db", HUTONG_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert "hutong[otel]" in json.dumps(error.value.problems)
