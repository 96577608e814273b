"""The registry as a process of its own: started, watched, ended."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_LISTENING = re.compile(r"listening on port (\d+)")
_START_SECONDS = 60.0
_END_SECONDS = 20.0


class RegistryFailed(Exception):
    """The registry did not start, or ended on its own. The text says what was seen."""


class Registry:
    """hutong-server on SQLite in a directory."""

    def __init__(
        self, home: Path, certs: Path, port: int, program: Sequence[str] = (), settings: Mapping[str, str] | None = None
    ) -> None:
        """`program`: what serves in place of `-m hutong_server`; `settings`: HUTONG_* beside those of the demo."""
        self.database = home / "hutong.db"
        self.address = f"127.0.0.1:{port}"
        self._home = home
        self._log = home / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HUTONG_")},
            "HUTONG_LISTEN": self.address,
            "HUTONG_METRICS_LISTEN": "",
            "HUTONG_DATABASE_URL": f"sqlite:///{self.database}",
            "HUTONG_TLS_CERTIFICATE": str(certs / "server.pem"),
            "HUTONG_TLS_KEY": str(certs / "server.key"),
            "HUTONG_TLS_CA": str(certs / "ca.pem"),
            "HUTONG_TOKEN_KEY": str(home / "keys" / "token.key"),
            "HUTONG_SEAL_KEY": str(home / "keys" / "seal.key"),
            "HUTONG_KEK": str(home / "keys" / "kek.key"),
            "HUTONG_LEDGER_KEY": str(home / "keys" / "ledger.key"),
            **(settings or {}),
        }
        self._serving = [sys.executable, *program] if program else _program()
        self._certs = certs

    def start(self) -> None:
        """Makes keys, starts the registry and waits until it serves. Raises RegistryFailed."""
        (self._home / "keys").mkdir(mode=0o700, exist_ok=True)
        self._call("keys", "init")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603  our own program
                [*self._serving, "serve"], env=self._environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            self._check()
            found = _LISTENING.search(self._log.read_text(errors="replace"))
            if found:
                self.address = f"127.0.0.1:{found[1]}"
                break
            time.sleep(0.1)
        else:
            raise RegistryFailed(f"the registry did not listen within {_START_SECONDS:.0f} s")
        certificate = self._certs / "registry.monitor"
        while time.monotonic() < until:
            self._check()
            files = ("--ca", str(self._certs / "ca.pem"), "--cert", f"{certificate}.pem", "--key", f"{certificate}.key")
            if self._call("health", "--target", self.address, *files, fine=(0, 1)) == 0:
                return
            time.sleep(0.2)
        raise RegistryFailed(f"the registry was not healthy within {_START_SECONDS:.0f} s")

    def wait(self) -> None:
        """Returns when the registry ends; Ctrl-C reaches the caller."""
        if self._process is not None and self._process.wait() != 0:
            raise RegistryFailed(f"the registry ended with status {self._process.returncode}")

    def end(self) -> None:
        """Ends it by SIGTERM, as an operator would. Raises RegistryFailed when it does not end well."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise RegistryFailed(f"the registry did not end within {_END_SECONDS:.0f} s of SIGTERM") from None
        if status != 0:
            raise RegistryFailed(f"the registry ended with status {status}")

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of its log; empty when there is none."""
        if not self._log.exists():
            return ""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])

    def _check(self) -> None:
        if self._process is not None and self._process.poll() is not None:
            raise RegistryFailed(f"the registry ended with status {self._process.returncode} while it started")

    def _call(self, *arguments: str, fine: tuple[int, ...] = (0,)) -> int:
        done = subprocess.run(  # noqa: S603  our own program
            [*_program(), *arguments], env=self._environment, capture_output=True, text=True, check=False, timeout=60
        )
        if done.returncode not in fine:
            raise RegistryFailed(f"hutong-server {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.returncode


def _program() -> list[str]:
    return [sys.executable, "-m", "hutong_server"]
