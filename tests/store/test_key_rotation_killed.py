"""An exchange of keys that is broken off anywhere, while calls go on: nothing is lost, nobody is there twice."""

import dataclasses
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hutong_server.store.sql_store import SqlStore
from hutong_server.trust import key_ring
from hutong_server.trust.rotation import Rotation, key_uses
from hutong_server.trust.suites import AES

from tests.store.keyed import Keyed, add_person, open_keyed, person_at
from tests.store.rows import held, key, write

ROOT = Path(__file__).parents[2]
KILLS = 6


# Broken off


class _BrokenOff(Exception):
    pass


class _Breaking:
    """A store that ends at the nth write: before it, or when it is durable and nobody has heard of it."""

    def __init__(self, store: SqlStore, at: int, *, after: bool) -> None:
        self._store, self._at, self._after = store, at, after
        self.writes = 0
        self.read = store.read

    def submit(self, job):
        self.writes += 1
        if self.writes == self._at and not self._after:
            raise _BrokenOff
        future = self._store.submit(job)
        if self.writes == self._at:
            future.result()
            raise _BrokenOff
        return future


def _everything(rotation: Rotation) -> None:
    rotation.drop_former_wraps()
    rotation.wrap_anew()
    rotation.seal()
    rotation.tokens()


@pytest.mark.parametrize("after", [False, True], ids=["before a write", "after a write"])
def test_broken_off_at_each_write_and_run_again(store_url: str, directory: Path, after: bool) -> None:
    keyed = open_keyed(store_url, directory)
    patients = [add_person(keyed, number) for number in range(4)]
    held_token = keyed.ring.tokens.patient("urn:card", "", "P00001")
    waiting = held(key(), key(), held_token)
    write(keyed.store, lambda writer: writer.put_held(waiting))
    at = 0
    while True:
        at += 1
        breaking = _Breaking(keyed.store, at, after=after)
        rotation = dataclasses.replace(keyed.rotation(), store=breaking, batch=50)
        try:
            _everything(rotation)
        except _BrokenOff:
            pass
        else:
            break
        # As a server that starts now finds it, and as one that goes on.
        for of in (other := keyed.again(), keyed):
            of.ring.load()
            assert [person_at(of, number) for number in range(4)] == [([patient], 1) for patient in patients], at
        other.close()
        _everything(dataclasses.replace(keyed.rotation(), batch=50))
        assert set(keyed.keys("seal")) == set(keyed.keys("token")) == {"current", "retired"}
    assert at > 20
    assert [person_at(keyed, number) for number in range(4)] == [([patient], 1) for patient in patients]
    found = keyed.store.read(lambda reader: reader.held_report(waiting.held_id))
    assert [each.key for each in keyed.store.read(lambda reader: reader.persons(found.tokens))] == [patients[1]]
    keyed.close()


@pytest.mark.parametrize("step", ["hardlink_to", "replace"])
def test_a_new_key_encryption_key_whose_file_did_not_come_to_its_place(
    keyed: Keyed, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = add_person(keyed, 1)

    def broken(*_: object) -> None:
        raise _BrokenOff

    with monkeypatch.context() as patched:
        patched.setattr(Path, step, broken)
        with pytest.raises(_BrokenOff):
            keyed.rotation().wrap_anew()
    other = keyed.again()
    assert person_at(other, 1) == ([patient], 1)
    other.rotation().wrap_anew()
    other.close()
    last = keyed.again()
    assert person_at(last, 1) == ([patient], 1)
    assert all(len(each.wraps) == 1 for each in last.ring.keys)
    last.close()


# While calls go on, and killed


@pytest.mark.timeout(180)
@pytest.mark.parametrize("suite", [AES.name])
def test_killed_at_any_point_while_calls_go_on(
    keyed: Keyed, suite: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(key_ring, "POLL", 0.05)
    keyed.ring.start()
    patients = {number: add_person(keyed, number) for number in range(40)}
    stop = threading.Event()
    faults: list[str] = []
    reports = dict.fromkeys(patients, 1)
    calls = 0

    def work() -> None:
        nonlocal calls
        dice = random.Random(5)  # noqa: S311  repeatable, not secret
        try:
            while not stop.is_set():
                number = dice.choice([*patients, len(patients)])
                patient = add_person(keyed, number)
                if patients.setdefault(number, patient) != patient:
                    faults.append(f"person {number} is there twice")
                reports[number] = reports.get(number, 0) + 1
                asked = dice.choice(list(patients))
                if person_at(keyed, asked) != ([patients[asked]], reports[asked]):
                    faults.append(f"person {asked} was not found whole")
                calls += 1
                time.sleep(0.005)
        except Exception as error:
            faults.append(repr(error))

    worker = threading.Thread(target=work)
    worker.start()
    try:
        dice = random.Random(20_261_122)  # noqa: S311
        outputs = [_rotate(keyed, suite, tmp_path, dice.uniform(0.0, 1.6)) for _ in range(KILLS)]
        outputs.append(_rotate(keyed, suite, tmp_path, None))
    finally:
        stop.set()
        worker.join()
    assert not faults
    assert "done" in outputs[-1]
    assert sum("done" not in output for output in outputs) >= 2, "hardly any run was broken off"
    assert calls > 50
    print(f"{calls} calls beside {len(outputs)} runs, {sum('done' not in each for each in outputs)} of them killed")
    other = keyed.again()
    for number, patient in patients.items():
        assert person_at(other, number) == ([patient], reports[number])
    for use in key_uses(other.store):
        assert use.key.state in ("current", "chained" if use.key.purpose == "digest" else "retired")
        assert use.key.state == "current" or not use.uses
    other.close()


def _rotate(of: Keyed, suite: str, directory: Path, kill_after: float | None) -> str:
    """Runs an exchange of everything in a process; kills it so many seconds after it has started."""
    output = directory / "output"
    arguments = [
        sys.executable,
        "-m",
        "tests.store.rotating",
        of.url,
        str(of.kek),
        "seal,tokens,wrap_anew",
        "0.3",
        suite,
    ]
    with output.open("w") as file:
        process = subprocess.Popen(arguments, cwd=ROOT, stdout=file, stderr=file)
    for _ in range(600):
        if "started" in output.read_text() or process.poll() is not None:
            break
        time.sleep(0.02)
    try:
        process.wait(60 if kill_after is None else kill_after)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return output.read_text()
