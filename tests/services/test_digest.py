"""Each team's digest: written once a day, from what holds and what has changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from builders import ADMIN, ALICE, BOB, CHEN, NOW, TONIGHT, actor, cluster, request

from bot.domain.cluster import Cluster, Team
from bot.services.cancel import cancel
from bot.services.digest import Day, day_of, write_digests
from bot.services.move import move
from bot.services.release import release
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.services.turn_over import turn_over
from bot.store import models, queries

#: The day after NOW in Shanghai, and 09:00 there, when digests are due.
THURSDAY = date(2026, 11, 26)
DUE = datetime(2026, 11, 26, 1, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def written(site: Site) -> list[Any]:
    """The outbox's digests, by team."""
    with site.database.snapshot() as connection:
        rows = connection.execute(queries.columns(models.Outbox).order_by(models.Outbox.id)).all()
    return [row for row in rows if row.topic in ("digest", "weekly")]


def team(site: Site, name: str = "vision") -> Team:
    found = site.cluster.team(name)
    assert found is not None
    return found


def thursday(site: Site, name: str = "vision") -> Day:
    return day_of(site, team(site, name), THURSDAY)


def actions(day: Day) -> list[str]:
    return [record.action for record in day.changes]


def test_a_team_with_something_booked_gets_one_row_to_its_channel(site: Site) -> None:
    reserve(site, actor(BOB), request(4, TONIGHT, 20), now=NOW)
    assert write_digests(site, now=DUE) == 1
    (row,) = written(site)
    assert (row.topic, row.recipient, row.subject) == ("digest", "C0VISION", "digest:vision")
    assert (row.dedupe_key, row.data) == ("digest:vision:2026-11-26", '{"day": "2026-11-26"}')


def test_it_is_due_from_its_hour_on_the_clusters_wall_clock(site: Site) -> None:
    reserve(site, actor(BOB), request(4, TONIGHT, 20), now=NOW)
    assert write_digests(site, now=DUE - timedelta(seconds=1)) == 0
    assert write_digests(site, now=DUE) == 1


def test_it_is_written_once_whatever_happens(
    site: Site, open_site: Callable[[Cluster], Site]
) -> None:
    reserve(site, actor(BOB), request(4, TONIGHT, 20), now=NOW)
    write_digests(site, now=DUE)
    reserve(site, actor(CHEN), request(4, TONIGHT, 20), now=NOW)
    restarted = open_site(site.cluster)
    later = [write_digests(each, now=DUE + 3 * HOUR) for each in (site, restarted)]
    assert later == [0, 0]
    assert len(written(site)) == 1


def test_hours_late_on_the_same_day_it_is_written_all_the_same(site: Site) -> None:
    reserve(site, actor(BOB), request(4, TONIGHT, 40), now=NOW)
    assert write_digests(site, now=DUE + 14 * HOUR) == 1


def test_a_day_that_was_missed_is_not_made_up_for(site: Site) -> None:
    reserve(site, actor(BOB), request(4, TONIGHT, 80), now=NOW)
    write_digests(site, now=DUE + 2 * DAY)
    assert [row.dedupe_key for row in written(site)] == ["digest:vision:2026-11-28"]


def test_a_day_without_anything_to_say_is_quiet_and_looked_at_once(site: Site) -> None:
    assert write_digests(site, now=DUE) == 0
    reserve(site, actor(BOB), request(4, TONIGHT + DAY, 8), now=DUE)
    assert write_digests(site, now=DUE + HOUR) == 0
    assert written(site) == []


def test_without_the_policy_there_are_none(open_site: Callable[[Cluster], Site]) -> None:
    site = open_site(cluster(digest=None))
    reserve(site, actor(BOB), request(4, TONIGHT, 20), now=NOW)
    assert write_digests(site, now=DUE) == 0


def test_the_hour_is_policy(open_site: Callable[[Cluster], Site]) -> None:
    site = open_site(cluster(digest=time(18, 30)))
    reserve(site, actor(BOB), request(4, TONIGHT, 80), now=NOW)
    assert write_digests(site, now=DUE + 9 * HOUR) == 0
    assert write_digests(site, now=DUE + 9.5 * HOUR) == 1


def test_a_change_alone_is_worth_a_digest(site: Site) -> None:
    booking = reserve(site, actor(BOB), request(4, TONIGHT, 8), now=NOW)
    cancel(site, actor(BOB), booking.id, now=NOW)
    assert write_digests(site, now=DUE) == 1
    assert thursday(site).bookings == ()


