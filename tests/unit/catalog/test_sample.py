"""The sample catalogue: complete, right, and usable by the made city."""

import csv
import os
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hutong_client.city import City
from hutong_server.catalog import build_rule_book, read_catalog
from hutong_server.domain.identifiers import Identifier, IdentifierFault, IdentifierKind
from hutong_server.domain.ordered_items import Order
from hutong_server.domain.recognition import (
    ConsentBasis,
    ConsentRule,
    Dimension,
    Institution,
    Leeway,
    OverrideScope,
    RecognizedItem,
    Specialty,
    Tier,
    TimeBase,
)
from hutong_server.domain.report import RawIdentifier, ResultFacts, ResultFlag, TimeSource
from hutong_server.domain.reuse import ReportFacts, Request, assess

PROJECT = Path(__file__).parents[3]
SAMPLE = PROJECT / "deploy" / "catalog" / "sample"
FILES = [(path.name, path.read_bytes()) for path in sorted(SAMPLE.glob("*.yaml"))]
TEST_DATA = Path(os.environ.get("HUTONG_TEST_DATA", PROJECT.parent / "shared" / "data"))
IMPORTED = read_catalog(FILES, ())
BOOK = build_rule_book(1, (), IMPORTED.rows)
ITEMS = [version for versions in BOOK.items.values() for version in versions]


def loinc_of(item: RecognizedItem) -> list[str]:
    return [
        code for (who, _, code), rows in BOOK.mappings.items() if who == "*" for row in rows if row.item == item.code
    ]


def test_counts() -> None:
    by_specialty = Counter(item.specialty for item in ITEMS)
    assert by_specialty[Specialty.LABORATORY] >= 100
    assert by_specialty[Specialty.EXAMINATION] >= 40
    assert len(BOOK.grounds) == 6
    assert {system.kind for system in BOOK.identifier_systems.values()} == set(IdentifierKind)
    classes = {item.item_class for item in ITEMS}
    assert {"xray", "ct", "mr", "ultrasound", "electrophysiology", "ophthalmology", "dental", "endoscopy"} <= classes
    assert {"EXAM-HOLTER", "EXAM-FUNDUS-PHOTOGRAPHY", "EXAM-CBCT-DENTAL", "EXAM-GASTROSCOPY"} <= BOOK.items.keys()


@pytest.mark.parametrize(
    ("loinc", "least", "among"),
    [
        ("58410-2", 10, "LAB-HEMOGLOBIN"),
        ("57021-8", 20, "LAB-NEUTROPHILS-PCT"),
        ("24325-3", 7, "LAB-ALT"),
        ("24331-1", 4, "LAB-LDL-C"),
        ("24356-8", 9, "LAB-URINE-PROTEIN"),
    ],
)
def test_panels_ask_for_their_items_at_any_hospital(loinc: str, least: int, among: str) -> None:
    ordered = BOOK.ordered_items(Order("1", (("http://loinc.org", loinc),)), "ANY", "2026-05-28")
    assert len(ordered.items) >= least
    assert among in {item.code for item in ordered.items}
    assert all(item.recognized for item in ordered.items)


@pytest.mark.parametrize("name", [name for name, _ in FILES])
def test_each_file_says_that_it_is_a_sample(name: str) -> None:
    assert (SAMPLE / name).read_text("utf-8").startswith("# SAMPLE.")
    assert name in (SAMPLE / "README.md").read_text("utf-8")


def test_published_windows() -> None:
    def days(*codes: str) -> set[int]:
        return {BOOK.items[f"LAB-{code}"][0].window_days for code in codes}

    assert days("POTASSIUM", "SODIUM", "CHLORIDE", "CALCIUM", "MAGNESIUM", "PHOSPHATE", "IRON") == {7}
    assert days("TOTAL-PROTEIN", "ALBUMIN", "GLUCOSE", "CHOLESTEROL", "TRIGLYCERIDE", "BILIRUBIN-TOTAL") == {30}
    assert days("FERRITIN", "HDL-C", "LDL-C") == {30}
    assert days("HBA1C") == {60}
    imaging = [item for item in ITEMS if item.item_class in ("xray", "ct", "mr", "ultrasound")]
    assert {item.window_days for item in imaging} == {30}
    # The specimen or examination time is the safer base.
    assert {item.time_base for item in ITEMS} == {TimeBase.EFFECTIVE}


