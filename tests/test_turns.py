"""Of the threads that answer people so many work as there are turns, and one that waits none."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import pytest
from patience import PATIENCE_S
from slack_bolt.response import BoltResponse

from bot import turns
from bot.turns import Turn, Turns
from bot.web.answering import THREADS, Answering


class Steady:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


class Threads:
    """Threads that take turns, one after the other, and do then what they are told."""

    def __init__(self, at_once: int) -> None:
        self.clock = Steady()
        self.turns = Turns(at_once, self.clock)
        #: Who got a turn, in order.
        self.got: SimpleQueue[Worker] = SimpleQueue()

    def next(self) -> Worker:
        """Whoever gets a turn next."""
        return self.got.get(timeout=PATIENCE_S)

    def nobody_else(self) -> bool:
        """Whether nobody has got a turn that was not seen here."""
        return self.got.empty()


class Worker:
    """One of them."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads
        self._told: SimpleQueue[Callable[[Turn], object] | None] = SimpleQueue()
        self._done: SimpleQueue[None] = SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    def does(self, what: Callable[[Turn], object]) -> None:
        """Have it do something, and wait until it has."""
        self._told.put(what)
        self._done.get(timeout=PATIENCE_S)

    def ends(self) -> None:
        """Have it end its request, and ask for a turn again."""
        self._told.put(None)

    def _run(self) -> None:
        turn = self._threads.turns.of_this_thread()
        while True:
            turn.take()
            turn.begin()
            self._threads.got.put(self)
            while (what := self._told.get()) is not None:
                what(turn)
                self._done.put(None)
            turn.end()


def test_only_so_many_begin_as_there_are_turns() -> None:
    threads = Threads(2)
    for _ in range(4):
        Worker(threads)
    first, second = threads.next(), threads.next()
    assert threads.nobody_else()
    first.ends()
    assert threads.next() is first, "it kept its turn"
    assert second is not first


def test_who_passes_a_turn_on_goes_on_and_waits_for_the_next_one() -> None:
    threads = Threads(1)
    first, other = Worker(threads), Worker(threads)
    one = threads.next()
    one.does(lambda _turn: turns.pass_on())
    two = threads.next()
    assert {one, two} == {first, other}
    one.does(lambda _turn: turns.pass_on())
    one.ends()
    assert threads.nobody_else()
    two.does(lambda turn: turn.pass_on())
    assert threads.next() is one


def test_the_turns_of_those_who_take_long_are_passed_on() -> None:
    threads = Threads(1)
    workers = {Worker(threads), Worker(threads)}
    one = threads.next()
    threads.clock.at = 1.0
    threads.turns.pass_on_older(1.0)
    assert threads.nobody_else()
    threads.clock.at = 1.5
    threads.turns.pass_on_older(1.0)
    assert {one, threads.next()} == workers
    threads.turns.pass_on_older(1.0)
    assert threads.nobody_else()


def test_a_thread_without_a_turn_passes_none_on() -> None:
    turns.pass_on()


@pytest.fixture
def ask() -> Iterator[Callable[[Answering, str], BoltResponse]]:
    """Asks from a thread of its own, in a loop that others share."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield lambda answering, body: asyncio.run_coroutine_threadsafe(
        answering.answer(body, "", {}), loop
    ).result(PATIENCE_S)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


class Slack:
    """Answers with what it was asked; what is to hang waits until it may go on."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()
        self.hanging = threading.Semaphore(0)
        self.waited_s: dict[str, float] = {}

    def __call__(
        self, body: str, _query: str, _headers: Mapping[str, str], waited_s: float
    ) -> BoltResponse:
        self.waited_s[body] = waited_s
        if body.startswith("hang"):
            self.hanging.release()
            assert self.may_go_on.wait(PATIENCE_S)
        return BoltResponse(status=200, body=body)


Ask = Callable[[Answering, str], BoltResponse]


def test_what_hangs_does_not_hold_up_the_others(ask: Ask) -> None:
    slack = Slack()
    answering = Answering(slack, at_once=1)
    with ThreadPoolExecutor(THREADS) as people:
        hanging = [people.submit(ask, answering, f"hang {n}") for n in range(THREADS - 1)]
        for n in range(20):
            assert ask(answering, f"mine {n}").body == f"mine {n}"
        slack.may_go_on.set()
        assert [one.result().body for one in hanging] == [f"hang {n}" for n in range(THREADS - 1)]
    assert ask(answering, "mine").body == "mine"


def test_it_is_known_how_long_a_request_has_waited(ask: Ask) -> None:
    slack = Slack()
    answering = Answering(slack, at_once=1)
    with ThreadPoolExecutor(THREADS + 1) as people:
        for n in range(THREADS):
            people.submit(ask, answering, f"hang {n}")
        for _ in range(THREADS):
            assert slack.hanging.acquire(timeout=PATIENCE_S)
        late = people.submit(ask, answering, "late")
        while answering._asked.empty():
            time.sleep(0.001)
        waits_since = time.monotonic()
        while time.monotonic() - waits_since < 0.05:
            time.sleep(0.01)
        slack.may_go_on.set()
        assert late.result().body == "late"
    assert slack.waited_s["late"] >= 0.05
