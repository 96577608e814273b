"""Validation of one resource: fhir.resources, and what it misses or gets wrong.

What the library (8.x) gets wrong, and what is done about it here:
- `_value…` inside an Extension is valid FHIR and refused by it: taken out before it looks.
- An unknown type in `contained` raises KeyError, deep nesting RecursionError: `contained` is taken out (each contained
  resource that matters is validated alone), the depth is measured first, and both errors are caught all the same.
- Types, nulls, empty values, base64, ids: see shape.py. Unknown `status` codes and references: here.
"""

import re
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from hutong_server.domain.errors import Reason
from hutong_server.domain.report import Status
from hutong_server.fhir import accepted, shape
from hutong_server.fhir.json_text import Node

_MOST_FAULTS: Final = 20
_REFERENCE: Final = re.compile(
    r"#.*|urn:(?:uuid|oid):\S+|[a-zA-Z][a-zA-Z0-9+.-]*://\S+|"
    r"[A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64}(?:/_history/[A-Za-z0-9.-]{1,64})?(?:#\S*)?|[A-Z][A-Za-z]+\?\S+"
)
_STATUSES: Final = {
    "DiagnosticReport": frozenset(Status),
    # Observation has fewer codes than DiagnosticReport; a report's code on a result is understood all the same.
    "Observation": frozenset(Status),
    "Specimen": frozenset({"available", "unavailable", "unsatisfactory", "entered-in-error"}),
    "ImagingStudy": frozenset({"registered", "available", "cancelled", "entered-in-error", "unknown", "inactive"}),
}
_MESSAGES: Final = {
    "extra_forbidden": "holds an element that FHIR does not have there",
    "missing": "is required by FHIR and missing",
    "model_field_validation.missing": "is required by FHIR and missing",
}


class Fault(NamedTuple):
    """Something wrong in a resource."""

    path: str
    """From the resource on: "code.coding[0].system"; "" for the resource itself."""
    reason: Reason
    message: str
    harmless: bool = False
    """A null, an empty array, an empty object, or something inside an extension: no result depends on it."""


def validate(resource: Node, release: str) -> None:
    """fhir.resources alone, `contained` left out: the floor that intake is measured against.

    Raises pydantic.ValidationError, KeyError or RecursionError as the library does.
    """
    shape.model(resource["resourceType"], release).model_validate(_bare(resource))


def faults(resource: Node, release: str, max_depth: int, *, value_extensions: bool = True) -> tuple[Fault, ...]:
    """Everything wrong in a resource of one of shape.CHECKED_TYPES; empty when it is valid.

    `value_extensions` False: the caller knows that no key of the document begins with "_value".
    """
    resource_type = resource["resourceType"]
    model = shape.model(resource_type, release)
    if accepted.accepted(resource, model, max_depth):
        return tuple(_missed(resource, resource_type))
    found: list[Fault] = []
    try:
        shaped = _shaped(resource, model, max_depth, found)
    except shape.ShapeFault as fault:
        steps = fault.steps[::-1]
        harmless = "extension" in steps and "modifierExtension" not in steps and fault.reason is not Reason.TOO_DEEP
        return (Fault(_path(steps, model), fault.reason, fault.message, harmless),)
    except RecursionError:
        return (Fault("", Reason.TOO_DEEP, "is nested too deep"),)
    found += _missed(shaped, resource_type)
    try:
        model.model_validate(_bare(shaped) if value_extensions or "contained" in shaped else shaped)
    except ValidationError as error:
        found += _told(error, model)
    except RecursionError:
        found.append(Fault("", Reason.TOO_DEEP, "is nested too deep"))
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError):
        # The library's own slips on odd input; whatever it stumbled on is not FHIR that it could check.
        found.append(Fault("", Reason.FHIR_INVALID, "is not valid FHIR"))
    if not found:
        accepted.learn(resource, model)
    return tuple(found[:_MOST_FAULTS])


