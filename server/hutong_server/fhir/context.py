"""What the readers of one report share."""

from dataclasses import dataclass, field

from hutong_server.domain.errors import Reason
from hutong_server.domain.report import Issue
from hutong_server.fhir.checks import Checks, located, warning
from hutong_server.fhir.document import Resource
from hutong_server.fhir.elements import text
from hutong_server.fhir.graph import Graph
from hutong_server.fhir.json_text import Node
from hutong_server.fhir.times import Clock


@dataclass(slots=True)
class Context:
    """One report being read."""

    report: Resource
    graph: Graph
    checks: Checks
    clock: Clock
    release: str
    proven: bool
    """Whether the release is known from the report itself or from the caller."""
    issues: list[Issue] = field(default_factory=list)
    samples: dict[int, object] = field(default_factory=dict)
    """What is known of each Specimen (defaults.Sample), by identity: results share their specimens."""
    _sound: dict[int, bool] = field(default_factory=dict)
    _told: set[tuple[str, str]] = field(default_factory=set)

    def warn(self, reason: Reason, path: str, message: str) -> None:
        """Adds a warning, once."""
        if (reason, path) not in self._told:
            self._told.add((reason, path))
            self.issues.append(warning(reason, path, message))

    def follow(self, reference: Node, source: Resource, path: str, types: tuple[str, ...]) -> Resource | None:
        """The one resource of these types that a Reference leads to; a warning when it leads nowhere or elsewhere."""
        literal = text(reference, "reference")
        if not literal:
            return None
        found = self.graph.find(literal, source)
        if not found:
            self.warn(Reason.REFERENCE_UNRESOLVED, path, "leads to nothing in the document")
        elif len(found) > 1:
            self.warn(Reason.REFERENCE_UNRESOLVED, path, "leads to several resources that differ")
        elif found[0].type not in types:
            self.warn(Reason.FHIR_INVALID, path, "leads to a resource of another type than FHIR allows here")
        else:
            return found[0]
        return None

    def sound(self, resource: Resource) -> bool:
        """Whether a resource other than the report and its results is valid; warns of what is not."""
        known = self._sound.get(id(resource))
        if known is not None:
            return known
        sound = True
        for fault in self.checks.faults(resource, self.release, proven=self.proven):
            self.warn(fault.reason, located(resource, fault.path), fault.message)
            sound = sound and fault.harmless
        self._sound[id(resource)] = sound
        return sound
