"""Certificate requests and proofs from anybody: read whole, or refused; never another exception."""

import contextlib
import datetime
import hashlib
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from hutong_server.trust.ca import make_issuing, make_root, pem, sign_client
from hutong_server.trust.ca_request import (
    RENEWAL_LABEL,
    RequestRefused,
    key_fingerprint,
    proven_certificate,
    read_request,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.enrollment.place import NOW, request_for

KEY = ec.generate_private_key(ec.SECP256R1())
REQUEST = request_for(KEY)
ISSUER = make_issuing("issuing", "hutong.local", make_root("root", "hutong.local", NOW), NOW)
NAME = "spiffe://hutong.local/institution/H1/emr"
LEAF = sign_client(ISSUER, KEY.public_key(), NAME, "H1", NOW, datetime.timedelta(days=7))
CHALLENGE = b"c" * 56
MESSAGE = RENEWAL_LABEL + CHALLENGE + hashlib.sha256(REQUEST).digest()


def test_a_request_is_its_key() -> None:
    found = read_request(REQUEST)
    assert found.key_fingerprint == key_fingerprint(KEY.public_key())
    assert found.der == REQUEST


@given(st.binary(max_size=600))
def test_any_bytes_are_refused(content: bytes) -> None:
    with contextlib.suppress(RequestRefused):
        raise AssertionError(read_request(content))


def test_every_flipped_bit_is_refused() -> None:
    good = x509.load_der_x509_csr(REQUEST)
    for place in range(len(REQUEST)):
        for bit in range(8):
            altered = bytearray(REQUEST)
            altered[place] ^= 1 << bit
            try:
                read_request(bytes(altered))
            except RequestRefused:
                continue
            # What is left is a second spelling of the same: DER lets a bit string that ends in 0 leave that bit out.
            read = x509.load_der_x509_csr(bytes(altered))
            assert (read.tbs_certrequest_bytes, read.signature) == (good.tbs_certrequest_bytes, good.signature)


@pytest.mark.filterwarnings("ignore:Parsed a serial number")  # the library's word on what is refused here
def test_every_flipped_bit_of_a_certificate_proves_nothing() -> None:
    request, good = read_request(REQUEST), KEY.sign(MESSAGE, ec.ECDSA(SHA256()))
    der, own = LEAF.public_bytes(Encoding.DER), LEAF.fingerprint(SHA256()).hex()
    for place in range(len(der)):
        altered = bytearray(der)
        altered[place] ^= 1 << place % 8
        assert proven_certificate(ssl.DER_cert_to_PEM_cert(bytes(altered)).encode(), CHALLENGE, request, good) != own


def test_a_proof_is_by_the_key_of_the_certificate() -> None:
    request = read_request(REQUEST)
    good = KEY.sign(MESSAGE, ec.ECDSA(SHA256()))
    assert proven_certificate(pem(LEAF), CHALLENGE, request, good) == LEAF.fingerprint(SHA256()).hex()
    assert not proven_certificate(pem(LEAF), CHALLENGE[:-1], request, good)
    assert not proven_certificate(pem(ISSUER.certificate), CHALLENGE, request, good)
    other = read_request(request_for(rsa.generate_private_key(65537, 2048)))
    assert not proven_certificate(pem(LEAF), CHALLENGE, other, good)


@given(chain=st.binary(max_size=300), signature=st.binary(max_size=100))
def test_any_bytes_prove_nothing(chain: bytes, signature: bytes) -> None:
    request = read_request(REQUEST)
    assert proven_certificate(chain, CHALLENGE, request, signature) == ""
    assert proven_certificate(pem(LEAF), CHALLENGE, request, signature) == ""
