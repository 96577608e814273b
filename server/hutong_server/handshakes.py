"""TLS handshakes that fail are known to gRPC's core alone: it says so on its log, and to nobody else.

So the process reads its own standard error. What the core says of handshakes is told; everything else goes where
standard error went before. Nothing of what a peer has sent is passed on: a line becomes one of REASONS.
"""

import faulthandler
import fcntl
import io
import os
import re
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self, TextIO

VERBOSITY: Final = "GRPC_VERBOSITY"
_STDERR: Final = 2
_PIPE_BYTES: Final = 1 << 20
"""Room for what the core says while Python is busy; Linux allows so much to anybody."""
_LONGEST: Final = 1 << 16

# From absl's log: severity and date, time, thread, file:line], then the text.
_OF_THE_CORE = re.compile(rb"([IWEF])\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ [\w.]+:\d+\] (.*)")
_FAILED = re.compile(rb"Handshake failed with (?:fatal )?error (.*)")

MISSING: Final = "CERTIFICATE_MISSING"
EXPIRED: Final = "CERTIFICATE_EXPIRED"
NOT_YET_VALID: Final = "CERTIFICATE_NOT_YET_VALID"
UNTRUSTED: Final = "CERTIFICATE_UNTRUSTED"
NO_TLS: Final = "NO_TLS"
FAILED: Final = "HANDSHAKE_FAILED"
REASONS: Final = (MISSING, EXPIRED, NOT_YET_VALID, UNTRUSTED, NO_TLS, FAILED)
"""Why a handshake failed."""

_SIGNS: Final = (
    (b"PEER_DID_NOT_RETURN_A_CERTIFICATE", MISSING),
    (b"certificate has expired", EXPIRED),
    (b"certificate is not yet valid", NOT_YET_VALID),
    (b"CERTIFICATE_VERIFY_FAILED", UNTRUSTED),
    (b":HTTP_REQUEST", NO_TLS),
    (b":WRONG_VERSION_NUMBER", NO_TLS),
    (b":UNEXPECTED_RECORD", NO_TLS),
    (b":UNEXPECTED_MESSAGE", NO_TLS),
)


def reason_of(line: bytes) -> str | None:
    """Why a handshake failed, when a line of the core's log says that one did."""
    said = _OF_THE_CORE.match(line)
    failed = _FAILED.match(said[2]) if said else None
    if failed is None:
        return None
    return next((reason for sign, reason in _SIGNS if sign in failed[1]), FAILED)


class HandshakeWatch:
    """Reads standard error, from a thread of its own, until it is left. Enter it before gRPC is imported."""

    def __init__(self) -> None:
        self._told: Callable[[str], object] | None = None
        self.stream: TextIO = sys.stderr
        """Where standard error went before: for our own log, which need not go through the pipe."""
        self._real = self._read = -1
        self._everything = False
        self._thread = threading.Thread(target=self._run, name="hutong-handshakes", daemon=True)

    def __enter__(self) -> Self:
        """Takes standard error over."""
        # An operator who asks the core for its log gets all of it; one who asks for none would leave us blind.
        self._everything = os.environ.get(VERBOSITY, "").upper() == "DEBUG"
        if not self._everything:
            os.environ[VERBOSITY] = "INFO"
        self._real = os.dup(_STDERR)
        self.stream = io.TextIOWrapper(
            os.fdopen(os.dup(self._real), "wb", 0), "utf-8", "backslashreplace", write_through=True
        )
        # Should the process break down, its last words do not go through a pipe that nobody reads any more.
        faulthandler.enable(file=self._real)
        self._read, write = os.pipe()
        with suppress(AttributeError, OSError):
            fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        # A line that finds no room is lost: the core must never wait for us.
        os.set_blocking(write, False)
        os.dup2(write, _STDERR)
        os.close(write)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Gives standard error back. What was said is told first."""
        faulthandler.disable()
        os.dup2(self._real, _STDERR)
        # A process that was started by this one may hold the pipe's other end for longer.
        self._thread.join(1.0)
        self.stream.flush()

    def tell(self, told: Callable[[str], object] | None) -> None:
        """From now on calls `told` with one of REASONS for each failure, from the thread that reads."""
        self._told = told

    def _run(self) -> None:
        rest = b""
        while more := os.read(self._read, _LONGEST):
            *lines, rest = (rest + more).split(b"\n")
            for line in lines:
                self._line(line)
            if len(rest) > _LONGEST:
                self._line(rest)
                rest = b""
        if rest:
            self._line(rest)

    def _line(self, line: bytes) -> None:
        reason, told = reason_of(line), self._told
        if reason is not None and told is not None:
            # The loop that is told may have ended.
            with suppress(RuntimeError):
                told(reason)
        said = _OF_THE_CORE.match(line)
        if self._everything or said is None or said[1] in b"EF":
            # Whoever read our standard error may be gone: that must not end the watch.
            with suppress(OSError):
                os.write(self._real, line + b"\n")
