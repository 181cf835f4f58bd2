from datetime import UTC, datetime, timedelta, tzinfo

import pytest
from asking import BEFORE_AUTUMN, BEFORE_SPRING, NEW_YORK, PARIS
from dateutil import tz

from bot.domain.errors import AmbiguousTime, NonexistentTime
from bot.domain.timephrase import parse_moment

BOTH_LIBRARIES = [PARIS, tz.gettz("Europe/Paris")]


@pytest.mark.parametrize("zone", BOTH_LIBRARIES)
def test_a_time_that_occurs_twice_gets_a_question(zone: tzinfo) -> None:
    with pytest.raises(AmbiguousTime) as caught:
        parse_moment("25 oct 02:30", now=BEFORE_AUTUMN, zone=zone)
    assert caught.value.fields == {
        "phrase": "25 oct 02:30",
        "first": datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        "second": datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
        "example": "25 oct 02:30 CEST",
    }


@pytest.mark.parametrize("zone", BOTH_LIBRARIES)
@pytest.mark.parametrize(
    ("phrase", "hour"),
    [
        ("25 oct 02:30 CEST", 0),
        ("25 oct 02:30 CET", 1),
        ("25 oct 02:30 cet", 1),
        ("25 oct CET 02:30", 1),
        ("02:30 25 oct CEST", 0),
        ("02:30 25 oct second", 1),
        ("25 oct 02:30 +02:00", 0),
        ("25 oct 02:30+01:00", 1),
        ("2026-10-25T02:30+01:00", 1),
        ("25 oct 02:30 first", 0),
        ("25 oct 02:30 second", 1),
        ("10月25日2点30分第二次", 1),
    ],
)
def test_an_offset_or_a_word_tells_the_two_apart(zone: tzinfo, phrase: str, hour: int) -> None:
    moment = parse_moment(phrase, now=BEFORE_AUTUMN, zone=zone)
    assert moment.instant == datetime(2026, 10, 25, hour, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("phrase", "hour"),
    [
        ("11/1 01:30 EDT", 5),
        ("11/1 01:30 EST", 6),
        ("1 nov 01:30 -04:00", 5),
        ("1 nov 1:30am -05:00", 6),
    ],
)
def test_the_same_holds_west_of_greenwich(phrase: str, hour: int) -> None:
    moment = parse_moment(phrase, now=BEFORE_AUTUMN, zone=NEW_YORK)
    assert moment.instant == datetime(2026, 11, 1, hour, 30, tzinfo=UTC)


@pytest.mark.parametrize("zone", BOTH_LIBRARIES)
@pytest.mark.parametrize("time", ["02:00", "02:30", "02:59"])
def test_a_time_that_the_clock_skips_gets_a_question(zone: tzinfo, time: str) -> None:
    with pytest.raises(NonexistentTime) as caught:
        parse_moment(f"28 mar {time}", now=BEFORE_SPRING, zone=zone)
    after = datetime(2027, 3, 28, 1, tzinfo=UTC)
    assert caught.value.fields["after"] == after
    assert caught.value.fields["before"] == after - timedelta(minutes=1)
    example = str(caught.value.fields["example"])
    assert parse_moment(example, now=BEFORE_SPRING, zone=zone).instant == after


def test_the_times_next_to_a_change_of_the_clock_need_no_question() -> None:
    for phrase, hour in [("28 mar 01:59", 0), ("28 mar 03:00", 1)]:
        moment = parse_moment(phrase, now=BEFORE_SPRING, zone=PARIS)
        assert moment.instant.astimezone(UTC).hour == hour
    for phrase, hour in [("25 oct 01:59", 23), ("25 oct 03:00", 2)]:
        moment = parse_moment(phrase, now=BEFORE_AUTUMN, zone=PARIS)
        assert moment.instant.astimezone(UTC).hour == hour
