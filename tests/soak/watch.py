"""What is looked at while the day goes on: each call's time, and memory, file handles and threads of every process."""

import asyncio
import os
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.soak.premises import Premises, processes

EVERY = 1.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Sample:
    """All processes of one kind at a moment. Memory in bytes (RSS), summed."""

    at: float
    kind: str
    memory: int
    handles: int
    threads: int
    count: int
    open: dict[str, int]
    """Handles by what they are of: socket, pipe, anon_inode, or a file's name."""


@dataclass
class Watch:
    """Samples and calls. Times are seconds of the day, 0 at its beginning (less before it)."""

    begun: float
    samples: list[Sample] = field(default_factory=list)
    calls: list[tuple[float, str, float]] = field(default_factory=list)
    """(when it was due, kind, seconds that it took since then)."""
    failed: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)

    @property
    def now(self) -> float:
        """Seconds of the day."""
        return time.perf_counter() - self.begun

    def answered(self, due: float, kind: str) -> None:
        """A call came back."""
        self.calls.append((due, kind, self.now - due))
        self.done[kind] += 1

    async def run(self, premises: Premises) -> None:
        """Samples for ever, and scrapes the page of metrics as Prometheus would."""
        while True:
            await asyncio.to_thread(self._look, premises)
            await asyncio.sleep(EVERY)

    def _look(self, premises: Premises) -> None:
        kinds = processes(premises.server.pid) | {os.getpid(): "plug-ins"}
        found: dict[str, list[tuple[int, int]]] = {}
        opened: dict[str, Counter[str]] = {}
        for pid, kind in kinds.items():
            try:
                found.setdefault(kind, []).append(_of(pid))
                opened.setdefault(kind, Counter()).update(_open(pid))
            except OSError:
                continue
        for kind, each in found.items():
            memory, threads = (sum(column) for column in zip(*each, strict=True))
            handles = opened[kind]
            self.samples.append(Sample(self.now, kind, memory, handles.total(), threads, len(each), dict(handles)))
        url = f"http://127.0.0.1:{premises.server.metrics_port}/metrics"
        with urllib.request.urlopen(url, timeout=10) as page:
            page.read()
        self.done["scrape"] += 1


def _of(pid: int) -> tuple[int, int]:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return int(status["VmRSS"].split()[0]) * 1024, int(status["Threads"])


def _open(pid: int) -> list[str]:
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            of = str(link.readlink())
        except OSError:
            continue  # closed meanwhile
        found.append(of.rpartition("/")[2] if of.startswith("/") else of.partition(":")[0])
    return found
