from datetime import datetime, tzinfo

import pytest
from asking import HOUR, NOW, SHANGHAI, at

from bot.domain.errors import InputError
from bot.domain.timephrase import fit, parse_when
from bot.domain.window import Grid, Window

GRID = Grid(2 * HOUR, SHANGHAI)

# Windows at NOW in Shanghai, on a grid of two hours.
WINDOWS = [
    ("now 4h", "11-25 10:37", "11-25 16:00"),
    ("4h now", "11-25 10:37", "11-25 16:00"),
    ("now until 18:00", "11-25 10:37", "11-25 18:00"),
    ("in 3h 20h", "11-25 12:00", "11-26 10:00"),
    ("today 18:00 20h", "11-25 18:00", "11-26 14:00"),
    ("tonight 8h", "11-25 20:00", "11-26 04:00"),
    ("tomorrow 22:00 20h", "11-26 22:00", "11-27 18:00"),
    ("20h tomorrow 22:00", "11-26 22:00", "11-27 18:00"),
    ("20h from 22:00 tomorrow", "11-26 22:00", "11-27 18:00"),
    ("tomorrow at 10pm for 20 hours", "11-26 22:00", "11-27 18:00"),
    ("tomorrow 22:00 19h", "11-26 22:00", "11-27 18:00"),
    ("fri 9am 1d", "11-27 08:00", "11-28 10:00"),
    ("next monday 08:00 1d12h", "11-30 08:00", "12-01 20:00"),
    ("1 dec 10:00 2 days", "12-01 10:00", "12-03 10:00"),
    ("tomorrow 22:00 until fri 18:00", "11-26 22:00", "11-27 18:00"),
    ("until fri 18:00 tomorrow 22:00", "11-26 22:00", "11-27 18:00"),
    ("tomorrow 22:00 till 18:00", "11-26 22:00", "11-27 18:00"),
    ("tomorrow 22:00 → 18:00", "11-26 22:00", "11-27 18:00"),
    ("tomorrow 22:00 -> 18:00", "11-26 22:00", "11-27 18:00"),
    ("tomorrow 22:00 -&gt; 18:00", "11-26 22:00", "11-27 18:00"),
    ("tomorrow 22:00 until midnight", "11-26 22:00", "11-27 00:00"),
    ("tomorrow 22:00 to the next day 18:00", "11-26 22:00", "11-27 18:00"),
    ("fri 22:00 until fri 18:00", "11-27 22:00", "12-04 18:00"),
    ("22:00-06:00", "11-25 22:00", "11-26 06:00"),
    ("22:00–06:00", "11-25 22:00", "11-26 06:00"),
    ("22:00 - 06:00", "11-25 22:00", "11-26 06:00"),
    ("22:00 -06:00", "11-25 22:00", "11-26 06:00"),
    ("22:00~06:00", "11-25 22:00", "11-26 06:00"),
    ("10pm-6am", "11-25 22:00", "11-26 06:00"),
    ("from 22:00 to 06:00", "11-25 22:00", "11-26 06:00"),
    ("22:00-24:00", "11-25 22:00", "11-26 00:00"),
    ("tomorrow 10:00-18:00", "11-26 10:00", "11-26 18:00"),
    ("10:00-18:00 tomorrow", "11-26 10:00", "11-26 18:00"),
    ("12:00-18:00 tomorrow", "11-26 12:00", "11-26 18:00"),
    ("22:00-06:00 tomorrow", "11-25 22:00", "11-26 06:00"),
    ("12:00 until 18:00 tomorrow", "11-25 12:00", "11-26 18:00"),
    ("2026-12-01T10:00+08:00 until 2026-12-01T20:00+08:00", "12-01 10:00", "12-01 20:00"),
    ("22:00-06:00 8h", "11-25 22:00", "11-26 06:00"),
    # With a length, what follows the dash is an offset.
    ("2026-11-26 09:00 -05:00 8h", "11-26 22:00", "11-27 06:00"),
    ("明天22:00 20小时", "11-26 22:00", "11-27 18:00"),
    ("明天晚上10点20小时", "11-26 22:00", "11-27 18:00"),
    ("今晚 8小时", "11-25 20:00", "11-26 04:00"),
    ("后天早上9点 1天", "11-27 08:00", "11-28 10:00"),
    ("周五 9点 两小时", "11-27 08:00", "11-27 12:00"),
    ("从明天22:00到后天18:00", "11-26 22:00", "11-27 18:00"),
    ("明天22:00到次日18:00", "11-26 22:00", "11-27 18:00"),
    ("明天10点至18点", "11-26 10:00", "11-26 18:00"),
    ("下周一 8:00 直到周三 18:00", "11-30 08:00", "12-02 18:00"),
]


def window_of(phrase: str, now: datetime = NOW, zone: tzinfo = SHANGHAI) -> Window:
    when = parse_when(phrase, now=now, zone=zone)
    assert when.start
    start = None if when.start.is_now else when.start.instant
    end = when.end.instant if when.end else None
    return fit(start, length=when.length, end=end, grid=GRID, now=now).window


@pytest.mark.parametrize(("phrase", "start", "end"), WINDOWS)
def test_a_window_is_read_and_fitted_to_the_grid(phrase: str, start: str, end: str) -> None:
    assert window_of(phrase) == Window(at(start), at(end))


@pytest.mark.parametrize(
    ("phrase", "code"),
    [
        ("tomorrow 22:00 until", "not_understood"),
        ("22:00-06:00 sat", "not_understood"),
        ("tomorrow 22:00 until 20h", "not_understood"),
        ("tomorrow 22:00 until 18:00 until 20:00", "not_understood"),
        ("tomorrow 22:00 -", "not_understood"),
        ("tomorrow 22:00 20h 8h", "contradiction"),
        ("tomorrow 22:00 8h until 18:00", "contradiction"),
        ("tomorrow 22:00 until tomorrow 18:00", "end_before_start"),
        ("tomorrow 22:00 until now", "end_before_start"),
        ("tomorrow 22:00 until 2026-11-26 22:00", "end_before_start"),
        ("tomorrow 22:00 until sunday", "missing"),
        ("tomorrow 22:00 -4h", "bad_length"),
        ("tomorrow 22:00 0h", "bad_length"),
        ("today 09:00 4h", "in_the_past"),
        ("yesterday 22:00 4h", "in_the_past"),
        ("tomorrow 22:00 90m", "too_short"),
        ("tomorrow 22:00-23:00", "too_short"),
        ("now until 12:00", "too_short"),
    ],
)
def test_a_window_that_cannot_be_is_refused(phrase: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        window_of(phrase)
    assert caught.value.code == code
