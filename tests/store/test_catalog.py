"""The catalogue and the institutions."""

from pathlib import Path

import pytest
from alembic import command
from hutong_server.domain.canonical import institution_entry
from hutong_server.domain.recognition import Institution, Tier
from hutong_server.store import catalog, migrations
from hutong_server.store.base import CatalogDiff, CatalogImport, CatalogRow, Store
from hutong_server.store.base_catalog import HistoryPosition, PendingImport
from hutong_server.store.engine import make_engine
from hutong_server.store.sql_store import open_store
from hutong_server.store.tables import catalog_entry, catalog_version, institution
from hutong_server.trust.sealing import AesGcmSealer
from sqlalchemy import select

from tests.conftest import BACKENDS
from tests.postgresql import PostgresqlServer
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


def test_all_entries_are_read_in_parts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [CatalogRow("item", f"{number:02}", "1") for number in range(6)] + [RULE]
    write(store, lambda writer: writer.apply_catalog(rows, (), NOW, "H1/admin", ""))
    read: list[int] = []
    page = catalog._page
    monkeypatch.setattr(catalog, "_page", lambda *given: read.append(given[-1]) or page(*given))
    for size, parts in ((2, 4), (3, 3), (7, 2), (8, 1)):
        monkeypatch.setattr(catalog, "_PAGE", size)
        read.clear()
        assert store.read(lambda reader: reader.catalog_rows()) == rows
        assert read == [size] * parts
    assert store.read(lambda reader: reader.catalog_rows("item", ("item", "03"))) == rows[4:6]


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
        (1, NOW, "H1/admin", "first", 2),
        (2, NOW + 1, "H2/admin", "", 2),
        (3, NOW + 2, "H1/admin", "back", 1),
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
        write(store, lambda writer, row=row: writer.put_institution(row, NOW, "registry/admin", ""))
    assert store.read(lambda reader: reader.institutions()) == [HOSPITAL, plain]
    assert store.read(lambda reader: reader.institutions("H1", 5)) == [plain]
    assert store.read(lambda reader: reader.institutions(limit=1)) == [HOSPITAL]
    assert store.read(lambda reader: reader.institution("H1")) == HOSPITAL
    assert store.read(lambda reader: reader.institution("H2")) is None


def test_a_change_of_an_institution_is_a_change_of_the_catalogue(store: Store) -> None:
    write(store, lambda writer: writer.put_institution(HOSPITAL, NOW, "registry/admin", ""))
    lifted = Institution("H1", "海盐县人民医院", Tier.TERTIARY, "990424")
    write(store, lambda writer: writer.put_institution(lifted, NOW + 1, "registry/admin", ""))
    assert store.read(lambda reader: reader.institution("H1")) == lifted
    assert store.read(lambda reader: reader.catalog_version()) == 2


def test_versions_differ_by_what_changed_between_them(store: Store) -> None:
    changed = CatalogRow("item", "K", '{"window_days":3}')
    write(store, lambda writer: writer.apply_catalog((K, RULE), (), NOW, "", "", (HOSPITAL,)))
    write(store, lambda writer: writer.apply_catalog((changed, NA), (("rule", "all"),), NOW, "", ""))
    write(store, lambda writer: writer.apply_catalog((), (("item", "NA"),), NOW, "", ""))
    write(store, lambda writer: writer.apply_catalog((K,), (), NOW, "", ""))

    def between(lower: int, higher: int) -> list[tuple[str, ...]]:
        found = store.read(lambda reader: reader.catalog_changes(lower, higher))
        return [(each.change, each.key, each.before, each.after) for each in found]

    first_two = [
        ("changed", "K", K.body, changed.body),
        ("added", "NA", "", NA.body),
        ("removed", "all", RULE.body, ""),
    ]
    assert between(1, 2) == first_two
    assert between(1, 3) == [first_two[0], first_two[2]]
    # It was changed and changed back.
    assert between(1, 4) == [first_two[2]]
    assert between(4, 4) == []
    whole = store.read(lambda reader: reader.catalog_changes(0, 1))
    assert {(each.change, each.kind) for each in whole} == {
        ("added", "institution"),
        ("added", "item"),
        ("added", "rule"),
    }
    hospital = next(each for each in whole if each.kind == "institution")
    assert '"access_suspended":true' in hospital.after
    assert isinstance(hospital, CatalogDiff)


def test_many_entries_at_once_end_what_they_replace(store: Store) -> None:
    many = [CatalogRow("item", f"I{number:04}", "{}") for number in range(1500)]
    write(store, lambda writer: writer.apply_catalog(many[:2], (), NOW, "", ""))
    changed = [CatalogRow(row.kind, row.key, '{"a":1}') for row in many]
    write(store, lambda writer: writer.apply_catalog(changed[1:], (("item", "I0000"),), NOW, "", ""))
    assert store.read(lambda reader: reader.catalog_rows()) == changed[1:]
    between = store.read(lambda reader: reader.catalog_changes(1, 2))
    assert [each.change for each in between[:3]] == ["removed", "changed", "added"]


