"""Three `gpubot serve` on one PostgreSQL, 300 people, and everything going wrong once.

Which announcements may stand in Slack twice: a row is sent by whoever has claimed it, and claimed
again only when it was postponed, or when its claim has lapsed because nobody settled it. So right
after each death the test notes the rows that are claimed and not settled. One of them may have
been sent by the process that died; all others, a row that was postponed apart, are sent once.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from postgres import postgres_server
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
    told_in,
)

from benchmarks.balancer import Balancer
from benchmarks.crowd import Crowd, Held
from benchmarks.laboratory import lab, people
from benchmarks.postgres_server import PostgresServer
from benchmarks.replica_group import replicas
from benchmarks.trouble import Trouble

pytestmark = [pytest.mark.postgresql, pytest.mark.timeout(300)]

CLUSTER = lab(40)
EVERYBODY = [user for team in range(len(CLUSTER.teams)) for user in people(team)]
#: How many requests are under way at once, and how many answers lie between two troubles.
AT_ONCE, BETWEEN = 16, 60


@dataclass(frozen=True, slots=True)
class Story:
    """What was left when it was over."""

    url: str
    crowd: Crowd
    #: Exit codes of all that was ended by SIGTERM.
    ended: list[int]
    rows: Rows
    #: How many messages Slack has taken, by whom they are for.
    posts: Counter[str]
    #: Rows of the outbox that were claimed when something died, and that were postponed.
    unsure: set[int]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server(durable=True) as running:
        running.execute("CREATE DATABASE gpubot")
        yield running


@pytest.fixture(scope="module")
def story(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder, url = tmp_path_factory.mktemp("replicas"), server.url("gpubot")
    unsure: set[int] = set()

    def look() -> None:
        unsure.update(claimed(url))

    with slack_of(CLUSTER, EVERYBODY) as slack:
        environment = {
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_SIGNING_SECRET": slack.signing_secret,
            "SLACK_API_URL": slack.api_url,
            "GPUBOT_DATABASE_URL": url,
        }
        with replicas(3, folder, CLUSTER, environment) as group:
            balancer = Balancer([one.port for one in group], slack.signing_secret, AT_ONCE)
            crowd = Crowd(
                balancer, EVERYBODY, datetime.now(UTC), thinks_s=4, days=3, told=told_in(slack)
            )
            trouble = Trouble(group, server, crowd, BETWEEN, look)
            asyncio.run(trouble.happen(seed=1))
            ended = [*trouble.ended, *(replica.terminate() for replica in group)]
            for replica in group:
                unsure.update(postponed(replica.log))
        return Story(url, crowd, ended, read(url), posts(slack), unsure)


def test_everybody_is_answered_in_words(story: Story) -> None:
    assert story.crowd.troubles == []
    assert {"booked", "extended", "cancelled", "refused", "looked"} <= set(story.crowd.outcomes)
    assert {"pressed book", "pressed join_waitlist"} <= set(story.crowd.outcomes)
    # Some were being answered by those who died, and were answered by others.
    assert any(tries > 1 for _, _, tries in story.crowd.answers)


def test_no_gpu_is_promised_twice(story: Story) -> None:
    check_capacity(story.rows)


def test_what_was_acknowledged_stands_in_the_tables(story: Story) -> None:
    bookings = {row["id"]: row for row in story.rows["booking"]}
    assert story.crowd.held
    for number, held in story.crowd.held.items():
        check_held(held, bookings[number])
    waiting = {row["id"]: row["owner"] for row in story.rows["waitlistentry"]}
    assert story.crowd.waits.items() <= waiting.items()


def check_held(held: Held, row: dict[str, Any]) -> None:
    ((node, gpus),) = json.loads(row["shares"])
    assert (row["owner"], gpus) == (held.owner, held.gpus)
    assert node == held.node or held.perhaps_until
    assert int(row["start_at"].timestamp()) == held.start
    assert int(row["end_at"].timestamp()) in {held.end, *held.perhaps_until}
    states = {"cancelled"} if held.cancelled else {"reserved"}
    assert row["state"] in (states | {"cancelled"} if held.perhaps_cancelled else states)


def test_no_request_was_carried_out_twice(story: Story) -> None:
    check_done_once(story.rows)


def test_the_audit_log_is_whole(story: Story) -> None:
    check_audit(story.url, CLUSTER)


def test_no_announcement_was_sent_twice_but_by_those_who_died(story: Story) -> None:
    check_sent_once(story.rows, story.posts, story.unsure)


def test_those_who_were_asked_to_end_did_so_by_themselves(story: Story) -> None:
    assert story.ended == [0, 0, 0, 0]
