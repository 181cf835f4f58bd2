"""Heat maps, each cell worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reporting import CLUSTER, PERIOD, START, facts, held, outage

from bot.domain.report import make_report
from bot.domain.report_heat import Hours, outside
from bot.domain.window import Window

MONDAY, TUESDAY = 0, 1


def test_a_cell_is_what_was_held_of_what_was_there_in_that_hour_of_all_weeks() -> None:
    # 4 of the 16 GPUs on the first Monday from 10:00 to 12:30.
    report = make_report(facts(held=[held(10, 2.5, 4)]), PERIOD)
    # Four Mondays: 4 of 4 × 16 GPU-hours; 2 of them in the hour of which half was held.
    assert report.cluster.heat.share(MONDAY, 10) == pytest.approx(4 / 64)
    assert report.cluster.heat.share(MONDAY, 12) == pytest.approx(2 / 64)
    assert report.cluster.heat.share(MONDAY, 13) == 0
    assert report.cluster.heat.share(TUESDAY, 10) == 0
    # 10 of 4 weeks × 168 h × 16 GPUs.
    assert report.cluster.heat.total == pytest.approx(10 / 10752)


def test_each_node_model_and_team_has_its_own_map() -> None:
    pieces = [held(10, 1, 4), held(10, 1, 8, "gpu-03", "nlp")]
    report = make_report(facts(held=pieces), PERIOD)
    shares = {scope.name: scope.heat.share(MONDAY, 10) for scope in report.scopes}
    assert shares == {
        "Vision Lab": pytest.approx(12 / 64),
        "V100": pytest.approx(4 / 32),
        "A100": pytest.approx(8 / 32),
        # Of the whole cluster.
        "vision": pytest.approx(4 / 64),
        "nlp": pytest.approx(8 / 64),
        "gpu-01": pytest.approx(4 / 16),
        "gpu-02": 0,
        "gpu-03": pytest.approx(8 / 32),
    }


def test_time_out_of_service_counts_neither_as_held_nor_as_there() -> None:
    # Drained from 11:00 to 12:00 while a booking ran on, and all of the three later Mondays.
    gaps = [outage(11, 1), *(outage(168 * week, 24) for week in (1, 2, 3))]
    report = make_report(facts(held=[held(10, 3, 4)], outages=gaps), PERIOD)
    node = report.scope("node", "gpu-01")
    assert node is not None
    assert [node.heat.share(MONDAY, hour) for hour in (9, 10, 11, 12)] == [0, 1, None, 1]


def test_drains_that_overlap_are_counted_once() -> None:
    report = make_report(facts(outages=[outage(10, 4), outage(12, 1), outage(13, 3)]), PERIOD)
    node = report.scope("node", "gpu-01")
    assert node is not None
    assert sum(node.heat.in_service) == 4 * (4 * 168 - 6)


def test_what_lies_outside_of_the_period_or_on_nodes_that_are_gone_is_left_out() -> None:
    pieces = [held(-5, 6, 4), held(4 * 168 - 1, 50, 4), held(3, 1, 4, node="sold")]
    report = make_report(facts(held=pieces), PERIOD)
    assert sum(report.cluster.heat.held) == 4 + 4


def test_an_hour_that_the_clock_shows_twice_counts_twice() -> None:
    # Sunday 25 October 2026: 02:00 to 03:00 occurs twice in Berlin.
    day = Window(datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC))
    hours = Hours.of(day, ZoneInfo("Europe/Berlin"))
    folded = hours.fold(hours.spread([(hours.start, hours.end, 1)]))
    assert [folded[6 * 24 + hour] for hour in (1, 2, 3)] == [1, 2, 1]
    assert sum(folded) == 25


@given(
    st.lists(
        st.tuples(st.integers(-50_000, 2_500_000), st.integers(1, 900_000), st.integers(1, 8)),
        max_size=8,
    )
)
def test_no_second_is_lost_or_counted_twice(pieces: list[tuple[int, int, int]]) -> None:
    window = Window(START, START + timedelta(days=28, minutes=37))
    hours = Hours.of(window, CLUSTER.zone)
    spans = [(hours.start + start, hours.start + start + long, n) for start, long, n in pieces]
    expected = sum(
        max(min(end, hours.end) - max(start, hours.start), 0) * n for start, end, n in spans
    )
    spread = hours.spread(spans)
    assert sum(spread) * 3600 == pytest.approx(expected)
    assert sum(hours.fold(spread)) == pytest.approx(sum(spread))
    assert all(value >= 0 for value in spread)


@pytest.mark.parametrize(
    ("gaps", "left"),
    [
        ([], [(10, 20)]),
        ([(0, 10), (20, 30)], [(10, 20)]),
        ([(12, 14)], [(10, 12), (14, 20)]),
        ([(5, 12), (18, 25)], [(12, 18)]),
        ([(5, 25)], []),
    ],
)
def test_gaps_are_cut_out_of_a_span(
    gaps: list[tuple[int, int]], left: list[tuple[int, int]]
) -> None:
    assert outside(10, 20, gaps) == left
