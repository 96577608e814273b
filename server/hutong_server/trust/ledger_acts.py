"""Acts leave the database before they are acknowledged: sealed files beside the exported checkpoints.

<log id>-<ordinal>.acts, one for each commit that holds any, written once and never replaced, as a write-once store
wants it. Ordinal 0 is empty: it says that the log tells of its acts. Each file is bound to its log, its ordinal and
the digest of the one before, so that one that was changed, moved or taken out shows. That the last ones were taken away
does not: only a directory that nobody can delete from keeps them.
"""

import hashlib
import json
from base64 import b64decode, b64encode
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hutong_server.durable import put_file
from hutong_server.store.base import DataKey, SealBroken, Sealer
from hutong_server.store.base_acts import Act, ToldAct
from hutong_server.store.leaves import access_of
from hutong_server.store.packing import unpack

SUFFIX = ".acts"
_START = bytes(32)


class ActsInvalid(Exception):
    """An exported file of acts is not as it was written, or one is missing. Names the file."""


class _Place(NamedTuple):
    """Where the next file of a log goes."""

    ordinal: int = 0
    before: bytes = _START


class ActExport:
    """Writes them. Each log has one writer; different logs may be written at once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._next: dict[bytes, _Place] = {}

    def put(self, log_id: bytes, packed: bytes, sealer: Sealer, keys: Sequence[DataKey] = ()) -> None:
        """Writes acts of a log, durably. Raises OSError; nothing is told then. `keys`: see Ledger.tell."""
        place = self._next.get(log_id) or self._write(log_id, _Place(), b"", sealer, keys)
        self._next[log_id] = place
        if packed:
            self._next[log_id] = self._write(log_id, place, packed, sealer, keys)

    def _write(self, log_id: bytes, place: _Place, packed: bytes, sealer: Sealer, keys: Sequence[DataKey]) -> _Place:
        text = json.dumps(
            {
                "v": 1,
                "log": log_id.hex(),
                "ordinal": place.ordinal,
                "before": place.before.hex(),
                "sealed": b64encode(sealer.seal(packed, _context(log_id, place))).decode(),
                "keys": [
                    [key.number, key.suite, key.made, [[kek.hex(), wrap.hex()] for kek, wrap in key.wraps]]
                    for key in keys
                ],
            }
        )
        content = text.encode() + b"\n"
        put_file(self._directory / f"{log_id.hex()}-{place.ordinal:06d}{SUFFIX}", content, 0o444)
        return _Place(place.ordinal + 1, hashlib.sha256(content).digest())


def _context(log_id: bytes, place: _Place) -> bytes:
    return b"acts" + log_id + place.ordinal.to_bytes(8, "big") + place.before


def logs_told(directories: Iterable[Path]) -> frozenset[bytes]:
    """Logs that tell of their acts."""
    return frozenset(_files(directories))


def read_acts(
    directories: Iterable[Path], sealer: Sealer, wanted: Mapping[bytes, int]
) -> tuple[list[ToldAct], list[str]]:
    """(acts from leaf `wanted[log]` on of these logs, in the order in which they happened; what is wrong with files).

    Of a log with a file that is missing or was changed, what stands before it is given. Raises ActsInvalid for a file
    that has no log's name.
    """
    files = _files(directories)
    told: list[ToldAct] = []
    broken: list[str] = []
    for log_id in sorted(files.keys() & wanted.keys()):
        try:
            for each in _log(log_id, files[log_id], sealer):
                told += [each] if each.number >= wanted[log_id] else []
        except ActsInvalid as error:
            broken.append(str(error))
    told.sort(key=lambda each: (each.access.at, each.log_id, each.number))
    return told, broken


def keys_told(directories: Iterable[Path]) -> list[DataKey]:
    """The keys under which acts were sealed, wrapped, each once: those that a database lacks only have to open."""
    found: dict[int, DataKey] = {}
    for path in (path for paths in _files(directories).values() for path in paths):
        try:
            for number, suite, made, wraps in json.loads(path.read_bytes()).get("keys", ()):
                under = tuple((bytes.fromhex(kek), bytes.fromhex(wrap)) for kek, wrap in wraps)
                found[number] = DataKey(number, "seal", suite, "former", made, made, under)
        except (OSError, ValueError, TypeError, AttributeError):
            continue  # read_acts() names it
    return list(found.values())


def _files(directories: Iterable[Path]) -> dict[bytes, list[Path]]:
    """Of each log, in their order. One that stands in several directories counts once: it is never replaced."""
    named: dict[str, Path] = {}
    for directory in directories:
        for path in directory.glob(f"*{SUFFIX}"):
            if not path.name.startswith("."):
                named.setdefault(path.name, path)
    found: dict[bytes, list[Path]] = defaultdict(list)
    for name in sorted(named, key=lambda name: (len(name), name)):
        try:
            found[bytes.fromhex(name.partition("-")[0])].append(named[name])
        except ValueError:
            raise ActsInvalid(f"{name}: not a file of acts") from None
    return found


def _log(log_id: bytes, paths: list[Path], sealer: Sealer) -> Iterable[ToldAct]:
    place = _Place()
    for path in paths:
        content = path.read_bytes()
        try:
            read = json.loads(content)
            if read["v"] != 1 or bytes.fromhex(read["log"]) != log_id or read["ordinal"] != place.ordinal:
                raise ActsInvalid(f"{path.name}: the one before is missing, or it is another's")
            packed = sealer.open(b64decode(read["sealed"], validate=True), _context(log_id, place))
            opened = unpack(packed) if packed else ()
            for number, leaf, acts in opened:
                yield ToldAct(log_id, number, access_of(leaf), tuple(Act(*each) for each in acts))
        except SealBroken:
            raise ActsInvalid(
                f"{path.name}: does not open: it was changed, one before it was, or it was sealed under a key that "
                "the database does not have"
            ) from None
        except (ValueError, KeyError, TypeError):
            raise ActsInvalid(f"{path.name}: not a file of acts") from None
        place = _Place(place.ordinal + 1, hashlib.sha256(content).digest())
