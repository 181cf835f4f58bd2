"""Booking: what fits is granted, what does not is answered with alternatives."""

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import ADMIN, ALICE, BOB, CHEN, NOW, STRANGER, TONIGHT, actor, cluster, request
from sqlalchemy import event, text

from bot.domain.booking import BookingState, Priority, Share
from bot.domain.cluster import Quota
from bot.domain.conflict import Conflict
from bot.domain.errors import (
    InputError,
    InThePast,
    Missing,
    NotAllowed,
    PastHorizon,
    QuotaExceeded,
    TooLong,
    UnknownName,
)
from bot.services import look
from bot.services.reserve import reserve, reserve_all


def rows(site, table):
    with site.database.snapshot() as connection:
        return connection.execute(text(f"SELECT * FROM {table} ORDER BY id")).all()


def test_a_booking_is_granted_on_the_tightest_node(site):
    booking = reserve(site, actor(BOB), request(4), now=NOW)
    assert booking.shares == (Share("gpu-01", 4),)
    assert (booking.owner, booking.team, booking.state) == (BOB, "vision", BookingState.RESERVED)
    assert look.get_booking(site, booking.id) == booking


def test_the_team_channel_gets_a_card_and_nobody_is_told_what_they_did_themselves(site):
    booking = reserve(site, actor(BOB), request(4), now=NOW)
    (row,) = rows(site, "outbox")
    assert (row.topic, row.recipient, row.subject) == ("card", "C0VISION", f"booking:{booking.id}")


def test_a_booking_is_few_messages_to_the_database(site):
    reserve(site, actor(BOB), request(1), now=NOW, key="warm")
    run, most = [], []

    def look(_connection, _cursor, sql, values, *_rest):
        run.append(sql)
        most.append(len(values))

    event.listen(site.database.engine, "before_cursor_execute", look)
    reserve(site, actor(BOB), request(1), now=NOW, key="counted")
    # SQLite: begin, two questions, seven rows. PostgreSQL: begin, ask, write, wait for the disk.
    assert len(run) == (10 if site.database.backend == "sqlite" else 4), "\n".join(run)
    assert max(most) <= 50, "psycopg keeps no statement with more values"


def test_the_same_key_books_once(site):
    first = reserve(site, actor(BOB), request(4), now=NOW, key="press-1")
    again = reserve(site, actor(BOB), request(4), now=NOW, key="press-1")
    assert again == first
    assert len(rows(site, "booking")) == 1


def test_a_refused_request_leaves_nothing_behind(site):
    reserve(site, actor(BOB), request(8), now=NOW)
    before = {table: rows(site, table) for table in ("booking", "claim", "outbox")}
    with pytest.raises(Conflict):
        reserve(site, actor(CHEN), request(8), now=NOW, key="press-2")
    assert {table: rows(site, table) for table in before} == before


def test_a_conflict_names_the_holder_and_offers_windows_that_can_be_booked(site):
    held = reserve(site, actor(BOB), request(8), now=NOW)
    with pytest.raises(Conflict) as refused:
        reserve(site, actor(CHEN), request(8, hours=4), now=NOW)
    assert [blocker.booking for blocker in refused.value.blockers] == [held.id]
    assert refused.value.alternatives
    kinds = [str(a.kind) for a in refused.value.alternatives]
    assert len(set(kinds)) == len(kinds)
    for alternative in refused.value.alternatives:
        requests = [
            request(
                part.gpus,
                part.window.start,
                part.window.length / timedelta(hours=1),
                node=alternative.shape.node,
                model=alternative.shape.model,
                spread=alternative.shape.spread,
            )
            for part in alternative.parts
        ]
        assert look.availability(site, requests[0], user=CHEN, now=NOW).fits


def test_two_parts_are_booked_both_or_not_at_all(site):
    reserve(site, actor(BOB), request(8, hours=4), now=NOW)
    later = TONIGHT + timedelta(hours=4)
    with pytest.raises(Conflict):
        reserve_all(site, actor(CHEN), (request(8, later), request(8)), now=NOW)
    assert len(rows(site, "booking")) == 1
    both = reserve_all(site, actor(CHEN), (request(8, later), request(4)), now=NOW)
    assert len(both) == 2


def test_work_over_several_nodes_takes_whole_nodes(site):
    booking = reserve(site, actor(BOB), request(8, model="V100"), now=NOW)
    assert booking.shares == (Share("gpu-01", 4), Share("gpu-02", 4))


