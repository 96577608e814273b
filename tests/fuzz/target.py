"""The server that is fuzzed, and what must hold after each request."""

import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from hutong.v1 import catalog_service_pb2
from hutong_server.api.policy import ROLES
from hutong_server.api.status import ERRORS
from hutong_server.domain.caller import Role

from tests.api.documents import CATALOG, chart, lab_report, person, publish
from tests.api.process import ServerProcess
from tests.api.site import Material
from tests.fuzz.messages import CANARY

LONGEST = 1.0
"""Seconds that a call may take. A slow one gets two more tries: the machine is shared."""
_STREAM = "/hutong.v1.RegistryService/PublishReports"
_WATCH = "/hutong.v1.ReuseService/WatchNotices"
_IMPORT = "/hutong.v1.CatalogService/ImportCatalog"
"""Its errors name the file and quote the rules that an administrator wrote: no patient is in them."""
_PREFERRED = (Role.FEED, Role.EMR, Role.ADMIN, Role.SUPERVISOR, Role.PORTAL)
_SECRETS = (CANARY, CANARY.encode("unicode_escape").decode(), "CANARY-58213946", person(1)["identifier"][0]["value"])
FAULTS = frozenset({"INTERNAL", "UNKNOWN", "UNAVAILABLE", "DEADLINE_EXCEEDED", "DATA_LOSS", "ABORTED", "CANCELLED"})
"""Statuses that no content of a request may bring about."""


class Target:
    """A running server. Calls are sync: hypothesis is."""

    def __init__(self, material: Material, server: ServerProcess, enrollment_port: int, root: Path) -> None:
        self._material = material
        self._server = server
        self._enrollment_port = enrollment_port
        self._root = root.read_bytes()
        self._channels: dict[tuple[str, str], grpc.Channel] = {}
        self._public: grpc.Channel | None = None

    def prepare(self) -> None:
        """The catalogue, and a patient whose name is the canary."""
        files = [catalog_service_pb2.CatalogFile(name=name, content=text.encode()) for name, text in CATALOG.items()]
        content = catalog_service_pb2.ImportCatalogRequest(files=files).SerializeToString()
        self.channel("registry", "admin").unary_unary("/hutong.v1.CatalogService/ImportCatalog")(content, timeout=20)
        patient = person(1, name=CANARY)
        report = publish(lab_report("known", patient, conclusion=CANARY)).SerializeToString()
        self.channel("H1", "feed").unary_unary("/hutong.v1.RegistryService/PublishReport")(report, timeout=10)
        answer = self.call("/hutong.v1.ReuseService/OpenChart", chart(patient).SerializeToString())
        assert answer == "OK"

    def channel(self, institution: str, role: str) -> grpc.Channel:
        key = institution, role
        if key not in self._channels:
            self._channels[key] = grpc.secure_channel(
                f"localhost:{self._server.port}", self._credentials(institution, role)
            )
        return self._channels[key]

    def call(self, method: str, content: bytes) -> str:
        """Calls in a role that may, and checks what must hold; the status."""
        for attempt in range(3):
            began = time.perf_counter()
            status = self._status(method, content)
            took = time.perf_counter() - began
            if took < LONGEST:
                break
            assert attempt < 2, f"{method} took {took:.2f} s"
        assert self._server.running(), "the server has ended"
        assert status not in FAULTS, f"{method} ended in {status}"
        return status

    def publish_all(self, contents: Sequence[bytes]) -> tuple[str, int]:
        """One stream; its status and how many answers came."""
        stream = self.channel("H1", "feed").stream_stream(_STREAM)
        answers = 0
        try:
            for _ in stream(iter(contents), timeout=20):
                answers += 1
        except grpc.RpcError as error:
            status = self._judge(_STREAM, error)
            assert status not in FAULTS
            return status, answers
        return "OK", answers

    def log_is_clean(self) -> None:
        """Neither log nor metrics hold what was sent, and no unexpected error was logged."""
        log = self._server.log.read_text()
        url = f"http://127.0.0.1:{self._server.metrics_port}/metrics"
        with urllib.request.urlopen(url, timeout=10) as reply:
            metrics = reply.read().decode()
        for secret in _SECRETS:
            assert secret not in log
            assert secret not in metrics
        assert '"event":"unexpected"' not in log, [line for line in log.splitlines() if "unexpected" in line][:3]

    def close(self) -> None:
        for channel in (*self._channels.values(), *filter(None, [self._public])):
            channel.close()

    def _status(self, method: str, content: bytes) -> str:
        if "/hutong.v1.EnrollmentService/" in method:
            channel = self._enrollment()
        else:
            role = next(role for role in _PREFERRED if role in ROLES[method])
            operator = role in (Role.ADMIN, Role.SUPERVISOR)
            channel = self.channel("registry" if operator else "H1" if role is Role.FEED else "H2", role.value)
        try:
            if method == _WATCH:
                # Whoever may listen is answered at once, if only with a sign of life.
                stream = channel.unary_stream(method)(content, timeout=10)
                next(stream)
                stream.cancel()
            else:
                channel.unary_unary(method)(content, timeout=10)
        except grpc.RpcError as error:
            return self._judge(method, error)
        return "OK"

    def _judge(self, method: str, error: grpc.RpcError) -> str:
        """The status of an error, which has a reason of the contract and quotes nothing."""
        said = f"{error.details()} {error.trailing_metadata()} {error.debug_error_string()}"
        if method != _IMPORT:
            assert not any(secret in said for secret in _SECRETS), f"{method} repeats what was sent"
        status = rpc_status.from_call(error)
        assert status is not None, f"{method}: {error.code().name} without details"
        (info,) = [detail for detail in status.details if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR)]
        read = error_details_pb2.ErrorInfo()
        info.Unpack(read)
        stated = next((refusal for reason, refusal in ERRORS.items() if reason.value == read.reason), None)
        assert stated is not None, f"{method}: {read.reason} is no reason of the contract"
        assert stated.code is error.code(), f"{method}: {read.reason} is not {error.code().name}"
        return str(error.code().name)

    def _credentials(self, institution: str, role: str) -> grpc.ChannelCredentials:
        certificate, key = self._material.authority.client(institution, role)
        return grpc.ssl_channel_credentials(self._root, key.read_bytes(), certificate.read_bytes())

    def _enrollment(self) -> grpc.Channel:
        if self._public is None:
            credentials = grpc.ssl_channel_credentials(self._root)
            self._public = grpc.secure_channel(f"localhost:{self._enrollment_port}", credentials)
        return self._public
