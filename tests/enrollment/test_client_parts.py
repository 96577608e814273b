"""The client's files through a crash at any moment, its channel through exchanges; and the limits of guesses."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from hutong_client.channel import TlsFilesInvalid
from hutong_client.files import CertificateFiles, put_file, put_private
from hutong_client.swapping import SwappingChannel
from hutong_server.api.challenges import Challenges
from hutong_server.api.expiry import LABELS, in_groups
from hutong_server.api.guess_limits import GuessLimits, address_of
from hutong_server.domain.errors import HutongError
from hutong_server.trust.tokens import HmacTokens

from tests.api.site import load_make_certs


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[bytes, bytes]]:
    """(key, certificate) of two certificates."""
    authority = load_make_certs().Authority(tmp_path_factory.mktemp("pairs"))
    found = (authority.client("H1", role) for role in ("emr", "feed"))
    return [(key.read_bytes(), certificate.read_bytes()) for certificate, key in found]


@pytest.mark.parametrize("stopped_after", [0, 1, 2, 3, 4])
def test_a_crash_at_any_moment_leaves_a_pair_that_fits(
    tmp_path: Path, pairs: list[tuple[bytes, bytes]], stopped_after: int
) -> None:
    files = CertificateFiles.within(tmp_path)
    files.put(*pairs[0], b"roots")
    key, certificate = pairs[1]
    new_certificate = tmp_path / "client.pem.new"
    steps = (
        lambda: put_private(files.new_key, key),
        lambda: put_file(new_certificate, certificate),
        lambda: files.new_key.replace(files.key),
        lambda: new_certificate.replace(files.certificate),
    )
    for step in steps[:stopped_after]:
        step()
    files.recover()
    found = files.key.read_bytes(), files.certificate.read_bytes()
    assert found == pairs[0 if stopped_after < 2 else 1]


def test_one_program_renews_at_a_time(tmp_path: Path) -> None:
    files = CertificateFiles.within(tmp_path)
    with files.held(), pytest.raises(BlockingIOError), files.held():
        raise AssertionError("two held it")
    with files.held():
        pass


def test_files_that_are_no_keys_are_told(tmp_path: Path) -> None:
    files = CertificateFiles.within(tmp_path)
    files.key.write_text("nothing")
    files.certificate.write_text("nothing")
    with pytest.raises(TlsFilesInvalid):
        files.load_key()
    with pytest.raises(TlsFilesInvalid):
        files.period()
    assert files.waiting_key() is None


@pytest.fixture
async def slow() -> AsyncIterator[str]:
    """A server whose calls take half a second, and whose streams last until they are ended."""

    async def call(request: bytes, _: Any) -> bytes:
        await asyncio.sleep(0.5)
        return request

    async def stream(requests: Any, _: Any) -> AsyncIterator[bytes]:
        async for request in requests:
            yield request

    server = grpc.aio.server()
    methods = {
        "Call": grpc.unary_unary_rpc_method_handler(call),
        "Stream": grpc.stream_stream_rpc_method_handler(stream),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("S", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(0)


async def test_calls_in_flight_end_on_the_channel_of_before(slow: str) -> None:
    first, second = grpc.aio.insecure_channel(slow), grpc.aio.insecure_channel(slow)
    async with SwappingChannel(first) as channel:
        method = channel.unary_unary("/S/Call")
        before = asyncio.ensure_future(method(b"1", timeout=5))
        await asyncio.sleep(0.1)
        channel.swap(second, linger=5)
        assert channel.lingering == 1
        assert await method(b"2", timeout=5) == b"2"
        assert await before == b"1"
        await asyncio.sleep(0.1)
        assert channel.lingering == 0
        with pytest.raises(grpc.aio.UsageError):
            await first.unary_unary("/S/Call")(b"3")


async def test_a_stream_that_does_not_end_is_ended_after_a_while(slow: str) -> None:
    async with SwappingChannel(grpc.aio.insecure_channel(slow)) as channel:
        stream = channel.stream_stream("/S/Stream")()
        await stream.write(b"1")
        assert await stream.read() == b"1"
        channel.swap(grpc.aio.insecure_channel(slow), linger=0.3)
        await stream.write(b"2")
        assert await stream.read() == b"2"
        await asyncio.sleep(0.6)
        assert channel.lingering == 0
        assert stream.done()


def test_guesses_come_back_with_time() -> None:
    now = [0.0]
    limits = GuessLimits((3, 1 / 6), (100, 10), clock=lambda: now[0])
    for _ in range(3):
        limits.enter("1.2.3.4")
    with pytest.raises(HutongError) as error:
        limits.enter("1.2.3.4")
    assert 5 < error.value.retry_after <= 6
    limits.enter("1.2.3.5")
    now[0] = 6.1
    limits.enter("1.2.3.4")
    limits.give_back("1.2.3.4")
    limits.enter("1.2.3.4")
    with pytest.raises(HutongError):
        limits.enter("1.2.3.4")


def test_all_addresses_together_are_limited() -> None:
    limits = GuessLimits((10, 1), (20, 1), clock=lambda: 0.0)
    for number in range(20):
        limits.enter(f"10.0.0.{number}")
    with pytest.raises(HutongError):
        limits.enter("10.0.1.1")


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:10.1.2.3:4711", "10.1.2.3"),
        ("ipv6:%5B2001:db8:1:2:3:4:5:6%5D:80", "2001:db8:1:2::/64"),
        ("ipv6:[2001:db8:1:2::9]:81", "2001:db8:1:2::/64"),
        ("unix:", "unix:"),
    ],
)
def test_an_address_is_what_one_site_has(peer: str, address: str) -> None:
    assert address_of(peer) == address


def test_challenges_are_ours_and_young() -> None:
    challenges = Challenges(HmacTokens(bytes(range(32))))
    made = challenges.make(1_000_000)
    assert len(challenges.nonce(made, 1_000_000)) == 16
    assert challenges.nonce(made, 1_000_000 + 300_000)
    assert not challenges.nonce(made, 1_000_000 + 300_001)
    assert not challenges.nonce(made, 1_000_000 - 60_001)
    assert not Challenges(HmacTokens(bytes(32))).nonce(made, 1_000_000)
    for place in range(len(made)):
        altered = bytearray(made)
        altered[place] ^= 1
        assert not challenges.nonce(bytes(altered), 1_000_000)
    assert challenges.make(1) != challenges.make(1)


def test_certificates_are_counted_by_days_left() -> None:
    found = in_groups({0: 1, 1: 2, 2: 4, 3: 8, 7: 16, 29: 32, 30: 64, 90: 128, 400: 256})
    assert tuple(found) == LABELS
    assert list(found.values()) == [1, 6, 8, 48, 64, 384]