def test_what_makes_results_comparable_is_named() -> None:
    for item in ITEMS:
        named = {dimension for dimension, _ in item.terms}
        if item.specialty is Specialty.LABORATORY:
            assert Dimension.SPECIMEN in named, item.code
        else:
            assert Dimension.METHOD in named, item.code
        if item.item_class in ("xray", "ct", "mr", "ultrasound"):
            assert Dimension.BODY_PART in named, item.code
        if item.item_class in ("ct", "mr"):
            assert Dimension.CONTRAST in named, item.code


def test_loinc_numbers_are_well_formed() -> None:
    def check_digit(body: str) -> int:
        doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(body))]
        return -sum(each - 9 if each > 9 else each for each in doubled) % 10

    numbers = [number for item in ITEMS for number in loinc_of(item)]
    assert len(numbers) > 200
    assert [number for number in numbers if check_digit(number[:-2]) != int(number[-1])] == []


# What people at that hospital call the same thing.
SYNONYMS = {
    "total protein": "protein",
    "urea": "urea nitrogen",
    "uric acid": "urate",
    "HDL cholesterol": "cholesterol in HDL",
    "LDL cholesterol": "cholesterol in LDL",
    "total cholesterol": "cholesterol",
    "NT-proBNP": "natriuretic peptide B prohormone",
    "cardiac troponin I": "troponin I",
    "cardiac troponin T": "troponin T",
    "total iron binding capacity": "iron binding capacity",
    "parathyroid hormone": "parathyrin",
    "high sensitivity C reactive protein": "C reactive protein high sensitivity",
    "immunoglobulin A": "IgA",
    "immunoglobulin G": "IgG",
    "immunoglobulin M": "IgM",
    "mean corpuscular volume": "MCV",
    "mean corpuscular hemoglobin": "MCH",
    "mean corpuscular hemoglobin concentration": "MCHC",
    "mean platelet volume": "platelet mean volume",
    "activated partial thromboplastin time": "aPTT",
    "fibrin and fibrinogen degradation products": "fibrinogen fragments",
    "antithrombin activity": "antithrombin",
    "free thyroxine": "thyroxine free",
    "thyroid peroxidase antibody": "thyroperoxidase Ab",
    "thyroglobulin antibody": "thyroglobulin Ab",
    "alpha fetoprotein": "alpha 1 fetoprotein",
    "carcinoembryonic antigen": "carcinoembryonic Ag",
    "CA 125": "cancer Ag 125",
    "CA 19-9": "cancer Ag 19 9",
    "total PSA": "prostate specific Ag",
    "urine specific gravity": "specific gravity of urine",
    "urine albumin": "microalbumin urine",
    "occult blood in stool": "hemoglobin gastrointestinal stool",
    "creatine kinase MB mass": "creatine kinase MB mass volume",
    "hepatitis B surface antigen": "hepatitis B virus surface Ag",
    "hepatitis B surface antibody": "hepatitis B virus surface Ab",
    "hepatitis B e antigen": "hepatitis B virus e Ag",
    "hepatitis B e antibody": "hepatitis B virus e Ab",
    "hepatitis B core antibody": "hepatitis B virus core Ab",
    "hepatitis C antibody": "hepatitis C virus Ab",
    "25-hydroxyvitamin D": "25 hydroxyvitamin D3",
    "neutrophils, percent": "neutrophils 100 leukocytes",
    "lymphocytes, percent": "lymphocytes 100 leukocytes",
    "monocytes, percent": "monocytes 100 leukocytes",
    "eosinophils, percent": "eosinophils 100 leukocytes",
    "basophils, percent": "basophils 100 leukocytes",
}
FLUIDS = {"URINE": "Urine", "URINE_24H": "Urine", "STOOL": "Stool"}


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", text.lower()))


