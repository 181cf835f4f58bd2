"""What a training script is told about its booking, and which token lets it ask."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from builders import ALICE, BOB, NOW, TONIGHT, actor, cluster, request
from databases import new_database

from bot.domain.booking import Booking, BookingState
from bot.domain.cluster import Cluster
from bot.domain.errors import NotFound
from bot.services.activity import saw_use
from bot.services.cancel import cancel
from bot.services.notice import (
    BOOKING_ENDS,
    OVERRUN_CUT,
    TOKEN_CHARACTERS,
    Action,
    Notice,
    check_notice_token,
    notice_of,
    notice_token,
)
from bot.services.preempt import Preempted, preempt
from bot.services.reclaim import release_for_preemptor
from bot.services.release import release
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.services.turn_over import turn_over
from bot.store.database import Database

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
END = TONIGHT + 8 * HOUR


@pytest.fixture
def booking(site: Site) -> Booking:
    """Four GPUs of gpu-01 from TONIGHT to END, bob's, reserved."""
    return reserve(site, actor(BOB), request(4, node="gpu-01"), now=NOW)


def asked(site: Site, booking: Booking, now: datetime) -> Notice:
    return notice_of(site, booking.id, now=now)


def take(site: Site, now: datetime) -> Preempted:
    """Alice takes gpu-01 for urgent work, as soon as the warning allows."""
    wanted = request(4, now, 3, node="gpu-01")
    return preempt(site, actor(ALICE), wanted, reason="demo", expected=(1,), now=now)


def test_before_its_start_there_is_nothing_to_do(site: Site, booking: Booking) -> None:
    assert asked(site, booking, NOW) == Notice(
        booking=booking.id,
        state=BookingState.RESERVED,
        action=Action.NONE,
        reclaim_at=None,
        ends_at=END,
        seconds_left=int((END - NOW).total_seconds()),
        reason=None,
        warned=False,
    )


def test_while_it_runs_a_checkpoint_is_due_from_the_warnings_length_before_its_end(
    site: Site, booking: Booking
) -> None:
    turn_over(site, now=TONIGHT)
    before = asked(site, booking, END - 31 * MINUTE)
    assert (before.state, before.action) == (BookingState.ACTIVE, Action.NONE)
    near = asked(site, booking, END - 30 * MINUTE)
    assert (near.action, near.reason, near.warned) == (Action.CHECKPOINT, BOOKING_ENDS, False)
    assert near.seconds_left == 1800


def test_the_warnings_length_is_policy(open_site: Callable[[Cluster], Site]) -> None:
    site = open_site(cluster(warning=2 * HOUR))
    booking = reserve(site, actor(BOB), request(4), now=NOW)
    turn_over(site, now=TONIGHT)
    assert asked(site, booking, END - 2 * HOUR).action is Action.CHECKPOINT


def test_at_its_end_it_goes_on_until_gpubot_has_ended_it(site: Site, booking: Booking) -> None:
    turn_over(site, now=TONIGHT)
    late = asked(site, booking, END + MINUTE)
    assert (late.action, late.seconds_left) == (Action.CHECKPOINT, 0)
    turn_over(site, now=END + MINUTE)
    over = asked(site, booking, END + MINUTE)
    assert (over.state, over.action) == (BookingState.ENDED, Action.STOP)


def test_a_warned_booking_knows_why_and_when(site: Site, booking: Booking) -> None:
    turn_over(site, now=TONIGHT)
    take(site, TONIGHT + HOUR)
    now = TONIGHT + HOUR + 10 * MINUTE
    notice = asked(site, booking, now)
    assert (notice.action, notice.warned, notice.reason) == (Action.CHECKPOINT, True, "demo")
    assert notice.reclaim_at == notice.ends_at == TONIGHT + HOUR + 30 * MINUTE
    assert notice.seconds_left == 1200


