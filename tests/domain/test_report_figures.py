"""Every figure of a report against a case worked out by hand."""

from __future__ import annotations

import pytest
from reporting import (
    CLUSTER,
    PERIOD,
    at,
    cancelled,
    course,
    facts,
    held,
    outage,
    refused,
    window,
    wish,
)

from bot.domain.booking import BookingState
from bot.domain.report import make_report
from bot.domain.report_course import Course
from bot.domain.report_definitions import DEFINITIONS, FigureName
from bot.domain.report_facts import Facts, Yielded
from bot.domain.report_figures import nearest_rank
from bot.domain.waitlist import EntryState

F = FigureName


def value(of: Facts, name: FigureName, team: str | None = None) -> float | None:
    report = make_report(of, PERIOD)
    scope = report.cluster if team is None else report.scope("team", team)
    assert scope is not None
    return scope.value(name)


def test_every_figure_has_a_definition_and_nothing_else_has() -> None:
    assert set(DEFINITIONS) == set(FigureName)
    report = make_report(facts(), PERIOD)
    measured = {F.MEASURED, F.BUSY, F.BUSY_RATE}
    assert set(report.cluster.figures) == set(FigureName) - measured
    assert all(one.meaning.endswith(".") for one in DEFINITIONS.values())


def test_of_nothing_there_is_no_rate_and_no_median() -> None:
    for name in (
        F.CANCELLATION_RATE, F.NO_SHOW_RATE, F.EARLY_RATE, F.OVERESTIMATE, F.EXTENSION_RATE,
        F.LEAD_MEDIAN, F.LEAD_P90, F.WAIT_MEDIAN, F.WAIT_P90, F.CANCELLATION_NOTICE,
    ):  # fmt: skip
        assert value(facts(), name) is None


def test_utilisation_is_what_was_held_of_what_was_in_service() -> None:
    of = facts(held=[held(0, 168, 4), held(0, 84, 8, "gpu-03", "nlp")])
    # 4 × 168 + 8 × 84 = 1344 GPU-hours of 16 GPUs × 672 h = 10752.
    assert value(of, F.HELD) == 1344
    assert value(of, F.IN_SERVICE) == 10752
    assert value(of, F.UTILISATION) == 0.125
    assert value(of, F.UTILISATION, "nlp") == 0.0625


def test_booked_is_what_was_promised_and_used_what_was_held_of_it() -> None:
    # 4 × 10 h promised, given back after 6 h; 2 × 5 h held to the end; a no-show of 4 × 10 h.
    courses = [
        course(0, 10, until=6, left=4),
        course(20, 5, 2),
        course(30, 10, until=31, state=BookingState.NO_SHOW),
    ]
    assert value(facts(courses=courses), F.BOOKED) == 40 + 10 + 40
    assert value(facts(courses=courses), F.USED) == 24 + 10


def test_a_part_given_back_counts_from_then_on() -> None:
    # 4 GPUs for 2 h, 3 for 3 h, 1 for 3 h.
    one = course(0, 8, parts=((at(2), 3), (at(5), 1)))
    assert value(facts(courses=[one]), F.USED) == 8 + 9 + 3


def test_only_the_part_of_a_booking_that_lies_in_the_period_counts() -> None:
    courses = [course(-4, 10), course(4 * 168 - 2, 20)]
    assert value(facts(courses=courses), F.BOOKED) == 4 * 6 + 4 * 2
    assert value(facts(courses=courses), F.USED) == 4 * 6 + 4 * 2


def leads(*hours: float) -> list[Course]:
    return [course(10 + n, 1, made=10 + n - lead) for n, lead in enumerate(hours)]


def test_lead_time_is_from_the_making_to_the_beginning() -> None:
    of = facts(courses=leads(0, 1, 2, 3, 4, 5, 6, 7, 20, 100))
    # In the middle between the fifth and the sixth of ten; the ninth of ten is the 90th percentile.
    assert value(of, F.LEAD_MEDIAN) == 4.5
    assert value(of, F.LEAD_P90) == 20


def test_queue_runs_and_what_began_outside_of_the_period_are_no_bookings_begun() -> None:
    courses = [course(0), course(1, queued=True), course(-5, 10), course(2, promised=None)]
    assert value(facts(courses=courses), F.BEGUN) == 1


def test_the_cancellation_rate_is_of_those_cancelled_and_those_begun() -> None:
    of = facts(
        courses=[course(0), course(1), course(2)],
        cancelled=[cancelled(0, 2), cancelled(1, 7), cancelled(-1, 50)],
    )
    # Two were cancelled in the period, three began: 2 of 5; 2 h and 6 h before their start.
    assert value(of, F.CANCELLED) == 2
    assert value(of, F.CANCELLATION_RATE) == 0.4
    assert value(of, F.CANCELLATION_NOTICE) == 4
    assert value(of, F.CANCELLATION_RATE, "nlp") is None


