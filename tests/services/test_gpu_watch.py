"""What readings of the GPUs lead to: alerts, signs of use, questions, figures, unbooked use."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from builders import BOB, CHEN, NOW, TONIGHT, actor, cluster, request
from delivering import deliver, last_row, tick, told
from sqlalchemy import text
from wanting import HOUR, MINUTE, SECOND, actions

from bot.domain.actor import Person
from bot.domain.alert_notice import AlertNotice
from bot.domain.booking import Booking, BookingState
from bot.domain.gpu_health import Kind, Reading, Thresholds
from bot.domain.report_definitions import FigureName
from bot.domain.report_period import parse_period
from bot.services import look
from bot.services.alertmanager import take_notices
from bot.services.drain import drain
from bot.services.gpu_activity import forget_nodes
from bot.services.gpu_alert_rows import Alert, get_alert
from bot.services.gpu_alerts import note_outage
from bot.services.gpu_watch import is_up, note_readings
from bot.services.people import remember_person
from bot.services.release import release
from bot.services.report import report
from bot.services.reserve import reserve
from bot.services.site import Site

EVERY = 30 * SECOND
LIMITS = Thresholds()
OPS = "C0OPS"
#: As far apart as readings may be without a gap that nobody knows about.
STEP = 4 * MINUTE


def gpu(number: int = 0, node: str = "gpu-01", **said: object) -> Reading:
    return Reading(node, number, **{"utilisation": 0.0, **said})


def watch(site: Site, now: datetime, *readings: Reading) -> None:
    note_readings(site, readings, LIMITS, EVERY, now=now)


def watch_for(site: Site, start: datetime, length: timedelta, *readings: Reading) -> datetime:
    """The same readings over and over, with what else is due; the end of that time."""
    now = start
    while now <= start + length:
        watch(site, now, *readings)
        tick(site, now)
        now += STEP
    return now - STEP


def node_of(work: float, node: str = "gpu-01", gpus: int = 4, **said: object) -> list[Reading]:
    return [gpu(n, node, **{"utilisation": work, **said}) for n in range(gpus)]


def alerts(site: Site) -> list[Alert]:
    with site.database.snapshot() as connection:
        rows = connection.execute(
            text("SELECT id FROM gpualert WHERE state != 'pending' ORDER BY id")
        )
        ids = [row.id for row in rows]
    return [get_alert(site, alert_id) for alert_id in ids]


@pytest.fixture
def running(site: Site) -> Booking:
    """Bob's booking of all of gpu-01, which has begun."""
    booking = reserve(site, actor(BOB), request(4, node="gpu-01"), now=NOW)
    tick(site, TONIGHT)
    return look.get_booking(site, booking.id)


