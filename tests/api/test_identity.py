"""Who may call: the certificate's one SPIFFE name, the access table, the state of the institution."""

import asyncio
import datetime
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hutong.v1 import catalog_service_pb2, registry_service_pb2, reuse_service_pb2, reuse_service_pb2_grpc
from hutong_server.domain.caller import Role

from tests.api.documents import chart, context, lab_report, person, publish
from tests.api.site import Material, Refused, Site, client_credentials, load_make_certs, outcome, refused

GOOD = "spiffe://hutong.local/institution/H2/emr"


def uri(text: str) -> x509.UniformResourceIdentifier:
    return x509.UniformResourceIdentifier(text)


def certified(material: Material, names: Sequence[x509.GeneralName], **more: Any) -> grpc.ChannelCredentials:
    """A client certificate of the right authority with any names."""
    stem = "odd-" + hashlib.sha256(repr((names, more)).encode()).hexdigest()[:12]
    pair = material.authority.issue(stem, names, ExtendedKeyUsageOID.CLIENT_AUTH, **more)
    return client_credentials(material.authority.certificate_file, *pair)


async def asked(site: Site, credentials: grpc.ChannelCredentials, serials: Iterator[int]) -> Refused:
    async with site.open(credentials) as channel:
        stub: Any = reuse_service_pb2_grpc.ReuseServiceStub(channel)
        return await refused(stub.OpenChart(chart(person(next(serials))), timeout=5))


@pytest.mark.parametrize(
    "names",
    [
        pytest.param([uri(GOOD), uri("spiffe://hutong.local/institution/H2/feed")], id="two names"),
        pytest.param([uri(GOOD), x509.DNSName("h2.example")], id="a name beside it"),
        pytest.param([uri("spiffe://other.registry/institution/H2/emr")], id="another registry"),
        pytest.param([uri("spiffe://hutong.local.evil/institution/H2/emr")], id="a longer trust domain"),
        pytest.param([uri("spiffe://hutong.local/institution/H2/root")], id="no such role"),
        pytest.param([uri("spiffe://hutong.local/institution/H2")], id="no role"),
        pytest.param([uri("spiffe://hutong.local/institution//emr")], id="no institution"),
        pytest.param([uri("spiffe://hutong.local/institution/H2/emr/feed")], id="a longer path"),
        pytest.param([uri("spiffe://hutong.local/institution/H2/emr?x=1")], id="a query"),
        pytest.param([uri("spiffe://hutong.local/institution/H2/EMR")], id="capitals"),
        pytest.param([uri("https://hutong.local/institution/H2/emr")], id="not SPIFFE"),
        pytest.param([x509.DNSName("hutong.local")], id="a host name"),
    ],
)
async def test_a_certificate_names_one_caller_or_none(
    site: Site, material: Material, serials: Iterator[int], names: list[x509.GeneralName]
) -> None:
    found = await asked(site, certified(material, names), serials)
    assert (found.code, found.reason) == ("UNAUTHENTICATED", "CERTIFICATE_IDENTITY_INVALID")


async def test_an_expired_certificate_does_not_connect(site: Site, material: Material, serials: Iterator[int]) -> None:
    credentials = certified(material, [uri(GOOD)], valid=datetime.timedelta(minutes=-1))
    assert (await asked(site, credentials, serials)).code == "UNAVAILABLE"


async def test_a_certificate_not_yet_valid_does_not_connect(
    site: Site, material: Material, serials: Iterator[int]
) -> None:
    credentials = certified(material, [uri(GOOD)], age=datetime.timedelta(hours=-1))
    assert (await asked(site, credentials, serials)).code == "UNAVAILABLE"


async def test_an_open_connection_ends_with_its_certificate(
    site: Site, material: Material, serials: Iterator[int]
) -> None:
    credentials = certified(material, [uri(GOOD)], valid=datetime.timedelta(seconds=4))
    async with site.open(credentials) as channel:
        stub: Any = reuse_service_pb2_grpc.ReuseServiceStub(channel)
        await stub.OpenChart(chart(person(next(serials))), timeout=5)
        for _ in range(100):
            await asyncio.sleep(0.1)
            found = await outcome(stub.OpenChart(chart(person(next(serials))), timeout=5))
            if found != "OK":
                assert found == "UNAUTHENTICATED"
                return
        raise AssertionError("the certificate ran out and the connection still serves")


async def test_a_certificate_of_another_authority_does_not_connect(
    site: Site, material: Material, tmp_path: Path, serials: Iterator[int]
) -> None:
    other = load_make_certs().Authority(tmp_path, name="Another CA")
    pair = other.client("H2", "emr")
    credentials = client_credentials(material.authority.certificate_file, *pair)
    assert (await asked(site, credentials, serials)).code == "UNAVAILABLE"


async def test_a_forged_authority_of_the_same_name_does_not_connect(
    site: Site, material: Material, tmp_path: Path, serials: Iterator[int]
) -> None:
    pair = load_make_certs().Authority(tmp_path).client("H2", "emr")
    assert (
        await asked(site, client_credentials(material.authority.certificate_file, *pair), serials)
    ).code == "UNAVAILABLE"


