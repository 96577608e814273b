"""Enrolment: one token, one certificate, a name that the registry chooses; and everything that is refused."""

import asyncio
import datetime
from collections import Counter
from dataclasses import replace
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hutong.v1 import catalog_service_pb2 as catalog
from hutong.v1 import certificate_service_pb2, certificate_service_pb2_grpc, reuse_service_pb2_grpc
from hutong.v1 import enrollment_service_pb2 as enrollment
from hutong.v1.enrollment_service_pb2_grpc import EnrollmentServiceStub
from hutong_server.api.certificate_servicer import token_hash

from tests.api.documents import chart, person
from tests.api.site import outcome, refused
from tests.enrollment.place import Held, Place, another_token, request_for, until


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def uri(text: str) -> x509.UniformResourceIdentifier:
    return x509.UniformResourceIdentifier(text)


async def asks(place: Place, held: Held) -> str:
    async with place.channel(held) as channel:
        stub: Any = reuse_service_pb2_grpc.ReuseServiceStub(channel)
        return await outcome(stub.OpenChart(chart(person(1)), timeout=5))


async def test_a_token_gives_a_certificate_that_may_call(place: Place) -> None:
    held = await place.hold("H1", "emr")
    assert held.names == [uri("spiffe://hutong.local/institution/H1/emr")]
    usage = held.leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not held.leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    left = held.leaf.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta(days=6, hours=23) < left <= datetime.timedelta(days=7, seconds=1)
    assert await asks(place, held) == "OK"
    record = place.records("Enroll")[-1]
    assert (record.institution, record.role, record.outcome, record.detail) == ("H1", "emr", "issued", (held.serial,))


@pytest.mark.parametrize(
    "names",
    [
        pytest.param([uri("spiffe://hutong.local/institution/H2/emr")], id="another institution"),
        pytest.param([uri("spiffe://hutong.local/institution/registry/admin")], id="the operator"),
        pytest.param([uri("spiffe://hutong.local/institution/H1/emr"), x509.DNSName("localhost")], id="two names"),
    ],
)
async def test_the_name_is_the_registrys_to_choose(place: Place, names: list[x509.GeneralName]) -> None:
    key = new_key()
    answer = await place.enroll(await place.token("H1", "feed"), request_for(key, names))
    assert Held(key, answer.certificate_chain).names == [uri("spiffe://hutong.local/institution/H1/feed")]
    assert (answer.institution, answer.role) == ("H1", "feed")


async def test_of_twenty_that_use_a_token_at_once_one_gets_a_certificate(place: Place) -> None:
    token = await place.token()

    async def one() -> str:
        return await outcome(place.enroll(token, request_for(new_key())))

    found = Counter(await asyncio.gather(*(one() for _ in range(20))))
    assert found == {"OK": 1, "PERMISSION_DENIED": 19}
    refill(place)


def refill(place: Place) -> None:
    """Forgets the guesses of the tests before: they all come from one address."""
    registry = place.site.registry
    assert registry is not None
    assert registry.enrollment is not None
    registry.enrollment.limits.reset()


async def test_used_expired_suspended_and_guessed_tokens_get_one_answer(place: Place) -> None:
    refill(place)
    used, expired, suspended = await place.token(), await place.token(hours=1), await place.token("H2", "emr")
    await place.enroll(used, request_for(new_key()))
    registry = place.site.registry
    assert registry is not None
    await age_token(place, expired)
    suspension = catalog.SuspendInstitutionRequest(code="H2", scope=catalog.SUSPENSION_SCOPE_ACCESS, reason="test")
    await place.site.catalog().SuspendInstitution(suspension, timeout=5)
    answers = set()
    for token in (used, expired, suspended, another_token(), "", "x" * 300, "口令"):
        found = await refused(place.enroll(token, request_for(new_key())))
        answers.add((found.code, found.reason, found.text, found.paths))
    suspension.lift = True
    await place.site.catalog().SuspendInstitution(suspension, timeout=5)
    assert answers == {("PERMISSION_DENIED", "ENROLLMENT_REFUSED", "The enrolment is refused.", ())}
    kept = place.records("Enroll")[-7:]
    assert {(record.outcome, record.reason) for record in kept} == {("refused", "ENROLLMENT_REFUSED")}
    why = [record.detail[0] for record in kept]
    assert why == ["token_used", "token_expired", "institution_suspended", *["token_unknown"] * 4]
    refill(place)


