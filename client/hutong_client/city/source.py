"""How one institution writes: its codes, its names for things, what it leaves out."""

from hutong_client.city.analytes import ANALYTES, Analyte
from hutong_client.city.body import written
from hutong_client.city.examinations import EXAMINATIONS, Examination
from hutong_client.city.fhir_text import Json, concept, decimal
from hutong_client.city.model import Institution
from hutong_client.city.panels import PANELS, STRIPS, Panel

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
UCUM = "http://unitsofmeasure.org"
DICOM = "http://dicom.nema.org/resources/ontology/DCM"
HL7 = "http://terminology.hl7.org/CodeSystem"
INSTITUTION_CODES = "http://yunze.example/institution-codes"
"""System under which documents name institutions."""

SPECIMENS = {
    "blood": ("119297000", "BLD", "EDTA抗凝全血"),
    "serum": ("119364003", "SER", "血清"),
    "plasma": ("708048008", "PLAS", "血浆"),
    "urine": ("122575003", "UR", "尿液"),
    "capillary": ("122554006", "BLDC", "末梢血"),
}
"""SNOMED CT code, HL7 table 0487 code, text."""
_CITRATE = "枸橼酸钠抗凝血浆"

_NUMBERS = {key: f"{n:04d}" for n, key in enumerate((*ANALYTES, *STRIPS), start=2001)}
_EXAMINATION_NUMBERS = {key: f"{n:03d}" for n, key in enumerate(EXAMINATIONS, start=301)}
# Some laboratories use one code for a quantity in whatever specimen; only the specimen tells them apart.
_SHARED = {"U-GLU": "GLU", "GLU-POCT": "GLU"}


class Source:
    """An institution's way of writing, with what never changes made once."""

    def __init__(self, institution: Institution) -> None:
        self.institution = institution
        style = institution.code_style
        self._numbers = style in (1, 3)
        self._loinc = style in (0, 3)
        self._other_names = style in (1, 2)
        self.states_times_on_results = style in (0, 1)
        self.numbers_its_reports = not (institution.tier == "village" and style == 1)
        self._codes: dict[str, Json] = {}
        self._ranges: dict[tuple[str, str], list[Json]] = {}
        self._panels = {panel.kind: self._panel(panel) for panel in PANELS.values()}
        self._examinations = {exam.kind: self._examination(exam) for exam in EXAMINATIONS.values()}
        self._specimens = {key: self._specimen(key) for key in SPECIMENS}

    def code_of(self, key: str) -> str:
        """Its own code for an analyte or strip."""
        if self._numbers:
            return _NUMBERS[key]
        return _SHARED.get(key, key) if self.institution.code_style == 0 else f"JY-{key}"

    def examination_code_of(self, kind: str) -> str:
        """Its own code for an examination."""
        return _EXAMINATION_NUMBERS[kind] if self._numbers else f"JC-{kind.upper()}"

    def panel_code_of(self, kind: str) -> str:
        """Its own code for a panel, on orders and on reports."""
        return f"Z{list(PANELS).index(kind) + 1:02d}"

    def result_code(self, key: str) -> Json:
        """Observation.code."""
        made = self._codes.get(key)
        if made is None:
            made = self._codes[key] = self._result_code(key)
        return made

    def _result_code(self, key: str) -> Json:
        analyte = ANALYTES.get(key)
        if analyte:
            name, loinc = (analyte.other_name if self._other_names else analyte.name), analyte.loinc
        else:
            name, loinc = STRIPS[key].name, STRIPS[key].loinc
        codings = [(self.institution.laboratory_codes, self.code_of(key), name)]
        if self._loinc:
            codings.append((LOINC, loinc, ""))
        return concept(name, *codings)

    def unmapped_code(self, name: str) -> Json:
        """A test that is new here and in nobody's mapping."""
        return concept(name, (self.institution.laboratory_codes, "NEW-0001", name))

    def reference_range(self, analyte: Analyte, sex: str) -> list[Json]:
        """Observation.referenceRange."""
        made = self._ranges.get((analyte.key, sex))
        if made is None:
            low, high = analyte.men if sex == "male" else analyte.women
            text = f"{written(low, analyte)}-{written(high, analyte)}"
            made = [{"high": self.quantity(written(high, analyte), analyte)}]
            if low > 0:
                made[0]["low"] = self.quantity(written(low, analyte), analyte)
            else:
                text = f"<{written(high, analyte)}"
            if self._other_names:
                made[0]["text"] = text
            self._ranges[analyte.key, sex] = made
        return made

    def quantity(self, value: str, analyte: Analyte) -> Json:
        """A Quantity; without a unit where the quantity has none."""
        if not analyte.unit:
            return {"value": decimal(value)}
        if self.institution.code_style == 2:
            return {"value": decimal(value), "unit": analyte.unit}
        return {"value": decimal(value), "unit": analyte.unit, "system": UCUM, "code": analyte.ucum}

    def panel_code(self, kind: str) -> Json:
        """DiagnosticReport.code of a panel."""
        return self._panels[kind]

    def examination_code(self, kind: str) -> Json:
        """DiagnosticReport.code of an examination."""
        return self._examinations[kind]

    def specimen_type(self, key: str) -> Json:
        """Specimen.type."""
        return self._specimens[key]

    def _panel(self, panel: Panel) -> Json:
        codings = [(self.institution.laboratory_codes, self.panel_code_of(panel.kind), panel.name)]
        if self._loinc and panel.loinc:
            codings.append((LOINC, panel.loinc, ""))
        return concept(panel.name, *codings)

    def _examination(self, exam: Examination) -> Json:
        name = exam.other_name if self._other_names else exam.name
        codings = [(self.institution.examination_codes, self.examination_code_of(exam.kind), name)]
        if self._loinc and exam.loinc:
            codings.append((LOINC, exam.loinc, ""))
        return concept(name, *codings)

    def _specimen(self, key: str) -> Json:
        snomed, table_0487, text = SPECIMENS[key]
        style = self.institution.specimen_style
        if style == 0:
            return concept(_CITRATE if key == "plasma" else text, (SNOMED, snomed, ""))
        if style == 1:
            return concept(text, (f"{HL7}/v2-0487", table_0487, ""))
        return concept(_CITRATE if key == "plasma" else text)
