"""Slack's end of the outbox: takes messages, is away for hours, and has people answer later."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from simulation.books import instant

from bot.services import delivery as box
from bot.services.delivery import Delivery, Outcome, Place
from bot.slack import announcements

if TYPE_CHECKING:
    from simulation.world import World

#: Topics that people answer.
ANSWERED = ("warning", "moved", "offer", "idle", "transfer")
PENDING = "SELECT 1 FROM outbox WHERE state = 'pending' AND recipient = ? LIMIT 1"
LEASE = timedelta(minutes=1)

Reader = Callable[[Delivery], None]


class Post:
    """Delivers what is due through the services that the real deliverer uses."""

    def __init__(self, world: World, read: Reader) -> None:
        self._world = world
        self._read = read
        #: Slack is away until then.
        self.away_until: datetime | None = None
        self.sent: set[int] = set()
        #: Rows whose message may have gone out although nobody could note it.
        self.unsure: set[int] = set()
        self.count = 0

    @property
    def is_away(self) -> bool:
        return self.away_until is not None and self._world.now < self.away_until

    def deliver(self, *, everything: bool = False) -> None:
        """Send what can be sent now. Cards hurry nobody: they go with what does, or at night."""
        if self.is_away:
            return
        marks = ",".join("?" * len(ANSWERED))
        sql = "SELECT DISTINCT recipient FROM outbox WHERE state = 'pending'"
        books = self._world.books
        rows = (
            books.rows(sql)
            if everything
            else books.rows(f"{sql} AND topic IN ({marks})", *ANSWERED)
        )
        for row in rows:
            while books.rows(PENDING, row["recipient"]) and self._deliver_to(row["recipient"]):
                pass

    def _deliver_to(self, recipient: str) -> bool:
        """Take the next message; False when there is none, or it has to wait."""
        world, rng = self._world, self._world.rng
        site, now = world.site, world.now
        delivery = box.claim(site, recipient, now=now, wall=now, lease=LEASE)
        if delivery is None:
            return False
        fate = rng.random()
        if fate < 0.01:
            box.postpone(site, delivery, until=now + LEASE, error="ratelimited")
            return False
        if fate < 0.013:
            # The process dies between Slack's answer and the note of it.
            self._arrive(delivery)
            self.unsure |= set(delivery.ids)
            return False
        self._settle(delivery, refused=fate > 0.998)
        return True

    def _settle(self, delivery: Delivery, *, refused: bool) -> None:
        world = self._world
        again = self.sent & set(delivery.ids)
        assert not again, f"{delivery.topic} about {delivery.subject} was sent twice"
        site, now = world.site, world.now
        if refused:
            box.settle(site, delivery, Outcome.FAILED, now=now, error="channel_not_found")
        elif self._render(delivery) is None:
            box.settle(site, delivery, Outcome.SKIPPED, now=now)
        else:
            self._arrive(delivery)
            place = Place(delivery.recipient, str(self.count), "digest")
            living = delivery.topic in box.LIVING_TOPICS
            box.settle(site, delivery, Outcome.SENT, now=now, place=place if living else None)
        self.sent |= set(delivery.ids)
        self.unsure -= set(delivery.ids)

    def _render(self, delivery: Delivery) -> object:
        """As the bot does it; of the many cards and reminders only some."""
        if delivery.topic not in ANSWERED and self._world.rng.random() > 0.1:
            return delivery
        return announcements.render(delivery.topic, delivery, self._world.site, self._world.now)

    def _arrive(self, delivery: Delivery) -> None:
        self.count += 1
        if delivery.topic in ("warning", "moved"):
            self._note_promise(delivery)
        if delivery.topic in ANSWERED:
            self._read(delivery)

    def _note_promise(self, delivery: Delivery) -> None:
        preemption = int(delivery.subject.partition(":")[2])
        row = self._world.books.rows("SELECT * FROM preemption WHERE id = ?", preemption)[0]
        if row["state"] == "warned":
            self._world.watch.promised[preemption] = instant(row["reclaim_at"])
