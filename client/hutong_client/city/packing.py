"""The five ways in which a document holds a report and what it refers to."""

from datetime import datetime, timedelta
from random import Random

from hutong_client.city.fhir_text import Json, concept
from hutong_client.city.model import Institution

_EVENT = {"system": "http://yunze.example/codes/event", "code": "report-published"}


class Pack:
    """Collects the resources of one document and says how the document refers to each."""

    def __init__(self, institution: Institution, rng: Random) -> None:
        self._institution = institution
        self._shape = institution.shape
        self._rng = rng
        self._inside: list[tuple[str, Json]] = []

    def add(self, resource: Json) -> Json:
        """Takes a resource in and returns the reference to it."""
        if self._shape == "alone":
            number = f"{resource['resourceType'][:3].lower()}{len(self._inside) + 1}"
            resource["id"] = number
            self._inside.append(("", resource))
            return {"reference": f"#{number}"}
        unique = f"{self._rng.getrandbits(128):032x}"
        if self._shape == "document":
            resource["id"] = unique
            place = f"{resource['resourceType']}/{unique}"
            self._inside.append((f"{self._institution.base}/fhir/{place}", resource))
            return {"reference": place}
        url = f"urn:uuid:{unique[:8]}-{unique[8:12]}-4{unique[13:16]}-a{unique[17:20]}-{unique[20:]}"
        self._inside.append((url, resource))
        return {"reference": url}

    def document(self, reports: list[Json], subject: Json, published: datetime) -> Json:
        """The document. A report alone carries what it refers to; every other shape is a Bundle."""
        if self._shape == "alone":
            (report,) = reports
            if self._inside:
                report["contained"] = [resource for _, resource in self._inside]
            return report
        base = self._institution.base
        entries = [(f"{base}/fhir/DiagnosticReport/{report['id']}", report) for report in reports]
        heads: list[tuple[str, Json]] = []
        at = published.isoformat()
        if self._shape == "document":
            heads.append((f"{base}/fhir/Composition/{reports[0]['id']}", self._composition(entries, subject, at)))
        elif self._shape == "message":
            heads.append((f"{base}/fhir/MessageHeader/{reports[0]['id']}", self._header(entries)))
        bundle: Json = {"resourceType": "Bundle", "type": self._shape, "timestamp": at}
        if self._shape == "document":
            bundle["identifier"] = {"system": f"{base}/document-number", "value": f"D{reports[0]['id']}-{at}"}
        written = []
        for url, resource in (*heads, *entries, *self._inside):
            entry: Json = {"fullUrl": url, "resource": resource}
            if self._shape == "transaction":
                kind = resource["resourceType"]
                put = kind == "DiagnosticReport"
                entry["request"] = {"method": "PUT", "url": f"{kind}/{resource['id']}"} if put else _post(kind)
            written.append(entry)
        bundle["entry"] = written
        return bundle

    def _composition(self, entries: list[tuple[str, Json]], subject: Json, at: str) -> Json:
        return {
            "resourceType": "Composition",
            "status": "final",
            "type": concept("检查检验报告", ("http://loinc.org", "11502-2", "Laboratory report")),
            "subject": [subject] if self._institution.release == "R5" else subject,
            "date": at,
            "author": [{"display": self._institution.name}],
            "title": "检查检验报告",
            "section": [{"title": "报告", "entry": [{"reference": url} for url, _ in entries]}],
        }

    def _header(self, entries: list[tuple[str, Json]]) -> Json:
        address = f"{self._institution.base}/outbox"
        return {
            "resourceType": "MessageHeader",
            "eventCoding": _EVENT,
            "source": {"endpointUrl": address} if self._institution.release == "R5" else {"endpoint": address},
            "focus": [{"reference": url} for url, _ in entries],
        }


def _post(kind: str) -> Json:
    return {"method": "POST", "url": kind}


def later(at: datetime, hours: float) -> datetime:
    """A later time, to the second."""
    return (at + timedelta(hours=hours)).replace(microsecond=0)
