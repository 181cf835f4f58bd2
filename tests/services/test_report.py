"""A report of what really happened: bookings, refusals and wishes made through the services."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from builders import ADMIN, ALICE, BOB, CHEN, DANA, actor, request
from delivering import deliver
from sqlalchemy import event, text
from wanting import urgent, wish

from bot.domain.booking import Booking, BookingState, Priority, Shape
from bot.domain.conflict import Conflict
from bot.domain.queue_request import QueueRequest
from bot.domain.report import Report, Scope
from bot.domain.report_definitions import FigureName
from bot.domain.report_period import Period, parse_period
from bot.services import refusals as refusals_module
from bot.services.activity import saw_use
from bot.services.answer_offer import accept_offer
from bot.services.cancel import cancel
from bot.services.drain import drain
from bot.services.extend import extend
from bot.services.join_waitlist import join_queue, join_waitlist
from bot.services.keep_time import keep_time
from bot.services.look import get_booking
from bot.services.look_waiting import open_offer_of
from bot.services.preempt import preempt
from bot.services.release import release
from bot.services.report import report
from bot.services.reserve import reserve, reserve_all
from bot.services.resume import resume
from bot.services.site import Site
from bot.services.turn_over import turn_over
from bot.store.errors import Busy

F = FigureName
#: Monday 23 November 2026, 00:00 in Shanghai.
BEGIN = datetime(2026, 11, 22, 16, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(hours: float) -> datetime:
    """So many hours after Monday's midnight."""
    return BEGIN + timedelta(hours=hours)


def booked(site: Site, user: str, gpus: int, start: float, hours: float, node: str) -> Booking:
    """A booking made a day before the week, which begins at `start` hours into it."""
    return reserve(site, actor(user), request(gpus, at(start), hours, node=node), now=at(-24))


def period(site: Site, until: float = 48) -> Period:
    return parse_period("week", now=at(until), zone=site.cluster.zone)


def reported(site: Site, until: float = 48) -> Report:
    """The report of the week, as it stands `until` hours into it."""
    return report(site, period(site, until))


def team(site: Site, name: str, until: float = 48) -> Scope:
    found = reported(site, until).scope("team", name)
    assert found is not None
    return found


def refusals(site: Site) -> list[tuple[object, ...]]:
    with site.database.snapshot() as connection:
        rows = connection.execute(text('SELECT "user", gpus, model, node, team FROM refusal'))
        return [tuple(row) for row in rows]


def test_nothing_happened_on_a_site_that_is_new(site: Site) -> None:
    found = reported(site).cluster
    assert found.value(F.BOOKED) == 0
    assert found.value(F.CANCELLATION_RATE) is None


def test_what_ran_to_its_end_was_held_booked_and_used(site: Site) -> None:
    booked(site, BOB, 4, 10, 8, "gpu-01")
    turn_over(site, now=at(10))
    turn_over(site, now=at(18))
    found = team(site, "vision")
    assert (found.value(F.HELD), found.value(F.BOOKED), found.value(F.USED)) == (32, 32, 32)
    assert found.value(F.LEAD_MEDIAN) == 34
    # 16 GPUs for two days.
    assert found.value(F.UTILISATION) == pytest.approx(32 / 768)


def test_given_back_early_its_length_was_overestimated(site: Site) -> None:
    booking = booked(site, BOB, 4, 10, 8, "gpu-01")
    turn_over(site, now=at(10))
    release(site, actor(BOB), booking.id, now=at(15))
    found = team(site, "vision")
    # 3 h of 8 were left when 5 h were held.
    assert found.value(F.OVERESTIMATE) == pytest.approx(0.6)
    assert (found.value(F.HELD), found.value(F.BOOKED), found.value(F.USED)) == (20, 32, 20)


def test_a_part_given_back_was_held_until_then(site: Site) -> None:
    booking = booked(site, BOB, 4, 10, 8, "gpu-01")
    turn_over(site, now=at(10))
    release(site, actor(BOB), booking.id, gpus=1, now=at(12))
    turn_over(site, now=at(18))
    # 4 × 2 h + 3 × 6 h.
    assert team(site, "vision").value(F.HELD) == 26
    assert team(site, "vision").value(F.USED) == 26


def test_what_was_extended_before_and_after_its_start_counts_as_it_began(site: Site) -> None:
    booking = booked(site, BOB, 4, 10, 8, "gpu-01")
    extend(site, actor(BOB), booking.id, 2 * HOUR, now=at(5))
    turn_over(site, now=at(10))
    extend(site, actor(BOB), booking.id, 2 * HOUR, now=at(12))
    turn_over(site, now=at(22))
    found = team(site, "vision")
    assert (found.value(F.BOOKED), found.value(F.USED)) == (40, 48)
    assert found.value(F.EXTENSION_RATE) == 1


