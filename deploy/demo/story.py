"""Whose chart the demo opens, and where: the same person each time, chosen for being worth a look."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hutong.v1 import report_pb2 as v1
from hutong_client.city import City, Institution, MadeReport, Patient
from hutong_client.city.identity import RESIDENT_NUMBER
from hutong_client.city.panels import PANELS
from hutong_client.city.source import Source
from hutong_client.cli.labels import enum_label
from hutong_client.cli.language import LANGUAGE

SEED = 1
_COUNTY = "990421"
_RECENT = timedelta(days=30)
_ORDERED_PANELS = ("chemistry-basic", "lipids")
_ORDERED_EXAMINATION = "xr-chest"
_SCREEN = 12
"""Results of a report that fit a screen."""


@dataclass(frozen=True, slots=True)
class Story:
    """Who publishes, who asks, and about whom."""

    patient: Patient
    publishers: tuple[Institution, ...]
    """The patient's county hospital, township clinic and village station."""
    asker: Institution
    """Another hospital of the county."""
    others: tuple[Institution, ...]
    """Who performed or read something for them: the county's laboratory center, the city hospital."""

    @property
    def taking_part(self) -> list[str]:
        """Codes of all institutions to be registered."""
        return [each.code for each in (*self.publishers, self.asker, *self.others)]

    def identifiers(self) -> list[tuple[str, str]]:
        """What the chart knows the patient by."""
        return [(RESIDENT_NUMBER, self.patient.resident_number)]

    def patient_text(self) -> bytes:
        """The patient as `hutong chart` reads it from standard input."""
        person = self.patient
        lines = {
            "resident_number": person.resident_number,
            "name": person.name,
            "birth_date": person.birth_date.isoformat(),
            "sex": person.sex,
        }
        return "".join(f"{key}: {value}\n" for key, value in lines.items()).encode()

    def order_codes(self) -> list[str]:
        """What the doctor orders, as `hutong order` takes it: in the codes of the doctor's own hospital."""
        source = Source(self.asker)
        panels = [f"{self.asker.laboratory_codes}|{source.panel_code_of(kind)}" for kind in _ORDERED_PANELS]
        return [*panels, f"{self.asker.examination_codes}|{source.examination_code_of(_ORDERED_EXAMINATION)}"]

    def report_to_show(self, answer: dict[str, Any]) -> str:
        """Id of the report behind one line: of the laboratory's, the fullest one that fits the screen."""
        shown = [line["result"] for line in answer["lines"]]
        results = Counter(result["report_id"] for result in (*shown, *answer["not_reusable"]))
        laboratory = [r["report_id"] for r in shown if r["item"]["specialty"] == "SPECIALTY_LABORATORY"]
        fitting = [report_id for report_id in laboratory if results[report_id] <= _SCREEN]
        chosen: str = max(fitting or laboratory or [shown[0]["report_id"]], key=lambda report_id: results[report_id])
        return chosen

    def reasons(self, answer: dict[str, Any]) -> list[tuple[str, int]]:
        """How many results cannot be reused for which reason, most frequent first. A result may have several."""
        names = Counter(name for result in answer["not_reusable"] for name in result["reasons"])
        kinds = v1.NotReusableReason
        return [
            (enum_label(kinds.DESCRIPTOR, kinds.Value(name), LANGUAGE), count) for name, count in names.most_common()
        ]


def find_story(city: City) -> Story:
    """The chronic patient of the county whose last month says most."""
    by_patient: dict[int, list[MadeReport]] = defaultdict(list)
    for made in city.reports():
        if city.reference - made.taken < _RECENT:
            by_patient[made.patient].append(made)
    found = [
        (_worth(city, city.patients[index], reports), -index)
        for index, reports in by_patient.items()
        if city.patients[index].division == _COUNTY and city.patients[index].conditions
    ]
    _, index = max(found)
    patient = city.patients[-index]
    places = city.places
    publishers = tuple(city.institution(code) for code in _publishers(city, patient))
    asker = places.hospitals(_COUNTY)[1]
    others = (places.laboratory(_COUNTY), places.tertiary[0])
    return Story(patient, publishers, city.institution(asker), tuple(city.institution(code) for code in others))


def _publishers(city: City, patient: Patient) -> tuple[str, str, str]:
    return city.places.hospitals(_COUNTY)[0], city.places.township(patient.village), patient.village


def _worth(city: City, patient: Patient, reports: list[MadeReport]) -> float:
    publishers = _publishers(city, patient)
    seen = sorted((made for made in reports if made.institution in publishers), key=lambda made: made.taken)
    if not seen or patient.mother is not None:
        return 0.0
    kinds = [kind for made in seen for kind in made.kind.split("+")]
    results = sum(len(PANELS[kind].keys) for kind in kinds if kind in PANELS)
    examinations = len({kind for kind in kinds if kind not in PANELS})
    # Seen by all three, examined, seen again nearer home afterward, and not so much of it that nobody reads it.
    all_three = 3 * len({made.institution for made in seen})
    later = 2 * (seen[-1].institution != publishers[0])
    return all_three + 2 * examinations + later - abs(results - 12) / 4
