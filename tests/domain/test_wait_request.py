from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import pytest
from asking import BEFORE_AUTUMN, CLUSTER, HOUR, NOW, PARIS, SHANGHAI, at, instants, zones
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.booking import Priority, Shape
from bot.domain.cluster import Policy
from bot.domain.errors import InputError, Missing, TooShort, WindowTooSmall
from bot.domain.request import WaitRequest, build_wait, default_latest, parse_wait

#: Half past ten and a bit, of a Wednesday; the slot began at ten.
LINE = at("11-25 10:00")


def wait(text: str, now: datetime = NOW, zone: tzinfo = SHANGHAI) -> WaitRequest:
    return parse_wait(text, now=now, zone=zone, cluster=CLUSTER)


def build(**settings: Any) -> WaitRequest:
    usual: dict[str, Any] = {"gpus": 4, "length": 20 * HOUR, "earliest": None, "latest": None}
    return build_wait(**usual | {"now": NOW, "cluster": CLUSTER} | settings)


def refused(text: str, now: datetime = NOW, zone: tzinfo = SHANGHAI) -> InputError:
    with pytest.raises(InputError) as caught:
        wait(text, now, zone)
    return caught.value


@pytest.mark.parametrize(
    ("text", "earliest", "latest"),
    [
        ("4 20h", None, None),
        ("20h 4", None, None),
        ("4 20h now", None, None),
        ("4 20h today", None, None),
        ("4 20h from now", None, None),
        ("4 20h from now by sat", None, "11-29 00:00"),
        ("4 20h from today", None, None),
        ("4 20h by fri 18:00", None, "11-27 18:00"),
        ("4 by fri 18:00 for 20h", None, "11-27 18:00"),
        ("4 20h until fri 18:00", None, "11-27 18:00"),
        ("4 20h before fri 18:00", None, "11-27 18:00"),
        ("4 20h no later than fri 18:00", None, "11-27 18:00"),
        ("4 20h fri 18:00 at the latest", None, "11-27 18:00"),
        ("4 20h within 3 days 1h23m", None, "11-28 12:00"),
        ("4 20h in the next 49h23m", None, "11-27 12:00"),
        ("4 20h by in 49h23m", None, "11-27 12:00"),
        ("4 20h by the end of fri", None, "11-28 00:00"),
        ("4 20h from tomorrow 22:00", "11-26 22:00", None),
        ("4 20h 3h23m from now", "11-25 14:00", None),
        ("4 20h in 3h23m", "11-25 14:00", None),
        ("4 20h tomorrow 22:00", "11-26 22:00", None),
        ("4 20h tomorrow", "11-26 00:00", None),
        ("4 20h after tomorrow 22:00", "11-26 22:00", None),
        ("4 20h not before fri", "11-27 00:00", None),
        ("4 20h the day after tomorrow", "11-27 00:00", None),
        ("4 20h from tomorrow 22:00 by sat", "11-26 22:00", "11-29 00:00"),
        ("4 20h by sat from tomorrow 22:00", "11-26 22:00", "11-29 00:00"),
        ("4 by sat 20h from tomorrow 22:00", "11-26 22:00", "11-29 00:00"),
        ("4 20h tomorrow 22:00 - sat 18:00", "11-26 22:00", "11-28 18:00"),
        ("4 20h from sat to mon", "11-28 00:00", "12-01 00:00"),
        ("4 20h from sat by sat", "11-28 00:00", "11-29 00:00"),
        ("4 12h by today", None, "11-26 00:00"),
        ("4 12h by wed", None, "11-26 00:00"),
        ("4 2h 10:00-18:00 tomorrow", "11-26 10:00", "11-26 18:00"),
        ("4 2h tomorrow 22:00 -06:00", "11-26 22:00", "11-27 06:00"),
        ("4 20h by 12/1", None, "12-02 00:00"),
        ("4 20h from 2026-12-01 by 2026-12-31", "12-01 00:00", "2027-01-01 00:00"),
        ("4块 20小时 从 明天8点 到 周五18点", "11-26 08:00", "11-27 18:00"),
        ("4块 20小时 从明天8点到周五18点", "11-26 08:00", "11-27 18:00"),
        ("4 20小时 从明天 截止周六", "11-26 00:00", "11-29 00:00"),
        ("4 20小时 周五18点之前", None, "11-27 18:00"),
        ("4 20小时 周五下午6点前", None, "11-27 18:00"),
        ("4 20小时 最晚周五 18:00", None, "11-27 18:00"),
        ("4 20小时 最早明天8点 最迟周五18点", "11-26 08:00", "11-27 18:00"),
        ("4 20小时 3天内", None, "11-28 12:00"),
    ],
)
def test_the_two_instants_of_a_wish_are_read(
    text: str, earliest: str | None, latest: str | None
) -> None:
    request = wait(text)
    assert request.shape == Shape(4)
    assert request.length in (2 * HOUR, 12 * HOUR, 20 * HOUR)
    assert request.earliest == (at(earliest) if earliest else None)
    assert request.latest == (at(latest) if latest else None)


