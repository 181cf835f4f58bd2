"""Two `gpubot serve` over Socket Mode on one PostgreSQL, of which one is killed.

Slack sends each command, button and event to one of an app's connections, whichever; so does the
workspace of the tests, by turns. What was under way at a replica that died is lost to whoever
typed it, as in Slack: commands and buttons are not sent again, events are.
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from clients import client
from databases import database_of
from flows.people import button
from replicas.outcome import (
    Rows,
    check_audit,
    check_capacity,
    check_done_once,
    check_sent_once,
    claimed,
    postponed,
    posts,
    read,
    slack_of,
)

from benchmarks.crowd import NOT_DONE
from benchmarks.laboratory import lab, people
from benchmarks.replica_group import Replica, replicas
from bot.sandbox import Sandbox

pytestmark = [pytest.mark.postgresql, pytest.mark.timeout(180)]

CLUSTER = lab(40)
#: One of each team.
EVERYBODY = [people(team)[1] for team in range(6)]
#: How many answers people get before and after each event.
BETWEEN = 24
#: Seconds that a busy machine may take for an answer.
ACK_S = 10.0

BOOKED = re.compile(r"Booked\.\n\*B(\d+)\*")
COUNTED = re.compile(r'^gpubot_decision_seconds_count\{by="(\w+)"\} ([\d.]+)$', re.MULTILINE)


@dataclass
class Crowd:
    """People in their Slack clients, and what they were told."""

    slack: Sandbox
    booked: dict[int, str] = field(default_factory=dict)
    cancelled: set[int] = field(default_factory=set)
    #: What was sent and never acknowledged, and what may be cancelled because of it.
    lost: list[str] = field(default_factory=list)
    unsure: set[int] = field(default_factory=set)
    answers: int = 0
    odd: list[str] = field(default_factory=list)
    over: bool = False
    #: How often each has begun anew.
    turns: Counter[int] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def live(self, number: int) -> None:
        """What one of them does until it is `over`."""
        user, channel = EVERYBODY[number], CLUSTER.teams[number].channel
        turn = 0
        try:
            while not self.over:
                turn += 1
                self.turns[number] = turn
                self._book(user, channel, f"reserve 1 in {24 + 2 * turn}h 2h", turn)
                self._types(user, channel, "mine")
                self._opens_home(user)
        except Exception as error:
            self.odd.append(repr(error))
            raise

    def until(self, more: int) -> None:
        """Wait for so many more answers."""
        wanted, deadline = self.answers + more, time.monotonic() + 60
        while self.answers < wanted:
            assert time.monotonic() < deadline, self
            assert not self.odd, self.odd
            time.sleep(0.02)

    def until_all_began_anew(self) -> None:
        """Wait until nothing is under way that had begun before."""
        before, deadline = dict(self.turns), time.monotonic() + 60
        while any(self.turns[number] == turn for number, turn in before.items()):
            assert time.monotonic() < deadline, self
            assert not self.odd, self.odd
            time.sleep(0.02)

    def _book(self, user: str, channel: str, text: str, turn: int) -> None:
        answer = self._types(user, channel, text)
        if answer is None:
            return
        if answer.text.startswith(tuple(NOT_DONE.values())):
            return
        found = BOOKED.search(answer.text)
        assert found is not None, answer.text
        booking = int(found[1])
        self.booked[booking] = user
        if turn % 2:
            self._cancels(user, booking, answer)

    def _cancels(self, user: str, booking: int, answer: Any) -> None:
        pressed = self.slack.click(user, answer, **button(answer, "Cancel"))
        self._note(pressed.ok, f"Cancel B{booking}: {pressed.error}")
        if not pressed.ok:
            self._closes(user)
            return
        sent = self.slack.submit(user, self.slack.open_view(user))
        self._note(sent.ok, f"the form for cancelling B{booking}: {sent.error}")
        # Where it says why it was not done, it stays open.
        is_done = sent.ok and self.slack.open_view(user) is None
        (self.cancelled if is_done else self.unsure).add(booking)
        self._closes(user)

    def _closes(self, user: str) -> None:
        """Close what a replica that died has left open."""
        if (view := self.slack.open_view(user)) is not None:
            self.slack.close_view(user, view, clear=True)

    def _types(self, user: str, channel: str, text: str) -> Any:
        """The one answer to a command; None where there was none."""
        result = self.slack.command(user, channel, f"/gpu {text}")
        self._note(result.ok, f"{text}: {result.error}")
        if not result.ok:
            return None
        (answer,) = result.messages
        return answer

    def _opens_home(self, user: str) -> None:
        self.slack.open_home(user)
        self._note(True, "")

    def _note(self, was_answered: bool, what: str) -> None:
        with self._lock:
            self.answers += was_answered
            if not was_answered:
                self.lost.append(what)


@dataclass(frozen=True, slots=True)
class Story:
    """What was left when it was over."""

    url: str
    slack: Sandbox
    crowd: Crowd
    #: What each replica answered before one died, by kind; and the one that came back, after it.
    answered: list[Counter[str]]
    back: Counter[str]
    #: What was lost before the one died, and after it was back.
    lost_otherwise: list[str]
    ended: list[int]
    rows: Rows
    taken: Counter[str]
    unsure: set[int]


def decisions(replica: Replica) -> Counter[str]:
    """How often a replica has answered, by its metrics."""
    with client(f"http://127.0.0.1:{replica.port}") as web:
        found = COUNTED.findall(web.get("/metrics").text)
    return Counter({kind: int(float(count)) for kind, count in found})


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("sockets")
    slack = slack_of(CLUSTER, EVERYBODY, ack_timeout=ACK_S)
    with database_of("PostgreSQL", folder) as url, slack:
        environment = {
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_APP_TOKEN": slack.app_token,
            "SLACK_API_URL": slack.api_url,
            "GPUBOT_DATABASE_URL": url,
        }
        with replicas(2, folder, CLUSTER, environment) as group:
            yield lived(url, slack, group)


def lived(url: str, slack: Sandbox, group: list[Replica]) -> Story:
    """Everybody uses the two, of which one is killed and comes back."""
    crowd, unsure = Crowd(slack), set()
    threads = [threading.Thread(target=crowd.live, args=(n,)) for n in range(len(EVERYBODY))]
    # Each comes to both: the second time to the other one.
    slack.faults.duplicate_deliveries(BETWEEN)
    for thread in threads:
        thread.start()
    try:
        crowd.until(3 * BETWEEN)
        answered = [decisions(replica) for replica in group]
        before = list(crowd.lost)
        group[0].kill()
        unsure |= claimed(url)
        crowd.until(2 * BETWEEN)
        group[0].start()
        group[0].wait_until_ready()
        # What went to the one that was dead is known to be lost only now.
        crowd.until_all_began_anew()
        known = len(crowd.lost)
        crowd.until(BETWEEN)
        back = decisions(group[0])
    finally:
        crowd.over = True
        for thread in threads:
            thread.join(60)
    ended = [replica.terminate() for replica in group]
    for replica in group:
        unsure |= postponed(replica.log)
    lost = before + crowd.lost[known:]
    return Story(
        url, slack, crowd, answered, back, lost, ended, read(url), posts(slack), unsure
    )  # fmt: skip


def test_everybody_is_answered_once_by_either(story: Story) -> None:
    assert story.crowd.odd == []
    assert story.lost_otherwise == []
    for kind in ("command", "action", "form"):
        assert all(one[kind] for one in story.answered), story.answered
    assert story.back["command"]


def test_of_the_one_that_died_only_what_was_under_way_is_lost(story: Story) -> None:
    assert len(story.crowd.lost) <= 2 * len(EVERYBODY)


def test_everybodys_home_was_shown_though_one_died(story: Story) -> None:
    assert all(story.slack.home(user) for user in EVERYBODY)


def test_what_was_acknowledged_stands_in_the_tables(story: Story) -> None:
    rows = {row["id"]: row for row in story.rows["booking"]}
    owners = {number: row["owner"] for number, row in rows.items()}
    assert story.crowd.booked.items() <= owners.items()
    assert story.crowd.cancelled
    for booking in story.crowd.booked:
        expected = {"cancelled"} if booking in story.crowd.cancelled else {"reserved"}
        perhaps = {"cancelled"} if booking in story.crowd.unsure else set()
        assert rows[booking]["state"] in expected | perhaps
    # Whoever was not answered may have booked.
    assert len(rows) - len(story.crowd.booked) <= len(story.crowd.lost)


def test_nothing_was_done_or_announced_twice(story: Story) -> None:
    check_capacity(story.rows)
    check_done_once(story.rows)
    check_audit(story.url, CLUSTER)
    check_sent_once(story.rows, story.taken, story.unsure)


def test_both_end_by_themselves_when_they_are_asked_to(story: Story) -> None:
    assert story.ended == [0, 0]
