"""Reading elements of parsed FHIR JSON that may be of any shape: what is not as it should be counts as absent."""

from collections.abc import Iterable
from typing import Any, Final

from hutong_server.domain.report import CodeKey, Coding, Concept, Quantity
from hutong_server.fhir.json_text import Node
from hutong_server.fhir.written import Written

NOTHING: Final[Node] = {}
NO_CONCEPT: Final = Concept()


def text(node: Node, key: str) -> str:
    """A string member, else ""."""
    value = node.get(key)
    return value if value.__class__ is str else ""


def child(node: Node, key: str) -> Node:
    """An object member, else an empty one."""
    value = node.get(key)
    return value if value.__class__ is dict else NOTHING


def children(node: Node, key: str) -> list[Node]:
    """The objects of an array member; an object that stands where an array should counts as one."""
    value = node.get(key)
    if value.__class__ is list:
        return [item for item in value if item.__class__ is dict]
    return [value] if value.__class__ is dict else []


def indexed(node: Node, key: str) -> Iterable[tuple[int, Node]]:
    """The objects of an array member with their indexes."""
    value = node.get(key)
    items = value if value.__class__ is list else ()
    return ((i, item) for i, item in enumerate(items) if item.__class__ is dict)


def count(node: Node, key: str) -> int:
    """A whole number that is not negative, else 0."""
    value = node.get(key)
    return value if value.__class__ is int and value >= 0 else 0


def number(value: Any) -> str:
    """A number as written; "" for anything else."""
    if value.__class__ is Written:
        return str(value.text)
    return str(value) if value.__class__ is int else ""


def coding(node: Node) -> Coding:
    """A Coding as written."""
    return Coding(text(node, "system"), text(node, "code"), text(node, "display"))


def concept(node: Node) -> Concept:
    """A CodeableConcept, the concept of an R5 CodeableReference, or a lone Coding."""
    if not node:
        return NO_CONCEPT
    if "concept" in node:
        node = child(node, "concept")
    elif "coding" not in node and "code" in node:
        return Concept((coding(node),))
    return Concept(tuple(coding(c) for c in children(node, "coding")), text(node, "text"))


def reference_of(node: Node) -> Node:
    """The Reference of an R5 CodeableReference, or the Reference that the node is."""
    return child(node, "reference") if node.get("reference").__class__ is dict else node


def keys(found: Concept) -> list[CodeKey]:
    """What rules compare of a concept: codings as (system, code), the text as ("", text)."""
    result = [(c.system, c.code) for c in found.coding if c.code]
    if found.text:
        result.append(("", found.text))
    return result


def once(found: Iterable[CodeKey]) -> tuple[CodeKey, ...]:
    """Each key once, in order."""
    return tuple(dict.fromkeys(found))


def quantity(node: Node) -> Quantity:
    """A Quantity as written."""
    return Quantity(
        number(node.get("value")),
        text(node, "comparator"),
        text(node, "unit"),
        text(node, "system"),
        text(node, "code"),
    )


def all_text(found: Concept) -> Iterable[str]:
    """The words of a concept: its text and its displays."""
    if found.text:
        yield found.text
    for c in found.coding:
        if c.display:
            yield c.display


def extension_value(node: Node, word: str) -> Iterable[Node | str]:
    """Values of extensions whose name (the last part of the url) contains a word, in any case."""
    for extension in children(node, "extension"):
        if word in text(extension, "url").rstrip("/").rpartition("/")[2].lower():
            for key, value in extension.items():
                if key.startswith("value") and value.__class__ in (str, dict):
                    yield value