class TestHealth:
    def test_owner_and_operators_are_told_once_and_when_it_is_over(self, site, running):
        mark = last_row(site)
        for minute in range(5):
            watch(site, TONIGHT + minute * MINUTE, gpu(3, temperature=91.0 + minute))
            deliver(site, TONIGHT + minute * MINUTE)
        assert sorted(told(site, "gpu_alert", mark)) == [OPS, BOB]
        (alert,) = alerts(site)
        assert (alert.about.booking, alert.about.gpus, alert.about.value) == (running.id, (3,), 91)
        mark = last_row(site)
        watch(site, TONIGHT + 6 * MINUTE, gpu(3, temperature=60.0))
        watch(site, TONIGHT + 7 * MINUTE, gpu(3, temperature=60.0))
        assert sorted(told(site, "gpu_alert", mark)) == [OPS, BOB]
        assert alerts(site)[0].resolved_at == TONIGHT + 6 * MINUTE
        assert actions(site, running.id)[-2:] == ["gpu_alert", "gpu_alert_over"]

    def test_what_sways_around_the_threshold_is_one_alert(self, site, running):
        for minute, celsius in enumerate([88.0, 87.0, 89.0, 86.0, 88.0, 84.0]):
            watch(site, TONIGHT + minute * MINUTE, gpu(temperature=celsius))
        assert [alert.is_over for alert in alerts(site)] == [False]

    def test_what_begins_again_soon_is_the_same_alert_and_later_another(self, site, running):
        for minute, celsius in [(0, 90.0), (1, 50.0), (5, 90.0), (6, 50.0), (30, 90.0)]:
            watch(site, TONIGHT + minute * MINUTE, gpu(temperature=celsius))
        assert [alert.is_over for alert in alerts(site)] == [True, False]

    def test_absent_readings_end_nothing(self, site, running):
        watch(site, TONIGHT, gpu(0, temperature=95.0), gpu(1))
        watch(site, TONIGHT + HOUR, gpu(1))
        watch(site, TONIGHT + 2 * HOUR, gpu(0, utilisation=None), gpu(1))
        assert [alert.is_over for alert in alerts(site)] == [False]

    def test_the_next_owner_is_told_of_what_is_still_so(self, site, running):
        watch(site, TONIGHT, gpu(temperature=95.0))
        release(site, actor(BOB), running.id, now=TONIGHT + MINUTE)
        asked = request(4, TONIGHT + 2 * MINUTE, 4 - 1 / 30, node="gpu-01")
        theirs = reserve(site, actor(CHEN), asked, now=TONIGHT + 2 * MINUTE)
        tick(site, TONIGHT + 2 * MINUTE)
        watch(site, TONIGHT + 3 * MINUTE, gpu(temperature=95.0))
        assert alerts(site)[0].about.booking == theirs.id
        assert told(site, "gpu_alert")[-3:] == [OPS, BOB, CHEN]

    def test_a_programs_xid_is_over_after_an_hour_and_news_only_when_it_changes(
        self, site, running
    ):
        for minutes in (0, 30, 61, 90, 200):
            watch(site, TONIGHT + minutes * MINUTE, gpu(xid=31))
        assert [alert.is_over for alert in alerts(site)] == [True]
        watch(site, TONIGHT + 210 * MINUTE, gpu(xid=43))
        watch(site, TONIGHT + 211 * MINUTE, gpu(xid=0))
        watch(site, TONIGHT + 230 * MINUTE, gpu(xid=31))
        assert [alert.about.value for alert in alerts(site)] == [31, 43, 31]

    def test_a_gpus_own_xid_stays_until_it_is_gone(self, site, running):
        for hours in (0, 2, 5):
            watch(site, TONIGHT + hours * HOUR, gpu(xid=79))
        assert [alert.is_over for alert in alerts(site)] == [False]
        watch(site, TONIGHT + 6 * HOUR, gpu(xid=0))
        assert [alert.is_over for alert in alerts(site)] == [True]

    def test_the_same_readings_twice_at_one_instant_change_nothing(self, site, running):
        for _ in range(2):
            watch(site, TONIGHT, *node_of(50.0, temperature=95.0))
        assert len(alerts(site)) == 4
        assert len(told(site, "gpu_alert")) == 8

    def test_without_a_channel_for_operators_the_owner_is_told_all_the_same(self, open_site):
        from dataclasses import replace

        site = open_site(replace(cluster(), ops_channel=None))
        reserve(site, actor(BOB), request(4, node="gpu-01"), now=NOW)
        tick(site, TONIGHT)
        watch(site, TONIGHT, gpu(xid=79))
        assert told(site, "gpu_alert") == [BOB]


