"""Which files a publish sends, in which order, and how a later run knows where the former one stopped.

A position names no file (a file name may name a patient): it is `ordinal.line.digest`, where the digest chains path,
size and modification time of every file up to it. When it fits the files that are there now, nothing before it has
changed and all of it can be skipped. When it does not, everything is sent again, which is harmless.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hutong_client.publishing import Document

SUFFIXES = (".json", ".fhir", ".ndjson")
_DIGEST_LENGTH = 24


@dataclass(frozen=True, slots=True)
class Source:
    """A file to publish."""

    path: Path
    ordinal: int
    digest: str
    """Over this file and all before it. An NDJSON file that may still grow counts by its name alone here."""
    size: int


@dataclass(frozen=True, slots=True)
class Piece:
    """One document of a file."""

    document: Document
    source: Source
    line: int
    """Line within an NDJSON file, from 1; 0 for a file that is one document."""


def find_sources(paths: Sequence[Path]) -> list[Source]:
    """The files of the arguments, in sorted order within each.

    Raises:
        OSError: an argument does not exist or cannot be read.
    """
    found: list[Source] = []
    chain = hashlib.sha256()
    for root_number, root in enumerate(paths):
        for path in _walk(root) if root.is_dir() else [root]:
            status = path.stat()
            name = f"{root_number}/{path.relative_to(root).as_posix() if path != root else ''}"
            of_name = chain.copy()
            of_name.update(name.encode(errors="surrogateescape") + b"\0")
            chain = of_name.copy()
            chain.update(f"{status.st_size} {status.st_mtime_ns}\0".encode())
            digest = of_name if path.suffix == ".ndjson" else chain
            found.append(Source(path, len(found), digest.hexdigest()[:_DIGEST_LENGTH], status.st_size))
    return found


def _walk(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            if name.endswith(SUFFIXES):
                yield Path(folder, name)


def position(source: Source, line: int) -> str:
    """The position of a document."""
    return f"{source.ordinal}.{line}.{source.digest}"


def resume_point(sources: Sequence[Source], last: str) -> tuple[int, int] | None:
    """(ordinal, line) of the last document that is durable; None when the position does not fit these files."""
    try:
        ordinal, line, digest = last.split(".")
        source = sources[int(ordinal)]
    except (ValueError, IndexError):
        return None
    return (int(ordinal), int(line)) if source.digest == digest and int(ordinal) >= 0 and line.isdigit() else None


def pieces(sources: Sequence[Source], after: tuple[int, int] | None = None) -> Iterator[Piece]:
    """The documents of the files, after the point given. One file is in memory at a time."""
    for source in sources:
        if after is not None and source.ordinal < after[0]:
            continue
        same = after is not None and source.ordinal == after[0]
        if source.path.suffix == ".ndjson":
            with source.path.open("rb") as stream:
                for line, text in enumerate(stream, 1):
                    if text.strip() and not (same and after is not None and line <= after[1]):
                        yield Piece(Document(text, position(source, line)), source, line)
        elif not same:
            yield Piece(Document(source.path.read_bytes(), position(source, 0)), source, 0)
