"""Imports that wait: applied once, by whoever comes first, and not before their moment."""

from concurrent.futures import ThreadPoolExecutor

from hutong_server.catalog import check_references, diff, read_catalog
from hutong_server.domain.caller import Role
from hutong_server.store.base import Store
from hutong_server.usecases.import_catalog import ImportCatalog
from hutong_server.usecases.rule_history import RollBack, apply_due, list_history, roll_back, schedule_import

from tests.building import NOW, caller

FILES = b"items:\n  - {code: K, name_zh: a, name_en: b, specialty: laboratory, window_days: 7}\n"


def schedule(store: Store, at: int) -> bytes:
    command = ImportCatalog(read_catalog([("items.yaml", FILES)]), caller("registry", Role.ADMIN), NOW, "why")
    return store.submit(schedule_import(command, at, check_references, diff)).result(30).pending_id


def apply(store: Store, pending_id: bytes, now: int) -> str:
    moved = store.submit(apply_due(pending_id, now, check_references, diff)).result(30)
    return moved.state if moved else "not mine"


def test_one_worker_applies_what_is_due(store: Store) -> None:
    pending_id = schedule(store, NOW + 10)
    assert apply(store, pending_id, NOW + 9) == "not mine"
    with ThreadPoolExecutor(8) as workers:
        told = list(workers.map(lambda _: apply(store, pending_id, NOW + 10), range(8)))
    assert sorted(told) == ["done", *["not mine"] * 7]
    history = store.read(lambda reader: list_history(None, 10, reader))
    assert [(each.version, each.at, each.by, each.comment) for each in history.past] == [
        (1, NOW + 10, "registry/admin", "why")
    ]
    assert history.waiting == ()
    assert apply(store, b"none", NOW + 10) == "not mine"


def test_what_changes_nothing_any_more_makes_no_version(store: Store) -> None:
    first, second = schedule(store, NOW + 10), schedule(store, NOW + 20)
    assert first != second
    assert [apply(store, each, NOW + 30) for each in (first, second)] == ["done", "done"]
    assert store.read(lambda reader: reader.catalog_version()) == 1


def test_pages_of_the_history_hold_everything_once(store: Store) -> None:
    admin = caller("registry", Role.ADMIN)
    apply(store, schedule(store, NOW + 1), NOW + 2)
    for number in range(3):
        files = FILES.replace(b"7}", b"%d}" % (8 + number))
        command = ImportCatalog(read_catalog([("items.yaml", files)]), admin, NOW, str(number))
        waiting = store.submit(schedule_import(command, NOW + 10 + number, check_references, diff)).result(30)
        apply(store, waiting.pending_id, NOW + 20 + number)
    store.submit(roll_back(RollBack(1, "back", admin, NOW + 40))).result(30)
    seen: list[int] = []
    before = None
    for _ in range(10):
        page = store.read(lambda reader, before=before: list_history(before, 2, reader))
        seen += [each.version for each in page.past]
        before = page.next
        if before is None:
            break
    assert seen == [5, 4, 3, 2, 1]