def test_the_history_comes_newest_first_and_in_pages(store: Store) -> None:
    for number in range(3):
        write(store, lambda writer, n=number: writer.apply_catalog((K,), (), NOW + n, "H1/admin", f"v{n}"))
        for state in ("cancelled", "failed", "pending", "done"):
            write(
                store,
                lambda writer, n=number, s=state: writer.put_pending(pending(f"{s}{n}".encode(), s, NOW + n), CONTENT),
            )
    versions, ended = store.read(lambda reader: reader.catalog_history(None, 2))
    assert [(each.version, each.at, each.comment, each.change_count) for each in versions] == [
        (3, NOW + 2, "v2", 1),
        (2, NOW + 1, "v1", 1),
    ]
    assert [each.pending_id for each in ended] == [b"failed2", b"cancelled2"]
    position = HistoryPosition(2, (NOW + 2, b"cancelled2"))
    versions, ended = store.read(lambda reader: reader.catalog_history(position, 5))
    assert [each.version for each in versions] == [1]
    assert [each.pending_id for each in ended] == [b"failed1", b"cancelled1", b"failed0", b"cancelled0"]


CONTENT = CatalogImport(
    (Institution("H10", "诊所", Tier.VILLAGE, "990424", ("x",), (("s", "v"),)),), (K, NA), (("item", ""),)
)


def pending(pending_id: bytes, state: str = "pending", activate_at: int = NOW) -> PendingImport:
    return PendingImport(pending_id, state, activate_at, NOW, activate_at, "H1/admin", "ab", "why", change_count=3)


def test_an_import_waits_for_its_moment(store: Store) -> None:
    for pending_id, at in ((b"later", NOW + 2), (b"soon", NOW + 1)):
        write(store, lambda writer, i=pending_id, at=at: writer.put_pending(pending(i, activate_at=at), CONTENT))
    assert [each.pending_id for each in store.read(lambda reader: reader.waiting_imports())] == [b"soon", b"later"]
    assert [store.read(lambda reader, at=at: reader.due_import(NOW + at)) for at in (0, 1, 2)] == [
        None,
        b"soon",
        b"soon",
    ]
    assert store.read(lambda reader: reader.pending_import(b"soon")) == (pending(b"soon", activate_at=NOW + 1), CONTENT)
    assert store.read(lambda reader: reader.pending_import(b"none")) is None
    done = PendingImport(b"soon", "done", NOW + 1, NOW, NOW + 9, "H1/admin", "ab", "why", "note", 4, 12)
    write(store, lambda writer: writer.put_pending(done))
    assert store.read(lambda reader: reader.pending_import(b"soon")) == (done, CONTENT)
    assert store.read(lambda reader: reader.due_import(NOW + 2)) == b"later"


@pytest.mark.parametrize("backend", BACKENDS)
def test_institutions_of_before_are_in_the_versions_from_the_last_one_on(
    backend: str, request: pytest.FixtureRequest, tmp_path: Path, sealer: AesGcmSealer
) -> None:
    if backend == "sqlite":
        url = f"sqlite:///{tmp_path}/hutong.db"
    else:
        server: PostgresqlServer = request.getfixturevalue("postgresql")
        url = server.url(server.create())
    engine = make_engine(url, pooled=False)
    with engine.begin() as connection:
        config = migrations._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0006")
        for version in (1, 2):
            connection.execute(catalog_version.insert().values(version=version, at=NOW, by="", comment=""))
        common = {"alliances": "[]", "identifiers": "[]", "feed_interval_hours": 0, "access_suspended": False}
        connection.execute(
            institution.insert().values(
                code="H1",
                name="海盐县人民医院",
                tier="secondary",
                region="990424",
                alliances='["联盟"]',
                identifiers='[["urn:x", "1"], ["", "县医院"]]',
                feed_interval_hours=24,
                access_suspended=True,
                quality_suspended_since=NOW,
            )
        )
        connection.execute(
            institution.insert().values(code="H2", name="Clinic", tier="village", region="990424", **common)
        )
    engine.dispose()
    migrations.migrate(url)
    store = open_store(url, sealer)
    clinic = Institution("H2", "Clinic", Tier.VILLAGE, "990424")
    assert store.read(lambda reader: reader.institutions()) == [HOSPITAL, clinic]
    assert [row.body for row in store.read(lambda reader: reader.catalog_rows("institution"))] == [
        institution_entry(HOSPITAL),
        institution_entry(clinic),
    ]
    assert store.read(lambda reader: reader.catalog_rows()) == []
    assert write(store, lambda writer: writer.put_institution(clinic, NOW, "", "")) == 3
    assert len(store.read(lambda reader: reader.catalog_changes(1, 2))) == 2
    assert store.read(lambda reader: reader.catalog_changes(2, 3)) == []
    versions, _ = store.read(lambda reader: reader.catalog_history(None, 9))
    assert [each.change_count for each in versions] == [1, 0, 0]
    store.close()