def test_every_other_word_of_a_booking_is_understood() -> None:
    asked = wait('2 by sat 8h on gpu-03 p1 preemptible team vision "fine-tuning <b>" from fri')
    assert asked == WaitRequest(
        shape=Shape(2, node="gpu-03"),
        length=8 * HOUR,
        earliest=at("11-27 00:00"),
        latest=at("11-29 00:00"),
        priority=Priority.P1,
        preemptible=True,
        team="vision",
        purpose="fine-tuning <b>",
    )
    assert wait("30 8h spread firm by sat").shape == Shape(30, spread=True)
    assert wait("30 8h spread firm by sat").preemptible is False
    assert wait("8 8h model a100 for evaluation").shape == Shape(8, model="A100")
    assert wait("8 8h model a100 for evaluation").purpose == "evaluation"


def test_without_other_words_research_waits_for_any_gpus() -> None:
    asked = wait("4 20h")
    assert (asked.priority, asked.preemptible) == (Priority.P2, True)
    assert (asked.team, asked.purpose, asked.notes) == (None, "", ())


def test_what_lies_off_the_grid_is_rounded_outward_and_said() -> None:
    asked = wait("4 19h from tomorrow 11:30 by sat 17:00")
    assert asked.length == 20 * HOUR
    assert asked.earliest == at("11-26 10:00")
    assert asked.latest == at("11-28 18:00")
    length, start, end = asked.notes
    assert length.fields == {"length": 20 * HOUR}
    assert start.fields == {"start": at("11-26 10:00")}
    assert end.fields == {"end": at("11-28 18:00")}


def test_up_to_five_minutes_past_a_line_count_as_on_it() -> None:
    asked = wait("4 20h5m from tomorrow 10:05 by sat 18:05")
    assert asked == wait("4 20h from tomorrow 10:00 by sat 18:00")
    assert asked.notes == ()


def test_a_slot_that_has_begun_means_from_now_on() -> None:
    asked = wait("4 20h from 11:30")
    assert asked.earliest is None
    assert [str(note) for note in asked.notes] == [
        "That slot has already begun, so this counts from now on."
    ]


def test_the_end_of_a_day_is_midnight_on_the_askers_clock() -> None:
    asked = wait("4 20h by sat", zone=PARIS)
    # 07:00 in Shanghai, whose clock the grid lies on.
    assert asked.latest == at("11-29 08:00")
    read, rounded = asked.notes
    assert read.fields == {"phrase": "sat", "instant": at("11-29 00:00", PARIS)}
    assert rounded.fields == {"end": at("11-29 08:00")}


def test_a_wish_without_an_end_begins_within_a_week() -> None:
    assert default_latest(None, NOW) == NOW + timedelta(days=7)
    assert default_latest(at("11-30 10:00"), NOW) == at("12-07 10:00")
    assert default_latest(at("11-30 10:00"), NOW, 20 * HOUR) == at("12-08 06:00")


