"""Catalogue files: every error at its line and column, all at once; what right files amount to."""

import json
from pathlib import Path

import pytest
import yaml
from hutong_server.catalog import check_references, read_catalog
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.recognition import Institution, Tier
from hutong_server.domain.report import Issue
from hutong_server.store.base import CatalogImport, CatalogRow
from hypothesis import given, settings
from hypothesis import strategies as st

VOCABULARY = "vocabulary:\n  - {dimension: specimen, term: SERUM, texts: [血清]}\n"
ITEM = "{code: K, name_zh: 钾, name_en: K, specialty: laboratory, class: ions, window_days: 7}"
ITEMS = f"items:\n  - {ITEM}\n"


def faults(*files: tuple[str, str | bytes]) -> list[tuple[str, str]]:
    """(path, message) of every error."""
    contents = [(name, text.encode() if isinstance(text, str) else text) for name, text in files]
    with pytest.raises(HutongError) as caught:
        read_catalog(contents, ())
    assert caught.value.reason is Reason.CATALOG_INVALID
    return [(issue.path, issue.message) for issue in caught.value.issues]


HEAD = "institution,system,code,specimen,body_part,method,item,valid_from,valid_to\n"
INSTITUTIONS = "code,name,tier,region,alliances,identifiers,feed_interval_hours\nA,甲医院,secondary,990421,,,\n"
BASE = (("i.yaml", ITEMS), ("v.yaml", VOCABULARY), ("institutions.csv", INSTITUTIONS))
ERRORS = yaml.safe_load(Path(__file__).with_name("errors.yaml").read_text("utf-8"))


@pytest.mark.parametrize("case", [pytest.param(case, id=case["says"]) for case in ERRORS])
def test_errors_have_line_and_column(case: dict[str, str]) -> None:
    before, mark, after = case["text"].partition("§")
    assert mark
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    found = faults(*(BASE if "beside" in case else ()), (case["file"], before + after))
    places = [path for path, message in found if case["says"] in message and path.startswith(f"{case['file']}:")]
    assert places == [f"{case['file']}:{line}:{column}"]


def test_all_errors_at_once() -> None:
    found = faults(
        ("a.yaml", "items:\n  - {code: K, nam_zh: 钾}\n  - {code: L, specialty: laboratory}\n"),
        ("mappings.csv", HEAD + "Z,s,K1,,,,K,,\nZ,s,K2,,,,NO,,\n"),
    )
    paths = [path for path, _ in found]
    assert paths == [
        *["a.yaml:2:5"] * 4,
        "a.yaml:2:15",
        *["a.yaml:3:5"] * 3,
        # K and L stand in the files, if with faults: that is told once.
        *["mappings.csv:2:1", "mappings.csv:3:1", "mappings.csv:3:11"],
    ]


def test_what_a_faulty_entry_is_called_is_not_guessed() -> None:
    rows = "A,s,,,,,K,,\nA,s,,,,,K,,\nA,s,K1,,,,K,2025-02-30,\nA,s,K1,,,,K,,\n"
    found = faults(*BASE, ("mappings.csv", HEAD + rows))
    assert not [message for _, message in found if "stands at" in message]
    assert len(found) == 3


def test_text_that_is_not_utf8_is_placed() -> None:
    gbk = INSTITUTIONS.encode("gbk")
    assert faults(("institutions.csv", gbk)) == [("institutions.csv:2:3", "not UTF-8: save the file as UTF-8")]


def test_errors_are_errors_of_the_public_kind() -> None:
    with pytest.raises(HutongError, match="2 errors; nothing was imported"):
        read_catalog([("f.yaml", b"a: 1\nb: 2\n")])


def test_what_files_amount_to() -> None:
    grants = "institution,items,range,valid_from,valid_to,quality_body\nA,K;class:ions,national,2025-01-01,,中心\n"
    imported = read_catalog(
        [
            *[(name, text.encode()) for name, text in BASE],
            ("dir/Mappings-A.CSV", b"\xef\xbb\xbf" + (HEAD + "A,s,K1,SERUM,,,K,,\n").encode().replace(b"\n", b"\r\n")),
            ("grants.csv", grants.encode()),
        ],
        (),
    )
    assert imported.institutions == (Institution("A", "甲医院", Tier.SECONDARY, "990421"),)
    bodies = {(row.kind, row.key): row.body for row in imported.rows}
    assert bodies[("mapping", "A|s|K1|specimen=SERUM|K")] == (
        '{"code":"K1","institution":"A","item":"K","specimen":"SERUM","system":"s"}'
    )
    assert bodies[("grant", "A|national|K;class:ions|2025-01-01")] == (
        '{"institution":"A","items":["K","class:ions"],"quality_body":"中心","range":"national","valid_from":"2025-01-01"}'
    )
    assert bodies[("vocabulary", "specimen|SERUM")] == '{"dimension":"specimen","term":"SERUM","texts":["血清"]}'
    assert json.loads(bodies[("item", "K")])["window_days"] == 7
    assert imported.scopes == (("grant", "A|"), ("item", ""), ("mapping", "A|"), ("vocabulary", ""))


