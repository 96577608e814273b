"""The names under which reports are known again are made anew, and the reports are known again all the same."""

import dataclasses

import pytest
from hutong_server.store.base import Identity, ReportName, StoreUnavailable
from hutong_server.trust.rotation import key_uses
from hutong_server.trust.suites import AES, SM

from tests.store.keyed import Keyed, dump
from tests.store.rows import key, write


def named(of: Keyed, number: int) -> ReportName:
    return of.ring.tokens.name("report", "H1", "urn:lis", f"R{number}")


def send(of: Keyed, number: int) -> bytes:
    """As publishing does: finds the report of a name or keeps a new one; its id."""
    name = named(of, number)

    def job(writer):
        writer.lock((name,))
        known = writer.identity(name)
        if known is None:
            known = Identity(name, key(), key(), 1, False)
        writer.put_identity(dataclasses.replace(known, current_version=known.current_version + 1))
        return known.report_id

    return write(of.store, job)


def names(of: Keyed) -> set[bytes]:
    return set(dump(of, "SELECT key FROM identity"))


def rotate(of: Keyed, suite: str = AES.name) -> None:
    of.rotation(suite).tokens()
    of.ring.load()


def test_names_are_made_anew_and_every_report_is_known_again(keyed: Keyed) -> None:
    reports = [send(keyed, number) for number in range(10)]
    seen = names(keyed)
    assert {len(name) for name in seen} == {32}
    for _ in range(3):
        rotate(keyed)
        now = names(keyed)
        assert len(now) == 10
        assert not any(before[-32:] == name[-32:] for before in seen for name in now)
        seen |= now
        for of in (keyed, other := keyed.again()):
            assert [send(of, number) for number in range(10)] == reports
            assert named(of, 1).also == ()
        other.close()
        assert names(keyed) == now
    states = [each.state for each in keyed.ring.keys if each.purpose == "digest"]
    assert states == ["chained", "chained", "chained", "current"]
    uses = {use.key.number: use.uses for use in key_uses(keyed.store) if use.key.purpose == "digest"}
    assert [each for each in uses.values() if each] == [{"identity.key": 10}]


def test_what_was_leaked_makes_no_name_of_now(keyed: Keyed) -> None:
    send(keyed, 1)
    leaked = keyed.again()
    rotate(keyed)
    rotate(keyed)
    # Whoever took the first key, and the last one too, lacks the one between.
    first, _, last = sorted(each.number for each in keyed.ring.keys if each.purpose == "digest")
    guess = leaked.ring.tokens.name("report", "H1", "urn:lis", "R1")
    keys, current, also = keyed.ring.tokens._names
    leaked.ring.tokens.use_names([each for each in keys if each.number == last], last, (first,))
    again = leaked.ring.tokens.name("report", "H1", "urn:lis", "R1")
    assert names(keyed).isdisjoint({bytes(guess), bytes(again), *again.also})
    assert (current, also) == (last, ())
    leaked.close()


def test_keys_of_nobody_change_and_digests_do_not(keyed: Keyed) -> None:
    tokens = keyed.ring.tokens
    passing, lasting = tokens.passing("nobody", "x"), tokens.digest("directive", "x")
    assert passing == tokens.digest("nobody", "x")
    rotate(keyed)
    assert tokens.passing("nobody", "x") != passing
    assert tokens.digest("directive", "x") == lasting


def test_during_an_exchange_a_report_is_found_under_either_name(keyed: Keyed) -> None:
    """Servers that have heard of the new key, or use it, and one that has heard of it only: one report."""
    report = send(keyed, 1)
    behind = keyed.again()
    rotation = keyed.rotation()
    rotation._make(("token", "digest"))
    assert len(named(keyed, 1).also) == 1
    assert send(keyed, 1) == send(behind, 1) == report
    behind.ring.load()
    keyed.store.submit(lambda writer: rotation._promote(writer, ("token", "digest"))).result(30)
    keyed.ring.load()
    assert send(keyed, 1) == send(behind, 1) == report
    fresh = send(keyed, 2)
    assert send(behind, 2) == fresh
    other = send(behind, 3)
    assert send(keyed, 3) == other
    assert len(names(keyed)) == 3
    rotate(keyed)
    assert len(names(keyed)) == 3
    assert {len(name) for name in names(keyed)} == {34}
    behind.ring.load()
    assert [send(behind, number) for number in (1, 2, 3)] == [report, fresh, other]
    behind.close()


def test_a_name_of_somebody_who_has_not_looked_for_long_is_refused(keyed: Keyed) -> None:
    stale = named(keyed, 1)
    rotation = keyed.rotation()
    rotation._make(("token", "digest"))
    heard = named(keyed, 1)
    keyed.store.submit(lambda writer: rotation._promote(writer, ("token", "digest"))).result(30)
    with pytest.raises(StoreUnavailable):
        keyed.store.read(lambda reader: reader.identity(stale))
    assert keyed.store.read(lambda reader: reader.identity(heard)) is None
    rotate(keyed)
    for name in (stale, heard):
        with pytest.raises(StoreUnavailable):
            keyed.store.read(lambda reader, name=name: reader.identity(name))


def test_a_report_that_has_two_names_is_left_and_told(keyed: Keyed) -> None:
    send(keyed, 1)
    rotation = keyed.rotation()
    rotation._make(("token", "digest"))
    keyed.ring.load()
    new = named(keyed, 1).also[0]
    write(keyed.store, lambda writer: writer.put_identity(Identity(new, key(), key(), 1, False)))
    rotate(keyed)
    assert any("1 reports have two names" in text for text in keyed.said)
    assert len(names(keyed)) == 2
    assert "former" in keyed.keys("digest")


def test_names_are_of_the_suite_of_their_key(keyed: Keyed) -> None:
    report = send(keyed, 1)
    rotate(keyed, SM.name)
    assert keyed.keys("digest")["current"].suite == SM.name
    assert send(keyed, 1) == report
