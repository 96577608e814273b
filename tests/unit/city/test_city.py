"""The made city: repeatable, plausible, lazy, and marked with what is wrong in it."""

import hashlib
import json
import re
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from hutong_client.city import NOISE, REFERENCE, ZONE, City, MadeReport
from hutong_client.city.body import Body
from hutong_client.city.identity import RESIDENT_NUMBER, check_digit
from hutong_client.city.panels import PANELS
from hutong_client.city.visits import visits

CITY = City.make(seed=3, patients=300, scale="town")


@pytest.fixture(scope="module")
def made() -> list[MadeReport]:
    return list(CITY.reports())


def digest(city: City) -> str:
    summed = hashlib.sha256()
    for report in city.reports():
        summed.update(report.institution.encode() + report.file_name.encode() + report.document)
    for name, content in city.catalog_files().items():
        summed.update(name.encode() + content)
    return summed.hexdigest()


def test_the_same_seed_makes_the_same_city_in_every_process() -> None:
    here = digest(City.make(seed=9, patients=30))
    code = "from tests.unit.city.test_city import *; print(digest(City.make(seed=9, patients=30)))"
    for hash_seed in ("1", "2"):
        there = subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": hash_seed}, capture_output=True, text=True, check=True
        )
        assert there.stdout.strip() == here
    assert digest(City.make(seed=10, patients=30)) != here


def test_more_people_change_nothing_for_those_who_were_there() -> None:
    few, many = City.make(seed=9, patients=39), City.make(seed=9, patients=120)
    assert list(few.patients) == list(many.patients)[:39]


def test_a_part_of_the_city_is_the_same_as_in_the_whole(made: list[MadeReport]) -> None:
    wanted = {"990421-H01", "990421-C01", "990421-V0101"}
    assert list(CITY.reports(wanted)) == [report for report in made if report.institution in wanted]


def test_reports_are_made_one_by_one() -> None:
    made = City.make(seed=1, patients=10_000_000).reports()
    for _ in islice(made, 3000):  # every institution has written by now, and remembers its codes
        pass
    tracemalloc.start()
    try:
        for _ in islice(made, 500):
            pass
        grown = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert grown < 300_000


def test_every_tier_publishes_in_both_releases_and_every_shape(made: list[MadeReport]) -> None:
    tiers = {CITY.institution(report.institution).tier for report in made}
    assert tiers == {"tertiary", "secondary", "township", "village", "private", "laboratory_center"}
    assert {report.release for report in made} == {"R4", "R5"}
    assert {report.shape for report in made} == {"alone", "collection", "document", "message", "transaction"}
    assert {report.status for report in made} == {"final", "preliminary", "corrected", "entered-in-error"}


def test_all_noise_occurs_and_most_reports_have_none(made: list[MadeReport]) -> None:
    marks = Counter(mark for report in made for mark in report.noise)
    assert set(marks) == set(NOISE)
    faults = [report for report in made if set(report.noise) - {"send-out", "remote-read"}]
    assert 0.1 < len(faults) / len(made) < 0.35


def test_no_report_is_from_the_future_and_files_name_nobody(made: list[MadeReport]) -> None:
    earliest = REFERENCE - timedelta(days=CITY.days + 1)
    names = {person.name for person in CITY.patients}
    for report in made:
        assert earliest < report.taken <= REFERENCE
        assert re.fullmatch(r"\d{7}-[a-z0-9-]+\.json", report.file_name)
        assert report.file_name not in names
        for _, issued in found(json.loads(report.document), "issued"):
            assert datetime.fromisoformat(issued) <= REFERENCE + timedelta(hours=1)
    assert len({(report.institution, report.file_name) for report in made}) == len(made)


def test_resident_numbers_have_a_valid_checksum_in_a_division_that_does_not_exist() -> None:
    numbers = Counter[str]()
    for person in CITY.patients:
        number = person.resident_number
        assert number[-1] == check_digit(number[:17])
        assert number.startswith("9904")
        if person.mother is None:
            numbers[number] += 1
            assert number[6:14] == f"{person.birth_date:%Y%m%d}"
            assert int(number[16]) % 2 == (person.sex == "male")
    assert max(numbers.values()) == 1
    # GB 11643-1999, appendix: the standard's own example.
    assert check_digit("11010519491231002") == "X"


def test_mistyped_numbers_fail_their_checksum(made: list[MadeReport]) -> None:
    checked = 0
    for report in made:
        for path, value in found(json.loads(report.document), "value"):
            if path.get("system") == RESIDENT_NUMBER and len(value) == 18 and value.isascii():
                good = value[-1] == check_digit(value[:17])
                assert good != bool({"mistyped", "only-mistyped"} & set(report.noise))
                checked += 1
    assert checked > len(made) / 2


