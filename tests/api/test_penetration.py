"""The penetration list, run over the wire against a real registry.

Each attempt is refused, and told nothing; and each that came so far that there was a call is in the ledger before its
refusal left. What TLS or HTTP/2 turns away is no call, and on record nowhere.

Beside it: certificates as such in test_identity, slow callers in test_slow_callers, floods in test_hostile, requests
that are garbage in tests/fuzz.
"""

import asyncio
import datetime
import json
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from cryptography import x509
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from hutong.v1 import catalog_service_pb2, reuse_service_pb2, reuse_service_pb2_grpc
from hutong_server.api.policy import OF_THE_OPERATOR, ROLES
from hutong_server.api.server import SERVICES
from hutong_server.domain.caller import Role

from tests.api import raw_http2 as h2
from tests.api.documents import chart, context, lab_report, person, publish
from tests.api.site import Material, Refused, Site, client_credentials, load_make_certs, refused
from tests.api.test_identity import asked, certified, uri
from tests.api.test_refusals_on_record import on_record

SEEN: list[Refused] = []
"""Refusals of the test that runs."""


async def turned_away(call: Awaitable[Any]) -> Refused:
    """The refusal of a call, kept for the fixture below."""
    found = await refused(call)
    SEEN.append(found)
    return found


async def tried(site: Site, credentials: grpc.ChannelCredentials, serials: Iterator[int]) -> Refused:
    """The refusal of a chart asked for under these credentials."""
    found = await asked(site, credentials, serials)
    SEEN.append(found)
    return found


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def in_the_ledger(site: Site) -> AsyncIterator[None]:
    """After each test: every refusal of ours is on record, by the request id that the caller was given."""
    SEEN.clear()
    yield
    given = {found.request_id: found for found in SEEN if found.request_id}
    for _ in range(40):
        kept = {record.request_id: record for record in await asyncio.to_thread(on_record, site)}
        if given.keys() <= kept.keys():
            break
        # A refused stream does not wait for its record.
        await asyncio.sleep(0.05)
    for request_id, found in given.items():
        assert request_id in kept, found
        assert (kept[request_id].outcome, kept[request_id].reason) == ("refused", found.reason)
    # A refusal without a request id is the transport's; all that are ours have one.
    assert {found.code for found in SEEN if not found.request_id} <= {"UNAVAILABLE", "RESOURCE_EXHAUSTED"}


OPEN_CHART = "/hutong.v1.ReuseService/OpenChart"
PUBLISH = "/hutong.v1.RegistryService/PublishReport"
LONG = "x" * 65
NAMES = {
    "path in the code": "spiffe://hutong.local/institution/../registry/admin",
    "path in the code, encoded": "spiffe://hutong.local/institution/..%2Fregistry/admin",
    "slash in the code, encoded": "spiffe://hutong.local/institution/H2%2Femr/emr",
    "letters of the code, encoded": "spiffe://hutong.local/institution/%48%32/emr",
    "dot": "spiffe://hutong.local/institution/./emr",
    "capitals in the scheme": "SPIFFE://hutong.local/institution/H2/emr",
    "capitals in the domain": "spiffe://HUTONG.local/institution/H2/emr",
    "capitals in the path": "spiffe://hutong.local/Institution/H2/emr",
    "foreign domain": "spiffe://hutong.evil/institution/H2/emr",
    "domain within a domain": "spiffe://hutong.local.evil.example/institution/H2/emr",
    "our domain as a user": "spiffe://hutong.local@evil.example/institution/H2/emr",
    "user in our domain": "spiffe://admin@hutong.local/institution/H2/emr",
    "port": "spiffe://hutong.local:443/institution/H2/emr",
    "fragment": "spiffe://hutong.local/institution/H2/emr#admin",
    "query": "spiffe://hutong.local/institution/H2/emr?role=admin",
    "double slash": "spiffe://hutong.local//institution/H2/emr",
    "slash at the end": "spiffe://hutong.local/institution/H2/emr/",
    "two roles": "spiffe://hutong.local/institution/H2/emr/admin",
    "line end": "spiffe://hutong.local/institution/H2/emr\n",
    "null byte": "spiffe://hutong.local/institution/H2\0/emr",
    "space": "spiffe://hutong.local/institution/H2 /emr",
    "code too long": f"spiffe://hutong.local/institution/{LONG}/emr",
    "prefix only": "spiffe://hutong.local/",
    "empty": "",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=list(NAMES))
async def test_a_name_that_is_nearly_one_is_none(
    site: Site, material: Material, serials: Iterator[int], name: str
) -> None:
    found = await tried(site, certified(material, [uri(name)]), serials)
    assert (found.code, found.reason) == ("UNAUTHENTICATED", "CERTIFICATE_IDENTITY_INVALID")


