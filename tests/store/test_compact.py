"""Payloads come back byte for byte, whatever they hold, and those packed before dictionaries open as well."""

import hashlib
import json
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from hutong_client.city import City
from hutong_server.domain.results import Results
from hutong_server.store import compact, packing
from hutong_server.store.base import LeafPlace, RecordedReport, Sealer, StoredReport
from hutong_server.store.leaves import leaf_of
from hutong_server.store.packing import pack, pack_document, unpack_document
from hutong_server.store.report_body import details_of, facts_of, opened, packed
from hypothesis import given
from hypothesis import strategies as st

from tests.store.ledgers import ledger_store, rows, seen, verified
from tests.store.rows import NOW, key, report, write

_DICTIONARIES = Path(compact.__file__).parent / "dictionaries"
_FRAMES = [
    (
        "document",
        "01010f8fad5bd9cb469fa16570867728950e206ec5000028017d7d5d7d05c015ab7bd7d0ecc1e1e9195e256e435901",
        b'{"resourceType":"Bundle","id":"0f8fad5b-d9cb-469f-a165-70867728950e","entry":[{"resource":'
        b'{"resourceType":"DiagnosticReport","status":"final"}}]}',
    ),
    ("facts", "012020a500005820203731382d3720672f4c02c0e404db2b340b", b"final http://loinc.org 718-7 g/L"),
    ("details", "01202075000038206d6d6f6c2f4c0100d5c50001", b"http://unitsofmeasure.org mmol/L"),
    (
        "leaf",
        "01010f8fad5bd9cb469fa16570867728950e2046550000087d0200fb59094f1680",
        b'{"at":1,"method":"PublishReport","outcome":"accepted","reports":["0f8fad5bd9cb469fa16570867728950e"]}',
    ),
]
"""(kind, payload as it was once packed, plain)."""

_HEX = st.text("0123456789abcdef", min_size=8, max_size=70)
_TEXTS = st.one_of(
    st.uuids().map(str),
    st.uuids().map(lambda each: each.hex),
    st.uuids().map(lambda each: f"urn:uuid:{each}"),
    st.binary(min_size=32, max_size=32).map(bytes.hex),
    _HEX,
    st.text(max_size=20),
    st.sampled_from(["\x01", "\x02", "\x03a", "\x04", '":"', "/", "-"]),
)


@given(st.lists(_TEXTS, max_size=40), st.sampled_from(['"', '":"', "/", ":", ""]))
def test_any_text_comes_back(texts: list[str], between: str) -> None:
    for plain in (json.dumps(texts).encode(), between.join(texts).encode("utf-8", "surrogatepass")):
        ids, rest = compact.folded(plain)
        assert rest == plain if rest is plain else compact.unfolded(ids, rest) == plain
        assert unpack_document(pack_document(plain)) == plain


@given(st.binary(max_size=300))
def test_any_bytes_come_back(plain: bytes) -> None:
    assert unpack_document(pack_document(plain)) == plain
    for kind in compact.KINDS:
        assert compact.opened(kind, compact.packed(kind, plain)) == plain


def test_more_ids_than_are_numbered_come_back() -> None:
    plain = json.dumps([f"urn:uuid:{number:08x}-0000-4000-a000-{number:012x}" for number in range(600)] * 2).encode()
    packed_document = pack_document(plain)
    assert unpack_document(packed_document) == plain
    assert packed_document[1] == 250


def test_documents_and_leaves_of_before_open() -> None:
    plain = b'{"resourceType":"Bundle"}'
    assert unpack_document(zlib.compress(plain, 6)) == plain


def test_rows_of_form_two_open() -> None:
    row = report(key())
    facts, details = facts_of(row), zlib.compressobj(6, zdict=facts_of(row))
    first = zlib.compress(facts, 6)
    body = b"\x02" + len(first).to_bytes(4, "big") + first + details.compress(details_of(row)) + details.flush()
    former = opened(row.patient_key, row.report_id, row.institution, row.version, body)
    now = opened(row.patient_key, row.report_id, row.institution, row.version, packed(row))
    for each in (former, now):
        assert replace(each, results=tuple(each.results), details=tuple(each.details)) == _plain(row)


def _plain(row: StoredReport) -> StoredReport:
    parts = (*row.parts, *[()] * (len(row.results) - len(row.parts)))
    return replace(row, results=tuple(Results.of(tuple(row.results), parts)), details=tuple(row.details), parts=parts)


def test_made_reports_become_a_twentieth() -> None:
    # Another city than those that the dictionaries were trained on.
    large = [made.document for made in City.make(seed=77, patients=40).reports() if len(made.document) > 20_000]
    assert len(large) > 5
    kept = [pack_document(document) for document in large]
    assert list(map(unpack_document, kept)) == large
    assert sum(map(len, kept)) < sum(map(len, large)) / 20


