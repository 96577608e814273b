"""Requests of any shape: hypothesis strategies over the descriptors of the contract.

Three ways to be wrong: a message whose fields hold anything; a good one in which some fields were changed; the bytes
of a message with bits turned, parts cut, doubled, or fields that nobody knows.
"""

from collections.abc import Sequence
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st

from tests.building import RESIDENT, resident_number

CANARY = "金丝雀CANARY-58213946"
"""Stands in names, numbers and texts of what is sent. Nothing that comes back or is logged may hold it."""

_TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.sampled_from(
        [
            CANARY,
            "",
            "\0",
            "H1",
            "H2",
            "T1",
            "LAB-K",
            "..",
            "../registry",
            "%s%n",
            "'; DROP TABLE reports; --",
            "\u202e\u0000\uffff",
            "1980-05-12",
            "0000-00-00",
            "9999-12-31",
            RESIDENT,
            resident_number(1),
            CANARY * 40,
            "x" * 5000,
            "\U0001f4a9" * 200,
            "-1",
            "1e999",
            "NaN",
            "{}",
            "[" * 3000,
        ]
    ),
)
_BYTES = st.one_of(st.binary(max_size=64), st.sampled_from([b"", b"[" * 5000, b"{}", CANARY.encode(), b"\xff" * 1000]))
_INTEGERS = {32: (-(2**31), 2**31 - 1), 64: (-(2**63), 2**63 - 1)}
_MOST_DEEP = 5


def _integers(bits: int, signed: bool) -> st.SearchStrategy[int]:
    low, high = _INTEGERS[bits] if signed else (0, 2**bits - 1)
    edges = sorted({low, low + 1, 0, 1, 2, 100, high - 1, high} - ({-1} if not signed else set()))
    return st.one_of(st.sampled_from([edge for edge in edges if low <= edge <= high]), st.integers(low, high))


_SCALARS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_STRING: _TEXTS,
    FieldDescriptor.TYPE_BYTES: _BYTES,
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_INT32: _integers(32, True),
    FieldDescriptor.TYPE_SINT32: _integers(32, True),
    FieldDescriptor.TYPE_SFIXED32: _integers(32, True),
    FieldDescriptor.TYPE_INT64: _integers(64, True),
    FieldDescriptor.TYPE_SINT64: _integers(64, True),
    FieldDescriptor.TYPE_SFIXED64: _integers(64, True),
    FieldDescriptor.TYPE_UINT32: _integers(32, False),
    FieldDescriptor.TYPE_FIXED32: _integers(32, False),
    FieldDescriptor.TYPE_UINT64: _integers(64, False),
    FieldDescriptor.TYPE_FIXED64: _integers(64, False),
    FieldDescriptor.TYPE_DOUBLE: st.floats(),
    FieldDescriptor.TYPE_FLOAT: st.floats(width=32),
    FieldDescriptor.TYPE_ENUM: st.one_of(st.integers(0, 8), st.sampled_from([99, 2**31 - 1, -1, -(2**31)])),
}


@st.composite
def anything(draw: st.DrawFn, descriptor: Descriptor, depth: int = 0) -> Message:
    """A message of that kind whose fields hold anything."""
    made: Message = message_factory.GetMessageClass(descriptor)()
    for field in descriptor.fields:
        if draw(st.booleans()):
            _set(draw, made, field, depth)
    return made


def _set(draw: st.DrawFn, made: Message, field: FieldDescriptor, depth: int) -> None:
    made.ClearField(field.name)
    if field.type in (FieldDescriptor.TYPE_MESSAGE, FieldDescriptor.TYPE_GROUP):
        if depth >= _MOST_DEEP or field.message_type is None:
            return
        inner = anything(field.message_type, depth + 1)
        if field.is_repeated:
            for _ in range(draw(st.sampled_from([0, 1, 1, 2, 40]))):
                getattr(made, field.name).add().CopyFrom(draw(inner))
        else:
            getattr(made, field.name).CopyFrom(draw(inner))
        return
    values = _SCALARS[field.type]
    if field.is_repeated:
        getattr(made, field.name).extend(draw(st.lists(values, max_size=4)))
    else:
        setattr(made, field.name, draw(values))


@st.composite
def changed(draw: st.DrawFn, seeds: Sequence[Message]) -> Message:
    """A good message in which one to three fields were changed."""
    seed = draw(st.sampled_from(list(seeds)))
    made: Message = type(seed)()
    made.CopyFrom(seed)
    for _ in range(draw(st.integers(1, 3)) if made.DESCRIPTOR.fields else 0):
        place, depth = made, 0
        while True:
            field: FieldDescriptor = draw(st.sampled_from(list(place.DESCRIPTOR.fields)))
            into = field.type == FieldDescriptor.TYPE_MESSAGE and not field.is_repeated and place.HasField(field.name)
            if not into or draw(st.booleans()):
                break
            place, depth = getattr(place, field.name), depth + 1
        _set(draw, place, field, depth)
    return made


@st.composite
def broken(draw: st.DrawFn, seeds: Sequence[Message]) -> bytes:
    """The bytes of a good message, no longer so good."""
    content = bytearray(draw(st.sampled_from(list(seeds))).SerializeToString())
    way = draw(st.sampled_from(["bits", "cut", "double", "unknown", "noise"]))
    if way == "bits" and content:
        for _ in range(draw(st.integers(1, 8))):
            content[draw(st.integers(0, len(content) - 1))] ^= 1 << draw(st.integers(0, 7))
    elif way == "cut":
        del content[draw(st.integers(0, len(content))) :]
    elif way == "double":
        content += bytes(content)
    elif way == "unknown":
        content += draw(st.sampled_from([b"\xfa\xff\x7f\x01x", b"\xf8\xff\xff\xff\x0f\x01", b"\x0b" * 50, b"\xfb\x07"]))
    else:
        content += draw(st.binary(max_size=50))
    return bytes(content)


def requests(descriptor: Descriptor, seeds: Sequence[Message]) -> st.SearchStrategy[bytes]:
    """Requests of a method, on the wire. `seeds`: good ones; at least an empty one is taken."""
    good = list(seeds) or [message_factory.GetMessageClass(descriptor)()]
    return st.one_of(anything(descriptor).map(wire), changed(good).map(wire), broken(good))


def wire(message: Message) -> bytes:
    """The bytes of a message."""
    return message.SerializeToString()
