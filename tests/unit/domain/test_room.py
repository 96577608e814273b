"""Room for calls: bursts are let in, queues that stay are not."""

import pytest
from hutong_server.domain.room import CALM, Room

TARGET = 0.05


class Line:
    """So many calls at once, each of which takes what `rate` calls a second lets it: a queue before one desk."""

    def __init__(self, room: Room, rate: float) -> None:
        self.room = room
        self.rate = rate
        self.now = 0.0
        self.waiting: list[float] = []
        self.took: list[float] = []
        self.refused = 0

    def arrive(self) -> None:
        if self.room.enter():
            self.waiting.append(self.now)
        else:
            self.refused += 1

    def finish(self) -> None:
        self.now += 1 / self.rate
        if self.waiting:
            self.took.append(self.now - self.waiting.pop(0))
            self.room.leave(self.took[-1], self.now)


def test_twice_of_what_can_be_done_is_halved_and_what_is_let_in_is_soon_done() -> None:
    line = Line(Room(512, 16, TARGET), rate=400)
    for _ in range(8000):
        line.arrive()
        line.arrive()
        line.finish()
    later = sorted(line.took[2000:])
    assert later[len(later) * 99 // 100] < 2 * TARGET
    # Nobody was turned away while there was nothing to do.
    assert len(line.took) == pytest.approx(8000, rel=0.01)
    assert line.refused == pytest.approx(8000, rel=0.1)


def test_a_burst_is_let_in_whole_and_room_comes_back() -> None:
    line = Line(Room(512, 16, TARGET), rate=400)
    for _ in range(300):
        line.arrive()
    assert line.refused == 0
    while line.waiting:
        line.finish()
    # All came late: there is less room now, for as long as it takes to see that it was a burst.
    assert 16 <= line.room.limit < 300
    for _ in range(int(400 * (CALM + 1))):
        line.arrive()
        line.finish()
    assert line.refused == 0
    assert line.room.limit == 512


def test_a_slow_call_among_few_is_no_reason_to_turn_others_away() -> None:
    room = Room(512, 16, TARGET)
    assert [room.enter() for _ in range(16)] == [True] * 16
    for moment in range(16):
        room.leave(9.0, float(moment))
    assert room.limit == 512


def test_nobody_has_more_than_half_of_what_is_short() -> None:
    room = Room(512, 16, TARGET)
    # While there is plenty, one may have all of it.
    assert [room.enter(own) for own in range(100)] == [True] * 100
    for moment in range(100):
        room.leave(9.0, float(moment))
    assert room.limit == 16
    assert [room.enter(own) for own in range(10)] == [True] * 8 + [False] * 2
    assert [room.enter(own) for own in range(10)] == [True] * 8 + [False] * 2
    assert not room.enter()


def test_however_slow_it_is_some_are_let_in() -> None:
    line = Line(Room(512, 16, TARGET), rate=20)
    for _ in range(1000):
        for _ in range(4):
            line.arrive()
        line.finish()
    assert line.room.limit == 16
    assert len(line.waiting) >= 15


def test_while_calls_are_late_what_was_is_not_forgotten() -> None:
    room = Room(512, 16, TARGET)
    assert [room.enter() for _ in range(100)] == [True] * 100
    for _ in range(100):
        room.leave(9.0, 0.0)
    small = room.limit
    assert small < 30
    # Few are in work, and late all the same but for some: no surge is let in for these.
    for second in range(int(4 * CALM)):
        for took in (0.2, 0.2, 0.01):
            assert room.enter()
            room.leave(took, float(second))
    assert room.limit <= small + 2


def test_a_database_far_away_is_no_queue() -> None:
    room = Room(512, 16, TARGET)
    for moment in range(20):
        assert [room.enter(own) for own in range(100)] == [True] * 100
        for number in range(100):
            room.leave(1.5 * TARGET + number / 5000, float(moment))
    assert room.limit == 512
    # What is refused at once says nothing of how long an answer takes, and a queue is one there as well.
    assert [room.enter(own) for own in range(100)] == [True] * 100
    room.leave(0.0, 30.0, answered=False)
    room.leave(2 * TARGET, 30.0)
    assert room.limit == 512
    room.leave(4 * TARGET, 30.0)
    assert room.limit < 100


def test_an_idle_hour_is_forgotten_before_the_next_rush() -> None:
    room = Room(512, 16, TARGET)
    assert [room.enter() for _ in range(100)] == [True] * 100
    for _ in range(100):
        room.leave(9.0, 0.0)
    assert room.limit < 30
    # Not at once, and not while others wait.
    assert room.enter(0, CALM / 2)
    assert room.enter(0, 3600.0)
    assert room.limit < 30
    for _ in range(2):
        room.leave(9.0, 0.0)
    assert [room.enter(own, 3600.0) for own in range(100)] == [True] * 100


def test_it_is_crowded_until_a_while_after_calls_were_late() -> None:
    room = Room(512, 16, TARGET)
    assert not room.crowded(0.0)
    assert [room.enter() for _ in range(100)] == [True] * 100
    assert not room.crowded(9.0)
    for _ in range(100):
        room.leave(9.0, 9.0)
    assert room.crowded(9.0)
    assert room.crowded(8.9 + CALM)
    # Nobody has come since, and who comes next finds all the room there is.
    assert not room.crowded(9.0 + CALM)


def test_a_smaller_most_counts_alone() -> None:
    room = Room(2, 16, TARGET)
    assert [room.enter() for _ in range(3)] == [True, True, False]
    room.leave(9.0, 1.0)
    assert room.limit == 2
    assert room.enter()


@pytest.mark.parametrize(("most", "least", "target"), [(0, 1, 1.0), (1, 0, 1.0), (1, 1, 0.0)])
def test_no_room_at_all_is_refused(most: int, least: int, target: float) -> None:
    with pytest.raises(ValueError, match="room"):
        Room(most, least, target)