class TestOutage:
    def test_it_is_told_once_when_it_lasts_and_edited_when_it_is_over(self, site):
        for seconds in (0, 60, 119):
            note_outage(site, "no answer within 10 s", now=TONIGHT + seconds * SECOND)
        assert told(site, "gpu_alert") == []
        for minutes in (2, 3, 60):
            note_outage(site, "cannot be reached", now=TONIGHT + minutes * MINUTE)
        assert told(site, "gpu_alert") == [OPS]
        watch(site, TONIGHT + 61 * MINUTE, gpu())
        assert told(site, "gpu_alert") == [OPS, OPS]
        assert [alert.is_over for alert in alerts(site)] == [True]

    def test_a_short_one_is_not_told(self, site):
        note_outage(site, "cannot be reached", now=TONIGHT)
        watch(site, TONIGHT + MINUTE, gpu())
        note_outage(site, "cannot be reached", now=TONIGHT + 5 * MINUTE)
        assert told(site, "gpu_alert") == []

    def test_monitoring_is_up_while_readings_come(self, site):
        assert not is_up(site, EVERY, now=TONIGHT)
        watch(site, TONIGHT, gpu())
        assert is_up(site, EVERY, now=TONIGHT + MINUTE)
        assert not is_up(site, EVERY, now=TONIGHT + 2 * MINUTE)

    def test_a_node_without_metrics_is_told_unless_it_is_out_of_service(self, site):
        watch(site, TONIGHT, gpu(), gpu(node="gpu-02"), gpu(node="gpu-03"))
        drain(site, actor("U0ADMIN"), "gpu-03", until=None, reason="new fans", now=TONIGHT)
        mark = last_row(site)
        for minutes in (1, 5, 9, 10, 11, 20):
            watch(site, TONIGHT + minutes * MINUTE, gpu())
        assert told(site, "gpu_alert", mark) == [OPS]
        assert alerts(site)[0].about.node == "gpu-02"
        watch(site, TONIGHT + HOUR, gpu(), gpu(node="gpu-02"))
        assert alerts(site)[0].is_over


def notice(firing: bool = True, start: datetime = TONIGHT, **said: object) -> AlertNotice:
    values = {"name": "GpuTemperature", "labels": {}, "node": "gpu-01", "gpu": 3, "value": 91.0}
    return AlertNotice("f1", firing, start, **{**values, **said})


class TestAlertmanager:
    def test_both_ways_of_knowing_make_one_alert(self, site, running):
        watch(site, TONIGHT, gpu(3, temperature=91.0))
        take_notices(site, [notice()], now=TONIGHT + SECOND)
        watch(site, TONIGHT + MINUTE, gpu(3, temperature=91.0))
        assert len(alerts(site)) == 1
        assert sorted(told(site, "gpu_alert")) == [OPS, BOB]

    @pytest.mark.parametrize("first", ["queries", "alertmanager"])
    def test_it_is_over_when_both_say_so(self, site, running, first):
        watch(site, TONIGHT, gpu(3, temperature=91.0))
        take_notices(site, [notice()], now=TONIGHT)
        ends = [
            lambda at: watch(site, at, gpu(3, temperature=50.0)),
            lambda at: take_notices(site, [notice(firing=False)], now=at),
        ]
        for minute, end in enumerate(ends if first == "queries" else reversed(ends)):
            assert [alert.is_over for alert in alerts(site)] == [False]
            end(TONIGHT + (minute + 1) * MINUTE)
        assert [alert.is_over for alert in alerts(site)] == [True]

    def test_a_webhook_that_comes_again_changes_nothing_even_when_it_is_late(self, site, running):
        for _ in range(2):
            take_notices(site, [notice()], now=TONIGHT)
        for _ in range(2):
            take_notices(site, [notice(firing=False)], now=TONIGHT + MINUTE)
        take_notices(site, [notice()], now=TONIGHT + 2 * MINUTE)
        assert [alert.is_over for alert in alerts(site)] == [True]
        assert len(told(site, "gpu_alert")) == 4
        take_notices(site, [notice(start=TONIGHT + HOUR)], now=TONIGHT + HOUR)
        take_notices(site, [notice(firing=False)], now=TONIGHT + HOUR)
        assert [alert.is_over for alert in alerts(site)] == [True, False]

    def test_what_it_has_forgotten_a_good_reading_ends(self, site, running):
        take_notices(site, [notice()], now=TONIGHT)
        watch(site, TONIGHT + 11 * HOUR, gpu(3, temperature=50.0))
        assert not alerts(site)[0].is_over
        watch(site, TONIGHT + 12 * HOUR, gpu(3, temperature=50.0))
        assert alerts(site)[0].is_over

    def test_an_end_of_something_never_told_is_nothing(self, site):
        take_notices(site, [notice(firing=False)], now=TONIGHT)
        assert alerts(site) == []

    @pytest.mark.parametrize(
        ("name", "labels", "kind"),
        [
            ("GpuMemoryOverflow", {}, Kind.MEMORY),
            ("GPU_XID_Error", {}, Kind.XID),
            ("DcgmEccDbe", {}, Kind.ECC),
            ("TooHot", {}, Kind.TEMPERATURE),
            ("Anything", {"gpubot_kind": "ecc"}, Kind.ECC),
            ("Anything", {"gpubot_kind": "outage"}, Kind.OTHER),
            ("GpuLazy", {}, Kind.OTHER),
        ],
    )
    def test_rules_are_known_by_their_label_or_their_name(self, name, labels, kind):
        assert notice(name=name, labels=labels).kind is kind
        assert notice(name=name, labels=labels, node=None).kind is Kind.OTHER

    def test_anything_else_goes_to_the_operators(self, site, running):
        node_down = {"name": "NodeDown", "gpu": None, "value": None, "summary": "no answer"}
        take_notices(site, [notice(**node_down)], now=TONIGHT)
        assert told(site, "gpu_alert") == [OPS]
        take_notices(site, [notice(firing=False, **node_down)], now=TONIGHT + MINUTE)
        assert [alert.is_over for alert in alerts(site)] == [True]


