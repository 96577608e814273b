"""Authorities: what they sign, how they are exchanged, and what makes a directory unusable."""

import datetime
import json
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hutong_server.trust import ca, ca_directory
from hutong_server.trust.ca_directory import AuthorityFault, State
from hutong_server.trust.ca_issuing import CertificateAuthority
from hutong_server.trust.ca_request import read_request

from tests.enrollment.place import request_for

NOW = datetime.datetime(2030, 5, 1, tzinfo=datetime.UTC)
PASSPHRASE = b"correct horse battery"
LIFE = datetime.timedelta(days=7)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    ca_directory.initialize(tmp_path / "ca", "hutong.local", tmp_path / "root.key", PASSPHRASE, NOW)
    return tmp_path / "ca"


def prepare(directory: Path, **more: Path) -> ca_directory.Authorities:
    return ca_directory.prepare(
        directory, "hutong.local", directory.parent / "root.key", PASSPHRASE, NOW, more.get("new_root_key")
    )


def issued(directory: Path, now: datetime.datetime = NOW, life: datetime.timedelta = LIFE) -> x509.Certificate:
    authority = CertificateAuthority(directory, "hutong.local", life)
    request = read_request(request_for(ec.generate_private_key(ec.SECP256R1())))
    done = authority.issue(request, "H1", "emr", int(now.timestamp() * 1000))
    return x509.load_pem_x509_certificates(done.chain)[0]


def test_a_root_signs_intermediates_only_and_these_certificates_only(directory: Path) -> None:
    made = ca_directory.read(directory)
    for certificate, path_length in ((made.roots[0], 1), (made.issuer.certificate, 0)):
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        assert constraints.critical
        assert (constraints.value.ca, constraints.value.path_length) == (True, path_length)
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        assert (usage.key_cert_sign, usage.digital_signature) == (True, False)
        names = certificate.extensions.get_extension_for_class(x509.NameConstraints)
        assert names.critical
        assert names.value.permitted_subtrees == [x509.UniformResourceIdentifier("hutong.local")]
    made.issuer.certificate.verify_directly_issued_by(made.roots[0])


def test_the_roots_key_is_encrypted_and_no_key_is_open(directory: Path) -> None:
    root_key = directory.parent / "root.key"
    with pytest.raises(TypeError):
        load_pem_private_key(root_key.read_bytes(), None)
    assert load_pem_private_key(root_key.read_bytes(), PASSPHRASE)
    keys = [*directory.glob("*.key"), root_key]
    assert len(keys) == 2
    assert {key.stat().st_mode & 0o777 for key in keys} == {0o600}


def test_a_certificate_never_outlives_its_authority(directory: Path) -> None:
    late = ca_directory.read(directory).issuer.certificate.not_valid_after_utc - datetime.timedelta(days=1)
    assert issued(directory, late).not_valid_after_utc == late + datetime.timedelta(days=1)
    assert issued(directory).not_valid_after_utc == NOW + LIFE


def test_serial_numbers_are_random(directory: Path) -> None:
    serials = {issued(directory).serial_number for _ in range(50)}
    assert len(serials) == 50
    assert min(serial.bit_length() for serial in serials) > 100


def test_a_rotation_of_the_intermediate(directory: Path) -> None:
    first = ca_directory.read(directory)
    prepared = prepare(directory)
    assert [entry.state for entry in prepared.entries] == [State.ACTIVE, State.PREPARED]
    assert prepared.issuer.certificate == first.issuer.certificate
    assert len(x509.load_pem_x509_certificates((directory / "clients.pem").read_bytes())) == 2
    active = ca_directory.activate(directory)
    assert [entry.state for entry in active.entries] == [State.FORMER, State.ACTIVE]
    assert active.issuer.certificate != first.issuer.certificate
    assert active.roots == first.roots
    assert len(active.accepted) == 2
    last = ca_directory.retire(directory)
    assert last.accepted == (active.issuer.certificate,)
    assert last.retired == {ca.key_id(first.issuer.certificate)}
    assert x509.load_pem_x509_certificates((directory / "clients.pem").read_bytes()) == [active.issuer.certificate]


def test_a_rotation_of_the_root_shows_what_every_client_knows(directory: Path, tmp_path: Path) -> None:
    old = ca_directory.read(directory).roots[0]
    prepare(directory, new_root_key=tmp_path / "root2.key")
    active = ca_directory.activate(directory)
    new = active.roots[1]
    assert active.roots == (old, new)
    active.issuer.certificate.verify_directly_issued_by(new)
    active.presented.verify_directly_issued_by(old)
    assert active.presented.public_key() == active.issuer.certificate.public_key()
    assert active.anchor == old
    last = ca_directory.retire(directory)
    assert last.roots == (new,)
    assert last.presented == active.issuer.certificate
    assert last.anchor == new
    # The next one is made with the new root's key.
    with pytest.raises(AuthorityFault, match="not the key of root-2"):
        prepare(directory)


def test_a_running_authority_follows(directory: Path) -> None:
    authority = CertificateAuthority(directory, "hutong.local", LIFE)
    before = authority.current.issuer.key_id
    prepare(directory)
    assert authority.current.issuer.key_id == before
    ca_directory.activate(directory)
    assert authority.current.issuer.key_id != before
    # While the directory cannot be read, what was known stands.
    (directory / "authorities.json").write_text("{")
    assert authority.current.issuer.key_id != before


def test_steps_that_do_not_fit_are_refused(directory: Path, tmp_path: Path) -> None:
    with pytest.raises(AuthorityFault, match="none is prepared"):
        ca_directory.activate(directory)
    with pytest.raises(AuthorityFault, match="none is to be retired"):
        ca_directory.retire(directory)
    prepare(directory)
    with pytest.raises(AuthorityFault, match="prepared already"):
        prepare(directory)
    with pytest.raises(AuthorityFault, match="holds authorities already"):
        ca_directory.initialize(directory, "hutong.local", tmp_path / "other.key", PASSPHRASE, NOW)
    with pytest.raises(AuthorityFault, match="is there already"):
        ca_directory.initialize(tmp_path / "other", "hutong.local", tmp_path / "root.key", PASSPHRASE, NOW)


def test_unusable_directories_say_why(directory: Path, tmp_path: Path) -> None:
    with pytest.raises(AuthorityFault, match="hutong-server ca init"):
        ca_directory.read(tmp_path / "nothing")
    key = directory / "issuing-1.key"
    key.chmod(0o640)
    with pytest.raises(AuthorityFault, match="chmod 600"):
        ca_directory.read(directory)
    key.chmod(0o600)
    state = json.loads((directory / "authorities.json").read_text())
    state["authorities"][0]["state"] = "retired"
    (directory / "authorities.json").write_text(json.dumps(state))
    with pytest.raises(AuthorityFault, match="exactly one"):
        ca_directory.read(directory)
