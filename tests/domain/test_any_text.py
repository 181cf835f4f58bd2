from contextlib import suppress
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from asking import CLUSTER, instants, zones
from hypothesis import given
from hypothesis import strategies as st
from test_lengths import LENGTHS
from test_timephrase import MOMENTS
from test_when import WINDOWS

from bot.domain.errors import BookingError, InputError
from bot.domain.request import (
    parse_cancel,
    parse_day_or_moment,
    parse_drain,
    parse_extend,
    parse_free,
    parse_move,
    parse_release,
    parse_reserve,
    parse_transfer,
)
from bot.domain.timephrase import parse_length, parse_moment, parse_when

words = st.sampled_from(
    [phrase for phrase, _ in MOMENTS]
    + [text for text, _ in LENGTHS]
    + [phrase for phrase, _, _ in WINDOWS]
    + ["until", "→", "-", "first", "CET", "UTC", "+02:00", "-05:00", "midnight", "31/11", "on", "'"]
)
phrases = st.lists(words, max_size=5).map(" ".join) | st.lists(words, max_size=4).map("".join)


@given(phrases | st.text(max_size=40), instants, zones)
def test_no_phrase_raises_anything_but_a_booking_error(
    text: str, now: datetime, zone: ZoneInfo
) -> None:
    for parse in (parse_moment, parse_when):
        with suppress(BookingError):
            parse(text, now=now, zone=zone)
    with suppress(BookingError):
        parse_length(text)


WORDS = [
    *("4", "4x", "0", "-1", "2 gpus", "四块", "now", "tomorrow", "fri", "12/1", "1 dec", "tonight"),
    *("22:00", "10pm", "at 9", "20h", "45m", "1d12h", "半小时", "until", "→", "-", "in 3h", "明天"),
    *("p0", "p1", "spread", "firm", "preemptible", "on gpu-01", "on gpu-99", "model A100", "A100"),
    *(
        "team vision",
        "for",
        '"',
        "“a”",
        "purpose",
        "&lt;",
        "&amp;",
        "<@U0BOB|bob>",
        "，",
        "...",
        "'",
    ),
    *(
        "in 3650d",
        "02:30",
        "25 oct",
        "28 mar",
        "B142",
        "CET",
        "first",
        "今晚",
        "22点",
        "\ud800",
        "\x00",
    ),
]


texts = st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)


@given(texts | st.text(max_size=60), instants, zones)
def test_no_text_raises_anything_but_a_booking_error(
    text: str, now: datetime, zone: tzinfo
) -> None:
    where: dict[str, Any] = {"now": now, "zone": zone}
    for parse in (parse_reserve, parse_free, parse_drain):
        with suppress(BookingError):
            parse(text, cluster=CLUSTER, **where)
    for parse_time in (parse_move, parse_day_or_moment):
        with suppress(BookingError):
            parse_time(text, **where)
    for parse_change in (parse_extend, parse_transfer, parse_release, parse_cancel):
        with suppress(BookingError):
            parse_change(f"B142 {text}")


times = st.sampled_from(
    ["now", "in 3h", "tomorrow 22:00", "fri 9am", "12/1 10:00", "tonight", "22:04", "后天早上9点"]
)


lengths = st.sampled_from(["2h", "20h", "1d12h", "until sun 18:00", "→ 18:00", "7小时", "6d"])


@given(times, lengths, instants, zones, zones)
def test_every_accepted_request_lies_on_the_grid_or_starts_now(
    time: str, length: str, now: datetime, zone: ZoneInfo, cluster_zone: ZoneInfo
) -> None:
    cluster = replace(CLUSTER, zone=cluster_zone, zone_name=cluster_zone.key)
    with suppress(InputError):
        request = parse_reserve(f"4 {time} {length}", now=now, zone=zone, cluster=cluster)
        start, grid = request.window.start, cluster.grid
        assert start == now.replace(microsecond=0) or (start > now and grid.is_on(start))
        assert grid.is_on(request.window.end)
        assert start <= now + cluster.policy.horizon
