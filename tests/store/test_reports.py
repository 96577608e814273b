"""Reports: rows, versions, identities."""

import zlib
from dataclasses import replace

import pytest
from hutong_server.domain.report import VersionKey
from hutong_server.store import tables
from hutong_server.store.base import Identity, ReportFilter, SealBroken, Store, StoreUnavailable, VersionHead
from hutong_server.store.packing import pack, version_context
from hutong_server.store.sql import SqlWriter
from hutong_server.store.statements import Statement
from sqlalchemy import bindparam, update

from tests.store.ledgers import rows as rows_at
from tests.store.ledgers import tamper
from tests.store.rows import NOW, identity, key, report, token, version, write


def test_a_row_comes_back_as_it_was_put(store: Store) -> None:
    row = report(key(), effective=None, issued=-62_135_596_800_000)
    write(store, lambda writer: writer.put_report(row))
    assert store.read(lambda reader: reader.reports([row.patient_key])) == [row]
    found = store.read(lambda reader: reader.report(row.patient_key, row.report_id))
    assert found == row
    assert found is not None
    assert found.results[1].codes == row.results[1].codes
    assert type(found.results[0]) is type(row.results[0])
    assert store.read(lambda reader: reader.report(key(), row.report_id)) is None


def test_texts_of_any_kind_come_back(store: Store) -> None:
    odd = "\ud800 ﷽ \x00 " + "z" * 300
    facts = report(key()).results[0]._replace(codes=(("", odd),))
    row = report(key(), results=(facts,), details=(b"",), categories=(odd,))
    write(store, lambda writer: writer.put_report(row))
    assert store.read(lambda reader: reader.reports([row.patient_key])) == [row]


def test_results_of_any_times_numbers_and_names_come_back(store: Store) -> None:
    first, second = report(key()).results[:2]
    named = ((("", "potassium"),), (("s", "K"), ("", "钾")))
    together = tuple(each._replace(time=NOW, time_source=1, issued=None) for each in (first, second))
    cases = [
        report(key(), results=together, parts=named),
        report(key(), results=(first._replace(time=None, time_source=0), second), parts=named),
        report(key(), results=tuple(each._replace(latest=NOW) for each in together), parts=named),
        report(key(), results=(first._replace(latest=NOW), second), parts=named),
        report(key(), results=(second._replace(ordinal=3), first._replace(ordinal=1)), parts=named),
        report(key(), results=(), details=()),
        report(key(), results=together, details=(b"", b"x" * 100_000)),
    ]
    for row in cases:
        write(store, lambda writer, row=row: writer.put_report(row))
        (found,) = store.read(lambda reader, row=row: reader.reports([row.patient_key]))
        assert found == row
        assert list(found.results) == list(row.results)
        assert [found.results[n] for n in range(len(row.results))] == list(row.results)
        assert list(found.details) == list(row.details)
        # As a withdrawal does it.
        write(store, lambda writer, found=found: writer.put_report(replace(found, withdrawn=True)))
        assert store.read(lambda reader, row=row: reader.reports([row.patient_key])) == [replace(row, withdrawn=True)]


@pytest.mark.parametrize("fields", [12, 14])
def test_a_row_of_before_opens(store: Store, fields: int) -> None:
    """One packed part; at first without what tells whether it is sensitive."""
    row = report(
        key(), codes=(("", "panel"),) if fields == 14 else (), parts=((), (("s", "c"),)) if fields == 14 else ()
    )
    names = ("status", "withdrawn", "disputed", "effective", "issued", "received", "specialty", "has_images")
    results = tuple(each[:14] for each in row.results)
    rest = (results, row.details, row.header, row.categories, row.codes, row.parts)
    body = zlib.compress(pack((*(getattr(row, name) for name in names), *rest)[:fields]))
    context = version_context(b"report", row.patient_key, row.report_id, row.version, row.institution)

    def put(writer: SqlWriter) -> None:
        writer.put_report(row)
        change = Statement(
            update(tables.report).where(tables.report.c.report_id == row.report_id).values(body=bindparam("to"))
        )
        compiled = change.on(writer.database)
        writer.command(compiled.text, compiled.values({"to": writer.sealer.seal(body, context)}))

    write(store, put)
    assert store.read(lambda reader: reader.reports([row.patient_key])) == [row]


def test_a_new_row_takes_the_place_of_the_old(store: Store) -> None:
    first = report(key())
    second = replace(first, version=2, status="corrected", withdrawn=True)
    write(store, lambda writer: writer.put_report(first))
    write(store, lambda writer: writer.put_report(second))
    assert store.read(lambda reader: reader.reports([first.patient_key])) == [second]


