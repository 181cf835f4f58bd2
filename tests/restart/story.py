"""A day at a small cluster, as a script: who does what at which minute.

People act on what is there: whoever finds that their offer is gone is refused, and the story
goes on. Each act may happen twice, because whoever got no answer tries again; its key, or what it
is about, tells that it is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from builders import ADMIN, ALICE, BOB, CHEN, DANA, NOW, actor, cluster, request

from bot.domain.booking import Priority
from bot.domain.fitting import fit
from bot.domain.preemption_notice import Preemption
from bot.domain.queue_request import build_queue
from bot.domain.request import BookingRequest
from bot.domain.wait_request import build_wait
from bot.services import look, look_waiting
from bot.services.activity import saw_use
from bot.services.answer_offer import accept_offer, decline_offer
from bot.services.answer_transfer import accept_transfer
from bot.services.cancel import cancel
from bot.services.drain import drain
from bot.services.extend import extend
from bot.services.join_waitlist import join_queue, join_waitlist
from bot.services.no_show import still_needed
from bot.services.preempt import preempt, preview_preemption
from bot.services.reclaim import book_again, grant_extra_time, keep_new_time
from bot.services.release import release
from bot.services.reserve import reserve
from bot.services.resume import resume
from bot.services.site import Site
from bot.services.transfer import offer_transfer
from bot.store import queries

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
BEGIN, END = NOW, datetime(2026, 11, 26, 9, 0, tzinfo=UTC)

Act = Callable[[Site, datetime], object]


@dataclass(frozen=True, slots=True)
class Step:
    """Something that somebody does, as soon as gpubot runs from then on."""

    at: datetime
    what: str
    act: Act


def _at(hour: int, minute: int = 0, *, day: int = 25) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


# -- acts -----------------------------------------------------------------------------------------


def books(user: str, key: str, gpus: int, model: str, start: datetime | None, hours: int) -> Act:
    """Book GPUs; `start` None: now. What is too late for its start is booked for now."""

    def act(site: Site, now: datetime) -> None:
        wanted = _request(site, now, gpus, model, start, hours)
        reserve(site, actor(user), wanted, now=now, key=key)

    return act


def _request(
    site: Site, now: datetime, gpus: int, model: str, start: datetime | None, hours: int
) -> BookingRequest:
    begin = None if start is None or start <= now else start
    window = fit(begin, length=hours * HOUR, grid=site.cluster.grid, now=now).window
    hours = int(window.length / HOUR)
    plain = request(gpus, window.start, hours, model=model)
    return BookingRequest(plain.shape, window, Priority.P2, True, None, "training")


def waits(user: str, key: str, gpus: int, model: str, hours: int, until: datetime) -> Act:
    def act(site: Site, now: datetime) -> None:
        wish = build_wait(
            gpus=gpus,
            length=hours * HOUR,
            earliest=None,
            latest=until,
            now=now,
            cluster=site.cluster,
            model=model,
        )
        join_waitlist(site, actor(user), wish, now=now, key=key)

    return act


def queues(user: str, key: str, command: str) -> Act:
    def act(site: Site, now: datetime) -> None:
        short = build_queue(gpus=1, length=30 * MINUTE, cluster=site.cluster, command=command)
        join_queue(site, actor(user), short, now=now, key=key)

    return act


def takes(user: str, key: str, gpus: int, model: str, hours: int) -> Act:
    """Look at what taking GPUs would mean, and take them."""

    def act(site: Site, now: datetime) -> None:
        wanted = _request(site, now, gpus, model, None, hours)
        seen = preview_preemption(site, actor(user), wanted, now=now)
        expected = {loss.booking.id for loss in seen.losses}
        preempt(site, actor(user), wanted, reason="a demo", expected=expected, now=now, key=key)

    return act


def _last(site: Site, user: str, now: datetime, *, runs: bool) -> int | None:
    """The last booking of somebody that runs, or has yet to begin."""
    found = [b.id for b in look.bookings_of(site, user, now=now) if b.is_running(now) is runs]
    return found[-1] if found else None


def with_last(user: str, act: Callable[[Site, int, datetime], object], *, runs: bool = True) -> Act:
    """Do something with the last booking of `user`, if there is one."""

    def whole(site: Site, now: datetime) -> None:
        booking = _last(site, user, now, runs=runs)
        if booking is not None:
            act(site, booking, now)

    return whole


def _gives_back(site: Site, booking: int, now: datetime) -> None:
    release(site, actor(look.get_booking(site, booking).owner), booking, now=now, key="back")


def _cancels(site: Site, booking: int, now: datetime) -> None:
    cancel(site, actor(look.get_booking(site, booking).owner), booking, now=now, key="off")


def _extends(site: Site, booking: int, now: datetime) -> None:
    owner = actor(look.get_booking(site, booking).owner)
    extend(site, owner, booking, 2 * HOUR, now=now, key="longer")


def _needs(site: Site, booking: int, now: datetime) -> None:
    still_needed(site, actor(look.get_booking(site, booking).owner), booking, now=now)


def _uses(site: Site, booking: int, now: datetime) -> None:
    saw_use(site, booking, now=now)


def _preemption_of(site: Site, booking: int) -> Preemption | None:
    """The last preemption for which that booking gave way."""
    with site.database.snapshot() as connection:
        return next(reversed(queries.preemptions_of(connection, preemptee=booking)), None)


def _asks_for_time(site: Site, booking: int, now: datetime) -> None:
    found = _preemption_of(site, booking)
    if found is not None:
        grant_extra_time(site, actor(look.get_booking(site, booking).owner), found.id, now=now)


def _books_again(site: Site, booking: int, now: datetime) -> None:
    found = _preemption_of(site, booking)
    if found is not None:
        book_again(site, actor(look.get_booking(site, booking).owner), found.id, now=now)


def _keeps(site: Site, booking: int, now: datetime) -> None:
    found = _preemption_of(site, booking)
    if found is not None:
        keep_new_time(site, actor(look.get_booking(site, booking).owner), found.id, now=now)


def _offers_to_chen(site: Site, booking: int, now: datetime) -> None:
    owner = actor(look.get_booking(site, booking).owner)
    offer_transfer(site, owner, booking, CHEN, now=now, key="hand over")


def answers(user: str, answer: Callable[..., object]) -> Act:
    """Answer the offer that `user` has, if there is one."""

    def act(site: Site, now: datetime) -> None:
        for entry in look_waiting.waitlist_of(site, user):
            offer = look_waiting.open_offer_of(site, entry.id)
            if offer is not None:
                answer(site, actor(user), offer.id, now=now)

    return act


def _takes_over(site: Site, now: datetime) -> None:
    for booking in look.bookings_of(site, DANA, now=now):
        transfer = look.open_transfer(site, booking.id)
        if transfer is not None:
            accept_transfer(site, actor(CHEN), transfer.id, now=now)


def _drains(site: Site, now: datetime) -> None:
    until = max(now + HOUR, _at(16))
    drain(site, actor(ADMIN), "gpu-02", until=until, reason="fans", now=now, key="fans")


def _resumes(site: Site, now: datetime) -> None:
    resume(site, actor(ADMIN), "gpu-02", now=now, key="fans")


def _nothing(_site: Site, _now: datetime) -> None:
    """Time passes."""


# -- the day --------------------------------------------------------------------------------------

V100, A100 = "V100", "A100"

#: 02:37 UTC is 10:37 in Shanghai, where slots begin at even hours, here as there.
STORY = (
    Step(_at(2, 37), "bob takes a V100 node", books(BOB, "1", 4, V100, None, 8)),
    Step(_at(2, 38), "dana takes all A100", books(DANA, "2", 8, A100, None, 4)),
    Step(_at(2, 39), "chen takes a V100 node and forgets it", books(CHEN, "3", 4, V100, None, 8)),
    Step(_at(2, 41), "dana will use hers", with_last(DANA, _needs)),
    Step(_at(2, 45), "dana books the A100 on", books(DANA, "4", 8, A100, _at(8), 6)),
    Step(_at(2, 46), "chen books A100 for later", books(CHEN, "5", 2, A100, _at(14), 4)),
    Step(_at(2, 50), "bob uses his", with_last(BOB, _uses)),
    Step(_at(2, 51), "alice waits", waits(ALICE, "6", 4, V100, 4, _at(12))),
    Step(_at(2, 52), "dana waits behind her", waits(DANA, "7", 4, V100, 2, _at(12))),
    Step(_at(3, 0), "chen queues a run", queues(CHEN, "8", "python eval.py")),
    Step(_at(3, 1), "bob queues one by hand", queues(BOB, "9", "")),
    Step(_at(3, 20), "bob needs his", with_last(BOB, _needs)),
    Step(_at(3, 45), "alice accepts what chen forgot", answers(ALICE, accept_offer)),
    Step(_at(3, 50), "alice will use it", with_last(ALICE, _needs)),
    Step(_at(5, 0), "bob gives his back", with_last(BOB, _gives_back)),
    Step(_at(5, 5), "bob comes for his short run", answers(BOB, accept_offer)),
    Step(_at(8, 5), "dana will use the A100", with_last(DANA, _needs)),
    Step(_at(8, 30), "alice takes the A100", takes(ALICE, "10", 8, A100, 10)),
    Step(_at(8, 40), "dana needs more time", with_last(DANA, _asks_for_time)),
    Step(_at(8, 45), "dana books again", with_last(DANA, _books_again)),
    Step(_at(8, 50), "chen keeps the new time", with_last(CHEN, _keeps, runs=False)),
    Step(_at(9, 30), "alice will use them", with_last(ALICE, _needs)),
    Step(_at(10, 0), "bob books a V100 node", books(BOB, "11", 4, V100, None, 6)),
    Step(_at(10, 2), "bob will use it", with_last(BOB, _needs)),
    Step(_at(10, 5), "dana books the other", books(DANA, "12", 4, V100, None, 6)),
    Step(_at(10, 7), "dana will use it", with_last(DANA, _needs)),
    Step(_at(11, 10), "alice takes a V100 node", takes(ALICE, "13", 4, V100, 4)),
    Step(_at(11, 20), "alice gives up", with_last(ALICE, _cancels, runs=False)),
    Step(_at(12, 20), "dana offers hers to chen", with_last(DANA, _offers_to_chen)),
    Step(_at(12, 30), "chen takes over", _takes_over),
    Step(_at(12, 40), "alice waits for what is taken", waits(ALICE, "14", 4, V100, 2, _at(16))),
    Step(_at(13, 0), "bob gives his back", with_last(BOB, _gives_back)),
    Step(_at(13, 8), "alice wants none of it", answers(ALICE, decline_offer)),
    Step(_at(13, 30), "gpu-02 goes out of service", _drains),
    Step(_at(15, 30), "gpu-02 comes back", _resumes),
    Step(_at(15, 45), "chen uses what runs", with_last(CHEN, _uses)),
    Step(_at(17, 0), "chen extends", with_last(CHEN, _extends)),
    Step(_at(1, 0, day=26), "it is nine in Shanghai", _nothing),
    Step(_at(1, 5, day=26), "it is five past", _nothing),
)

CLUSTER = cluster()
