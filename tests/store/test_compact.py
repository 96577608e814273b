"""Payloads come back byte for byte, whatever they hold, and those packed before dictionaries open as well."""

import json
import zlib
from dataclasses import replace

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
