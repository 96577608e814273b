"""The patient index: records, tokens, steps."""

from dataclasses import replace

from hutong_server.domain.person import Demographics
from hutong_server.store.base import PatientStep, Store

from tests.store.rows import NOW, WANG, held, key, opened, report, step, token, write

NEWBORN = Demographics(("王小明之子",), "2026-05-01", "male")


def people(store: Store, *tokens: bytes) -> list[set[bytes]]:
    """The records of each person under these tokens."""
    return [set(person.keys) for person in store.read(lambda reader: reader.persons(tokens))]


def test_a_record_is_found_by_any_of_its_tokens(store: Store) -> None:
    resident, card, other = token(), token(), token()
    record = opened(store, resident, card)
    for asked in ((resident,), (card,), (card, resident), (other, card)):
        (person,) = store.read(lambda reader, asked=asked: reader.persons(asked))
        assert person.key == record
        assert person.records == ((record, WANG),)
    assert people(store, other) == []
    assert people(store) == []


def test_two_persons_stand_beside_each_other_under_one_token(store: Store) -> None:
    mother_number = token()
    mother, child = opened(store, mother_number), opened(store, mother_number, said=NEWBORN)
    found = store.read(lambda reader: reader.persons([mother_number]))
    assert {person.records for person in found} == {((mother, WANG),), ((child, NEWBORN),)}


def test_tokens_can_be_added_and_taken_away(store: Store) -> None:
    first, second = token(), token()
    record = opened(store, first)
    write(store, lambda writer: writer.add_tokens(record, (second, second)))
    write(store, lambda writer: writer.add_tokens(record, (second,)))
    assert people(store, second) == [{record}]
    write(store, lambda writer: writer.remove_tokens(record, (second,)))
    assert people(store, second) == []
    assert people(store, first) == [{record}]


def test_a_link_joins_and_its_undoing_parts(store: Store) -> None:
    one_token, other_token = token(), token()
    one, other = opened(store, one_token, at=NOW - 1), opened(store, other_token)
    linked = step("linked", one, other)
    write(store, lambda writer: writer.put_step(linked))
    assert (
        people(store, one_token)
        == people(store, other_token)
        == people(store, one_token, other_token)
        == [{one, other}]
    )
    person = store.read(lambda reader: reader.person_of(other))
    assert person is not None
    assert person.keys == (one, other), "in the order of opening"
    write(store, lambda writer: writer.put_step(replace(linked, undone_at=NOW + 1, undone_by="H1/admin")))
    assert people(store, one_token) == [{one}]
    assert people(store, other_token) == [{other}]


def test_persons_are_what_the_standing_steps_form(store: Store) -> None:
    tokens = [token() for _ in range(4)]
    a, b, c, d = (opened(store, each) for each in tokens)
    chain = [step("linked", a, b), step("linked", b, c), step("linked", c, d)]
    for each in chain:
        write(store, lambda writer, each=each: writer.put_step(each))
    assert people(store, tokens[3]) == [{a, b, c, d}]
    # The middle link goes: two persons. A detour brings them together, and outlives the link's return and its end.
    gone = replace(chain[1], undone_at=NOW + 1)
    write(store, lambda writer: writer.put_step(gone))
    assert people(store, tokens[0]) == [{a, b}]
    assert people(store, tokens[3]) == [{c, d}]
    write(store, lambda writer: writer.put_step(step("linked", a, d)))
    write(store, lambda writer: writer.put_step(chain[1]))
    write(store, lambda writer: writer.put_step(gone))
    assert people(store, tokens[1]) == [{a, b, c, d}]


def test_an_unlinked_record_is_alone_until_that_is_undone(store: Store) -> None:
    tokens = [token() for _ in range(3)]
    a, b, c = (opened(store, each) for each in tokens)
    links = [step("linked", a, b), step("linked", b, c)]
    for each in links:
        write(store, lambda writer, each=each: writer.put_step(each))
    parted = step("unlinked", c, undid=(links[1].step_id,))
    write(store, lambda writer: writer.put_step(parted))
    assert people(store, *tokens) == sorted([{a, b}, {c}], key=min)
    write(store, lambda writer: writer.put_step(replace(parted, undone_at=NOW + 1)))
    assert people(store, *tokens) == [{a, b, c}]


