"""Somebody whose Slack is Chinese reads of preemption, reminders and idle GPUs in Chinese alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import builders
import pytest
from chinese import chinese_site, chinese_talk, english
from plainly import plain
from talk import Talk, captions, words
from told import Row, delivered, last, told

from bot.domain.actor import GPUBOT
from bot.domain.cluster import Cluster
from bot.services.drain import drain
from bot.services.keep_time import keep_time
from bot.services.site import Site
from bot.slack.announcements import render
from bot.slack.context import Message, Reply
from bot.ticks.cluster_nodes import NOT_READY

OURS = ("warning", "moved", "reminder", "idle")


@pytest.fixture
def site(open_site: Callable[[Cluster], Site]) -> Site:
    """A cluster that speaks Chinese, and so do its people."""
    return chinese_site(open_site)


@pytest.fixture
def alice(site: Site) -> Talk:
    """A lead of team vision."""
    return chinese_talk(site, builders.ALICE)


@pytest.fixture
def bob(site: Site) -> Talk:
    """A member of team vision."""
    return chinese_talk(site, builders.BOB)


@pytest.fixture
def dana(site: Site) -> Talk:
    """A member of team nlp."""
    return chinese_talk(site, builders.DANA)


def check(site: Site, who: Talk) -> int:
    """Nothing that our topics tell anybody holds an English word; return how many were read."""
    messages = [m for topic, _, m in told(site, who) if topic in OURS and m is not None]
    for message in messages:
        assert english(message) == [], message.text
    return len(messages)


def press(who: Talk, where: Message, caption: str) -> Reply:
    reply = who.presses(where, caption)
    assert reply is not None
    assert english(reply) == [], reply.text
    return reply


@pytest.fixture
def busy(site: Site, bob: Talk, dana: Talk) -> Site:
    """Bob has the A100s until 20:00, dana from 22:00."""
    bob.types("reserve 8 now 8h model A100")
    dana.types("reserve 8 today 22:00 8h model A100")
    keep_time(site, now=builders.NOW)
    return site


def preempt(alice: Talk) -> Reply:
    alice.presses(alice.types("reserve 8 now 20h model A100 p0"), "抢占…")
    assert alice.window is not None
    assert english(alice.window) == []
    assert alice.window["title"]["text"] == "抢占"
    said = alice.submits(reason="客户演示")
    assert isinstance(said, Reply)
    assert english(said) == [], said.text
    return said


def test_the_warning_reads_as_an_engineer_would_write_it(busy: Site, alice: Talk) -> None:
    preempt(alice)
    assert plain(last(busy, alice, "warning", builders.BOB).text) == (
        ":warning: 你正在使用 gpu-03 上的 8 块 GPU，将于 11月25日周三 11:07（30 分钟后）被回收，"
        "用于 <@U0ALICE> 的紧急任务：“客户演示”。请尽快保存检查点。"
    )
    assert plain(last(busy, alice, "warning", "C0VISION").text) == (
        ":warning: <@U0BOB> 正在使用 gpu-03 上的 8 块 GPU，将于 11月25日周三 11:07（30 分钟后）"
        "被回收，用于 王芳 的紧急任务：“客户演示”。请尽快保存检查点。"
    )


def test_warnings_and_what_becomes_of_them_hold_no_english(
    busy: Site, alice: Talk, bob: Talk, dana: Talk
) -> None:
    preempt(alice)
    assert check(busy, alice) == 4
    warning = last(busy, bob, "warning", builders.BOB)
    for caption in captions(warning):
        refused = dana.presses(warning, caption)
        assert refused is not None
        assert english(refused) == [], refused.text
    press(bob, warning, "再给我 10 分钟")
    press(bob, warning, "再给我 10 分钟")
    press(bob, warning, "帮我重新预约")
    check(busy, bob)
    press(bob, warning, "检查点已保存，立即释放")
    press(dana, last(busy, dana, "moved", builders.DANA), "保留新时间")
    check(busy, bob)


def test_a_reclaim_and_a_withdrawal_hold_no_english(busy: Site, alice: Talk, bob: Talk) -> None:
    said = preempt(alice)
    delivered(busy, alice)
    alice.presses(said, "取消…")
    assert isinstance(alice.submits(reason="不用了"), Reply)
    assert check(busy, alice) >= 4
    preempt(alice)
    delivered(busy, alice)
    warning = last(busy, bob, "warning", builders.BOB)
    for person in (alice, bob):
        person.now += timedelta(minutes=32)
    keep_time(busy, now=bob.now)
    check(busy, bob)
    press(bob, warning, "检查点已保存，立即释放")


def test_reminders_hold_no_english_at_any_time(site: Site, bob: Talk) -> None:
    bob.types("reserve 4 today 12:00 4h on gpu-01")
    noon = builders.NOW + timedelta(hours=1, minutes=23)
    for minutes in (-30, 0, 215, 230, 245, 300):
        bob.now = noon + timedelta(minutes=minutes)
        keep_time(site, now=bob.now)
        message = render("reminder", Row(builders.BOB, "reminder:1", {}), site, bob.now)
        assert message is not None
        assert english(message) == [], message.text
        if minutes == 230:
            press(bob, message, "让任务跑完")


def test_the_question_about_idle_gpus_holds_no_english(
    site: Site, alice: Talk, bob: Talk, dana: Talk
) -> None:
    bob.types("reserve 8 now 8h model A100")
    keep_time(site, now=bob.now)
    dana.types("wait 8 4h model A100 by today 20:00")
    bob.now = dana.now = builders.NOW + timedelta(minutes=31)
    keep_time(site, now=bob.now)
    for recipient in (builders.BOB, "C0VISION"):
        question = render("idle", Row(recipient, "idle:1", {}), site, bob.now)
        assert question is not None
        assert english(question) == [], question.text
    press(bob, question, "还需要")
    assert check(site, bob) > 0
    press(bob, question, "立即释放")
    check(site, bob)


def test_the_history_of_a_preemption_holds_no_english(
    busy: Site, alice: Talk, bob: Talk, dana: Talk
) -> None:
    preempt(alice)
    bob.presses(last(busy, bob, "warning", builders.BOB), "再给我 10 分钟")
    lines = [m for topic, _, m in told(busy, bob) if topic == "event" and m is not None]
    assert len(lines) == 5
    for line in lines:
        assert english(plain(line.text)) == [], line.text
    cards = [m for topic, _, m in told(busy, bob) if topic == "card" and m is not None]
    for card in cards:
        assert english(card) == [], card.text


@pytest.mark.parametrize("command", ["status", "node", "reserve 1 now 4h on gpu-03"])
def test_why_gpubot_took_a_node_out_of_service_is_told_in_chinese(
    site: Site, bob: Talk, command: str
) -> None:
    drain(site, GPUBOT, "gpu-03", until=None, reason=NOT_READY, now=bob.now)
    assert "Kubernetes 报告该节点未就绪" in words(bob.types(command))