class TestActivity:
    def test_work_is_a_sign_of_use_so_nobody_is_asked(self, site, running):
        end = watch_for(site, TONIGHT, 3 * HOUR, *node_of(80.0))
        assert told(site, "idle") == []
        assert look.get_booking(site, running.id).used_at >= end - 2 * MINUTE

    def test_work_answers_the_question(self, site, running):
        watch_for(site, TONIGHT, 32 * MINUTE, *node_of(0.0))
        assert look.get_booking(site, running.id).asked_at is not None
        watch(site, TONIGHT + 34 * MINUTE, *node_of(0.0)[1:], gpu(0, utilisation=60.0))
        assert look.get_booking(site, running.id).asked_at is None

    def test_gpus_that_idle_from_the_start_are_asked_about(self, site, running):
        watch_for(site, TONIGHT, 28 * MINUTE, *node_of(0.0))
        assert told(site, "idle") == []
        watch_for(site, TONIGHT + 30 * MINUTE, 4 * MINUTE, *node_of(0.0))
        assert told(site, "idle") == [BOB]

    def test_gpus_that_idle_for_long_after_work_are_asked_about_again(self, site, running):
        start = watch_for(site, TONIGHT, HOUR, *node_of(80.0)) + 2 * MINUTE
        watch_for(site, start, 2 * HOUR - 4 * MINUTE, *node_of(1.0))
        assert told(site, "idle") == []
        watch_for(site, start + 2 * HOUR - 2 * MINUTE, 4 * MINUTE, *node_of(1.0))
        assert told(site, "idle") == [BOB]
        tick_at = start + 2 * HOUR + 40 * MINUTE
        watch_for(site, start + 2 * HOUR + 4 * MINUTE, 40 * MINUTE, *node_of(1.0))
        assert look.get_booking(site, running.id).state is BookingState.NO_SHOW, tick_at

    def test_policy_can_leave_them_alone(self, open_site):
        site = open_site(cluster(idle_after=None))
        booking = reserve(site, actor(BOB), request(4, node="gpu-01"), now=NOW)
        tick(site, TONIGHT)
        start = watch_for(site, TONIGHT, 10 * MINUTE, *node_of(80.0)) + 2 * MINUTE
        watch_for(site, start, 5 * HOUR, *node_of(0.0))
        assert told(site, "idle") == []
        assert look.get_booking(site, booking.id).state is BookingState.ACTIVE

    def test_nobody_is_asked_because_prometheus_was_away(self, site, running):
        start = watch_for(site, TONIGHT, 10 * MINUTE, *node_of(0.0)) + 2 * MINUTE
        for minutes in range(0, 120, 10):
            now = start + minutes * MINUTE
            note_outage(site, "cannot be reached", now=now)
            tick(site, now)
        back = start + 2 * HOUR
        watch_for(site, back, 28 * MINUTE, *node_of(0.0))
        assert told(site, "idle") == []
        watch_for(site, back + 30 * MINUTE, 2 * MINUTE, *node_of(0.0))
        assert told(site, "idle") == [BOB]

    def test_nobody_is_released_while_prometheus_is_away(self, site, running):
        asked = watch_for(site, TONIGHT, 32 * MINUTE, *node_of(0.0))
        for minutes in range(2, 100, 10):
            tick(site, asked + minutes * MINUTE)
        assert look.get_booking(site, running.id).state is BookingState.ACTIVE
        watch_for(site, asked + 100 * MINUTE, 2 * MINUTE, *node_of(0.0))
        assert look.get_booking(site, running.id).state is BookingState.NO_SHOW

    def test_a_gpu_without_readings_may_be_at_work(self, site, running):
        watch_for(site, TONIGHT, 3 * HOUR, *node_of(0.0)[:3])
        assert told(site, "idle") == []

    def test_metrics_that_say_nothing_of_use_leave_everything_as_before(self, site, running):
        watch_for(site, TONIGHT, 32 * MINUTE, *node_of(0.0, utilisation=None, temperature=50.0))
        assert told(site, "idle") == [BOB]

    def test_on_nodes_without_metrics_everything_is_as_before(self, site, running):
        watch_for(site, TONIGHT, 32 * MINUTE, gpu(node="gpu-02"))
        assert told(site, "idle") == [BOB]

    def test_when_monitoring_is_given_up_everything_is_as_before(self, site, running):
        watch(site, TONIGHT, *node_of(50.0))
        forget_nodes(site)
        tick(site, TONIGHT + 31 * MINUTE)
        assert told(site, "idle") == [BOB]


