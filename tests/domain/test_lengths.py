from datetime import timedelta

import pytest
from asking import HOUR
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import InputError
from bot.domain.timephrase import parse_length

LENGTHS = [
    ("20h", 20 * HOUR),
    ("20 h", 20 * HOUR),
    ("20H", 20 * HOUR),
    ("20hrs", 20 * HOUR),
    ("20 hours", 20 * HOUR),
    ("1 hour", HOUR),
    ("an hour", HOUR),
    ("two hours", 2 * HOUR),
    ("half an hour", HOUR / 2),
    ("1d", 24 * HOUR),
    ("1d12h", 36 * HOUR),
    ("1d 12h", 36 * HOUR),
    ("1 day and 12 hours", 36 * HOUR),
    ("a day and a half", 36 * HOUR),
    ("half a day", 12 * HOUR),
    ("2 days", 48 * HOUR),
    ("1 week", 168 * HOUR),
    ("1w2d", 216 * HOUR),
    ("90m", 1.5 * HOUR),
    ("45 min", 0.75 * HOUR),
    ("1.5h", 1.5 * HOUR),
    ("1,5h", 1.5 * HOUR),
    ("1h30", 1.5 * HOUR),
    ("1h30m", 1.5 * HOUR),
    ("2h 15min", 2.25 * HOUR),
    ("0.1h", 0.1 * HOUR),
    ("20小时", 20 * HOUR),
    ("20个小时", 20 * HOUR),
    ("二十小时", 20 * HOUR),
    ("十二小时", 12 * HOUR),
    ("两小时", 2 * HOUR),
    ("半小时", HOUR / 2),
    ("半个小时", HOUR / 2),
    ("一个半小时", 1.5 * HOUR),
    ("2小时半", 2.5 * HOUR),
    ("1天", 24 * HOUR),
    ("一天半", 36 * HOUR),
    ("1天12小时", 36 * HOUR),
    ("1小时30分", 1.5 * HOUR),
    ("90分钟", 1.5 * HOUR),
    ("两周", 336 * HOUR),
    ("2个星期", 336 * HOUR),
    ("２０ｈ", 20 * HOUR),
    ("20\u00a0h", 20 * HOUR),
]


@pytest.mark.parametrize(("text", "length"), LENGTHS)
def test_a_length_is_read(text: str, length: timedelta) -> None:
    assert parse_length(text) == length


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "missing"),
        ("  ", "missing"),
        ("0h", "bad_length"),
        ("0.0001m", "bad_length"),
        ("-4h", "bad_length"),
        ("−4h", "bad_length"),
        ("999999w", "bad_length"),
        ("20", "not_understood"),
        ("h", "not_understood"),
        ("long", "not_understood"),
        ("20h foo", "not_understood"),
        ("1h2d", "not_understood"),
        ("4 h100", "not_understood"),
        ("20hz", "not_understood"),
        ("1.2.3h", "not_understood"),
        ("9999999h", "not_understood"),
        ("2周五", "not_understood"),
    ],
)
def test_what_is_no_length_is_refused(text: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_length(text)
    assert caught.value.code == code


@given(st.integers(0, 520), st.integers(0, 6), st.integers(0, 23), st.integers(0, 59))
def test_a_written_length_reads_as_what_was_written(w: int, d: int, h: int, m: int) -> None:
    length = timedelta(weeks=w, days=d, hours=h, minutes=m)
    if length:
        assert parse_length(f"{w}w{d}d{h}h{m}m") == length
        assert parse_length(f"{w} weeks {d} days {h} hours {m} minutes") == length
        assert parse_length(f"{w}周{d}天{h}小时{m}分钟") == length