@pytest.mark.parametrize(
    ("text", "code", "field"),
    [
        ("4 20h by tomorrow 06:00", "window_too_small", "latest"),
        ("4 20h from fri 10:00 by sat 02:00", "window_too_small", "latest"),
        ("4 20h by 12:00", "window_too_small", "latest"),
        ("4 20h by yesterday", "in_the_past", "latest"),
        ("4 20h by today 9:00", "in_the_past", "latest"),
        ("4 20h by now", "in_the_past", "latest"),
        ("4 20h from yesterday", "in_the_past", "earliest"),
        ("4 20h from today 9:00", "in_the_past", "earliest"),
        ("4 20h from fri by thu 12:00 2026-11-26", "contradiction", "earliest"),
        ("4 20h from 2026-11-28 by 2026-11-27", "end_before_start", "latest"),
        ("4 20h from 2027-06-01", "past_horizon", "earliest"),
        ("4 20h by 2027-06-01", "past_horizon", "latest"),
        ("4 8d", "too_long", "length"),
        ("4 90m", "too_short", "length"),
        ("4 0h", "bad_length", "length"),
        ("4 20h 10h", "contradiction", "length"),
        ("4 20h p0 p1", "contradiction", "priority"),
        ("4 20h on gpu-01 model a100", "contradiction", "model"),
        ("4 20h on gpu-01 spread", "contradiction", "node"),
        ("0 20h", "bad_count", "gpus"),
        ("31 20h", "bad_count", "gpus"),
        ("13 20h", "not_whole_nodes", "gpus"),
        ("30 20h", "needs_spread", "gpus"),
        ("4 20h on gpu-99", "unknown_name", "node"),
        ("4 20h model H100", "unknown_name", "model"),
        ("4 20h team robots", "unknown_name", "team"),
        ("", "missing", "gpus"),
        ("20h", "missing", "gpus"),
        ("20h by fri", "missing", "gpus"),
        ("4", "missing", "length"),
        ("4 from fri by sat", "missing", "length"),
        ("4 tomorrow 22:00-06:00", "missing", "length"),
        ("4 20h by 凌晨", "missing", "latest"),
        ("4 20h by", "not_understood", None),
        ("4 20h deadline", "not_understood", None),
        ("4 20h by fri by sat", "not_understood", None),
        ("4 2 20h", "not_understood", None),
        ("4 20h blah", "not_understood", None),
        ("4 20h fri midnight", "not_understood", "earliest"),
        ("4 20h by fri midnight", "not_understood", "latest"),
        (f'4 20h "{"x" * 301}"', "text_too_long", "purpose"),
    ],
)
def test_a_wish_that_cannot_be_granted_is_refused(text: str, code: str, field: str | None) -> None:
    error = refused(text)
    assert (error.code, error.form_field) == (code, field)
    assert str(error.fields.get("example", "/gpu wait ")).startswith("/gpu wait ")
    assert error.__class__.template.format(**error.fields)


@pytest.mark.parametrize(
    "text",
    ["", "4", "20h", "2 from fri by sat", "by sat 18:00", "12h by fri", "2 tomorrow 22:00-06:00"],
)
def test_what_is_asked_for_can_be_typed_as_the_example_has_it(text: str) -> None:
    error = refused(text)
    assert isinstance(error, Missing)
    assert wait(str(error.fields["example"]).removeprefix("/gpu wait "))


def test_too_little_time_is_named_with_what_is_needed() -> None:
    error = refused("4 19h by tomorrow 05:00")
    assert isinstance(error, WindowTooSmall)
    assert error.fields["length"] == 20 * HOUR
    assert error.fields["window"] == at("11-26 05:00") - NOW
    assert wait("4 18h by tomorrow 05:00").latest == at("11-26 06:00")


def test_a_window_of_just_the_length_is_enough() -> None:
    assert wait("4 20h from fri 10:00 by sat 06:00")
    just_past = at("11-25 10:04")
    assert wait("4 20h by tomorrow 06:00", now=just_past)
    assert refused("4 20h by tomorrow 06:00", now=at("11-25 10:06")).code == "window_too_small"


def test_less_than_a_slot_offers_no_booking_of_its_own() -> None:
    error = refused("4 45m")
    assert isinstance(error, TooShort)
    assert error.rounded is None


@pytest.mark.parametrize(
    ("text", "code", "field"),
    [
        ("4 2h from 25 oct 02:30", "ambiguous_time", "earliest"),
        ("4 2h by 25 oct 02:30", "ambiguous_time", "latest"),
        ("4 2h from 28 mar 2027 02:30", "nonexistent_time", "earliest"),
        ("4 2h by 28 mar 2027 02:30", "nonexistent_time", "latest"),
    ],
)
@pytest.mark.parametrize("purpose", ["", '"' + "long " * 30 + '"'])
def test_a_time_that_is_no_time_or_two_is_asked_back(
    text: str, code: str, field: str, purpose: str
) -> None:
    error = refused(f"{text} {purpose}", now=BEFORE_AUTUMN, zone=PARIS)
    assert (error.code, error.form_field) == (code, field)
    example = str(error.fields["example"])
    assert example.startswith("/gpu wait 4 2")
    word = "from" if field == "earliest" else "by"
    assert f" {word} 25 oct 02:30 CEST" in example or f" {word} 2027-03-28 03:00" in example


def test_a_form_gives_the_same_wish_as_text() -> None:
    usual = wait("4 20h from tomorrow 22:00 by sat")
    assert build(earliest=at("11-26 22:00"), latest=at("11-29 00:00")) == usual
    assert build(earliest=at("11-26 23:00"), latest=at("11-28 23:00")) == usual
    assert build() == wait("4 20h")


