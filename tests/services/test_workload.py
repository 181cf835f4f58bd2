"""The benchmarks' generator writes what the services would have written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from builders import actor
from promises import check_cache, check_promises
from sqlalchemy import text

from benchmarks.laboratory import NOW, lab, opened, people
from benchmarks.workload import fill, fill_past, fill_waiting
from bot.services.audit import verify
from bot.services.cancel import cancel
from bot.services.extend import extend
from bot.services.keep_time import keep_time
from bot.services.look import bookings_of
from bot.services.record import describe
from bot.services.site import Site
from bot.store import queries, wait_queries

LIVE, ENDED = 400, 200


@pytest.fixture
def site(tmp_path) -> Iterator[Site]:
    with opened(tmp_path / "gpubot.db", lab(gpus=32)) as site:
        fill_past(site, ENDED)
        fill(site, LIVE)
        yield site


def bookings(site, condition="true"):
    with site.database.snapshot() as connection:
        ids = connection.execute(text(f"SELECT id FROM booking WHERE {condition}")).scalars().all()
        found = queries.bookings_by_id(connection, ids)
    return [found[number] for number in ids]


def test_there_are_as_many_as_were_asked_for_and_all_promises_hold(site):
    everyone = bookings(site)
    assert (len(everyone), sum(b.state.is_live for b in everyone)) == (ENDED + LIVE, LIVE)
    assert all((b.window.end <= NOW) == (b.state == "ended") for b in everyone)
    assert all((b.window.start <= NOW) == (b.state != "reserved") for b in everyone)
    assert any(b.state == "active" for b in everyone)
    check_promises(site)
    check_cache(site, NOW)


def test_no_two_that_run_have_the_same_gpu(site):
    taken = [
        (node, index)
        for booking in bookings(site, "state = 'active'")
        for node, ids in booking.gpu_ids
        for index in ids
    ]
    assert len(taken) == len(set(taken))
    assert all(index < 8 for _, index in taken)


def test_the_past_was_never_promised_twice_either(site):
    with site.database.snapshot() as connection:
        claims = connection.execute(text("SELECT node, start_s, end_s, gpus FROM claim")).all()
    for node in site.cluster.nodes:
        here = [claim for claim in claims if claim.node == node.name]
        for at in {claim.start_s for claim in here}:
            assert sum(c.gpus for c in here if c.start_s <= at < c.end_s) <= node.gpus


def test_the_audit_is_whole_and_tells_what_each_booking_is(site):
    assert verify(site).ok
    with site.database.snapshot() as connection:
        rows = connection.execute(text("SELECT booking, after FROM audit ORDER BY seq")).all()
    last = {row.booking: json.loads(row.after) for row in rows}
    for booking in bookings(site):
        assert last[booking.id] == json.loads(json.dumps(describe(booking)))


def test_nothing_is_due_and_nothing_is_to_be_told(site):
    assert keep_time(site, now=NOW) == 0
    with site.database.snapshot() as connection:
        pending = text("SELECT count(*) FROM outbox WHERE state = 'pending'")
        assert connection.execute(pending).scalar_one() == 0


def test_people_go_on_with_what_was_generated(site):
    owner = next(user for user in people(3) if bookings_of(site, user, now=NOW))
    mine = [b for b in bookings_of(site, owner, now=NOW) if b.state == "reserved"]
    cancel(site, actor(owner), mine[0].id, now=NOW)
    last = max(bookings(site, "state = 'reserved'"), key=lambda b: b.window.end)
    extend(site, actor(last.owner), last.id, site.cluster.policy.slot, now=NOW)
    check_promises(site)
    check_cache(site, NOW)
    assert verify(site).ok


def test_the_same_seed_gives_the_same_bookings(site, tmp_path):
    with opened(tmp_path / "again.db", lab(gpus=32)) as again:
        fill_past(again, ENDED)
        fill(again, LIVE)
        assert bookings(again) == bookings(site)


def test_those_who_wait_are_served_when_something_is_given_up(site):
    fill_waiting(site, 30)
    soonest = min(bookings(site, "state = 'reserved'"), key=lambda b: b.window.start)
    assert soonest.window.start < datetime(2026, 12, 1, tzinfo=UTC)
    cancel(site, actor(soonest.owner), soonest.id, now=NOW)
    with site.database.snapshot() as connection:
        waiting = [wait_queries.to_entry(row) for row in wait_queries.waiting(connection)]
        offers = connection.execute(text("SELECT count(*) FROM offer")).scalar_one()
    assert (len(waiting), offers) == (30 - offers, offers)
    assert offers
    check_promises(site)
