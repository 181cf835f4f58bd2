"""The calendar of capacity, compared with a recount of every claim."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recount import (
    HOUR,
    World,
    claims_of,
    highest_overlap,
    second,
    unhurried,
    utc,
    windows_of,
    worlds,
)

from bot.domain.booking import Placement, Share
from bot.domain.calendar import Calendar, Claim, Track, span
from bot.domain.cluster import Node
from bot.domain.lattice import Lattice
from bot.domain.window import Grid, Window

SHANGHAI = Grid(2 * HOUR, ZoneInfo("Asia/Shanghai"))
PARIS = Grid(2 * HOUR, ZoneInfo("Europe/Paris"))

#: Wednesday 25 November 2026 in Shanghai, from midnight to midnight.
DAY = Lattice.build(SHANGHAI, utc("2026-11-24T16:00"), utc("2026-11-25T16:00"))


def at(clock: str) -> int:
    """An instant of DAY, by the clock in Shanghai, in epoch seconds."""
    hours, minutes = map(int, clock.split(":"))
    return DAY.origin + hours * 3600 + minutes * 60


def during(start: str, end: str) -> Window:
    return Window(datetime.fromtimestamp(at(start), UTC), datetime.fromtimestamp(at(end), UTC))


def claim(start: str, end: str, gpus: int, *, number: int = 1, node: str = "gpu-01") -> Claim:
    return Claim(number, node, at(start), at(end), gpus)


def track_of(claims: Sequence[Claim], capacity: int = 4, lattice: Lattice = DAY) -> Track:
    rows = [(c.id, c.node, c.start, c.end, c.gpus) for c in claims]
    return Track.load(capacity, lattice, rows)


# -- the lattice ----------------------------------------------------------------------------------


def test_a_lattice_reaches_outward_to_the_lines_around_what_is_asked() -> None:
    lattice = Lattice.build(SHANGHAI, utc("2026-11-25T02:37"), utc("2026-11-25T09:01"))
    assert lattice.origin == second(utc("2026-11-25T02:00"))
    assert lattice.limit == second(utc("2026-11-25T10:00"))
    assert lattice.cells == 4
    assert lattice.odd_cells == ()


@pytest.mark.parametrize(
    ("hours", "day", "cells", "odd"),
    [
        (2, "2027-03-27T23:00", 12, {1: 1}),
        (2, "2026-10-24T22:00", 12, {1: 3}),
        (1, "2027-03-27T23:00", 23, {}),
        (1, "2026-10-24T22:00", 24, {2: 2}),
        (24, "2027-03-27T23:00", 1, {0: 23}),
    ],
)
def test_the_slot_with_a_clock_change_is_odd_or_no_cell_at_all(
    hours: int, day: str, cells: int, odd: dict[int, int]
) -> None:
    grid = Grid(hours * HOUR, ZoneInfo("Europe/Paris"))
    start = utc(day)
    end = grid.line(grid.number(start) + grid.lines_per_day)
    lattice = Lattice.build(grid, start, end)
    lengths = {c: (lattice.lines[c + 1] - lattice.lines[c]) // 3600 for c in lattice.odd_cells}
    assert (lattice.cells, lengths) == (cells, odd)


def test_a_lattice_without_a_cell_or_with_naive_ends_is_refused() -> None:
    with pytest.raises(ValueError, match="no grid cell"):
        Lattice.build(SHANGHAI, utc("2026-11-25T02:00"), utc("2026-11-25T02:00"))
    with pytest.raises(ValueError, match="naive"):
        Lattice.build(SHANGHAI, datetime(2026, 11, 25), utc("2026-11-26T02:00"))  # noqa: DTZ001


@unhurried
@given(worlds(max_nodes=1, max_claims=0))
def test_the_lines_of_a_lattice_are_all_instants_that_are_on_the_grid(world: World) -> None:
    assert list(world.lattice.lines) == [second(line) for line in world.lines]


@unhurried
@given(worlds(max_nodes=1, max_claims=0), st.integers(1, 12))
def test_a_window_takes_as_many_cells_as_rounding_its_end_says(world: World, slots: int) -> None:
    lattice = world.lattice
    length = slots * world.grid.slot
    found = {
        (start, 1 + sum(steps))
        for steps, starts in lattice.spans(length)
        for start in range(lattice.cells)
        if starts >> start & 1
    }
    lines = world.lines
    expected = {
        (start, lines.index(end) - start)
        for start in range(lattice.cells)
        if (end := world.window(lines[start], length).end) <= world.limit
    }
    assert found == expected


# -- tracks ---------------------------------------------------------------------------------------


def test_a_window_that_only_touches_a_claim_finds_everything_free() -> None:
    track = track_of([claim("08:00", "12:00", 3)])
    assert track.free(at("06:00"), at("08:00")) == 4
    assert track.free(at("12:00"), at("14:00")) == 4
    assert track.free(at("10:00"), at("14:00")) == 1


def test_claims_that_follow_one_another_off_the_grid_do_not_add_up() -> None:
    track = track_of([claim("08:10", "08:40", 3), claim("08:40", "09:30", 2, number=2)])
    assert track.free(at("08:00"), at("10:00")) == 1
    assert track.free(at("08:40"), at("10:00")) == 2
    assert track.free(at("09:30"), at("10:00")) == 4
    assert track.blocked(2) == 1 << 4
    assert track.blocked(1) == 0


def test_a_claim_from_now_leaves_the_time_before_it_free() -> None:
    track = track_of([claim("10:37", "16:00", 4)])
    assert track.free(at("10:00"), at("10:37")) == 4
    assert track.free(at("10:00"), at("10:38")) == 0


def test_the_time_before_the_lattice_is_free_and_the_time_after_it_is_not() -> None:
    track = track_of([])
    assert track.free(DAY.origin - 9000, DAY.origin - 1000) == 4
    assert track.free(DAY.origin - 9000, DAY.origin + 1000) == 4
    assert track.free(DAY.limit - 1000, DAY.limit) == 4
    assert track.free(DAY.limit - 1000, DAY.limit + 1) == 0


def test_a_drained_node_keeps_count_of_the_bookings_beneath_the_drain() -> None:
    drain = claim("00:00", "24:00", 4, number=9)
    track = track_of([claim("08:00", "12:00", 3)]).add(drain)
    assert track.free(at("08:00"), at("10:00")) == 0
    assert track.remove(drain) == track_of([claim("08:00", "12:00", 3)])


def test_a_drain_without_an_end_reaches_to_the_limit() -> None:
    endless = Claim(1, "gpu-01", at("06:00"), 10**12, 4)
    track = track_of([endless])
    assert track.free(at("04:00"), at("06:00")) == 4
    assert track.free(at("22:00"), at("24:00")) == 0
    assert track.remove(endless) == track_of([])


def test_taking_out_what_was_never_put_in_is_refused() -> None:
    track = track_of([claim("08:00", "12:00", 2)])
    with pytest.raises(ValueError, match="less than"):
        track.remove(claim("08:00", "14:00", 2))
    with pytest.raises(ValueError, match="not in list"):
        track_of([claim("08:10", "08:40", 2)]).remove(claim("08:10", "08:41", 2))


@unhurried
@given(worlds(max_nodes=1), st.data())
def test_free_gpus_are_the_capacity_less_the_highest_overlap(
    world: World, data: st.DataObject
) -> None:
    window = data.draw(windows_of(world))
    node = world.nodes[0]
    assert world.calendar.free(node.name, window) == world.free(node, window)


@unhurried
@given(worlds(max_nodes=1), st.data())
def test_a_node_takes_a_request_if_and_only_if_the_highest_overlap_leaves_room(
    world: World, data: st.DataObject
) -> None:
    node = world.nodes[0]
    window = data.draw(windows_of(world))
    gpus = data.draw(st.integers(1, node.gpus + 1))
    room = highest_overlap(world.claims, *span(window)) + gpus <= node.gpus
    track = world.calendar.tracks[node.name]
    assert track.has(gpus, track.lattice.cover(*span(window))) is room
    assert world.calendar.fits(Placement(window, (Share(node.name, gpus),))) is room


@unhurried
@given(worlds(max_nodes=1))
def test_blocked_cells_are_those_in_which_too_few_gpus_are_free_all_the_time(world: World) -> None:
    node, lines = world.nodes[0], world.lines
    for gpus in range(1, node.gpus + 1):
        blocked = world.calendar.tracks[node.name].blocked(gpus)
        for cell in range(len(lines) - 1):
            free = world.free(node, Window(lines[cell], lines[cell + 1]))
            assert bool(blocked >> cell & 1) is (free < gpus)


@unhurried
@given(worlds(max_nodes=1), st.data())
def test_any_order_of_adding_and_removing_gives_what_a_fresh_load_gives(
    world: World, data: st.DataObject
) -> None:
    capacity, lattice = world.nodes[0].gpus, world.lattice
    track, held = track_of(world.claims, capacity, lattice), list(world.claims)
    for number in range(data.draw(st.integers(0, 12))):
        if held and data.draw(st.booleans()):
            track = track.remove(held.pop(data.draw(st.integers(0, len(held) - 1))))
        else:
            new = data.draw(claims_of(world))
            held.append(Claim(100 + number, new.node, new.start, new.end, new.gpus))
            track = track.add(held[-1])
        assert track == track_of(held, capacity, lattice)


@unhurried
@given(worlds(max_nodes=1), st.data())
def test_removing_every_claim_in_any_order_leaves_an_empty_track(
    world: World, data: st.DataObject
) -> None:
    capacity, lattice = world.nodes[0].gpus, world.lattice
    track = track_of(world.claims, capacity, lattice)
    for gone in data.draw(st.permutations(world.claims)):
        track = track.remove(gone)
    assert track == Track(capacity, lattice)


# -- calendars ------------------------------------------------------------------------------------

NODES = (Node("gpu-01", 4, "V100"), Node("gpu-02", 8, "A100"))


def test_changing_a_fork_leaves_the_calendar_as_it_was() -> None:
    calendar = Calendar.load(NODES, [(1, "gpu-01", at("08:00"), at("12:00"), 1)], DAY)
    fork = calendar.fork()
    fork.add(claim("08:00", "10:00", 3, number=2))
    assert fork.free("gpu-01", during("08:00", "10:00")) == 0
    assert calendar.free("gpu-01", during("08:00", "10:00")) == 3
    fork.remove(claim("08:00", "12:00", 1))
    assert fork.free("gpu-01", during("10:00", "12:00")) == 4
    assert calendar.free("gpu-01", during("10:00", "12:00")) == 3


def test_claims_on_nodes_that_left_the_configuration_are_passed_over() -> None:
    calendar = Calendar.load(NODES, [(1, "gpu-09", at("08:00"), at("12:00"), 1)], DAY)
    gone = claim("08:00", "10:00", 3, number=2, node="gpu-09")
    calendar.add(gone)
    calendar.remove(gone)
    assert calendar.free("gpu-09", during("08:00", "10:00")) == 0
    assert calendar.free("gpu-01", during("08:00", "10:00")) == 4


def test_a_placement_fits_when_each_of_its_shares_does() -> None:
    calendar = Calendar.load(NODES, [(1, "gpu-02", at("08:00"), at("12:00"), 5)], DAY)
    window = during("10:00", "14:00")
    assert calendar.fits(Placement(window, (Share("gpu-01", 4), Share("gpu-02", 3))))
    assert not calendar.fits(Placement(window, (Share("gpu-01", 4), Share("gpu-02", 4))))
    assert not calendar.fits(Placement(window, (Share("gpu-09", 1),)))


def test_fractions_of_a_second_are_rounded_outward() -> None:
    start = utc("2026-11-25T02:37:10")
    window = Window(start + timedelta(microseconds=999_999), start + timedelta(seconds=9.000001))
    assert span(window) == (second(start), second(start) + 10)
