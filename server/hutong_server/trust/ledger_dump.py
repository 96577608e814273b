"""The ledger as a file: one JSON object a line, leaves in clear, so that it verifies with the public key alone.

{"log": …, "started": …, "ended": …, "cut": …, "cut_nodes": […]}
{"tree": <log>, "size": …, "at": …, "root": …, "signature": …}
{"leaf": <log>, "n": …, "hash": …, "text": <canonical JSON of the leaf, as text> or null}
{"strays": <what>, "count": …}
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from hutong_server.store.base import ROOT_LOG
from hutong_server.store.ledger_view import LedgerView, LogState, StoredLeaf, StoredTree


class DumpInvalid(Exception):
    """Not a dump of a ledger. Names the line."""


def dump(view: LedgerView) -> Iterator[str]:
    """The lines of a dump."""
    logs = view.logs()
    for log in logs:
        yield _line(
            log=log.log_id.hex(),
            started=log.started,
            ended=log.ended,
            cut=log.cut,
            cut_nodes=[node.hex() for node in log.cut_nodes],
        )
    for log_id in (ROOT_LOG, *(log.log_id for log in logs)):
        for tree in view.trees(log_id):
            yield _line(
                tree=log_id.hex(), size=tree.size, at=tree.at, root=tree.root.hex(), signature=tree.signature.hex()
            )
        for leaf in view.leaves(log_id):
            text = leaf.leaf.decode("latin-1") if leaf.leaf is not None else None
            yield _line(leaf=log_id.hex(), n=leaf.number, hash=leaf.hashed.hex(), text=text)
    for what, count in view.strays():
        yield _line(strays=what, count=count)


def _line(**values: Any) -> str:
    return json.dumps(values, separators=(",", ":"))


class DumpView:
    """LedgerView over a dump, which is read whole."""

    def __init__(self, lines: Iterable[str]) -> None:
        """Raises DumpInvalid."""
        self._logs: list[LogState] = []
        self._trees: dict[bytes, list[StoredTree]] = defaultdict(list)
        self._leaves: dict[bytes, list[StoredLeaf]] = defaultdict(list)
        self._strays: list[tuple[str, int]] = []
        for number, line in enumerate(lines, 1):
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError):
                raise DumpInvalid(f"line {number} is none of a ledger's dump") from None

    def _take(self, read: dict[str, Any]) -> None:
        if "log" in read:
            nodes = tuple(bytes.fromhex(node) for node in read["cut_nodes"])
            self._logs.append(LogState(bytes.fromhex(read["log"]), read["started"], read["ended"], read["cut"], nodes))
        elif "tree" in read:
            tree = StoredTree(read["size"], read["at"], bytes.fromhex(read["root"]), bytes.fromhex(read["signature"]))
            self._trees[bytes.fromhex(read["tree"])].append(tree)
        elif "leaf" in read:
            text = read["text"]
            leaf = text.encode("latin-1") if text is not None else None
            self._leaves[bytes.fromhex(read["leaf"])].append(
                StoredLeaf(read["n"], bytes.fromhex(read["hash"]), leaf, None)
            )
        else:
            self._strays.append((read["strays"], read["count"]))

    def logs(self) -> list[LogState]:
        """See LedgerView."""
        return self._logs

    def leaves(self, log_id: bytes, start: int = 0) -> Iterator[StoredLeaf]:
        """See LedgerView."""
        return (leaf for leaf in self._leaves.get(log_id, ()) if leaf.number >= start)

    def trees(self, log_id: bytes) -> Iterator[StoredTree]:
        """See LedgerView."""
        return iter(self._trees.get(log_id, ()))

    def strays(self) -> list[tuple[str, int]]:
        """See LedgerView. A leaf or tree of a log that the dump does not name is one."""
        known = {ROOT_LOG, *(log.log_id for log in self._logs)}
        stray = sum(len(each) for log_id, each in self._leaves.items() if log_id not in known)
        stray += sum(len(each) for log_id, each in self._trees.items() if log_id not in known)
        return self._strays + ([("leaves or checkpoints of a log that is not there", stray)] if stray else [])

    def newest(self, log_id: bytes) -> StoredTree | None:
        """See LedgerView."""
        return max(self._trees.get(log_id, ()), default=None)

    def hashes(self, log_id: bytes, size: int) -> list[bytes]:
        """See LedgerView."""
        return [leaf.hashed for leaf in self._leaves.get(log_id, ()) if leaf.number < size]
