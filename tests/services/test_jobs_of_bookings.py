"""Jobs of bookings through everything that becomes of a booking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from builders import ADMIN, ALICE, BOB, CHEN, NOW, TONIGHT, actor, cluster, request
from delivering import tick
from wanting import HOUR, LATER, take, urgent, wish

from bot.domain.booking import Booking
from bot.domain.cluster import Cluster
from bot.domain.conflict import Conflict
from bot.domain.errors import BadJob, NotAllowed, UnknownName, WrongState
from bot.domain.job import Job, JobOrder
from bot.domain.run import RunState
from bot.domain.run_rules import RunRules
from bot.domain.yolo import SHIPPED
from bot.services.answer_offer import accept_offer
from bot.services.answer_transfer import accept_transfer
from bot.services.attach_job import attach_job
from bot.services.book_in_place import book_more_time
from bot.services.cancel import cancel
from bot.services.changing import changing
from bot.services.edit_waitlist import change_entry
from bot.services.join_waitlist import join_waitlist
from bot.services.look import get_booking, history
from bot.services.look_waiting import get_preemption, open_offer_of
from bot.services.move import move
from bot.services.reclaim import book_again, release_for_preemptor
from bot.services.reserve import reserve, reserve_all
from bot.services.run_again import run_again
from bot.services.run_rows import update_run
from bot.services.site import Site
from bot.services.transfer import offer_transfer
from bot.store import run_queries

YOLO = JobOrder("yolo-train", (("data", "coco.yaml"),))
OTHER = JobOrder("yolo-train", (("data", "other.yaml"),))
OWN = JobOrder(own=Job(command=("make",), env=(("TOKEN", "hidden"),)))


@pytest.fixture
def site(open_site: Callable[[Cluster], Site]) -> Site:
    return open_site(replace(cluster(), jobs=SHIPPED, runs=RunRules(own_commands=True)))


def booked(site: Site, job: JobOrder | None = YOLO, user: str = BOB, **how: object) -> Booking:
    asked = replace(request(**{"gpus": 4, "node": "gpu-01", **how}), job=job)
    return reserve(site, actor(user), asked, now=NOW)


def test_a_booking_keeps_its_job_and_the_audit_its_name(site: Site) -> None:
    booking = booked(site)
    assert get_booking(site, booking.id) == booking
    assert booking.job == YOLO
    (record,) = history(site, booking.id)
    assert record.after is not None
    assert record.after["job"] == "yolo-train (data=coco.yaml)"


def test_the_rules_hold_for_whatever_a_button_carries(
    site: Site, open_site: Callable[[Cluster], Site]
) -> None:
    with pytest.raises(UnknownName):
        booked(site, JobOrder("gone"))
    with pytest.raises(BadJob):
        booked(site, JobOrder("yolo-train"))
    strict = open_site(replace(site.cluster, runs=RunRules()))
    with pytest.raises(NotAllowed):
        booked(strict, OWN)


def test_workers_that_do_not_fit_where_the_gpus_lie_are_refused(site: Site) -> None:
    two = JobOrder(own=Job(command=("x",), workers=2))
    asked = replace(request(6, spread=True, node=None), job=two)
    reserve(site, actor(BOB), request(2, node="gpu-03"), now=NOW)
    reserve(site, actor(BOB), request(2, node="gpu-03"), now=NOW)
    reserve(site, actor(BOB), request(3, node="gpu-01"), now=NOW)
    with pytest.raises(BadJob, match="do not fit"):
        reserve(site, actor(BOB), asked, now=NOW)


def test_the_second_part_of_a_split_booking_goes_on_with_the_work_of_the_first(site: Site) -> None:
    asked = [
        replace(request(4, start, 8, node="gpu-01"), job=YOLO)
        for start in (TONIGHT, TONIGHT + 10 * HOUR)
    ]
    first, second = reserve_all(site, actor(BOB), asked, now=NOW)
    assert (first.continues, second.continues) == (None, first.id)
    assert (first.first, second.first) == (first.id, first.id)
    plain = [replace(one, job=None, shape=replace(one.shape, node="gpu-02")) for one in asked]
    assert [b.continues for b in reserve_all(site, actor(BOB), plain, now=NOW)] == [None, None]


def test_what_is_booked_in_place_of_a_loss_goes_on_with_its_work(site: Site) -> None:
    booking = booked(site, OWN, gpus=8, node="gpu-03")
    tick(site, TONIGHT)
    warned = take(site, urgent(8, node="gpu-03")).preemptions[0]
    again = book_again(site, actor(BOB), warned.id, now=LATER)
    assert (again.job, again.continues) == (OWN, booking.id)
    moved = move(site, actor(BOB), again.id, again.window.start + 2 * HOUR, now=LATER)
    assert (moved.job, moved.continues) == (OWN, booking.id)


def test_who_gets_the_rest_of_a_released_booking_back_goes_on_with_its_work(site: Site) -> None:
    booking, _ = (booked(site, gpus=4, node="gpu-03") for _ in range(2))
    tick(site, TONIGHT)
    done = take(site, urgent(8, node="gpu-03"))
    warned = next(one for one in done.preemptions if one.preemptee == booking.id)
    release_for_preemptor(site, actor(BOB), warned.id, now=LATER)
    cancel(site, actor(ALICE), done.booking.id, reason="not needed", now=LATER)
    fresh = get_preemption(site, warned.id).again
    assert fresh is not None
    again = get_booking(site, fresh)
    assert (again.job, again.continues) == (YOLO, booking.id)


def test_a_wish_runs_its_job_when_it_is_granted(site: Site) -> None:
    other = booked(site, None)
    asked = replace(wish(earliest=TONIGHT, latest=TONIGHT + 8 * HOUR), job=YOLO)
    entry = join_waitlist(site, actor(BOB), asked, now=NOW)
    assert entry.job == YOLO
    cancel(site, actor(BOB), other.id, now=NOW)
    assert accept_offer(site, actor(BOB), 1, now=NOW).job == YOLO


def test_going_on_with_a_booking_takes_its_job_where_none_is_said(site: Site) -> None:
    booking = booked(site, OWN)
    later = request(4, TONIGHT + 10 * HOUR, 8, node="gpu-01")
    again = reserve(site, actor(BOB), replace(later, continues=booking.id), now=NOW)
    assert (again.job, again.continues) == (OWN, booking.id)
    third = request(4, TONIGHT + 20 * HOUR, 8, node="gpu-01")
    more = reserve(site, actor(BOB), replace(third, job=YOLO, continues=again.id), now=NOW)
    assert (more.job, more.continues) == (YOLO, booking.id)
    with pytest.raises(NotAllowed):
        reserve(site, actor(CHEN), replace(later, continues=booking.id), now=NOW)


def latest(site: Site, booking: Booking) -> RunState | None:
    with site.database.snapshot() as connection:
        runs = run_queries.runs_of(connection, booking.id)
    return runs[-1].state if runs else None


def put(site: Site, booking: Booking, state: RunState) -> None:
    """The booking's last run comes to that state."""
    with changing(site, TONIGHT) as change:
        run = run_queries.runs_of(change.connection, booking.id)[-1]
        update_run(change, run, state=state)