def test_rows_of_several_records_come_together_and_of_no_other(store: Store) -> None:
    mine, also_mine, foreign = report(key()), report(key()), report(key())
    for row in (mine, also_mine, foreign):
        write(store, lambda writer, row=row: writer.put_report(row))
    found = store.read(lambda reader: reader.reports([mine.patient_key, also_mine.patient_key, mine.patient_key]))
    assert sorted(found, key=lambda row: row.report_id) == sorted([mine, also_mine], key=lambda row: row.report_id)


def test_rows_can_be_filtered(store: Store) -> None:
    patient = key()
    taken = report(patient, effective=NOW - 100)
    only_issued = report(patient, effective=None, issued=NOW - 50, institution="H2")
    timeless = report(patient, effective=None, issued=None, received=NOW)
    for row in (taken, only_issued, timeless):
        write(store, lambda writer, row=row: writer.put_report(row))

    def found(only: ReportFilter) -> set[bytes]:
        return {row.report_id for row in store.read(lambda reader: reader.reports([patient], only))}

    assert found(ReportFilter()) == {taken.report_id, only_issued.report_id, timeless.report_id}
    assert found(ReportFilter(institution="H2")) == {only_issued.report_id}
    assert found(ReportFilter(taken_from=NOW - 100)) == {taken.report_id, only_issued.report_id, timeless.report_id}
    assert found(ReportFilter(taken_from=NOW - 99)) == {only_issued.report_id, timeless.report_id}
    assert found(ReportFilter(taken_before=NOW - 100)) == set()
    assert found(ReportFilter(taken_before=NOW - 99)) == {taken.report_id}
    assert found(ReportFilter(taken_from=NOW)) == {timeless.report_id}


def test_a_removed_row_leaves_its_versions(store: Store) -> None:
    row = report(key())

    def put(writer):
        writer.put_version(version(row.patient_key, row.report_id))
        writer.put_report(row)

    write(store, put)
    write(store, lambda writer: writer.remove_report(row.patient_key, row.report_id))
    assert store.read(lambda reader: reader.reports([row.patient_key])) == []
    kept = store.read(lambda reader: reader.document(row.patient_key, row.report_id, 1))
    assert kept == (b'{"v":1.50}', b"images")


def test_every_version_is_kept_and_none_replaced(store: Store) -> None:
    patient, report_id = key(), key()
    for number, document in ((2, b"second " * 5000), (1, b"first")):
        write(store, lambda writer, n=number, d=document: writer.put_version(version(patient, report_id, n, d)))
    heads = store.read(lambda reader: reader.versions(patient, report_id))
    order = VersionKey(version_id=10**30, issued=NOW, rank=5)
    assert heads == [VersionHead(number, b"d" * 32, order, "final", NOW) for number in (1, 2)]
    with pytest.raises(StoreUnavailable):
        write(store, lambda writer: writer.put_version(version(patient, report_id, 1, b"forged")))
    assert store.read(lambda reader: reader.document(patient, report_id, 1)) == (b"first", b"images")
    assert store.read(lambda reader: reader.document(patient, report_id, 2)) == (b"second " * 5000, b"images")
    assert store.read(lambda reader: reader.document(patient, report_id, 3)) is None


def test_an_identity_is_found_by_name_and_by_report(store: Store) -> None:
    first = identity(key(), key())
    write(store, lambda writer: writer.put_identity(first))
    moved = Identity(first.key, first.report_id, key(), 7, True, True, True, (first.patient_key, key()))
    write(store, lambda writer: writer.put_identity(moved))
    assert store.read(lambda reader: reader.identity(first.key)) == moved
    assert store.read(lambda reader: reader.identity_of(first.report_id)) == moved
    assert store.read(lambda reader: reader.identity(token())) is None
    assert store.read(lambda reader: reader.identity_of(key())) is None


def test_no_images_take_no_room_and_images_cannot_be_taken_away(store: Store, store_url: str) -> None:
    patient, without, with_them = key(), key(), key()
    for report_id, images in ((without, b""), (with_them, b"images")):
        made = replace(version(patient, report_id), images=images)
        write(store, lambda writer, made=made: writer.put_version(made))
    (length,) = rows_at(store_url, "SELECT length(images) FROM report_version WHERE report_id = :r", r=without)[0]
    assert length == 0
    assert store.read(lambda reader: reader.document(patient, without, 1)) == (b'{"v":1.50}', b"")
    assert store.read(lambda reader: reader.document(patient, with_them, 1)) == (b'{"v":1.50}', b"images")
    tamper(store_url, "UPDATE report_version SET images = :nothing WHERE report_id = :r", nothing=b"", r=with_them)
    with pytest.raises(SealBroken):
        store.read(lambda reader: reader.document(patient, with_them, 1))
