"""What several replicas have left when it is over, and what has to hold of it."""

from __future__ import annotations

import json
import re
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from patience import PATIENCE_S
from psycopg.rows import dict_row

from benchmarks.presses import Told
from bot.domain.cluster import Cluster
from bot.sandbox import Sandbox, SandboxChannel, SandboxUser
from bot.services.audit import verify
from bot.services.delivery import LIVING_TOPICS
from bot.services.site import Site
from bot.store.database import Database

MANIFEST = Path(__file__).parents[2] / "manifest.yml"

_POSTPONED = re.compile(r"outbox \((\d+),.* waits ")
_CLAIMED = "SELECT id FROM outbox WHERE state = 'pending' AND retry_at > now()"

Rows = dict[str, list[dict[str, Any]]]


def slack_of(cluster: Cluster, everybody: list[str], ack_timeout: float = PATIENCE_S) -> Sandbox:
    """A workspace with those people, and the channels of their teams."""
    users = [SandboxUser(user, user.lower(), user.title()) for user in everybody]
    channels = [
        SandboxChannel(team.channel, team.name, members=sorted(team.members | team.leads))
        for team in cluster.teams
    ]
    return Sandbox(manifest=MANIFEST, users=users, channels=channels, ack_timeout=ack_timeout)


def read(url: str) -> Rows:
    """The tables as they are, by a driver that knows nothing of gpubot."""
    tables = ("claim", "booking", "node", "audit", "receipt", "outbox", "posted", "waitlistentry")
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables}


def claimed(url: str) -> set[int]:
    """Rows of the outbox that are claimed now, and not settled."""
    with psycopg.connect(url) as connection:
        return {number for (number,) in connection.execute(_CLAIMED)}


def postponed(log: Path) -> set[int]:
    """Rows of the outbox that a replica postponed, by its log."""
    return {int(number) for number in _POSTPONED.findall(log.read_text())}


def told_in(slack: Sandbox) -> Told:
    """What somebody was told in messages that only they see."""

    def told(user: str) -> list[str]:
        calls = slack.calls("chat.postEphemeral")
        return [call.arguments["text"] for call in calls if call.arguments["user"] == user]

    return told


def posts(slack: Sandbox) -> Counter[str]:
    """How many messages Slack has taken, by whom they are for."""
    taken = (call for call in slack.calls("chat.postMessage") if call.result["ok"])
    return Counter(call.arguments["channel"] for call in taken)


def check_capacity(rows: Rows) -> None:
    """No GPU is promised twice."""
    sizes = {row["name"]: row["gpus"] for row in rows["node"]}
    claims = [row for row in rows["claim"] if row["gone"] is None]
    assert claims
    for claim in claims:
        at = claim["start_s"]
        beside = (
            other["gpus"]
            for other in claims
            if other["node"] == claim["node"] and other["start_s"] <= at < other["end_s"]
        )
        assert sum(beside) <= sizes[claim["node"]]


def check_done_once(rows: Rows) -> None:
    """No request was carried out twice."""
    booked = [row["booking"] for row in rows["audit"] if row["action"] == "reserved"]
    receipts = (row for row in rows["receipt"] if row["key"].split(":")[1] == "reserve")
    given = [number for row in receipts for number in json.loads(row["result"])]
    assert sorted(booked) == sorted(given)
    assert len(set(booked)) == len(booked)
    cancelled = Counter(row["booking"] for row in rows["audit"] if row["action"] == "cancelled")
    assert set(cancelled.values()) <= {1}


def check_audit(url: str, cluster: Cluster) -> None:
    """The audit log is whole."""
    with closing(Database(url)) as database:
        verdict = verify(Site.open(database, cluster))
    assert verdict.ok, verdict.why


def check_sent_once(rows: Rows, taken: Counter[str], unsure: set[int]) -> None:
    """No announcement was sent twice, but what was `unsure` when its sender died."""
    expected = Counter(row["recipient"] for row in rows["posted"])
    perhaps_more: Counter[str] = Counter()
    for row in rows["outbox"]:
        is_sent = row["state"] == "sent"
        if row["id"] in unsure:
            perhaps_more[row["recipient"]] += row["attempts"] - is_sent
        else:
            assert row["attempts"] <= is_sent, row
        expected[row["recipient"]] += is_sent and row["topic"] not in LIVING_TOPICS
    assert taken
    for recipient in expected | taken:
        more = taken[recipient] - expected[recipient]
        assert 0 <= more <= perhaps_more[recipient], recipient
