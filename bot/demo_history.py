"""Four weeks of a lab's life before the demo begins, so that its reports have something to tell.

Everything happens through the bot's own services, each at its time in the past: bookings are made,
cancelled, given back, extended and refused as busy people do it, always the same way.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import count

from sqlalchemy import update
from sqlmodel import col

from bot.domain.actor import Actor
from bot.domain.booking import Booking, Priority, Shape
from bot.domain.conflict import Conflict
from bot.domain.errors import BookingError
from bot.domain.request import BookingRequest
from bot.domain.wait_request import WaitRequest
from bot.domain.window import Grid, Window, asked_length, on_wall_clock
from bot.services.answer_offer import accept_offer
from bot.services.cancel import cancel
from bot.services.edit_waitlist import expire_entries
from bot.services.extend import extend
from bot.services.join_waitlist import join_waitlist
from bot.services.look_waiting import open_offer_of
from bot.services.no_show import ask_idle, release_unused, still_needed
from bot.services.preempt import preempt, preview_preemption
from bot.services.release import release
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.services.turn_over import turn_over
from bot.store import models

DAYS = 28
HOUR = timedelta(hours=1)
#: Nothing of the past reaches into the samples of the present.
QUIET_BEFORE_NOW = timedelta(hours=30)
#: The demo's past is the same at each start, but for the day of the week.
SEED = 20
#: How much is booked on each day of the week, of what is usual, and how many hours ahead.
USUAL = (1.0, 1.6, 1.1, 1.0, 0.9, 0.25, 0.2)
AHEAD_H = (0, 0, 1, 2, 6, 12, 24)


@dataclass(frozen=True, slots=True)
class Habits:
    """How somebody books."""

    user: str
    model: str
    #: Bookings a working day, on the average.
    often: float
    #: GPUs and hours to choose from.
    gpus: tuple[int, ...]
    hours: tuple[int, ...]
    #: How many of their bookings they cancel, give back early, extend, and do not use.
    cancels: float = 0.05
    early: float = 0.1
    extends: float = 0.05
    forgets: float = 0.02


CROWD = (
    Habits("U0ALICE", "A100", 0.9, (4, 4, 8), (12, 20, 30), cancels=0.32, early=0.4),
    Habits("U0BOB", "V100", 0.7, (4, 4, 8), (12, 20, 30), cancels=0.30, early=0.45),
    Habits("U0CHEN", "A100", 0.9, (4, 8, 8), (20, 24, 40), extends=0.35),
    Habits("U0EMMA", "A100", 0.6, (2, 4, 4), (12, 20), early=0.2),
    Habits("U0DANA", "V100", 0.5, (4, 8), (12, 24), forgets=0.25),
    Habits("U0FARID", "V100", 0.5, (2, 4), (8, 16), forgets=0.20, early=0.3),
)
#: How many of those who are refused take what is offered, and how many of the others wait for it.
TAKES_ANOTHER, WAITS = 0.4, 0.7
#: How much later than it was asked for work is still of use.
LATE_AT_MOST = 8 * HOUR
#: How long after its start a booking is first seen in use.
SETTLES_IN = timedelta(minutes=5)
#: On which days somebody takes GPUs for urgent work.
URGENT_DAYS = (9, 20)

Deed = Callable[[datetime], None]


class History:
    """The past, as a line of deeds in the order of their time."""

    def __init__(self, site: Site, now: datetime) -> None:
        self._site, self._end = site, now - QUIET_BEFORE_NOW
        self._start = now - timedelta(days=DAYS)
        self._chance = random.Random(SEED)  # noqa: S311 - a lab to look at, not a secret
        self._line: list[tuple[datetime, int, Deed]] = []
        self._number = count()
        self._waiting: list[tuple[Habits, int]] = []
        self._turns: set[datetime] = set()

    def live(self) -> None:
        """Let it all happen."""
        for at, habits in self._plans():
            self._plan(at, partial(self._book, habits))
        while self._line:
            now, _, deed = heappop(self._line)
            with suppress(BookingError):
                deed(now)
        self._hear(self._end)

    def _plan(self, at: datetime, deed: Deed) -> None:
        if at < self._end:
            heappush(self._line, (at.replace(second=0, microsecond=0), next(self._number), deed))

    def _plans(self) -> Iterator[tuple[datetime, Habits]]:
        """When each of them sits down to book: in working hours, little on weekends."""
        for day in range(DAYS):
            date = (self._start + timedelta(days=day)).astimezone(self._site.cluster.zone).date()
            for habits in CROWD:
                for _ in range(int(habits.often * USUAL[date.weekday()] + self._chance.random())):
                    yield self._in_working_hours(date), habits
            if day in URGENT_DAYS:
                self._plan(self._in_working_hours(date), self._take)

    def _in_working_hours(self, day: date) -> datetime:
        minutes = self._chance.randrange(9 * 60, 18 * 60)
        at = time(minutes // 60, minutes % 60)
        return on_wall_clock(day, self._site.cluster.zone, at)

    # -- what people do -----------------------------------------------------------------------

    def _book(self, habits: Habits, now: datetime) -> None:
        chance, grid = self._chance, self._site.cluster.grid
        ahead = chance.choice(AHEAD_H) * HOUR
        start = grid.ceil(now + ahead) if ahead else now
        window = Window(start, grid.round_end(start + chance.choice(habits.hours) * HOUR))
        wanted = request(Shape(chance.choice(habits.gpus), None, habits.model), window)
        if window.end >= self._end:
            return
        try:
            booking = reserve(self._site, Actor(habits.user), wanted, now=now)
        except Conflict as conflict:
            self._do_without(habits, wanted, conflict, now)
        else:
            self._go_on(habits, booking)

    def _do_without(
        self, habits: Habits, wanted: BookingRequest, conflict: Conflict, now: datetime
    ) -> None:
        """Who is refused takes what is offered, or waits, or goes away."""
        actor, offered = Actor(habits.user), conflict.alternatives
        if offered and self._chance.random() < TAKES_ANOTHER:
            instead = replace(wanted, window=offered[0].parts[0].window, shape=offered[0].shape)
            if instead.window.end < self._end:
                self._go_on(habits, reserve(self._site, actor, instead, now=now))
        elif self._chance.random() < WAITS:
            wish = as_wish(wanted, self._site.cluster.grid)
            self._waiting.append((habits, join_waitlist(self._site, actor, wish, now=now).id))

    def _go_on(self, habits: Habits, booking: Booking) -> None:
        """What becomes of a booking: its cancellation, or its beginning, its use and its end."""
        chance, actor = self._chance, Actor(habits.user)
        start, end = booking.window.start, booking.window.end
        lead = start - booking.created_at
        if lead >= HOUR and chance.random() < habits.cancels:
            before = min(lead * 0.8, chance.choice((0.5, 1, 2, 4)) * HOUR)
            self._plan(start - before, partial(self._give_up, cancel, actor, booking.id))
            return
        self._turn_over_at(start, end)
        if chance.random() < habits.forgets:
            for minutes in (30, 61):
                self._plan(start + timedelta(minutes=minutes), self._look_for_the_idle)
            return
        self._plan(start + SETTLES_IN, partial(self._use, actor, booking.id))
        if chance.random() < habits.early:
            until = start + booking.window.length * chance.uniform(0.45, 0.85)
            self._plan(until, partial(self._give_up, release, actor, booking.id))
        elif chance.random() < habits.extends:
            self._plan(end - HOUR, partial(self._extend, actor, booking.id))

    def _give_up(
        self, how: Callable[..., Booking], actor: Actor, booking: int, now: datetime
    ) -> None:
        how(self._site, actor, booking, now=now)
        self._accept_offers(now)

    def _extend(self, actor: Actor, booking: int, now: datetime) -> None:
        after = extend(self._site, actor, booking, self._site.cluster.policy.slot, now=now)
        self._turn_over_at(after.window.end)

    def _use(self, actor: Actor, booking: int, now: datetime) -> None:
        still_needed(self._site, actor, booking, now=now)

    def _take(self, now: datetime) -> None:
        """Somebody takes GPUs for urgent work, whoever has to go."""
        (user,) = sorted(self._site.cluster.urgent)[:1]
        end = self._site.cluster.grid.round_end(now + 6 * HOUR)
        wanted = request(Shape(12, None, "A100"), Window(now, end))
        preview = preview_preemption(self._site, Actor(user), wanted, now=now)
        expected = [loss.booking.id for loss in preview.losses]
        reason = "a demonstration for visitors"
        taken = preempt(self._site, Actor(user), wanted, reason=reason, expected=expected, now=now)
        self._hear(now)
        window = taken.booking.window
        self._turn_over_at(window.start, window.end)
        used = partial(self._use, Actor(user), taken.booking.id)
        self._plan(window.start + SETTLES_IN, used)

    # -- what time does -----------------------------------------------------------------------

    def _turn_over_at(self, *moments: datetime) -> None:
        """Once at each moment is enough for all that begins and ends then."""
        for moment in moments:
            if moment not in self._turns:
                self._turns.add(moment)
                self._plan(moment, self._turn_over)

    def _turn_over(self, now: datetime) -> None:
        turn_over(self._site, now=now)
        self._accept_offers(now)

    def _look_for_the_idle(self, now: datetime) -> None:
        release_unused(self._site, now=now)
        ask_idle(self._site, now=now)
        self._hear(now)
        self._accept_offers(now)

    def _accept_offers(self, now: datetime) -> None:
        if self._waiting:
            expire_entries(self._site, now=now)
        for waiting in list(self._waiting):
            habits, entry = waiting
            offer = open_offer_of(self._site, entry)
            if offer is not None:
                self._waiting.remove(waiting)
                booking = accept_offer(self._site, Actor(habits.user), offer.id, now=now)
                self._go_on(habits, booking)

    def _hear(self, now: datetime) -> None:
        """Everybody has read everything: nothing of the past is posted when the demo begins."""
        box = models.Outbox
        with self._site.database.transaction() as connection:
            connection.execute(
                update(box).where(col(box.state) == "pending").values(state="sent", settled_at=now)
            )


def request(shape: Shape, window: Window) -> BookingRequest:
    """A request of the usual kind."""
    return BookingRequest(shape, window, Priority.P2, preemptible=True, team=None, purpose="")


def as_wish(wanted: BookingRequest, grid: Grid) -> WaitRequest:
    """A wish for what was refused, or the same a little later."""
    return WaitRequest(
        shape=wanted.shape,
        length=asked_length(wanted.window, grid),
        earliest=wanted.window.start,
        latest=wanted.window.end + LATE_AT_MOST,
        priority=wanted.priority,
        preemptible=wanted.preemptible,
        team=None,
        purpose="",
    )