@pytest.mark.parametrize(
    "names",
    [
        pytest.param([uri("spiffe://hutong.local/institution/H2/emr")] * 2, id="one name twice"),
        pytest.param([x509.DNSName("spiffe://hutong.local/institution/H2/emr")], id="a host name that looks like one"),
        pytest.param([x509.RFC822Name("emr@hutong.local")], id="a mailbox"),
    ],
)
async def test_a_name_counts_alone_and_as_a_uri(
    site: Site, material: Material, serials: Iterator[int], names: list[x509.GeneralName]
) -> None:
    found = await tried(site, certified(material, names), serials)
    assert (found.code, found.reason) == ("UNAUTHENTICATED", "CERTIFICATE_IDENTITY_INVALID")


async def test_a_certificate_that_signed_itself_does_not_connect(
    site: Site, material: Material, tmp_path: Path, serials: Iterator[int]
) -> None:
    own = load_make_certs().Authority(tmp_path, name="Hutong development CA")
    credentials = client_credentials(material.authority.certificate_file, own.certificate_file, tmp_path / "ca.key")
    assert (await tried(site, credentials, serials)).code == "UNAVAILABLE"


async def test_a_clients_certificate_signs_no_other(
    site: Site, material: Material, tmp_path: Path, serials: Iterator[int]
) -> None:
    """An institution issues a certificate with its own: the chain is whole, and its middle is no authority."""
    maker = load_make_certs()
    pair = material.authority.client("H2", "emr")
    middle = maker.Authority.__new__(maker.Authority)
    middle.directory, middle.registry_name = tmp_path, maker.REGISTRY_NAME
    middle.certificate = x509.load_pem_x509_certificate(pair[0].read_bytes())
    middle.key = maker._load_key(pair[1])
    certificate, key = middle.client("registry", "admin")
    chain = tmp_path / "chain.pem"
    chain.write_bytes(certificate.read_bytes() + pair[0].read_bytes())
    credentials = client_credentials(material.authority.certificate_file, chain, key)
    assert (await tried(site, credentials, serials)).code == "UNAVAILABLE"


async def test_every_method_refuses_every_role_that_is_not_its_own(site: Site) -> None:
    async def attempt(method: str, role: Role) -> tuple[str, Role, Refused]:
        call = site.channel("H2", role.value).unary_unary(method)
        return method, role, await turned_away(call(b"", timeout=10))

    wrong = [(method, role) for method, roles in ROLES.items() for role in Role if role not in roles]
    assert len(wrong) > 150
    for found in await asyncio.gather(*(attempt(*each) for each in wrong[::2])):
        assert (found[2].code, found[2].reason) == ("PERMISSION_DENIED", "ROLE_NOT_ALLOWED"), found[:2]
    for found in await asyncio.gather(*(attempt(*each) for each in wrong[1::2])):
        assert (found[2].code, found[2].reason) == ("PERMISSION_DENIED", "ROLE_NOT_ALLOWED"), found[:2]


async def test_an_institutions_administrator_does_nothing_of_the_operators(site: Site) -> None:
    """Whoever keeps one institution's codes makes no tokens, sees no patients, and suspends nobody."""
    channel = site.channel("H2", "admin")
    for method in OF_THE_OPERATOR:
        found = await turned_away(channel.unary_unary(method)(b"", timeout=10))
        assert (found.code, found.reason) == ("PERMISSION_DENIED", "ROLE_NOT_ALLOWED"), method
    listed = await site.catalog("H2").ListInstitutions(catalog_service_pb2.ListInstitutionsRequest(), timeout=5)
    assert listed.institutions


async def test_who_calls_is_not_read_from_metadata(site: Site, serials: Iterator[int]) -> None:
    stub: Any = reuse_service_pb2_grpc.ReuseServiceStub(site.channel("H2", "feed"))
    claims = (
        ("x-forwarded-client-cert", "URI=spiffe://hutong.local/institution/H2/emr"),
        ("x-institution", "registry"),
        ("x-role", "emr"),
        ("authorization", "Bearer emr"),
        ("forwarded", "for=127.0.0.1;by=registry"),
    )
    found = await turned_away(stub.OpenChart(chart(person(next(serials))), timeout=5, metadata=claims))
    assert (found.code, found.reason) == ("PERMISSION_DENIED", "ROLE_NOT_ALLOWED")


