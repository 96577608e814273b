"""Faults of the resources of one report, each resource looked at once per document."""

from hutong_server.domain.errors import Reason
from hutong_server.domain.report import Issue, Severity
from hutong_server.fhir import shape
from hutong_server.fhir.document import Resource
from hutong_server.fhir.validation import Fault, faults


def located(resource: Resource, path: str) -> str:
    """A path within a resource, from the document on."""
    if not path:
        return resource.path
    return f"{resource.path}{path}" if path[0] == "[" else f"{resource.path}.{path}"


def warning(reason: Reason, path: str, message: str) -> Issue:
    """An issue that does not cost the report."""
    return Issue(Severity.WARNING, reason, path, message)


def fault(reason: Reason, path: str, message: str) -> Issue:
    """An issue that costs the report."""
    return Issue(Severity.ERROR, reason, path, message)


class Checks:
    """Validates, and remembers."""

    def __init__(self, max_depth: int, text: str) -> None:
        self._max_depth = max_depth
        # Two questions asked of every resource, answered once for the document: mostly no.
        escaped = "\\u" in text
        self._value_extensions = escaped or '"_value' in text
        self.modifiers = escaped or "modifierExtension" in text
        self._known: dict[tuple[int, str, bool], tuple[Fault, ...]] = {}

    def faults(self, resource: Resource, release: str, *, proven: bool) -> tuple[Fault, ...]:
        """What is wrong in the resource, harmless faults included.

        Where the release is not proven, a resource that is valid in the other one is valid: a hospital may send R5
        that has nothing only R5 has, and a feed may mix both.
        """
        key = (id(resource), release, proven)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._check(resource, release, proven)
        return known

    def hard(self, resource: Resource, release: str, *, proven: bool) -> tuple[Fault, ...]:
        """The faults that make it unreadable."""
        return tuple(f for f in self.faults(resource, release, proven=proven) if not f.harmless)

    def texts(self, resource: Resource) -> tuple[Fault, ...]:
        """Keys that stand twice and strings that are no text, outside `contained`."""
        return tuple(Fault(f.path, f.reason, f.message) for f in resource.text_faults if not _contained(f.path))

    def _check(self, resource: Resource, release: str, proven: bool) -> tuple[Fault, ...]:
        texts = self.texts(resource)
        if texts or resource.type not in shape.CHECKED_TYPES:
            return texts
        found = self._validated(resource, release)
        if not proven and any(not f.harmless for f in found):
            other = self._validated(resource, "R4" if release == "R5" else "R5")
            if not any(not f.harmless for f in other):
                found = other
        return found

    def _validated(self, resource: Resource, release: str) -> tuple[Fault, ...]:
        return faults(resource.body, release, self._max_depth, value_extensions=self._value_extensions)


def _contained(path: str) -> bool:
    return path.startswith("contained[")
