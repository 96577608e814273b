"""A registry of several workers with its own authorities, an administrator, and institutions that enroll."""

import re
from pathlib import Path

from hutong_client import HutongClient, enroll
from hutong_client.files import CertificateFiles

from tests.api.documents import CATALOG
from tests.api.process import ServerProcess, run

INSTITUTIONS = tuple(f"S{number:02d}" for number in range(1, 9))
WORKERS = 2
_RULES = dict(CATALOG) | {
    "institutions.csv": "code,name,tier,region,alliances,identifiers,feed_interval_hours\n"
    + "".join(f"{code},第{code}医院,secondary,990421,,,0\n" for code in INSTITUTIONS),
    "grants.csv": "institution,items,range,valid_from,valid_to,quality_body\n"
    + "".join(f"{code},*,9904,,,样例质控中心\n" for code in INSTITUTIONS),
}


def rules(window: int) -> list[tuple[str, bytes]]:
    """The catalogue, with this window of its items in days."""
    return [(name, text.replace("window_days: 7", f"window_days: {window}").encode()) for name, text in _RULES.items()]


class Premises:
    """The registry as a process, and what its operator does. Times of an hour take `hour` seconds."""

    def __init__(self, directory: Path, url: str, hour: float) -> None:
        directory.mkdir(parents=True)
        self._directory = directory
        passphrase = directory / "passphrase"
        passphrase.touch(0o600)
        passphrase.write_text("a passphrase of the soak")
        here = {name: str(directory / name) for name in ("ca", "keys", "tls", "checkpoints")}
        self.environment = {
            "HUTONG_LISTEN": "127.0.0.1:0",
            "HUTONG_ENROLLMENT_LISTEN": "127.0.0.1:0",
            "HUTONG_METRICS_LISTEN": "127.0.0.1:0",
            "HUTONG_WORKERS": str(WORKERS),
            "HUTONG_DATABASE_URL": url or f"sqlite:///{directory / 'hutong.db'}",
            "HUTONG_CA_DIRECTORY": here["ca"],
            "HUTONG_TLS_CERTIFICATE": f"{here['tls']}/server.pem",
            "HUTONG_TLS_KEY": f"{here['tls']}/server.key",
            "HUTONG_TLS_CA": f"{here['ca']}/clients.pem",
            **{
                f"HUTONG_{name.upper()}": f"{here['keys']}/{name}.key"
                for name in ("token_key", "seal_key", "ledger_key")
            },
            "HUTONG_KEK": f"{here['keys']}/kek.key",
            "HUTONG_LEDGER_EXPORT": here["checkpoints"],
            "HUTONG_CALLS_PER_SECOND": "0",
            "HUTONG_CONNECTION_AGE_SECONDS": str(hour),
            "HUTONG_CONNECTION_GRACE_SECONDS": str(hour / 4),
            "HUTONG_CONNECTION_IDLE_SECONDS": str(hour * 2 / 3),
        }
        (directory / "tls").mkdir()
        self._call("keys", "init")
        self._call("ca", "init", "--passphrase-file", str(passphrase), "--root-key", str(directory / "root.key"))
        self._call("ca", "server-certificate", "--name", "localhost")
        if url:
            self._call("migrate")
        self.server = ServerProcess(self.environment, directory)
        self.address = f"localhost:{self.server.port}"
        found = re.search(r"enrolment on (\d+)", self.server.output.read_text())
        assert found
        self.enrollment = f"localhost:{found[1]}"
        self.fingerprint = re.findall(r"sha256:\S+", self._call("ca", "show"))[-1]

    def _call(self, *arguments: str) -> str:
        done = run(arguments, self.environment, self._directory)
        if done.returncode:
            raise SystemExit(f"hutong-server {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    async def administrator(self) -> HutongClient:
        """The first one, by a token from the database."""
        token = self._call("ca", "enroll-token", "registry", "--role", "admin").strip()
        return self.client(await self.enrolled(token, "admin"), deadline=60)

    async def enrolled(self, token: str, name: str) -> CertificateFiles:
        """A certificate for a token."""
        done = await enroll(self.enrollment, token, self.fingerprint, self._directory / "certs" / name, deadline=30)
        return done.files

    def client(self, files: CertificateFiles, deadline: float) -> HutongClient:
        """A client that renews by itself."""
        return HutongClient.connect(
            self.address,
            ca=files.ca,
            certificate=files.certificate,
            key=files.key,
            deadline=deadline,
            renew_from=self.enrollment,
        )

    def verified(self) -> tuple[bool, str]:
        """Whether the ledger verifies at the end, and what `audit verify` says."""
        done = run(("audit", "verify"), self.environment, self._directory)
        said = (done.stdout + done.stderr).strip().splitlines()
        return done.returncode == 0, "\n".join(said[-1:] if done.returncode == 0 else said[-20:])


def processes(of: int) -> dict[int, str]:
    """The server's processes by pid: what each is."""
    found = {of: "watcher"}
    waiting = [of]
    while waiting:
        parent = waiting.pop()
        try:
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        except OSError:
            continue
        for child in map(int, children):
            try:
                words = Path(f"/proc/{child}/cmdline").read_bytes()
            except OSError:
                continue
            found[child] = "worker" if b"--watched" in words else "reader"
            waiting.append(child)
    return found
