"""A pgbouncer of the tests' own before a PostgresqlServer, in transaction mode; `make packages` gets Debian's.

It hands the server's sessions from one transaction to the next, few of them, so that what one leaves behind meets
another. It listens on a Unix socket, and refuses to run as root, as PostgreSQL does.
"""

import contextlib
import os
import platform
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

from tests.postgresql import PostgresqlServer, as_child, unprivileged

SYSTEM = Path(__file__).parents[1] / "build" / "system"
PORT = 6432


class NoPgbouncer(Exception):
    """It is not installed, and `make packages` could not get it."""


def program() -> tuple[Path, Path]:
    """The program, and the directory of what it is linked with."""
    libraries = SYSTEM / "usr" / "lib" / f"{platform.machine()}-linux-gnu"
    for each in (SYSTEM / "usr/sbin/pgbouncer", Path("/usr/sbin/pgbouncer")):
        if each.exists():
            return each, libraries
    raise NoPgbouncer("pgbouncer is not here; `make packages` gets it on Debian")


class Pgbouncer:
    """A running pooler. Call stop() at the end."""

    def __init__(self, before: PostgresqlServer, sessions: int = 3) -> None:
        """`sessions`: of the server, for each database."""
        found, libraries = program()
        self.directory = Path(tempfile.mkdtemp(prefix="hutong-pgb-", dir="/tmp" if Path("/tmp").is_dir() else None))  # noqa: S108
        # Where an unprivileged user gets to them.
        copied = Path(shutil.copy(found, self.directory))
        for library in libraries.glob("lib*.so*"):
            shutil.copy(library, self.directory)
        configuration = self.directory / "pgbouncer.ini"
        configuration.write_text(
            f"[databases]\n* = host={before.directory} user=postgres\n"
            f"[pgbouncer]\nunix_socket_dir = {self.directory}\nlisten_port = {PORT}\nauth_type = any\n"
            f"pool_mode = transaction\ndefault_pool_size = {sessions}\nmax_client_conn = 200\n"
        )
        user = unprivileged()
        if user is not None:
            for each in (self.directory, *self.directory.iterdir()):
                os.chown(each, user.pw_uid, user.pw_gid)
        self._log = self.directory / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*as_child(user), str(copied), str(configuration)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "LD_LIBRARY_PATH": str(self.directory)},
            )
        for _ in range(100):
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(self.conninfo("postgres")).close()
                return
            time.sleep(0.05)
        self._process.kill()
        raise RuntimeError(f"pgbouncer did not start: {self._log.read_text(errors='replace')[-2000:]}")

    def conninfo(self, database: str) -> str:
        """For psycopg."""
        return f"host={self.directory} port={PORT} user=postgres dbname={database}"

    def url(self, database: str) -> str:
        """For open_store and HUTONG_DATABASE_URL."""
        return f"postgresql://postgres@/{database}?host={self.directory}&port={PORT}"

    def stop(self) -> None:
        """Stops and removes everything."""
        self._process.terminate()
        self._process.wait(20)
        shutil.rmtree(self.directory, ignore_errors=True)
