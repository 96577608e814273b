"""Keys are exchanged: everything stands under the new ones, and everything is found as before."""

import dataclasses

import pytest
from hutong_server.domain.person import Demographics
from hutong_server.store.base import Writer
from hutong_server.trust import key_ring
from hutong_server.trust.keys import UnsafeKey
from hutong_server.trust.suites import SM

from tests.store.keyed import Keyed, add_person, dump, execute, person_at, uses_of
from tests.store.rows import NOW, held, key, step, write

# Exchanges


def test_everything_is_sealed_anew_under_a_new_key(keyed: Keyed) -> None:
    patients = [add_person(keyed, number) for number in range(10)]
    _fill_other_tables(keyed, patients[0])
    name = keyed.ring.ids.seal("report", "H1", [b"x"])
    before = uses_of(keyed, keyed.keys("seal")["current"])
    keyed.rotation().seal()
    keys = keyed.keys("seal")
    after = uses_of(keyed, keys["current"])
    assert not uses_of(keyed, keys["retired"])
    assert {place: count for place, count in after.items() if place != "access_record.body"} == {
        place: count for place, count in before.items() if place != "access_record.body"
    }
    assert len(before) >= 13, "places that this test does not fill are places where it proves nothing"
    for of in (keyed, other := keyed.again()):
        assert [person_at(of, number) for number in range(10)] == [([patient], 1) for patient in patients]
        assert of.ring.ids.open("report", "H1", name) == (b"x",)
        assert of.ring.ids.seal("report", "H1", [b"x"]) != name
    other.close()


def test_every_blob_column_is_sealed_or_said_not_to_be() -> None:
    from hutong_server.store.resealing import PLACES
    from hutong_server.store.tables import BLOB, metadata

    clear = {
        "identity.former_keys",  # random keys
        "access_record.patient_keys",
        "access_record.leaf_hash",  # of the ledger
        "ledger_log.cut_nodes",
        "ledger_root.body",
        "ledger_root.leaf_hash",
        "ledger_checkpoint.root",
        "ledger_checkpoint.signature",
        "key_wrap.wrapped",
        "catalog_pending.content",  # rules
    }
    columns = {
        f"{table.name}.{each.name}" for table in metadata.tables.values() for each in table.c if each.type is BLOB
    }
    assert columns == clear | set(PLACES)


def test_tokens_are_made_anew_and_lead_to_the_same_persons(keyed: Keyed) -> None:
    patients = [add_person(keyed, number) for number in range(10)]
    before = set(dump(keyed, "SELECT token FROM patient_token"))
    lasting = keyed.ring.tokens.lasting(keyed.ring.tokens.patient("s", "a", "v"))
    digest = keyed.ring.tokens.digest("report", "x")
    keyed.rotation().tokens()
    after = dump(keyed, "SELECT token FROM patient_token")
    assert len(after) == len(before) == 10
    assert not before & set(after)
    assert [person_at(keyed, number) for number in range(10)] == [([patient], 1) for patient in patients]
    assert keyed.ring.tokens.lasting(keyed.ring.tokens.patient("s", "a", "v")) == lasting
    assert keyed.ring.tokens.digest("report", "x") == digest
    assert set(keyed.keys("token")) == {"current", "retired"}
    keyed.rotation().tokens()
    assert keyed.ring.tokens.lasting(keyed.ring.tokens.patient("s", "a", "v")) == lasting
    assert [add_person(keyed, number) for number in range(10)] == patients


def test_held_reports_find_their_persons_under_the_new_token_key(keyed: Keyed) -> None:
    patient = add_person(keyed, 1)
    token = keyed.ring.tokens.patient("urn:card", "", "P00001")
    waiting = held(key(), key(), token)
    write(keyed.store, lambda writer: writer.put_held(waiting))
    keyed.rotation().tokens()
    found = keyed.store.read(lambda reader: reader.held_report(waiting.held_id))
    assert found is not None
    assert found.tokens != (bytes(token),)
    assert [each.key for each in keyed.store.read(lambda reader: reader.persons(found.tokens))] == [patient]


