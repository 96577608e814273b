"""Keys are exchanged while calls go on. Each step can be broken off anywhere: running it again goes on from there.

A new key is *coming* until every process has had time to look (`settle` seconds, longer than key_ring.LEASE), then
*current*. What stands under the *former* key is then made anew in small batches. A token key is *closed* before it is
*retired*: nothing can be written under it any more, and a last walk finds what was on its way.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from hutong_server.domain.report import Instant
from hutong_server.durable import sync
from hutong_server.store.base import AccessRecord, DataKey, Store, Swept, Writer
from hutong_server.trust.first_keys import LOCK
from hutong_server.trust.key_ring import IDS_OPEN, KeyRing
from hutong_server.trust.keys import KEY_SIZE, create_key_file, read_key_file
from hutong_server.trust.sealing import FIRST_SEAL_KEY
from hutong_server.trust.suites import SUITES, Suite
from hutong_server.trust.tokens import FIRST_DIGEST_KEY
from hutong_server.trust.wrapping import kek_id as _kek_id
from hutong_server.trust.wrapping import wrapped

SETTLE = 15.0
"""Seconds, unless told otherwise."""
_SAY_EVERY = 1.0

_After = tuple[object, ...] | None
_Step = Callable[[_After, int, Writer], Swept]


def seal_key_of(prefix: bytes) -> int:
    """Number of the data key that a blob's beginning names."""
    return FIRST_SEAL_KEY if prefix[:1] == b"\x01" else int.from_bytes(prefix[1:3], "big")


@dataclass(frozen=True, slots=True)
class KeyUse:
    """A key and what stands under it."""

    key: DataKey
    uses: dict[str, int]
    """By table.column."""
    stuck: int = 0
    """Tokens that wait for their patient's next report, because their identifier was not kept."""


def key_uses(store: Store) -> list[KeyUse]:
    """Every key of the store, by number. Looks through all tables."""
    keys, seals, tokens, names = store.read(
        lambda reader: (
            reader.data_keys(),
            reader.seal_uses(),
            reader.token_uses(),
            reader.name_uses(FIRST_DIGEST_KEY),
        )
    )
    uses: dict[int, dict[str, int]] = {key.number: {} for key in keys}
    for prefix, places in seals.items():
        of = uses.setdefault(seal_key_of(prefix), {})
        for place, count in places.items():
            of[place] = of.get(place, 0) + count
    for number, count in names.items():
        uses.setdefault(number, {})["identity.key"] = count
    for number, (count, _) in tokens.items():
        uses.setdefault(number, {})["patient_token.token"] = count
    return [KeyUse(key, uses[key.number], tokens.get(key.number, (0, 0))[1]) for key in keys]