@pytest.mark.parametrize(
    "method",
    [
        "/hutong.v1.ReuseService/openchart",
        "/hutong.v1.ReuseService/OpenChart/",
        "/hutong.v1.ReuseService//OpenChart",
        "/hutong.v1.RegistryService/../ReuseService/OpenChart",
        "/hutong.v1.ReuseService/OpenChart?role=emr",
        "/hutong.v1.ReuseService/%4FpenChart",
        "/hutong.v1.EnrollmentService/Enroll",
        "/grpc.channelz.v1.Channelz/GetServers",
        "/",
    ],
)
async def test_a_path_that_is_nearly_a_method_is_none(site: Site, method: str) -> None:
    found = await turned_away(site.channel("H2", "feed").unary_unary(method)(b"", timeout=5))
    assert (found.code, found.reason) == ("UNIMPLEMENTED", "METHOD_UNKNOWN")


async def test_reflection_shows_the_contract_and_nothing_else(site: Site) -> None:
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(site.channel("STRANGER", "portal"))

    async def asks() -> AsyncIterator[reflection_pb2.ServerReflectionRequest]:
        yield reflection_pb2.ServerReflectionRequest(list_services="")
        yield reflection_pb2.ServerReflectionRequest(file_by_filename="../../etc/passwd")

    names, file = [answer async for answer in stub.ServerReflectionInfo(asks(), timeout=5)]
    listed = {service.name for service in names.list_services_response.service}
    assert listed == {*SERVICES, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}
    assert file.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]  # type: ignore[index]


@pytest.mark.parametrize("kind", ["groups", "length", "varint", "tag", "text", "noise"])
async def test_bytes_that_are_no_message_are_refused_at_once(site: Site, kind: str) -> None:
    content = {
        "groups": b"\x0b" * 100_000,  # unknown groups within each other
        "length": b"\x0a\xff\xff\xff\xff\x0f" + b"x" * 100,
        "varint": b"\x0a" + b"\xff" * 100,
        "tag": b"\x07\x07",
        "text": b"\x0a\x02\xff\xfe",  # request_id is no UTF-8
        "noise": bytes(range(256)) * 100,
    }[kind]
    began = time.monotonic()
    found = await turned_away(site.channel("H2", "emr").unary_unary(OPEN_CHART)(content, timeout=5))
    assert (found.code, found.reason) == ("INVALID_ARGUMENT", "REQUEST_INVALID")
    assert time.monotonic() - began < 1


