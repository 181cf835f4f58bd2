from datetime import timedelta

import pytest
from asking import CLUSTER, HOUR, NOW, SHANGHAI, at

from bot.domain.booking import Shape
from bot.domain.errors import InputError
from bot.domain.request import (
    FreeRequest,
    QueueRequest,
    parse_day_or_moment,
    parse_free,
    parse_queue,
    parse_wait,
)


def free(text: str) -> FreeRequest:
    return parse_free(text, now=NOW, zone=SHANGHAI, cluster=CLUSTER)


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("", FreeRequest(1, 2 * HOUR)),
        ("4", FreeRequest(4, 2 * HOUR)),
        ("4 20h", FreeRequest(4, 20 * HOUR)),
        ("20h 4", FreeRequest(4, 20 * HOUR)),
        ("4 19h", FreeRequest(4, 20 * HOUR)),
        ("45m", FreeRequest(1, 2 * HOUR)),
        ("4 20h tomorrow 22:00", FreeRequest(4, 20 * HOUR, at("11-26 22:00"))),
        ("4 20h tomorrow", FreeRequest(4, 20 * HOUR, at("11-26 00:00"))),
        ("4 20h today", FreeRequest(4, 20 * HOUR)),
        ("4 20h now", FreeRequest(4, 20 * HOUR)),
        ("4 明天 20小时", FreeRequest(4, 20 * HOUR, at("11-26 00:00"))),
        ("2 tomorrow 22:00-06:00", FreeRequest(2, 8 * HOUR, at("11-26 22:00"))),
        ("2 model a100", FreeRequest(2, 2 * HOUR, model="A100")),
        ("2 on gpu-01", FreeRequest(2, 2 * HOUR, node="gpu-01")),
        ("30 spread", FreeRequest(30, 2 * HOUR, spread=True)),
    ],
)
def test_a_search_for_free_gpus_is_read(text: str, request_: FreeRequest) -> None:
    assert free(text) == request_
    assert free(text).shape.gpus == request_.gpus


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("0", "bad_count"),
        ("31 spread", "bad_count"),
        ("4 8d", "too_long"),
        ("4 today 9:00", "in_the_past"),
        ("4 2027-06-01", "past_horizon"),
        ("4 model H100", "unknown_name"),
        ("4 blah", "not_understood"),
    ],
)
def test_a_search_that_cannot_succeed_is_refused(text: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        free(text)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("text", "not_before", "by"),
    [
        ("4 20h", None, None),
        ("4 20h from tomorrow 08:00", "11-26 08:00", None),
        ("4 20h from tomorrow", "11-26 00:00", None),
        ("4 20h by fri 18:00", None, "11-27 18:00"),
        ("4 20h from tomorrow 08:00 by fri 18:00", "11-26 08:00", "11-27 18:00"),
        ("4 20h by 18:00 fri from tomorrow 8:00", "11-26 08:00", "11-27 18:00"),
    ],
)
def test_a_wish_for_the_waitlist_is_read(text: str, not_before: str | None, by: str | None) -> None:
    wish = parse_wait(text, now=NOW, zone=SHANGHAI, cluster=CLUSTER)
    assert (wish.shape, wish.length) == (Shape(4), 20 * HOUR)
    assert wish.not_before == (at(not_before) if not_before else None)
    assert wish.by == (at(by) if by else None)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("20h", "missing"),
        ("4", "missing"),
        ("4 20h by fri", "missing"),
        ("4 20h from tomorrow 8:00 by tomorrow 18:00", "contradiction"),
        ("4 20h from fri 8:00 by tomorrow 18:00", "end_before_start"),
        ("4 8d", "too_long"),
        ("4 20h from today 8:00", "in_the_past"),
    ],
)
def test_a_wish_that_cannot_come_true_is_refused(text: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_wait(text, now=NOW, zone=SHANGHAI, cluster=CLUSTER)
    assert caught.value.code == code


def test_a_queue_run_keeps_its_command_as_typed() -> None:
    run = parse_queue("1 45m  python train.py --lr=0.1 4 &lt;in", cluster=CLUSTER)
    assert run == QueueRequest(1, timedelta(minutes=45), "python train.py --lr=0.1 4 <in")
    assert parse_queue("2 gpus for 45m", cluster=CLUSTER).command == ""


@pytest.mark.parametrize(
    ("text", "code"),
    [("", "missing"), ("1", "missing"), ("1 fast", "missing"), ("99 1h", "bad_count")],
)
def test_a_queue_run_needs_a_count_and_a_length(text: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_queue(text, cluster=CLUSTER)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("text", "instant", "is_day"),
    [
        ("tomorrow", "11-26 00:00", True),
        ("fri", "11-27 00:00", True),
        ("12/1", "12-01 00:00", True),
        ("明天", "11-26 00:00", True),
        ("yesterday", "11-24 00:00", True),
        ("tomorrow 22:00", "11-26 22:00", False),
        ("22:00", "11-25 22:00", False),
    ],
)
def test_a_status_may_be_asked_for_a_day_or_a_moment(text: str, instant: str, is_day: bool) -> None:
    moment = parse_day_or_moment(text, now=NOW, zone=SHANGHAI)
    assert (moment.instant, moment.is_day) == (at(instant), is_day)


@pytest.mark.parametrize("text", ["", " ", "now"])
def test_a_status_without_a_moment_is_of_now(text: str) -> None:
    moment = parse_day_or_moment(text, now=NOW, zone=SHANGHAI)
    assert moment.is_now
    assert moment.instant == NOW
