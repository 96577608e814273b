"""Directives and openings: kept, replaced, listed in the order of their time, and sealed to their place."""

from dataclasses import replace

import pytest
from hutong_server.domain.consent import Directive, Effect, Opening, Scope
from hutong_server.store.base import SealBroken, Store
from sqlalchemy import create_engine, text

from tests.store.rows import NOW, key, write


def directive(patient: bytes, *, at: int = NOW) -> Directive:
    return Directive(key(), patient, Effect.ALLOW, Scope.CATEGORY, "hiv", at, at + 5, recorded_by="H1", recorded_at=at)


def opening(patient: bytes, *, at: int = NOW) -> Opening:
    return Opening(key(), patient, "H2", "Dr. 李", "visit-7", "昏迷", at, at + 1000)


def test_what_was_put_comes_back_by_key(store: Store) -> None:
    one, other, third = key(), key(), key()
    given = [directive(one), replace(directive(one), revoked_at=NOW + 1, revoked_by="T1"), directive(other)]
    opened = opening(other)
    for each in given:
        write(store, lambda writer, each=each: writer.put_directive(each))
    write(store, lambda writer: writer.put_opening(opened))
    directives, openings = store.read(lambda reader: reader.consent([one, other]))
    assert sorted(directives, key=lambda each: each.directive_id) == sorted(given, key=lambda each: each.directive_id)
    assert openings == [opened]
    assert store.read(lambda reader: reader.consent([third])) == ([], [])
    assert store.read(lambda reader: reader.consent([])) == ([], [])


def test_an_entry_is_replaced(store: Store) -> None:
    patient = key()
    given = directive(patient)
    write(store, lambda writer: writer.put_directive(given))
    revoked = replace(given, revoked_at=NOW + 9, revoked_by="H3", valid_until=None)
    write(store, lambda writer: writer.put_directive(revoked))
    assert store.read(lambda reader: reader.consent([patient])) == ([revoked], [])


def test_openings_are_listed_by_time_and_leave_when_reviewed(store: Store) -> None:
    # Two at one moment: the id makes the order total.
    openings = [opening(key(), at=NOW + at) for at in (2, 0, 1, 1)]
    write(store, lambda writer: [writer.put_opening(each) for each in openings])
    write(store, lambda writer: writer.put_directive(directive(key())))
    ordered = sorted(openings, key=lambda each: (each.opened_at, each.opening_id))
    found: list[Opening] = []
    after = None
    for _ in range(5):
        page = store.read(lambda reader, after=after: reader.openings(after, 1))
        if not page:
            break
        found += page
        after = (page[-1].opened_at, page[-1].opening_id)
    assert found == ordered
    assert store.read(lambda reader: reader.openings_waiting()) == 4
    closed = replace(ordered[1], closed_at=NOW + 9, closed_by="registry/admin", finding="in order", answers=3)
    write(store, lambda writer: writer.put_opening(closed))
    assert store.read(lambda reader: reader.openings(None, 10)) == [ordered[0], *ordered[2:]]
    assert store.read(lambda reader: reader.openings(None, 10, closed=True)) == [ordered[0], closed, *ordered[2:]]
    assert store.read(lambda reader: reader.openings_waiting()) == 3
    assert store.read(lambda reader: reader.opening(closed.patient_key, closed.opening_id)) == closed


def test_a_directive_is_no_opening(store: Store) -> None:
    given = directive(key())
    write(store, lambda writer: writer.put_directive(given))
    assert store.read(lambda reader: reader.opening(given.patient_key, given.directive_id)) is None


@pytest.mark.parametrize("column", ["patient_key", "entry_id"])
def test_an_entry_that_was_moved_does_not_open(store: Store, store_url: str, column: str) -> None:
    """A directive cannot be given to another patient in the database."""
    given = directive(key())
    write(store, lambda writer: writer.put_directive(given))
    moved = key()
    engine = create_engine(store_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE consent_entry SET {column} = :moved"), {"moved": moved})  # noqa: S608
    engine.dispose()
    patient = moved if column == "patient_key" else given.patient_key
    with pytest.raises(SealBroken):
        store.read(lambda reader: reader.consent([patient]))


def test_a_directive_turned_into_an_opening_does_not_open(store: Store, store_url: str) -> None:
    given = directive(key())
    write(store, lambda writer: writer.put_directive(given))
    engine = create_engine(store_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(text("UPDATE consent_entry SET kind = 'opening'"))
    engine.dispose()
    with pytest.raises(SealBroken):
        store.read(lambda reader: reader.consent([given.patient_key]))
