"""Elements that were validated before.

The same codes, categories, reference ranges and methods stand in result after result, and the same subject in every
result of a report. What the library found valid once is given to it as the object it made of it, which it takes as it
is. That halves its work. Nothing that was not validated, content for content, is ever passed over.
"""

from typing import Any, Final

from hutong_server.fhir.json_text import Node

_LONGEST_KEY: Final = 2_000
_LASTING: Final = {
    "Observation": ("category", "code", "interpretation", "referenceRange", "method", "bodySite", "dataAbsentReason"),
    "DiagnosticReport": ("category", "code"),
    "Specimen": ("type",),
    "Patient": (),
    "ImagingStudy": ("modality",),
}
"""Elements that say nothing of a person: kept across documents."""
_PASSING: Final = {
    "Observation": ("subject", "specimen", "performer", "device", "encounter", "basedOn"),
    "DiagnosticReport": ("subject", "specimen", "performer", "encounter", "basedOn"),
    "Specimen": ("subject",),
    "Patient": (),
    "ImagingStudy": ("subject",),
}
"""References: kept for one document."""

Key = tuple[str, str, str]


class Known:
    """Validated elements by resource type and release, name and content. Bounded: when full, it begins anew."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._found: dict[Key, Any] = {}

    def get(self, key: Key) -> Any:
        """The library's object, or None."""
        return self._found.get(key)

    def put(self, key: Key, element: Any) -> None:
        """Remembers an element that is valid."""
        if len(self._found) >= self._most:
            self._found.clear()
        self._found[key] = element


_LASTING_KNOWN: Final = Known(4096)


class Parts:
    """A resource in parts: elements known to be valid, and the rest."""

    def __init__(self, resource: Node, release: str, passing: Known) -> None:
        resource_type = resource["resourceType"]
        self.rest = dict(resource)
        self.known: Node = {}
        self._new: list[tuple[str, Key, Known]] = []
        kind = f"{resource_type} {release}"
        for fields, memory in ((_LASTING[resource_type], _LASTING_KNOWN), (_PASSING[resource_type], passing)):
            for field in fields:
                if field in resource:
                    # repr tells 1 from 1.0 and from "1", and true from 1; a dict cannot be a key itself.
                    key = (kind, field, repr(resource[field]))
                    element = memory.get(key)
                    if element is not None:
                        self.known[field] = element
                        del self.rest[field]
                    elif len(key[2]) <= _LONGEST_KEY:
                        self._new.append((field, key, memory))

    def learn(self, validated: Any) -> None:
        """Remembers what the library made of elements that were not known."""
        for field, key, memory in self._new:
            element = getattr(validated, field)
            if element is not None:
                memory.put(key, element)
