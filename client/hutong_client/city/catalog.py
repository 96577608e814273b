"""The made city's part of the catalogue: its institutions, their codes, quality grants and agreements.

It refers to the items and terms of the sample catalogue (deploy/catalog/sample), which belongs to the same made city.
"""

import csv
import io
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta

from hutong_client.city.examinations import EXAMINATIONS
from hutong_client.city.model import CITY, PROVINCE, Institution
from hutong_client.city.panels import PANELS
from hutong_client.city.places import Places
from hutong_client.city.source import INSTITUTION_CODES, Source

_ITEMS = {
    "WBC": "LAB-WBC",
    "NEUT%": "LAB-NEUTROPHILS-PCT",
    "LYM%": "LAB-LYMPHOCYTES-PCT",
    "MONO%": "LAB-MONOCYTES-PCT",
    "EO%": "LAB-EOSINOPHILS-PCT",
    "BASO%": "LAB-BASOPHILS-PCT",
    "NEUT#": "LAB-NEUTROPHILS",
    "LYM#": "LAB-LYMPHOCYTES",
    "MONO#": "LAB-MONOCYTES",
    "EO#": "LAB-EOSINOPHILS",
    "BASO#": "LAB-BASOPHILS",
    "RBC": "LAB-RBC",
    "HGB": "LAB-HEMOGLOBIN",
    "HCT": "LAB-HEMATOCRIT",
    "MCV": "LAB-MCV",
    "MCH": "LAB-MCH",
    "MCHC": "LAB-MCHC",
    "RDW-CV": "LAB-RDW-CV",
    "PLT": "LAB-PLATELETS",
    "MPV": "LAB-MPV",
    "K": "LAB-POTASSIUM",
    "NA": "LAB-SODIUM",
    "CL": "LAB-CHLORIDE",
    "CA": "LAB-CALCIUM",
    "P": "LAB-PHOSPHATE",
    "MG": "LAB-MAGNESIUM",
    "GLU": "LAB-GLUCOSE",
    "UREA": "LAB-UREA",
    "CREA": "LAB-CREATININE",
    "UA": "LAB-URIC-ACID",
    "ALT": "LAB-ALT",
    "AST": "LAB-AST",
    "GGT": "LAB-GGT",
    "ALP": "LAB-ALP",
    "TBIL": "LAB-BILIRUBIN-TOTAL",
    "DBIL": "LAB-BILIRUBIN-DIRECT",
    "TP": "LAB-TOTAL-PROTEIN",
    "ALB": "LAB-ALBUMIN",
    "GLB": "LAB-GLOBULIN",
    "CK": "LAB-CK",
    "LDH": "LAB-LDH",
    "TC": "LAB-CHOLESTEROL",
    "TG": "LAB-TRIGLYCERIDE",
    "HDL-C": "LAB-HDL-C",
    "LDL-C": "LAB-LDL-C",
    "APOA1": "LAB-APO-A1",
    "APOB": "LAB-APO-B",
    "HBA1C": "LAB-HBA1C",
    "TSH": "LAB-TSH",
    "FT3": "LAB-FT3",
    "FT4": "LAB-FT4",
    "TPOAB": "LAB-TPO-AB",
    "PT": "LAB-PT",
    "INR": "LAB-INR",
    "APTT": "LAB-APTT",
    "TT": "LAB-TT",
    "FIB": "LAB-FIBRINOGEN",
    "D-DIMER": "LAB-D-DIMER",
    "CRP": "LAB-CRP",
    "FERR": "LAB-FERRITIN",
    "FE": "LAB-IRON",
    "AFP": "LAB-AFP",
    "CEA": "LAB-CEA",
    "CA125": "LAB-CA125",
    "CA199": "LAB-CA199",
    "CA153": "LAB-CA153",
    "PSA": "LAB-PSA",
    # A drop from the finger is the same quantity; that its specimen differs is for the item to say.
    "GLU-POCT": "LAB-GLUCOSE",
    "U-PH": "LAB-URINE-PH",
    "U-SG": "LAB-URINE-SG",
    "U-ACR": "LAB-URINE-ACR",
    "U-PRO": "LAB-URINE-PROTEIN",
    "U-GLU": "LAB-URINE-GLUCOSE",
    "U-KET": "LAB-URINE-KETONES",
    "U-BLD": "LAB-URINE-BLOOD",
    "U-LEU": "LAB-URINE-LEUKOCYTE-ESTERASE",
    "U-NIT": "LAB-URINE-NITRITE",
    "U-BIL": "LAB-URINE-BILIRUBIN",
}
_EXAMINATION_ITEMS = {
    "xr-chest": "EXAM-XR-CHEST",
    "xr-knee-left": "EXAM-XR-KNEE-LEFT",
    "xr-knee-right": "EXAM-XR-KNEE-RIGHT",
    "ct-chest": "EXAM-CT-CHEST-PLAIN",
    "ct-head": "EXAM-CT-HEAD-PLAIN",
    "ct-abdomen-contrast": "EXAM-CT-UPPER-ABDOMEN-ENHANCED",
    "mr-head": "EXAM-MR-BRAIN-PLAIN",
    "mr-lumbar": "EXAM-MR-LUMBAR-SPINE-PLAIN",
    "us-abdomen": "EXAM-US-UPPER-ABDOMEN",
    "us-thyroid": "EXAM-US-THYROID",
    "us-carotid": "EXAM-US-CAROTID",
    "us-urinary": "EXAM-US-URINARY-TRACT",
    "us-breast": "EXAM-US-BREAST",
    "echo": "EXAM-US-ECHOCARDIOGRAPHY",
    "ecg": "EXAM-ECG",
    "holter": "EXAM-HOLTER",
    "fundus": "EXAM-FUNDUS-PHOTOGRAPHY",
    "dental-ct": "EXAM-CBCT-DENTAL",
    "gastroscopy": "EXAM-GASTROSCOPY",
}
_TERMS = {
    "blood": "WHOLE_BLOOD",
    "serum": "SERUM",
    "plasma": "",  # citrated or not said: the item's own terms decide
    "urine": "URINE",
    "capillary": "CAPILLARY_BLOOD",
}
_SPECIMEN_OF = {key: panel.specimen for panel in PANELS.values() for key in panel.keys}

