"""A year at the cluster: what is due, what people do, and what goes wrong, from event to event."""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter, deque
from collections.abc import Callable
from datetime import datetime, timedelta

from simulation.ahead import KNOWN, Due, ahead
from simulation.books import Books
from simulation.crowd import Crowd, NothingToDo
from simulation.fairness import Fairness
from simulation.post import Post
from simulation.town import END, RULES, START, town
from simulation.trouble import Fuse, Killed
from simulation.watch import Watch
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from bot.domain.errors import BookingError
from bot.domain.window import Window
from bot.services.keep_time import STEPS, keep_time
from bot.services.nodes import sync_nodes
from bot.services.recover import note_alive, recover
from bot.services.site import Site
from bot.store.calendars import CalendarCache
from bot.store.database import Database

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
#: One act in so many meets a broken database, or a process that dies.
TROUBLE = 40


class World:
    """Everything that the year consists of."""

    def __init__(self, url: str, seed: int, *, until: datetime = END) -> None:
        self.rng = random.Random(seed)
        self.now, self.until = START, until
        self.cluster = town(**RULES[seed % len(RULES)])
        self._url = url
        self.books = Books(url)
        self.watch = Watch(self.books, self.cluster)
        self.crowd = Crowd(self)
        self.post = Post(self, self.crowd.read)
        self.story: deque[str] = deque(maxlen=20)
        self.counts: Counter[str] = Counter()
        self._later: list[tuple[datetime, int, Callable[[], str]]] = []
        self._order = itertools.count()
        self._ticked = START
        self._failure: AssertionError | None = None
        self.open()

    # -- the process ------------------------------------------------------------------------------

    def open(self) -> None:
        """Start a process over the books, as the bot does."""
        database = Database(self._url)
        if database.is_of_one_process:
            event.listen(database.engine, "connect", _do_not_sync)
        self.fuse = Fuse(database)
        self.site = Site.open(database, self.cluster)
        self._fairness = Fairness(self.site)
        sync_nodes(self.site, now=self.now)
        recover(self.site, now=self.now)
        database.on_commit(self._look)

    def close(self) -> None:
        """The process ends, cleanly or not: it has nothing that it could lose."""
        self.site.database.close()

    def stay_away(self, pause: timedelta) -> None:
        """The process dies, and comes back after `pause`."""
        note_alive(self.site, now=self.now)
        self.close()
        self.now += pause
        self.open()
        self._tick(everything=True)

    # -- time -------------------------------------------------------------------------------------

    def run(self) -> None:
        """Live through the year."""
        next_act = self.now + self.crowd.pause()
        while True:
            due = min((due.at for due in self._ahead()), default=self.until)
            later = self._later[0][0] if self._later else self.until
            at = min(due, later, next_act)
            if at >= self.until:
                return
            self.now = max(self.now, at)
            if at == next_act:
                self._act(self.crowd.act())
                next_act = self.now + self.crowd.pause()
            elif at == later:
                self._act(heapq.heappop(self._later)[2])
            else:
                self.now += timedelta(seconds=self.rng.choice((0, 0, 1, 4, 14)))
                self._tick(everything=self.rng.random() < 0.05)
            self.post.deliver(everything=self.rng.random() < 0.012)
            self.raise_failure()

    def after(self, minutes: float, act: Callable[[], str]) -> None:
        """Have somebody do that in so many minutes."""
        at = self.now + timedelta(seconds=round(minutes * 60))
        heapq.heappush(self._later, (at, next(self._order), act))

    def _due(self) -> list[Due]:
        return ahead(self.books, self.now, self.cluster.policy)

    def _ahead(self) -> list[Due]:
        """What is due, or is looked at again: what ticks left undone waits for the next ones."""
        again = self._ticked + 10 * MINUTE
        found = self._due()
        return [due if due.at > self._ticked else due._replace(at=again) for due in found]

    def _tick(self, *, everything: bool) -> None:
        """What is due now, as the scheduler does it; most times only the steps that have work."""
        found = self._due()
        due = {due.step for due in found if due.at <= self.now}
        if self.rng.randrange(TROUBLE) == 0:
            self._light(80)
        try:
            if everything:
                self.story.append(f"{self.now:%m-%d %H:%M:%S} everything that is due: {due}")
                keep_time(self.site, now=self.now)
            else:
                self.story.append(f"{self.now:%m-%d %H:%M:%S} due: {due}")
                for step in STEPS:
                    name = step.run.__name__
                    if name in due or name not in KNOWN:
                        step.run(self.site, now=self.now)
        except (Killed, OperationalError) as error:
            self._break_down(error)
            return
        finally:
            self.fuse.put_out()
        self.raise_failure()
        if everything or "serve_queue" in due:
            self._fairness.look_at_gaps(self.now)
        self._check_done(found)
        self._ticked = self.now

    def _check_done(self, found: list[Due]) -> None:
        """What was due at the tick before this one is done; only questions may have to wait."""
        for due in set(found).intersection(self._due()):
            late = due.at <= self._ticked and due.step != "ask_idle"
            if late and due.step == "release_unused":
                row = self.books.rows("SELECT asked_at FROM booking WHERE id = ?", due.about)[0]
                asked = self.books.settled("idle", f"idle:{due.about}", since=row["asked_at"])
                late = asked is not None and asked + 31 * MINUTE < self.now
            assert not late, f"{due.step} of {due.about} has been due since {due.at}"

    # -- acts -------------------------------------------------------------------------------------

    def _act(self, act: Callable[[], str]) -> None:
        """Have somebody do something; what is refused in words changes nothing."""
        before = None
        if self.rng.randrange(TROUBLE) == 0:
            before = self.books.footprint()
            self._light(60)
        outcome = ""
        try:
            outcome = act()
        except BookingError as error:
            outcome = f"{self.crowd.doing}: {error.code}"
        except NothingToDo:
            outcome = f"{self.crowd.doing}: nothing to do"
        except (Killed, OperationalError) as error:
            assert self.fuse.has_blown
            if self.crowd.is_one_transaction:
                assert self.books.footprint() == before, f"{self.crowd.doing} left half of it"
            self._break_down(error)
            outcome = f"{self.crowd.doing}: died"
        finally:
            self.fuse.put_out()
            self.story.append(f"{self.now:%m-%d %H:%M:%S} {outcome or self.crowd.doing}")
        self.counts[outcome.partition("|")[0]] += 1
        self.raise_failure()
        if self.counts.total() % 100 == 0:
            self._check_cache()

    def _light(self, most: int) -> None:
        """Have a transaction die soon; a third of them do so when all but the commit is done."""
        statements = None if self.rng.random() < 0.3 else self.rng.randint(1, most)
        self.fuse.light(statements, kill=self.rng.random() < 0.5)

    def _break_down(self, error: BaseException) -> None:
        self.fuse.put_out()
        self.counts["trouble"] += 1
        if isinstance(error, Killed):
            self.stay_away(timedelta(seconds=self.rng.choice((1, 20, 200, 4000, 40000))))

    # -- watching ---------------------------------------------------------------------------------

    def _look(self) -> None:
        """After each commit. The bot logs what a listener raises, so it is kept for later."""
        if self._failure is not None:
            return
        try:
            records = self.watch.look(self.now)
            if records and self.watch.has_grown:
                self._fairness.look(records, self.now)
        except AssertionError as failure:
            self._failure = failure

    def _check_cache(self) -> None:
        """The calendar that was kept up to date by each transaction equals one loaded afresh."""
        with self.site.database.snapshot() as connection:
            kept = self.site.calendars.fresh(connection, self.now).calendar
            fresh = CalendarCache(self.cluster).fresh(connection, self.now).calendar
        for hours in range(0, 200, 7):
            start = self.now + hours * HOUR
            window = Window(start, start + HOUR)
            for node in self.cluster.nodes:
                free = kept.free(node.name, window), fresh.free(node.name, window)
                assert free[0] == free[1], f"{node.name} at {start}: {free[0]} free, not {free[1]}"

    def raise_failure(self) -> None:
        """Raise what was seen to be wrong."""
        if self._failure is not None:
            raise self._failure


def _do_not_sync(connection: object, _record: object) -> None:
    """This test ends processes, not machines: what the system was given to write is safe."""
    connection.execute("PRAGMA synchronous=OFF").close()
