from datetime import date
from zoneinfo import ZoneInfo

import pytest
from asking import NEW_YORK, NOW, PARIS, SHANGHAI, at

from bot.domain.errors import InputError
from bot.domain.timephrase import parse_moment, parse_when
from bot.domain.timewords import _FROM_DIGIT, _FROM_OTHER, _RULES

# Phrases at NOW, by an asker in Shanghai.
MOMENTS = [
    ("in 3h", "11-25 13:37"),
    ("in 90 min", "11-25 12:07"),
    ("in an hour", "11-25 11:37"),
    ("in 2 days", "11-27 10:37"),
    ("in 2 days 9:00", "11-27 09:00"),
    ("9:00 in 2 days", "11-27 09:00"),
    ("3h from now", "11-25 13:37"),
    ("3小时后", "11-25 13:37"),
    ("半小时后", "11-25 11:07"),
    ("两天后 9点", "11-27 09:00"),
    ("today 18:00", "11-25 18:00"),
    ("18:00 today", "11-25 18:00"),
    ("today at 6pm", "11-25 18:00"),
    ("today 09:00", "11-25 09:00"),
    ("tonight", "11-25 20:00"),
    ("tonight 23:00", "11-25 23:00"),
    ("tonight at 11pm", "11-25 23:00"),
    ("tonight 9:00", "11-25 21:00"),
    ("tonight 1am", "11-26 01:00"),
    ("tonight 12:30", "11-26 00:30"),
    ("this evening", "11-25 20:00"),
    ("tomorrow 22:00", "11-26 22:00"),
    ("TOMORROW 22:00", "11-26 22:00"),
    ("tomorrow, 22:00", "11-26 22:00"),
    ("tomorrow\u00a022:00", "11-26 22:00"),
    ("tmr 22:00", "11-26 22:00"),
    ("22:00 tomorrow", "11-26 22:00"),
    ("tomorrow 10pm", "11-26 22:00"),
    ("tomorrow 10 PM", "11-26 22:00"),
    ("tomorrow 10.30 p.m.", "11-26 22:30"),
    ("tomorrow at 22", "11-26 22:00"),
    ("tomorrow 12am", "11-26 00:00"),
    ("tomorrow 12pm", "11-26 12:00"),
    ("tomorrow 24:00", "11-27 00:00"),
    ("tomorrow noon", "11-26 12:00"),
    ("tomorrow morning", "11-26 08:00"),
    ("tomorrow morning 9:30", "11-26 09:30"),
    ("9:00 in the evening tomorrow", "11-26 21:00"),
    ("tomorrow night", "11-26 20:00"),
    ("day after tomorrow 9am", "11-27 09:00"),
    ("the day after tomorrow 9am", "11-27 09:00"),
    ("yesterday 09:00", "11-24 09:00"),
    ("midnight", "11-26 00:00"),
    ("tonight midnight", "11-26 00:00"),
    ("noon", "11-25 12:00"),
    ("22:00", "11-25 22:00"),
    ("10:00", "11-26 10:00"),
    ("10:35", "11-25 10:35"),
    ("9am", "11-26 09:00"),
    ("00:00", "11-26 00:00"),
    ("24:00", "11-26 00:00"),
    ("fri 9am", "11-27 09:00"),
    ("Friday 9:00", "11-27 09:00"),
    ("on fri at 9:00", "11-27 09:00"),
    ("9am fri", "11-27 09:00"),
    ("this fri 9am", "11-27 09:00"),
    ("sun 23:00", "11-29 23:00"),
    ("wed 18:00", "11-25 18:00"),
    ("wed 9am", "12-02 09:00"),
    ("tue 9am", "12-01 09:00"),
    ("next monday 08:00", "11-30 08:00"),
    ("next wed 18:00", "12-02 18:00"),
    ("next friday 08:00", "12-04 08:00"),
    ("2026-12-01 10:00", "12-01 10:00"),
    ("2026/12/01 10:00", "12-01 10:00"),
    ("2026-12-01T10:00", "12-01 10:00"),
    ("2026-12-01T10:00:00+08:00", "12-01 10:00"),
    ("2026-12-01T02:00Z", "12-01 10:00"),
    ("2026-12-01T02:00:00.000Z", "12-01 10:00"),
    ("2026-11-30T21:00-05:00", "12-01 10:00"),
    ("2026-11-30T21:00-0500", "12-01 10:00"),
    ("2026-12-01 10:00 CST", "12-01 10:00"),
    ("2026-12-01 02:00 UTC", "12-01 10:00"),
    ("2026-12-01 03:30 UTC+1:30", "12-01 10:00"),
    ("2026-12-01 03:00 +01:00", "12-01 10:00"),
    ("2026-11-30 21:00 -05:00", "12-01 10:00"),
    ("12/1 10:00", "12-01 10:00"),
    ("12/01/2026 10:00", "12-01 10:00"),
    ("12/1/26 10:00", "12-01 10:00"),
    ("25/12 10:00", "12-25 10:00"),
    ("1/12 10:00", "2027-01-12 10:00"),
    ("1 dec 10:00", "12-01 10:00"),
    ("1dec 10:00", "12-01 10:00"),
    ("dec 1 10am", "12-01 10:00"),
    ("december 1st, 10:00", "12-01 10:00"),
    ("1st of December 10:00", "12-01 10:00"),
    ("1 Dec. 2026 10:00", "12-01 10:00"),
    ("dec 1 2026 10:00", "12-01 10:00"),
    ("sept 1 10:00", "2027-09-01 10:00"),
    ("29 feb 10:00", "2028-02-29 10:00"),
    ("明天22:00", "11-26 22:00"),
    ("明天22：00", "11-26 22:00"),
    ("明天 22点", "11-26 22:00"),
    ("明天晚上10点", "11-26 22:00"),
    ("明晚十点半", "11-26 22:30"),
    ("明天二十二点", "11-26 22:00"),
    ("明晚", "11-26 20:00"),
    ("明早9点", "11-26 09:00"),
    ("今晚", "11-25 20:00"),
    ("今晚11点", "11-25 23:00"),
    ("今晚12点", "11-26 00:00"),
    ("后天早上9点", "11-27 09:00"),
    ("大后天9点", "11-28 09:00"),
    ("下午3点", "11-25 15:00"),
    ("明天下午3点一刻", "11-26 15:15"),
    ("明天凌晨2点", "11-26 02:00"),
    ("明天凌晨12点", "11-26 00:00"),
    ("中午", "11-25 12:00"),
    ("中午1点", "11-25 13:00"),
    ("半夜", "11-26 00:00"),
    ("半夜2点", "11-26 02:00"),
    ("晚上12点", "11-26 00:00"),
    ("周五 9点", "11-27 09:00"),
    ("星期五上午9点", "11-27 09:00"),
    ("礼拜天9点", "11-29 09:00"),
    ("这周五 9点", "11-27 09:00"),
    ("下周一 8:00", "11-30 08:00"),
    ("下下周一 8:00", "12-07 08:00"),
    ("12月1日10点", "12-01 10:00"),
    ("12月1号 10点30分", "12-01 10:30"),
    ("十二月一日 10点", "12-01 10:00"),
    ("2026年12月1日 10时", "12-01 10:00"),
    ("1号10点", "12-01 10:00"),
    ("30号10点", "11-30 10:00"),
]


