"""How sentences are put into a reader's words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import builders
import pytest

from bot.domain.booking import Priority
from bot.domain.errors import UserId
from bot.domain.notes import Note
from bot.domain.window import Window
from bot.locale.places import is_month_first
from bot.slack.reader import Channel, Mrkdwn, Reader

EVENING = datetime(2026, 11, 26, 14, 0, tzinfo=UTC)

PARIS = Reader(
    "U0ALICE", ZoneInfo("Europe/Paris"), "Europe/Paris", "en-GB", name_of={"U0BOB": "Bob"}.get
)


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("<!channel> <@U0BOB>", "&lt;!channel&gt; &lt;@U0BOB&gt;"),
        ("a & b", "a &amp; b"),
        ("*bold* ~gone~ `code`", "∗bold∗ ∼gone∼ ˋcodeˋ"),
        ("_so_ run_42", "ˍsoˍ run_42"),
        ("one\ntwo\t three", "one two three"),
        ("bell\x07 \u202eevil\u2066", "bell evil"),
        ("x" * 400, "x" * 299 + "…"),
        ("100 % of %s %(what)s {what}", "100 % of %s %(what)s {what}"),
        (" two  spaces ", "two spaces"),
    ],
)
def test_typed_text_can_neither_format_nor_address_nor_hide_anything(
    typed: str, shown: str
) -> None:
    assert PARIS.text("{what}", what=typed) == shown


def test_typed_text_in_a_code_span_cannot_leave_it() -> None:
    assert PARIS.text("Try `{example}`", example="a` *b* <c>") == "Try `aˋ *b* &lt;c&gt;`"


def test_a_sentence_keeps_its_percent_signs_and_braces() -> None:
    assert PARIS.text("100 % {{sure}} %s") == "100 % {sure} %s"
    assert PARIS.text("{n} % {{sure}} %s", n=1) == "1 % {sure} %s"
    assert PARIS.plain("`{n}` %", n=5) == PARIS.many_plain("{n} %", "", 1).replace("1", "5")


def test_what_is_said_without_values_is_still_typed_text_where_it_stands_in_mrkdwn() -> None:
    said = PARIS.plain("<!channel>"), PARIS.many_plain("<!channel>", "", 1)
    assert PARIS.text("{a} {b}", a=said[0], b=said[1]) == "&lt;!channel&gt; &lt;!channel&gt;"


def test_text_that_is_safe_already_and_ids_are_shown_as_they_are() -> None:
    assert PARIS.text("{a}", a=Mrkdwn("*x*")) == "*x*"
    assert PARIS.text("{a} {b}", a=UserId("U0BOB"), b=Channel("C1")) == "<@U0BOB> <#C1>"


def test_names_stand_where_slack_shows_no_mentions() -> None:
    assert PARIS.plain("Ask {who}", who=UserId("U0BOB")) == "Ask @Bob"


def test_a_moment_is_shown_in_every_readers_own_zone_with_words_for_the_rest() -> None:
    stamp = int(EVENING.timestamp())
    expected = f"<!date^{stamp}^{{date_short_pretty}} {{time}}|Thu 26 Nov 15:00>"
    assert PARIS.text("{at}", at=EVENING) == expected
    assert PARIS.plain("{at}", at=EVENING) == "Thu 26 Nov 15:00"


def test_a_window_within_a_day_names_the_day_once_to_a_person_but_twice_in_a_channel() -> None:
    window = Window(EVENING, EVENING + timedelta(hours=4))
    assert PARIS.plain("{w}", w=window) == "Thu 26 Nov 15:00 – 19:00 (4 h)"
    assert PARIS.text("{w}", w=window).count("date_short_pretty") == 1
    channel = Reader.of_channel(builders.cluster())
    assert channel.text("{w}", w=window).count("date_short_pretty") == 2


@pytest.mark.parametrize(
    ("length", "shown"),
    [
        (timedelta(hours=20), "20 h"),
        (timedelta(days=1, hours=12), "1 d 12 h"),
        (timedelta(minutes=90), "90 min"),
        (timedelta(minutes=150), "2 h 30 min"),
        (timedelta(days=2), "2 d"),
        (timedelta(0), "0 min"),
    ],
)
def test_lengths_are_short_words(length: timedelta, shown: str) -> None:
    assert PARIS.plain("{l}", l=length) == shown


def test_notes_people_and_priorities_inside_a_sentence_keep_their_kind() -> None:
    note = Note("ask {people}", {"people": (UserId("U1"), UserId("U2"))})
    assert PARIS.text("{p}: {note}", p=Priority.P1, note=note) == "P1: ask <@U1>, <@U2>"


def test_the_form_of_a_sentence_follows_its_number() -> None:
    assert PARIS.many("{n} GPU", "{n} GPUs", 1) == "1 GPU"
    assert PARIS.many("{n} GPU", "{n} GPUs", 3) == "3 GPUs"


@pytest.mark.parametrize(
    ("locale", "month_first"),
    [("en-US", True), ("en-GB", False), ("zh-CN", True), ("fr-FR", False), ("en", True)],
)
def test_which_number_of_a_date_is_the_month_follows_the_locale(
    locale: str, month_first: bool
) -> None:
    assert is_month_first(locale) is month_first


def test_a_time_on_the_same_day_is_shown_without_the_day() -> None:
    later = EVENING + timedelta(hours=8, minutes=59)
    assert "date_short_pretty" not in PARIS.clock(later, EVENING)
    assert "date_short_pretty" in PARIS.clock(later + timedelta(minutes=2), EVENING)
