"""The Merkle tree against published vectors, and its proofs against a tree that is computed by the definition."""

import hashlib
from collections.abc import Sequence

import pytest
from hutong_server.trust.merkle import (
    EMPTY_ROOT,
    Frontier,
    ProofInvalid,
    Tree,
    check_consistency,
    check_inclusion,
    leaf_hash,
    node_hash,
)
from hypothesis import given
from hypothesis import strategies as st

# The reference vectors of certificate transparency (RFC 6962, the tree of RFC 9162): leaves and the roots of 1 to 8.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = [  # leaf, size, path
    (0, 1, []),
    (
        0,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]
CONSISTENCY = [  # old, new, path
    (1, 1, []),
    (
        1,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        [
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]

HASHES = [leaf_hash(leaf) for leaf in LEAVES]


def by_definition(hashes: Sequence[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1, word by word."""
    if not hashes:
        return hashlib.sha256().digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while 2 * k < len(hashes):
        k *= 2
    return node_hash(by_definition(hashes[:k]), by_definition(hashes[k:]))


def test_the_published_roots() -> None:
    frontier = Frontier()
    assert frontier.root() == EMPTY_ROOT == hashlib.sha256().digest()
    for hashed, root in zip(HASHES, ROOTS, strict=True):
        frontier.append(hashed)
        assert frontier.root().hex() == root == Tree(HASHES).root(frontier.size).hex()


@pytest.mark.parametrize(("index", "size", "path"), INCLUSION)
def test_the_published_inclusion_proofs(index: int, size: int, path: list[str]) -> None:
    assert [node.hex() for node in Tree(HASHES).inclusion(index, size)] == path
    check_inclusion(HASHES[index], index, size, [bytes.fromhex(node) for node in path], bytes.fromhex(ROOTS[size - 1]))


@pytest.mark.parametrize(("old", "new", "path"), CONSISTENCY)
def test_the_published_consistency_proofs(old: int, new: int, path: list[str]) -> None:
    assert [node.hex() for node in Tree(HASHES).consistency(old, new)] == path
    roots = bytes.fromhex(ROOTS[old - 1]), bytes.fromhex(ROOTS[new - 1])
    check_consistency(old, roots[0], new, roots[1], [bytes.fromhex(node) for node in path])


def made(count: int) -> list[bytes]:
    return [leaf_hash(b"leaf %d" % number) for number in range(count)]


@given(st.integers(1, 70), st.data())
def test_inclusion_holds_for_its_leaf_alone(size: int, data: st.DataObject) -> None:
    hashes = made(size)
    index = data.draw(st.integers(0, size - 1))
    path, root = Tree(hashes).inclusion(index, size), by_definition(hashes)
    check_inclusion(hashes[index], index, size, path, root)
    wrong = [
        (leaf_hash(b"other"), index, size, path, root),
        (hashes[index], index, size, [*path, hashes[0]], root),
        (hashes[index], index, size, path, leaf_hash(b"root")),
    ]
    if path:
        wrong.append((hashes[index], index, size, path[:-1], root))
        flipped = bytes([path[0][0] ^ 1]) + path[0][1:]
        wrong.append((hashes[index], index, size, [flipped, *path[1:]], root))
        wrong.append((hashes[index], (index + 1) % size, size, path, root))
    for each in wrong:
        with pytest.raises(ProofInvalid):
            check_inclusion(*each)


@given(st.integers(1, 70), st.data())
def test_consistency_holds_for_a_beginning_alone(new: int, data: st.DataObject) -> None:
    hashes = made(new)
    old = data.draw(st.integers(1, new))
    path = Tree(hashes).consistency(old, new)
    roots = by_definition(hashes[:old]), by_definition(hashes)
    check_consistency(old, roots[0], new, roots[1], path)
    rewritten = [leaf_hash(b"rewritten"), *hashes[1:]]
    with pytest.raises(ProofInvalid):
        check_consistency(old, roots[0], new, by_definition(rewritten), Tree(rewritten).consistency(old, new))
    with pytest.raises(ProofInvalid):
        check_consistency(old, roots[0], new, roots[1], [*path, roots[0]])
    if path:
        with pytest.raises(ProofInvalid):
            check_consistency(old, roots[0], new, roots[1], path[:-1])


@given(st.integers(1, 70), st.data())
def test_what_is_left_of_a_cut_log_proves_as_before(size: int, data: st.DataObject) -> None:
    hashes = made(size)
    at = data.draw(st.integers(0, size - 1))
    cut = Frontier()
    for hashed in hashes[:at]:
        cut.append(hashed)
    whole, rest = Tree(hashes), Tree(hashes[at:], cut)
    index = data.draw(st.integers(at, size - 1))
    assert rest.root(size) == whole.root(size)
    assert rest.inclusion(index, size) == whole.inclusion(index, size)
    old = data.draw(st.integers(max(at, 1), size))
    assert rest.consistency(old, size) == whole.consistency(old, size)
    if at:
        with pytest.raises(ValueError, match="no such leaf"):
            rest.inclusion(at - 1, size)


def test_a_frontier_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="full subtrees"):
        Frontier(3, [HASHES[0]])
