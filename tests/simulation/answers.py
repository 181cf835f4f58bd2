"""How people answer what they read: at once, late, twice, or never."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from simulation.town import ADMIN

from bot.domain.actor import Actor
from bot.services.answer_offer import accept_offer, decline_offer
from bot.services.answer_transfer import accept_transfer, decline_transfer, withdraw_transfer
from bot.services.cancel import cancel
from bot.services.delivery import Delivery
from bot.services.no_show import still_needed
from bot.services.reclaim import (
    book_again,
    grant_extra_time,
    keep_new_time,
    release_for_preemptor,
)
from bot.services.release import release

if TYPE_CHECKING:
    from simulation.crowd import Crowd
    from simulation.world import World

#: Table of what a topic's buttons are about, and the column with who may press them.
TABLES = {
    "warning": "SELECT owner FROM booking b, preemption p WHERE p.preemptee = b.id AND p.id = ?",
    "moved": "SELECT owner FROM booking b, preemption p WHERE p.preemptee = b.id AND p.id = ?",
    "offer": "SELECT owner FROM offer WHERE id = ?",
    "idle": "SELECT owner FROM booking WHERE id = ?",
    "transfer": "SELECT receiver FROM transfer WHERE id = ?",
}


class Answers:
    """Presses buttons on messages that arrived."""

    def __init__(self, world: World, crowd: Crowd) -> None:
        self._world = world
        self._crowd = crowd
        #: Everything that was ever asked: topic and number.
        self._asked: list[tuple[str, int]] = []

    def read(self, delivery: Delivery) -> None:
        """Somebody reads it. Whoever was asked twice, in two places, answers twice at times."""
        number = int(delivery.subject.partition(":")[2])
        self._asked.append((delivery.topic, number))
        rng = self._world.rng
        if rng.random() < 0.55:
            self._world.after(rng.uniform(0.2, 20), self._press(delivery.topic, number))

    def press_an_old_button(self) -> str:
        """Messages stay for ever, and so do their buttons."""
        if not self._asked:
            return "press an old button: there is none"
        return self._press(*self._world.rng.choice(self._asked))()

    def _press(self, topic: str, number: int) -> Callable[[], str]:
        choice = self._world.rng.random()
        ways = {
            "warning": self._warning,
            "moved": self._moved,
            "offer": self._offer,
            "idle": self._idle,
            "transfer": self._transfer,
        }

        def press() -> str:
            self._crowd.is_one_transaction = True
            who = Actor(self._world.books.one(TABLES[topic], number))
            if choice > 0.97:
                who = Actor(ADMIN)
            return ways[topic](who, number, choice)

        return press

    def _warning(self, who: Actor, number: int, choice: float) -> str:
        site, now = self._world.site, self._world.now
        if choice < 0.35:
            self._crowd.doing = "checkpoint saved"
            booking = release_for_preemptor(site, who, number, now=now)
            return f"checkpoint saved|preemption {number} of B{booking.id}"
        if choice < 0.7:
            self._crowd.doing = "more time"
            preemption = grant_extra_time(site, who, number, now=now)
            return f"more time|preemption {number} until {preemption.reclaim_at}"
        return self._book_again(who, number)

    def _book_again(self, who: Actor, number: int) -> str:
        self._crowd.doing = "book again"
        booking = book_again(self._world.site, who, number, now=self._world.now)
        self._crowd.is_one_transaction = False
        again = book_again(self._world.site, who, number, now=self._world.now)
        assert again.id == booking.id, "booked again twice"
        return f"book again|preemption {number} as B{booking.id}"

    def _moved(self, who: Actor, number: int, choice: float) -> str:
        site, now = self._world.site, self._world.now
        if choice < 0.5:
            self._crowd.doing = "keep the new time"
            keep_new_time(site, who, number, now=now)
            return f"keep the new time|preemption {number}"
        if choice < 0.7:
            self._crowd.doing = "give the moved one up"
            preemptee = self._world.books.one(
                "SELECT preemptee FROM preemption WHERE id = ?", number
            )
            return f"give the moved one up|B{cancel(site, who, preemptee, reason='r', now=now).id}"
        return self._book_again(who, number)

    def _offer(self, who: Actor, number: int, choice: float) -> str:
        site, now = self._world.site, self._world.now
        if choice < 0.7:
            self._crowd.doing = "accept"
            booking = accept_offer(site, who, number, now=now)
            self._crowd.is_one_transaction = False
            again = accept_offer(site, who, number, now=now)
            assert again.id == booking.id, "an offer was accepted twice"
            return f"accept|offer {number} as B{booking.id}"
        self._crowd.doing = "decline"
        decline_offer(site, who, number, leave=choice > 0.9, now=now)
        return f"decline|offer {number}"

    def _idle(self, who: Actor, number: int, choice: float) -> str:
        site, now = self._world.site, self._world.now
        if choice < 0.7:
            self._crowd.doing = "still needed"
            return f"still needed|B{still_needed(site, who, number, now=now).id}"
        self._crowd.doing = "not needed"
        return f"not needed|B{release(site, who, number, reason='r', now=now).id}"

    def _transfer(self, who: Actor, number: int, choice: float) -> str:
        site, now = self._world.site, self._world.now
        if choice < 0.6:
            self._crowd.doing = "take over"
            return f"take over|B{accept_transfer(site, who, number, now=now).id}"
        if choice < 0.8:
            self._crowd.doing = "turn the transfer down"
            return f"turn the transfer down|{decline_transfer(site, who, number, now=now).id}"
        self._crowd.doing = "withdraw the transfer"
        giver = Actor(self._world.books.one("SELECT giver FROM transfer WHERE id = ?", number))
        return f"withdraw the transfer|{withdraw_transfer(site, giver, number, now=now).id}"
