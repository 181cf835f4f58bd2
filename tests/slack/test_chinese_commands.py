"""Every verb, button, window and refusal, read by somebody whose Slack is Chinese."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import builders
import pytest
from chinese import chinese_site, chinese_talk, english, pressed_together
from talk import Shown, Talk, elements
from told import Row, told

from bot.domain.cluster import Cluster
from bot.services.digest import write_digests
from bot.services.keep_time import keep_time
from bot.services.site import Site
from bot.slack import router
from bot.slack.announcements import TOPICS, render
from bot.slack.context import FormErrors, FormUpdate, Reply
from bot.slack.home import home_view
from bot.slack.registry import VERBS

#: For each verb what people type, right and wrong. B1 runs, B2 is to come, W1 waits.
TYPED: Mapping[str, tuple[str, ...]] = {
    "help": ("", *VERBS, "nothing", "resrve"),
    "reserve": (
        "", "2 tomorrow 22:00 20h", "1 now 3h", "8 now 4h", "8 now 4h model A100", "4", "zzz",
        "0 now 4h", "99 now 4h", "9 now 8h", "6 now 8h", "2 now 30m", "1 now 30d",
        "2 yesterday 10:00 4h", "2 2029-01-01 10:00 4h", "2 now 4h on gpu-99",
        "2 now 4h model H100", "2 now 4h team moon", "2 now 4h team nlp", "2 now 4h p0",
        "2 now 4h on gpu-01 model A100", "2 now 4h p1 p2", "2 22:00 until 21:00 today",
        "2 12/1 4h", "2 12/1 10:00 20h", "1 now 4h “" + "x" * 301 + "”", "2 tomorrow 4h",
    ),
    "free": ("", "4 8h", "8 7d model A100", "zzz", "40 4h"),
    "status": ("", "tomorrow 22:00", "yesterday", "zzz"),
    "mine": ("", "what"),
    "show": ("B1", "B2", "B99", "", "zzz"),
    "cancel": ("", "B1", "B99", "B3", "zzz"),
    "release": ("", "B2", "B1 9", "B99", "B1 zzz", "B1 1"),
    "extend": ("", "B1", "B1 4h", "B2 9d", "B3 4h", "B1 zzz", "B99 4h"),
    "move": ("", "B2", "B2 tomorrow 20:00", "B1 tomorrow", "B2 yesterday 10:00", "B2 zzz"),
    "transfer": ("", "B2", "B2 <@U0ALICE>", "B2 <@U0STRANGER>", "B2 <@U0BOB>", "B2 zzz"),
    "wait": ("", "8 8h model A100", "1 4h", "8 20h by today 12:00", "zzz", "4"),
    "waitlist": ("", "W1", "W99", "zzz"),
    "queue": ("", "1 45m", "8 45m python eval.py", "1 20h", "zzz", "1"),
    "job": (
        "", "yolo-train", "yolo", "B1", "B2 yolo-train data=a.yaml", "B2", "B2 epochs=3",
        "B2 none", "B2 none data=x", "B2 yolo-train", "B2 yolo-train data=x dat=y",
        'B2 run "make"', "B3", "B3 yolo-train data=x", "B99", "zzz",
    ),
    "node": (
        "", "drain gpu-02 broken fan", "drain gpu-99 fan", "drain", "resume gpu-01", "resume",
        "resume gpu-99", "zzz",
    ),
    "audit": ("", "B1", "B99"),
    "token": (
        "", "new 夜间 team vision for 90d", "revoke 1", "revoke 1", "revoke", "revoke 99", "new",
        "new 夜间 for 9999d", "new 夜间 team moon", "new 夜间 team", "new 夜间 fly", "zzz",
    ),
    "calendar": ("", "tomorrow 22:00", "fri", "zzz", "2029-01-01 10:00", "yesterday 10:00"),
    "report": ("", "vision", "vision last week", "last month", "moon", "zzz"),
}  # fmt: skip
UNKNOWN = ("resrve 4", "xyzzy", "4 tomorrow 22:00 20h", "B1", "W1")
#: How many presses deep a conversation is followed.
DEPTH = 2


@pytest.fixture
def site(open_site: Callable[[Cluster], Site]) -> Site:
    """Bob runs 8 A100s as B1 and has B2 to come; dana has B3 after it and waits as W1."""
    site = chinese_site(open_site)
    bob, dana = (chinese_talk(site, user) for user in (builders.BOB, builders.DANA))
    bob.types("reserve 8 now 8h model A100 “训练”")
    bob.types("reserve 2 tomorrow 22:00 8h on gpu-01")
    dana.types("reserve 8 today 20:00 8h model A100")
    dana.types("wait 8 4h model A100 by today 20:00")
    keep_time(site, now=builders.NOW)
    return site


def answers(talk: Talk, text: str) -> Shown:
    """What `/gpu text` is answered with: a message or a window."""
    talk.window = None
    reply = router.run_command(talk.call(), text)
    return reply if reply is not None else opened(talk)


def opened(talk: Talk) -> dict[str, Any]:
    assert talk.window is not None
    return talk.window


def reached(talk: Talk, shown: Shown, depth: int) -> Iterator[Shown]:
    """All that can be seen from there by pressing buttons and submitting windows as they are."""
    yield shown
    if depth == 0:
        return
    for element in elements(shown):
        if element["type"] == "button":
            yield from _after(talk, shown, element, depth)
    if isinstance(shown, Mapping) and "submit" in shown:
        talk.window = dict(shown)
        answer = talk.submits()
        if isinstance(answer, FormErrors):
            yield from answer.errors.values()
        elif isinstance(answer, Reply):
            yield from reached(talk, answer, depth - 1)
        elif isinstance(answer, FormUpdate):
            yield from reached(talk, opened(talk), depth - 1)


def _after(talk: Talk, shown: Shown, element: Mapping[str, Any], depth: int) -> Iterator[Shown]:
    talk.window = None
    reply = talk.acts(shown, element["action_id"], element.get("value", ""))
    if reply is not None:
        yield from reached(talk, reply, depth - 1)
    elif talk.window is not None:
        yield from reached(talk, talk.window, depth - 1)


def test_every_verb_is_tried() -> None:
    assert set(VERBS) <= set(TYPED)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("user", [builders.BOB, builders.ALICE, builders.ADMIN])
def test_no_answer_to_a_command_holds_english(site: Site, verb: str, user: str) -> None:
    talk = chinese_talk(site, user)
    for words in TYPED[verb]:
        shown = answers(talk, f"{verb} {words}".strip())
        assert english(shown) == [], f"{verb} {words}"


@pytest.mark.parametrize("text", UNKNOWN)
def test_no_answer_to_other_words_holds_english(site: Site, text: str) -> None:
    assert english(answers(chinese_talk(site, builders.BOB), text)) == []


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_that_buttons_and_windows_lead_to_holds_english(site: Site, verb: str) -> None:
    talk = chinese_talk(site, builders.BOB)
    for words in TYPED[verb][:4]:
        for shown in reached(talk, answers(talk, f"{verb} {words}".strip()), DEPTH):
            assert english(shown) == [], f"{verb} {words}"
            assert pressed_together(shown) == []


@pytest.mark.parametrize("user", [builders.BOB, builders.ADMIN, builders.STRANGER])
def test_the_home_holds_no_english(site: Site, user: str) -> None:
    talk = chinese_talk(site, user)
    assert talk.reader is not None
    assert english(home_view(site, talk.reader, talk.now)) == []


#: Hours after which something is due, up to past the digests of Monday.
DUE = (0.1, 0.6, 1.2, 3, 9, 12, 22.5, 24, 33, 49, 24 * 4 + 22.5)


def busy_hour(site: Site) -> Talk:
    """Much happens that people are told about, now or in the days that follow."""
    bob, dana, alice, admin = (
        chinese_talk(site, user)
        for user in (builders.BOB, builders.DANA, builders.ALICE, builders.ADMIN)
    )
    bob.types("transfer B2 <@U0ALICE>")
    admin.types("node drain gpu-02 until fri 18:00 换风扇")
    bob.types("reserve 4 now 8h on gpu-01")
    dana.types("queue 4 45m model V100")
    bob.types("release B1")
    alice.presses(alice.types("reserve 8 today 20:00 20h model A100 p0"), "抢占…")
    assert isinstance(alice.submits(reason="客户演示"), Reply)
    alice.presses(alice.types("reserve 4 now 4h on gpu-01 p0"), "抢占…")
    assert isinstance(alice.submits(reason="客户演示"), Reply)
    return bob


def test_no_message_of_any_topic_holds_english(site: Site) -> None:
    bob = busy_hour(site)
    topics = set()
    for hours in DUE:
        bob.now = builders.NOW + timedelta(hours=hours)
        keep_time(site, now=bob.now)
        write_digests(site, now=bob.now)
        for topic, recipient, message in told(site, bob):
            if message is not None:
                topics.add(topic)
                assert english(message) == [], f"{topic} to {recipient}: {message.text}"
                assert pressed_together(message) == []
    assert topics == set(TOPICS) - set(ALONE) - ELSEWHERE


AWAY = {"since": builders.NOW.isoformat(), "until": builders.TONIGHT.isoformat()}
#: Topics whose messages are read in Chinese by the tests of their own parts.
ELSEWHERE = {"left_team", "directory", "gpu_alert", "run"}
#: Topics that need more than what people do in Slack.
ALONE = {
    "away": Row("C0OPS", "away:1", AWAY),
    "pipeline_waits": Row("C0NLP", "entry:1", {}),
    "outage": Row("C0OPS", "outage:1", {"server": "-", "why": "-", **AWAY}),
}


@pytest.mark.parametrize("topic", ALONE)
def test_what_is_told_without_anybodys_doing_holds_no_english(site: Site, topic: str) -> None:
    message = render(topic, ALONE[topic], site, builders.NOW)
    assert message is not None
    assert english(message) == [], message.text
    assert pressed_together(message) == []