async def age_token(place: Place, token: str) -> None:
    """Puts the end of a token into the past."""

    def job(writer: Any) -> None:
        row = writer.enrollment_token(token_hash(token))
        writer.put_enrollment_token(replace(row, expires_at=row.made_at - 1))

    assert place.site.registry is not None
    await asyncio.wrap_future(place.site.registry.store.submit(job))


async def test_guesses_are_limited_for_each_address(place: Place) -> None:
    refill(place)
    token = await place.token()
    found = [await refused(place.enroll(another_token(), request_for(new_key()))) for _ in range(35)]
    codes = Counter(each.code for each in found)
    assert codes["RESOURCE_EXHAUSTED"] >= 4
    last = found[-1]
    assert (last.code, last.reason, last.retry) == ("RESOURCE_EXHAUSTED", "RATE_LIMITED", True)
    # A limited address learns nothing, not even that a token is right.
    assert (await refused(place.enroll(token, request_for(new_key())))).code == "RESOURCE_EXHAUSTED"
    refill(place)
    assert await outcome(place.enroll(token, request_for(new_key()))) == "OK"

    async def counted() -> bool:
        return any(record.reason == "RATE_LIMITED" and record.detail for record in place.records("Enroll"))

    await until(counted, 3)


def weak(kind: str) -> bytes:
    keys: dict[str, Any] = {
        "rsa 1024": lambda: rsa.generate_private_key(65537, 1024),  # noqa: S505  weak on purpose
        "rsa exponent 3": lambda: rsa.generate_private_key(3, 2048),
        "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
        "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
        "dsa": lambda: dsa.generate_private_key(2048),
    }
    return request_for(keys[kind]())


def ed25519_request() -> bytes:
    key = ed25519.Ed25519PrivateKey.generate()
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, None).public_bytes(Encoding.DER)


def forged() -> bytes:
    """A request whose signature does not hold."""
    return request_for(new_key())[:-4] + b"\x00\x01\x02\x03"