def test_loinc_numbers_agree_with_a_curated_mapping() -> None:
    table = TEST_DATA / "loinc" / "mimic-labitems" / "mimic-iv" / "mapping" / "d_labitems_to_loinc.csv"
    if not table.exists():
        pytest.skip(f"no third-party data: {table} is not there (HUTONG_TEST_DATA)")
    curated: dict[str, set[tuple[str, str]]] = {}
    with table.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            curated.setdefault(row["omop_concept_code"], set()).add((row["fluid"], row["omop_concept_name"]))
    checked, unknown, wrong = 0, 0, []
    for item in (each for each in ITEMS if each.specialty is Specialty.LABORATORY):
        fluid = FLUIDS.get(dict(item.terms)[Dimension.SPECIMEN][0], "Blood")
        wanted = words(SYNONYMS.get(item.name_en, re.sub(r"\(.*\)", "", item.name_en)))
        for number in loinc_of(item):
            known = curated.get(number)
            if known is None:
                unknown += 1
                continue
            checked += 1
            if not any(fluid == theirs and wanted <= words(name) for theirs, name in known):
                wrong.append((item.code, number, known))
    print(
        f"LOINC of the sample: {checked} agree with the curated mapping, {unknown} are not in it, {len(wrong)} differ"
    )
    assert wrong == []
    assert checked >= 100


def test_every_term_is_used_or_contrasts_with_one_that_is() -> None:
    used = {(dimension, term) for item in ITEMS for dimension, terms in item.terms for term in terms}
    dimensions = {dimension for dimension, _ in used}
    assert {term.dimension for term in BOOK.vocabulary} <= dimensions


@pytest.mark.parametrize(
    ("system", "value", "strong"),
    [
        ("urn:oid:2.16.156.10011.1.3", "99040119800101015x", True),
        ("urn:oid:2.16.156.10011.1.19", "9904 0000 1234", True),
        ("urn:hutong:sample:health-code", "ABCD1234", True),
        ("urn:hutong:sample:social-security-card", "A12345678", True),
        ("http://hl7.org/fhir/sid/passport-CHN", "e12345678", True),
        ("urn:hutong:sample:medical-record", "00012", False),
    ],
)
def test_identifier_systems(system: str, value: str, strong: bool) -> None:
    identifier = BOOK.identifier(RawIdentifier(system, value), "H1")
    assert isinstance(identifier, Identifier)
    assert identifier.strong is strong
    if strong:
        assert isinstance(BOOK.identifier(RawIdentifier(system, "!"), "H1"), IdentifierFault)


def test_directions_between_tiers() -> None:
    """With the sample's own rules: who recognises whom, and the township examination that the city hospital read."""
    institutions = b"""code,name,tier,region,alliances,identifiers,feed_interval_hours
CITY,c,tertiary,990400,,,
COUNTY,y,secondary,990421,,,
TOWN,t,township,990421,,,
TOWN-2,u,township,990421,,,
VILLAGE,v,village,990421,,,
LAB,l,laboratory_center,990421,,,
"""
    grants = b"""institution,items,range,valid_from,valid_to,quality_body
CITY,*,99,,,
COUNTY,*,99,,,
LAB,laboratory,national,,,
TOWN-2,laboratory,9904,,,
"""
    imported = read_catalog([*FILES, ("institutions.csv", institutions), ("grants.csv", grants)], ())
    book = build_rule_book(1, imported.institutions, imported.rows)
    now = round(datetime(2026, 3, 1, tzinfo=UTC).timestamp() * 1000)
    potassium = ResultFacts(
        0, "final", ResultFlag.HAS_VALUE, now, TimeSource.RESULT, None, (("http://loinc.org", "2823-3"),),
        specimen=(("", "血清"),),
    )  # fmt: skip
    ecg = potassium._replace(codes=(("http://loinc.org", "11524-6"),), method=(("", "心电图"),))

    def told(result: ResultFacts, issuer: str, asker: str, reader: str = "") -> str:
        facts = result._replace(performer=issuer, reader=reader)
        verdict = assess(facts, ReportFacts(b"", issuer, "final"), Request(asker, now), book)
        return verdict.mark or verdict.reasons[0].value

    assert told(potassium, "CITY", "COUNTY") == "样HR"
    assert told(potassium, "COUNTY", "TOWN") == "样HR"
    assert told(potassium, "COUNTY", "CITY") == "DIRECTION_NOT_RECOGNIZED"
    assert told(potassium, "LAB", "CITY") == "全国HR"
    assert told(potassium, "TOWN-2", "TOWN") == "云泽HR"
    assert told(potassium, "TOWN", "TOWN-2") == "NO_QUALITY_GRANT"
    assert told(ecg, "TOWN", "COUNTY") == "DIRECTION_NOT_RECOGNIZED"
    assert told(ecg, "TOWN", "COUNTY", reader="CITY") == "样HR"
    assert told(ecg, "TOWN", "COUNTY", reader="COUNTY") == "DIRECTION_NOT_RECOGNIZED"
    assert told(potassium, "TOWN", "COUNTY", reader="CITY") == "DIRECTION_NOT_RECOGNIZED"


