"""The calendar in memory, next to one that is loaded afresh, whoever wrote last."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import timedelta

import pytest
from builders import ADMIN, NODES, NOW, actor, cluster, request
from sqlalchemy import event, text

from bot.domain.cluster import Node
from bot.domain.conflict import Conflict
from bot.domain.errors import BookingError
from bot.services.cancel import cancel
from bot.services.drain import drain
from bot.services.nodes import sync_nodes
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.store import calendars
from bot.store.calendars import VERSION

HOUR = timedelta(hours=1)


def loaded(site):
    """The calendar as a process that has just started reads it."""
    with site.database.snapshot() as connection:
        return Site.open(site.database, site.cluster).calendars.fresh(connection, NOW).calendar


def current(site):
    return site.calendars.current(site.database, NOW)


def site_version(site):
    return site.database.peek(VERSION)


def change_something(site, rng):
    start = site.cluster.grid.ceil(NOW) + rng.randrange(24) * 2 * HOUR
    if rng.random() < 0.7:
        reserve(site, actor(ADMIN), request(rng.choice((1, 2, 4)), start, 4, team="nlp"), now=NOW)
    else:
        cancel(site, actor(ADMIN), rng.randrange(1, 9), reason="r", now=NOW)


def test_each_of_two_processes_sees_at_once_what_the_other_wrote(open_site):
    rng = random.Random(1)
    ours, theirs = open_site(cluster()), open_site(cluster())
    for _ in range(25):
        with suppress(BookingError):
            change_something(rng.choice((ours, theirs)), rng)
        reader = rng.choice((ours, theirs))
        assert current(reader).tracks == loaded(reader).tracks
    nodes, changes, *_ = site_version(ours)
    assert nodes == len(NODES)
    assert changes > 10


def test_where_nothing_changed_nothing_is_read_again(open_site):
    site = open_site(cluster())
    reserve(site, actor(ADMIN), request(2, team="nlp"), now=NOW)
    before, statements = current(site), []
    event.listen(site.database.engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    assert current(site) is before
    assert statements == []


def test_a_snapshot_from_before_the_last_change_is_served_as_it_was(open_site):
    ours, theirs = open_site(cluster()), open_site(cluster())
    before = current(ours)
    with ours.database.snapshot() as connection:
        assert ours.calendars.fresh(connection, NOW).calendar is before
        reserve(theirs, actor(ADMIN), request(2, team="nlp"), now=NOW)
        after = current(ours)
        assert ours.calendars.fresh(connection, NOW).calendar is before
    assert after.tracks != before.tracks
    assert current(ours) is after


def test_a_snapshot_from_long_before_is_read_again(open_site, monkeypatch):
    monkeypatch.setattr(calendars, "RECENT", 1)
    ours, theirs = open_site(cluster()), open_site(cluster())
    before = current(ours)
    with ours.database.snapshot() as connection:
        assert ours.calendars.fresh(connection, NOW).calendar is before
        for _ in range(3):
            reserve(theirs, actor(ADMIN), request(1, team="nlp"), now=NOW)
            after = current(ours)
        found = ours.calendars.fresh(connection, NOW).calendar
    assert found.tracks == before.tracks
    assert found is not before
    assert current(ours) is after


def undo(site, booking):
    """Take back the last booking as a crash of PostgreSQL may, before it was acknowledged."""
    about = {"booking": booking.id, "node": booking.shares[0].node}
    with site.database.transaction() as connection:
        for statement in (
            "DELETE FROM claim WHERE holder = :booking",
            "DELETE FROM audit WHERE booking = :booking",
            "UPDATE node SET revision = revision - 1 WHERE name = :node",
        ):
            connection.execute(text(statement), about)


@pytest.mark.parametrize("before", [0, 1])
def test_what_a_crash_has_undone_is_forgotten(open_site, before):
    ours, theirs = open_site(cluster()), open_site(cluster())
    for _ in range(before):
        reserve(theirs, actor(ADMIN), request(1, node="gpu-01", team="nlp"), now=NOW)
    undone = reserve(ours, actor(ADMIN), request(2, node="gpu-01", team="nlp"), now=NOW)
    seen = site_version(ours)
    undo(ours, undone)
    theirs = open_site(cluster())
    reserve(theirs, actor(ADMIN), request(3, node="gpu-01", team="nlp"), now=NOW)
    assert site_version(ours)[:3] == seen[:3]
    assert current(ours).tracks == loaded(ours).tracks
    with pytest.raises(Conflict):
        reserve(ours, actor(ADMIN), request(2, node="gpu-01", team="nlp"), now=NOW)


def test_a_writer_forgets_at_once_what_a_crash_has_undone(open_site):
    ours = open_site(cluster())
    reserve(ours, actor(ADMIN), request(1, node="gpu-01", team="nlp"), now=NOW)
    undo(ours, reserve(ours, actor(ADMIN), request(3, node="gpu-01", team="nlp"), now=NOW))
    reserve(ours, actor(ADMIN), request(3, node="gpu-01", team="nlp"), now=NOW)
    assert current(ours).tracks == loaded(ours).tracks


def test_a_process_that_knows_more_nodes_and_one_that_knows_fewer_see_the_same(open_site):
    few = open_site(cluster())
    more = open_site(cluster(nodes=(*NODES, Node("gpu-04", 8, "H100"))))
    drain(more, actor(ADMIN), "gpu-04", until=None, reason="r", now=NOW)
    reserve(more, actor(ADMIN), request(8, model="A100", team="nlp"), now=NOW)
    for site in (few, more):
        assert current(site).tracks == loaded(site).tracks
        assert current(site) is current(site)


def test_a_calendar_from_before_its_nodes_were_written_is_replaced(open_site):
    before = open_site(cluster())
    more = Site.open(before.database, cluster(nodes=(*NODES, Node("gpu-04", 8, "H100"))))
    current(more)
    sync_nodes(more, now=NOW)
    assert current(more) is current(more)
    reserve(more, actor(ADMIN), request(8, node="gpu-04", team="nlp"), now=NOW)
    assert current(more) is current(more)
    assert current(more).tracks == loaded(more).tracks