@pytest.mark.parametrize(
    "content",
    [
        *(pytest.param(lambda kind=kind: weak(kind), id=kind) for kind in ("rsa 1024", "P-521", "secp256k1", "dsa")),
        pytest.param(lambda: weak("rsa exponent 3"), id="rsa exponent 3"),
        pytest.param(ed25519_request, id="ed25519"),
        pytest.param(lambda: b"", id="nothing"),
        pytest.param(lambda: b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n", id="half a PEM"),
        pytest.param(lambda: b"\x30\x82\xff\xff" + b"\x00" * 200, id="no DER"),
        pytest.param(lambda: b"0" * 20_000, id="oversized"),
        pytest.param(forged, id="without the key"),
    ],
)
async def test_weak_and_malformed_requests_are_refused_and_spend_nothing(place: Place, content: Any) -> None:
    refill(place)
    token = await place.token()
    found = await refused(place.enroll(token, content()))
    assert (found.code, found.reason, found.paths) == (
        "INVALID_ARGUMENT",
        "REQUEST_INVALID",
        ("certificate_request",),
    )
    assert token not in found.everything
    kept = place.records("Enroll")[-1]
    assert (kept.outcome, kept.reason, kept.request_id) == ("refused", "REQUEST_INVALID", found.request_id)
    assert await outcome(place.enroll(token, request_for(new_key()))) == "OK"


async def test_an_rsa_key_of_3072_bits_will_do(place: Place) -> None:
    answer = await place.enroll(await place.token(), request_for(rsa.generate_private_key(65537, 3072)))
    assert answer.certificate_chain


async def test_a_message_far_above_the_limit_never_gets_in(place: Place) -> None:
    found = await refused(place.enroll(await place.token(), b"0" * 200_000))
    assert found.code == "RESOURCE_EXHAUSTED"


@pytest.mark.parametrize("code", ["../H1", "H1/admin", "H1/emr/../../registry/admin", "", "H 1", "H1\n", "H" * 65])
async def test_a_path_is_no_institution(place: Place, code: str) -> None:
    found = await refused(place.token(code))
    assert (found.code, found.paths) == ("INVALID_ARGUMENT", ("institution",))


@pytest.mark.parametrize(
    ("institution", "role", "code"),
    [("H9", "emr", "NOT_FOUND"), ("registry", "emr", "FAILED_PRECONDITION"), ("H1", "root", "INVALID_ARGUMENT")],
)
async def test_tokens_are_for_known_institutions_and_roles(
    place: Place, institution: str, role: str, code: str
) -> None:
    assert await outcome(place.token(institution, role)) == code


async def test_the_token_is_kept_hashed(place: Place) -> None:
    token = await place.token()
    registry = place.site.registry
    assert registry is not None
    found = registry.store.read(lambda reader: reader.command("SELECT * FROM enrollment_token"))  # type: ignore[attr-defined]
    assert found
    assert token not in str(found)
    assert token.encode() not in b"".join(bytes(v) for row in found for v in row if isinstance(v, bytes | memoryview))


async def test_the_enrolment_listener_serves_nothing_else(place: Place) -> None:
    async with place.stranger() as channel:
        for method in (
            "/hutong.v1.ReuseService/OpenChart",
            "/hutong.v1.CertificateService/CreateEnrollmentToken",
            "/grpc.health.v1.Health/Check",
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        ):
            call = channel.unary_unary(method)
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await call(b"", timeout=5)
            assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_enrolment_is_not_served_over_mutual_tls(place: Place) -> None:
    stub: Any = EnrollmentServiceStub(place.site.channel("registry", "admin"))
    assert await outcome(stub.GetTrust(enrollment.GetTrustRequest(), timeout=5)) == "UNIMPLEMENTED"


async def test_a_second_administrator_approves(place: Place) -> None:
    key = new_key()
    token = await place.token("H1", "emr", needs_approval=True)
    assert (await place.enroll(token, request_for(key))).pending
    assert (await place.enroll(token, request_for(key))).pending
    # Another key cannot take its place.
    assert await outcome(place.enroll(token, request_for(new_key()))) == "PERMISSION_DENIED"
    waiting = await place.admin().ListPendingEnrollments(
        certificate_service_pb2.ListPendingEnrollmentsRequest(), timeout=5
    )
    (pending,) = [each for each in waiting.pending if each.institution == "H1"]
    decision = certificate_service_pb2.DecideEnrollmentRequest(
        enrollment=pending.enrollment, approve=True, reason="known to me"
    )
    assert await outcome(place.admin().DecideEnrollment(decision, timeout=5)) == "FAILED_PRECONDITION"
    second = await second_administrator(place)
    async with place.channel(second) as channel:
        stub: Any = certificate_service_pb2_grpc.CertificateServiceStub(channel)
        await stub.DecideEnrollment(decision, timeout=5)
        assert await outcome(stub.DecideEnrollment(decision, timeout=5)) == "FAILED_PRECONDITION"
    answer = await place.enroll(token, request_for(key))
    assert not answer.pending
    assert await asks(place, Held(key, answer.certificate_chain)) == "OK"
    assert await outcome(place.enroll(token, request_for(key))) == "PERMISSION_DENIED"


async def test_what_was_refused_gets_no_certificate(place: Place) -> None:
    key, token = new_key(), await place.token("H1", "emr", needs_approval=True)
    await place.enroll(token, request_for(key))
    waiting = await place.admin().ListPendingEnrollments(
        certificate_service_pb2.ListPendingEnrollmentsRequest(), timeout=5
    )
    decision = certificate_service_pb2.DecideEnrollmentRequest(
        enrollment=waiting.pending[-1].enrollment, approve=False, reason="unknown to me"
    )
    async with place.channel(await second_administrator(place)) as channel:
        stub: Any = certificate_service_pb2_grpc.CertificateServiceStub(channel)
        await stub.DecideEnrollment(decision, timeout=5)
    assert await outcome(place.enroll(token, request_for(key))) == "PERMISSION_DENIED"


async def second_administrator(place: Place) -> Held:
    return await place.hold("registry", "admin")