def test_the_made_city_fits() -> None:
    city = City.make(patients=5)
    files = [
        (name, content.encode() if isinstance(content, str) else content)
        for name, content in city.catalog_files().items()
    ]
    imported = read_catalog([*FILES, *files], ())
    counts = Counter(row.kind for row in imported.rows)
    assert len(imported.institutions) >= 10
    assert counts["mapping"] > 100
    assert counts["grant"] > 10


def test_sensitive_categories_are_those_that_the_law_and_the_sample_name() -> None:
    assert set(BOOK.sensitivity.categories) == {"hiv", "sti", "psychiatric", "genetic"}
    assert BOOK.sensitivity.needing_grant == set(BOOK.sensitivity.categories)
    of = BOOK.sensitivity.of_codes
    assert of((("http://loinc.org", "56888-1"),), "H1") == {"hiv"}
    assert of((("urn:oid:2.16.840.1.113883.6.1", "20507-0"),), "H1") == {"sti"}
    assert of((("", "hiv抗体"),), "H1") == {"hiv"}
    assert BOOK.sensitivity.of_report(("ge",), (), "H1") == {"genetic"}
    # What is recognised in the sample is shared; nothing of it is sensitive by accident.
    assert not [item.code for item in ITEMS for code in loinc_of(item) if of((("http://loinc.org", code),), "H1")]


def test_consent_is_opt_out_and_counts_nothing() -> None:
    assert BOOK.policy.consent == ConsentRule(ConsentBasis.OPT_OUT, count_withheld=False, break_glass_hours=24)


def test_every_item_has_a_list_price() -> None:
    assert [item.code for item in ITEMS if not BOOK.price_of("H1", item.code, "2026-03-01")] == []
    assert BOOK.price_of("H1", "EXAM-CT-HEAD-PLAIN", "2026-03-01") == 18_000


def test_overrides_hold_for_the_neighbor_city_only() -> None:
    institutions = [Institution(code, code, Tier.SECONDARY, code[1:]) for code in ("I990421", "I990521")]
    book = build_rule_book(1, institutions, IMPORTED.rows)
    potassium, fasting = book.items["LAB-POTASSIUM"][0], book.items["LAB-GLUCOSE-FASTING"][0]
    windows = [book.item_for(potassium, each.code, "2026-03-01").window_days for each in institutions]
    assert windows == [7, 3]
    assert [book.item_for(fasting, each.code, "2026-03-01").recognized for each in institutions] == [True, False]
    assert book.policy.overrides.of(OverrideScope.INSTITUTION) is Leeway.STRICTER


def test_inner_mongolia_s_grounds_replace_the_six() -> None:
    path = SAMPLE.parent / "regions" / "inner-mongolia" / "grounds.yaml"
    grounds = {
        each.code: each
        for each in build_rule_book(1, (), read_catalog([(path.name, path.read_bytes())], ()).rows).grounds
    }
    assert list(grounds) == [f"{number:02}" for number in range(1, 11)] + ["98", "99"]
    assert [code for code, each in grounds.items() if not each.counts_as_refusal] == ["98", "99"]
    assert [code for code, each in grounds.items() if each.needs_text] == ["06"]
