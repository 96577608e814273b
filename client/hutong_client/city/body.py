"""What a made body measures: coherent with itself, with its conditions, and from one test to the next."""

import math
from collections.abc import Callable, Iterable
from datetime import datetime
from random import Random

from hutong_client.city.analytes import ANALYTES, Analyte
from hutong_client.city.examinations import EXAMINATIONS
from hutong_client.city.model import Patient, seeded
from hutong_client.city.panels import GRADES, STRIPS

# How a chronic condition moves a person's own level: a factor, and how much that factor differs among people.
_SHIFTS: dict[str, dict[str, tuple[float, float]]] = {
    "diabetes": {"GLU": (1.75, 0.2), "TG": (1.4, 0.2), "U-ACR": (3.0, 0.6)},
    "lipids": {"TC": (1.3, 0.08), "TG": (1.9, 0.35), "HDL-C": (0.85, 0.05), "APOB": (1.3, 0.08)},
    "kidney": {
        "CREA": (2.1, 0.4),
        "UREA": (1.9, 0.3),
        "UA": (1.25, 0.1),
        "K": (1.08, 0.03),
        "U-ACR": (9, 2),
        "HGB": (0.85, 0.05),
    },
    "thyroid": {"TSH": (4.0, 1.5), "FT4": (0.72, 0.05), "TPOAB": (12, 5)},
    "anemia": {
        "HGB": (0.68, 0.05),
        "MCV": (0.86, 0.03),
        "FERR": (0.12, 0.04),
        "FE": (0.35, 0.1),
        "RDW-CV": (1.25, 0.05),
    },
    "liver": {"ALT": (2.6, 0.7), "AST": (2.2, 0.5), "GGT": (3.0, 0.8), "TBIL": (1.5, 0.3), "PLT": (0.75, 0.1)},
    "heart": {"INR": (2.3, 0.2), "PT": (2.1, 0.2)},  # on warfarin
    "tumor": {"CEA": (4.0, 2.0), "CA199": (2.5, 1.0), "D-DIMER": (2.5, 0.8), "HGB": (0.88, 0.05)},
    "hypertension": {"UA": (1.1, 0.05)},
    "newborn": {"TBIL": (8, 1.5), "HGB": (1.2, 0.05), "WBC": (1.9, 0.3), "MCV": (1.15, 0.02)},
}
# An acute infection, for a visit or so.
_INFECTION = {"WBC": 1.75, "NEUT%": 1.25, "CRP": 25.0, "PLT": 1.15, "D-DIMER": 1.8, "FE": 0.6}

# What no body and no analyzer goes beyond.
_POSSIBLE = {"NEUT%": (20.0, 94.0), "U-SG": (1.001, 1.040), "U-PH": (4.5, 9.0)}

_Get = Callable[[str], float]
# What follows from other results: these are never drawn, so that a report never contradicts itself.
_DERIVED: dict[str, Callable[[_Get], float]] = {
    "BASO%": lambda get: max(0.0, 100 - get("NEUT%") - get("LYM%") - get("MONO%") - get("EO%")),
    "LYM%": lambda get: max(3.0, (100 - get("NEUT%")) * 0.78),
    "MONO%": lambda get: max(1.0, (100 - get("NEUT%")) * 0.15),
    "EO%": lambda get: (100 - get("NEUT%")) * 0.055,
    "NEUT#": lambda get: get("WBC") * get("NEUT%") / 100,
    "LYM#": lambda get: get("WBC") * get("LYM%") / 100,
    "MONO#": lambda get: get("WBC") * get("MONO%") / 100,
    "EO#": lambda get: get("WBC") * get("EO%") / 100,
    "BASO#": lambda get: get("WBC") * get("BASO%") / 100,
    "HCT": lambda get: get("HGB") / get("MCHC") * 100,
    "RBC": lambda get: get("HCT") * 10 / get("MCV"),
    "MCH": lambda get: get("HGB") / get("RBC"),
    "DBIL": lambda get: get("TBIL") * 0.28,
    "GLB": lambda get: get("TP") - get("ALB"),
    # Friedewald; where triglycerides are too high for it, what remains is kept positive.
    "LDL-C": lambda get: max(0.6, get("TC") - get("HDL-C") - min(get("TG"), 4.0) / 2.2),
    "INR": lambda get: (get("PT") / 11.6) ** 1.05,
    "HBA1C": lambda get: (get("GLU") + 3.0) / 1.59,  # the mean of three months, from the fasting value of one day
    "GLU-POCT": lambda get: get("GLU") * 1.12,
}


