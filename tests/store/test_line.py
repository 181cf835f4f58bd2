"""Places are handed on in the order in which they were asked for."""

from __future__ import annotations

import threading
import time

from patience import PATIENCE_S

from bot.store.line import Line

#: Seconds after which a test gives up.


def wait_for(line: Line, waiting: int) -> None:
    """Until so many threads stand in line."""
    deadline = time.monotonic() + PATIENCE_S
    while len(line._waiting) < waiting:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_whoever_waits_longest_is_next_and_nobody_jumps_the_queue() -> None:
    line, served = Line(1), []
    assert line.acquire(PATIENCE_S)

    def wait(name: int) -> None:
        assert line.acquire(PATIENCE_S)
        served.append(name)
        line.release()

    threads = [threading.Thread(target=wait, args=(name,)) for name in range(5)]
    for number, thread in enumerate(threads, start=1):
        thread.start()
        wait_for(line, number)
    line.release()
    # Whoever had the place stands behind everybody who waited.
    assert line.acquire(PATIENCE_S)
    served.append("again")
    for thread in threads:
        thread.join(PATIENCE_S)
    assert served == [0, 1, 2, 3, 4, "again"]


def test_as_many_at_once_as_there_are_places() -> None:
    line = Line(2)
    assert [bool(line.acquire(0)) for _ in range(3)] == [True, True, False]
    line.release()
    assert line.acquire(0)


def test_who_gives_up_leaves_the_line() -> None:
    line = Line(1)
    assert line.acquire(0)
    assert not line.acquire(0.001)
    line.release()
    assert line.acquire(0)


def test_no_place_is_lost_when_many_give_up_just_when_it_is_their_turn() -> None:
    line, inside, most = Line(2), [], []

    def hurry() -> None:
        for _ in range(200):
            if line.acquire(0.0001):
                inside.append(1)
                most.append(len(inside))
                inside.pop()
                line.release()

    threads = [threading.Thread(target=hurry) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert max(most) <= 2
    assert (line._free, len(line._waiting)) == (2, 0)