# What a tier's laboratories measure; a tier that is not listed measures everything.
_MEASURED = {
    "village": ("glucose-poct", "urine"),
    "township": ("blood-count", "crp", "chemistry-basic", "lipids", "hba1c", "thyroid", "urine"),
}
_EXAMINED = {"village": ("ecg",), "township": ("ecg", "xr-chest", "us-abdomen"), "laboratory_center": ()}
_TOWNSHIP_GRANT = ("blood-count", "chemistry-basic")


def item_of(key: str) -> str:
    """The recognised item of an analyte, a strip or a kind of examination. Raises KeyError for anything else."""
    return _EXAMINATION_ITEMS.get(key) or _ITEMS[key]


def catalog_files(places: Places, reference: datetime, wanted: Collection[str] | None) -> dict[str, bytes]:
    """CSV files by name, for the wanted institutions or for all."""
    found = [i for i in places.by_code.values() if wanted is None or i.code in wanted]
    return {
        "institutions.csv": _csv(
            "code,name,tier,region,alliances,identifiers,feed_interval_hours", map(_institution, found)
        ),
        "mappings.csv": _csv(
            "institution,system,code,specimen,body_part,method,item,valid_from,valid_to",
            (row for i in found for row in _mappings(i)),
        ),
        "panels.csv": _csv("institution,system,code,items,name", (row for i in found for row in _panels(i))),
        "grants.csv": _csv(
            "institution,items,range,valid_from,valid_to,quality_body",
            (row for i in found for row in _grants(i, reference)),
        ),
        "agreements.csv": _csv("publisher,performer,valid_from,valid_to", _agreements(found, places, reference)),
    }


def _csv(columns: str, rows: Iterable[tuple[object, ...]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns.split(","))
    writer.writerows(rows)
    return text.getvalue().encode()


def _institution(i: Institution) -> tuple[object, ...]:
    named = f"{INSTITUTION_CODES}|{i.code}"
    return i.code, i.name, i.tier, i.region, ";".join(i.alliances), named, i.feed_interval_hours


def _mappings(i: Institution) -> Iterator[tuple[object, ...]]:
    source = Source(i)
    kinds = _MEASURED.get(i.tier, tuple(PANELS))
    keys = list(dict.fromkeys(key for kind in kinds for key in PANELS[kind].keys))
    codes = [source.code_of(key) for key in keys]
    for key, code in zip(keys, codes, strict=True):
        # Where one code stands for several specimens, only the specimen says which item is meant.
        term = _TERMS[_SPECIMEN_OF[key]] if codes.count(code) > 1 else ""
        yield i.code, i.laboratory_codes, code, term, "", "", _ITEMS[key], "", ""
    for kind in _EXAMINED.get(i.tier, tuple(EXAMINATIONS)):
        item = _EXAMINATION_ITEMS[kind]
        yield i.code, i.examination_codes, source.examination_code_of(kind), "", "", "", item, "", ""


def _panels(i: Institution) -> Iterator[tuple[object, ...]]:
    """What its doctors order at once: all panels, also those that it sends elsewhere to be measured."""
    source = Source(i)
    for panel in PANELS.values():
        items = dict.fromkeys(_ITEMS[key] for key in panel.keys)
        yield i.code, i.laboratory_codes, source.panel_code_of(panel.kind), ";".join(items), panel.name


def _grants(i: Institution, reference: datetime) -> Iterator[tuple[object, ...]]:
    """A year's external assessment each, as quality centers give them; last year's and this year's."""
    for year in (reference.year - 1, reference.year):
        dates = (f"{year}-01-01", f"{year}-12-31")
        province, city = "样例省临床检验中心", "云泽市临床检验中心"
        if i.tier == "tertiary":
            yield i.code, "laboratory", "national", *dates, "国家卫生健康委临床检验中心(样本)"
            yield i.code, "examination", PROVINCE, *dates, "样例省影像质控中心"
        elif i.tier == "secondary":
            yield i.code, "laboratory", PROVINCE, *dates, province
            yield i.code, "examination", CITY, *dates, city
        elif i.tier == "laboratory_center":
            yield i.code, "examination" if i.code.endswith("R01") else "laboratory", PROVINCE, *dates, province
        elif i.tier == "township":
            keys = dict.fromkeys(key for kind in _TOWNSHIP_GRANT for key in PANELS[kind].keys)
            yield i.code, ";".join(_ITEMS[key] for key in keys), CITY, *dates, city
        elif i.tier == "private":
            # Took part in part of it, and left it three weeks ago.
            lapsed = f"{reference - timedelta(days=21):%Y-%m-%d}"
            if dates[0] <= lapsed:
                items = ";".join(_ITEMS[key] for key in PANELS["lipids"].keys)
                yield i.code, items, CITY, dates[0], min(dates[1], lapsed), city


def _agreements(found: Iterable[Institution], places: Places, reference: datetime) -> Iterator[tuple[object, ...]]:
    codes = {i.code for i in found}
    for code in codes and [i.code for i in places.by_code.values() if i.code in codes]:
        i = places.by_code[code]
        center = places.laboratory(i.region)
        if i.tier in ("township", "village") and center in codes:
            yield i.code, center, f"{reference.year - 1}-01-01", ""