@pytest.mark.parametrize(("phrase", "expected"), MOMENTS)
def test_a_moment_is_read(phrase: str, expected: str) -> None:
    moment = parse_moment(phrase, now=NOW, zone=SHANGHAI)
    assert moment.instant == at(expected)
    assert not moment.is_now


@pytest.mark.parametrize("phrase", ["now", "right now", "现在", "马上"])
def test_now_is_the_present_and_says_so(phrase: str) -> None:
    moment = parse_moment(phrase, now=NOW, zone=SHANGHAI)
    assert moment.is_now
    assert moment.instant == NOW


def test_tonight_means_now_once_tonight_has_begun() -> None:
    moment = parse_moment("tonight", now=at("11-25 21:10"), zone=SHANGHAI)
    assert moment.is_now
    assert str(moment.notes[0]) == "“tonight” has begun and was read as now."


@pytest.mark.parametrize(
    ("phrase", "said_at", "expected"),
    [
        ("tonight 1am", "11-25 00:30", "11-25 01:00"),
        ("今晚2点", "11-25 00:30", "11-25 02:00"),
        ("tonight 1am", "11-25 01:30", "11-26 01:00"),
        ("tonight 23:00", "11-25 00:30", "11-25 23:00"),
        ("tonight 12am", "11-25 00:30", "11-26 00:00"),
        ("today 24:00", "11-25 00:30", "11-26 00:00"),
    ],
)
def test_after_midnight_tonight_is_still_the_present_night(
    phrase: str, said_at: str, expected: str
) -> None:
    assert parse_moment(phrase, now=at(said_at), zone=SHANGHAI).instant == at(expected)