def test_what_ended_in_the_second_of_its_start_counts_as_it_stood_just_before(site: Site) -> None:
    booking = booked(site, BOB, 4, 10, 8, "gpu-01")
    extend(site, actor(BOB), booking.id, 2 * HOUR, now=at(5))
    release(site, actor(BOB), booking.id, now=at(10))
    found = team(site, "vision")
    assert (found.value(F.BEGUN), found.value(F.BOOKED)) == (1, 40)
    assert found.value(F.EARLY_RATE) == 0


def test_what_is_given_back_after_its_promised_end_was_not_given_back_early(site: Site) -> None:
    booking = booked(site, BOB, 4, 10, 8, "gpu-01")
    turn_over(site, now=at(10))
    saw_use(site, booking.id, now=at(17.9))
    turn_over(site, now=at(18))
    release(site, actor(BOB), booking.id, now=at(18.5))
    found = team(site, "vision")
    assert (found.value(F.HELD), found.value(F.EARLY_RATE)) == (34, 0)


def test_a_no_show_was_held_and_booked_but_not_used(site: Site) -> None:
    booked(site, BOB, 4, 10, 8, "gpu-01")
    for minutes in (0, 30, 60):
        keep_time(site, now=at(10 + minutes / 60))
        deliver(site, at(10 + minutes / 60))
    found = team(site, "vision")
    assert (found.value(F.HELD), found.value(F.BOOKED), found.value(F.USED)) == (4, 32, 0)
    assert found.value(F.NO_SHOW_RATE) == 1


def test_what_people_cancel_counts_for_their_team_with_its_notice(site: Site) -> None:
    booking = booked(site, BOB, 4, 10, 8, "gpu-01")
    cancel(site, actor(BOB), booking.id, now=at(4))
    found = team(site, "vision")
    assert (found.value(F.CANCELLED), found.value(F.CANCELLATION_NOTICE)) == (1, 6)
    assert (found.value(F.HELD), found.value(F.BOOKED)) == (0, 0)
    assert team(site, "nlp").value(F.CANCELLED) == 0


def test_what_gpubot_calls_off_is_nobodys_cancellation(site: Site) -> None:
    booked(site, BOB, 4, 10, 12, "gpu-01")
    turn_over(site, now=at(10))
    # Nobody can be warned until the urgent work's time is over.
    wanted = urgent(4, at(12), 2, node="gpu-01")
    taken = preempt(site, actor(ALICE), wanted, reason="demo", expected={1}, now=at(11))
    keep_time(site, now=at(14.5))
    assert get_booking(site, taken.booking.id).state is BookingState.CANCELLED
    assert team(site, "vision").value(F.CANCELLED) == 0


def test_a_drained_node_is_not_in_service(site: Site) -> None:
    booked(site, BOB, 1, 0, 2, "gpu-02")
    drain(site, actor(ADMIN), "gpu-01", until=None, reason="fan", now=at(2))
    resume(site, actor(ADMIN), "gpu-01", now=at(12))
    node = reported(site).scope("node", "gpu-01")
    assert node is not None
    assert node.value(F.IN_SERVICE) == 4 * 38


def test_before_the_first_thing_that_happened_nothing_was_in_service(site: Site) -> None:
    reserve(site, actor(BOB), request(4, at(12), 8, node="gpu-01"), now=at(10))
    assert reported(site).cluster.value(F.IN_SERVICE) == 16 * 38


def test_a_wish_that_came_true_has_waited(site: Site) -> None:
    taken = booked(site, CHEN, 4, 10, 8, "gpu-01")
    entry = join_waitlist(site, actor(BOB), wish(earliest=at(10), latest=at(18)), now=at(0))
    cancel(site, actor(CHEN), taken.id, now=at(3))
    offer = open_offer_of(site, entry.id)
    assert offer is not None
    assert reported(site).cluster.value(F.OPEN) == 1
    accept_offer(site, actor(BOB), offer.id, now=at(3.1))
    found = team(site, "vision")
    assert found.value(F.WAIT_MEDIAN) == pytest.approx(3.1)
    assert (found.value(F.SERVED), found.value(F.OPEN)) == (1, 0)


def test_urgent_work_is_counted_with_what_was_left(site: Site) -> None:
    booked(site, BOB, 4, 10, 8, "gpu-01")
    turn_over(site, now=at(10))
    wanted = urgent(4, at(12), 2, node="gpu-01")
    preempt(site, actor(ALICE), wanted, reason="demo", expected={1}, now=at(11))
    deliver(site, at(11))
    turn_over(site, now=at(12))
    found = team(site, "vision")
    # 6 of the 8 h were left.
    assert (found.value(F.YIELDED), found.value(F.YIELDED_HOURS)) == (1, 24)
    assert found.value(F.TOOK) == 1


