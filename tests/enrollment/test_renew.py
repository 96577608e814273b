"""Renewal by proof of the old key: in time, within the grace, once for each challenge; never for what was revoked."""

import asyncio
import secrets
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from hutong.v1 import catalog_service_pb2 as catalog
from hutong.v1 import certificate_service_pb2
from hutong_server.app import now

from tests.api.site import load_make_certs, outcome, refused
from tests.enrollment.place import Held, Place, renewal
from tests.enrollment.test_enroll import asks, refill

DAY = 24 * 3600 * 1000
ONE_ANSWER = ("PERMISSION_DENIED", "ENROLLMENT_REFUSED", "The enrolment is refused.", ())


async def renewed(place: Place, held: Held) -> Held:
    """Renews, and gives what is held then."""
    key = ec.generate_private_key(ec.SECP256R1())
    answer = await place.send_renewal(renewal(held, (await place.trust()).challenge, key=key))
    return Held(key, answer.certificate_chain)


async def change(place: Place, held: Held, **changed: int) -> None:
    """Changes the row of a certificate: what the registry knows of its period."""

    def job(writer: Any) -> None:
        row = writer.certificate(held.serial)
        writer.put_certificate(replace(row, **changed))

    assert place.site.registry is not None
    await asyncio.wrap_future(place.site.registry.store.submit(job))


async def row_of(place: Place, held: Held) -> Any:
    assert place.site.registry is not None
    return place.site.registry.store.read(lambda reader: reader.certificate(held.serial))


async def test_a_certificate_renews_under_the_same_name(place: Place) -> None:
    refill(place)
    held = await place.hold("H1", "feed")
    fresh = await renewed(place, held)
    assert fresh.names == held.names
    assert fresh.leaf.public_key() != held.leaf.public_key()
    row, before = await row_of(place, fresh), await row_of(place, held)
    assert (row.renewed_from, row.lineage) == (held.serial, before.lineage)
    again = await renewed(place, held)
    assert (await row_of(place, again)).lineage == before.lineage


async def test_a_renewal_cannot_be_replayed(place: Place) -> None:
    refill(place)
    held = await place.hold()
    request = renewal(held, (await place.trust()).challenge)
    assert await outcome(place.send_renewal(request)) == "OK"
    found = await refused(place.send_renewal(request))
    assert (found.code, found.reason, found.text, found.paths) == ONE_ANSWER
    assert place.records("Renew")[-1].detail == ("challenge_used",)


async def test_of_ten_replays_at_once_one_renews(place: Place) -> None:
    refill(place)
    request = renewal(await place.hold(), (await place.trust()).challenge)
    found = await asyncio.gather(*(outcome(place.send_renewal(request)) for _ in range(10)))
    assert sorted(found) == ["OK"] + ["PERMISSION_DENIED"] * 9


async def test_every_wrong_proof_gets_one_answer(place: Place, tmp_path: Any) -> None:
    refill(place)
    held, other = await place.hold(), await place.hold("H2", "emr")
    challenge = (await place.trust()).challenge
    wrong = {
        "another key": renewal(held, challenge, ec.generate_private_key(ec.SECP256R1())),
        "another's certificate": renewal(Held(held.key, other.chain), challenge),
        "a made-up challenge": renewal(held, secrets.token_bytes(len(challenge))),
        "no challenge": renewal(held, b""),
        "no certificate": renewal(Held(held.key, b""), challenge),
        "not a certificate": renewal(Held(held.key, b"-----BEGIN CERTIFICATE-----\nAA==\n"), challenge),
    }
    swapped = renewal(held, challenge)
    swapped.certificate_request = renewal(held, challenge).certificate_request
    wrong["another request"] = swapped
    # Of an authority that the registry accepts, and that is not its own.
    certificate, key = place.site.material.authority.client("H1", "emr")
    wrong["not issued here"] = renewal(Held(load_make_certs()._load_key(key), certificate.read_bytes()), challenge)
    for name, request in wrong.items():
        found = await refused(place.send_renewal(request))
        assert (found.code, found.reason, found.text, found.paths) == ONE_ANSWER, name
    assert await outcome(place.send_renewal(renewal(held, challenge))) == "OK"
    refill(place)


async def test_an_old_challenge_is_no_good(place: Place) -> None:
    refill(place)
    held = await place.hold()
    registry = place.site.registry
    assert registry is not None
    assert registry.enrollment is not None
    challenges = registry.enrollment.servicer.challenges
    old = challenges.make(now() - 6 * 60 * 1000)
    assert await outcome(place.send_renewal(renewal(held, old))) == "PERMISSION_DENIED"
    young = challenges.make(now() - 4 * 60 * 1000)
    assert await outcome(place.send_renewal(renewal(held, young))) == "OK"


async def test_a_station_that_was_off_for_weeks_comes_back(place: Place) -> None:
    refill(place)
    held = await place.hold()
    await change(place, held, not_after=now() - 29 * DAY)
    assert await asks(place, await renewed(place, held)) == "OK"


async def test_one_that_was_off_for_longer_needs_a_token(place: Place) -> None:
    refill(place)
    held = await place.hold()
    await change(place, held, not_after=now() - 31 * DAY)
    assert await outcome(place.renew(held)) == "PERMISSION_DENIED"
    assert place.records("Renew")[-1].detail == ("certificate_expired_for_too_long",)


async def test_what_was_revoked_does_not_renew(place: Place) -> None:
    refill(place)
    held = await place.hold()
    revocation = certificate_service_pb2.RevokeCertificateRequest(serial=held.serial, reason="stolen")
    await place.admin().RevokeCertificate(revocation, timeout=5)
    found = await refused(place.renew(held))
    assert (found.code, found.reason, found.text, found.paths) == ONE_ANSWER
    assert place.records("Renew")[-1].detail == ("certificate_revoked",)


async def test_a_suspended_institution_does_not_renew(place: Place) -> None:
    refill(place)
    held = await place.hold("H2", "emr")
    suspension = catalog.SuspendInstitutionRequest(code="H2", scope=catalog.SUSPENSION_SCOPE_ACCESS, reason="test")
    await place.site.catalog().SuspendInstitution(suspension, timeout=5)
    try:
        assert await outcome(place.renew(held)) == "PERMISSION_DENIED"
    finally:
        suspension.lift = True
        await place.site.catalog().SuspendInstitution(suspension, timeout=5)
    assert await outcome(place.renew(held)) == "OK"