def used(site: Site, booking: Booking) -> tuple[int, int]:
    with site.database.snapshot() as connection:
        return connection.execute(
            text("SELECT sum(watched_s), sum(busy_s) FROM gpuuse WHERE booking = :id"),
            {"id": booking.id},
        ).one()


class TestFigures:
    def test_gpu_seconds_are_counted_from_reading_to_reading(self, site, running):
        for number in range(5):
            watch(site, TONIGHT + number * EVERY, *node_of(80.0)[:1], *node_of(0.0)[1:])
        assert used(site, running) == (4 * 120, 120)

    def test_the_same_instant_twice_counts_once_and_what_was_missed_is_not_made_up(
        self, site, running
    ):
        for now in (TONIGHT, TONIGHT, TONIGHT + EVERY, TONIGHT + EVERY, TONIGHT + HOUR):
            watch(site, now, *node_of(80.0))
        assert used(site, running) == (4 * 90, 4 * 90)

    def test_reports_show_what_was_really_used(self, site, running):
        watch_for(site, TONIGHT, 2 * HOUR, *node_of(80.0)[:1], *node_of(0.0)[1:])
        now = TONIGHT + 3 * HOUR
        made = report(site, parse_period("28d", now=now, zone=site.cluster.zone))
        vision, nlp = made.scope("team", "vision"), made.scope("team", "nlp")
        # Readings that come every four minutes stand for one minute each.
        assert vision.value(FigureName.MEASURED) == pytest.approx(2)
        assert vision.value(FigureName.BUSY) == pytest.approx(0.5)
        assert made.cluster.value(FigureName.BUSY_RATE) == pytest.approx(0.25)
        assert FigureName.BUSY not in nlp.figures

    def test_without_monitoring_there_are_no_such_figures(self, site, running):
        made = report(site, parse_period("28d", now=TONIGHT + HOUR, zone=site.cluster.zone))
        assert FigureName.MEASURED not in made.cluster.figures