def test_a_start_that_has_just_passed_means_from_now_on() -> None:
    asked = build(earliest=NOW - timedelta(minutes=3))
    assert (asked.earliest, asked.notes) == (None, ())


@pytest.mark.parametrize(
    ("settings", "code", "field"),
    [
        ({"earliest": NOW - HOUR}, "in_the_past", "earliest"),
        ({"earliest": datetime.min.replace(tzinfo=UTC)}, "in_the_past", "earliest"),
        ({"earliest": datetime.max.replace(tzinfo=UTC)}, "past_horizon", "earliest"),
        ({"latest": NOW}, "in_the_past", "latest"),
        ({"latest": datetime.min.replace(tzinfo=UTC)}, "in_the_past", "latest"),
        ({"latest": datetime.max.replace(tzinfo=UTC)}, "past_horizon", "latest"),
        ({"latest": NOW + HOUR}, "window_too_small", "latest"),
        ({"length": timedelta()}, "bad_length", "length"),
        ({"length": -HOUR}, "bad_length", "length"),
        ({"length": HOUR}, "too_short", "length"),
        ({"length": timedelta.max}, "too_long", "length"),
        ({"node": "gpu-01", "model": "A100"}, "contradiction", "model"),
        ({"node": "gpu-99"}, "unknown_name", "node"),
        ({"team": "robots"}, "unknown_name", "team"),
        ({"purpose": "x" * 301}, "text_too_long", "purpose"),
    ],
)
def test_a_form_is_refused_at_the_field_that_is_wrong(
    settings: dict[str, Any], code: str, field: str
) -> None:
    with pytest.raises(InputError) as caught:
        build(**settings)
    assert (caught.value.code, caught.value.form_field) == (code, field)
    assert str(caught.value.fields.get("example", "/gpu wait ")).startswith("/gpu wait ")


def test_the_latest_end_may_let_a_booking_start_at_the_horizon() -> None:
    last = LINE + timedelta(days=90)
    assert build(latest=last + 20 * HOUR).latest == last + 20 * HOUR
    with pytest.raises(InputError) as caught:
        build(latest=last + 22 * HOUR)
    assert caught.value.fields["latest"] == last


def test_the_longest_wish_depends_on_the_priority() -> None:
    longest = {Priority.P0: 24 * HOUR, Priority.P1: 48 * HOUR, Priority.P2: 72 * HOUR}
    cluster = replace(CLUSTER, policy=Policy(max_length=longest))
    for priority, length in longest.items():
        assert build(cluster=cluster, priority=priority, length=length).length == length
        with pytest.raises(InputError) as caught:
            build(cluster=cluster, priority=priority, length=length + HOUR)
        assert caught.value.code == "too_long"


WORDS = st.sampled_from([
    "4", "0", "-1", "2 gpus", "20h", "45m", "8d", "-4h", "半小时", "now", "tomorrow", "fri", "by",
    "from", "by sat", "until", "→", "-", "22:00", "02:30", "25 oct", "28 mar", "12/1", "31/11",
    "tonight", "midnight", "within", "3天内", "前", "之前", "最晚", "before", "after", "latest",
    "at the latest", "in 3650d", "within 3650d", "2199-12-31", "p0", "p1", "spread", "firm",
    "on gpu-01", "on gpu-99", "model A100", "team vision", "for", '"', "“a”", "&lt;", "CET", "\x00",
    "\ud800", "，", "...",
])  # fmt: skip


@given(st.lists(WORDS, max_size=8).map(" ".join) | st.text(max_size=60), instants, zones, zones)
def test_any_text_gives_a_wish_on_the_grid_or_an_input_error(
    text: str, now: datetime, zone: tzinfo, cluster_zone: tzinfo
) -> None:
    cluster = replace(CLUSTER, zone=cluster_zone)
    with suppress(InputError):
        asked = parse_wait(text, now=now, zone=zone, cluster=cluster)
        grid = cluster.grid
        assert asked.length > timedelta(0)
        assert not asked.length % grid.slot
        assert asked.earliest is None or (asked.earliest > now and grid.is_on(asked.earliest))
        assert asked.latest is None or grid.is_on(asked.latest)


@given(st.lists(WORDS, max_size=8).map(" ".join), instants, zones)
def test_every_example_of_a_refusal_is_one_of_waiting(
    text: str, now: datetime, zone: tzinfo
) -> None:
    refusal: InputError | None = None
    try:
        wait(text, now, zone)
    except InputError as error:
        refusal = error
    if refusal is not None and "example" in refusal.fields:
        assert str(refusal.fields["example"]).startswith("/gpu wait ")
