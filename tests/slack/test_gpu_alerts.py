"""What owners, operators and those who use GPUs without a booking read, and press."""

from __future__ import annotations

from datetime import timedelta

import pytest
from builders import ALICE, BOB, NOW, TONIGHT, actor, request
from talk import Talk
from told import Row, last

from bot.domain.actor import Person
from bot.domain.alert_notice import AlertNotice
from bot.domain.gpu_health import Reading, Thresholds
from bot.services.alertmanager import take_notices
from bot.services.gpu_alerts import note_outage
from bot.services.gpu_watch import note_readings
from bot.services.people import remember_person
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.services.turn_over import turn_over
from bot.slack.announcements import render
from bot.slack.context import Message

OPS, MINUTE = "C0OPS", timedelta(minutes=1)


def watch(site: Site, minutes: int, *readings: Reading) -> None:
    now = TONIGHT + minutes * MINUTE
    note_readings(site, readings, Thresholds(), timedelta(seconds=30), now=now)


def gpu(number: int = 3, **said: object) -> Reading:
    return Reading("gpu-01", number, **{"utilisation": 0.0, **said})


def read(site: Site, recipient: str) -> Message:
    return last(site, Talk(site, now=TONIGHT + 60 * MINUTE), "gpu_alert", recipient)


def whole(message: Message) -> str:
    return str(message.blocks)


@pytest.fixture
def running(site: Site) -> None:
    reserve(site, actor(BOB), request(4, node="gpu-01"), now=NOW)
    turn_over(site, now=TONIGHT)


def test_a_hot_gpu_is_told_with_what_to_do_and_then_that_it_is_over(site, running):
    watch(site, 0, gpu(temperature=91.4))
    ops, owner = read(site, OPS), read(site, BOB)
    assert ops.text.startswith(":warning: GPU 3 of *gpu-01* is hot: 91 °C, since <!date^")
    assert f"It belongs to *B1* of <@{BOB}>." in ops.text
    assert "It belongs to your booking *B1*." in owner.text
    assert "look at the fans" in ops.text
    assert ops.living
    watch(site, 5, gpu(temperature=50.0))
    for recipient in (OPS, BOB):
        said = read(site, recipient).text
        assert said.startswith(":white_check_mark: GPU 3 of *gpu-01* was hot from <!date^")
        assert "fans" not in said


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"used_mib": 98.0, "free_mib": 2.0}, ["memory of GPU 3", "98 %", "smaller batch"]),
        ({"xid": 79}, [":rotating_light:", "XID error 79", "not to the program"]),
        ({"xid": 31}, [":warning:", "XID error 31", "does not own"]),
        ({"ecc": 2}, [":rotating_light:", "cannot be corrected", "drain the node"]),
    ],
)
def test_every_kind_says_what_it_is_and_what_to_do(site, running, said, words):
    watch(site, 0, gpu(**said))
    assert all(word in read(site, BOB).text for word in words)


def test_of_a_gpu_that_nobody_has_booked_the_operators_are_told(site):
    watch(site, 0, gpu(xid=79))
    assert "Nobody has booked it now." in read(site, OPS).text


def test_the_owner_looks_at_the_booking_and_its_history_tells(site, running, bob):
    watch(site, 0, gpu(temperature=91.4))
    watch(site, 1, gpu(temperature=50.0))
    bob.now = TONIGHT + 2 * MINUTE
    reply = bob.types("show B1")
    assert "Alert: gpu-01, GPU 3: hot" in whole(reply)
    assert "Alert over: gpu-01, GPU 3: hot" in whole(reply)