class TestUnbooked:
    def work(self, site: Site, start: datetime, minutes: int, *readings: Reading) -> datetime:
        for minute in range(minutes + 1):
            watch(site, start + minute * MINUTE, *readings)
        return start + minutes * MINUTE

    def test_work_without_a_booking_is_told_after_a_while(self, site):
        busy = [gpu(1, utilisation=90.0), gpu(2, utilisation=90.0)]
        self.work(site, TONIGHT, 9, *busy)
        assert told(site, "gpu_alert") == []
        self.work(site, TONIGHT + 10 * MINUTE, 30, *busy)
        assert told(site, "gpu_alert") == [OPS]
        (alert,) = alerts(site)
        assert (alert.about.kind, alert.about.gpus) == (Kind.UNBOOKED, (1, 2))

    def test_who_is_known_is_told_as_well(self, site):
        bob = Person(BOB, "Bob", "UTC", "en", "Bob@Lab.example.org", NOW)
        remember_person(site, bob)
        for said in (BOB, "bob@lab.example.org"):
            self.work(site, TONIGHT, 11, gpu(utilisation=90.0, user=said))
        assert sorted(told(site, "gpu_alert")) == [OPS, BOB]

    @pytest.mark.parametrize("said", ["root", "U0NOBODY", "nobody@lab.example.org", "*"])
    def test_who_is_not_known_is_not_guessed(self, site, said):
        self.work(site, TONIGHT, 11, gpu(utilisation=90.0, user=said))
        assert told(site, "gpu_alert") == [OPS]

    def test_booking_ends_it_at_once(self, site):
        end = self.work(site, TONIGHT, 11, gpu(utilisation=90.0))
        reserve(site, actor(BOB), request(4, end, 4 - 11 / 60, node="gpu-01"), now=end)
        tick(site, end)
        watch(site, end + MINUTE, gpu(utilisation=90.0))
        assert [alert.is_over for alert in alerts(site)] == [True]

    def test_what_is_booked_then_are_the_very_gpus(self, site):
        remember_person(site, Person(BOB, "Bob", "UTC", "en", None, NOW))
        theirs = [gpu(n, utilisation=90.0, user=BOB) for n in (2, 3)]
        end = self.work(site, TONIGHT, 11, *theirs)
        asked = request(2, end, 4 - 11 / 60, node="gpu-01")
        others = reserve(site, actor(CHEN), asked, now=end)
        tick(site, end)
        assert look.get_booking(site, others.id).gpu_ids == (("gpu-01", (0, 1)),)
        mine = reserve(site, actor(BOB), asked, now=end)
        tick(site, end)
        assert look.get_booking(site, mine.id).gpu_ids == (("gpu-01", (2, 3)),)
        watch(site, end + MINUTE, *theirs)
        assert [alert.is_over for alert in alerts(site)] == [True]

    def test_a_pause_does_not_end_it_and_an_end_does(self, site):
        end = self.work(site, TONIGHT, 11, gpu(utilisation=90.0))
        self.work(site, end + MINUTE, 2, gpu())
        self.work(site, end + 4 * MINUTE, 2, gpu(utilisation=90.0))
        assert [alert.is_over for alert in alerts(site)] == [False]
        self.work(site, end + 7 * MINUTE, 6, gpu())
        assert [alert.is_over for alert in alerts(site)] == [True]

    def test_what_cannot_be_seen_has_not_ended(self, site):
        end = self.work(site, TONIGHT, 11, gpu(utilisation=90.0))
        watch(site, end + HOUR, gpu(3))
        assert [alert.is_over for alert in alerts(site)] == [False]

    def test_two_looks_far_apart_are_no_long_work(self, site):
        watch(site, TONIGHT, gpu(utilisation=90.0))
        watch(site, TONIGHT + HOUR, gpu(utilisation=90.0))
        assert alerts(site) == []

    def test_work_on_a_node_out_of_service_is_its_repair(self, site):
        drain(site, actor("U0ADMIN"), "gpu-01", until=None, reason="new fans", now=NOW)
        self.work(site, TONIGHT, 20, gpu(utilisation=90.0))
        assert alerts(site) == []

    def test_booked_gpus_are_booked_also_in_overrun(self, site, running):
        end = running.window.end
        watch(site, end - MINUTE, *node_of(80.0))
        tick(site, end)
        assert look.get_booking(site, running.id).overrun_from == end
        self.work(site, end, 20, *node_of(80.0))
        assert alerts(site) == []

    def test_whoever_works_on_other_gpus_of_the_node_than_their_own_has_booked(self, site):
        remember_person(site, Person(BOB, "Bob", "UTC", "en", None, NOW))
        booking = reserve(site, actor(BOB), request(2, node="gpu-01"), now=NOW)
        tick(site, TONIGHT)
        others = [gpu(0), gpu(1), *(gpu(n, utilisation=90.0, user=BOB) for n in (2, 3))]
        self.work(site, TONIGHT, 20, *others)
        assert alerts(site) == []
        assert look.get_booking(site, booking.id).used_at is not None

    def test_but_not_for_more_than_they_booked(self, site):
        remember_person(site, Person(BOB, "Bob", "UTC", "en", None, NOW))
        reserve(site, actor(BOB), request(2, node="gpu-01"), now=NOW)
        tick(site, TONIGHT)
        self.work(site, TONIGHT, 20, *(gpu(n, utilisation=90.0, user=BOB) for n in range(4)))
        assert [alert.about.gpus for alert in alerts(site)] == [(2, 3)]

    def test_a_run_of_ours_is_known_by_its_pod_wherever_it_works(self, site):
        booking = reserve(site, actor(BOB), request(2, node="gpu-01"), now=NOW)
        tick(site, TONIGHT)
        pod = f"gpubot-b{booking.id}-1-worker-0"
        others = [gpu(0), gpu(1), *(gpu(n, utilisation=90.0, pod=pod) for n in (2, 3))]
        self.work(site, TONIGHT, 20, *others)
        assert alerts(site) == []
        assert look.get_booking(site, booking.id).used_at is not None
        watch(site, TONIGHT + 21 * MINUTE, gpu(3, utilisation=90.0, pod=pod, xid=31))
        assert [alert.about.booking for alert in alerts(site)] == [booking.id]

    def test_a_run_that_outlives_its_booking_is_its_owners_unbooked_work(self, site):
        booking = reserve(site, actor(BOB), request(2, node="gpu-01"), now=NOW)
        tick(site, TONIGHT)
        release(site, actor(BOB), booking.id, now=TONIGHT + MINUTE)
        pod = f"gpubot-b{booking.id}-1-worker-0"
        self.work(site, TONIGHT + 2 * MINUTE, 11, gpu(2, utilisation=90.0, pod=pod))
        assert sorted(told(site, "gpu_alert")) == [OPS, BOB]

    @pytest.mark.parametrize("pod", ["gpubot-b999-1-worker-0", "gpubot-bx-1", "my-gpubot-b1-1", ""])
    def test_a_pod_of_no_booking_is_nobodys(self, site, pod):
        self.work(site, TONIGHT, 11, gpu(2, utilisation=90.0, pod=pod))
        assert told(site, "gpu_alert") == [OPS]
