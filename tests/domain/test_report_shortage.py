"""How many GPUs were short, counted by hand. Four Tuesdays; the A100 node has 8 GPUs."""

from __future__ import annotations

from builders import CHEN, DANA
from reporting import PERIOD, START, at, course, facts, held, refused, wish

from bot.domain.booking import BookingState
from bot.domain.report import make_report
from bot.domain.report_facts import Facts
from bot.domain.report_period import Period
from bot.domain.report_shortage import Shortage
from bot.domain.waitlist import EntryState
from bot.domain.window import Window

TUESDAY = 1
#: 10:00 on the first Tuesday, in hours from the period's beginning.
TEN = 24 + 10


def short(of: Facts) -> list[Shortage]:
    return list(make_report(of, PERIOD).shortages)


def full(weeks: int, gpus: int = 8) -> list[object]:
    """The A100 node is held from 10:00 to 18:00 on so many Tuesdays."""
    return [held(TEN + 168 * week, 8, gpus, "gpu-03") for week in range(weeks)]


def asked(weeks: int, gpus: int = 6, **more: object) -> list[object]:
    return [refused(TEN + 168 * week, 4, gpus, model="A100", **more) for week in range(weeks)]


def test_what_was_asked_for_beyond_what_there_is_was_short() -> None:
    # 8 held and 6 refused, of 8: 6 short, on each of the four Tuesdays.
    of = facts(held=full(4), refused=asked(4))
    assert short(of) == [Shortage("A100", TUESDAY, gpus=6, peak=6, days=4)]


def test_gpus_that_were_free_would_have_served_a_part() -> None:
    # 5 held and 6 refused (3 free GPUs did not do for 6), of 8: 3 short.
    of = facts(held=full(4, gpus=5), refused=asked(4))
    assert short(of) == [Shortage("A100", TUESDAY, gpus=3, peak=3, days=4)]


def test_typical_is_what_was_short_on_at_least_half_of_the_days() -> None:
    # On two of four Tuesdays: at least half of them. On one of four: not typical, but the peak.
    assert short(facts(held=full(4), refused=asked(2)))[0].gpus == 6
    assert short(facts(held=full(4), refused=asked(1))) == [Shortage("A100", TUESDAY, 0, 6, 4)]


def test_several_people_need_more_together_but_one_person_needs_it_once() -> None:
    first = [*asked(4, user=CHEN), *asked(4, user=DANA, gpus=2)]
    again = [refused(TEN + 1 + 168 * week, 4, 4, model="A100", user=CHEN) for week in range(4)]
    # chen wants 6, then 4 for an hour later: never 10. dana wants 2 besides.
    found = short(facts(held=full(4), refused=[*first, *again]))
    assert found == [Shortage("A100", TUESDAY, gpus=8, peak=8, days=4)]


def test_what_was_booked_for_that_time_after_all_was_not_missing() -> None:
    later = course(TEN, 4, 4, owner=DANA, made=TEN - 1)
    before = course(TEN, 4, 4, owner=DANA, made=TEN - 9)
    given_up = course(TEN, 4, 4, owner=DANA, made=TEN - 1, state=BookingState.CANCELLED)
    wanted = [refused(TEN, 4, 6, model="A100", asked=TEN - 2)]
    assert short(facts(held=full(4), refused=wanted, courses=[later]))[0].peak == 2
    assert short(facts(held=full(4), refused=wanted, courses=[before]))[0].peak == 6
    assert short(facts(held=full(4), refused=wanted, courses=[given_up]))[0].peak == 6


def test_a_wish_that_was_not_served_in_time_is_demand_and_one_that_was_is_not() -> None:
    def wishes(state: EntryState, served: float | None = None) -> list[object]:
        return [wish(TEN + 168 * week, served, state, model="A100") for week in range(4)]

    expired, served = wishes(EntryState.EXPIRED), wishes(EntryState.BOOKED, TEN)
    assert short(facts(held=full(4), wishes=expired))[0].gpus == 4
    assert short(facts(held=full(4), wishes=served)) == []
    assert short(facts(held=full(4), wishes=wishes(EntryState.LEFT))) == []


def test_a_wish_of_somebody_who_was_refused_the_same_counts_once() -> None:
    of = facts(
        held=full(4),
        refused=asked(4, gpus=4, user=CHEN),
        wishes=[wish(TEN + 168 * week, model="A100") for week in range(4)],
    )
    assert short(of)[0].gpus == 4


def test_a_request_for_any_model_is_held_against_the_whole_cluster() -> None:
    everything = [
        held(TEN + 168 * week, 8, gpus, node)
        for week in range(4)
        for node, gpus in (("gpu-01", 4), ("gpu-02", 4), ("gpu-03", 7))
    ]
    wanted = [refused(TEN + 168 * week, 4, 4) for week in range(4)]
    # 15 of 16 held and 4 wanted.
    assert short(facts(held=everything, refused=wanted)) == [Shortage(None, TUESDAY, 3, 3, 4)]


def test_the_hour_in_which_the_period_ends_is_not_over_and_does_not_count() -> None:
    whole = Period(Window(START, at(TEN + 1)), PERIOD.before)
    half = Period(Window(START, at(TEN + 0.5)), PERIOD.before)
    of = facts(held=full(1), refused=asked(1))
    assert len(make_report(of, whole).shortages) == 1
    assert make_report(of, half).shortages == ()


def test_a_model_that_is_gone_was_not_short() -> None:
    assert short(facts(held=full(4), refused=[refused(TEN, 4, 6, model="K80")])) == []
