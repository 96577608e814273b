"""A client of several replicas without a balancer: calls go to all of them in turn, and past one that is away."""

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from hutong.v1 import registry_service_pb2 as registry
from hutong_client.cli.output import stderr, stdout
from hutong_client.cli.session import Options, Session, UsageFault

from tests.client.conftest import connect


@asynccontextmanager
async def answering(authority: Any, addresses: list[str]) -> AsyncIterator[tuple[Counter[str], dict[str, Any]]]:
    """Bare servers at these addresses; (how many calls each had, the servers)."""
    calls: Counter[str] = Counter()
    servers = {}
    certificate, key = authority.server()
    credentials = grpc.ssl_server_credentials(
        [(key.read_bytes(), certificate.read_bytes())], authority.certificate_file.read_bytes(), True
    )
    for address in addresses:

        async def answer(_: Any, __: Any, address: str = address) -> registry.GetFeedStatusResponse:
            calls[address] += 1
            return registry.GetFeedStatusResponse()

        method = grpc.unary_unary_rpc_method_handler(
            answer, registry.GetFeedStatusRequest.FromString, registry.GetFeedStatusResponse.SerializeToString
        )
        server = grpc.aio.server()
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("hutong.v1.RegistryService", {"GetFeedStatus": method}),)
        )
        assert server.add_secure_port(address, credentials)
        await server.start()
        servers[address] = server
    try:
        yield calls, servers
    finally:
        for server in servers.values():
            await server.stop(0)


def _free(*hosts: str) -> int:
    """A port that is free at all of these addresses."""
    for _ in range(20):
        with socket.socket() as first:
            first.bind((hosts[0], 0))
            port: int = first.getsockname()[1]
            try:
                for host in hosts[1:]:
                    with socket.socket() as other:
                        other.bind((host, port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")


async def test_calls_go_to_all_of_a_list_and_past_one_that_ends(authority: Any) -> None:
    one, two = (f"127.0.0.1:{_free('127.0.0.1')}" for _ in range(2))
    async with (
        answering(authority, [one, two]) as (calls, servers),
        connect(authority, f"{one},{two}", role="feed", server_name="localhost", deadline=5) as client,
    ):
        await _until_both(client, calls)
        await servers[one].stop(0)
        before = calls[two]
        for _ in range(20):
            await client.feed_status("f")
        assert calls[two] == before + 20


async def test_calls_go_to_all_addresses_of_a_name(authority: Any) -> None:
    hosts = "127.0.0.1", "127.0.0.2"
    port = _free(*hosts)
    async with (
        answering(authority, [f"{host}:{port}" for host in hosts]) as (calls, _),
        names(hosts) as resolver,
        connect(
            authority, f"dns://{resolver}/registry.test:{port}", server_name="localhost", deadline=5, spread=True
        ) as client,
    ):
        await _until_both(client, calls)


async def _until_both(client: Any, calls: Counter[str]) -> None:
    """Connections are made one after the other."""
    for _ in range(200):
        await client.feed_status("f")
        if len(calls) == 2:
            break
        await asyncio.sleep(0.01)
    calls.clear()
    for _ in range(20):
        await client.feed_status("f")
    assert sorted(calls.values()) == [10, 10]


class _Names(asyncio.DatagramProtocol):
    """A name server that knows one answer to every question for an IPv4 address, and none to others."""

    def __init__(self, hosts: tuple[str, ...]) -> None:
        self._answers = b"".join(struct.pack("!HHHIH", 0xC00C, 1, 1, 60, 4) + socket.inet_aton(host) for host in hosts)
        self._count = len(hosts)

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, question: bytes, sender: Any) -> None:
        end = question.index(b"\0", 12) + 5
        known = question[end - 4 : end - 2] == b"\0\1"
        head = question[:2] + struct.pack("!HHHHH", 0x8180, 1, self._count if known else 0, 0, 0)
        self._transport.sendto(head + question[12:end] + (self._answers if known else b""), sender)


@asynccontextmanager
async def names(hosts: tuple[str, ...]) -> AsyncIterator[str]:
    """Address of a name server."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Names(hosts), local_addr=("127.0.0.1", 0))
    try:
        yield f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"
    finally:
        transport.close()


@pytest.mark.parametrize(
    ("registry", "name", "fault"),
    [
        ("127.0.0.1:1,127.0.0.1:2", "", "server_name"),
        ("one.example:1,two.example:2", "registry.example", "IP:PORT"),
        ("127.0.0.1,127.0.0.2", "registry.example", "IP:PORT"),
        ("127.0.0.1:1,[::1]:2", "registry.example", "all IPv4 or all IPv6"),
        ("127.0.0.1:1,", "registry.example", "IP:PORT"),
    ],
)
async def test_what_is_no_list_of_addresses_is_told(authority: Any, registry: str, name: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        connect(authority, registry, server_name=name)


def test_a_command_takes_one_registry(authority: Any) -> None:
    certificate, key = authority.client("H1", "emr")
    options = Options("127.0.0.1:1,127.0.0.1:2", authority.certificate_file, certificate, key)
    with pytest.raises(UsageFault, match="HOST:PORT"):
        Session(options, stdout(), stderr()).connect(1.0)