def test_what_names_unknown_dictionaries_says_so() -> None:
    packed_document = pack_document(b"{}")
    with pytest.raises(ValueError, match="not known here"):
        unpack_document(bytes((compact.LAST,)) + packed_document[1:])
    with pytest.raises(compact.UNREADABLE):
        unpack_document(packed_document[:-3])


def test_the_dictionaries_stand_beside_the_module() -> None:
    # What was ever packed with must open for ever.
    for number in range(1, compact.CURRENT + 1):
        for kind in compact.KINDS:
            assert compact.opened(kind, bytes((number,)) + _frame(number, kind)) == b"hutong"
    assert packing.unpack(pack(("a", 1))) == ("a", 1)


# Never changed, only added to: what stands in databases opens with these alone.
_RELEASED = {
    1: {
        "document": "d6c2fbb234c0c60d1926005b8e1a880992095c7e64e186729afcbeeaaff18b4a",
        "facts": "32bc7fa976c842325175a60edf5e87c4bd78b484fb42ea05019848c8d3229023",
        "details": "31b59ca1e439dbd998c4813c2cd69b52331e5a62f012038f86587c8f140a1ec9",
        "leaf": "57480138bc3534ca273254a499d4f2d5a9f74adca5029584b470e3867e1dfcde",
    }
}


def test_dictionaries_that_were_packed_with_are_never_changed() -> None:
    assert compact.SHA256 == _RELEASED
    for number, kinds in _RELEASED.items():
        assert set(kinds) == set(compact.KINDS)
        for kind, digest in kinds.items():
            content = (_DICTIONARIES / f"{number}.{kind}").read_bytes()
            assert hashlib.sha256(content).hexdigest() == digest
            # With one that was damaged a text would come out, and another one.
            assert compact.checked(number, kind, content) is content
            with pytest.raises(ValueError, match="was changed"):
                compact.checked(number, kind, content[:-1] + bytes((content[-1] ^ 1,)))


@pytest.mark.parametrize(("kind", "payload", "plain"), _FRAMES)
def test_what_was_packed_once_opens(kind: str, payload: str, plain: bytes) -> None:
    folds = kind in (compact.DOCUMENT, compact.LEAF)
    assert (compact.opened_folded if folds else compact.opened)(kind, bytes.fromhex(payload)) == plain


def test_what_was_damaged_says_so_and_ends_no_iteration() -> None:
    payload = pack_document(b'["0f8fad5b-d9cb-469f-a165-70867728950e"]')
    with pytest.raises(ValueError, match="without its id"):
        unpack_document(payload[:1] + b"\0" + payload[18:])
    with pytest.raises(IndexError):
        unpack_document(b"\x01")


def test_what_claims_to_be_huge_is_not_opened() -> None:
    # Descriptor (one segment, a size of 8 bytes), the size, an empty last block.
    claims = b"\xe0" + (compact.MOST + 1).to_bytes(8, "little") + b"\x01\0\0"
    for kind in compact.KINDS:
        with pytest.raises(ValueError, match="too large"):
            compact.opened(kind, b"\x01" + claims)


def _frame(number: int, kind: str) -> bytes:
    if number != compact.CURRENT:
        pytest.skip("packed with former dictionaries: give a frame of theirs here")
    return compact.packed(kind, b"hutong")[1:]


def test_a_published_leaf_is_small_at_rest_and_the_same_leaf(store_url: str, sealer: Sealer) -> None:
    report_id, patient = key(), key()
    looked = seen(1, patient)
    published = replace(
        seen(0, patient),
        method="PublishReport",
        reports=(report_id,),
        contents=(RecordedReport(report_id, 1, ("accepted",), bytes(range(32))),),
    )
    store = ledger_store(store_url, sealer)
    write(store, lambda writer: writer.record(published))
    write(store, lambda writer: writer.record(looked))
    assert [access for _, access in store.read(lambda reader: reader.access_records())] == [published, looked]
    assert verified(store).good
    # Who publishes has not looked: the patient's list has the other access alone.
    (listed,) = store.read(lambda reader: reader.accesses([patient], 0, LeafPlace(NOW * 2, b"\xff" * 16, 0), 9))
    assert listed.access == looked
    store.close()
    sizes = [length for (length,) in rows(store_url, "SELECT length(body) FROM access_record ORDER BY record_id")]
    assert sizes[0] < 0.6 * len(leaf_of(published))
    assert rows(store_url, "SELECT count(*) FROM ledger_subject") == [(1,)]