def test_a_held_report_is_nobodys_until_it_is_placed(store: Store) -> None:
    its_token, person_token = token(), token()
    person, own = opened(store, person_token), key()
    waiting = held(key(), own, its_token)

    def arrive(writer):
        writer.put_report(report(own, waiting.held_id), held=True)
        writer.put_held(waiting)

    write(store, arrive)
    assert store.read(lambda reader: reader.held(None, 10)) == [waiting]
    assert store.read(lambda reader: reader.held_report(waiting.held_id)) == waiting
    assert people(store, its_token) == []
    assert store.read(lambda reader: reader.reports([own])) == []
    assert store.read(lambda reader: reader.report(own, waiting.held_id)) is None

    placed = PatientStep(
        key(), "placed", (own, person), "her sister confirmed", "H1/admin", NOW, held_id=waiting.held_id
    )

    def place(writer):
        writer.put_step(placed)
        writer.set_held(own, waiting.held_id, False)
        writer.put_held(replace(waiting, placed=True))

    write(store, place)
    assert people(store, person_token) == [{own, person}]
    assert [row.report_id for row in store.read(lambda reader: reader.reports([person, own]))] == [waiting.held_id]
    assert store.read(lambda reader: reader.held(None, 10)) == []
    assert store.read(lambda reader: reader.held_report(waiting.held_id)) == replace(waiting, placed=True)

    def undo(writer):
        writer.put_step(replace(placed, undone_at=NOW + 1))
        writer.set_held(own, waiting.held_id, True)
        writer.put_held(waiting)

    write(store, undo)
    assert people(store, person_token) == [{person}]
    assert store.read(lambda reader: reader.reports([person, own])) == []
    assert store.read(lambda reader: reader.held(None, 10)) == [waiting]
    write(store, lambda writer: writer.remove_held(waiting.held_id))
    assert store.read(lambda reader: reader.held_report(waiting.held_id)) is None


def test_held_reports_come_in_pages_oldest_first(store: Store) -> None:
    waiting = [held(bytes([number]) * 16, key(), received=NOW + number // 2) for number in range(5)]
    for each in reversed(waiting):
        write(store, lambda writer, each=each: writer.put_held(each))
    first = store.read(lambda reader: reader.held(None, 3))
    last = (first[-1].received, first[-1].held_id)
    assert first + store.read(lambda reader: reader.held(last, 3)) == waiting


def test_steps_are_remembered_newest_first(store: Store) -> None:
    one, other, third = (opened(store, token()) for _ in range(3))
    first, second = step("linked", one, other, at=NOW), step("linked", other, third, at=NOW + 1)
    for each in (second, first):
        write(store, lambda writer, each=each: writer.put_step(each))
    undone = replace(first, undone_at=NOW + 9, undone_by="H2/admin")
    write(store, lambda writer: writer.put_step(undone))
    assert store.read(lambda reader: reader.steps([other])) == [second, undone]
    assert store.read(lambda reader: reader.steps([one, other, third])) == [second, undone]
    assert store.read(lambda reader: reader.step(first.step_id)) == undone
    assert store.read(lambda reader: reader.step(key())) is None


def test_administrators_see_what_stands_under_a_record(store: Store) -> None:
    record = opened(store, token())

    def fill(writer):
        writer.put_report(report(record, institution="H2"))
        writer.put_report(report(record, institution="H1"))
        writer.put_report(report(record, institution="H1"))
        writer.put_report(report(record, institution="H3"), held=True)

    write(store, fill)
    (row,) = store.read(lambda reader: reader.patient_records([record, key()]))
    assert (row.key, row.person, row.demographics, row.opened) == (record, record, WANG, NOW)
    assert (row.reports, row.institutions) == (3, ("H1", "H2"))
    assert store.read(lambda reader: reader.institution_counts("H1")) == (2, 0)
    assert store.read(lambda reader: reader.institution_counts("H3")) == (0, 1)
