"""Merkle trees of RFC 9162 (section 2.1): SHA-256, 0x00 before a leaf, 0x01 before two children."""

import hashlib
from collections.abc import Iterable, Sequence

EMPTY_ROOT = hashlib.sha256(b"").digest()


class ProofInvalid(Exception):
    """A proof that does not hold."""


def leaf_hash(leaf: bytes) -> bytes:
    """Hash of a leaf."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The compact form of a tree: the roots of its full subtrees, the largest first. All that appending needs."""

    __slots__ = ("nodes", "size")

    def __init__(self, size: int = 0, nodes: Iterable[bytes] = ()) -> None:
        """Raises ValueError when the nodes are not those of a tree of this size."""
        self.size = size
        self.nodes = list(nodes)
        if len(self.nodes) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} full subtrees, not {len(self.nodes)}")

    def copy(self) -> "Frontier":
        """One that goes its own way."""
        return Frontier(self.size, self.nodes)

    def append(self, hashed: bytes) -> None:
        """Adds a leaf's hash."""
        rest = self.size
        while rest & 1:
            hashed = node_hash(self.nodes.pop(), hashed)
            rest >>= 1
        self.nodes.append(hashed)
        self.size += 1

    def root(self) -> bytes:
        """Root of the tree."""
        if not self.nodes:
            return EMPTY_ROOT
        root = self.nodes[-1]
        for node in reversed(self.nodes[:-1]):
            root = node_hash(node, root)
        return root


class Tree:
    """A tree whose leaf hashes are at hand, for proofs. A beginning that was cut off is stood for by its frontier."""

    def __init__(self, hashes: Sequence[bytes], cut: Frontier | None = None) -> None:
        """`hashes` are those of the leaves from `cut.size` on."""
        cut = cut or Frontier()
        self.first = cut.size
        self.size = self.first + len(hashes)
        self._hashes = hashes
        self._known: dict[tuple[int, int], bytes] = {}
        begin = 0
        for node in cut.nodes:
            width = 1 << ((self.first - begin).bit_length() - 1)
            self._known[begin, begin + width] = node
            begin += width

    def root(self, size: int) -> bytes:
        """Root of the first `size` leaves."""
        return EMPTY_ROOT if size == 0 else self._node(0, size)

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Path that proves leaf `index` in the tree of `size` leaves (RFC 9162, 2.1.3.1)."""
        if not self.first <= index < size <= self.size:
            raise ValueError("no such leaf in a tree of this size")
        path: list[bytes] = []
        low, high = 0, size
        while high - low > 1:
            middle = low + _split(high - low)
            if index < middle:
                path.append(self._node(middle, high))
                high = middle
            else:
                path.append(self._node(low, middle))
                low = middle
        return path[::-1]

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Path that proves that the tree of `old` leaves is the beginning of that of `new` (RFC 9162, 2.1.4.1)."""
        if not (self.first <= old <= new <= self.size and old > 0):
            raise ValueError("no such trees")
        path: list[bytes] = []
        low, high, whole = 0, new, True
        while old != high:
            middle = low + _split(high - low)
            if old <= middle:
                path.append(self._node(middle, high))
                high = middle
            else:
                path.append(self._node(low, middle))
                low, whole = middle, False
        if not whole:
            path.append(self._node(low, high))
        return path[::-1]

    def _node(self, low: int, high: int) -> bytes:
        known = self._known.get((low, high))
        if known is not None:
            return known
        if high - low == 1:
            if low < self.first:
                raise ValueError("this part of the log was cut off")
            return self._hashes[low - self.first]
        middle = low + _split(high - low)
        found = node_hash(self._node(low, middle), self._node(middle, high))
        if high - low == 1 << (high - low).bit_length() - 1:
            self._known[low, high] = found
        return found


def _split(size: int) -> int:
    """The largest power of two that is smaller than `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def check_inclusion(hashed: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Raises ProofInvalid unless the path leads from the leaf to the root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        raise ProofInvalid("the leaf is not within the tree")
    node, last = index, size - 1
    for sibling in path:
        if last == 0:
            raise ProofInvalid("the path is too long")
        if node & 1 or node == last:
            hashed = node_hash(sibling, hashed)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            hashed = node_hash(hashed, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ProofInvalid("the path is too short")
    if hashed != root:
        raise ProofInvalid("the path leads to another root")


def check_consistency(old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]) -> None:
    """Raises ProofInvalid unless the old tree is the beginning of the new one (RFC 9162, 2.1.4.2)."""
    if not 0 < old <= new:
        raise ProofInvalid("the old tree is not smaller than the new one")
    if old == new:
        if path or old_root != new_root:
            raise ProofInvalid("two trees of one size differ")
        return
    nodes = list(path)
    if old & (old - 1) == 0:
        nodes.insert(0, old_root)
    if not nodes:
        raise ProofInvalid("the path is too short")
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = nodes[0]
    for sibling in nodes[1:]:
        if last == 0:
            raise ProofInvalid("the path is too long")
        if node & 1 or node == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ProofInvalid("the path is too short")
    if first != old_root or second != new_root:
        raise ProofInvalid("the path leads to other roots")
