"""A calendar program subscribes to bookings; parsers that are none of ours read what it gets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import icalendar
import pytest
import vobject
from builders import ADMIN, ALICE, BOB, CHEN, NOW, TONIGHT, actor, cluster, request
from databases import new_database
from serving import Served, served

from bot.domain.access import Scope, TokenKind
from bot.domain.actor import GPUBOT, Person
from bot.domain.cluster import Node
from bot.locale import translator
from bot.services.activity import saw_use
from bot.services.cancel import cancel
from bot.services.drain import drain
from bot.services.feed import FeedKind, FeedTarget
from bot.services.look import get_booking
from bot.services.move import move
from bot.services.people import remember_person
from bot.services.release import release
from bot.services.reserve import reserve
from bot.services.resume import resume
from bot.services.subscribe import subscribe, unsubscribe
from bot.services.tokens import create_token
from bot.services.turn_over import turn_over
from bot.ticks.cluster_nodes import NOT_READY
from bot.web.feed import feed_routes

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MINE = FeedTarget(FeedKind.PERSON, BOB)
VISION = FeedTarget(FeedKind.TEAM, "vision")
NODE = FeedTarget(FeedKind.NODE, "gpu-01")
#: What breaks calendars: separators, quotes, a line too long to fold blindly, and wide letters.
HARD = 'a, b; "c" \\ d: 明天训练🚀 ' + "ü" * 120


@pytest.fixture
def lab(database_url: str) -> Iterator[Served]:
    with served(database_url, feed_routes) as lab:
        remember_person(lab.site, person(BOB, "bob"))
        yield lab


def person(user: str, name: str, locale: str = "en-US") -> Person:
    return Person(user, name, "Asia/Shanghai", locale, None, NOW)


def address(lab: Served, target: FeedTarget, user: str = BOB) -> str:
    """The path of a feed that `user` subscribed to just now."""
    url = subscribe(lab.site, actor(user), target, again=True, now=lab.now).url
    assert url is not None
    assert url.startswith("http://gpubot.example.com/calendar.ics?token=gpubot_")
    return url.removeprefix("http://gpubot.example.com")


def fetch(lab: Served, path: str, **headers: str) -> httpx.Response:
    return lab.web.get(path, headers={name.replace("_", "-"): v for name, v in headers.items()})


def events(answer: httpx.Response) -> dict[str, Any]:
    """Events by the part of their ids before the @, read by one parser and checked by another."""
    assert answer.status_code == 200, answer.text
    checked = vobject.readOne(answer.content.decode())
    checked.validate(raiseException=True)
    found = icalendar.Calendar.from_ical(answer.content).walk("VEVENT")
    assert len(found) == len(getattr(checked, "vevent_list", []))
    return {str(event["UID"]).partition("@")[0]: event for event in found}


def test_why_gpubot_took_a_node_out_of_service_is_told_in_the_subscribers_language(
    lab: Served,
) -> None:
    remember_person(lab.site, person(BOB, "bob", "zh-CN"))
    drain(lab.site, GPUBOT, "gpu-01", until=None, reason=NOT_READY, now=NOW)
    (outage,) = events(fetch(lab, address(lab, NODE))).values()
    assert outage["DESCRIPTION"] == translator("zh-CN").gettext(NOT_READY)


def test_a_booking_is_an_event_with_everything_one_needs_to_know(lab: Served) -> None:
    reserve(lab.site, actor(BOB), request(4, node="gpu-01", purpose="yolo"), now=NOW)
    answer = fetch(lab, address(lab, MINE))
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    (event,) = events(answer).values()
    assert event["SUMMARY"] == "4 × V100 on gpu-01 · B1 · bob"
    assert event.decoded("DTSTART") == TONIGHT
    assert event.decoded("DTEND") == TONIGHT + 8 * HOUR
    assert event["LOCATION"] == "gpu-01"
    assert event["STATUS"] == "CONFIRMED"
    assert event["TRANSP"] == "TRANSPARENT"
    assert event["SEQUENCE"] == 1
    assert event["CATEGORIES"].to_ical() == b"vision"
    link = "http://gpubot.example.com/?booking=B1"
    assert event["URL"] == link
    assert event["DESCRIPTION"].split("\n") == [
        "Team: vision",
        "Priority: P2, preemptible",
        "State: reserved",
        "Purpose: yolo",
        link,
    ]


def test_times_are_in_utc_and_lines_are_folded_at_75_bytes(lab: Served) -> None:
    reserve(lab.site, actor(BOB), request(4, node="gpu-01", purpose=HARD), now=NOW)
    content = fetch(lab, address(lab, MINE)).content
    assert b"\r\nDTSTART:20261125T140000Z\r\n" in content
    assert content.endswith(b"END:VCALENDAR\r\n")
    assert max(len(line) for line in content.split(b"\r\n")) <= 75


def test_text_with_separators_emoji_and_wide_letters_comes_back_whole(lab: Served) -> None:
    reserve(lab.site, actor(BOB), request(4, node="gpu-01", purpose=HARD), now=NOW)
    answer = fetch(lab, address(lab, MINE))
    (event,) = events(answer).values()
    assert f"Purpose: {HARD}" in event["DESCRIPTION"].split("\n")
    (other,) = vobject.readOne(answer.content.decode()).vevent_list
    assert f"Purpose: {HARD}" in other.description.value.split("\n")


def test_the_calendar_says_what_it_is_and_how_often_to_ask(lab: Served) -> None:
    calendar = icalendar.Calendar.from_ical(fetch(lab, address(lab, VISION)).content)
    assert calendar["X-WR-CALNAME"] == calendar["NAME"] == "GPUs of vision · Vision Lab"
    assert calendar["REFRESH-INTERVAL"].params["VALUE"] == "DURATION"
    assert calendar["REFRESH-INTERVAL"].to_ical() == b"PT15M"
    assert calendar["X-PUBLISHED-TTL"].to_ical() in (b"PT15M", "PT15M")


def test_each_feed_shows_its_own(lab: Served) -> None:
    reserve(lab.site, actor(BOB), request(4, node="gpu-01"), now=NOW)
    reserve(lab.site, actor(ALICE), request(4, node="gpu-02"), now=NOW)
    reserve(lab.site, actor(CHEN), request(4, start=TONIGHT + 8 * HOUR, node="gpu-01"), now=NOW)
    shown = {
        target: set(events(fetch(lab, address(lab, target)))) for target in (MINE, VISION, NODE)
    }
    assert shown[MINE] == {"booking-1"}
    assert shown[VISION] == {"booking-1", "booking-2"}
    assert shown[NODE] == {"booking-1", "booking-3"}


def test_a_node_is_not_mistaken_for_one_that_is_called_alike(database_url: str) -> None:
    nodes = tuple(Node(name, 4, "V100") for name in ("gpu_1", "gpuA1", "节点1"))
    with served(database_url, feed_routes, cluster(nodes=nodes)) as lab:
        for node in nodes:
            reserve(lab.site, actor(BOB), request(4, node=node.name), now=NOW)
        for number, node in enumerate(nodes, start=1):
            target = FeedTarget(FeedKind.NODE, node.name)
            assert set(events(fetch(lab, address(lab, target)))) == {f"booking-{number}"}


@pytest.mark.parametrize("end", ["\x85", "\u2028", "\r\n", "\x0b"])
def test_a_name_that_ends_a_line_begins_no_event(lab: Served, end: str) -> None:
    remember_person(lab.site, person(BOB, f"bob{end}END:VEVENT"))
    reserve(lab.site, actor(BOB), request(4), now=NOW)
    (event,) = events(fetch(lab, address(lab, MINE))).values()
    assert event["SUMMARY"].endswith("bob END:VEVENT")


def test_a_change_keeps_the_id_and_raises_the_sequence(lab: Served) -> None:
    booking = reserve(lab.site, actor(BOB), request(4, node="gpu-01"), now=NOW)
    path = address(lab, MINE)
    (before,) = events(fetch(lab, path)).values()
    lab.now = NOW + HOUR
    move(lab.site, actor(BOB), booking.id, TONIGHT + DAY, now=lab.now)
    (after,) = events(fetch(lab, path)).values()
    assert after["UID"] == before["UID"]
    assert after["SEQUENCE"] == before["SEQUENCE"] + 1
    assert after.decoded("DTSTART") == TONIGHT + DAY
    assert before.decoded("LAST-MODIFIED") == before.decoded("DTSTAMP") == NOW
    assert after.decoded("LAST-MODIFIED") == after.decoded("DTSTAMP") == lab.now


def test_a_cancelled_booking_stays_for_a_month_as_cancelled(lab: Served) -> None:
    far = reserve(lab.site, actor(BOB), request(4, TONIGHT + 60 * DAY), now=NOW)
    cancel(lab.site, actor(BOB), far.id, now=NOW)
    path = address(lab, MINE)
    (event,) = events(fetch(lab, path)).values()
    assert (event["STATUS"], event["SEQUENCE"]) == ("CANCELLED", 2)
    lab.now = NOW + 29 * DAY
    assert set(events(fetch(lab, path))) == {"booking-1"}
    lab.now = NOW + 31 * DAY
    assert events(fetch(lab, path)) == {}


def test_what_ended_more_than_a_month_ago_is_left_out(lab: Served) -> None:
    reserve(lab.site, actor(BOB), request(4), now=NOW)
    path = address(lab, MINE)
    for days, shown in ((30, {"booking-1"}), (31, set())):
        lab.now = TONIGHT + days * DAY
        assert set(events(fetch(lab, path))) == shown


def test_what_was_released_ends_when_it_was(lab: Served) -> None:
    reserve(lab.site, actor(BOB), request(4), now=NOW)
    turn_over(lab.site, now=TONIGHT)
    lab.now = TONIGHT + HOUR
    release(lab.site, actor(BOB), 1, now=lab.now)
    (event,) = events(fetch(lab, address(lab, MINE))).values()
    assert event.decoded("DTEND") == lab.now
    assert event["STATUS"] == "CONFIRMED"


def test_a_node_shows_when_it_is_out_of_service(lab: Served) -> None:
    drain(lab.site, actor(ADMIN), "gpu-01", until=NOW + DAY, reason="new fans, soon", now=NOW)
    path = address(lab, NODE)
    (event,) = events(fetch(lab, path)).values()
    assert event["SUMMARY"] == "gpu-01 is out of service"
    assert event["DESCRIPTION"] == "new fans, soon"
    assert (event.decoded("DTSTART"), event.decoded("DTEND")) == (NOW, NOW + DAY)
    lab.now = NOW + HOUR
    resume(lab.site, actor(ADMIN), "gpu-01", now=lab.now)
    (after,) = events(fetch(lab, path)).values()
    assert after["UID"] == event["UID"]
    assert after.decoded("DTEND") == lab.now
    assert after["SEQUENCE"] > event["SEQUENCE"]


def test_an_outage_without_an_end_reaches_as_far_as_one_can_book(lab: Served) -> None:
    drain(lab.site, actor(ADMIN), "gpu-01", until=None, reason="broken", now=NOW)
    (event,) = events(fetch(lab, address(lab, NODE))).values()
    assert event.decoded("DTEND") >= NOW + lab.site.cluster.policy.horizon


def test_the_same_content_is_not_sent_twice(lab: Served) -> None:
    reserve(lab.site, actor(BOB), request(4), now=NOW)
    lab.now = NOW + HOUR
    path = address(lab, MINE)
    lab.now = NOW + 2 * HOUR
    first = fetch(lab, path)
    tag, modified = first.headers["ETag"], first.headers["Last-Modified"]
    for headers in (
        {"If_None_Match": tag},
        {"If_None_Match": f'"x", W/{tag}'},
        {"If_Modified_Since": modified},
    ):
        again = fetch(lab, path, **headers)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == tag


def test_a_change_is_sent_although_the_caller_has_an_older_copy(lab: Served) -> None:
    reserve(lab.site, actor(BOB), request(4), now=NOW)
    path = address(lab, MINE)
    lab.now = NOW + HOUR
    first = fetch(lab, path)
    cancel(lab.site, actor(BOB), 1, now=lab.now)
    lab.now += timedelta(minutes=1)
    tag, modified = first.headers["ETag"], first.headers["Last-Modified"]
    assert fetch(lab, path, If_None_Match=tag).status_code == 200
    for since in (modified, "Wed, 25 Nov 2026 08:00:00 +99999999999999999", "soon"):
        assert fetch(lab, path, If_Modified_Since=since).status_code == 200
    assert (
        fetch(
            lab, path, If_None_Match=tag, If_Modified_Since="Fri, 01 Jan 2100 00:00:00 GMT"
        ).status_code
        == 200
    )


def test_a_change_of_this_very_second_never_hides_behind_a_date(lab: Served) -> None:
    reserve(lab.site, actor(BOB), request(4), now=NOW)
    assert "Last-Modified" not in fetch(lab, address(lab, MINE)).headers


@pytest.mark.parametrize("wrong", ["", "gpubot_x", "é", "x" * 5000])
def test_an_address_that_opens_nothing_is_not_found(lab: Served, wrong: str) -> None:
    answer = lab.web.get("/calendar.ics", params={"token": wrong})
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_a_revoked_address_is_not_found(lab: Served) -> None:
    path = address(lab, MINE)
    assert fetch(lab, path).status_code == 200
    made = subscribe(lab.site, actor(BOB), MINE, now=NOW).token
    unsubscribe(lab.site, actor(BOB), made.id, now=NOW)
    assert fetch(lab, path).status_code == 404


def test_a_new_address_replaces_the_old_one(lab: Served) -> None:
    old = address(lab, MINE)
    new = address(lab, MINE)
    assert [fetch(lab, path).status_code for path in (old, new)] == [404, 200]


def test_a_token_of_a_program_opens_no_feed(lab: Served) -> None:
    _, secret = create_token(
        lab.site, actor(BOB), kind=TokenKind.PERSON, name="x", scopes=list(Scope), now=NOW
    )
    assert lab.web.get("/calendar.ics", params={"token": secret}).status_code == 404


def test_it_speaks_the_language_of_the_one_who_made_it(lab: Served) -> None:
    remember_person(lab.site, person(BOB, "bob", "zh-CN"))
    reserve(lab.site, actor(BOB), request(4), now=NOW)
    (event,) = events(fetch(lab, address(lab, MINE))).values()
    reserved = translator("zh-CN").gettext("reserved")
    assert reserved != "reserved"
    assert reserved in event["DESCRIPTION"]


def test_a_calendar_program_may_ask_for_the_headers_alone(lab: Served) -> None:
    answer = lab.web.head(address(lab, MINE))
    assert (answer.status_code, answer.content) == (200, b"")


def test_installations_do_not_share_ids(lab: Served, tmp_path: Path) -> None:
    ids = set()
    with served(new_database(tmp_path, "other.db"), feed_routes, cluster()) as other:
        for one in (lab, other):
            reserve(one.site, actor(BOB), request(4), now=NOW)
            ids |= {str(event["UID"]) for event in events(fetch(one, address(one, MINE))).values()}
    assert len(ids) == 2
    assert all(one.startswith("booking-1@") for one in ids)


def test_an_overrun_is_no_part_of_the_event(lab: Served) -> None:
    reserve(lab.site, actor(BOB), request(4), now=NOW)
    end = TONIGHT + 8 * HOUR
    turn_over(lab.site, now=TONIGHT)
    saw_use(lab.site, 1, now=end - HOUR / 6)
    turn_over(lab.site, now=end)
    assert get_booking(lab.site, 1).window.end > end
    lab.now = end
    (event,) = events(fetch(lab, address(lab, MINE))).values()
    assert event.decoded("DTEND") == end
