"""What is free, and who has what."""

from datetime import timedelta

import pytest
from builders import ADMIN, BOB, CHEN, NOW, TONIGHT, actor, request, window

from bot.domain.booking import Shape, Share
from bot.services import look
from bot.services.drain import drain
from bot.services.reserve import reserve

HOUR = timedelta(hours=1)
SLOT_END = TONIGHT - 10 * HOUR  # 12:00 in Shanghai, the end of the slot that NOW lies in


def free(site, shape, hours, **more):
    found = look.free_windows(site, shape, hours * HOUR, not_before=None, now=NOW, **more)
    return [(f.placement.window.start, f.placement.shares[0].node, f.until) for f in found]


def test_a_free_stretch_is_given_once_for_each_model(site):
    found = free(site, Shape(4), 8)
    assert [(start, until) for start, _, until in found] == [(NOW, None), (NOW, None)]
    assert {node for _, node, _ in found} == {"gpu-01", "gpu-03"}


def test_it_says_how_long_the_gpus_stay_free(site):
    for node in ("gpu-01", "gpu-02"):
        reserve(site, actor(BOB), request(1, node=node), now=NOW)
    found = free(site, Shape(4, model="V100"), 8)
    assert found == [(NOW, "gpu-01", TONIGHT), (TONIGHT + 8 * HOUR, "gpu-01", None)]


def test_a_window_that_needs_more_than_is_free_now_starts_later(site):
    reserve(site, actor(BOB), request(8, NOW, 9 + 23 / 60), now=NOW)
    assert free(site, Shape(8), 2, limit=1)[0][0] == SLOT_END + 8 * HOUR


def test_a_node_that_is_free_later_is_not_hidden_by_one_that_is_free_now(site):
    reserve(site, actor(BOB), request(3, NOW, 3 + 23 / 60, node="gpu-02"), now=NOW)
    reserve(site, actor(BOB), request(4, SLOT_END + 2 * HOUR, 24, node="gpu-01"), now=NOW)
    found = free(site, Shape(4, model="V100"), 2)
    assert [(start, node) for start, node, _ in found][:2] == [
        (NOW, "gpu-01"),
        (SLOT_END + 2 * HOUR, "gpu-02"),
    ]


def test_windows_begin_no_earlier_than_asked(site):
    later = TONIGHT + 24 * HOUR
    found = look.free_windows(site, Shape(1), 2 * HOUR, not_before=later, now=NOW, limit=1)
    assert found[0].placement.window == window(later, 2)


@pytest.mark.parametrize("shape", [Shape(16, spread=True), Shape(8, model="V100")])
def test_several_nodes_are_one_window(site, shape):
    found = look.free_windows(site, shape, 8 * HOUR, not_before=None, now=NOW)
    assert [f.placement.gpus for f in found] == [shape.gpus]


def test_when_nothing_fits_within_the_horizon_nothing_is_offered(site):
    drain(site, actor(ADMIN), "gpu-03", until=None, reason="gone", now=NOW)
    assert free(site, Shape(8, node="gpu-03"), 2) == []


def test_status_tells_who_has_what_now_and_next(site):
    running = reserve(site, actor(BOB), request(2, NOW, 3 + 23 / 60, node="gpu-03"), now=NOW)
    ahead = reserve(site, actor(CHEN), request(8, TONIGHT, node="gpu-03"), now=NOW)
    by_node = {status.node.name: status for status in look.status(site, at=NOW, now=NOW)}
    assert (by_node["gpu-03"].free, by_node["gpu-01"].free) == (6, 4)
    assert (by_node["gpu-03"].current, by_node["gpu-03"].upcoming) == ((running,), (ahead,))
    tonight = {s.node.name: s for s in look.status(site, at=TONIGHT, now=NOW)}
    assert (tonight["gpu-03"].free, tonight["gpu-03"].current) == (0, (ahead,))


def test_a_booking_on_two_nodes_shows_on_both(site):
    gang = reserve(site, actor(BOB), request(8, model="V100"), now=NOW)
    assert gang.shares == (Share("gpu-01", 4), Share("gpu-02", 4))
    shown = [s.node.name for s in look.status(site, at=TONIGHT, now=NOW) if s.current == (gang,)]
    assert shown == ["gpu-01", "gpu-02"]


def test_a_drained_node_has_nothing_free(site):
    drain(site, actor(ADMIN), "gpu-01", until=None, reason="fan", now=NOW)
    (status,) = (s for s in look.status(site, at=NOW, now=NOW) if s.node.name == "gpu-01")
    assert (status.free, status.drain.reason) == (0, "fan")


def test_teams_and_people_see_what_is_not_over_in_order_of_start(site):
    later = reserve(site, actor(BOB), request(1, TONIGHT + 24 * HOUR), now=NOW)
    sooner = reserve(site, actor(BOB), request(1), now=NOW)
    assert look.bookings_of(site, BOB, now=NOW) == (sooner, later)
    assert look.team_bookings(site, "vision", now=NOW, limit=1) == (sooner,)
    assert look.bookings_of(site, BOB, now=sooner.window.end) == (later,)
    assert look.bookings_of(site, CHEN, now=NOW) == ()