async def test_an_id_of_another_institution_opens_nothing(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    await site.publishing("H1").PublishReport(publish(lab_report(f"mine-{next(serials)}", patient)), timeout=5)
    found = await site.asking("H2").OpenChart(chart(patient), timeout=5)
    report_id = found.lines[0].result.report_id
    flipped = report_id[:-1] + ("A" if report_id[-1] != "A" else "B")
    for institution, given in (("T1", report_id), ("H1", report_id), ("H2", flipped), ("H2", report_id + "A")):
        request = reuse_service_pb2.GetReportRequest(report_id=given, context=context())
        refusal = await turned_away(site.asking(institution).GetReport(request, timeout=5))
        assert (refusal.code, refusal.reason) == ("NOT_FOUND", "REPORT_NOT_FOUND"), (institution, refusal)


async def test_a_document_nested_without_end_is_refused_at_once(site: Site) -> None:
    for document in (b"[" * 200_000, b'{"a":' * 200_000, b'{"resourceType":"Bundle","entry":' + b"[" * 200_000):
        began = time.monotonic()
        found = await turned_away(site.publishing("H1").PublishReport(publish(document), timeout=10))
        assert found.code == "INVALID_ARGUMENT"
        assert found.reason in ("TOO_DEEP", "NOT_JSON")
        assert time.monotonic() - began < 1


async def test_what_grows_when_it_is_unpacked_is_refused(site: Site) -> None:
    """60 MB of one byte, 60 kB on the wire."""
    call = site.channel("H1", "feed").unary_unary(PUBLISH)
    began = time.monotonic()
    found = await turned_away(call(bytes(60 * 2**20), compression=grpc.Compression.Gzip, timeout=20))
    assert found.code == "RESOURCE_EXHAUSTED"
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("size", [40_000, 2_000_000])
async def test_a_call_with_more_metadata_than_anybody_needs_is_refused(
    site: Site, serials: Iterator[int], size: int
) -> None:
    more = [(f"x-{number}", "m" * 1000) for number in range(size // 1000)]
    found = await turned_away(site.asking("H2").OpenChart(chart(person(next(serials))), timeout=5, metadata=more))
    assert found.code in ("RESOURCE_EXHAUSTED", "UNAVAILABLE")
    # With a connection of another: metadata of one call cost the others nothing.
    await site.asking("H1").OpenChart(chart(person(next(serials))), timeout=5)


async def raw(site: Site, institution: str = "H2", role: str = "emr") -> h2.Connection:
    authority = site.material.authority
    tls = h2.client_tls(authority.certificate_file, *authority.client(institution, role))
    return await h2.Connection.open(site.port, tls)


async def test_headers_that_never_end_close_the_connection(site: Site) -> None:
    connection = await raw(site)
    connection.send(h2.frame(h2.HEADERS, 0, 1, h2.call_headers(OPEN_CHART)))
    for number in range(2000):
        connection.send(h2.frame(h2.CONTINUATION, 0, 1, h2.literal(b"x-%d" % number, b"c" * 100) * 100))
        if connection.writer.transport.is_closing():
            break
    seen = await connection.watch(5)
    connection.close()
    assert seen.closed


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", id="HTTP/1.1"),
        pytest.param(b"POST " + OPEN_CHART.encode() + b" HTTP/1.0\r\n\r\n", id="HTTP/1.0"),
        pytest.param(bytes(range(256)) * 64, id="noise"),
        pytest.param(h2.PREFACE + b"\xff" * 4096, id="a preface and noise"),
        pytest.param(h2.PREFACE + h2.frame(h2.SETTINGS, 0, 0, b"\0\4\xff\xff\xff\xff"), id="a window without end"),
        pytest.param(
            h2.PREFACE + h2.frame(h2.SETTINGS, 0, 0) + h2.frame(h2.HEADERS, 4, 1, b"\xff" * 200), id="no HPACK"
        ),
    ],
)
async def test_what_is_not_grpc_is_not_answered(site: Site, serials: Iterator[int], sent: bytes) -> None:
    authority = site.material.authority
    tls = h2.client_tls(authority.certificate_file, *authority.client("H2", "emr"))
    connection = await h2.Connection.open(site.port, tls, preface=False)
    connection.send(sent)
    seen = await connection.watch(4)
    connection.close()
    # No message of ours: a status of the transport at most.
    assert seen.received == 0
    assert seen.closed
    await site.asking("H1").OpenChart(chart(person(next(serials))), timeout=5)


async def test_without_tls_nothing_is_answered(site: Site) -> None:
    for sent in (b"GET / HTTP/1.1\r\n\r\n", h2.PREFACE + h2.frame(h2.SETTINGS, 0, 0), bytes(1000)):
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(sent)
        try:
            async with asyncio.timeout(5):
                answer = await reader.read(1000)
        except ConnectionError:
            answer = b""
        writer.transport.abort()
        # A TLS alert at most (record type 21).
        assert answer == b"" or answer[0] == 21


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore:.*TLSv1.*:DeprecationWarning")
async def test_old_versions_of_tls_do_not_connect(site: Site, version: ssl.TLSVersion) -> None:
    authority = site.material.authority
    tls = h2.client_tls(authority.certificate_file, *authority.client("H2", "emr"))
    tls.minimum_version = ssl.TLSVersion.TLSv1
    tls.maximum_version = version
    tls.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await h2.Connection.open(site.port, tls)


async def test_without_a_certificate_no_word_of_http2_is_heard(site: Site) -> None:
    """In TLS 1.3 the client's side of the handshake ends before the server refuses."""
    try:
        connection = await h2.Connection.open(site.port, h2.client_tls(site.material.authority.certificate_file))
    except (ssl.SSLError, ConnectionError):
        return
    seen = await connection.watch(5)
    connection.close()
    assert seen.closed
    assert not seen.frames


async def test_a_certificate_that_ran_out_a_moment_ago_does_not_connect(
    site: Site, material: Material, serials: Iterator[int]
) -> None:
    name = [uri("spiffe://hutong.local/institution/H2/emr")]
    credentials = certified(material, name, valid=datetime.timedelta(seconds=-1))
    assert (await tried(site, credentials, serials)).code == "UNAVAILABLE"


async def test_refusals_say_nothing_of_patients(site: Site, serials: Iterator[int]) -> None:
    """The same refusal for a patient who is known and for one who is not."""
    known, unknown = person(next(serials), name="金丝雀CANARY-77120"), person(next(serials))
    await site.publishing("H1").PublishReport(publish(lab_report(f"said-{next(serials)}", known)), timeout=5)
    texts = set()
    for patient in (known, unknown):
        for institution, role in (("H2", "feed"), ("STRANGER", "emr")):
            stub: Any = reuse_service_pb2_grpc.ReuseServiceStub(site.channel(institution, role))
            found = await turned_away(stub.OpenChart(chart(patient), timeout=5))
            texts.add((found.code, found.reason, found.text, found.paths))
            everything = found.everything + json.dumps(found.everything)
            assert "CANARY" not in everything
            assert patient["identifier"][0]["value"] not in everything
    assert len(texts) == 2