def test_touching_windows_do_not_conflict(site):
    reserve(site, actor(BOB), request(8), now=NOW)
    after = reserve(site, actor(CHEN), request(8, TONIGHT + timedelta(hours=8)), now=NOW)
    before = reserve(site, actor(CHEN), request(8, TONIGHT - timedelta(hours=8)), now=NOW)
    assert after.nodes == before.nodes == ("gpu-03",)


def test_what_fits_by_count_is_never_refused_for_fragmentation(site):
    for offset, hours in ((0, 4), (2, 4), (4, 4)):
        start = TONIGHT + timedelta(hours=offset)
        reserve(site, actor(BOB), request(4, start, hours, node="gpu-03"), now=NOW)
    booking = reserve(
        site, actor(CHEN), request(4, TONIGHT + timedelta(hours=6), 2, node="gpu-03"), now=NOW
    )
    assert booking.nodes == ("gpu-03",)


@pytest.mark.parametrize(
    ("user", "asked", "error"),
    [
        (STRANGER, request(1), NotAllowed),
        (BOB, request(1, priority=Priority.P0), NotAllowed),
        (BOB, request(1, team="nlp"), NotAllowed),
        (BOB, request(1, team="robots"), UnknownName),
        (ADMIN, request(1), NotAllowed),
        (BOB, request(1, TONIGHT - timedelta(hours=14)), InThePast),
        (BOB, request(1, TONIGHT + timedelta(days=91)), PastHorizon),
        (BOB, request(1, hours=24 * 8), TooLong),
    ],
    ids=lambda value: getattr(value, "code", None),
)
def test_who_may_not_or_asks_for_too_much_is_refused(site, user, asked, error):
    with pytest.raises(error):
        reserve(site, actor(user), asked, now=NOW)
    assert rows(site, "booking") == []


def test_somebody_in_two_teams_is_asked_which(open_site):
    both = cluster()
    teams = tuple(replace(team, members=team.members | {BOB}) for team in both.teams)
    site = open_site(replace(both, teams=teams))
    with pytest.raises(Missing):
        reserve(site, actor(BOB), request(1), now=NOW)
    assert reserve(site, actor(BOB), request(1, team="NLP"), now=NOW).team == "nlp"


def test_urgent_people_may_book_p0(site):
    assert reserve(site, actor(ALICE), request(1, priority=Priority.P0), now=NOW).priority == 0


@pytest.mark.parametrize(
    "quota", [Quota(concurrent_gpus=4), Quota(open_bookings=1), Quota(gpu_hours_per_week=40)]
)
def test_a_quota_of_the_person_or_the_team_holds(open_site, quota):
    for policy in ({"user_quota": quota}, {"team_quota": quota}):
        site = open_site(cluster(**policy))
        with site.database.snapshot() as connection:
            held = connection.execute(text("SELECT count(*) FROM booking")).scalar_one()
        if not held:
            reserve(site, actor(BOB), request(4), now=NOW)
        with pytest.raises(QuotaExceeded):
            reserve(site, actor(BOB), request(2, hours=6), now=NOW)


def test_a_second_process_sees_what_the_first_booked(open_site):
    first, second = open_site(cluster()), open_site(cluster())
    look.status(second, at=NOW, now=NOW)
    reserve(first, actor(BOB), request(8, model="A100", hours=2), now=NOW)
    with pytest.raises(Conflict):
        reserve(second, actor(CHEN), request(8, model="A100", hours=2), now=NOW)


@pytest.mark.parametrize(
    "asked",
    [
        request(1, TONIGHT + timedelta(minutes=30)),
        request(1, TONIGHT, 7.5),
        request(0),
        request(-1),
        request(99),
    ],
)
def test_what_an_old_button_asks_for_is_checked_again(site, asked):
    with pytest.raises(InputError):
        reserve(site, actor(BOB), asked, now=NOW)
    assert rows(site, "booking") == []


def test_whole_nodes_of_another_model_are_offered_for_a_large_node_that_is_taken(site):
    reserve(site, actor(BOB), request(8), now=NOW)
    with pytest.raises(Conflict) as refused:
        reserve(site, actor(CHEN), request(8), now=NOW)
    models = [a.shape.model for a in refused.value.alternatives if a.kind == "model"]
    assert models == ["V100"]
