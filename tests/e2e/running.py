"""A registry as a process of its own: `hutong-server serve`, ended by its pid."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_START = 30.0
"""Seconds until a server must listen."""


class RunningServer:
    """A serving process. `port` is that of gRPC; its log goes to a file."""

    def __init__(self, environment: Mapping[str, str], log: Path, program: Sequence[str] = ()) -> None:
        """Starts it and waits until it listens. `program` replaces `python -m hutong_server`, for profiles."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HUTONG_")}
        self._log = log
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, *(program or ("-m", "hutong_server")), "serve"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=file,
                env=kept | dict(environment),
            )
        self.port = self._listening()

    def _listening(self) -> int:
        output = self.process.stdout
        assert output is not None
        os.set_blocking(output.fileno(), False)
        said = b""
        until = time.monotonic() + _START
        while time.monotonic() < until and self.process.poll() is None:
            said += output.read() or b""
            if b"\n" in said:
                # "listening on port 1234, metrics on …"
                return int(said.split(b"port ")[1].split(b",")[0])
            time.sleep(0.01)
        self.kill()
        raise RuntimeError(f"the server did not start: {self._log.read_text()[-2000:]}")

    def kill(self) -> None:
        """SIGKILL: nothing of the process runs after it."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM, as an operator; its exit status."""
        return self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        return self.process.returncode
