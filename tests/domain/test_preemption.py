"""Whose work goes for urgent work: the rules of the order, the shapes, what is in the way."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from recount import HOUR, MINUTE, Days, second, utc

from bot.domain.booking import Booking, BookingState, Placement, Priority, Shape, Share
from bot.domain.calendar import Calendar, Claim
from bot.domain.cluster import Node
from bot.domain.placement import Hints
from bot.domain.preemption import (
    Candidate,
    Plan,
    choose_preemptees,
    gpu_hours_done,
    may_be_preempted,
    preemption_cost,
    reclaim_instant,
)
from bot.domain.window import Grid, Window

ORIGIN = utc("2026-11-24T16:00")
DAYS = Days(Grid(2 * HOUR, ZoneInfo("Asia/Shanghai")), ORIGIN, ORIGIN + timedelta(days=6))
V1, V2, V3 = (Node(f"gpu-0{n}", 4, "V100") for n in (1, 2, 3))
A1, A2 = (Node(f"big-0{n}", 8, "A100") for n in (1, 2))


def hour(number: float) -> datetime:
    """The instant that many hours after midnight of the first day."""
    return ORIGIN + number * HOUR


def hours(start: float, end: float) -> Window:
    return Window(hour(start), hour(end))


NOW = hour(9)
#: What urgent work asks for unless a test says otherwise: it starts after NOW.
ASKED = hours(10, 20)


def booking(
    number: int,
    shares: dict[Node, int],
    window: Window = ASKED,
    *,
    priority: Priority = Priority.P2,
    created: float = 0,
) -> Booking:
    """A preemptible booking that was made `created` hours after the first midnight."""
    return Booking(
        id=number,
        owner="U0BOB",
        team="vision",
        window=window,
        shares=tuple(Share(node.name, gpus) for node, gpus in shares.items()),
        shape=Shape(sum(shares.values()), spread=len(shares) > 1),
        priority=priority,
        preemptible=True,
        purpose="",
        state=BookingState.ACTIVE if NOW in window else BookingState.RESERVED,
        created_at=hour(created),
        created_by="U0BOB",
    )


def claims_of(held: Booking) -> tuple[Claim, ...]:
    start, end = second(held.window.start), second(held.window.end)
    return tuple(Claim(held.id, s.node, start, end, s.gpus) for s in held.shares)


def plan(
    nodes: Iterable[Node],
    bookings: Iterable[Booking],
    shape: Shape,
    window: Window = ASKED,
    *,
    firm: Iterable[Booking] = (),
    hints: Hints | None = None,
) -> Plan | None:
    """What is planned where `bookings` may go and `firm` ones may not."""
    candidates = [Candidate(held, claims_of(held)) for held in bookings]
    rows = [c for held in (*bookings, *firm) for c in claims_of(held)]
    calendar = Calendar.load(
        nodes, [(c.id, c.node, c.start, c.end, c.gpus) for c in rows], DAYS.lattice
    )
    return choose_preemptees(calendar, shape, window, candidates, now=NOW, hints=hints or Hints())


def gone(found: Plan | None) -> list[int]:
    assert found is not None
    return [held.id for held in found.preemptees]


def nodes_of(found: Plan | None) -> list[str]:
    assert found is not None
    return [share.node for share in found.placement.shares]


# -- who may be evicted ---------------------------------------------------------------------------

RESEARCH = booking(1, {V1: 4})


@pytest.mark.parametrize(
    ("held", "by", "expected"),
    [
        (RESEARCH, Priority.P0, True),
        (replace(RESEARCH, state=BookingState.ACTIVE), Priority.P0, True),
        (replace(RESEARCH, priority=Priority.P1), Priority.P0, True),
        (replace(RESEARCH, preemptible=False), Priority.P0, False),
        (replace(RESEARCH, priority=Priority.P0), Priority.P0, False),
        (RESEARCH, Priority.P2, False),
        (replace(RESEARCH, state=BookingState.ENDED), Priority.P0, False),
        (replace(RESEARCH, state=BookingState.CANCELLED), Priority.P0, False),
        (replace(RESEARCH, state=BookingState.PREEMPTED), Priority.P0, False),
    ],
)
def test_live_preemptible_work_of_lower_priority_may_be_evicted(
    held: Booking, by: Priority, expected: bool
) -> None:
    assert may_be_preempted(held, by) is expected


@pytest.mark.parametrize(
    ("now", "expected"), [(8, 0.0), (10, 0.0), (12.5, 10.0), (20, 40.0), (30, 40.0)]
)
def test_gpu_hours_are_counted_from_the_start_to_the_end(now: float, expected: float) -> None:
    assert gpu_hours_done(booking(1, {V1: 3, V2: 1}), hour(now)) == expected


# -- when the GPUs can be had ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "now", "expected"),
    [
        (None, "2026-11-25T10:00:00", "2026-11-25T10:30:00"),
        (None, "2026-11-25T10:00:00.000001", "2026-11-25T10:31:00"),
        ("2026-11-25T10:20:00", "2026-11-25T10:07:59", "2026-11-25T10:38:00"),
        ("2026-11-25T10:38:00", "2026-11-25T10:07:59", "2026-11-25T10:38:00"),
        ("2026-11-25T14:00:00", "2026-11-25T10:07:59", "2026-11-25T14:00:00"),
        ("2026-11-25T08:00:00", "2026-11-25T10:00:00", "2026-11-25T10:30:00"),
    ],
)
def test_gpus_are_reclaimed_at_the_asked_start_but_never_before_the_warning_is_over(
    asked: str | None, now: str, expected: str
) -> None:
    start = None if asked is None else utc(asked)
    assert reclaim_instant(start, utc(now), 30 * MINUTE) == utc(expected)


def test_an_asked_start_is_reclaimed_in_utc_and_a_naive_one_refused() -> None:
    there = datetime(2026, 11, 25, 22, tzinfo=ZoneInfo("Asia/Shanghai"))
    found = reclaim_instant(there, utc("2026-11-25T10:00:00"), 30 * MINUTE)
    assert found.isoformat() == "2026-11-25T14:00:00+00:00"
    with pytest.raises(ValueError, match="naive"):
        reclaim_instant(there.replace(tzinfo=None), utc("2026-11-25T10:00:00"), 30 * MINUTE)


# -- the order ------------------------------------------------------------------------------------

#: A running booking that began so many hours before NOW, and one that has not begun.
RUNNING_2H, RUNNING_4H, UPCOMING = hours(7, 24), hours(5, 24), hours(10, 24)


def test_nobody_goes_where_it_fits_already() -> None:
    found = plan([V1, V2], [booking(1, {V1: 4})], Shape(4))
    assert found == Plan(Placement(ASKED, (Share("gpu-02", 4),)), ())


def test_one_booking_goes_rather_than_two_whatever_the_other_rules_say() -> None:
    precious = booking(1, {V1: 4}, RUNNING_4H, priority=Priority.P1)
    cheap = [booking(2, {V2: 2}, UPCOMING, created=5), booking(3, {V2: 2}, UPCOMING, created=6)]
    assert gone(plan([V1, V2], [precious, *cheap], Shape(4))) == [1]


def test_research_goes_rather_than_production_even_when_it_runs() -> None:
    production = booking(1, {V1: 4}, UPCOMING, priority=Priority.P1, created=5)
    research = booking(2, {V2: 4}, RUNNING_4H)
    assert gone(plan([V1, V2], [production, research], Shape(4))) == [2]


def test_one_production_booking_goes_rather_than_two() -> None:
    first = [booking(n, {V1: 2}, UPCOMING, priority=Priority.P1, created=5) for n in (1, 2)]
    second_ = [booking(3, {V2: 2}, RUNNING_4H, priority=Priority.P1), booking(4, {V2: 2})]
    assert gone(plan([V1, V2], [*first, *second_], Shape(4))) == [3, 4]


def test_what_has_not_started_goes_rather_than_what_runs() -> None:
    running = booking(1, {V1: 4}, hours(9, 24), created=5)
    assert NOW in running.window
    assert gpu_hours_done(running, NOW) == 0
    assert gone(plan([V1, V2], [running, booking(2, {V2: 4}, UPCOMING)], Shape(4))) == [2]


def test_of_running_work_the_fewest_gpu_hours_are_lost() -> None:
    longer, shorter = booking(1, {V1: 4}, RUNNING_4H, created=5), booking(2, {V2: 4}, RUNNING_2H)
    assert gone(plan([V1, V2], [longer, shorter], Shape(4))) == [2]
    wide, narrow = booking(1, {A1: 7}, RUNNING_2H, created=5), booking(2, {A2: 6}, RUNNING_2H)
    assert gone(plan([A1, A2], [wide, narrow], Shape(4))) == [2]


def test_fractions_of_a_second_are_no_gpu_hours() -> None:
    a_moment_more = Window(hour(7) - timedelta(milliseconds=400), hour(24))
    younger = booking(1, {V1: 4}, a_moment_more, created=5)
    older = booking(2, {V2: 4}, RUNNING_2H, created=4)
    assert gone(plan([V1, V2], [younger, older], Shape(4))) == [1]
    assert gpu_hours_done(younger, NOW) > gpu_hours_done(older, NOW)


def test_the_latest_reserved_goes_and_the_earliest_is_spared() -> None:
    early, late = booking(1, {V1: 4}, created=1), booking(2, {V2: 4}, created=2)
    assert gone(plan([V1, V2], [early, late], Shape(4))) == [2]


def test_of_two_choices_the_one_whose_oldest_booking_is_younger_goes() -> None:
    oldest_and_youngest = [booking(1, {V1: 2}, created=1), booking(2, {V1: 2}, created=7)]
    between = [booking(3, {V2: 2}, created=2), booking(4, {V2: 2}, created=2)]
    assert gone(plan([V1, V2], [*oldest_and_youngest, *between], Shape(4))) == [3, 4]
    as_old = [booking(5, {V3: 2}, created=2), booking(6, {V3: 2}, created=3)]
    assert gone(plan([V2, V3], [*between, *as_old], Shape(4))) == [5, 6]


def test_what_is_equal_in_all_else_goes_by_its_number() -> None:
    assert gone(plan([V1, V2], [booking(7, {V1: 4}), booking(5, {V2: 4})], Shape(4))) == [5]
    pairs = {V1: (2, 9), V2: (3, 4)}
    alike = [booking(n, {node: 2}) for node, numbers in pairs.items() for n in numbers]
    assert gone(plan([V1, V2], alike, Shape(4))) == [2, 9]


@pytest.mark.parametrize(
    ("shape", "expected"), [(Shape(2), [5]), (Shape(2, spread=True), [5]), (Shape(8), [5, 6])]
)
def test_the_lesser_number_goes_in_whatever_order_the_candidates_are_given(
    shape: Shape, expected: list[int]
) -> None:
    alike = [booking(n, {V1: 2}) for n in (7, 5)] + [booking(6, {V2: 4}), booking(8, {V3: 4})]
    if shape.gpus == 8:
        alike = [booking(7, {V1: 4}), *alike[2:], booking(5, {Node("gpu-04", 4, "V100"): 4})]
    nodes = [V1, V2, V3, Node("gpu-04", 4, "V100")]
    firm = [booking(9, {nodes[3]: 4})] if shape.gpus < 8 else []
    for candidates in (alike, alike[::-1]):
        assert gone(plan(nodes, candidates, shape, firm=firm)) == expected


def test_the_cost_of_evicting_compares_every_rule_in_turn() -> None:
    base = [booking(2, {V1: 4}, RUNNING_2H, created=5)]
    worse = [
        [*base, booking(3, {V2: 1}, created=8)],
        [booking(1, {V1: 1}, UPCOMING, priority=Priority.P1, created=8)],
        [booking(1, {V1: 4}, RUNNING_4H, created=8)],
        [booking(1, {V1: 4}, RUNNING_2H, created=4)],
        [booking(3, {V1: 4}, RUNNING_2H, created=5)],
    ]
    for other in worse:
        assert preemption_cost(base, NOW) < preemption_cost(other, NOW)
    assert preemption_cost([booking(9, {V1: 4}, created=0)], NOW) < preemption_cost(base, NOW)
    assert preemption_cost([], NOW) < preemption_cost(base, NOW)


# -- one node -------------------------------------------------------------------------------------


def test_no_more_go_than_are_needed() -> None:
    ones = [booking(n, {V1: 1}, created=n) for n in range(1, 5)]
    assert gone(plan([V1], ones, Shape(2))) == [3, 4]
    assert gone(plan([V1], [*ones[:2], booking(9, {V1: 2})], Shape(2))) == [9]


def test_short_bookings_one_after_another_all_go_for_a_long_window() -> None:
    row = [booking(n, {V1: 4}, hours(4 * n, 4 * n + 4)) for n in range(1, 7)]
    assert gone(plan([V1], row, Shape(1), hours(10, 18))) == [2, 3, 4]
    assert gone(plan([V1], row, Shape(1), hours(12, 16))) == [3]


def test_the_window_only_partly_overlaps_what_goes() -> None:
    lanes = [
        booking(1, {V1: 2}, hours(6, 12), created=1),
        booking(2, {V1: 2}, hours(11, 14), created=2),
        booking(3, {V1: 2}, hours(14, 26), created=3),
        booking(4, {V1: 2}, hours(12, 26), created=0),
        booking(5, {V2: 4}, hours(20, 26), created=9),
        booking(6, {V2: 4}, hours(4, 10), created=9),
    ]
    firm = [booking(8, {V2: 4}, hours(10, 20))]
    assert gone(plan([V1, V2], lanes, Shape(2), firm=firm)) == [2, 3]
    assert gone(plan([V1, V2], lanes, Shape(2), hours(12, 20), firm=firm)) == [4]
    assert gone(plan([V1, V2], lanes, Shape(4), firm=firm)) == [1, 2, 3, 4]


def test_one_long_booking_goes_rather_than_two_short_ones_beside_it() -> None:
    beside = [booking(1, {V1: 2}, hours(8, 14)), booking(2, {V1: 2}, hours(14, 22))]
    assert gone(plan([V1], [*beside, booking(3, {V1: 2}, hours(6, 30))], Shape(2))) == [3]


def test_running_work_off_the_grid_is_in_the_way_for_exactly_its_time() -> None:
    off_grid = booking(1, {V1: 4}, hours(8.3, 10.7))
    after = booking(2, {V1: 4}, hours(10.7, 12))
    assert gone(plan([V1], [off_grid, after], Shape(1), hours(10, 12))) == [1, 2]
    assert gone(plan([V1], [off_grid, after], Shape(1), hours(10.7, 12))) == [2]
    assert gone(plan([V1], [off_grid, after], Shape(1), hours(10.1, 10.7))) == [1]


def test_two_that_meet_within_a_slot_are_never_counted_together() -> None:
    taken = [booking(1, {V1: 2}, hours(9, 13)), booking(2, {V1: 2}, hours(13, 20))]
    long = booking(3, {V1: 2}, hours(9, 20), priority=Priority.P1)
    assert gone(plan([V1], [*taken, long], Shape(4))) == [1, 2, 3]
    assert gone(plan([V1], [*taken, long], Shape(2))) == [3]
    assert gone(plan([V1], taken, Shape(4), firm=[replace(long, window=hours(20, 22))])) == [1, 2]


@pytest.mark.parametrize(
    ("lanes", "expected"),
    [
        ([(2, 10, 20), (1, 10, 20), (1, 10, 14)], [3, 5]),
        ([(4, 10, 12), (3, 12, 20), (1, 12, 16)], [3, 4]),
    ],
)
def test_one_booking_may_be_in_the_way_more_than_once(
    lanes: list[tuple[int, float, float]], expected: list[int]
) -> None:
    older = [booking(1, {V1: 4}, hours(10, 14)), booking(2, {V1: 4}, hours(14, 20))]
    younger = [
        booking(number, {V2: gpus}, hours(start, end), created=number)
        for number, (gpus, start, end) in enumerate(lanes, 3)
    ]
    assert gone(plan([V1, V2], [*older, *younger], Shape(3))) == expected


def test_of_two_ways_into_a_later_shortage_the_cheaper_one_is_taken() -> None:
    firm = [booking(9, {V1: 2}, hours(14, 20))]
    bookings = [
        booking(1, {V1: 1}, hours(10, 14)),
        booking(2, {V1: 1}, hours(10, 20)),
        booking(3, {V1: 2}, hours(10, 14), priority=Priority.P1),
    ]
    assert gone(plan([V1], bookings, Shape(2), firm=firm)) == [1, 2]


def test_firm_bookings_stay_and_others_go_where_that_helps() -> None:
    firm = [booking(8, {V1: 1})]
    bookings = [booking(1, {V1: 3}, created=9), booking(2, {V2: 4})]
    assert gone(plan([V1, V2], bookings, Shape(4), firm=firm)) == [2]
    assert gone(plan([V1, V2], bookings, Shape(3), firm=firm)) == [1]


def test_a_drained_node_helps_nobody() -> None:
    drain = booking(8, {V1: 4}, hours(12, 14))
    bookings = [booking(1, {V1: 4}, created=9), booking(2, {V2: 4})]
    found = plan([V1, V2], bookings, Shape(4), firm=[drain])
    assert gone(found) == [2]
    assert nodes_of(found) == ["gpu-02"]
    assert plan([V1], bookings[:1], Shape(1), firm=[drain]) is None


def test_what_cannot_fit_even_when_all_go_has_no_plan() -> None:
    assert plan([V1], [booking(1, {V1: 4})], Shape(5)) is None
    assert plan([V1], [booking(1, {V1: 3})], Shape(4), firm=[booking(8, {V1: 1})]) is None
    assert plan([V1], [booking(1, {V1: 3})], Shape(2, model="H100")) is None
    assert plan([V1], [], Shape(4), firm=[booking(8, {V1: 1})]) is None


def test_nothing_is_planned_beyond_the_end_of_the_calendar() -> None:
    end = 24 * 6
    taken = [booking(1, {V1: 4}, hours(end - 4, end))]
    assert gone(plan([V1], taken, Shape(4), hours(end - 4, end))) == [1]
    for shape in (Shape(4), Shape(4, spread=True), Shape(8)):
        assert plan([V1, V2], taken, shape, hours(end - 4, end + 2)) is None


def test_a_named_node_or_model_is_the_only_one_considered() -> None:
    bookings = [booking(1, {V1: 4}), booking(2, {V2: 4}, created=5), booking(3, {A1: 8}, created=9)]
    assert gone(plan([V1, V2, A1], bookings, Shape(4))) == [3]
    assert gone(plan([V1, V2, A1], bookings, Shape(4, model="V100"))) == [2]
    assert gone(plan([V1, V2, A1], bookings, Shape(4, node="gpu-01"))) == [1]


def test_a_node_with_more_bookings_than_gpus_gives_back_all_that_is_over() -> None:
    crowd = [booking(n, {V1: 4}, created=n) for n in (1, 2)]
    assert gone(plan([V1], crowd, Shape(1))) == [1, 2]
    ones = [booking(n, {V1: 1}, created=n) for n in range(3, 8)]
    assert gone(plan([V1], ones, Shape(1))) == [6, 7]


def test_a_booking_on_several_nodes_goes_as_a_whole_and_counts_once() -> None:
    wide = booking(1, {V1: 4, V2: 4})
    pair = [booking(2, {V3: 2}, created=5), booking(3, {V3: 2}, created=5)]
    found = plan([V1, V2, V3], [wide, *pair], Shape(4))
    assert gone(found) == [1]
    assert nodes_of(found) == ["gpu-01"]


def test_the_placement_after_an_eviction_keeps_a_teams_work_together() -> None:
    wide = booking(1, {V1: 4, V2: 4})
    together = Hints(team_nodes=lambda: frozenset({"gpu-02"}))
    assert nodes_of(plan([V1, V2], [wide], Shape(4), hints=together)) == ["gpu-02"]


# -- whole nodes ----------------------------------------------------------------------------------


def test_everybody_on_a_whole_node_goes() -> None:
    bookings = [booking(1, {V1: 1}), booking(2, {V1: 1}, hours(18, 30)), booking(3, {V2: 4})]
    found = plan([V1, V2], bookings, Shape(8))
    assert gone(found) == [1, 2, 3]
    assert nodes_of(found) == ["gpu-01", "gpu-02"]


def test_whole_nodes_are_those_with_the_fewest_bookings() -> None:
    bookings = [booking(1, {V1: 1}), booking(2, {V1: 1}), booking(3, {V2: 4}), booking(4, {V3: 4})]
    assert gone(plan([V1, V2, V3], bookings, Shape(8))) == [3, 4]
    assert gone(plan([V1, V2, V3], bookings[:3], Shape(8))) == [3]


def test_two_whole_nodes_that_one_booking_holds_are_better_than_two_bookings() -> None:
    apart = [booking(1, {V1: 4}, created=5), booking(2, {V2: 4}, created=5)]
    shared = booking(3, {V3: 4, Node("gpu-04", 4, "V100"): 4}, priority=Priority.P1)
    nodes = [V1, V2, V3, Node("gpu-04", 4, "V100")]
    assert gone(plan(nodes, [*apart, shared], Shape(8))) == [3]


def test_whole_nodes_are_of_one_model_and_free_of_firm_work() -> None:
    cheap = [booking(1, {V1: 1}), booking(2, {Node("odd-01", 4, "T4"): 1})]
    nodes = [V1, Node("odd-01", 4, "T4")]
    assert plan(nodes, cheap, Shape(8)) is None
    firm = [booking(8, {V1: 1}, hours(19, 20))]
    held = [booking(3, {V2: 4}), booking(4, {V3: 4})]
    assert gone(plan([V1, V2, V3], held, Shape(8), firm=firm)) == [3, 4]
    assert plan([V1, V2], held[:1], Shape(8), firm=firm) is None


def test_whole_nodes_of_different_sizes_make_up_exactly_what_was_asked() -> None:
    small, large = Node("v-small", 2, "V100"), Node("v-large", 4, "V100")
    bookings = [booking(1, {small: 1}), booking(2, {V1: 1}), booking(3, {large: 1}, created=5)]
    assert gone(plan([small, V1, large], bookings, Shape(6))) == [1, 3]
    assert gone(plan([small, V1, large], bookings, Shape(8))) == [2, 3]
    assert plan([small, V1, large], bookings, Shape(7)) is None


# -- any mixture of nodes -------------------------------------------------------------------------


def test_spread_work_takes_what_is_free_and_evicts_for_the_rest_alone() -> None:
    bookings = [booking(1, {V1: 2}), booking(2, {V2: 3}), booking(3, {V2: 1})]
    found = plan([V1, V2], bookings, Shape(3, spread=True))
    assert gone(found) == [1]
    assert found is not None
    assert found.placement.gpus == 3
    assert gone(plan([V1, V2], bookings, Shape(5, spread=True))) == [2]
    assert gone(plan([V1, V2], bookings, Shape(2, spread=True))) == []
    assert gone(plan([V1, V2], bookings, Shape(8, spread=True))) == [1, 2, 3]


def test_spread_work_gathers_gpus_from_several_nodes_in_the_order_of_the_rules() -> None:
    bookings = [
        booking(1, {V1: 2}, priority=Priority.P1),
        booking(2, {V1: 2}, created=1),
        booking(3, {V2: 2}, created=2),
        booking(4, {V2: 2}, created=3),
    ]
    assert gone(plan([V1, V2], bookings, Shape(4, spread=True))) == [3, 4]
    assert gone(plan([V1, V2], bookings, Shape(6, spread=True))) == [2, 3, 4]


def test_spread_work_counts_what_a_booking_gives_back_on_every_node() -> None:
    wide = booking(1, {V1: 2, V2: 2})
    rest = [booking(2, {V1: 2}, created=5), booking(3, {V2: 2}, created=5)]
    found = plan([V1, V2], [wide, *rest], Shape(4, spread=True))
    assert found is not None
    assert len(found.preemptees) <= 2
    assert gone(plan([V1, V2], [wide], Shape(8, spread=True))) == [1]
    firm = [booking(8, {V1: 2}), booking(9, {V2: 2})]
    assert gone(plan([V1, V2], [wide], Shape(4, spread=True), firm=firm)) == [1]


def test_spread_work_that_cannot_fit_even_when_all_go_has_no_plan() -> None:
    firm = [booking(8, {V1: 1})]
    assert plan([V1, V2], [booking(1, {V2: 4})], Shape(8, spread=True), firm=firm) is None
    assert gone(plan([V1, V2], [booking(1, {V2: 4})], Shape(7, spread=True), firm=firm)) == [1]


def test_an_extended_booking_goes_as_a_whole_however_many_claims_it_has():
    whole = booking(7, {V1: 4}, hours(8, 16))
    start, middle, end = second(hour(8)), second(hour(12)), second(hour(16))
    claims = (Claim(7, "gpu-01", start, middle, 4), Claim(8, "gpu-01", middle, end, 4))
    rows = [(c.id, c.node, c.start, c.end, c.gpus) for c in claims]
    calendar = Calendar.load((V1,), rows, DAYS.lattice)
    candidates = [Candidate(whole, claims)]
    found = choose_preemptees(calendar, Shape(4), hours(10, 16), candidates, now=NOW)
    assert gone(found) == [7]


def test_an_extended_booking_counts_once_where_it_competes_with_two_short_ones():
    extended = booking(7, {V1: 2}, hours(8, 16))
    short = [booking(1, {V1: 2}, hours(10, 12)), booking(2, {V1: 2}, hours(12, 16))]
    cut = second(hour(12))
    pieces = [(7, "gpu-01", second(hour(8)), cut, 2), (8, "gpu-01", cut, second(hour(16)), 2)]
    rows = [(c.id, c.node, c.start, c.end, c.gpus) for b in short for c in claims_of(b)]
    calendar = Calendar.load((V1,), [*pieces, *rows], DAYS.lattice)
    candidates = [
        Candidate(extended, tuple(Claim(*piece) for piece in pieces)),
        *(Candidate(b, claims_of(b)) for b in short),
    ]
    found = choose_preemptees(calendar, Shape(2), hours(10, 16), candidates, now=NOW)
    assert gone(found) == [7]
