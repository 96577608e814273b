"""The server's TLS credentials: client certificates required, files read again when they change."""

import threading
from collections.abc import Callable
from pathlib import Path

import grpc

from hutong_server.telemetry import log, where

Check = Callable[[], list[str]]


class ServerCertificates:
    """Certificate, key and authorities from files. A renewed certificate is taken at the next handshake."""

    def __init__(self, certificate: Path, key: Path, authorities: Path, check: Check, also: Path | None = None) -> None:
        """`check` says what is wrong with the files as they are; while anything is, the former ones stay in use.

        `also`: further authorities, in a file that need not be there.
        """
        self._files = (certificate, key, authorities)
        self._also = also
        self._check = check
        self._lock = threading.Lock()
        self._seen = self._stamp()

    def credentials(self, *, require_client: bool = True) -> grpc.ServerCredentials:
        """For add_secure_port. Without `require_client`, no client certificate is even asked for."""
        return grpc.dynamic_ssl_server_credentials(
            self._read(),
            self._fetch,  # type: ignore[arg-type]  # None means "no change"; the stubs leave it out
            require_client_authentication=require_client,
        )

    def _fetch(self) -> grpc.ServerCertificateConfiguration | None:
        """Called by gRPC at each handshake, on a thread of its own."""
        with self._lock:
            try:
                stamp = self._stamp()
                if stamp == self._seen:
                    return None
                self._seen = stamp
                if problems := self._check():
                    log().warning("renewed TLS files not taken", extra={"count": len(problems)})
                    return None
                log().info("TLS files renewed")
                return self._read()
            except OSError as error:
                log().warning(
                    "TLS files cannot be read", extra={"error_type": type(error).__name__, "error_at": where(error)}
                )
                return None

    def _read(self) -> grpc.ServerCertificateConfiguration:
        certificate, key, authorities = (path.read_bytes() for path in self._files)
        if self._also is not None and self._also.exists():
            authorities += b"\n" + self._also.read_bytes()
        return grpc.ssl_server_certificate_configuration([(key, certificate)], root_certificates=authorities)

    def _stamp(self) -> tuple[tuple[int, int, int], ...]:
        found = [path.stat() for path in self._files]
        if self._also is not None and self._also.exists():
            found.append(self._also.stat())
        return tuple((each.st_mtime_ns, each.st_size, each.st_ino) for each in found)