def _shaped(resource: Node, model: Any, max_depth: int, found: list[Fault]) -> Node:
    """The resource, or one without its empty members; raises ShapeFault for what is worse."""
    try:
        shape.check(resource, model, max_depth)
    except shape.ShapeFault as fault:
        if not fault.empty:
            raise
    else:
        return resource
    if _deeper(resource, max_depth):
        raise shape.ShapeFault("is nested too deep", Reason.TOO_DEEP)
    paths: list[str] = []
    resource = shape.without_empties(resource, "", paths)
    found += [Fault(_path(_steps(p), model), Reason.FHIR_INVALID, "is empty and was passed over", True) for p in paths]
    shape.check(resource, model, max_depth)
    return resource


def _deeper(node: Any, depth: int) -> bool:
    if node.__class__ is dict:
        node = node.values()
    elif node.__class__ is not list:
        return False
    return depth <= 0 or any(_deeper(item, depth - 1) for item in node)


def _steps(path: str) -> list[str | int]:
    return [int(step[1:-1]) if step[0] == "[" else step for step in re.findall(r"[^.\[\]]+|\[[0-9]+\]", path)]


def is_reference(text: str) -> bool:
    """Whether a literal reference has one of the forms that FHIR allows."""
    return _REFERENCE.fullmatch(text) is not None


def _missed(resource: Node, resource_type: str) -> list[Fault]:
    found = []
    if message := shape.id_fault(resource):
        found.append(Fault("id", Reason.FHIR_INVALID, message))
    status = resource.get("status")
    allowed = _STATUSES.get(resource_type)
    if allowed is not None and status is not None and status not in allowed:
        found.append(Fault("status", Reason.FHIR_INVALID, "is not a status that FHIR has"))
    contained = resource.get("contained", [])
    if contained.__class__ is not list or any(item.__class__ is not dict for item in contained):
        found.append(Fault("contained", Reason.FHIR_INVALID, "must be an array of resources"))
    return found


def _bare(resource: Node) -> Node:
    bare = {key: value for key, value in resource.items() if key != "contained"}
    return _without_value_extensions(bare) if _has_value_extension(bare) else bare


def _has_value_extension(node: Any) -> bool:
    if node.__class__ is dict:
        for key, value in node.items():
            if key in ("extension", "modifierExtension"):
                if any(map(_value_extension_within, value if value.__class__ is list else ())):
                    return True
            elif value.__class__ in (dict, list) and _has_value_extension(value):
                return True
        return False
    return any(_has_value_extension(item) for item in node if item.__class__ is dict)


def _value_extension_within(extension: Any) -> bool:
    if extension.__class__ is not dict:
        return False
    return any(key.startswith("_value") for key in extension) or _has_value_extension(extension)


def _without_value_extensions(node: Any) -> Any:
    if node.__class__ is dict:
        is_extension = "url" in node
        return {
            key: _without_value_extensions(value)
            for key, value in node.items()
            if not (is_extension and key.startswith("_value"))
        }
    return [_without_value_extensions(item) for item in node] if node.__class__ is list else node


def _told(error: ValidationError, model: Any) -> list[Fault]:
    return [
        Fault(
            _path(item["loc"], model),
            Reason.FHIR_INVALID,
            _MESSAGES.get(item["type"], "is not valid FHIR"),
            "extension" in item["loc"] and "modifierExtension" not in item["loc"],
        )
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def _path(steps: Any, model: Any) -> str:
    """A path of the steps that FHIR knows; it ends before the first other one, which might be a patient's name.

    An element of the other release is named: nothing of a patient is called `imagingStudy`.
    """
    path = ""
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
            continue
        element = shape.elements(model).get(step) if model is not None else None
        if element is None:
            if step in shape.element_names():
                path += f".{step}" if path else step
            break
        path += f".{step}" if path else step
        model = element.model
    return path