@dataclass(frozen=True, slots=True)
class Rotation:
    """What exchanging keys needs. `pause` seconds after each batch leave the database to the calls."""

    store: Store
    ring: KeyRing
    kek: Path
    suite: Suite
    clock: Callable[[], Instant]
    say: Callable[[str], None]
    settle: float = SETTLE
    batch: int = 50
    pause: float = 0.01
    by: str = "hutong-server keys rotate"

    def seal(self) -> None:
        """A new data key, under which everything is sealed anew; and a new key of ids."""
        if not self._went_on(("seal", "ids"), self._finish_seals):
            self._exchange(("seal", "ids"))
            self._finish_seals()

    def tokens(self) -> None:
        """A new token key, under which every token is made anew whose identifier is kept; and a new digest key, under
        which the names of reports are made anew.
        """
        if not self._went_on(("token", "digest"), self._finish_tokens):
            self._exchange(("token", "digest"))
            self._finish_tokens()

    def _went_on(self, purposes: tuple[str, ...], finish: Callable[[], bool]) -> bool:
        """Whether there was an exchange that had been broken off behind the change of keys, and is finished now."""
        states = {key.state for key in self._keys() if key.purpose in purposes}
        if "coming" in states or not states & {"former", "closed"}:
            return False
        self.say("going on where it was broken off")
        self._wait("until every server knows the current keys")
        return finish()

    def _finish_seals(self) -> bool:
        """Seals anew what stands under former keys, and retires them. Whether there was anything to do."""
        changed, broken = self._sweep_seals(self.ring.sealer.prefix)
        if broken:
            self.say(f"{broken} blobs do not open and were left as they are")
        uses = key_uses(self.store)
        ended = [
            use.key for use in uses if use.key.purpose in ("seal", "ids") and use.key.state == "former" and not use.uses
        ]
        for key in ended:
            self._set(key, "retired")
        return bool(changed or ended)

    def _finish_tokens(self) -> bool:
        changed, held = self._sweep_tokens()
        changed += self._sweep_names()
        uses = key_uses(self.store)
        former = [use for use in uses if use.key.purpose == "token" and use.key.state == "former"]
        for use in former:
            if use.stuck:
                self.say(f"key {use.key.number}: {use.stuck} tokens wait for the next report of their patient")
        if held:
            self.say(f"{held} held reports have tokens that cannot be made again: the former key stays")
        closed = [key for key in self._keys() if key.purpose in ("token", "digest") and key.state == "closed"]
        closed += [self._set(use.key, "closed") for use in former if not use.uses and not held]
        names = [use for use in uses if use.key.purpose == "digest" and use.key.state == "former"]
        closed += [self._set(use.key, "closed") for use in names if not use.uses]
        if closed:
            self._wait("until nothing is on its way under the former keys")
            self._sweep_tokens()
            self._sweep_names()
            for key in closed:
                # Later names are made of those under earlier digest keys: such a key is needed for ever.
                self._set(key, "chained" if key.purpose == "digest" else "retired")
        return bool(changed or closed)

    def wrap_anew(self) -> None:
        """A new key-encryption key, in the place of the former, which stays beside it under its id."""
        new = self.kek.with_name(self.kek.name + ".new")
        former = read_key_file(self.kek)
        if not new.exists():
            create_key_file(new)
        kek = read_key_file(new)

        def add(writer: Writer) -> None:
            writer.lock((LOCK,))
            for key in writer.data_keys():
                wrap = self._wrapped(kek, key)
                if wrap[0] not in dict(key.wraps):
                    writer.put_data_key(replace(key, wraps=(*key.wraps, wrap)))
            self._record(writer, "wrapped anew")

        self.ring.load()
        self.store.submit(add).result()
        beside = self.kek.with_name(f"{self.kek.name}.{_kek_id(former).hex()}")
        if not beside.exists():
            beside.hardlink_to(self.kek)
        new.replace(self.kek)
        sync(self.kek.parent)
        self.say(f"{self.kek} is new; the former key is {beside}: keep it with older backups, or destroy it")
        self.drop_former_wraps()

    def drop_former_wraps(self) -> None:
        """Forgets wraps under other key-encryption keys than the file's, once all keys are wrapped under that."""
        kek_id = _kek_id(read_key_file(self.kek))

        def drop(writer: Writer) -> None:
            writer.lock((LOCK,))
            keys = writer.data_keys()
            if all(kek_id in dict(key.wraps) for key in keys):
                for key in keys:
                    if len(key.wraps) > 1:
                        writer.put_data_key(replace(key, wraps=((kek_id, dict(key.wraps)[kek_id]),)))

        self.store.submit(drop).result()

    def destroy_old(self) -> None:
        """Destroys retired keys that nothing needs any more."""
        until = self.clock() - IDS_OPEN
        old = [
            use.key
            for use in key_uses(self.store)
            if use.key.state == "retired" and use.key.changed < until and not use.uses
        ]

        def destroy(writer: Writer) -> None:
            for key in old:
                writer.remove_data_key(key.number)
                self._record(writer, f"destroyed {key.purpose} {key.number}")

        if old:
            self.store.submit(destroy).result()
            self.say("destroyed: key " + ", ".join(str(key.number) for key in old))

    def _exchange(self, purposes: tuple[str, ...]) -> None:
        """Makes new keys current: those of an exchange that was broken off, else new ones."""
        if not any(key.purpose in purposes and key.state == "coming" for key in self._keys()):
            self._make(purposes)
        self._wait("until every server knows the new key")
        self.store.submit(lambda writer: self._promote(writer, purposes)).result()
        self._wait("until every server uses it")

    def _make(self, purposes: tuple[str, ...]) -> None:
        kek = read_key_file(self.kek)
        materials = [secrets.token_bytes(KEY_SIZE) for _ in purposes]

        def job(writer: Writer) -> None:
            writer.lock((LOCK,))
            known = writer.data_keys()
            if any(key.purpose in purposes and key.state == "coming" for key in known):
                return
            number = max(key.number for key in known)
            for purpose, material in zip(purposes, materials, strict=True):
                number += 1
                wrap = wrapped(kek, number, purpose, self.suite, material)
                now = self.clock()
                writer.put_data_key(DataKey(number, purpose, self.suite.name, "coming", now, now, (wrap,)))
            self._record(writer, "new " + " and ".join(purposes))

        self.store.submit(job).result()
        self.ring.load()

    def _promote(self, writer: Writer, purposes: tuple[str, ...]) -> None:
        writer.lock((LOCK,))
        keys = [key for key in writer.data_keys() if key.purpose in purposes]
        for new in [key for key in keys if key.state == "coming"]:
            for key in keys:
                if key.purpose == new.purpose and key.state == "current":
                    writer.put_data_key(replace(key, state="former", changed=self.clock()))
            writer.put_data_key(replace(new, state="current", changed=self.clock()))

    def _set(self, key: DataKey, state: str) -> DataKey:
        changed = replace(key, state=state, changed=self.clock())

        def job(writer: Writer) -> None:
            writer.put_data_key(changed)
            self._record(writer, f"{state} {key.purpose} {key.number}")

        self.store.submit(job).result()
        self.say(f"key {key.number} ({key.purpose}) is {state}")
        return changed

    def _sweep_seals(self, prefix: bytes) -> tuple[int, int]:
        """Until a walk finds nothing to change: (blobs sealed anew, blobs that do not open)."""
        everything = 0
        while True:
            uses = self.store.read(lambda reader: reader.seal_uses())
            totals: dict[str, int] = {}
            for begins, places in uses.items():
                if begins != prefix:
                    for place, count in places.items():
                        totals[place] = totals.get(place, 0) + count
            changed = broken = 0
            for place, total in sorted(totals.items()):
                walked = self._walk(f"sealed anew: {place}", total, partial(_reseal, place, prefix))
                changed += walked.changed
                broken += walked.broken
            everything += changed
            if not changed:
                return everything, broken

    def _sweep_tokens(self) -> tuple[int, int]:
        """Until a walk finds nothing to change: (rows changed, held reports whose tokens cannot be made again)."""
        current = self.ring.tokens.current
        everything = 0
        while True:
            uses = self.store.read(lambda reader: reader.token_uses())
            total = sum(count - stuck for number, (count, stuck) in uses.items() if number != current)
            tokens = self._walk("tokens made anew", total, partial(_retoken, current))
            held = self._walk("held reports", 0, partial(_retoken_held, current))
            everything += tokens.changed + held.changed
            if not tokens.changed and not held.changed:
                return everything, held.broken

    def _sweep_names(self) -> int:
        """Until a walk finds nothing to change: names changed."""
        current = self.ring.tokens.current_name
        everything = 0
        while True:
            uses = self.store.read(lambda reader: reader.name_uses(FIRST_DIGEST_KEY))
            total = sum(count for number, count in uses.items() if number != current)
            if not total:
                return everything
            walked = self._walk("names of reports made anew", total, partial(_rename, current))
            everything += walked.changed
            if not walked.changed:
                self.say(f"{walked.broken} reports have two names: the former digest key stays")
                return everything

    def _walk(self, what: str, total: int, step: _Step) -> Swept:
        after: tuple[object, ...] | None = None
        changed = broken = 0
        said = time.monotonic()
        while True:
            swept = self.store.submit(partial(step, after, self.batch)).result()
            changed += swept.changed
            broken += swept.broken
            if swept.last is None:
                break
            after = swept.last
            if time.monotonic() - said > _SAY_EVERY:
                said = time.monotonic()
                self.say(f"{what}: {changed} of {total}")
            time.sleep(self.pause)
        if changed:
            self.say(f"{what}: {changed} of {max(total, changed)}")
        return Swept(None, changed, broken)

    def _keys(self) -> tuple[DataKey, ...]:
        self.ring.load()
        return self.ring.keys

    def _wait(self, why: str) -> None:
        self.say(f"waiting {self.settle:g} s {why}")
        time.sleep(self.settle)
        self.ring.load()

    def _wrapped(self, kek: bytes, key: DataKey) -> tuple[bytes, bytes]:
        return wrapped(kek, key.number, key.purpose, SUITES[key.suite], self.ring.material(key.number))

    def _record(self, writer: Writer, outcome: str) -> None:
        writer.record(
            AccessRecord(
                at=self.clock(),
                method="RotateKeys",
                institution="registry",
                role="registry",
                certificate="",
                request_id=self.by,
                outcome=outcome,
            )
        )


def _reseal(place: str, prefix: bytes, after: _After, limit: int, writer: Writer) -> Swept:
    return writer.reseal(place, prefix, after, limit)


def _retoken(key: int, after: _After, limit: int, writer: Writer) -> Swept:
    return writer.retoken(key, after, limit)


def _rename(key: int, after: _After, limit: int, writer: Writer) -> Swept:
    return writer.rename(key, after, limit)


def _retoken_held(key: int, after: _After, limit: int, writer: Writer) -> Swept:
    return writer.retoken_held(key, after, limit)