def test_a_job_can_be_given_until_its_run_has_started(site: Site) -> None:
    booking = booked(site, None)
    tick(site, TONIGHT)
    assert latest(site, booking) is None
    attach_job(site, actor(BOB), booking.id, YOLO, now=TONIGHT)
    assert latest(site, booking) is RunState.WANTED
    attach_job(site, actor(BOB), booking.id, OTHER, now=TONIGHT)
    put(site, booking, RunState.RUNNING)
    for order in (YOLO, None):
        with pytest.raises(WrongState, match="runs its job already"):
            attach_job(site, actor(BOB), booking.id, order, now=TONIGHT)
    put(site, booking, RunState.FAILED)
    after = attach_job(site, actor(BOB), booking.id, YOLO, now=TONIGHT)
    assert after.job == YOLO
    assert latest(site, booking) is RunState.WANTED


def test_the_same_job_again_changes_nothing(site: Site) -> None:
    booking = booked(site)
    assert attach_job(site, actor(BOB), booking.id, YOLO, now=NOW) == booking
    assert len(history(site, booking.id)) == 1
    once = attach_job(site, actor(BOB), booking.id, OTHER, now=NOW, key="one")
    twice = attach_job(site, actor(BOB), booking.id, None, now=NOW, key="one")
    assert once == twice


def test_a_job_that_its_booking_could_not_run_is_refused(site: Site) -> None:
    booking = booked(site, None)
    three = JobOrder(own=Job(command=("x",), workers=3))
    with pytest.raises(BadJob):
        attach_job(site, actor(BOB), booking.id, three, now=NOW)
    with pytest.raises(NotAllowed):
        attach_job(site, actor(CHEN), booking.id, YOLO, now=NOW)
    assert get_booking(site, booking.id) == booking


