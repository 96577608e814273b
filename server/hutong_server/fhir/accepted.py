"""Objects that the library is sure to accept, known by their members.

Whether fhir.resources accepts an object hangs on which members it has together (what is required, what FHIR has there,
one of a choice) and on each member's value by itself. The same members stand in result after result. So what it
accepted once teaches which members go together, and an object that has the same ones is valid when every value is:
a primitive by the library's own type of that element, an object in the same manner. That takes a fifth of the time.

Of anything else nothing is said here, and the library judges: other members or another order of them, a value that its
type refuses, nulls, empty values, extensions of primitives. No value is remembered.
"""

import sys
import typing
from collections.abc import Callable
from functools import cache
from typing import Any, Final, NamedTuple

from pydantic import TypeAdapter

from hutong_server.fhir.json_text import Node
from hutong_server.fhir.shape import CHECKED_TYPES, ShapeFault, check_base64, elements

_MOST_FORMS: Final = 500
"""Sets of members kept for one type of object; the oldest goes when there are more."""
_MOST_MEMBERS: Final = 64
_JUDGED_APART: Final = ("resourceType", "contained")
"""Members of a resource: the first chose the model, the second's resources are validated one by one."""


class _Step(NamedTuple):
    """How one member is judged."""

    repeats: bool
    kinds: frozenset[type]
    accepts: Callable[[Any], Any] | None
    """Of a primitive, or of the whole array of them; raises ValueError. None for an object."""
    inner: "_Forms"


_Forms = dict[tuple[str, ...], tuple[_Step | None, ...]]
"""Members that go together, in their order, each with how it is judged; None for what is judged apart."""


@cache
def _forms(of: Any) -> _Forms:  # noqa: ARG001  one for each model, kept by the cache
    return {}


def accepted(resource: Node, of: Any, max_depth: int) -> bool:
    """Whether the library is known to accept the resource, `contained` left out, and shape.check() with it.

    False says nothing: it has to be asked.
    """
    try:
        return _accepted(resource, _forms(of), max_depth)
    except (ValueError, ShapeFault):
        return False


def _accepted(node: Any, forms: _Forms, depth: int) -> bool:
    steps = forms.get(tuple(node))
    if steps is None or depth <= 0:
        return False
    step: _Step | None
    value: Any
    for step, value in zip(steps, node.values(), strict=True):
        if step is None:
            continue
        repeats, kinds, accepts, inner = step
        if repeats and (value.__class__ is not list or not value):
            return False
        items: list[Any] = value if repeats else [value]
        for item in items:
            if item.__class__ not in kinds or item == "":
                return False
            if accepts is None and not _accepted(item, inner, depth - 1):
                return False
        if accepts is not None:
            accepts(value)
    return True


def learn(resource: Node, of: Any) -> None:
    """Remembers which members go together in a resource; neither the library nor shape.check() found a fault in it."""
    _learn(resource, of, _JUDGED_APART if of.__name__ in CHECKED_TYPES else ())


def _learn(node: Node, of: Any, apart: tuple[str, ...]) -> None:
    table = elements(of)
    steps: list[_Step | None] = []
    known = len(node) <= _MOST_MEMBERS
    for key, value in node.items():
        element = table.get(key)
        if key in apart:
            steps.append(None)
        elif element is None or key[0] == "_" or key == "fhir_comments":
            known = False
        elif element.model is not None:
            steps.append(_step(of, key))
            for item in value if element.repeats else (value,):
                _learn(item, element.model, ())
        elif dict in element.kinds:
            known = False
        else:
            steps.append(_step(of, key))
    if known:
        forms = _forms(of)
        if len(forms) >= _MOST_FORMS:
            oldest, *_ = forms
            forms.pop(oldest, None)
        # Each name once for all: sets of members differ by one or two.
        forms[tuple(map(sys.intern, node))] = tuple(steps)


@cache
def _step(of: Any, key: str) -> _Step:
    element = elements(of)[key]
    if element.model is not None:
        return _Step(element.repeats, element.kinds, None, _forms(element.model))
    return _Step(element.repeats, element.kinds, _type(of, key), {})


def _type(of: Any, key: str) -> Callable[[Any], Any]:
    """The library's own type of a primitive element, as the model has it; raises ValueError or ShapeFault."""
    field = next(field for name, field in of.model_fields.items() if (field.alias or name) == key)
    kind: Any = typing.Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    validate: Callable[[Any], Any] = TypeAdapter(kind).validator.validate_python
    if not elements(of)[key].content:
        return validate

    def encoded(value: Any) -> Any:
        for item in value if value.__class__ is list else (value,):
            check_base64(item)
        return validate(value)

    return encoded
