"""Signed checkpoints: the form of C2SP, and what does not verify."""

import hashlib
from base64 import b64decode, b64encode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hutong_server.trust.checkpoint import Checkpoint, CheckpointInvalid, CheckpointKey, CheckpointVerifier, note_of
from hutong_server.trust.ledger import MerkleLedger
from hutong_server.trust.ledger_export import CheckpointExport, write_checkpoint
from hutong_server.trust.merkle import leaf_hash

KEY = CheckpointKey("hutong.test", bytes(range(32)))
AT = Checkpoint(bytes(range(16)), 5, hashlib.sha256(b"root").digest())
NOTE = note_of("hutong.test", AT, KEY.sign(AT))


def test_the_form_is_that_of_a_signed_note() -> None:
    text, signature = NOTE.split("\n\n")
    assert text.split("\n") == ["hutong.test/" + bytes(range(16)).hex(), "5", b64encode(AT.root).decode()]
    dash, name, encoded = signature.removesuffix("\n").split(" ")
    assert (dash, name) == ("\N{EM DASH}", "hutong.test")
    signed_name, key_id, public = KEY.verifier.text.split("+", 2)
    algorithm_and_key = b64decode(public)
    # The key id by the definition: SHA-256 of name, newline, algorithm 0x01 and key, four bytes of it.
    assert key_id == hashlib.sha256(b"hutong.test\n" + algorithm_and_key).hexdigest()[:8]
    assert signed_name == name
    assert algorithm_and_key[0] == 1
    assert b64decode(encoded)[:4].hex() == key_id
    Ed25519PublicKey.from_public_bytes(algorithm_and_key[1:]).verify(b64decode(encoded)[4:], (text + "\n").encode())


def test_a_verifier_reads_what_the_key_signed() -> None:
    assert CheckpointVerifier.of(KEY.verifier.text).read(NOTE) == AT


@pytest.mark.parametrize(
    "note",
    [
        NOTE.replace("\n5\n", "\n6\n"),
        NOTE.replace("\n5\n", "\n05\n"),
        NOTE.replace("00010203", "00010204"),
        NOTE.replace("hutong.test/", "other.test/"),
        NOTE.replace("\n\n", "\nmore\n\n"),
        NOTE.rstrip("\n"),
        NOTE.split("\n\n")[0] + "\n\n",
        "",
        "x" * 5000,
        note_of("hutong.test", AT, CheckpointKey("hutong.test", bytes(32)).sign(AT)),
        note_of("hutong.test", AT, KEY.sign(AT)[:-1] + bytes([KEY.sign(AT)[-1] ^ 1])),
    ],
)
def test_anything_else_is_refused(note: str) -> None:
    with pytest.raises(CheckpointInvalid):
        KEY.verifier.read(note)


@pytest.mark.parametrize("text", ["", "a+b", "hutong.test+00000000+" + b64encode(b"\x01" + bytes(32)).decode()])
def test_what_is_no_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(CheckpointInvalid):
        CheckpointVerifier.of(text)


def test_a_log_goes_on_only_from_what_became_durable() -> None:
    log = MerkleLedger(KEY).new_log()
    one, other = leaf_hash(b"one"), leaf_hash(b"other")
    first = log.signed([one])
    assert log.size == 0
    assert log.signed([one]) == first
    log.advance()
    grown = log.signed([other])
    assert (log.size, grown.size) == (1, 2)
    log.advance()
    assert grown.root == MerkleLedger(KEY).root_log([one, other]).signed([]).root


def test_every_log_has_its_newest_checkpoint_exported_and_none_is_replaced(tmp_path: Path) -> None:
    directory = tmp_path / "out"
    export = CheckpointExport(directory, KEY.name)
    ledger = MerkleLedger(KEY, export)
    logs = [ledger.new_log() for _ in range(2)]
    for log in logs:
        for number in range(3):
            tree = log.signed([leaf_hash(b"%d" % number)])
            log.advance()
            ledger.committed(log.log_id, tree)
    there = directory / f"{logs[0].log_id.hex()}-000000000003.checkpoint"
    there.write_text("kept")
    export.close()
    assert there.read_text() == "kept"
    other = directory / f"{logs[1].log_id.hex()}-000000000003.checkpoint"
    assert KEY.verifier.read(other.read_text()) == Checkpoint(logs[1].log_id, 3, tree.root)


def test_a_checkpoint_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between the making of a file and its writing, the registry must not leave what is no signed note."""

    def cut(descriptor: int, text: bytes) -> int:
        raise OSError(5, "the process ends here")

    with monkeypatch.context() as patched:
        patched.setattr("hutong_server.trust.ledger_export.os.write", cut)
        with pytest.raises(OSError, match="ends here"):
            write_checkpoint(tmp_path, bytes(16), 7, "note")
    assert list(tmp_path.glob("*.checkpoint")) == []
    assert write_checkpoint(tmp_path, bytes(16), 7, "note").read_text() == "note"
    assert write_checkpoint(tmp_path, bytes(16), 7, "note").name == f"{bytes(16).hex()}-000000000007.checkpoint"
    # The root log after a restore: what was said before stays beside it.
    for _ in range(2):
        assert write_checkpoint(tmp_path, bytes(16), 7, "another").read_text() == "another"
    assert sorted(path.read_text() for path in tmp_path.glob("*.checkpoint")) == ["another", "note"]
