"""What the calendar shows, from real bookings."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import builders
import pytest
from builders import ADMIN, ALICE, BOB, CHEN, NOW, TONIGHT, actor, request, window
from wanting import take, urgent, wish

from bot.domain.booking import Priority
from bot.domain.cluster import Node
from bot.services import recent_tracks
from bot.services.cancel import cancel
from bot.services.drain import drain
from bot.services.join_waitlist import join_waitlist
from bot.services.keep_time import keep_time
from bot.services.recent_tracks import RecentTracks
from bot.services.release import release
from bot.services.reserve import reserve
from bot.services.resume import resume
from bot.services.tracks import _claims, tracks
from bot.services.turn_over import turn_over

HOUR = timedelta(hours=1)
DAY = window(NOW - 12 * HOUR, 48)
UNTIL_NOON, NOON = 3 + 23 / 60, TONIGHT - 8 * HOUR


def seconds(instant):
    return int(instant.timestamp())


def on(found, node):
    """The bars of a node as (kind, id, start, end, indices)."""
    return [tuple(bar) for one in found.nodes if one.node.name == node for bar in one.bars]


def test_a_booking_is_a_bar_on_its_node(site):
    booking = reserve(site, actor(BOB), request(2, node="gpu-03", purpose="yolo"), now=NOW)
    found = tracks(site, DAY, now=NOW)
    start, end = seconds(TONIGHT), seconds(TONIGHT + 8 * HOUR)
    assert on(found, "gpu-03") == [("booking", booking.id, start, end, (0, 1))]
    shown = found.bookings[booking.id]
    assert (shown.owner, shown.team, shown.purpose) == (BOB, "vision", "yolo")
    assert (shown.start, shown.end, shown.nodes, shown.state) == (
        start, end, ("gpu-03",), "reserved",
    )  # fmt: skip


def test_the_gpus_that_an_active_booking_got_are_its_own(site):
    first = reserve(site, actor(BOB), request(2, NOW, 1 + 23 / 60, node="gpu-03"), now=NOW)
    second = reserve(site, actor(CHEN), request(2, NOW, UNTIL_NOON, node="gpu-03"), now=NOW)
    turn_over(site, now=NOW)
    release(site, actor(BOB), first.id, now=NOW + HOUR)
    found = tracks(site, DAY, now=NOW + HOUR)
    got = {bar[1]: bar[4] for bar in on(found, "gpu-03")}
    assert got == {first.id: (0, 1), second.id: (2, 3)}
    assert found.bookings[first.id].state == "ended"
    assert found.bookings[first.id].end == seconds(NOW + HOUR)


def test_a_booking_on_two_nodes_has_a_bar_on_each(site):
    gang = reserve(site, actor(BOB), request(8, model="V100"), now=NOW)
    found = tracks(site, DAY, now=NOW)
    assert [bar[1] for node in ("gpu-01", "gpu-02") for bar in on(found, node)] == [gang.id] * 2
    assert found.bookings[gang.id].nodes == ("gpu-01", "gpu-02")


def test_after_a_part_was_released_the_bar_is_narrower(site):
    booking = reserve(site, actor(BOB), request(4, NOW, UNTIL_NOON, node="gpu-03"), now=NOW)
    turn_over(site, now=NOW)
    release(site, actor(BOB), booking.id, gpus=3, now=NOW + HOUR)
    cut = seconds(NOW + HOUR)
    assert [bar[2:] for bar in on(tracks(site, DAY, now=NOW), "gpu-03")] == [
        (seconds(NOW), cut, (0, 1, 2, 3)),
        (cut, seconds(booking.window.end), (0,)),
    ]


def test_a_warning_and_what_is_kept_for_a_withdrawal_are_shown(site):
    theirs = reserve(site, actor(CHEN), request(8, NOW, 9 + 23 / 60, node="gpu-03"), now=NOW)
    turn_over(site, now=NOW)
    taken = take(site, urgent(8, NOW, UNTIL_NOON, node="gpu-03"), now=NOW, reason="demo")
    found = tracks(site, DAY, now=NOW)
    warning = found.warned[theirs.id]
    assert (warning.preemptor, warning.reason) == (taken.booking.id, "demo")
    assert warning.reclaim_at == taken.booking.window.start
    kinds = [(kind, id_) for kind, id_, *_ in on(found, "gpu-03")]
    assert ("booking", theirs.id) in kinds
    assert ("booking", taken.booking.id) in kinds
    assert ("hold", warning.id) in kinds
    assert found.holds[warning.id].preemptee == theirs.id


def test_who_was_moved_and_not_warned_is_under_no_warning(site):
    theirs = reserve(site, actor(CHEN), request(8, node="gpu-03"), now=NOW)
    take(site, urgent(8, TONIGHT, 2, node="gpu-03"), now=NOW)
    found = tracks(site, window(NOW, 72), now=NOW)
    assert theirs.id in found.bookings
    assert found.warned == {}


def test_a_drain_is_shown_while_it_lasts(site):
    opened = drain(site, actor(ADMIN), "gpu-02", until=TONIGHT, reason="fan", now=NOW).drain

    def drained(during):
        found = tracks(site, during, now=NOW)
        return [node.drain.id for node in found.nodes if node.drain is not None]

    assert drained(DAY) == [opened.id]
    assert drained(window(TONIGHT, 2)) == []
    assert on(tracks(site, DAY, now=NOW), "gpu-02") == [], "it is no bar"
    resume(site, actor(ADMIN), "gpu-02", now=NOW)
    assert drained(DAY) == []


def test_a_node_that_lost_gpus_still_shows_what_lies_on_it(open_site):
    site = open_site(builders.cluster())
    reserve(site, actor(BOB), request(8, node="gpu-03"), now=NOW)
    smaller = open_site(builders.cluster(nodes=(*builders.NODES[:2], Node("gpu-03", 4, "A100"))))
    found = tracks(smaller, DAY, now=NOW)
    assert [bar[4] for bar in on(found, "gpu-03")] == [(0, 1, 2, 3)]


def test_a_node_that_left_the_configuration_is_not_shown(open_site):
    site = open_site(builders.cluster())
    booking = reserve(site, actor(BOB), request(8, node="gpu-03"), now=NOW)
    fewer = open_site(builders.cluster(nodes=builders.NODES[:2]))
    found = tracks(fewer, DAY, now=NOW)
    assert booking.id not in found.bookings


@pytest.mark.parametrize(
    ("start", "hours", "shown"),
    [(TONIGHT - 2 * HOUR, 2, False), (TONIGHT - 2 * HOUR, 2.1, True), (TONIGHT + 7 * HOUR, 1, True),
     (TONIGHT + 8 * HOUR, 5, False)],
)  # fmt: skip
def test_only_what_overlaps_the_window_is_read(site, start, hours, shown):
    reserve(site, actor(BOB), request(2, node="gpu-03"), now=NOW)
    assert bool(tracks(site, window(start, hours), now=NOW).bookings) is shown


def test_the_longest_booking_is_seen_at_its_very_beginning(open_site):
    lengths = dict.fromkeys(Priority, timedelta(days=40))
    site = open_site(builders.cluster(max_length=lengths))
    rounded = 40 * 24 + UNTIL_NOON
    booking = reserve(site, actor(BOB), request(1, NOW, rounded), now=NOW)
    assert booking.id in tracks(site, window(NOW, 1), now=NOW).bookings


def test_only_the_nodes_asked_for_are_read(site):
    reserve(site, actor(BOB), request(2, node="gpu-03"), now=NOW)
    found = tracks(site, DAY, now=NOW, nodes=["gpu-01"])
    assert [one.node.name for one in found.nodes] == ["gpu-01"]
    assert found.bookings == {}


def test_an_offer_is_shown_with_what_it_holds(site):
    everything = reserve(site, actor(CHEN), request(8, NOW, UNTIL_NOON, node="gpu-03"), now=NOW)
    turn_over(site, now=NOW)
    join_waitlist(site, actor(BOB), wish(8, 2, latest=NOON, node="gpu-03"), now=NOW)
    release(site, actor(CHEN), everything.id, now=NOW + HOUR)
    found = tracks(site, DAY, now=NOW + HOUR)
    offers = [bar for bar in on(found, "gpu-03") if bar[0] == "offer"]
    assert len(offers) == 1
    assert found.offers[offers[0][1]].owner == BOB
    assert offers[0][4] == tuple(range(8))


@pytest.mark.parametrize("database_url", ["SQLite"], indirect=True)
def test_history_is_not_read(site):
    """The index of the claims finds those in the window, whatever lies before and after it."""
    statement = _claims(site.cluster, site.cluster.nodes, DAY)
    with site.database.snapshot() as connection:
        sql = statement.compile(connection.engine, compile_kwargs={"literal_binds": True})
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}")]
    assert plan == [
        "SEARCH claim USING INDEX claim_counting (node=? AND end_s>? AND end_s<?)",
        "SEARCH booking USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN",
    ]


def test_what_was_read_is_shared_until_something_changes(site):
    recent = RecentTracks(site)
    before = recent.get(DAY, now=NOW)
    again = recent.get(DAY, now=NOW + HOUR)
    assert again.nodes is before.nodes
    assert again.now == NOW + HOUR
    reserve(site, actor(BOB), request(2, node="gpu-03"), now=NOW)
    assert len(recent.get(DAY, now=NOW).bookings) == 1


def test_a_booking_that_begins_is_no_longer_shared_as_it_was(site):
    """Its claim stays as it was, its state does not."""
    booking = reserve(site, actor(BOB), request(2, NOW, UNTIL_NOON), now=NOW)
    recent = RecentTracks(site)
    assert recent.get(DAY, now=NOW).bookings[booking.id].state == "reserved"
    turn_over(site, now=NOW)
    assert recent.get(DAY, now=NOW).bookings[booking.id].state == "active"


def same(found, expected):
    """Whether two readings show the same, in whatever order the bookings were read."""
    assert found == replace(expected, seq=found.seq)
    return True


def test_only_the_nodes_that_changed_are_read_again(site, monkeypatch):
    recent, read = RecentTracks(site), []

    def reading(*arguments, nodes=None, **more):
        read.append(nodes if nodes is None else set(nodes))
        return tracks(*arguments, nodes=nodes, **more)

    monkeypatch.setattr(recent_tracks, "tracks", reading)
    recent.get(DAY, now=NOW)
    reserve(site, actor(BOB), request(2, node="gpu-03"), now=NOW)
    recent.get(DAY, now=NOW)
    assert read == [None, {"gpu-03"}]


def test_what_is_kept_is_what_would_be_read_whatever_happens(site):
    recent = RecentTracks(site)

    def check(now):
        assert same(recent.get(DAY, now=now), tracks(site, DAY, now=now))

    check(NOW)
    theirs = reserve(site, actor(CHEN), request(8, NOW, 9 + 23 / 60, node="gpu-03"), now=NOW)
    gang = reserve(site, actor(BOB), request(8, model="V100"), now=NOW)
    check(NOW)
    turn_over(site, now=NOW)
    check(NOW)
    taken = take(site, urgent(8, NOW, UNTIL_NOON, node="gpu-03"), now=NOW, reason="demo")
    check(NOW)
    cancel(site, actor(ALICE), taken.booking.id, reason="not needed", now=NOW)
    check(NOW)
    release(site, actor(CHEN), theirs.id, gpus=5, now=NOW + HOUR)
    check(NOW + HOUR)
    drain(site, actor(ADMIN), "gpu-02", until=None, reason="fan", now=NOW + HOUR)
    check(NOW + HOUR)
    cancel(site, actor(BOB), gang.id, now=NOW + HOUR)
    resume(site, actor(ADMIN), "gpu-02", now=NOW + HOUR)
    check(NOW + HOUR)
    reserve(
        site, actor(CHEN), request(5, NOW + HOUR, UNTIL_NOON - 1, node="gpu-03"), now=NOW + HOUR
    )
    join_waitlist(site, actor(BOB), wish(8, 2, latest=NOON, node="gpu-03"), now=NOW + HOUR)
    release(site, actor(CHEN), theirs.id, now=NOW + HOUR)
    check(NOW + HOUR)
    keep_time(site, now=TONIGHT + 12 * HOUR)
    check(TONIGHT + 12 * HOUR)
