"""Which nodes a request gets, and when it fits, compared with a look at every start."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recount import HOUR, Days, World, second, shapes_of, unhurried, utc, windows_of, worlds

from bot.domain.booking import Placement, Shape, Share
from bot.domain.calendar import Claim
from bot.domain.cluster import Node
from bot.domain.placement import Hints, at_line, earliest, latest, place
from bot.domain.window import Grid, Window

GRID = Grid(2 * HOUR, ZoneInfo("Asia/Shanghai"))
ORIGIN = utc("2026-11-24T16:00")
LIMIT = ORIGIN + timedelta(days=6)
DAYS = Days(GRID, ORIGIN, LIMIT)
V1, V2, V3 = (Node(f"gpu-0{n}", 4, "V100") for n in (1, 2, 3))
A1, A2 = (Node(f"big-0{n}", 8, "A100") for n in (1, 2))


def hour(number: float) -> datetime:
    """The instant that many hours after midnight of the first day."""
    return ORIGIN + number * HOUR


def hours(start: float, end: float) -> Window:
    return Window(hour(start), hour(end))


def world(*nodes: Node, taken: Sequence[tuple[Node, float, float, int]] = ()) -> World:
    claims = [
        Claim(number, node.name, second(hour(start)), second(hour(end)), gpus)
        for number, (node, start, end, gpus) in enumerate(taken)
    ]
    return World(DAYS, nodes, claims)


def nodes_of(placed: Placement | None) -> list[str]:
    assert placed is not None
    return [share.node for share in placed.shares]


# -- which nodes ----------------------------------------------------------------------------------


def test_a_request_goes_to_the_node_that_it_fills_most() -> None:
    calendar = world(V1, V2, V3, taken=[(V2, 0, 24, 2), (V3, 0, 24, 1)]).calendar
    assert nodes_of(place(calendar, Shape(2), hours(8, 12))) == ["gpu-02"]
    assert nodes_of(place(calendar, Shape(3), hours(8, 12))) == ["gpu-03"]
    assert nodes_of(place(calendar, Shape(4), hours(8, 12))) == ["gpu-01"]


def test_equal_nodes_are_taken_in_the_order_of_the_configuration() -> None:
    assert nodes_of(place(world(V2, V1).calendar, Shape(2), hours(8, 12))) == ["gpu-02"]


def test_work_of_one_team_is_kept_together_among_equal_nodes() -> None:
    calendar = world(V1, V2, V3, taken=[(V3, 0, 24, 2)]).calendar
    together = Hints(team_nodes=lambda: frozenset({"gpu-02"}))
    assert nodes_of(place(calendar, Shape(4), hours(8, 12), together)) == ["gpu-02"]
    assert nodes_of(place(calendar, Shape(2), hours(8, 12), together)) == ["gpu-03"]


def test_a_node_whose_booking_may_overrun_into_the_window_is_avoided() -> None:
    calendar = world(V1, V2, taken=[(V1, 4, 8, 3)]).calendar
    assert nodes_of(place(calendar, Shape(2), hours(8, 12))) == ["gpu-02"]
    assert nodes_of(place(calendar, Shape(1), hours(8, 12))) == ["gpu-01"]


def test_a_node_that_leaves_no_room_to_overrun_is_avoided() -> None:
    calendar = world(V1, V2, taken=[(V1, 12, 16, 3)]).calendar
    assert nodes_of(place(calendar, Shape(2), hours(8, 12))) == ["gpu-02"]


def test_one_overrun_risk_is_better_than_two_and_than_another_teams_node() -> None:
    taken = [(V1, 12, 16, 3), (V1, 4, 8, 3), (V2, 12, 16, 3), (V3, 4, 8, 4), (V3, 12, 14, 4)]
    calendar = world(V1, V2, V3, taken=taken).calendar
    assert nodes_of(place(calendar, Shape(2), hours(8, 12))) == ["gpu-02"]
    own = Hints(team_nodes=lambda: frozenset({"gpu-01", "gpu-03"}))
    assert nodes_of(place(calendar, Shape(2), hours(8, 12), own)) == ["gpu-01"]


def test_a_named_node_or_model_is_the_only_one_considered() -> None:
    calendar = world(V1, A1, V2).calendar
    assert nodes_of(place(calendar, Shape(4, node="gpu-02"), hours(8, 12))) == ["gpu-02"]
    assert nodes_of(place(calendar, Shape(4, model="A100"), hours(8, 12))) == ["big-01"]
    assert place(calendar, Shape(4, node="gpu-01", model="A100"), hours(8, 12)) is None
    assert place(calendar, Shape(4, model="H100"), hours(8, 12)) is None


def test_a_request_over_the_node_size_takes_whole_nodes_of_one_model() -> None:
    calendar = world(V1, A1, V2, A2, V3, taken=[(V1, 0, 2, 1)]).calendar
    placed = place(calendar, Shape(16), hours(8, 12))
    assert placed == Placement(hours(8, 12), (Share("big-01", 8), Share("big-02", 8)))
    assert nodes_of(place(calendar, Shape(8, model="V100"), hours(2, 12))) == ["gpu-02", "gpu-03"]


def test_whole_nodes_are_never_mixed_across_models() -> None:
    calendar = world(V1, Node("odd-01", 4, "T4")).calendar
    assert place(calendar, Shape(8), hours(8, 12)) is None


def test_whole_nodes_of_one_model_may_differ_in_size_and_the_fewest_are_taken() -> None:
    small, large = Node("v-small", 2, "V100"), Node("v-large", 4, "V100")
    other = Node("v-other", 2, "V100")
    calendar = world(small, large, other, V1).calendar
    assert nodes_of(place(calendar, Shape(8), hours(8, 12))) == ["v-large", "gpu-01"]
    assert nodes_of(place(calendar, Shape(10), hours(8, 12))) == ["v-small", "v-large", "gpu-01"]
    assert place(calendar, Shape(7), hours(8, 12)) is None


def test_all_or_nothing_one_taken_gpu_keeps_a_gang_off_a_node() -> None:
    calendar = world(V1, V2, taken=[(V2, 11, 11.5, 1)]).calendar
    assert place(calendar, Shape(8), hours(8, 12)) is None
    assert place(calendar, Shape(8), hours(12, 16)) is not None


def test_spread_takes_few_nodes_and_fits_the_last_one_tightly() -> None:
    calendar = world(V1, V2, V3, A1, taken=[(V1, 0, 24, 2), (A1, 0, 24, 1)]).calendar
    placed = place(calendar, Shape(9, spread=True), hours(8, 12))
    assert placed == Placement(hours(8, 12), (Share("gpu-01", 2), Share("big-01", 7)))
    assert nodes_of(place(calendar, Shape(4, spread=True), hours(8, 12))) == ["gpu-02"]
    assert place(calendar, Shape(18, spread=True), hours(8, 12)) is None
    uneven = world(V1, V2, V3, taken=[(V1, 0, 24, 3), (V2, 0, 24, 1)]).calendar
    assert nodes_of(place(uneven, Shape(6, spread=True), hours(8, 12))) == ["gpu-02", "gpu-03"]


def test_nothing_is_placed_beyond_the_end_of_the_calendar() -> None:
    calendar, end = world(V1).calendar, LIMIT
    assert place(calendar, Shape(1), Window(end - 2 * HOUR, end)) is not None
    assert place(calendar, Shape(1), Window(end - 2 * HOUR, end + HOUR)) is None


@unhurried
@given(worlds(), st.data())
def test_a_request_is_placed_if_and_only_if_it_fits(world: World, data: st.DataObject) -> None:
    shape, window = data.draw(shapes_of(world)), data.draw(windows_of(world))
    placed = place(world.calendar, shape, window)
    assert (placed is not None) is world.fits(shape, window)
    if placed is not None:
        assert_keeps_the_rules(world, shape, placed)


def assert_keeps_the_rules(world: World, shape: Shape, placed: Placement) -> None:
    by_name = {node.name: node for node in world.nodes}
    names = [share.node for share in placed.shares]
    taken = [by_name[name] for name in names]
    assert placed.gpus == shape.gpus
    assert names == [node.name for node in world.nodes if node.name in names]
    assert all(shape.node in (None, node.name) for node in taken)
    assert all(shape.model in (None, node.model) for node in taken)
    free = [world.free(node, placed.window) for node in taken]
    assert all(share.gpus <= count for share, count in zip(placed.shares, free, strict=True))
    if shape.spread:
        assert len(taken) == fewest_nodes(world, shape, placed.window)
    elif len(taken) == 1:
        assert free[0] == tightest_fit(world, shape, placed.window)
    else:
        assert len({node.model for node in taken}) == 1
        assert [share.gpus for share in placed.shares] == [node.gpus for node in taken]


def free_counts(world: World, shape: Shape, window: Window) -> list[int]:
    nodes = [node for node in world.nodes if shape.node in (None, node.name)]
    return sorted(world.free(node, window) for node in nodes if shape.model in (None, node.model))


def fewest_nodes(world: World, shape: Shape, window: Window) -> int:
    counts = free_counts(world, shape, window)[::-1]
    return next(n for n in range(1, len(counts) + 1) if sum(counts[:n]) >= shape.gpus)


def tightest_fit(world: World, shape: Shape, window: Window) -> int:
    return min(count for count in free_counts(world, shape, window) if count >= shape.gpus)


# -- which start ----------------------------------------------------------------------------------

FAR = hour(24 * 5)


def first(world: World, shape: Shape, slots: int, now: datetime, **bounds: datetime) -> Window:
    limits = {"not_before": now, "latest_start": FAR, **bounds}
    placed = earliest(world.calendar, shape, slots * 2 * HOUR, now=now, **limits)
    assert placed is not None
    return placed.window


def test_a_free_node_is_given_from_now_to_a_line_of_the_grid() -> None:
    assert first(world(V1), Shape(4), 2, hour(10) + timedelta(minutes=37)) == Window(
        hour(10) + timedelta(minutes=37), hour(16)
    )
    assert first(world(V1), Shape(4), 2, hour(10) + timedelta(minutes=4)) == Window(
        hour(10) + timedelta(minutes=4), hour(14)
    )


def test_a_later_start_lies_on_the_grid() -> None:
    busy = world(V1, taken=[(V1, 9, 14.5, 1)])
    assert first(busy, Shape(4), 2, hour(10.5)) == hours(16, 20)
    assert first(world(V1), Shape(4), 2, hour(10.5), not_before=hour(10.75)) == hours(12, 16)


def test_a_gap_that_is_too_short_is_passed_over() -> None:
    busy = world(V1, taken=[(V1, 0, 8, 4), (V1, 12, 20, 1)])
    assert first(busy, Shape(4), 2, hour(0)) == hours(8, 12)
    assert first(busy, Shape(4), 3, hour(0)) == hours(20, 26)
    assert first(busy, Shape(3), 3, hour(0)) == hours(8, 14)


def test_a_gang_waits_until_enough_nodes_are_free_at_once() -> None:
    busy = world(V1, V2, V3, taken=[(V1, 0, 10, 1), (V2, 8, 20, 1), (V3, 0, 8, 1)])
    assert first(busy, Shape(8), 4, hour(0)) == hours(10, 18)
    assert first(busy, Shape(12), 4, hour(0)) == hours(20, 28)


def test_nothing_starts_after_the_latest_start() -> None:
    busy = world(V1, taken=[(V1, 0, 8, 4)])
    search = {"not_before": hour(0), "now": hour(0)}
    ask = (busy.calendar, Shape(1), 4 * HOUR)
    assert earliest(*ask, latest_start=hour(7.9), **search) is None
    assert earliest(*ask, latest_start=hour(8), **search) is not None
    assert earliest(*ask, latest_start=hour(-1), **search) is None
    search = {"not_before": hour(8.6), "now": hour(8.6)}
    assert earliest(*ask, latest_start=hour(8.5), **search) is None
    assert earliest(*ask, latest_start=hour(8.6), **search) is not None


def test_nothing_starts_before_now_even_when_that_is_asked_for() -> None:
    window = first(world(V1), Shape(1), 2, hour(10.6), not_before=hour(4))
    assert window == hours(10.6, 16)


@pytest.mark.parametrize("line", range(2, 50, 2))
def test_a_single_gap_is_found_wherever_it_is(line: int) -> None:
    busy = world(V1, taken=[(V1, 0, line, 4), (V1, line + 4, 144, 4)])
    ask = (busy.calendar, Shape(1), 4 * HOUR)
    assert first(busy, Shape(1), 2, hour(0)) == hours(line, line + 4)
    placed = latest(*ask, before=hour(60), now=hour(0))
    assert placed is not None
    assert placed.window == hours(line, line + 4)


def test_nothing_ends_after_the_calendar_does() -> None:
    ask = (world(V1).calendar, Shape(1), 4 * HOUR)
    late = LIMIT - HOUR
    assert earliest(*ask, not_before=late, latest_start=LIMIT, now=late) is None
    assert first(world(V1), Shape(1), 2, hour(0), not_before=LIMIT - 4 * HOUR,
                 latest_start=LIMIT).end == LIMIT  # fmt: skip


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-10-24T18:00", "2026-10-25T00:00"),
        ("2026-10-24T20:00", "2026-10-25T03:00"),
        ("2027-03-27T21:00", "2027-03-28T04:00"),
        ("2027-03-28T01:00", "2027-03-28T08:00"),
        ("2027-03-28T02:00", "2027-03-28T08:00"),
    ],
)
def test_six_hours_over_a_clock_change_end_on_the_next_line(start: str, end: str) -> None:
    paris = Grid(2 * HOUR, ZoneInfo("Europe/Paris"))
    begin = utc(start)
    days = World(Days(paris, begin - 48 * HOUR, begin + 48 * HOUR), [V1])
    search = {"not_before": begin, "latest_start": begin, "now": begin}
    placed = earliest(days.calendar, Shape(1), 6 * HOUR, **search)
    assert placed is not None
    assert placed.window == Window(begin, utc(end))


@st.composite
def searches(draw: st.DrawFn) -> tuple[World, Shape, timedelta, datetime, datetime]:
    """A world, a shape, a length, now (on or off the grid), and another instant after it."""
    world = draw(worlds())
    now = draw(windows_of(world)).start
    other = draw(windows_of(world)).start
    length = draw(st.integers(1, 8)) * world.grid.slot
    return world, draw(shapes_of(world)), length, min(now, other), max(now, other)


@unhurried
@given(searches(), st.booleans())
def test_the_earliest_window_is_the_first_start_that_fits(
    search: tuple[World, Shape, timedelta, datetime, datetime], from_now: bool
) -> None:
    world, shape, length, now, other = search
    not_before, latest_start = (now, other) if from_now else (other, world.limit)
    possible = [
        window
        for start in world.starts(now)
        if not_before <= start <= latest_start and (start != now or not_before == now)
        if world.fits(shape, window := world.window(start, length))
    ]
    placed = earliest(
        world.calendar, shape, length,
        not_before=not_before, latest_start=latest_start, now=now,
    )  # fmt: skip
    assert (placed and placed.window) == next(iter(possible), None)
    if placed is not None:
        assert_keeps_the_rules(world, shape, placed)
        on_a_line = world.calendar.lattice.has_line(placed.window.start.timestamp())
        here = at_line(world.calendar, shape, placed.window.start, length)
        assert here == (placed if on_a_line else None)
    if not_before > now and (not placed or placed.window.start != not_before):
        assert at_line(world.calendar, shape, not_before, length) is None


@unhurried
@given(searches())
def test_the_latest_window_before_an_instant_is_the_last_start_that_fits(
    search: tuple[World, Shape, timedelta, datetime, datetime],
) -> None:
    world, shape, length, now, before = search
    possible = [
        window
        for start in world.starts(now)
        if start < before and world.fits(shape, window := world.window(start, length))
    ]
    placed = latest(world.calendar, shape, length, before=before, now=now)
    assert (placed and placed.window) == (possible[-1] if possible else None)
    if placed is not None:
        assert_keeps_the_rules(world, shape, placed)
