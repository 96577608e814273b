"""HTTP/2 by hand, over real mutual TLS: what a client library would never send, and what it would never leave out."""

import asyncio
import ssl
import struct
import time
from dataclasses import dataclass, field
from pathlib import Path

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
ACK = END_STREAM = 1
END_HEADERS = 4


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """RFC 9113 §4.1."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def message(content: bytes, *, compressed: bool = False, length: int | None = None) -> bytes:
    """gRPC's length-prefixed message."""
    return bytes([compressed]) + struct.pack(">I", len(content) if length is None else length) + content


def literal(name: bytes, value: bytes) -> bytes:
    """A header field without indexing (RFC 7541 §6.2.2), up to 126 bytes each."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def call_headers(method: str, *more: tuple[bytes, bytes]) -> bytes:
    """What begins a gRPC call: POST, https, the method."""
    fields = [
        (b":path", method.encode()),
        (b":authority", b"localhost"),
        (b"te", b"trailers"),
        (b"content-type", b"application/grpc"),
        *more,
    ]
    return b"\x83\x87" + b"".join(literal(name, value) for name, value in fields)


def client_tls(ca: Path, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """A client's side of TLS, HTTP/2 agreed on."""
    tls = ssl.create_default_context(cafile=str(ca))
    tls.set_alpn_protocols(["h2"])
    if certificate is not None:
        tls.load_cert_chain(certificate, key)
    return tls


@dataclass
class Seen:
    """What the server sent until it closed the connection, or was left alone."""

    frames: list[tuple[int, int, int, bytes]] = field(default_factory=list)
    closed: bool = False
    seconds: float = 0.0
    received: int = 0
    """Bytes of messages."""

    def kinds(self) -> set[int]:
        return {kind for kind, *_ in self.frames}


class Connection:
    """One connection. Answers settings and pings unless told otherwise; never widens a window."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port: int, tls: ssl.SSLContext, *, preface: bool = True) -> "Connection":
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname="localhost")
        found = cls(reader, writer)
        if preface:
            found.send(PREFACE + frame(SETTINGS, 0, 0))
        return found

    def send(self, content: bytes) -> None:
        self.writer.write(content)

    async def watch(self, seconds: float, *, answers_pings: bool = True, answers_settings: bool = True) -> Seen:
        """Reads until the server closes or the time is up."""
        seen, began = Seen(), time.monotonic()
        try:
            async with asyncio.timeout(seconds):
                while True:
                    head = await self.reader.readexactly(9)
                    size, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
                    payload = await self.reader.readexactly(size)
                    seen.frames.append((kind, flags, int.from_bytes(head[5:], "big"), payload[:64]))
                    seen.received += size if kind == DATA else 0
                    if kind == PING and not flags & ACK and answers_pings:
                        self.send(frame(PING, ACK, 0, payload))
                    elif kind == SETTINGS and not flags & ACK and answers_settings:
                        self.send(frame(SETTINGS, ACK, 0))
        except TimeoutError:
            pass
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            seen.closed = True
        seen.seconds = time.monotonic() - began
        return seen

    def close(self) -> None:
        self.writer.transport.abort()
