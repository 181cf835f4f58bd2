"""Where the year happens: a cluster of 32 GPUs and the 200 people who share it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.domain.cluster import Cluster, Node, NoShow, Notify, Policy, Team

#: A zone whose clocks change twice in the year.
ZONE = "Europe/Berlin"
START, END = datetime(2026, 1, 1, 5, tzinfo=UTC), datetime(2027, 1, 1, 5, tzinfo=UTC)

NODES = tuple(Node(f"gpu-{n:02}", 4, "V100" if n <= 4 else "A100") for n in range(1, 9))
MODELS = ("V100", "A100")
TEAM_COUNT, TEAM_SIZE = 8, 25
ADMIN = "U0ADMIN"

#: What operators may set, by turns; one year has the rules as they are by default.
RULES: tuple[Mapping[str, object], ...] = (
    {"notify": Notify.DIRECT, "no_show": NoShow.RELEASE, "overrun": 0.5},
    {},
    {
        "notify": Notify.CHANNEL,
        "no_show": NoShow.OFF,
        "extra_time": timedelta(0),
        "warning": timedelta(hours=1),
        "quiet_hours": (time(22), time(8)),
    },
)


def person(number: int) -> str:
    """The Slack id of one of the 200."""
    return f"U{number:04}"


def _team(number: int) -> Team:
    first = number * TEAM_SIZE
    members = [person(first + n) for n in range(TEAM_SIZE)]
    return Team(
        f"team-{number}",
        f"C0TEAM{number}",
        members=frozenset(members[1:]),
        leads=frozenset(members[:1]),
    )


TEAMS = tuple(_team(number) for number in range(TEAM_COUNT))
PEOPLE = tuple(person(n) for n in range(TEAM_COUNT * TEAM_SIZE))
#: Leads may book urgent work.
LEADS = tuple(person(n * TEAM_SIZE) for n in range(TEAM_COUNT))


def town(**policy: object) -> Cluster:
    """The cluster with the rules as they are by default, or with those of `policy`."""
    return Cluster(
        name="Town",
        zone=ZoneInfo(ZONE),
        zone_name=ZONE,
        nodes=NODES,
        teams=TEAMS,
        policy=replace(Policy(), **policy),
        admins=frozenset({ADMIN}),
        urgent=frozenset(LEADS),
        ops_channel="C0OPS",
    )
