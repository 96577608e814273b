"""Checkpoints leave the database: each as a new file in a directory, which can be a write-once store.

What stands there cannot be taken back by who holds the database. Files are named
<log id>-<size>.checkpoint and never replaced.
"""

import hashlib
import os
import threading
import time
from pathlib import Path

from hutong_server.store.base import SignedTree
from hutong_server.telemetry import log
from hutong_server.trust.checkpoint import Checkpoint, note_of

PAUSE = 0.4
"""Seconds between two looks: each commit's tree is exported within a second."""
SUFFIX = ".checkpoint"


class CheckpointExport:
    """Writes the newest tree of each log, from a thread of its own. Give `put` to the ledger."""

    def __init__(self, directory: Path, name: str) -> None:
        """Raises OSError when the directory cannot be written."""
        directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        if not os.access(directory, os.W_OK):
            raise PermissionError(13, "cannot be written", str(directory))
        self._directory = directory
        self._name = name
        self._newest: dict[bytes, SignedTree] = {}
        self._waiting_since = 0.0
        self._door = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hutong-checkpoints", daemon=True)
        self._thread.start()

    def put(self, log_id: bytes, tree: SignedTree) -> None:
        """A tree has become durable."""
        with self._door:
            self._newest[log_id] = tree
            self._waiting_since = self._waiting_since or time.monotonic()

    @property
    def lag(self) -> float:
        """Seconds for which the oldest tree that is not written yet has waited; 0 when none does."""
        with self._door:
            return time.monotonic() - self._waiting_since if self._waiting_since else 0.0

    def close(self) -> None:
        """Writes what is left."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(PAUSE):
            self._write()
        self._write()

    def _write(self) -> None:
        with self._door:
            newest, self._newest = self._newest, {}
            since, self._waiting_since = self._waiting_since, 0.0
        for log_id, tree in newest.items():
            try:
                write_checkpoint(
                    self._directory, log_id, tree.size, note_of(self._name, Checkpoint(log_id, *tree[:2]), tree[2])
                )
            except OSError as error:
                log().error("checkpoint not exported", extra={"error_type": type(error).__name__})
                with self._door:
                    # Tried again at the next look, unless a newer one has come.
                    self._newest.setdefault(log_id, tree)
                    self._waiting_since = since


def write_checkpoint(directory: Path, log_id: bytes, size: int, note: str) -> Path:
    """Writes one, whole or not at all: a process may be killed at any moment. A file that is there stays as it is.

    After a restore the root log goes on from an earlier size: what it says of a size it had before is another file.
    """
    path = directory / f"{log_id.hex()}-{size:012d}{SUFFIX}"
    if path.exists():
        if path.read_text(encoding="utf-8") == note:
            return path
        path = path.with_name(f"{path.stem}-{hashlib.sha256(note.encode()).hexdigest()[:8]}{SUFFIX}")
        if path.exists():
            return path
    unfinished = directory / f".{path.name}.{os.getpid()}"
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o444)
    try:
        os.write(descriptor, note.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        # Unlike a rename, a link never takes another's place.
        os.link(unfinished, path)
    except FileExistsError:
        pass
    finally:
        unfinished.unlink()
    return path