def test_it_has_the_teams_bookings_of_the_rest_of_the_day_by_start(site: Site) -> None:
    evening = reserve(site, actor(BOB), request(1, TONIGHT + DAY, 4), now=NOW)
    over = reserve(site, actor(BOB), request(1, TONIGHT, 10), now=NOW)
    running = reserve(site, actor(ALICE), request(1, TONIGHT, 12), now=NOW)
    tomorrow = reserve(site, actor(BOB), request(1, TONIGHT + 2 * DAY - 22 * HOUR, 4), now=NOW)
    other = reserve(site, actor(CHEN), request(1, TONIGHT, 20), now=NOW)
    shown = [booking.id for booking in thursday(site).bookings]
    assert shown == [running.id, evening.id]
    # 08:00 in Shanghai, and the first hour of Friday there.
    assert (over.window.end, tomorrow.window.start) == (DUE - HOUR, DUE + 15 * HOUR)
    assert [b.id for b in thursday(site, "nlp").bookings] == [other.id]


def test_changes_are_those_since_the_digest_before(site: Site) -> None:
    for at in (DUE - DAY - HOUR, DUE - DAY, DUE - timedelta(seconds=1), DUE):
        booking = reserve(site, actor(BOB), request(1, TONIGHT + 2 * DAY, 2), now=at)
        cancel(site, actor(BOB), booking.id, now=at)
    assert [record.at for record in thursday(site).changes] == [
        DUE - DAY,
        DUE - timedelta(seconds=1),
    ]


def test_what_came_as_planned_is_no_change(site: Site) -> None:
    reserve(site, actor(BOB), request(1, TONIGHT, 2), now=NOW)
    turn_over(site, now=TONIGHT)
    turn_over(site, now=TONIGHT + 2 * HOUR)
    assert actions(thursday(site)) == []


def test_changes_tell_what_people_did_in_order(site: Site) -> None:
    first = reserve(site, actor(BOB), request(4, TONIGHT, 8), now=NOW)
    second = reserve(site, actor(ALICE), request(4, TONIGHT + 2 * DAY, 8), now=NOW)
    turn_over(site, now=TONIGHT)
    release(site, actor(BOB), first.id, gpus=1, now=TONIGHT + HOUR)
    move(site, actor(ALICE), second.id, TONIGHT + 3 * DAY, now=TONIGHT + HOUR)
    release(site, actor(BOB), first.id, now=TONIGHT + 2 * HOUR)
    assert actions(thursday(site)) == ["released_part", "moved", "released"]
    assert actions(thursday(site, "nlp")) == []


def test_a_channel_that_two_teams_share_gets_both_digests(
    open_site: Callable[[Cluster], Site],
) -> None:
    lab = cluster()
    shared = tuple(replace(each, channel="C0ALL") for each in lab.teams)
    site = open_site(replace(lab, teams=shared))
    for user in (BOB, CHEN):
        reserve(site, actor(user), request(2, TONIGHT, 20), now=NOW)
    assert write_digests(site, now=DUE) == 2
    assert [row.subject for row in written(site)] == ["digest:vision", "digest:nlp"]


MONDAY = datetime(2026, 11, 30, 1, 0, tzinfo=UTC)


def test_on_mondays_there_is_a_look_back_too(site: Site) -> None:
    booking = reserve(site, actor(BOB), request(4, TONIGHT, 8), now=NOW)
    turn_over(site, now=TONIGHT)
    turn_over(site, now=booking.window.end)
    assert write_digests(site, now=MONDAY) == 1
    (row,) = written(site)
    assert (row.topic, row.subject, row.data) == (
        "weekly",
        "weekly:vision",
        '{"day": "2026-11-30"}',
    )


def test_a_week_without_anything_has_no_look_back(site: Site) -> None:
    assert write_digests(site, now=MONDAY) == 0


def test_other_days_have_no_look_back(site: Site) -> None:
    booking = reserve(site, actor(BOB), request(4, TONIGHT, 20), now=NOW)
    turn_over(site, now=TONIGHT)
    release(site, actor(ADMIN), booking.id, reason="test", now=TONIGHT + HOUR)
    for days in range(5):
        write_digests(site, now=DUE + days * DAY - DAY)
    assert {row.topic for row in written(site)} == {"digest"}
