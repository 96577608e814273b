"""The server as its own process, ended by its own pid."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

PROGRAM = (sys.executable, "-m", "hutong_server")


class ServerProcess:
    """A running `hutong-server serve`."""

    def __init__(self, environment: Mapping[str, str], directory: Path, prefix: Sequence[str] = ()) -> None:
        """Starts it in `directory`, behind `prefix` (a tracer), and waits until it listens."""
        self.output = directory / "stdout"
        self.log = directory / "stderr"
        with self.output.open("wb") as output, self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*prefix, *PROGRAM, "serve"],
                cwd=directory,
                env=_clean() | dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
            )
        self._traced = bool(prefix)
        self.port, self.metrics_port = self._ports()

    @property
    def pid(self) -> int:
        """Of the server, not of the tracer before it."""
        if not self._traced:
            return self._process.pid
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return int(children[0])

    def signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Sends a signal to the server."""
        os.kill(self.pid, number)

    def wait(self, seconds: float = 30) -> int:
        """Its exit status."""
        return self._process.wait(seconds)

    def running(self) -> bool:
        return self._process.poll() is None

    def end(self) -> int:
        """Ends it, in good order if it can."""
        if self.running():
            self.signal()
        try:
            return self.wait()
        except subprocess.TimeoutExpired:
            os.kill(self.pid, signal.SIGKILL)
            return self.wait()

    def _ports(self) -> tuple[int, int]:
        for _ in range(600):
            found = re.search(r"listening on port (\d+), metrics on (\d+|none)", self.output.read_text())
            if found is not None:
                return int(found[1]), int(found[2]) if found[2].isdigit() else 0
            if not self.running():
                break
            time.sleep(0.05)
        if self.running():
            self._process.kill()
        raise AssertionError(f"the server did not start: {self.log.read_text()[-3000:]}")


def run(
    arguments: Sequence[str], environment: Mapping[str, str], directory: Path
) -> "subprocess.CompletedProcess[str]":
    """One command of hutong-server, to its end. Only these HUTONG_* variables are set."""

    return subprocess.run(
        [*PROGRAM, *arguments],
        cwd=directory,
        env=_clean() | dict(environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("HUTONG_")}