def test_tonight_may_be_the_present_night_of_an_end_too() -> None:
    when = parse_when("now until tonight 2am", now=at("11-25 00:30"), zone=SHANGHAI)
    assert when.end is not None
    assert when.end.instant == at("11-25 02:00")


@pytest.mark.parametrize(
    ("phrase", "zone", "expected"),
    [
        # 10:37 in Shanghai is 03:37 in Paris, and 21:37 the day before in New York.
        ("22:00", PARIS, "11-25 22:00"),
        ("tomorrow 22:00", PARIS, "11-26 22:00"),
        ("3:00", PARIS, "11-26 03:00"),
        ("today 22:00 CET", PARIS, "11-25 22:00"),
        ("today 22:00 CEST", PARIS, "11-25 21:00"),
        ("in 3h", PARIS, "11-25 06:37"),
        ("22:00", NEW_YORK, "11-24 22:00"),
        ("tomorrow 22:00", NEW_YORK, "11-25 22:00"),
        ("tonight", NEW_YORK, None),
        ("wed 9am", NEW_YORK, "11-25 09:00"),
        ("tue 9am", NEW_YORK, "12-01 09:00"),
        ("11/25 10pm", NEW_YORK, "11-25 22:00"),
        ("tomorrow 10pm EST", NEW_YORK, "11-25 22:00"),
        ("tomorrow 10pm EDT", NEW_YORK, "11-25 21:00"),
    ],
)
def test_times_are_read_on_the_clock_of_the_asker(
    phrase: str, zone: ZoneInfo, expected: str | None
) -> None:
    moment = parse_moment(phrase, now=NOW, zone=zone)
    assert moment.instant == (at(expected, zone) if expected else NOW)


def test_a_weekday_whose_time_has_passed_today_is_next_weeks() -> None:
    friday = at("11-27 10:00")
    moment = parse_moment("fri 9am", now=friday, zone=SHANGHAI)
    assert moment.instant == at("12-04 09:00")
    assert moment.notes[0].fields == {"phrase": "fri 9am", "instant": at("12-04 09:00")}


def test_a_time_that_has_passed_today_is_tomorrows_and_a_note_says_so() -> None:
    moment = parse_moment("22:00", now=at("11-25 23:00"), zone=SHANGHAI)
    assert moment.instant == at("11-26 22:00")
    assert moment.notes[0].fields["phrase"] == "22:00"


def test_a_time_that_passed_within_the_grace_is_todays() -> None:
    assert parse_moment("10:32", now=NOW, zone=SHANGHAI).instant == at("11-25 10:32")
    assert parse_moment("10:31", now=NOW, zone=SHANGHAI).instant == at("11-26 10:31")


