"""Decisions and events: kept, found by patient and by prompt, sealed to their line."""

from dataclasses import replace

import pytest
from hutong_server.domain.decision import Decision, DecisionKind, PromptEvent, PromptEventKind, standing_items
from hutong_server.store.base import SealBroken, Store
from sqlalchemy import create_engine, text

from tests.store.rows import NOW, key, write


def decision(patient: bytes, item: str = "K", **more: object) -> Decision:
    made = Decision(
        patient_key=patient,
        prompt_id=key(),
        institution="H2",
        item=item,
        kind=DecisionKind.REPEATED,
        ground="4",
        report_id=key(),
        ordinal=3,
        version=2,
        source="H1",
        decided_at=NOW,
        recorded=NOW + 5,
        department="内科",
        encounter=b"e" * 16,
        price_fen=1250,
        text="病情变化",
        practitioner="Dr. 李",
        encounter_id="visit-7",
    )
    return replace(made, **more)  # type: ignore[arg-type]


def test_what_was_decided_is_found_by_patient_visit_and_prompt(store: Store) -> None:
    patient, other = key(), key()
    made = decision(patient)
    taken_back = replace(made, kind=DecisionKind.REVOKED, ground="", text="", price_fen=None)
    elsewhere = decision(other, "NA", prompt_id=made.prompt_id, encounter=b"f" * 16)
    for each in (taken_back, made, elsewhere):
        write(store, lambda writer, each=each: writer.put_decision(each))

    def found(*keys: bytes, encounter: bytes = b"") -> list[Decision]:
        return store.read(lambda reader: reader.decisions(keys, encounter))

    assert sorted(found(patient), key=lambda each: each.kind) == [made, taken_back]
    assert found(other) == [elsewhere]
    assert found(other, patient, encounter=b"f" * 16) == [elsewhere]
    assert found(key()) == found() == []
    on = store.read(lambda reader: reader.decisions_on(made.prompt_id))
    assert sorted(on, key=lambda each: (each.item, each.kind)) == [made, taken_back, elsewhere]


def test_what_was_taken_back_does_not_stand() -> None:
    one, other = decision(key()), decision(key())
    revoked = replace(one, kind=DecisionKind.REVOKED)
    assert standing_items([one]) == {"K"}
    assert standing_items([revoked, one]) == standing_items([one, revoked]) == standing_items([revoked]) == set()
    assert standing_items([one, revoked, other]) == {"K"}


def test_an_event_is_kept_once(store: Store) -> None:
    shown = PromptEvent(key(), key(), "", PromptEventKind.SHOWN, NOW, "H2", "", "内科", NOW + 9)
    events = [shown, replace(shown, at=NOW + 1), replace(shown, item="K", source="H1", kind=PromptEventKind.CITED)]
    for each in [*events, replace(shown, recorded=NOW + 99)]:
        write(store, lambda writer, each=each: writer.put_prompt_event(each))
    found = store.read(lambda reader: reader.events_on(shown.prompt_id))
    assert sorted(found, key=lambda each: (each.item, each.at)) == events
    assert store.read(lambda reader: reader.events_on(key())) == []


@pytest.mark.parametrize("moved", ["patient_key = :moved", "prompt_id = :moved", "item = 'NA'", "revokes = :yes"])
def test_what_was_moved_to_another_line_does_not_open(store: Store, store_url: str, moved: str) -> None:
    made = decision(key())
    write(store, lambda writer: writer.put_decision(made))
    place = key()
    engine = create_engine(store_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        given = {name: value for name, value in {"moved": place, "yes": True}.items() if f":{name}" in moved}
        connection.execute(text(f"UPDATE decision SET {moved}"), given)  # noqa: S608
    engine.dispose()
    with pytest.raises(SealBroken):
        store.read(lambda reader: reader.decisions([made.patient_key, place]))
