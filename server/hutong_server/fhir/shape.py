"""The shape of FHIR JSON, checked against the element tables of fhir.resources.

The library coerces where FHIR does not: "5" for a number, 1 for true, a string of JSON for an object; it lets null,
empty arrays, empty objects and empty strings pass. Here each JSON value must be of the type that its element has.
"""

import binascii
import datetime
import decimal
import importlib
import typing
from functools import cache
from typing import Any, Final, NamedTuple

from hutong_server.domain.errors import Reason
from hutong_server.fhir.written import Written

_MODULES: Final = {"R4": "fhir.resources.R4B", "R4B": "fhir.resources.R4B", "R5": "fhir.resources"}
EMPTY: Final = (type(None), list, dict)
CHECKED_TYPES: Final = ("DiagnosticReport", "Observation", "Specimen", "ImagingStudy", "Patient")
"""Resource types that are validated: those that decide what a result is, whose, and when."""
_LONGEST_ID: Final = 64


class ShapeFault(Exception):
    """An element that is not what FHIR says. `steps` lead from the resource to it, innermost first."""

    def __init__(self, message: str, reason: Reason = Reason.FHIR_INVALID, *, empty: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.empty = empty
        """It is a null, an empty array or an empty object: nothing is said, and nothing is lost by passing it over."""
        self.steps: list[str | int] = []


class Element(NamedTuple):
    """What one element may hold."""

    repeats: bool
    kinds: frozenset[type]
    """Python types of its JSON value; {dict} for a complex one."""
    model: Any
    """The library's model of a complex element; None for a primitive one, and for a resource."""
    content: str
    """"" or "base64"."""


@cache
def model(resource_type: str, release: str) -> Any:
    """The library's model of a resource type."""
    return getattr(importlib.import_module(f"{_MODULES[release]}.{resource_type.lower()}"), resource_type)


@cache
def elements(of: Any) -> dict[str, Element]:
    """Elements of a model by JSON name."""
    return {name.alias or key: _element(key, name.annotation) for key, name in of.model_fields.items()}


@cache
def element_names() -> frozenset[str]:
    """What the elements of the checked resources are called, in any release."""
    return frozenset(name for release in _MODULES for kind in CHECKED_TYPES for name in elements(model(kind, release)))


def _element(name: str, annotation: Any) -> Element:
    repeats = False
    kind = annotation
    marks: tuple[Any, ...] = ()
    while True:
        origin = typing.get_origin(kind)
        if origin is list:
            repeats, kind = True, typing.get_args(kind)[0]
        elif origin is typing.Annotated:
            kind, *rest = typing.get_args(kind)
            marks += tuple(rest)
        elif typing.get_args(kind) and origin is not None:
            kind = next((a for a in typing.get_args(kind) if a is not type(None)), None)
        else:
            break
    if name == "fhir_comments":
        return Element(False, frozenset({str, list}), None, "")
    if hasattr(kind, "get_model_klass"):
        klass = kind.get_model_klass()
        return Element(repeats, frozenset({dict}), None if klass.__name__ == "Resource" else klass, "")
    if kind is bool:
        return Element(repeats, frozenset({bool}), None, "")
    if kind is int and any(type(mark).__name__ == "Integer64" for mark in marks):
        # FHIR writes it as a string (R5, 2.1.28.0.1); the same element was a number in R4.
        return Element(repeats, frozenset({int, str}), None, "")
    if kind is int:
        return Element(repeats, frozenset({int}), None, "")
    if kind is decimal.Decimal:
        return Element(repeats, frozenset({int, Written}), None, "")
    if kind in (str, bytes, datetime.date, datetime.datetime, datetime.time):
        return Element(repeats, frozenset({str}), None, "base64" if kind is bytes else "")
    return Element(repeats, frozenset({str}), None, "")


def check(node: dict[str, Any], of: Any, depth: int) -> None:
    """Raises ShapeFault at the first element that has not its JSON type, is null or empty, or lies too deep.

    Elements that the model does not know are left to the library; `contained` is left to its own check.
    """
    if depth <= 0:
        raise ShapeFault("is nested too deep", Reason.TOO_DEEP)
    known = elements(of)
    for key, value in node.items():
        element = known.get(key)
        if element is None or key == "contained":
            continue
        try:
            if element.repeats:
                if value.__class__ is not list or not value:
                    raise ShapeFault("must be an array that is not empty", empty=not value and value.__class__ in EMPTY)
                _check_items(value, element, depth, f"_{key}" in node or key.startswith("_"))
            else:
                _check_one(value, element, depth)
        except ShapeFault as fault:
            fault.steps.append(key)
            raise


def _check_items(items: list[Any], element: Element, depth: int, may_be_null: bool) -> None:
    for index, item in enumerate(items):
        # Arrays of primitives and of their extensions keep step with each other by null (FHIR JSON, 2.1.3.2.4).
        if item is None and may_be_null:
            continue
        try:
            _check_one(item, element, depth)
        except ShapeFault as fault:
            fault.steps.append(index)
            raise


def _check_one(value: Any, element: Element, depth: int) -> None:
    kind = value.__class__
    if kind not in element.kinds:
        if value is None:
            raise ShapeFault("is null", empty=True)
        raise ShapeFault("is not of the JSON type that this element has")
    if kind is dict:
        if not value:
            raise ShapeFault("is an empty object", empty=True)
        if element.model is not None:
            check(value, element.model, depth - 1)
    elif kind is str:
        if not value:
            raise ShapeFault("is an empty string")
        if element.content:
            check_base64(value)


def check_base64(text: str) -> None:
    """Raises ShapeFault for what is not base64; white space may stand anywhere."""
    try:
        binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise ShapeFault("is not base64") from error


def without_empties(node: dict[str, Any], path: str, found: list[str]) -> dict[str, Any]:
    """The same without members that are null, an empty array or an empty object; their paths are added to `found`.

    An empty item of an array stays: to take it out would move its neighbors.
    """
    kept = {}
    for key, value in node.items():
        here = f"{path}.{key}" if path else key
        if value.__class__ is dict:
            value = without_empties(value, here, found)
        elif value.__class__ is list:
            value = [
                without_empties(item, f"{here}[{i}]", found) if item.__class__ is dict else item
                for i, item in enumerate(value)
            ]
        if not value and value.__class__ in EMPTY:
            found.append(here)
        else:
            kept[key] = value
    return kept


def id_fault(node: dict[str, Any]) -> str:
    """What is wrong with the id of a resource; "" when nothing is."""
    value = node.get("id")
    return "is longer than 64 characters" if value.__class__ is str and len(value) > _LONGEST_ID else ""


@cache
def _element_names() -> frozenset[str]:
    names = {"resourceType", "entry", "resource", "fullUrl", "request", "response", "search", "link", "method"}
    seen: set[Any] = set()
    for release in ("R4B", "R5"):
        todo = [model(name, release) for name in CHECKED_TYPES]
        while todo:
            klass = todo.pop()
            if klass not in seen:
                seen.add(klass)
                table = elements(klass)
                names.update(table)
                todo.extend(e.model for e in table.values() if e.model is not None)
    return frozenset(names)


def is_element_name(key: str) -> bool:
    """Whether FHIR knows the name in the resources that matter here; others are never repeated in a path."""
    return key in _element_names()
