"""The catalogue and the institutions."""

import pytest
from hutong_server.domain.recognition import Institution, Tier
from hutong_server.store.base import CatalogRow, Store
from hutong_server.store.engine import make_engine
from hutong_server.store.tables import catalog_entry, catalog_version
from sqlalchemy import select

from tests.store.rows import NOW, write

K = CatalogRow("item", "K", '{"window_days":7}')
NA = CatalogRow("item", "NA", '{"window_days":7}')
RULE = CatalogRow("rule", "all", "{}")
HOSPITAL = Institution(
    "H1", "海盐县人民医院", Tier.SECONDARY, "990424", ("联盟",), (("urn:x", "1"), ("", "县医院")), 24, True, NOW
)


def test_an_empty_catalogue_has_version_nought(store: Store) -> None:
    assert store.read(lambda reader: reader.catalog_version()) == 0
    assert store.read(lambda reader: reader.catalog_rows()) == []


def test_entries_come_by_kind_and_key_and_in_pages(store: Store) -> None:
    rows = [CatalogRow("item", "B", "1"), CatalogRow("item", "a", "2"), CatalogRow("item", "中", "3"), RULE]
    assert write(store, lambda writer: writer.apply_catalog(rows[::-1], (), NOW, "H1/admin", "first")) == 1
    assert store.read(lambda reader: reader.catalog_rows()) == rows
    assert store.read(lambda reader: reader.catalog_rows("item")) == rows[:3]
    assert store.read(lambda reader: reader.catalog_rows(limit=2)) == rows[:2]
    assert store.read(lambda reader: reader.catalog_rows(after=("item", "a"), limit=2)) == rows[2:]
    assert store.read(lambda reader: reader.catalog_rows("item", ("item", "B"), 1)) == [rows[1]]


def test_what_is_replaced_or_removed_stays_on_record(store: Store, store_url: str) -> None:
    changed = CatalogRow("item", "K", '{"window_days":3}')
    assert write(store, lambda writer: writer.apply_catalog((K, NA), (), NOW, "H1/admin", "first")) == 1
    assert (
        write(store, lambda writer: writer.apply_catalog((changed,), (("item", "NA"),), NOW + 1, "H2/admin", "")) == 2
    )
    assert write(store, lambda writer: writer.apply_catalog((NA,), (), NOW + 2, "H1/admin", "back")) == 3
    assert store.read(lambda reader: reader.catalog_rows()) == [changed, NA]
    engine = make_engine(store_url, pooled=False)
    with engine.connect() as connection:
        history = connection.execute(
            select(catalog_entry).order_by(catalog_entry.c.key, catalog_entry.c.added_in)
        ).all()
        versions = connection.execute(select(catalog_version).order_by(catalog_version.c.version)).all()
    assert [tuple(row) for row in history] == [
        ("item", "K", 1, 2, K.body),
        ("item", "K", 2, None, changed.body),
        ("item", "NA", 1, 2, NA.body),
        ("item", "NA", 3, None, NA.body),
    ]
    assert [tuple(row) for row in versions] == [
        (1, NOW, "H1/admin", "first"),
        (2, NOW + 1, "H2/admin", ""),
        (3, NOW + 2, "H1/admin", "back"),
    ]


def test_an_import_is_all_or_nothing(store: Store) -> None:
    def fails(writer):
        writer.apply_catalog((K,), (), NOW, "", "")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        write(store, fails)
    assert store.read(lambda reader: (reader.catalog_version(), reader.catalog_rows())) == (0, [])


def test_institutions_come_by_code(store: Store) -> None:
    plain = Institution("H10", "Clinic", Tier.VILLAGE, "990424")
    for row in (plain, HOSPITAL):
        write(store, lambda writer, row=row: writer.put_institution(row))
    assert store.read(lambda reader: reader.institutions()) == [HOSPITAL, plain]
    assert store.read(lambda reader: reader.institutions("H1", 5)) == [plain]
    assert store.read(lambda reader: reader.institutions(limit=1)) == [HOSPITAL]
    assert store.read(lambda reader: reader.institution("H1")) == HOSPITAL
    assert store.read(lambda reader: reader.institution("H2")) is None


def test_a_change_of_an_institution_is_a_change_of_the_catalogue(store: Store) -> None:
    write(store, lambda writer: writer.put_institution(HOSPITAL))
    lifted = Institution("H1", "海盐县人民医院", Tier.TERTIARY, "990424")
    write(store, lambda writer: writer.put_institution(lifted))
    assert store.read(lambda reader: reader.institution("H1")) == lifted
    assert store.read(lambda reader: reader.catalog_version()) == 2
