"""Fifty writers want the last GPUs: nobody gets what somebody else has."""

import multiprocessing
import threading
import time
from collections import Counter
from datetime import timedelta

import pytest
from builders import ALICE, BOB, CHEN, DANA, NODES, NOW, TONIGHT, actor, cluster, request
from patience import PATIENCE_S
from sqlalchemy import text

from bot.domain.conflict import Conflict
from bot.domain.errors import BookingError
from bot.services.answer_transfer import accept_transfer
from bot.services.audit import verify
from bot.services.extend import extend
from bot.services.move import move
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.services.transfer import offer_transfer
from bot.store.database import Database
from bot.store.errors import Busy

ONE_NODE = NODES[:1]
WRITERS = 50
PEOPLE = (ALICE, BOB, CHEN, DANA)


def highest_overlap(site):
    """The most GPUs of gpu-01 claimed at one instant."""
    with site.database.snapshot() as connection:
        claims = connection.execute(
            text("SELECT start_s, end_s, gpus FROM claim WHERE gone IS NULL AND node = 'gpu-01'")
        ).all()
    return max(
        (sum(c.gpus for c in claims if c.start_s <= at.start_s < c.end_s) for at in claims),
        default=0,
    )


def at_once(tasks):
    """Run the tasks in threads that all start together; return what each returned or raised.

    Who is told that the database is busy tries again, as people do.
    """
    barrier = threading.Barrier(len(tasks))
    results = [None] * len(tasks)

    def run(index, task):
        barrier.wait()
        deadline = time.monotonic() + PATIENCE_S
        while results[index] is None:
            try:
                results[index] = task()
            except Busy as error:
                results[index] = error if time.monotonic() > deadline else None
            except BookingError as error:
                results[index] = error

    threads = [threading.Thread(target=run, args=item) for item in enumerate(tasks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_fifty_threads_and_four_gpus(open_site):
    site = open_site(cluster(nodes=ONE_NODE))
    tasks = [
        lambda i=i: reserve(site, actor(PEOPLE[i % 4]), request(1), now=NOW) for i in range(WRITERS)
    ]
    results = at_once(tasks)
    assert sum(not isinstance(result, BookingError) for result in results) == 4
    assert all(isinstance(r, Conflict) for r in results if isinstance(r, BookingError))
    assert highest_overlap(site) == 4
    assert verify(site).ok


def test_reserve_extend_move_and_transfer_at_once_never_go_over(open_site):
    site = open_site(cluster(nodes=ONE_NODE))
    hour = timedelta(hours=1)
    early = [reserve(site, actor(BOB), request(1, TONIGHT - 8 * hour), now=NOW) for _ in range(4)]
    late = [reserve(site, actor(BOB), request(1, TONIGHT + 48 * hour), now=NOW) for _ in range(4)]
    offers = [offer_transfer(site, actor(BOB), b.id, ALICE, now=NOW) for b in early]
    tasks = [
        *(lambda b=b: extend(site, actor(BOB), b.id, 8 * hour, now=NOW) for b in early),
        *(lambda b=b: move(site, actor(BOB), b.id, TONIGHT + 2 * hour, now=NOW) for b in late),
        *(lambda o=o: accept_transfer(site, actor(ALICE), o.id, now=NOW) for o in offers),
        *(lambda: reserve(site, actor(CHEN), request(1), now=NOW) for _ in range(WRITERS - 12)),
    ]
    results = at_once(tasks)
    assert not [r for r in results if isinstance(r, Busy)]
    assert highest_overlap(site) == 4
    assert verify(site).ok


def _book_in_a_process(url, first, ready, go, outcomes):
    """Ten threads of one process, each of which wants one GPU."""
    database = Database(url)
    site = Site.open(database, cluster(nodes=ONE_NODE))
    ready.release()
    go.wait()
    tasks = [
        lambda n=n: reserve(site, actor(PEOPLE[n % 4]), request(1), now=NOW, key=f"k{n}")
        for n in range(first, first + 10)
    ]
    outcomes.put([type(outcome).__name__ for outcome in at_once(tasks)])
    database.close()


@pytest.mark.parametrize("processes", [5])
def test_several_processes_on_one_database(open_site, database_url, processes):
    site = open_site(cluster(nodes=ONE_NODE))
    context = multiprocessing.get_context("spawn")
    ready, go, outcomes = context.Semaphore(0), context.Event(), context.Queue()
    workers = [
        context.Process(
            target=_book_in_a_process,
            args=(database_url, i * 10, ready, go, outcomes),
        )
        for i in range(processes)
    ]
    for worker in workers:
        worker.start()
    for _ in workers:
        assert ready.acquire(timeout=PATIENCE_S)
    go.set()
    found = Counter(name for _ in workers for name in outcomes.get(timeout=PATIENCE_S))
    for worker in workers:
        worker.join(timeout=PATIENCE_S)
        assert worker.exitcode == 0
    assert found["Booking"] == 4
    assert found["Conflict"] == WRITERS - 4
    assert highest_overlap(site) == 4
    assert verify(site).ok