async def test_the_servers_own_certificate_is_no_clients(
    site: Site, material: Material, serials: Iterator[int]
) -> None:
    pair = material.authority.server()
    found = await asked(site, client_credentials(material.authority.certificate_file, *pair), serials)
    assert found.code in ("UNAVAILABLE", "UNAUTHENTICATED")


async def test_without_certificate_nobody_connects(site: Site, material: Material, serials: Iterator[int]) -> None:
    credentials = grpc.ssl_channel_credentials(material.authority.certificate_file.read_bytes())
    assert (await asked(site, credentials, serials)).code == "UNAVAILABLE"


async def test_plain_text_does_not_connect(site: Site, serials: Iterator[int]) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{site.port}") as channel:
        stub: Any = reuse_service_pb2_grpc.ReuseServiceStub(channel)
        assert (await refused(stub.OpenChart(chart(person(next(serials))), timeout=5))).code == "UNAVAILABLE"


async def test_a_role_calls_its_own_methods_only(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    calls = {
        "feed": lambda stub: stub.PublishReport(publish(lab_report("role", patient)), timeout=5),
        "emr": lambda stub: stub.OpenChart(chart(patient), timeout=5),
        "admin": lambda stub: stub.ListInstitutions(catalog_service_pb2.ListInstitutionsRequest(), timeout=5),
    }
    stubs = {"feed": site.publishing, "emr": site.asking, "admin": site.catalog}
    for own, call in calls.items():
        await call(stubs[own]("H2", own))
        for role in Role:
            if role.value != own:
                found = await refused(call(stubs[own]("H2", role.value)))
                assert (found.code, found.reason) == ("PERMISSION_DENIED", "ROLE_NOT_ALLOWED"), (own, role)


async def test_an_institution_that_was_never_added_is_refused(site: Site, serials: Iterator[int]) -> None:
    found = await refused(site.asking("NOBODY").OpenChart(chart(person(next(serials))), timeout=5))
    assert (found.code, found.reason) == ("PERMISSION_DENIED", "INSTITUTION_UNKNOWN")


async def test_the_operator_administers_and_neither_publishes_nor_asks(site: Site, serials: Iterator[int]) -> None:
    await site.catalog("registry").ListInstitutions(catalog_service_pb2.ListInstitutionsRequest(), timeout=5)
    patient = person(next(serials))
    for call in (
        site.asking("registry").OpenChart(chart(patient), timeout=5),
        site.publishing("registry").PublishReport(publish(lab_report("op", patient)), timeout=5),
    ):
        found = await refused(call)
        assert (found.code, found.reason) == ("PERMISSION_DENIED", "INSTITUTION_UNKNOWN")
    taken = catalog_service_pb2.PutInstitutionRequest(
        institution=catalog_service_pb2.Institution(code="registry", name="x", tier="TIER_PRIVATE", region="99")
    )
    found = await refused(site.catalog().PutInstitution(taken, timeout=5))
    assert (found.reason, found.paths) == ("REQUEST_INVALID", ("institution.code",))


async def test_a_suspension_bites_on_the_next_call_and_can_be_lifted(site: Site, serials: Iterator[int]) -> None:
    admin = site.catalog()
    code = f"S{next(serials)}"
    added = catalog_service_pb2.Institution(code=code, name="停用测试", tier="TIER_TOWNSHIP", region="990421")
    await admin.PutInstitution(catalog_service_pb2.PutInstitutionRequest(institution=added), timeout=5)
    patient = person(next(serials))
    asking = site.asking(code)
    await site.publishing(code).PublishReport(publish(lab_report("susp", patient)), timeout=5)
    await asking.OpenChart(chart(patient), timeout=5)
    suspend = catalog_service_pb2.SuspendInstitutionRequest(code=code, scope="SUSPENSION_SCOPE_ACCESS", reason="测试")
    done = await admin.SuspendInstitution(suspend, timeout=5)
    assert done.institution.state == catalog_service_pb2.INSTITUTION_STATE_ACCESS_SUSPENDED
    for call in (
        asking.OpenChart(chart(patient), timeout=5),
        asking.GetReport(reuse_service_pb2.GetReportRequest(report_id="x", context=context()), timeout=5),
        site.publishing(code).GetFeedStatus(registry_service_pb2.GetFeedStatusRequest(), timeout=5),
    ):
        found = await refused(call)
        assert (found.code, found.reason) == ("PERMISSION_DENIED", "INSTITUTION_SUSPENDED")
    # Its results stay.
    answer = await site.asking("H2").OpenChart(chart(patient, include_not_reusable=True), timeout=5)
    assert answer.not_reusable_count + len(answer.lines) == 1
    suspend.lift = True
    await admin.SuspendInstitution(suspend, timeout=5)
    await asking.OpenChart(chart(patient), timeout=5)


async def test_a_method_that_does_not_exist_is_told_apart(site: Site) -> None:
    call = site.channel("H2", "emr").unary_unary("/hutong.v1.ReuseService/Nonsense")
    found = await refused(call(b"", timeout=5))
    assert (found.code, found.reason) == ("UNIMPLEMENTED", "METHOD_UNKNOWN")
