"""Several processes on one PostgreSQL: everything that takes GPUs, at once, and the outbox."""

from __future__ import annotations

import logging
import multiprocessing
import random
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from builders import ALICE, BOB, CHEN, DANA, NODES, NOW, actor, cluster, request
from promises import check_cache, check_promises
from test_consistency import act
from wanting import short, wish

from bot.domain.booking import Priority
from bot.domain.errors import BookingError
from bot.services import delivery
from bot.services.answer_offer import accept_offer, decline_offer
from bot.services.audit import verify
from bot.services.delivery import Outcome
from bot.services.join_waitlist import join_queue, join_waitlist
from bot.services.keep_time import keep_time
from bot.services.preempt import preempt
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.store.database import Database
from bot.store.errors import Busy

pytestmark = pytest.mark.postgresql

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
PEOPLE = (ALICE, BOB, CHEN, DANA)
PROCESSES, THREADS, STEPS = 3, 2, 30


@dataclass
class Seen:
    """What came of one process."""

    done: Counter[str] = field(default_factory=Counter)
    sent: list[int] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


def _wait(site: Site, rng: random.Random, now: datetime) -> None:
    latest = now + timedelta(hours=rng.choice((12, 30)))
    join_waitlist(
        site, actor(rng.choice(PEOPLE)), wish(rng.choice((1, 4)), 2, latest=latest), now=now
    )


def _queue(site: Site, rng: random.Random, now: datetime) -> None:
    join_queue(site, actor(rng.choice(PEOPLE)), short(rng.choice((1, 2))), now=now)


def _answer(site: Site, rng: random.Random, now: datetime) -> None:
    with site.database.snapshot() as connection:
        found = connection.exec_driver_sql("SELECT id, owner FROM offer WHERE state = 'open'").all()
    for offer_id, owner in found:
        rng.choice((accept_offer, accept_offer, decline_offer))(
            site, actor(owner), offer_id, now=now
        )


def _preempt(site: Site, rng: random.Random, now: datetime) -> None:
    start = site.cluster.grid.ceil(now) + timedelta(hours=2 * rng.randrange(6))
    urgent = request(rng.choice((1, 4)), start, 2, priority=Priority.P0)
    preempt(site, actor(ALICE), urgent, reason="demo", expected=range(1000), now=now, key=None)


OTHERS: tuple[Callable[[Site, random.Random, datetime], None], ...] = (
    _wait, _queue, _answer, _answer, _preempt,
)  # fmt: skip


def _deliver(site: Site, seen: Seen, now: datetime) -> None:
    """Send what is due, as the deliverers of several processes do at the same time."""
    for recipient in delivery.heads(site, now=now):
        while row := delivery.claim(
            site, recipient, now=now, wall=datetime.now(UTC), lease=timedelta(minutes=10)
        ):
            seen.sent.extend(row.ids)
            delivery.settle(site, row, Outcome.SENT, now=now)


def _live(site: Site, seed: int, clock: Any, seen: Seen) -> None:
    rng = random.Random(seed)
    for _ in range(STEPS):
        with clock.get_lock():
            clock.value += rng.choice((0, 1, 4))
            now = NOW + clock.value * MINUTE
        try:
            with suppress(BookingError):
                if rng.random() < 0.6:
                    seen.done[str(act(site, rng, now))] += 1
                else:
                    other = rng.choice(OTHERS)
                    other(site, rng, now)
                    seen.done[other.__name__] += 1
            with suppress(Busy):
                keep_time(site, now=now)
                _deliver(site, seen, now)
        except Exception:  # noqa: BLE001 - the test that started this process reports it
            seen.troubles.append(traceback.format_exc())


class _Refusals(logging.Handler):
    """Notes when the tables had to refuse what gpubot's own checks let through."""

    def __init__(self, seen: Seen) -> None:
        super().__init__(logging.ERROR)
        self._seen = seen

    def emit(self, record: logging.LogRecord) -> None:
        self._seen.troubles.append(record.getMessage())


def _process(url: str, seed: int, clock: Any, ready: Any, go: Any, outcomes: Any) -> None:
    with closing(Database(url)) as database:
        site, seen = Site.open(database, cluster()), Seen()
        logging.getLogger("bot.store.database").addHandler(_Refusals(seen))
        ready.release()
        go.wait()
        threads = [
            threading.Thread(target=_live, args=(site, seed + n, clock, seen))
            for n in range(THREADS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        outcomes.put(seen)


@pytest.mark.parametrize("database_url", ["PostgreSQL"], indirect=True)
def test_whatever_several_processes_do_at_once_promises_hold(open_site, database_url):
    site = open_site(cluster())
    # One is full at first, so that somebody waits in whatever order the processes run.
    first = site.cluster.grid.ceil(NOW)
    for day in range(2):
        whole = request(NODES[0].gpus, first + day * 24 * HOUR, 24, node=NODES[0].name)
        reserve(site, actor(DANA), whole, now=NOW)
    context = multiprocessing.get_context("spawn")
    clock = context.Value("i", 0)
    ready, go, outcomes = context.Semaphore(0), context.Event(), context.Queue()
    workers = [
        context.Process(target=_process, args=(database_url, 100 * n, clock, ready, go, outcomes))
        for n in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    for _ in workers:
        assert ready.acquire(timeout=60)
    go.set()
    found = [outcomes.get(timeout=100) for _ in workers]
    for worker in workers:
        worker.join(timeout=60)
    now = NOW + clock.value * MINUTE
    assert [trouble for seen in found for trouble in seen.troubles] == []
    done = sum((seen.done for seen in found), Counter())
    assert {"reserve", "extend", "_wait", "_answer"} <= set(done)
    assert verify(site).ok
    check_promises(site)
    check_cache(site, now)
    sent = Counter(row for seen in found for row in seen.sent)
    assert [row for row, times in sent.items() if times > 1] == []
    assert sent
