"""What 200 people do all year: they book, change their minds, wait, and press buttons."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from simulation.answers import Answers
from simulation.books import Promise
from simulation.operators import Operators
from simulation.town import ADMIN, LEADS, MODELS, NODES, PEOPLE

from bot.domain.actor import Actor
from bot.domain.booking import Booking, Priority, Shape
from bot.domain.conflict import Conflict
from bot.domain.fitting import fit
from bot.domain.queue_request import build_queue
from bot.domain.request import BookingRequest
from bot.domain.wait_request import WaitRequest, build_wait
from bot.domain.waitlist import WaitlistEntry
from bot.services import look_waiting
from bot.services.activity import saw_use
from bot.services.cancel import cancel
from bot.services.delivery import Delivery
from bot.services.edit_waitlist import change_entry, leave_waitlist
from bot.services.extend import extend
from bot.services.join_waitlist import FreeAlready, join_queue, join_waitlist
from bot.services.move import move
from bot.services.no_show import still_needed
from bot.services.preempt import preempt, preview_preemption
from bot.services.release import release
from bot.services.reserve import reserve, reserve_all
from bot.services.transfer import offer_transfer

if TYPE_CHECKING:
    from simulation.world import World

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
#: How many hours lie between two acts, in the middle.
HOURS_BETWEEN = 2.85


class NothingToDo(Exception):
    """There is nobody and nothing for this act now."""


class Crowd:
    """People, their wishes, and what they do next."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._answers = Answers(world, self)
        self._operators = Operators(world, self)
        self.doing = ""
        #: Whether what is done now is one transaction, which leaves all or nothing behind.
        self.is_one_transaction = True
        self._requests = 0

    @property
    def rng(self) -> random.Random:
        return self._world.rng

    def read(self, delivery: Delivery) -> None:
        """Somebody reads a message, and may answer it."""
        self._answers.read(delivery)

    def pause(self) -> timedelta:
        """Until somebody does something next; nights are quiet."""
        hours = self.rng.expovariate(1 / HOURS_BETWEEN)
        night = (self._world.now + timedelta(hours=hours)).hour not in range(6, 20)
        return timedelta(seconds=60 + round(hours * 3600) + (9000 if night else 0))

    def act(self) -> Callable[[], str]:
        """Something for somebody to do now."""
        acts = {
            self._reserve: 44,
            self.cancel: 8,
            self.give_back: 12,
            self._extend: 8,
            self._move: 8,
            self._transfer: 3,
            self.take_from_others: 10,
            self._call_off: 3,
            self._queue: 6,
            self._change_wish: 3,
            self._leave: 2,
            self._heartbeat: 3,
            self._operators.drain: 2,
            self._operators.resume: 2,
            self._operators.lose_slack: 2,
            self._operators.restart: 1,
            self._answers.press_an_old_button: 6,
        }
        chosen = self.rng.choices(list(acts), weights=list(acts.values()))[0]
        self.doing, self.is_one_transaction = chosen.__name__.strip("_"), True
        return chosen

    # -- bookings ---------------------------------------------------------------------------------

    def request(self, *, priority: Priority | None = None) -> BookingRequest:
        """What somebody may want; mostly one node, soon, for a day or so."""
        rng, world = self.rng, self._world
        gpus = rng.choice((1, 2, 3, 4, 4, 4, 4, 8, 8, 16))
        node = rng.choice(NODES).name if gpus <= 4 and rng.random() < 0.1 else None
        model = rng.choice(MODELS) if node is None and rng.random() < 0.2 else None
        start = self._some_start()
        hours = rng.choice((8, 20, 48, 72, 96, 120, 168, 168, 168))
        priority = priority or rng.choice((Priority.P2,) * 5 + (Priority.P1,))
        default = priority.preemptible_by_default
        window = fit(start, length=hours * HOUR, grid=world.cluster.grid, now=world.now).window
        return BookingRequest(
            shape=Shape(gpus, node, model, spread=gpus not in (8, 16) and rng.random() < 0.1),
            window=window,
            priority=priority,
            preemptible=default if rng.random() < 0.9 else not default,
            team=None,
            purpose=rng.choice(("", "sweep", "thesis")),
        )

    def _some_start(self) -> datetime | None:
        rng = self.rng
        if rng.random() < 0.35:
            return None
        grid, now = self._world.cluster.grid, self._world.now
        ahead = rng.choice((1, 3, 6, 12, 24, 48))
        return grid.ceil(now + rng.uniform(0.3, 1) * ahead * HOUR)

    def _reserve(self) -> str:
        rng, now = self.rng, self._world.now
        user, request = self._somebody(), self.request()
        self._requests += 1
        key = f"r{self._requests}"
        try:
            booking = reserve(self._world.site, user, request, now=now, key=key)
        except Conflict as conflict:
            self.is_one_transaction = False
            return self._after_conflict(user, request, conflict)
        if rng.random() < 0.05:
            self.is_one_transaction = False
            again = reserve(self._world.site, user, request, now=now, key=key)
            assert again.id == booking.id, "the same request was booked twice"
        self._plan_use(booking.id, booking.window.start, booking.window.end)
        return f"reserve|{_said(booking)}"

    def _plan_use(self, booking: int, start: datetime, end: datetime) -> None:
        """Most people use what they book; some for longer than they booked it."""
        world, fate = self._world, self.rng.random()
        begins, ends = (start - world.now) / MINUTE, (end - world.now) / MINUTE
        if fate < 0.8:
            world.after(max(begins, 0) + self.rng.uniform(1, 29), lambda: self._need(booking))
        elif fate < 0.95:
            world.after(max(begins, 0) + self.rng.uniform(1, 29), lambda: self._use(booking))
        if self.rng.random() < 0.35:
            world.after(ends - self.rng.uniform(1, 25), lambda: self._use(booking))

    def _need(self, booking: int) -> str:
        """Whoever says so in advance is not asked."""
        self.doing = "need"
        owner = self._world.books.one("SELECT owner FROM booking WHERE id = ?", booking)
        still_needed(self._world.site, Actor(owner), booking, now=self._world.now)
        return f"need|B{booking}"

    def _use(self, booking: int) -> str:
        self.doing = "use"
        saw_use(self._world.site, booking, now=self._world.now)
        return f"use|B{booking}"

    def _after_conflict(self, user: Actor, request: BookingRequest, conflict: Conflict) -> str:
        """Take what is offered instead, wait for it, or give up."""
        rng, world = self.rng, self._world
        fate = rng.random()
        if fate < 0.2 and conflict.alternatives:
            chosen = rng.choice(conflict.alternatives)
            requests = [
                replace(request, shape=chosen.shape, window=part.window) for part in chosen.parts
            ]
            bookings = reserve_all(world.site, user, requests, now=world.now)
            for booking in bookings:
                self._plan_use(booking.id, booking.window.start, booking.window.end)
            return f"take an alternative|{[_said(booking) for booking in bookings]}"
        if fate < 0.85:
            return self._wait(user, request)
        return f"reserve: conflict|{request.shape} {request.window.start}"

    def cancel(self) -> str:
        """Take a booking back before it begins."""
        self.doing, self.is_one_transaction = "cancel", True
        booking = self._some("reserved")
        after = cancel(
            self._world.site, self._changer(booking), booking.id, reason="r", now=self._world.now
        )
        return f"cancel|{_said(after)}"

    def give_back(self) -> str:
        """Give back some GPUs of a booking that runs, or all."""
        self.doing, self.is_one_transaction = "release", True
        booking = self._some("active")
        gpus = self.rng.choice((None, None, 1, 2))
        after = release(
            self._world.site,
            self._changer(booking),
            booking.id,
            gpus=gpus,
            reason="r",
            now=self._world.now,
        )
        return f"release|{gpus} of {_said(after)}"

    def _extend(self) -> str:
        booking = self._some("reserved", "active")
        more = self.rng.choice((1, 2, 3, 9, 24)) * HOUR
        after = extend(
            self._world.site,
            self._changer(booking),
            booking.id,
            more,
            reason="r",
            now=self._world.now,
        )
        return f"extend|{_said(after)}"

    def _move(self) -> str:
        booking = self._some("reserved")
        after = move(
            self._world.site,
            self._changer(booking),
            booking.id,
            self._some_start(),
            reason="r",
            now=self._world.now,
        )
        return f"move|{_said(after)}"

    def _transfer(self) -> str:
        booking = self._some("reserved", "active")
        receiver = self.rng.choice(LEADS if booking.priority == 0 else PEOPLE)
        transfer = offer_transfer(
            self._world.site,
            self._changer(booking),
            booking.id,
            receiver,
            reason="r",
            now=self._world.now,
        )
        return f"transfer|{transfer.id} of B{booking.id} to {receiver}"

    # -- urgent work ------------------------------------------------------------------------------

    def take_from_others(self) -> str:
        """Urgent work, that takes GPUs from others where it has to."""
        self.doing, self.is_one_transaction = "preempt", False
        world, lead = self._world, Actor(self.rng.choice(LEADS))
        request = self.request(priority=Priority.P0)
        preview = preview_preemption(world.site, lead, request, now=world.now)
        expected = {loss.booking.id for loss in preview.losses}
        taken = preempt(
            world.site, lead, request, reason="a demo", expected=expected, now=world.now
        )
        start = taken.booking.window.start
        self._plan_use(taken.booking.id, start, taken.booking.window.end)
        moved = {loss.booking.id: loss.moves_to for loss in preview.losses}
        for preemption in taken.preemptions:
            told = moved[preemption.preemptee]
            assert (told and told.window) == preemption.new_window, "it went elsewhere than shown"
        if taken.preemptions and self.rng.random() < 0.25:
            minutes = (start - world.now) / MINUTE
            world.after(self.rng.uniform(0, max(minutes, 1)), lambda: self._give_up(taken.booking))
        victims = [(p.id, p.preemptee, p.state.value) for p in taken.preemptions]
        return f"preempt{' free' if not victims else ''}|{_said(taken.booking)} over {victims}"

    def _give_up(self, booking: Booking | Promise) -> str:
        self.doing = "give up"
        after = cancel(self._world.site, Actor(booking.owner), booking.id, now=self._world.now)
        return f"give up|{_said(after)}"

    def _call_off(self) -> str:
        """Whoever took GPUs lets go of them before they begin."""
        urgent = [b for b in self._world.watch.live.values() if b.priority == 0]
        if not urgent:
            return "call off: none"
        booking = self.rng.choice(urgent)
        return self._give_up(booking)

    # -- waiting ----------------------------------------------------------------------------------

    def wish(self, request: BookingRequest) -> WaitRequest:
        """The same, at any time between two instants."""
        rng, world = self.rng, self._world
        earliest = request.window.start if request.window.start > world.now else None
        length = min(request.window.length, rng.choice((8, 24, 72)) * HOUR)
        latest = None
        if rng.random() < 0.9:
            latest = (earliest or world.now) + length * rng.choice((1, 1.5)) + 48 * HOUR
        return build_wait(
            gpus=request.shape.gpus,
            length=length,
            earliest=earliest,
            latest=latest,
            now=world.now,
            cluster=world.cluster,
            node=request.shape.node,
            model=request.shape.model,
            spread=request.shape.spread,
            priority=request.priority,
            preemptible=request.preemptible,
        )

    def _wait(self, user: Actor, request: BookingRequest) -> str:
        try:
            entry = join_waitlist(self._world.site, user, self.wish(request), now=self._world.now)
        except FreeAlready as free:
            return f"wait: free already|{free.placement}"
        return f"wait|W{entry.id} of {entry.owner}"

    def _queue(self) -> str:
        rng, world = self.rng, self._world
        request = build_queue(
            gpus=rng.choice((1, 1, 2, 4)),
            length=rng.choice((10, 30, 45, 90)) * MINUTE,
            cluster=world.cluster,
            command=rng.choice(("", "python eval.py")),
        )
        queued = join_queue(world.site, self._somebody(), request, now=world.now)
        began = "" if queued.booking is None else f" began as B{queued.booking.id}"
        return f"queue{' at once' if began else ''}|W{queued.entry.id}{began}"

    def _some_entry(self) -> WaitlistEntry | None:
        entries = look_waiting.waitlist(self._world.site)
        return self.rng.choice(entries) if entries else None

    def _change_wish(self) -> str:
        self.is_one_transaction = False
        entry = self._some_entry()
        if entry is None or entry.is_queued:
            return "change a wish: none"
        changed = self.wish(self.request())
        after = change_entry(
            self._world.site, Actor(entry.owner), entry.id, changed, now=self._world.now
        )
        return f"change a wish|W{after.id}"

    def _leave(self) -> str:
        self.is_one_transaction = False
        entry = self._some_entry()
        if entry is None:
            return "leave: nobody waits"
        leave_waitlist(self._world.site, Actor(entry.owner), entry.id, now=self._world.now)
        return f"leave|W{entry.id}"

    def _heartbeat(self) -> str:
        booking = self._some("active")
        return self._use(booking.id)

    # -- who and what -----------------------------------------------------------------------------

    def _somebody(self) -> Actor:
        return Actor(self.rng.choice(PEOPLE))

    def _some(self, *states: str) -> Promise:
        """A live booking, if there is any; somebody may mistype its number."""
        found = [b for b in self._world.watch.live.values() if b.state in states]
        found = found or list(self._world.watch.live.values())
        if not found:
            raise NothingToDo
        return self.rng.choice(found)

    def _changer(self, booking: Promise) -> Actor:
        fate = self.rng.random()
        if fate < 0.85:
            return Actor(booking.owner)
        return Actor(ADMIN) if fate < 0.95 else self._somebody()


def _said(booking: Booking) -> str:
    window = booking.window
    return (
        f"B{booking.id} {booking.owner} {[(s.node, s.gpus) for s in booking.shares]}"
        f" {window.start:%m-%d %H:%M} to {window.end:%m-%d %H:%M} {booking.state.value}"
    )