class Body:
    """A person's own levels, and what a test would find."""

    def __init__(self, seed: int, patient: Patient, reference: datetime) -> None:
        self._seed = seed
        self._patient = patient
        self._reference = reference
        self._levels: dict[str, float] = {}
        self._trends: dict[str, float] = {}

    def measure(self, keys: Iterable[str], rng: Random, taken: datetime, infected: bool = False) -> dict[str, float]:
        """Results of one draw, unrounded, by key of ANALYTES."""
        found: dict[str, float] = {}
        months = (self._reference - taken).days / 30

        def get(key: str) -> float:
            if key not in found:
                rule = _DERIVED.get(key)
                found[key] = rule(get) if rule else self._draw(ANALYTES[key], rng, months, infected)
            return found[key]

        return {key: get(key) for key in keys}

    def _draw(self, analyte: Analyte, rng: Random, months: float, infected: bool) -> float:
        key = analyte.key
        level = self._levels.get(key)
        if level is None:
            level = self._level(analyte)
        value = level * (1 - self._trends[key] * months) * (1 + rng.gauss(0, analyte.within))
        if infected:
            value *= _INFECTION.get(key, 1.0)
        low, high = _POSSIBLE.get(key, (0.0, math.inf))
        return min(max(value, low), high)

    def _level(self, analyte: Analyte) -> float:
        key, patient = analyte.key, self._patient
        own = seeded(self._seed, "level", patient.index, key)
        low, high = analyte.men if patient.sex == "male" else analyte.women
        middle = low + (high - low) * analyte.center
        # Nineteen of twenty healthy people lie within the range.
        if analyte.skewed:
            level = middle * math.exp(own.gauss(0, math.log(max(high / middle, 1.3)) / 2.2))
        else:
            level = middle + own.gauss(0, min(high - middle, middle - low) / 2.2)
        self._trends[key] = 0.0
        for condition in patient.conditions:
            mean, spread = _SHIFTS[condition].get(key, (1.0, 0.0))
            if spread:
                level *= max(own.gauss(mean, spread), 0.05)
                self._trends[key] = own.uniform(-0.012, 0.02)
        self._levels[key] = level
        return level

    def grade(self, strip: str, rng: Random) -> str:
        """What a urine strip says."""
        condition = STRIPS[strip].condition
        if condition in self._patient.conditions and condition:
            return GRADES[min(4, max(0, round(rng.gauss(2.2, 0.8))))]
        return GRADES[0] if rng.random() < 0.94 else GRADES[1]

    def seen(self, kind: str, rng: Random) -> tuple[str, str]:
        """Findings and conclusion of an examination: the same for the same person each time, as disease is."""
        findings = EXAMINATIONS[kind].findings
        own = seeded(self._seed, "seen", self._patient.index, kind)
        normal = own.random() < (0.3 if self._patient.conditions else 0.75)
        seen, concluded = findings[0] if normal else own.choice(findings[1:])
        if kind == "ecg":
            seen += (
                f"心率{rng.randrange(58, 96)}次/分，PR {rng.randrange(130, 190)} ms，QTc {rng.randrange(380, 445)} ms。"
            )
        return seen, concluded


def written(value: float, analyte: Analyte) -> str:
    """The value as the analyzer prints it: always so many digits after the point."""
    return f"{value:.{analyte.digits}f}"


def flag(value: float, analyte: Analyte, sex: str) -> str:
    """N, L, H, LL or HH for a value, by the range for the sex."""
    if analyte.critical:
        below, above = analyte.critical
        if value < below:
            return "LL"
        if value > above:
            return "HH"
    low, high = analyte.men if sex == "male" else analyte.women
    return "L" if value < low else "H" if value > high else "N"