def test_twins_share_everything_but_name_and_number() -> None:
    pairs = [(p, CITY.patients[p.twin_of]) for p in CITY.patients if p.twin_of is not None]
    assert pairs
    for one, other in pairs:
        assert other.twin_of == one.index
        assert (one.birth_date, one.sex, one.name[0], one.village) == (
            other.birth_date,
            other.sex,
            other.name[0],
            other.village,
        )
        assert one.name != other.name
        assert one.resident_number != other.resident_number


def test_a_newborn_goes_by_its_mothers_number(made: list[MadeReport]) -> None:
    for report in made:
        if "mother-number" in report.noise:
            child = CITY.patients[report.patient]
            assert child.mother is not None
            text = report.document.decode()
            assert CITY.patients[child.mother].resident_number in text
            assert child.birth_date.isoformat() in text


def test_decimals_keep_their_written_precision(made: list[MadeReport]) -> None:
    assert any(b'"value":1.50,' in report.document or b'"value":5.10,' in report.document for report in made)
    assert not any(b"\\u0001" in report.document for report in made)


def results(report: MadeReport) -> Iterator[tuple[str, float, dict[str, Any]]]:
    for owner, quantity in found(json.loads(report.document), "valueQuantity"):
        yield owner["code"]["text"], float(quantity["value"]), owner


def test_results_agree_with_each_other_and_with_their_flags(made: list[MadeReport]) -> None:
    counted = 0
    for report in made:
        if report.kind != "blood-count" or report.status != "final" or "unmapped" in report.noise:
            continue
        values = [value for _, value, _ in results(report)]
        if len(values) != 20:
            continue
        assert sum(values[1:6]) == pytest.approx(100, abs=0.6)  # differential count
        assert values[6] == pytest.approx(values[0] * values[1] / 100, abs=0.06)  # absolute neutrophils
        assert values[13] == pytest.approx(values[11] * values[14] / 10, abs=0.6)  # hematocrit = RBC x MCV
        counted += 1
    assert counted > 50
    for report in made[:600]:
        for _, value, observation in results(report):
            high = observation["referenceRange"][0]["high"]["value"]
            code = observation["interpretation"][0]["coding"][0]["code"]
            if "corrected" not in report.noise:
                assert (value > high) == (code in ("H", "HH"))


def test_a_persons_results_stay_close_to_each_other_over_time(made: list[MadeReport]) -> None:
    creatinine: dict[int, list[float]] = {}
    for report in made:
        if not {"mother-number", "focus", "corrected"} & set(report.noise):
            for name, value, _ in results(report):
                if name in ("肌酐", "血肌酐"):
                    creatinine.setdefault(report.patient, []).append(value)
    several = [values for values in creatinine.values() if len(values) >= 4]
    assert len(several) > 30
    within = [max(values) / min(values) for values in several]
    between = sorted(sum(values) / len(values) for values in several)
    assert max(within) < 1.6
    assert between[-1] / between[0] > 1.7


def test_times_carry_the_city_s_zone_and_references_need_one() -> None:
    assert REFERENCE.utcoffset() == timedelta(hours=8)
    with pytest.raises(ValueError, match="time zone"):
        City.make(reference=datetime(2026, 11, 2))  # noqa: DTZ001  the fault under test
    moved = City.make(seed=9, patients=30, reference=REFERENCE.astimezone(ZONE) + timedelta(days=7))
    assert {report.taken.utcoffset() for report in moved.reports()} == {timedelta(hours=8)}


def found(node: Any, key: str) -> Iterator[tuple[dict[str, Any], Any]]:
    """Every value under the key, with the object that holds it."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == key:
                yield node, value
            yield from found(value, key)
    elif isinstance(node, list):
        for value in node:
            yield from found(value, key)


def test_a_whole_city_is_as_large_as_a_deployed_platform() -> None:
    tiers = Counter(each.tier for each in City.make(patients=0, scale="city").institutions)
    # Jiaxing: 32 graded hospitals, 80 township centers, 723 village stations, 4 private institutions.
    assert tiers["tertiary"] + tiers["secondary"] == 32
    assert (tiers["township"], tiers["village"], tiers["private"]) == (80, 723, 4)
    assert sum(tiers.values()) - tiers["laboratory_center"] == 839


def test_what_a_visit_leaves_out_of_a_panel_is_in_no_report() -> None:
    person, visit = next(
        (person, visit)
        for person in CITY.patients
        for visit in visits(CITY.seed, person, CITY.places, CITY.reference, CITY.days)
        if "chemistry" in visit.orders and person.mother is None
    )
    visit = visit._replace(orders=("chemistry",))
    left_out = frozenset({"K", "NA", "CL"})
    for without in (frozenset[str](), left_out):
        body = Body(CITY.seed, person, CITY.reference)
        *_, made = CITY.flow().visit(person, body, visit, {"chemistry": without})
        measured = len(list(found(json.loads(made.document), "valueQuantity")))
        assert measured == len(PANELS["chemistry"].keys) - len(without)
        assert made.taken < made.issued <= CITY.reference
