import pytest
from asking import CLUSTER, HOUR, NOW, SHANGHAI, at

from bot.domain.errors import InputError, Missing
from bot.domain.request import (
    parse_cancel,
    parse_drain,
    parse_extend,
    parse_id_and_rest,
    parse_move,
    parse_release,
    parse_transfer,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gpu-03 broken fan", ("gpu-03", None, "broken fan")),
        ("GPU-03 broken fan", ("gpu-03", None, "broken fan")),
        ('gpu-03 "broken fan"', ("gpu-03", None, "broken fan")),
        ("gpu-03 until fri 18:00 broken fan", ("gpu-03", "11-27 18:00", "broken fan")),
        ("gpu-03 until fri 18:00, R&amp;D", ("gpu-03", "11-27 18:00", "R&D")),
        ("gpu-03 until 18:00 tomorrow's move", ("gpu-03", "11-25 18:00", "tomorrow's move")),
        ("gpu-03 until 18:00 fri sun is setting", ("gpu-03", "11-27 18:00", "sun is setting")),
        ("gpu-03 until in 3h new driver", ("gpu-03", "11-25 13:37", "new driver")),
        ("gpu-03 到 明天18:00 换风扇", ("gpu-03", "11-26 18:00", "换风扇")),
    ],
)
def test_a_drain_is_read(text: str, expected: tuple[str, str | None, str]) -> None:
    node, until, reason = expected
    drain = parse_drain(text, now=NOW, zone=SHANGHAI, cluster=CLUSTER)
    assert drain == (node, at(until) if until else None, reason)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "missing"),
        ("gpu-99 broken", "unknown_name"),
        ("gpu-03", "reason_needed"),
        ("gpu-03 until fri 18:00", "reason_needed"),
        ("gpu-03 until fri broken", "missing"),
        ("gpu-03 until broken", "not_understood"),
        ("gpu-03 until", "not_understood"),
        ("gpu-03 until today 9:00 broken", "in_the_past"),
        ("gpu-03 " + "x" * 301, "text_too_long"),
    ],
)
def test_a_drain_needs_a_node_and_a_reason(text: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_drain(text, now=NOW, zone=SHANGHAI, cluster=CLUSTER)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "word", ["B142", "b142", "142", "#142", "#B142", "B 142", "Ｂ１４２", "＃142"]
)
def test_a_booking_id_is_read_with_or_without_its_letter(word: str) -> None:
    assert parse_id_and_rest(f" {word} the rest &amp; more ", "x") == (142, "the rest &amp; more")
    assert parse_id_and_rest(word, "x") == (142, "")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "missing"),
        ("mine", "not_understood"),
        ("12:00", "not_understood"),
        ("1.5", "not_understood"),
        ("142h", "not_understood"),
        ("12345678901", "not_understood"),
        ("&amp;142", "not_understood"),
    ],
)
def test_what_is_no_booking_id_is_refused(text: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_id_and_rest(text, "/gpu show B142")
    assert caught.value.code == code
    assert caught.value.fields["example"] == "/gpu show B142"


@pytest.mark.parametrize("text", ["B142 4h", "142 4 hours", "B142 by 4h", "B142 +4h", "B142 4小时"])
def test_an_extension_is_read(text: str) -> None:
    assert parse_extend(text) == (142, 4 * HOUR)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("B142", "missing"),
        ("4h", "not_understood"),
        ("B142 -4h", "bad_length"),
        ("B142 x", "not_understood"),
    ],
)
def test_an_extension_needs_a_length(text: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_extend(text)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "text", ["B142 tomorrow 22:00", "B142 to tomorrow 22:00", "B142 到明天22:00", "142 11/26 10pm"]
)
def test_a_move_is_read(text: str) -> None:
    booking, moment = parse_move(text, now=NOW, zone=SHANGHAI)
    assert (booking, moment.instant) == (142, at("11-26 22:00"))


def test_a_move_to_now_says_so() -> None:
    assert parse_move("B142 now", now=NOW, zone=SHANGHAI)[1].is_now


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "missing"),
        ("B142", "missing"),
        ("B142 tomorrow", "missing"),
        ("B142 yesterday", "in_the_past"),
        ("B142 2026-01-01", "in_the_past"),
        ("B142 x", "not_understood"),
    ],
)
def test_a_move_needs_a_moment(text: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_move(text, now=NOW, zone=SHANGHAI)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("day", "hour", "example"),
    [
        ("today", 8, "/gpu move B142 today 09:00"),
        ("today", 10, "/gpu move B142 today 14:00"),
        ("today", 23, "/gpu move B142 tomorrow 09:00"),
        ("fri", 23, "/gpu move B142 fri 09:00"),
    ],
)
def test_the_time_suggested_for_a_day_is_still_to_come(day: str, hour: int, example: str) -> None:
    now = at(f"11-25 {hour:02}:37")
    with pytest.raises(Missing) as caught:
        parse_move(f"B142 {day}", now=now, zone=SHANGHAI)
    assert caught.value.fields["example"] == example
    words = example.removeprefix("/gpu move ")
    assert parse_move(words, now=now, zone=SHANGHAI)[1].instant > now


@pytest.mark.parametrize(
    "text", ["B142 <@U0BOB>", "B142 <@U0BOB|bob>", "142 to <@U0BOB>", "B142 <@U0BOB|a b>"]
)
def test_a_transfer_is_read(text: str) -> None:
    assert parse_transfer(text) == (142, "U0BOB")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "missing"),
        ("B142", "missing"),
        ("B142 @bob", "not_understood"),
        ("B142 &lt;@U0BOB&gt;", "not_understood"),
        ("B142 <@U0BOB> <@U0EVE>", "not_understood"),
    ],
)
def test_a_transfer_needs_a_person_that_slack_knows(text: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_transfer(text)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("B142", (142, None)),
        ("B142 2", (142, 2)),
        ("B142 2 gpus", (142, 2)),
        ("B142 两块", (142, 2)),
        ("B142 0", (142, 0)),
        ("B142 -1", (142, -1)),
    ],
)
def test_a_release_is_read(text: str, expected: tuple[int, int | None]) -> None:
    assert parse_release(text) == expected


@pytest.mark.parametrize("text", ["B142 some", "B142 2 3"])
def test_a_release_of_no_number_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_release(text)
    assert caught.value.code == "not_understood"


def test_a_cancellation_may_have_a_reason() -> None:
    assert parse_cancel("B142") == (142, "")
    assert parse_cancel("B142 paper &amp; code are out") == (142, "paper & code are out")
    assert parse_cancel('B142 "done"') == (142, "done")