def test_the_question_and_the_booking_itself_tell_what_was_measured(site, running, bob):
    idle = [gpu(number) for number in range(4)]
    for minute in range(35):
        busy = [gpu(0, utilisation=80.0), *idle[1:]]
        watch(site, minute, *(busy if minute < 2 else idle))
    bob.now = TONIGHT + 35 * MINUTE
    shown = whole(bob.types("show B1"))
    assert "Its GPUs worked 1 % of the 2.3 GPU-hours that were measured." in shown
    message = render("idle", Row(BOB, "idle:1", {}), site, bob.now)
    assert "They have been idle since <!date^" not in message.text, "nobody has asked"
    with site.database.transaction() as connection:
        connection.exec_driver_sql("UPDATE booking SET asked_at = '2026-11-25 14:35:00.000000'")
    message = render("idle", Row(BOB, "idle:1", {}), site, bob.now)
    assert "They have been idle since <!date^" in message.text


def test_the_weekly_digest_tells_what_was_measured(site, running):
    for minute in range(5):
        watch(site, minute, *(gpu(n, utilisation=80.0 if n else 0.0) for n in range(4)))
    monday = TONIGHT + timedelta(days=5)
    row = Row("C0VISION", "weekly:vision", {"day": "2026-11-30"})
    message = render("weekly", row, site, monday)
    assert "• Of 0.3 measured GPU-hours, the GPUs worked 75 %." in whole(message)


def test_unbooked_work_is_told_and_booked_by_a_button(site, bob):
    remember_person(site, Person(BOB, "Bob", "Asia/Shanghai", "en", None, NOW))
    for minute in range(12):
        watch(site, minute, *(gpu(n, utilisation=95.0, user=BOB, pod="train-0",
                                  namespace="vision") for n in (1, 2)))  # fmt: skip
    ops, mine = read(site, OPS), read(site, BOB)
    assert "Work without a booking on GPU 1, 2 of *gpu-01*, since" in ops.text
    assert f"It seems to be work of <@{BOB}>." in ops.text
    assert "What works there: vision/train-0." in ops.text
    assert "Book it now" not in whole(ops)
    bob.now = TONIGHT + 12 * MINUTE
    assert bob.presses(mine, "Book it now") is None
    bob.submits()
    turn_over(site, now=bob.now)
    assert "B1" in whole(bob.types("mine"))
    watch(site, 13, *(gpu(n, utilisation=95.0, user=BOB) for n in (1, 2)))
    assert "There was work without a booking" in read(site, BOB).text
    assert "Book it now" not in whole(read(site, BOB))


def test_an_outage_is_told_with_its_reason_and_what_pauses(site):
    for minutes in (0, 1, 2):
        note_outage(site, "no answer within 10 s", now=TONIGHT + minutes * MINUTE)
    said = read(site, OPS).text
    assert "Prometheus gives no GPU readings" in said
    assert "no answer within 10 s" in said
    assert "no booking is asked about for idling" in said


def other(**said: object) -> AlertNotice:
    values = {"name": "NodeDown", "labels": {"instance": "gpu-09:9100"}, "severity": "critical"}
    return AlertNotice("f1", True, TONIGHT, **{**values, **said})


def test_any_other_alert_is_told_as_its_rule_words_it(site):
    notice = other(summary="gpu-09 is gone", description="No answer for 5 minutes.",
                   runbook="Look at its power.")  # fmt: skip
    take_notices(site, [notice], now=TONIGHT)
    message = read(site, OPS)
    assert message.text.startswith(":rotating_light: *NodeDown* is firing, since")
    for said in ("gpu-09 is gone", "No answer for 5 minutes", "its power", "instance=gpu-09:9100"):
        assert said in whole(message)


def test_what_others_wrote_can_neither_format_nor_call_anybody(site):
    evil = "<!channel> <@U0ALICE> *bold* & " + "x" * 5000
    notice = other(name=evil[:200], summary=evil, description=evil, labels={"a": evil, "UUID": "u"})
    take_notices(site, [notice], now=TONIGHT)
    shown = whole(read(site, OPS))
    assert "<!channel>" not in shown
    assert f"<@{ALICE}>" not in shown
    assert "UUID" not in shown


def test_it_is_read_in_the_readers_language(site, running):
    remember_person(site, Person(BOB, "Bob", "Asia/Shanghai", "zh-CN", None, NOW))
    watch(site, 0, gpu(temperature=91.4))
    assert "过热" in read(site, BOB).text
