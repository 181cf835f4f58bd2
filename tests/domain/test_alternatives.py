"""What is offered when the GPUs are taken."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from recount import HOUR, Days, World, second, shapes_of, unhurried, utc, windows_of, worlds

from bot.domain.alternatives import alternatives
from bot.domain.booking import Placement, Shape, Share
from bot.domain.calendar import Claim
from bot.domain.cluster import Node
from bot.domain.conflict import Alternative, AlternativeKind
from bot.domain.window import GRACE, Grid, Window, asked_length

GRID = Grid(2 * HOUR, ZoneInfo("Asia/Shanghai"))
ORIGIN = utc("2026-11-24T16:00")
DAYS = Days(GRID, ORIGIN, ORIGIN + 72 * HOUR)
V1, V2, V3 = (Node(f"gpu-0{n}", 4, "V100") for n in (1, 2, 3))
A1 = Node("big-01", 8, "A100")

LATER, EARLIER = AlternativeKind.LATER, AlternativeKind.EARLIER
FEWER, MODEL, SPLIT = AlternativeKind.FEWER, AlternativeKind.MODEL, AlternativeKind.SPLIT
NODE = AlternativeKind.NODE


def hour(number: float) -> datetime:
    """The instant that many hours after midnight of the first day."""
    return ORIGIN + number * HOUR


def hours(start: float, end: float) -> Window:
    return Window(hour(start), hour(end))


def offered(
    nodes: list[Node],
    taken: list[tuple[Node, float, float, int]],
    shape: Shape,
    window: Window,
    *,
    now: float = 0,
    latest_start: float = 60,
    limit: int = 9,
) -> dict[AlternativeKind, Alternative]:
    claims = [
        Claim(number, node.name, second(hour(start)), second(hour(end)), gpus)
        for number, (node, start, end, gpus) in enumerate(taken)
    ]
    world = World(DAYS, nodes, claims)
    found = alternatives(
        world.calendar, shape, window,
        now=hour(now), grid=GRID, latest_start=hour(latest_start), limit=limit,
    )  # fmt: skip
    kinds = {alternative.kind: alternative for alternative in found}
    assert len(kinds) == len(found)
    return kinds


def windows(alternative: Alternative) -> list[Window]:
    return [part.window for part in alternative.parts]


def test_the_nearer_of_the_later_and_the_earlier_start_comes_first() -> None:
    late = offered([V1], [(V1, 8, 14, 4)], Shape(4), hours(8, 12), now=0)
    assert list(late)[:2] == [EARLIER, LATER]
    assert windows(late[EARLIER]) == [hours(4, 8)]
    assert windows(late[LATER]) == [hours(14, 18)]
    soon = offered([V1], [(V1, 6, 10, 4)], Shape(4), hours(8, 12), now=0)
    assert list(soon)[:2] == [LATER, EARLIER]


def test_a_later_start_comes_first_when_both_are_as_near() -> None:
    found = offered([V1], [(V1, 9, 11, 4)], Shape(4), hours(8, 12))
    assert [windows(a) for a in found.values()] == [[hours(12, 16)], [hours(4, 8)]]


def test_an_earlier_start_may_be_now() -> None:
    found = offered([V1], [(V1, 8, 12, 4)], Shape(4), hours(6, 10), now=4.05)
    assert windows(found[EARLIER]) == [hours(4.05, 8)]


def test_nothing_is_offered_before_now_or_after_the_latest_start() -> None:
    taken = [(V1, 6, 20, 4)]
    found = offered([V1], taken, Shape(4), hours(8, 12), now=5, latest_start=18)
    assert found == {}


def test_the_alternatives_to_a_window_from_now_are_as_long_as_was_asked() -> None:
    now_for_four_hours = hours(10.6, 16)
    found = offered([V1], [(V1, 8, 12, 4)], Shape(4), now_for_four_hours, now=10.6)
    assert windows(found[LATER]) == [hours(12, 16)]


def test_as_many_gpus_as_fit_are_offered_at_the_asked_time() -> None:
    taken = [(V1, 0, 24, 3), (V2, 8, 10, 2)]
    found = offered([V1, V2], taken, Shape(4), hours(8, 12))
    assert found[FEWER].shape == Shape(2)
    assert found[FEWER].parts == (Placement(hours(8, 12), (Share("gpu-02", 2),)),)


def test_no_gpus_are_not_offered_as_fewer() -> None:
    assert FEWER not in offered([V1], [(V1, 8, 10, 4)], Shape(4), hours(8, 12))
    assert FEWER not in offered([V1], [(V1, 8, 10, 4)], Shape(1, spread=True), hours(8, 12))


def test_a_gang_is_offered_fewer_whole_nodes_or_else_part_of_one() -> None:
    window = hours(8, 12)
    some = offered([V1, V2, V3], [(V3, 9, 10, 1)], Shape(12), window)
    assert some[FEWER].shape == Shape(8)
    one = offered([V1, V2, V3], [(V1, 9, 10, 1), (V3, 9, 10, 1)], Shape(12), window)
    assert one[FEWER].shape == Shape(4)
    part = offered([V1, V2], [(V1, 9, 10, 1), (V2, 9, 10, 2)], Shape(8), window)
    assert part[FEWER].shape == Shape(3)


def test_a_spread_request_is_offered_everything_that_is_free() -> None:
    taken = [(V1, 9, 10, 1), (V2, 9, 10, 2)]
    found = offered([V1, V2], taken, Shape(7, spread=True), hours(8, 12))
    assert found[FEWER].shape == Shape(5, spread=True)


def test_another_model_is_offered_only_to_who_asked_for_one() -> None:
    taken = [(V1, 8, 12, 1)]
    found = offered([V1, A1], taken, Shape(4, model="V100"), hours(8, 12))
    assert found[MODEL].shape == Shape(4, model="A100")
    assert found[MODEL].parts == (Placement(hours(8, 12), (Share("big-01", 4),)),)
    everywhere = [*taken, (A1, 8, 12, 5)]
    assert MODEL not in offered([V1, A1], everywhere, Shape(4, model="V100"), hours(8, 12))
    assert MODEL not in offered([V1, A1], everywhere, Shape(4), hours(8, 12))


def test_who_asked_for_a_node_is_offered_any_node_of_another_model() -> None:
    found = offered([V1, V2, A1], [(V1, 8, 12, 1)], Shape(4, node="gpu-01"), hours(8, 12))
    assert found[MODEL].shape == Shape(4, model="A100")
    assert found[MODEL].parts[0].shares == (Share("big-01", 4),)


def test_a_split_begins_at_the_asked_start_and_ends_before_the_later_window() -> None:
    taken = [(V1, 0, 8, 4), (V1, 14, 18, 4), (V1, 24, 28, 4)]
    found = offered([V1], taken, Shape(4), hours(8, 18))
    assert windows(found[LATER]) == [hours(28, 38)]
    assert windows(found[SPLIT]) == [hours(8, 14), hours(18, 22)]


def test_a_split_may_change_the_node_without_a_pause() -> None:
    taken = [(V1, 12, 40, 4), (V2, 0, 12, 4)]
    found = offered([V1, V2], taken, Shape(4), hours(8, 18))
    assert [part.shares for part in found[SPLIT].parts] == [
        (Share("gpu-01", 4),),
        (Share("gpu-02", 4),),
    ]
    assert windows(found[SPLIT]) == [hours(8, 12), hours(12, 18)]


def test_no_split_is_offered_that_ends_no_sooner_than_the_later_window() -> None:
    found = offered([V1], [(V1, 12, 14, 4)], Shape(4), hours(8, 18))
    assert windows(found[LATER]) == [hours(14, 24)]
    assert windows(found[SPLIT]) == [hours(8, 12), hours(14, 20)]
    held_up = offered([V1], [(V1, 10, 14, 4), (V1, 16, 20, 4)], Shape(4), hours(8, 16))
    assert windows(held_up[LATER]) == [hours(20, 28)]
    assert windows(held_up[SPLIT]) == [hours(8, 10), hours(20, 26)]
    assert SPLIT not in offered([V1], [(V1, 8, 10, 4)], Shape(4), hours(8, 16))


def test_a_first_part_of_less_than_a_slot_is_not_offered() -> None:
    taken = [(V1, 0, 2, 4), (V1, 12, 30, 4)]
    short = offered([V1], taken, Shape(4), hours(10.6, 16), now=10.6)
    assert SPLIT not in short
    enough = offered([V1], [(V1, 14, 30, 4)], Shape(4), hours(10.6, 16), now=10.6)
    assert windows(enough[SPLIT]) == [hours(10.6, 14), hours(30, 32)]


def test_no_split_is_offered_when_the_first_part_is_all_that_was_asked() -> None:
    taken = [(V1, 0, 8, 4), (V1, 12, 30, 4)]
    assert SPLIT not in offered([V1], taken, Shape(4), hours(8, 13))


def test_another_node_of_the_model_is_offered_when_a_node_was_asked_for() -> None:
    taken = [(V1, 8, 12, 4)]
    found = offered([V1, V2, A1], taken, Shape(4, node="gpu-01"), hours(8, 12))
    assert found[NODE].shape == Shape(4, model="V100")
    assert found[NODE].parts == (Placement(hours(8, 12), (Share("gpu-02", 4),)),)
    assert NODE not in offered([V1, A1], taken, Shape(4, node="gpu-01"), hours(8, 12))
    assert NODE not in offered([V1, V2], [*taken, (V2, 8, 12, 4)], Shape(4), hours(8, 12))


def test_no_more_are_offered_than_asked_for() -> None:
    taken = [(V1, 10, 14, 3), (V1, 20, 24, 4)]
    everything = offered([V1, A1], taken, Shape(4, model="V100"), hours(8, 18))
    assert list(everything) == [EARLIER, FEWER, MODEL, SPLIT, LATER]
    three = offered([V1, A1], taken, Shape(4, model="V100"), hours(8, 18), limit=3)
    assert list(three) == [EARLIER, FEWER, MODEL]


@unhurried
@given(worlds(max_nodes=1, max_claims=0), st.integers(1, 12), st.data())
def test_the_asked_length_is_found_again_from_the_window_it_was_rounded_to(
    world: World, slots: int, data: st.DataObject
) -> None:
    length = slots * world.grid.slot
    start = data.draw(st.one_of(st.sampled_from(world.lines), windows_of(world).map(start_of)))
    window = world.window(start, length)
    found = asked_length(window, world.grid)
    assert world.window(start, found) == window
    # One hour and two can share a window when the slot is two hours long that day.
    assert found == length or world.lattice.odd_cells


def start_of(window: Window) -> datetime:
    return window.start


@unhurried
@given(worlds(), st.data())
def test_alternatives_fit_and_are_the_nearest_of_their_kind(
    world: World, data: st.DataObject
) -> None:
    shape, window = data.draw(shapes_of(world)), data.draw(asked_windows(world))
    now, latest_start = world.origin + 5 * HOUR, world.limit - 4 * HOUR
    found = alternatives(
        world.calendar, shape, window,
        now=now, grid=world.grid, latest_start=latest_start, limit=9,
    )  # fmt: skip
    kinds = {alternative.kind: alternative for alternative in found}
    assert len(kinds) == len(found)
    for part in (part for alternative in found for part in alternative.parts):
        assert world.calendar.fits(part)
        assert now <= part.window.start <= latest_start
    length = asked_length(window, world.grid)
    assert_nearest(world, shape, window, length, kinds, now, latest_start)
    assert_most(world, shape, window, kinds.get(FEWER))
    if SPLIT in kinds:
        assert_split(world, window, length, kinds)


@st.composite
def asked_windows(draw: st.DrawFn, world: World) -> Window:
    """A window on the grid, or from the `now` of the test above."""
    now = world.origin + 5 * HOUR
    starts = [line for line in world.lines if now < line < world.limit - 4 * HOUR]
    start = draw(st.sampled_from([now, *starts]))
    window = world.window(start, draw(st.integers(1, 6)) * world.grid.slot)
    return Window(start, min(window.end, world.limit))


def assert_nearest(
    world: World,
    shape: Shape,
    window: Window,
    length: timedelta,
    kinds: dict[AlternativeKind, Alternative],
    now: datetime,
    latest_start: datetime,
) -> None:
    possible = [
        candidate
        for start in world.starts(now)
        if start <= latest_start
        if world.fits(shape, candidate := world.window(start, length))
    ]
    later = [candidate for candidate in possible if candidate.start > window.start]
    earlier = [candidate for candidate in possible if candidate.start < window.start]
    assert [windows(kinds[LATER])[0]] == later[:1] if LATER in kinds else not later
    assert [windows(kinds[EARLIER])[0]] == earlier[-1:] if EARLIER in kinds else not earlier


def assert_most(world: World, shape: Shape, window: Window, fewer: Alternative | None) -> None:
    counts = [
        gpus
        for gpus in range(1, shape.gpus)
        if world.fits(Shape(gpus, shape.node, shape.model, shape.spread), window)
    ]
    assert (fewer.shape.gpus if fewer else None) == max(counts, default=None)
    assert fewer is None or fewer.parts[0].gpus == fewer.shape.gpus


def assert_split(
    world: World, window: Window, length: timedelta, kinds: dict[AlternativeKind, Alternative]
) -> None:
    first, second_part = windows(kinds[SPLIT])
    assert first.start == window.start
    assert first.length >= world.grid.slot - GRACE
    assert first.end <= second_part.start
    parts = asked_length(first, world.grid) + asked_length(second_part, world.grid)
    assert parts == length
    assert LATER not in kinds or second_part.end < windows(kinds[LATER])[0].end
