"""Keys, tokens, seals and ids. What was made once must open for ever: golden values stand for what is at rest."""

import os
import sys
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from hutong_server.store.base import SealBroken
from hutong_server.trust.ids import SealedIds
from hutong_server.trust.keys import UnsafeKey, create_key_file, derive, read_key_file
from hutong_server.trust.sealing import AesGcmSealer
from hutong_server.trust.suites import AES
from hutong_server.trust.tokens import HmacTokens, KeyedTokens, TokenKey
from hypothesis import given
from hypothesis import strategies as st

KEY = bytes(range(0, 64, 2))
IDS = SealedIds(KEY)
SEALER = AesGcmSealer(KEY)
TOKENS = HmacTokens(KEY)
GOOD = b"9f3c1de0a7b24458c6610f2be8d97a35d41c6e0785bbf29a30e4c8517ad2963f"
"""Would do as the content of a key file."""


# Key files


def test_a_made_key_file_is_private_random_and_read_back(tmp_path: Path) -> None:
    one, other = tmp_path / "keys" / "token.key", tmp_path / "keys" / "seal.key"
    create_key_file(one)
    create_key_file(other)
    assert one.stat().st_mode & 0o777 == 0o600
    assert len(read_key_file(one)) == 32
    assert read_key_file(one) != read_key_file(other)


def test_a_key_file_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "seal.key"
    create_key_file(path)
    key = read_key_file(path)
    with pytest.raises(FileExistsError):
        create_key_file(path)
    assert read_key_file(path) == key


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o666])
def test_a_key_that_others_may_reach_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "seal.key"
    create_key_file(path)
    path.chmod(mode)
    with pytest.raises(UnsafeKey, match="others"):
        read_key_file(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"00" * 32,
        b"ff" * 32,
        b"deadbeef" * 8,
        bytes(range(32)).hex().encode(),
        bytes(range(255, 223, -1)).hex().encode(),
        GOOD[2:],
        GOOD + b"a5",
        b"x" * 64,
        bytes.fromhex(GOOD.decode()),
        "é".encode() * 32,
        GOOD + b"\n\n" + GOOD,
    ],
)
def test_a_key_that_is_no_key_is_refused_and_not_shown(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "seal.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(UnsafeKey) as refused:
        read_key_file(path)
    shown = content.decode("latin-1").strip()
    assert not shown or shown not in str(refused.value)


def test_the_good_key_of_these_tests_is_good(tmp_path: Path) -> None:
    path = tmp_path / "seal.key"
    for content in (GOOD, GOOD + b"\n", GOOD.upper()):
        path.write_bytes(content)
        path.chmod(0o600)
        assert read_key_file(path) == bytes.fromhex(GOOD.decode())


def test_what_is_not_a_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "absent"):
        with pytest.raises(UnsafeKey, match=path.name):
            read_key_file(path)


def test_keys_are_derived_as_rfc_5869_says() -> None:
    expected = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    assert derive(b"\x0b" * 22, "", 42).hex() == expected


# Tokens


def test_tokens_never_change() -> None:
    expected = "a1f6d072d1b8d53722ae73b7f0006a1f785b4c043d9f9f69615f47f24bb93d7e"
    assert TOKENS.patient("urn:x", "", "990421198005120012").hex() == expected
    expected = "f5d76aae4b5a58af7e9bcaba7b8e9f1d2e970752b7eb13eae071e0d433974247"
    assert TOKENS.digest("report", "H1", "s", "v").hex() == expected


@given(st.lists(st.lists(st.text(st.characters(), max_size=4), min_size=1, max_size=4), min_size=2, max_size=6))
def test_digests_are_equal_only_for_equal_parts(lists: list[list[str]]) -> None:
    digests = {tuple(parts): TOKENS.digest(*parts) for parts in lists}
    assert len(set(digests.values())) == len(digests)
    assert all(TOKENS.digest(*parts) == digest for parts, digest in digests.items())


def test_tokens_depend_on_the_key_and_on_each_part() -> None:
    same = TOKENS.patient("s", "a", "v")
    others = {
        HmacTokens(KEY[::-1]).patient("s", "a", "v"),
        TOKENS.patient("sa", "", "v"),
        TOKENS.patient("s", "av", ""),
        TOKENS.digest("s", "a", "v"),
    }
    assert len(same) == 32
    assert len(others | {same}) == 5


# Seals


def test_what_was_sealed_opens_for_ever() -> None:
    blob = "01643d70535407028908adbc848b4cf21bbb6ef9c764df90933b880ddd78683162d8bb25174722289467a793"
    assert SEALER.open(bytes.fromhex(blob), b"context").decode() == "血清钾 4.10"


def test_a_seal_is_aes_256_gcm_over_the_header_and_the_context() -> None:
    sealed = SEALER.seal(b"plain", b"context")
    assert sealed[:3] == b"\x02\x00\x01"
    cipher = AESGCM(derive(KEY, f"hutong seal 2 {sealed[3]}"))
    assert cipher.decrypt(sealed[4:16], sealed[16:], sealed[:4] + b"context") == b"plain"