# -- refusals -------------------------------------------------------------------------------------


def ask(site: Site, user: str = DANA, *, now: float = 0, **more: object) -> None:
    wanted = request(4, at(10), 4, **{"node": "gpu-01", **more})
    with pytest.raises(Conflict):
        reserve(site, actor(user), wanted, now=at(now))


def test_whoever_is_refused_is_remembered_with_what_they_wanted(site: Site) -> None:
    booked(site, BOB, 4, 10, 8, "gpu-01")
    ask(site)
    assert refusals(site) == [(DANA, 4, "V100", "gpu-01", "nlp")]
    assert team(site, "nlp").value(F.REFUSED_HOURS) == 16


def test_what_was_refused_beyond_what_there_is_was_short(site: Site) -> None:
    booked(site, BOB, 4, 10, 8, "gpu-01")
    # 4 of 8 V100 are held: there were enough of them, only not on that node.
    ask(site)
    assert reported(site).shortages == ()
    booked(site, CHEN, 3, 10, 8, "gpu-02")
    # 7 are held and 4 wanted.
    (short,) = reported(site).shortages
    assert (short.model, short.weekday, short.gpus) == ("V100", 0, 3)


def test_who_waits_for_any_gap_was_short_of_nothing_at_a_certain_time(site: Site) -> None:
    booked(site, CHEN, 4, 10, 8, "gpu-01")
    turn_over(site, now=at(10))
    short = QueueRequest(Shape(4, "gpu-01"), HOUR / 2, Priority.P2, None, "make")
    join_queue(site, actor(BOB), short, now=at(11))
    found = reported(site)
    assert (found.cluster.value(F.WISHES), found.shortages) == (1, ())


def test_asking_for_the_same_again_within_an_hour_counts_once(site: Site) -> None:
    booked(site, BOB, 4, 10, 8, "gpu-01")
    for minutes in (0, 5, 59):
        ask(site, now=minutes / 60)
    assert len(refusals(site)) == 1
    ask(site, now=1.1)
    assert len(refusals(site)) == 2


def test_others_and_other_wishes_count_for_themselves(site: Site) -> None:
    booked(site, BOB, 4, 10, 8, "gpu-01")
    ask(site)
    ask(site, CHEN)
    with pytest.raises(Conflict):
        reserve(site, actor(DANA), request(3, at(10), 4, node="gpu-01"), now=at(0))
    with pytest.raises(Conflict):
        reserve(site, actor(DANA), request(4, at(10), 6, node="gpu-01"), now=at(0))
    assert len(refusals(site)) == 4


def test_now_is_the_same_wish_a_few_minutes_later(site: Site) -> None:
    booked(site, BOB, 4, 0, 24, "gpu-01")
    for minutes in (1, 6):
        wanted = request(4, at(minutes / 60), 4 - minutes / 60, node="gpu-01")
        with pytest.raises(Conflict):
            reserve(site, actor(DANA), wanted, now=at(minutes / 60))
    assert len(refusals(site)) == 1


def test_of_several_parts_the_one_that_is_taken_is_remembered(site: Site) -> None:
    booked(site, BOB, 4, 10, 8, "gpu-01")
    parts = [request(2, at(10), 4, node="gpu-02"), request(2, at(14), 4, node="gpu-01")]
    with pytest.raises(Conflict):
        reserve_all(site, actor(DANA), parts, now=at(0))
    assert refusals(site) == [(DANA, 2, "V100", "gpu-01", "nlp")]


def test_a_conflict_is_told_though_the_refusal_cannot_be_written(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> bool:
        raise Busy

    booked(site, BOB, 4, 10, 8, "gpu-01")
    monkeypatch.setattr(refusals_module, "_is_known", busy)
    ask(site)
    assert refusals(site) == []


# -- how much is read -----------------------------------------------------------------------------


@pytest.mark.parametrize("database_url", ["SQLite"], indirect=True)
def test_every_question_to_the_database_is_answered_by_an_index(site: Site) -> None:
    asked: list[tuple[str, object]] = []

    def note(_c: object, _cursor: object, statement: str, given: object, *_: object) -> None:
        asked.append((statement, given))

    event.listen(site.database.engine, "before_cursor_execute", note)
    reported(site)
    event.remove(site.database.engine, "before_cursor_execute", note)
    with site.database.snapshot() as connection:
        plans = [
            str(row)
            for statement, given in asked
            if statement.startswith("SELECT")
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)
        ]
    assert plans
    assert [plan for plan in plans if "SCAN" in plan or "claim_holder" in plan] == []
