"""Both suites against published vectors, and everything that is made of them in each."""

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hutong_server.store.base import DataKey, SealBroken
from hutong_server.trust.ids import KeyedIds, id_cipher
from hutong_server.trust.keys import UnsafeKey
from hutong_server.trust.sealing import KeyedSealer, SealKey
from hutong_server.trust.suites import AES, SM, SUITES, Suite
from hutong_server.trust.tokens import KeyedTokens, TokenKey
from hutong_server.trust.wrapping import kek_id, unwrapped, wrapped

KEY = bytes(range(0, 64, 2))
OTHER = bytes(range(1, 65, 2))
BOTH = pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)


def of(text: str) -> bytes:
    return bytes.fromhex("".join(text.split()))


# Published vectors


def test_aes_256_gcm_of_the_gcm_specification() -> None:
    """McGrew and Viega, The Galois/Counter Mode of Operation, test case 16; also in NIST's CAVP files."""
    cipher = AES.aead(of("feffe9928665731c6d6a8f9467308308 feffe9928665731c6d6a8f9467308308"))
    plain = of(
        "d9313225f88406e5a55909c5aff5269a 86a7a9531534f7da2e4c303d8a318a72"
        "1c3c0c95956809532fcf0e2449a6b525 b16aedf5aa0de657ba637b39"
    )
    bound = of("feedfacedeadbeeffeedfacedeadbeef abaddad2")
    sealed = of(
        "522dc1f099567d07f47f37a32a84427d 643a8cdcbfe5c0c97598a2bd2555d1aa"
        "8cb08e48590dbb3da7b08b1056828838 c5f61e6393ba7a0abcc9f662"
        "76fc6ece0f4e1768cddf8853bb2d551b"
    )
    assert cipher.encrypt(of("cafebabefacedbaddecaf888"), plain, bound) == sealed
    assert cipher.decrypt(of("cafebabefacedbaddecaf888"), sealed, bound) == plain


def test_sm4_gcm_of_rfc_8998() -> None:
    """RFC 8998, appendix A.1."""
    cipher = SM.aead(of("0123456789ABCDEFFEDCBA9876543210"))
    nonce = of("00001234567800000000ABCD")
    bound = of("FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2")
    plain = of(
        "AAAAAAAAAAAAAAAABBBBBBBBBBBBBBBB CCCCCCCCCCCCCCCCDDDDDDDDDDDDDDDD"
        "EEEEEEEEEEEEEEEEFFFFFFFFFFFFFFFF EEEEEEEEEEEEEEEEAAAAAAAAAAAAAAAA"
    )
    sealed = of(
        "17F399F08C67D5EE19D0DC9969C4BB7D 5FD46FD3756489069157B282BB200735"
        "D82710CA5C22F0CCFA7CBF93D496AC15 A56834CBCF98C397B4024A2691233B8D"
        "83DE3541E4C2B58177E065A9BF7B62EC"
    )
    assert cipher.encrypt(nonce, plain, bound) == sealed
    assert cipher.decrypt(nonce, sealed, bound) == plain
    with pytest.raises(InvalidTag):
        cipher.decrypt(nonce, sealed[:-1] + b"\0", bound)
    with pytest.raises(InvalidTag):
        cipher.decrypt(nonce, sealed, bound[:-1])


def test_sm4_of_gb_t_32907() -> None:
    """GB/T 32907-2016, appendix A.1: one block."""
    key = of("0123456789ABCDEFFEDCBA9876543210")
    encryptor = Cipher(algorithms.SM4(key), modes.ECB()).encryptor()  # noqa: S305  the vector is of one block
    assert encryptor.update(key) == of("681EDF34D206965E86B3E94F536E4246")


