from datetime import timedelta

import pytest
from asking import CLUSTER, HOUR, NOW, SHANGHAI, at
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.booking import Priority
from bot.domain.understood import Understood, understood

WORDS = st.sampled_from([
    "4", "99999", "-3", "tomorrow", "22:00", "20h", "-4h", "99999999h", "fri", "25:00", "until",
    "to", "on", "gpu-01", "nowhere", "model", "A100", "team", "p0", "p7", "spread", "firm", "“",
    '"', "for", "2026-02-30", "→", "明天22:00", "12点", "&amp;", "<@U0BOB>", "\x00", "{",
])  # fmt: skip


def read(text: str) -> Understood:
    return understood(text, now=NOW, zone=SHANGHAI, cluster=CLUSTER)


def test_words_around_those_that_cannot_be_read_are_kept() -> None:
    said, start, length = read("4 blah tomorrow 22:00 blub 20h on gpu-01 p1 xyz")
    assert (said.gpus, said.node, said.priority) == (4, "gpu-01", Priority.P1)
    assert (start, length) == (at("11-26 22:00"), 20 * HOUR)


@pytest.mark.parametrize(
    ("text", "start", "length"),
    [
        ("4 tomorrow", "11-26 00:00", None),
        ("4 today", None, None),
        ("4 now 8h", None, 8 * HOUR),
        ("4 tomorrow 22:00 until fri 8:00", "11-26 22:00", 10 * HOUR),
        ("4 tomorrow 22:00 until", "11-26 22:00", None),
        ("4 until tomorrow 10:37", None, timedelta(days=1)),
        ("4 yesterday 22:00 8h", None, 8 * HOUR),
        ("4 tomorrow 22:00 0h", "11-26 22:00", None),
    ],
)
def test_times_that_can_be_used_are_kept(
    text: str, start: str | None, length: timedelta | None
) -> None:
    found = read(text)
    assert (found.start, found.length) == (at(start) if start else None, length)


@given(st.text(max_size=40) | st.lists(WORDS, max_size=8).map(" ".join))
def test_no_text_is_too_odd_to_begin_a_form_with(text: str) -> None:
    found = read(text)
    assert found.start is None or found.start > NOW
    assert found.length is None or found.length > timedelta(0)
