import pytest
from asking import CLUSTER, HOUR, NOW, SHANGHAI, at

from bot.domain.errors import InputError
from bot.domain.request import (
    FreeRequest,
    parse_day_or_moment,
    parse_free,
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