@pytest.mark.parametrize(
    ("message", "digest"),
    [
        (b"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
        (b"abcd" * 16, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
    ],
)
def test_sm3_of_gb_t_32905(message: bytes, digest: str) -> None:
    """GB/T 32905-2016, appendix A."""
    hasher = hashes.Hash(SM.hash())
    hasher.update(message)
    assert hasher.finalize().hex() == digest


@pytest.mark.parametrize(
    ("key", "message", "digest"),
    [
        (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (b"\xaa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    ],
)
def test_hmac_sha_256_of_rfc_4231(key: bytes, message: bytes, digest: str) -> None:
    assert AES.mac(key, message).hex() == digest


def test_hmac_sm3_is_rfc_2104_over_sm3() -> None:
    """RFC 2104 from the hash whose vectors are above: no standard prints a vector of HMAC-SM3 itself."""

    def sm3(content: bytes) -> bytes:
        hasher = hashes.Hash(hashes.SM3())
        hasher.update(content)
        return hasher.finalize()

    for key in (b"key", b"k" * 64, b"longer than a block " * 5):
        block = (sm3(key) if len(key) > 64 else key).ljust(64, b"\0")
        inner = sm3(bytes(byte ^ 0x36 for byte in block) + b"message")
        assert SM.mac(key, b"message") == sm3(bytes(byte ^ 0x5C for byte in block) + inner)


# What is made of them


@BOTH
def test_a_seal_names_its_key_and_opens_in_its_place(suite: Suite) -> None:
    sealer = KeyedSealer()
    one, other = SealKey.of(7, suite, KEY), SealKey.of(300, suite, OTHER)
    sealer.use([one, other], one)
    first = sealer.seal(b"plain", b"here")
    sealer.use([one, other], other)
    second = sealer.seal(b"plain", b"here")
    assert (first[:3], second[:3]) == (bytes((suite.mark, 0, 7)), bytes((suite.mark, 1, 44)))
    assert sealer.open(first, b"here") == sealer.open(second, b"here") == b"plain"
    for blob in (first, second):
        for at in range(len(blob)):
            with pytest.raises(SealBroken):
                sealer.open(blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :], b"here")
            with pytest.raises(SealBroken):
                sealer.open(blob[:at], b"here")
        with pytest.raises(SealBroken):
            sealer.open(blob, b"there")


def test_a_key_that_is_not_here_is_asked_for_once() -> None:
    one, other = SealKey.of(7, AES, KEY), SealKey.of(8, AES, OTHER)
    asked = []

    def missing() -> None:
        asked.append(1)
        sealer.use([one, other], one)

    sealer = KeyedSealer(missing)
    sealer.use([other], other)
    blob = sealer.seal(b"plain", b"")
    sealer.use([one], one)
    assert sealer.open(blob, b"") == b"plain"
    assert sealer.open(blob, b"") == b"plain"
    assert len(asked) == 1
    with pytest.raises(SealBroken):
        sealer.open(b"\x02\x00\x63" + blob[3:], b"")


@BOTH
def test_tokens_know_what_they_are_under_the_other_keys(suite: Suite) -> None:
    former, new = TokenKey.of(2, suite, KEY), TokenKey.of(9, suite, OTHER)
    tokens = KeyedTokens()
    tokens.use(former, (), suite, KEY)
    before = tokens.patient("s", "a", "v")
    tokens.use(new, (former,), suite, KEY)
    after = tokens.patient("s", "a", "v")
    assert len(after) == 32
    assert (after.also, after.key) == ((bytes(before),), 9)
    assert after != before
    assert tokens.remade(before.identifier) == after
    # What stands for a patient in a report's identity does not change.
    assert tokens.lasting(after) == tokens.lasting(before) == bytes(before)


def test_suites_give_different_tokens() -> None:
    made = []
    for suite in SUITES.values():
        tokens = KeyedTokens()
        tokens.use(TokenKey.of(2, suite, KEY), (), suite, KEY)
        made += [bytes(tokens.patient("s", "a", "v")), tokens.digest("s", "a", "v")]
    assert len(set(made)) == 4


@BOTH
def test_ids_open_for_whom_they_were_made_under_every_key_that_counts(suite: Suite) -> None:
    ids = KeyedIds()
    former, new = id_cipher(suite, KEY), id_cipher(suite, OTHER)
    ids.use(former, ())
    text = ids.seal("report", "H1", [b"k" * 16, b""])
    assert text == ids.seal("report", "H1", [b"k" * 16, b""])
    ids.use(new, (former,))
    assert ids.open("report", "H1", text) == (b"k" * 16, b"")
    assert ids.seal("report", "H1", [b"k" * 16, b""]) != text
    for kind, audience in (("report", "H2"), ("prompt", "H1")):
        assert ids.open(kind, audience, text) is None
    ids.use(new, ())
    assert ids.open("report", "H1", text) is None
    assert ids.open("report", "H1", "hAAAA") is None


@BOTH
def test_a_wrapped_key_opens_under_its_own_key_and_for_its_own_purpose(suite: Suite) -> None:
    wrap = wrapped(KEY, 5, "seal", suite, OTHER)
    assert wrap[0] == kek_id(KEY)
    key = DataKey(5, "seal", suite.name, "current", 0, 0, (wrap,))
    assert unwrapped(KEY, key) == OTHER
    for number, purpose in ((6, "seal"), (5, "token")):
        with pytest.raises(UnsafeKey, match="altered"):
            unwrapped(KEY, DataKey(number, purpose, suite.name, "current", 0, 0, (wrap,)))
    with pytest.raises(UnsafeKey, match="wrapped under") as refused:
        unwrapped(OTHER, key)
    assert KEY.hex() not in str(refused.value)
    with pytest.raises(UnsafeKey, match="not known"):
        unwrapped(KEY, DataKey(5, "seal", "rot13", "current", 0, 0, (wrap,)))
