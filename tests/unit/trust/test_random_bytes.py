"""Random bytes are handed out once."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from hutong_server.trust.random_bytes import random_bytes


def test_no_bytes_are_handed_out_twice() -> None:
    with ThreadPoolExecutor(4) as threads:
        found = [
            each for part in threads.map(lambda _: [random_bytes(12) for _ in range(2000)], range(8)) for each in part
        ]
    assert len(set(found)) == len(found) == 16_000
    assert {len(each) for each in found} == {12}


@pytest.mark.parametrize("count", [0, 1, 4095, 4096, 4097, 10_000])
def test_as_many_as_were_asked_for(count: int) -> None:
    for _ in range(3):
        assert len(random_bytes(count)) == count
    assert count < 8 or random_bytes(count) != random_bytes(count)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_has_its_own() -> None:
    random_bytes(1)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, random_bytes(64))
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 64) != random_bytes(64)
    os.close(reading)
    os.close(writing)