def test_once_its_gpus_have_passed_on_it_stops_and_knows_why(site: Site, booking: Booking) -> None:
    turn_over(site, now=TONIGHT)
    (preemption,) = take(site, TONIGHT + HOUR).preemptions
    release_for_preemptor(site, actor(BOB), preemption.id, now=TONIGHT + HOUR)
    notice = asked(site, booking, TONIGHT + HOUR)
    assert (notice.state, notice.action) == (BookingState.PREEMPTED, Action.STOP)
    assert (notice.reason, notice.reclaim_at, notice.seconds_left) == ("demo", None, 0)


def test_a_warning_that_was_withdrawn_is_forgotten(site: Site, booking: Booking) -> None:
    turn_over(site, now=TONIGHT)
    urgent = take(site, TONIGHT + HOUR).booking
    cancel(site, actor(ALICE), urgent.id, now=TONIGHT + HOUR)
    notice = asked(site, booking, TONIGHT + HOUR)
    assert (notice.action, notice.warned, notice.reclaim_at) == (Action.NONE, False, None)
    assert notice.ends_at == END


def test_an_overrun_that_somebody_needs_asks_for_a_checkpoint(
    open_site: Callable[[Cluster], Site],
) -> None:
    site = open_site(cluster(slot=HOUR))
    booking = reserve(site, actor(BOB), request(4, hours=20, node="gpu-01"), now=NOW)
    end = TONIGHT + 20 * HOUR
    turn_over(site, now=TONIGHT)
    saw_use(site, booking.id, now=end - MINUTE)
    turn_over(site, now=end)
    # A tenth of 20 h.
    running_over = asked(site, booking, end)
    assert (running_over.ends_at, running_over.action) == (end + 2 * HOUR, Action.NONE)
    reserve(site, actor(ALICE), request(4, end + HOUR, 1, node="gpu-01"), now=end)
    cut = asked(site, booking, end)
    assert (cut.action, cut.reason, cut.warned) == (Action.CHECKPOINT, OVERRUN_CUT, True)
    assert cut.ends_at == end + HOUR


@pytest.mark.parametrize("give_up", [cancel, release])
def test_a_booking_that_was_given_up_stops(
    site: Site, booking: Booking, give_up: Callable[..., object]
) -> None:
    now = NOW if give_up is cancel else TONIGHT
    turn_over(site, now=now)
    give_up(site, actor(BOB), booking.id, now=now)
    notice = asked(site, booking, now)
    assert (notice.action, notice.reason) == (Action.STOP, None)


def test_an_unknown_booking_is_not_found(site: Site) -> None:
    with pytest.raises(NotFound):
        notice_of(site, 99, now=NOW)


def test_each_booking_has_a_token_of_its_own_that_stays(site: Site) -> None:
    tokens = {notice_token(site, number) for number in (1, 2, 12, 1)}
    assert len(tokens) == 3
    assert {len(token) for token in tokens} == {TOKEN_CHARACTERS}
    assert check_notice_token(site, 1, notice_token(site, 1))


@pytest.mark.parametrize("wrong", ["", "x", "é" * 40, "0" * 40])
def test_another_token_does_not_do(site: Site, wrong: str) -> None:
    assert not check_notice_token(site, 1, wrong)
    assert not check_notice_token(site, 1, notice_token(site, 2))


def test_another_lab_has_other_tokens(site: Site, tmp_path_factory: pytest.TempPathFactory) -> None:
    database = Database(new_database(tmp_path_factory.mktemp("other")))
    try:
        assert notice_token(Site.open(database, cluster()), 1) != notice_token(site, 1)
    finally:
        database.close()


def test_a_restarted_bot_and_many_askers_at_once_agree_on_the_tokens(
    open_site: Callable[[Cluster], Site],
) -> None:
    sites = [open_site(cluster()) for _ in range(4)]
    together = threading.Barrier(len(sites))
    tokens = []

    def ask(site: Site) -> None:
        together.wait()
        tokens.append(notice_token(site, 1))

    threads = [threading.Thread(target=ask, args=(site,)) for site in sites]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tokens) == len(sites)
    assert len({*tokens, notice_token(open_site(cluster()), 1)}) == 1
