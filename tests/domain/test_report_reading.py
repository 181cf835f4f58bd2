"""The sentences of a report: what they say, and when they are left unsaid."""

from __future__ import annotations

from datetime import timedelta

import pytest
from reporting import PERIOD, START, WEEK, cancelled, course, facts, held, refused, wish

from bot.domain.booking import BookingState
from bot.domain.report import make_report
from bot.domain.report_facts import Facts, Yielded
from bot.domain.report_period import Period
from bot.domain.report_reading import ENOUGH, about, full_hours, reading
from bot.domain.window import Window

TEN = 24 + 10


def said(of: Facts, team: str | None = None, period: Period = PERIOD) -> list[str]:
    report = make_report(of, period)
    scope = report.cluster if team is None else report.scope("team", team)
    assert scope is not None
    return [str(note) for note in reading(report, scope)]


def many(count: int, **more: object) -> list[object]:
    """So many bookings of 4 GPUs for 10 h, one after the other."""
    return [course(10 * number, 10, **more) for number in range(count)]


def test_it_begins_with_what_was_held_booked_and_used() -> None:
    of = facts(held=[held(0, 168, 4)], courses=[course(0, 168)])
    # 672 of 10752 GPU-hours.
    assert said(of)[0] == (
        "GPUs were held 6 % of the time: 672 GPU-hours were booked and 672 used."
    )
    assert said(of, "vision")[0] == (
        "vision booked 672 GPU-hours, used 672 and held 6 % of the cluster."
    )
    assert said(of, "nlp") == ["nlp booked nothing in this time."]


def test_a_large_change_since_the_period_before_is_told() -> None:
    # A quarter of the cluster now, all of it before.
    before = [held(-672, 672, 4), held(-672, 672, 4, "gpu-02"), held(-672, 672, 8, "gpu-03")]
    of = facts(held=[held(0, 672, 4), *before], courses=[course(0, 672)])
    assert "25 % of the time (100 % in the period before)" in said(of)[0]


def test_a_team_that_cancels_much_hears_it_with_its_notice() -> None:
    of = facts(courses=many(20), cancelled=[cancelled(5 + n, 7 + n) for n in range(9)])
    # 9 of 29.
    assert "vision cancels 31 % of its bookings, median 2:00:00 before start." in said(of, "vision")
    assert "People cancel 31 % of their bookings, median 2:00:00 before start." in said(of)


def test_a_rate_that_changed_is_told_with_the_one_before() -> None:
    earlier = [course(-10 * n, 5) for n in range(1, 11)]
    gone = [cancelled(5 + n, 7 + n) for n in range(9)]
    of = facts(courses=[*many(20), *earlier], cancelled=gone)
    assert any("31 % of its bookings (0 % in the period before)" in s for s in said(of, "vision"))


def test_overestimated_lengths_are_told_with_how_often_and_by_how_much() -> None:
    of = facts(courses=[*many(6), *[course(0, 14, until=10, left=4) for _ in range(4)]])
    assert (
        "vision gives 40 % of its bookings back early; their lengths are overestimated by 40 %."
        in said(of, "vision")
    )


def test_bookings_that_nobody_uses_and_those_that_are_too_short_are_told() -> None:
    unused = [course(n, until=n + 1, state=BookingState.NO_SHOW) for n in range(2)]
    of = facts(courses=[*unused, *many(4), *many(4, extended=True)])
    told = said(of, "vision")
    assert "20 % of vision's bookings go unused: nobody shows up." in told
    assert any(s.startswith("vision extends 50 % of its bookings") for s in told)


def test_waiting_and_giving_way_are_told() -> None:
    of = facts(
        courses=many(10),
        wishes=[wish(n, n + 3, team="vision") for n in range(8)],
        yielded=[Yielded(START, "vision", "nlp", 24.0)],
    )
    told = said(of, "vision")
    assert any("wait 3:00:00 on the waitlist" in s for s in told)
    assert "24 GPU-hours of vision gave way to urgent work." in told


@pytest.mark.parametrize("count", [1, ENOUGH - 1])
def test_few_bookings_are_no_habit(count: int) -> None:
    of = facts(courses=[course(0) for _ in range(count - 1)], cancelled=[cancelled(5, 7)])
    assert said(of, "vision")[-1] == "vision made too few bookings to say more."
    assert not any("cancel" in s for s in said(of, "vision"))


def test_a_team_without_bad_habits_hears_of_none() -> None:
    assert len(said(facts(courses=many(20)), "vision")) == 1


def full(model_node: str = "gpu-03", weeks: int = 4) -> list[object]:
    return [held(TEN + 168 * week, 8, 8, model_node) for week in range(weeks)]


def test_full_hours_are_told_with_what_is_short_then() -> None:
    wanted = [refused(TEN + 168 * week, 4, 6, model="A100") for week in range(4)]
    of = facts(held=full(), refused=wanted, courses=many(20))
    assert "A100 nodes are full on Tuesdays 10:00–18:00; you would have needed 6 more." in said(of)
    assert "A100 nodes are full on Tuesdays 10:00–18:00." in said(
        facts(held=full(), courses=many(20))
    )


def test_gpus_can_be_short_on_nodes_that_are_not_full() -> None:
    wanted = [refused(TEN + 168 * week, 4, 6, model="A100") for week in range(4)]
    pieces = [held(TEN + 168 * week, 8, 5, "gpu-03") for week in range(4)]
    assert "You would have needed 3 more A100 on Tuesdays." in said(
        facts(held=pieces, refused=wanted)
    )


def test_one_week_is_no_habit_of_a_weekday() -> None:
    week = Period(Window(START, START + WEEK), Window(START - WEEK, START))
    assert not any("full" in s for s in said(facts(held=full(), courses=many(9)), period=week))


def test_nodes_are_full_from_the_first_full_hour_to_the_last() -> None:
    report = make_report(facts(held=[*full(), *[held(TEN + 12, 2, 8, "gpu-03")]]), PERIOD)
    node = report.scope("node", "gpu-03")
    assert node is not None
    assert full_hours(node, 1) == (10, 18)
    assert full_hours(node, 2) is None


def test_sentences_are_six_at_most() -> None:
    of = facts(
        held=full(),
        courses=[*many(10), *[course(0, 14, until=10, left=4, extended=True) for _ in range(9)],
                 *[course(0, until=1, state=BookingState.NO_SHOW) for _ in range(3)]],
        cancelled=[cancelled(5, 7) for _ in range(9)],
        wishes=[wish(n, n + 3) for n in range(8)],
        refused=[refused(TEN + 168 * week, 4, 6, model="A100") for week in range(4)],
        yielded=[Yielded(START, "vision", "nlp", 24.0)],
    )  # fmt: skip
    assert len(said(of)) == 6


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        (0.26, timedelta(minutes=16)),
        (1.99, timedelta(minutes=119)),
        (7.4, timedelta(hours=7)),
        (60, timedelta(days=2)),
    ],
)
def test_lengths_are_told_roughly(hours: float, expected: timedelta) -> None:
    assert about(hours) == expected