def test_the_trend_is_the_same_figure_of_the_period_before() -> None:
    of = facts(courses=[course(-3, 1), course(-2, 1), course(-1, 1)], cancelled=[cancelled(-9, -5)])
    report = make_report(of, PERIOD)
    assert report.cluster.was(F.CANCELLATION_RATE).value == 0.25
    assert report.cluster.value(F.CANCELLATION_RATE) is None


@pytest.mark.parametrize(("weeks_away", "comparable"), [(2, True), (3, False)])
def test_most_of_a_period_must_have_been_in_service_to_compare_with_it(
    weeks_away: int, comparable: bool
) -> None:
    away = [outage(-4 * 168, weeks_away * 168, node.name) for node in CLUSTER.nodes]
    report = make_report(facts(courses=[course(-1, 1)], outages=away), PERIOD)
    assert report.cluster.was(F.BEGUN).value == (1 if comparable else None)


def test_the_no_show_rate_is_of_those_begun() -> None:
    unused = course(0, until=1, state=BookingState.NO_SHOW)
    of = facts(courses=[unused, course(1), course(2), course(3)])
    assert value(of, F.NO_SHOWS) == 1
    assert value(of, F.NO_SHOW_RATE) == 0.25


def test_the_overestimate_is_what_was_left_of_what_was_held() -> None:
    # 4 × 4 h left of 4 × 10 h held, 2 × 2 h left of 2 × 5 h held: 20 / 50. One ran to its end.
    courses = [
        course(0, 14, 4, until=10, left=4),
        course(0, 7, 2, until=5, left=2),
        course(0, 8),
    ]
    assert value(facts(courses=courses), F.OVERESTIMATE) == pytest.approx(0.4)
    assert value(facts(courses=courses), F.EARLY_RATE) == pytest.approx(2 / 3)


def test_what_was_preempted_or_not_used_says_nothing_about_lengths() -> None:
    courses = [
        course(0, 10, until=5, left=5, state=BookingState.PREEMPTED),
        course(0, 10, until=1, left=9, state=BookingState.NO_SHOW),
    ]
    assert value(facts(courses=courses), F.OVERESTIMATE) is None
    assert value(facts(courses=courses), F.EARLY_RATE) is None


def test_the_extension_rate_is_of_those_that_ended() -> None:
    running = course(0, 10, state=BookingState.ACTIVE, extended=True)
    of = facts(courses=[course(0, extended=True), course(1), course(2), course(3), running])
    assert value(of, F.EXTENSION_RATE) == 0.25


def test_waiting_time_is_from_joining_to_the_booking() -> None:
    served = [wish(0, hours) for hours in (1, 3, 5, 7, 9, 11, 13, 15, 17, 99)]
    of = facts(wishes=[*served, wish(5), wish(6, state=EntryState.EXPIRED), wish(-9, -8)])
    assert value(of, F.WAIT_MEDIAN) == 10
    assert value(of, F.WAIT_P90) == 17
    assert value(of, F.SERVED) == 10
    assert (value(of, F.WISHES), value(of, F.OPEN), value(of, F.EXPIRED)) == (12, 1, 1)


def test_a_wish_from_before_that_is_served_in_the_period_has_its_whole_wait() -> None:
    of = facts(wishes=[wish(-10, 2)])
    assert value(of, F.WAIT_MEDIAN) == 12
    assert value(of, F.WISHES) == 0


def test_refusals_count_with_their_gpu_hours() -> None:
    of = facts(refused=[refused(5, 4, 4), refused(9, 2, 8), refused(-3, 9, 1)])
    assert value(of, F.REFUSALS) == 2
    assert value(of, F.REFUSED_HOURS) == 4 * 4 + 2 * 8
    assert value(of, F.REFUSALS, "vision") == 0


def test_preemptions_are_suffered_by_one_team_and_caused_by_another() -> None:
    of = facts(
        yielded=[
            Yielded(at(5), "vision", "nlp", 12.0),
            Yielded(at(6), "nlp", "nlp", 3.0),
            Yielded(at(-6), "vision", "nlp", 99.0),
        ]
    )
    assert (value(of, F.YIELDED), value(of, F.YIELDED_HOURS)) == (2, 15)
    assert (value(of, F.YIELDED, "vision"), value(of, F.YIELDED_HOURS, "vision")) == (1, 12)
    assert (value(of, F.TOOK, "vision"), value(of, F.TOOK, "nlp")) == (0, 2)
    assert value(of, F.TOOK_HOURS, "nlp") == 15


@pytest.mark.parametrize(
    ("values", "expected"),
    [([5.0], 5.0), ([1.0, 2.0], 2.0), ([float(n) for n in range(1, 11)], 9.0)],
)
def test_the_90th_percentile_is_one_of_the_values(values: list[float], expected: float) -> None:
    assert nearest_rank(values, 0.9) == expected


def test_gpu_hours_of_an_overrun_are_used_and_not_booked() -> None:
    one = course(0, 10, until=11)
    assert (one.booked(window(0, 99)), one.used(window(0, 99))) == (40, 44)