def test_what_was_sealed_before_there_were_several_keys_opens_for_ever() -> None:
    cipher = AESGCM(derive(KEY, "hutong seal 1 7"))
    sealed = b"\x01\x07" + b"n" * 12 + cipher.encrypt(b"n" * 12, b"plain", b"\x01\x07context")
    assert SEALER.open(sealed, b"context") == b"plain"
    with pytest.raises(SealBroken):
        SEALER.open(sealed, b"elsewhere")


@given(st.binary(max_size=200), st.binary(max_size=40))
def test_a_seal_opens_in_its_place_and_nowhere_else(plain: bytes, context: bytes) -> None:
    sealed = SEALER.seal(plain, context)
    assert SEALER.open(sealed, context) == plain
    assert sealed != SEALER.seal(plain, context)
    for moved in (context + b"x", context[:-1] if context else b"y"):
        with pytest.raises(SealBroken):
            SEALER.open(sealed, moved)
    with pytest.raises(SealBroken):
        AesGcmSealer(KEY[::-1]).open(sealed, context)


def test_a_seal_that_was_altered_anywhere_does_not_open() -> None:
    sealed = SEALER.seal(b"4.10", b"")
    for at in range(len(sealed)):
        with pytest.raises(SealBroken):
            SEALER.open(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :], b"")
        with pytest.raises(SealBroken):
            SEALER.open(sealed[:at], b"")


# Ids


def test_ids_never_change() -> None:
    text = "haVOnuz-MbQP69-BjH-XFkvgkLZu8JADR5-FwOrEsCAW1wHOqdib3l9p5iS4FDZm57fZZCXo"
    assert IDS.seal("report", "H1", [b"k" * 16, b"r" * 16]) == text
    assert IDS.open("report", "H1", text) == (b"k" * 16, b"r" * 16)


def test_the_cipher_of_ids_is_that_of_rfc_5297() -> None:
    key = bytes.fromhex("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
    bound = bytes.fromhex("101112131415161718191a1b1c1d1e1f2021222324252627")
    sealed = AESSIV(key).encrypt(bytes.fromhex("112233445566778899aabbccddee"), [bound])
    assert sealed.hex() == "85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c"


@given(st.lists(st.binary(max_size=40), max_size=4), st.text(max_size=8), st.text(max_size=8))
def test_an_id_opens_for_its_kind_and_audience_only(parts: list[bytes], kind: str, audience: str) -> None:
    text = IDS.seal(kind, audience, parts)
    assert text == IDS.seal(kind, audience, parts)
    assert IDS.open(kind, audience, text) == tuple(parts)
    assert IDS.open(kind + "x", audience, text) is None
    assert IDS.open(kind, audience + "x", text) is None
    if kind != audience:
        assert IDS.open(audience, kind, text) is None
    assert SealedIds(KEY[::-1]).open(kind, audience, text) is None


@given(st.binary(max_size=40))
def test_an_id_never_looks_like_an_option_of_a_command_line(part: bytes) -> None:
    assert IDS.seal("report", "H1", [part])[0].isalpha()


@given(st.text(max_size=120) | st.from_regex(r"[A-Za-z0-9_-]{0,80}", fullmatch=True))
def test_what_is_no_id_gives_none(text: str) -> None:
    assert IDS.open("report", "H1", text) is None


def test_an_id_has_one_spelling() -> None:
    for size in range(1, 6):
        text = IDS.seal("report", "H1", [b"r" * size])
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        spellings = [text[:-1] + last for last in alphabet] + [text + "=", text + "\n", " " + text, text + "=="]
        assert [each for each in spellings if IDS.open("report", "H1", each) is not None] == [text]


def test_a_part_that_is_too_long_is_an_error() -> None:
    with pytest.raises(ValueError, match="too long"):
        IDS.seal("report", "H1", [b"x" * 65_536])


def test_an_exchange_of_token_keys_is_seen_whole_or_not_at_all() -> None:
    """A look-up made between two exchanges names its patient under both keys, as one made before or after it does."""
    one, two = (TokenKey.of(number, AES, bytes([number]) * 32) for number in (1, 2))
    tokens = KeyedTokens()
    tokens.use(one, (two,), AES, bytes(range(32)))
    wanted = {one.token(b"identifier"), two.token(b"identifier")}
    stop = threading.Event()

    def exchange() -> None:
        while not stop.is_set():
            tokens.use(two, (one,), AES, bytes(range(32)))
            tokens.use(one, (two,), AES, bytes(range(32)))

    former = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    exchanging = threading.Thread(target=exchange)
    exchanging.start()
    try:
        for _ in range(20_000):
            found = tokens.remade(b"identifier")
            assert {bytes(found), *found.also} == wanted
    finally:
        stop.set()
        exchanging.join()
        sys.setswitchinterval(former)