def test_references_may_lead_to_what_is_in_force() -> None:
    mapping = [("mappings.csv", (HEAD + "A,s,K1,,,,K,,\n").encode())]
    rows = read_catalog([("i.yaml", ITEMS.encode())]).rows
    there = Institution("A", "甲医院", Tier.SECONDARY, "990421")
    assert read_catalog(mapping, rows, [there]).rows
    imported = read_catalog(mapping)
    check_references(imported, rows, [there])
    with pytest.raises(HutongError) as caught:
        check_references(imported, (), ())
    assert [issue.path for issue in caught.value.issues] == ["mappings.csv:2:1", "mappings.csv:2:11"]
    # An import that replaces the items takes the old ones away.
    replaced = read_catalog([*mapping, ("i.yaml", ITEMS.replace("code: K", "code: L").encode())])
    with pytest.raises(HutongError, match="1 error;"):
        check_references(replaced, rows, [there])


def test_references_without_places_are_named_by_their_entry() -> None:
    row = CatalogRow("agreement", "A|B", '{"performer":"B","publisher":"A"}')
    with pytest.raises(HutongError) as caught:
        check_references(CatalogImport((), (row,), (("agreement", ""),)), (), ())
    assert caught.value.issues[0].path == "agreement A|B:1:1"


def test_a_shared_institution_identifier_is_an_error() -> None:
    lines = INSTITUTIONS.replace("21,,,", "21,,urn:org|7,") + "B,乙医院,village,990421,,urn:org|7,\n"
    assert faults(("institutions.csv", lines)) == [
        ("institutions.csv:2:25", 'identifier "urn:org|7" is also that of institution "B"'),
        ("institutions.csv:3:23", 'identifier "urn:org|7" is also that of institution "A"'),
    ]


def test_codes_keep_their_zeros_and_words_stay_words() -> None:
    text = "grounds:\n  - {code: 010, name_zh: 否, name_en: no}\n"
    (row,) = read_catalog([("f.yaml", text.encode())]).rows
    assert (row.key, row.body) == ("010", '{"code":"010","name_en":"no","name_zh":"否"}')


def test_items_may_come_as_csv() -> None:
    text = (
        "code,name_zh,name_en,specialty,class,loinc,specimen,window_days,needs_images\n"
        "K,钾,K,laboratory,,2823-3;6298-4,SERUM,7,false\n"
    )
    imported = read_catalog([("items.csv", text.encode()), ("v.yaml", VOCABULARY.encode())], ())
    body = json.loads(imported.rows[0].body)
    assert (body["loinc"], body["specimen"], body["needs_images"]) == (["2823-3", "6298-4"], ["SERUM"], False)


def issues_of(name: str, content: bytes) -> tuple[Issue, ...]:
    try:
        read_catalog([(name, content)], ())
    except HutongError as error:
        return error.issues
    return ()


@settings(deadline=None)
@given(st.sampled_from(["f.yaml", "mappings.csv", "institutions.csv", "grants.csv"]), st.binary(max_size=200))
def test_any_bytes_are_entries_or_errors(name: str, content: bytes) -> None:
    assert all(issue.path.startswith(f"{name}:") for issue in issues_of(name, content))


@settings(deadline=None)
@given(
    st.sampled_from([VOCABULARY + ITEMS, HEAD + "A,s,K1,,,,K,,\n"]),
    st.integers(0, 150),
    st.text(max_size=6),
    st.integers(0, 6),
)
def test_damaged_files_are_entries_or_errors(text: str, at: int, put: str, cut: int) -> None:
    damaged = (text[:at] + put + text[at + cut :]).encode("utf-8", "surrogatepass")
    for name in ("f.yaml", "mappings.csv"):
        assert all(issue.path.startswith(f"{name}:") for issue in issues_of(name, damaged))


def test_what_is_right_of_a_broken_entry_is_checked_all_the_same() -> None:
    rows = "A,s,K1,URINE,,,KK,2026-13-01,\nB,s,,SERUM,,,K,2026-02-01,2026-01-01\n"
    found = faults(*BASE, ("mappings.csv", HEAD + rows))
    assert [path for path, _ in found] == [
        f"mappings.csv:{place}" for place in ("2:8", "2:16", "2:19", "3:1", "3:1", "3:27")
    ]
    assert [message.partition(";")[0] for _, message in found] == [
        'unknown term "URINE"',
        'unknown item "KK"',
        '"2026-13-01" is not a day (YYYY-MM-DD)',
        '"code" is missing',
        'unknown institution "B"',
        "ends before it begins",
    ]


def test_a_column_that_is_wrong_is_told_once() -> None:
    text = "institution,item,yuan,color\nA,K,1,\nA,K,2,red\nA,K,3,red\n"
    told = [each for each in faults(*BASE, ("prices.csv", text)) if "color" in each[1]]
    assert [path for path, _ in told] == ["prices.csv:1:23"]


def test_faults_come_file_by_file_as_the_files_were_given() -> None:
    files = (("mappings.csv", HEAD + "A,s,K1,,,,KK,,\n"), ("b.yaml", "itmes: []\n"), ("a.yaml", "itmes: []\n"))
    assert [path for path, _ in faults(*BASE, *files)] == ["mappings.csv:2:11", "b.yaml:1:1", "a.yaml:1:1"]