def test_only_the_owner_has_commands_of_their_own_run_with_their_rights(site: Site) -> None:
    booking = booked(site, OWN)
    other = JobOrder(own=Job(command=("curl", "somewhere")))
    for user in (ALICE, ADMIN):
        with pytest.raises(NotAllowed, match="rights of the booking's owner"):
            attach_job(site, actor(user), booking.id, other, reason="mine", now=NOW)
        # Nothing is changed by that.
        assert attach_job(site, actor(user), booking.id, OWN, reason="x", now=NOW) == booking
    assert attach_job(site, actor(BOB), booking.id, other, now=NOW).job == other
    assert attach_job(site, actor(ALICE), booking.id, YOLO, reason="x", now=NOW).job == YOLO


def test_only_the_owner_of_a_wish_has_a_command_of_their_own_wait(site: Site) -> None:
    booked(site, None)
    asked = replace(wish(earliest=TONIGHT, latest=TONIGHT + 8 * HOUR), job=YOLO)
    entry = join_waitlist(site, actor(BOB), asked, now=NOW)
    with pytest.raises(NotAllowed, match="rights of the booking's owner"):
        change_entry(site, actor(ALICE), entry.id, replace(asked, job=OWN), now=NOW)
    assert change_entry(site, actor(BOB), entry.id, replace(asked, job=OWN), now=NOW).job == OWN
    assert change_entry(site, actor(ALICE), entry.id, replace(asked, job=OWN), now=NOW).job == OWN


def test_a_command_stays_behind_when_its_booking_is_handed_over(site: Site) -> None:
    for job, kept in ((OWN, None), (YOLO, YOLO)):
        booking = booked(site, job)
        offer = offer_transfer(site, actor(BOB), booking.id, ALICE, now=NOW)
        assert accept_transfer(site, actor(ALICE), offer.id, now=NOW).job == kept
        cancel(site, actor(ALICE), booking.id, now=NOW)


def test_who_is_in_no_team_any_more_starts_nothing(site: Site) -> None:
    booking = booked(site)
    tick(site, TONIGHT)
    put(site, booking, RunState.FAILED)
    teams = tuple(replace(team, members=team.members - {BOB}) for team in site.cluster.teams)
    site.adopt(replace(site.cluster, teams=teams))
    for start in (
        lambda: attach_job(site, actor(BOB), booking.id, OTHER, now=TONIGHT),
        lambda: run_again(site, actor(BOB), booking.id, now=TONIGHT),
        lambda: book_more_time(site, actor(BOB), booking.id, now=TONIGHT),
    ):
        with pytest.raises(NotAllowed, match="not in any team"):
            start()
    assert attach_job(site, actor(BOB), booking.id, None, now=TONIGHT).job is None


def test_the_same_job_given_again_after_a_failure_is_started_again(site: Site) -> None:
    booking = booked(site)
    tick(site, TONIGHT)
    put(site, booking, RunState.FAILED)
    assert attach_job(site, actor(BOB), booking.id, YOLO, now=TONIGHT) == get_booking(
        site, booking.id
    )
    assert latest(site, booking) is RunState.WANTED
    assert history(site, booking.id)[-1].action == "run_again"


def test_one_key_for_two_bookings_changes_both(site: Site) -> None:
    for node in ("gpu-01", "gpu-02"):
        booking = booked(site, node=node)
        assert attach_job(site, actor(BOB), booking.id, OTHER, now=NOW, key="one").job == OTHER


TWO = JobOrder(own=Job(command=("x",), workers=2))


def test_a_booking_moves_to_no_gpus_that_its_job_could_not_use(site: Site) -> None:
    booking = booked(site, TWO, node=None, spread=True)
    later = TONIGHT + 12 * HOUR
    for node, gpus in (("gpu-01", 3), ("gpu-02", 4), ("gpu-03", 5)):
        booked(site, None, user=ALICE, node=node, gpus=gpus, start=later)
    with pytest.raises(Conflict):
        move(site, actor(BOB), booking.id, later, now=NOW)
    assert get_booking(site, booking.id) == booking


def test_a_wish_is_offered_no_gpus_that_its_job_could_not_use(site: Site) -> None:
    for node, gpus in (("gpu-01", 3), ("gpu-02", 4), ("gpu-03", 5)):
        booked(site, None, user=ALICE, node=node, gpus=gpus)
    last = booked(site, None, user=ALICE, node="gpu-03", gpus=3)
    asked = replace(wish(4, 8, earliest=TONIGHT, latest=TONIGHT + 8 * HOUR), job=TWO)
    asked = replace(asked, shape=replace(asked.shape, node=None, spread=True))
    entry = join_waitlist(site, actor(BOB), asked, now=NOW)
    cancel(site, actor(ALICE), last.id, now=NOW)
    assert open_offer_of(site, entry.id) is None