def test_a_token_without_its_identifier_waits_for_the_next_report(keyed: Keyed) -> None:
    patient = add_person(keyed, 1)
    add_person(keyed, 2)
    token = keyed.ring.tokens.patient("urn:card", "", "P00001")
    number = "UPDATE patient_token SET identifier = NULL, token_key = NULL WHERE token = "
    execute(keyed, number + ("x'{}'" if "sqlite" in keyed.url else "'\\x{}'").format(token.hex()))
    keyed.rotation().tokens()
    assert "former" in keyed.keys("token")
    assert any("1 tokens wait" in text for text in keyed.said)
    assert person_at(keyed, 1) == ([patient], 1)
    assert add_person(keyed, 1) == patient
    keyed.rotation().tokens()
    assert set(keyed.keys("token")) == {"current", "retired"}
    assert person_at(keyed, 1) == ([patient], 2)


def test_nobody_writes_under_a_token_key_that_is_closed(keyed: Keyed) -> None:
    stale = keyed.ring.tokens.patient("urn:card", "", "P1")
    keyed.rotation().tokens()
    with pytest.raises(Exception, match="token key was exchanged"):
        write(keyed.store, lambda writer: writer.open_patient(key(), Demographics(), NOW, (stale,)))


def test_the_key_encryption_key_is_exchanged_and_the_former_one_opens_no_more(keyed: Keyed) -> None:
    patient = add_person(keyed, 1)
    former = keyed.kek.read_bytes()
    keyed.rotation().wrap_anew()
    assert keyed.kek.read_bytes() != former
    (beside,) = keyed.directory.glob("kek.key.*")
    assert beside.read_bytes() == former
    assert person_at(keyed, 1) == ([patient], 1)
    other = keyed.again()
    assert person_at(other, 1) == ([patient], 1)
    other.close()
    beside.replace(keyed.kek)
    with pytest.raises(UnsafeKey, match="wrapped under"):
        keyed.again()


def test_both_suites_hold_the_same_store(keyed: Keyed) -> None:
    patients = [add_person(keyed, number) for number in range(3)]
    name = keyed.ring.ids.seal("report", "H1", [b"x"])
    keyed.rotation(SM.name).seal()
    keyed.rotation(SM.name).tokens()
    assert {each.suite for each in keyed.ring.keys if each.state == "current" and each.purpose != "digest"} == {SM.name}
    assert [person_at(keyed, number) for number in range(3)] == [([patient], 1) for patient in patients]
    assert keyed.ring.ids.open("report", "H1", name) == (b"x",)
    fresh = keyed.ring.ids.seal("report", "H1", [b"x"])
    assert keyed.ring.ids.open("report", "H1", fresh) == (b"x",)
    assert keyed.ring.ids.open("report", "H2", fresh) is None
    bodies = dump(keyed, "SELECT body FROM report")
    assert {body[0] for body in bodies} == {SM.mark}


def test_a_retired_key_is_destroyed_after_its_time(keyed: Keyed) -> None:
    patient = add_person(keyed, 1)
    keyed.rotation().seal()
    keyed.rotation().destroy_old()
    assert "retired" in keyed.keys("seal")
    late = dataclasses.replace(keyed.rotation(), clock=lambda: NOW + key_ring.IDS_OPEN + 1)
    late.destroy_old()
    assert set(keyed.keys("seal")) == {"current"}
    other = keyed.again()
    assert person_at(other, 1) == ([patient], 1)
    other.close()


def _fill_other_tables(of: Keyed, patient: bytes) -> None:
    from hutong_server.domain.consent import Directive, Effect, Scope
    from hutong_server.store.base import Prompt

    from tests.store.rows import access
    from tests.store.test_decisions import decision
    from tests.store.test_notices import notice, reliance

    directive = Directive(key(), patient, Effect.WITHHOLD, Scope.EVERYTHING, "", NOW, None, "H1", NOW)

    def job(writer: Writer) -> None:
        writer.put_held(held(key(), key(), of.ring.tokens.patient("urn:card", "", "held")))
        writer.put_step(step("linked", patient))
        writer.put_prompt(Prompt(key(), "H1", patient, NOW, "found", 1, (("K", key(), 0),)))
        writer.put_directive(directive)
        writer.put_decision(decision(patient))
        writer.put_reliance(reliance(patient_key=patient))
        writer.put_notice(notice(patient_key=patient))
        writer.record(access(patient))

    write(of.store, job)