@pytest.mark.parametrize(
    ("phrase", "month_first", "day"),
    [
        ("12/1 10:00", True, date(2026, 12, 1)),
        ("1/12 10:00", False, date(2026, 12, 1)),
        ("12/1 10:00", False, date(2027, 1, 12)),
        ("25/12 10:00", True, date(2026, 12, 25)),
        ("12/25 10:00", False, date(2026, 12, 25)),
    ],
)
def test_a_slashed_date_follows_the_locale_and_a_note_says_how_it_was_read(
    phrase: str, month_first: bool, day: date
) -> None:
    moment = parse_moment(phrase, now=NOW, zone=SHANGHAI, month_first=month_first)
    assert moment.instant.astimezone(SHANGHAI).date() == day
    assert [note.fields for note in moment.notes] == [{"phrase": phrase, "day": day}]


@pytest.mark.parametrize(
    ("phrase", "month_first"), [("12/25 10:00", True), ("25/12 10:00", False), ("12/12 9:00", True)]
)
def test_a_slashed_date_that_reads_one_way_only_needs_no_note(
    phrase: str, month_first: bool
) -> None:
    assert not parse_moment(phrase, now=NOW, zone=SHANGHAI, month_first=month_first).notes


@pytest.mark.parametrize(
    ("phrase", "code"),
    [
        ("", "missing"),
        ("tomorrow", "missing"),
        ("fri", "missing"),
        ("12/1", "missing"),
        ("明天", "missing"),
        ("凌晨", "missing"),
        ("foo", "not_understood"),
        ("tomorrow 22:00 foo", "not_understood"),
        ("tomorrow 22:00 20h", "not_understood"),
        ("tomorrow 25:00", "not_understood"),
        ("tomorrow 22:60", "not_understood"),
        ("tomorrow 13pm", "not_understood"),
        ("tomorrow 24:30", "not_understood"),
        ("tomorrow 22:00 +15:00", "not_understood"),
        ("明天25点", "not_understood"),
        ("明天9点75分", "not_understood"),
        ("tomorrow midnight", "not_understood"),
        ("明天半夜", "not_understood"),
        ("tomorrow morning 9pm", "not_understood"),
        ("2026-02-30 10:00", "not_understood"),
        ("30 feb 10:00", "not_understood"),
        ("13/13 10:00", "not_understood"),
        ("0/0 10:00", "not_understood"),
        ("1900-01-01 10:00", "not_understood"),
        ("9999-12-31 10:00", "not_understood"),
        ("fri-node 10:00", "not_understood"),
        ("tomorrow 22:00 PST", "not_understood"),
        ("<@U0BOB|tomorrow> 22:00", "not_understood"),
        ("in 3", "not_understood"),
        ("in 0h", "bad_length"),
        ("in 9999d", "bad_length"),
        ("tomorrow fri 10:00", "contradiction"),
        ("now 10:00", "contradiction"),
        ("10:00 11:00", "contradiction"),
    ],
)
def test_what_is_no_moment_is_refused(phrase: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_moment(phrase, now=NOW, zone=SHANGHAI)
    assert caught.value.code == code


def test_a_refusal_names_the_word_and_shows_an_example_that_works() -> None:
    with pytest.raises(InputError) as caught:
        parse_moment("tomorrow blah 22:00", now=NOW, zone=SHANGHAI)
    assert caught.value.fields["word"] == "blah"
    assert parse_moment(str(caught.value.fields["example"]), now=NOW, zone=SHANGHAI)


@pytest.mark.parametrize("phrase", [phrase for phrase, _ in MOMENTS])
def test_no_rule_is_left_out_where_it_would_match(phrase):
    for place, character in enumerate(phrase):
        tried = _FROM_DIGIT if character.isdigit() else _FROM_OTHER
        matching = [rule for rule in _RULES if rule.pattern.match(phrase, place)]
        assert [rule for rule in matching if rule not in tried] == []
