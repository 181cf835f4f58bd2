"""The configuration file: its keys, and how it becomes a Cluster.

See the design, section 3, "Config file". What is wrong with a file, and how that is said, stands
in `bot.config.problems`.

The models here are also the JSON schema that `gpubot config schema` prints, so every key's
`description` says what it may hold; messages about bad values quote it.
"""

from __future__ import annotations

import re
from datetime import time, timedelta
from functools import partial
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil import tz
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.json_schema import GenerateJsonSchema

from bot.domain.booking import Priority
from bot.domain.cluster import Cluster, Node, NoShow, Notify, Policy, Quota, Team
from bot.domain.window import SLOT_HOURS

_PART = re.compile(r"([0-9]+)([wdhm])")
_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes"}
_DURATION = {"type": "string", "pattern": "^([0-9]+[wdhm])+$", "examples": ["2h", "90d", "1d12h"]}
_CLOCK = r"([01]?[0-9]|2[0-3]):[0-5][0-9]"
#: What switches a rule off, where no time of day stands.
_OFF = "off"

SLOTS = ", ".join(f"{hours}h" for hours in SLOT_HOURS)


def parse_duration(text: object) -> timedelta:
    """A duration such as `2h`, `90d`, `30m` or `1d12h`; raises ValueError for anything else."""
    if isinstance(text, timedelta):
        return text
    if not isinstance(text, str) or not re.fullmatch(rf"({_PART.pattern})+", text):
        raise ValueError("not a duration")
    parts = _PART.findall(text)
    try:
        return sum((timedelta(**{_UNITS[u]: int(n)}) for n, u in parts), timedelta())
    except OverflowError:
        raise ValueError("not a duration") from None


def show_duration(length: timedelta) -> str:
    """`2h`, `90d`, `1d12h`: what `parse_duration` reads."""
    days, minutes = length.days, length.seconds // 60
    parts = ((days, "d"), (minutes // 60, "h"), (minutes % 60, "m"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0m"


def _bounded(value: object, lowest: timedelta, highest: timedelta) -> timedelta:
    length = parse_duration(value)
    if not lowest <= length <= highest:
        raise ValueError("out of bounds")
    return length


def _clock(value: object) -> time:
    """A time of day such as `09:00`; TOML's own `09:00:00` will do."""
    if isinstance(value, time):
        return value
    if not isinstance(value, str) or not re.fullmatch(_CLOCK, value):
        raise ValueError("not a time of day")
    hour, minute = value.split(":")
    return time(int(hour), int(minute))


def _clock_or_off(value: object) -> time | None:
    return None if value in (None, _OFF) else _clock(value)


def _span_or_off(value: object) -> tuple[time, time] | None:
    """From when to when, such as `22:00-07:00`, on the clock of a day and maybe the next."""
    if value in (None, _OFF):
        return None
    if not isinstance(value, str):
        raise ValueError("not a span of the day")
    start, _, end = (part.strip() for part in value.partition("-"))
    if _clock(start) == _clock(end):
        raise ValueError("a span of no length")
    return _clock(start), _clock(end)


def show_clock(clock: time) -> str:
    """`09:00`: what stands in the file for it."""
    return f"{clock:%H:%M}"


def _slot(value: object) -> timedelta:
    length = parse_duration(value)
    if length not in {timedelta(hours=hours) for hours in SLOT_HOURS}:
        raise ValueError("not a slot")
    return length


def _zone_name(value: object) -> str:
    if not isinstance(value, str) or not _is_iana(value) or tz.gettz(value) is None:
        raise ValueError("not a time zone")
    return value


def _is_iana(name: str) -> bool:
    """Whether the name stands in the time zone database (dateutil also reads POSIX rules)."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _lengths_by_priority(value: object) -> object:
    """`"7d"` holds for every priority; a table is left to be read key by key."""
    if isinstance(value, dict | LongestTable):
        return value
    length = _bounded(value, timedelta(minutes=1), timedelta(days=366))
    return LongestTable(p0=length, p1=length, p2=length)


def _span(lowest: timedelta, highest: timedelta) -> BeforeValidator:
    return BeforeValidator(partial(_bounded, lowest=lowest, highest=highest))


_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
_WRITTEN = WithJsonSchema(_DURATION)
Slot = Annotated[timedelta, BeforeValidator(_slot), _WRITTEN]
Horizon = Annotated[timedelta, _span(_DAY, 366 * _DAY), _WRITTEN]
Longest = Annotated[timedelta, _span(_MINUTE, 366 * _DAY), _WRITTEN]
UpToADay = Annotated[timedelta, _span(timedelta(), _DAY), _WRITTEN]
AnswerTime = Annotated[timedelta, _span(_MINUTE, _DAY), _WRITTEN]
UpToAnHour = Annotated[timedelta, _span(timedelta(), 60 * _MINUTE), _WRITTEN]
ClockOrOff = Annotated[
    time | None,
    BeforeValidator(_clock_or_off),
    WithJsonSchema({"type": "string", "pattern": f"^({_CLOCK}|{_OFF})$", "examples": ["09:00"]}),
]
SpanOrOff = Annotated[
    tuple[time, time] | None,
    BeforeValidator(_span_or_off),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": rf"^({_CLOCK}\s*-\s*{_CLOCK}|{_OFF})$",
            "examples": ["22:00-07:00"],
        }
    ),
]
ZoneName = Annotated[str, BeforeValidator(_zone_name)]
UserId = Annotated[str, Field(pattern=r"^[UW][A-Z0-9]{2,20}$")]
ChannelId = Annotated[str, Field(pattern=r"^[CG][A-Z0-9]{2,20}$")]
#: One word with a letter in it, so that it can be typed in a command without quotes.
Word = Annotated[str, Field(pattern=r"^[\w.+-]*[^\W\d_][\w.+-]*$", max_length=63)]


class _Schema(GenerateJsonSchema):
    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, BaseModel):
            return {}
        if isinstance(dft, time):
            return show_clock(dft)
        return show_duration(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


class Table(BaseModel):
    """A table of the file: every key is known, and nothing is converted silently."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ClusterTable(Table):
    """The table `[cluster]`."""

    name: str = Field(
        default="GPU cluster", min_length=1, max_length=80, description="1 to 80 characters"
    )
    timezone: ZoneName = Field(description='an IANA time zone such as "Asia/Shanghai" or "UTC"')
    language: str = Field(
        default="en",
        pattern=r"^[a-z]{2}([-_][A-Z]{2})?$",
        description='a language code such as "en" or "zh_CN"',
    )
    ops_channel: ChannelId | None = Field(
        default=None, description='a channel id such as "C0OPS" (not its name)'
    )


class LongestTable(Table):
    """`max_length` by priority."""

    p0: Longest = Field(default=timedelta(days=7), description='a duration from "1m" to "366d"')
    p1: Longest = Field(default=timedelta(days=7), description='a duration from "1m" to "366d"')
    p2: Longest = Field(default=timedelta(days=7), description='a duration from "1m" to "366d"')


class QuotaTable(Table):
    """`[policy.user_quota]` and `[policy.team_quota]`; what is left out has no bound."""

    gpu_hours_per_week: float | None = Field(default=None, gt=0, description="a number above 0")
    concurrent_gpus: int | None = Field(default=None, gt=0, description="a whole number above 0")
    open_bookings: int | None = Field(default=None, gt=0, description="a whole number above 0")


class PolicyTable(Table):
    """The table `[policy]`."""

    slot: Slot = Field(default=timedelta(hours=2), description=f"one of {SLOTS}")
    horizon: Horizon = Field(
        default=timedelta(days=90), description='a duration from "1d" to "366d"'
    )
    max_length: Annotated[
        LongestTable,
        BeforeValidator(_lengths_by_priority),
        WithJsonSchema(
            {"anyOf": [_DURATION, LongestTable.model_json_schema(schema_generator=_Schema)]}
        ),
    ] = Field(
        default=LongestTable(),
        description='a duration from "1m" to "366d", or a table such as { p0 = "2d", p2 = "7d" }',
    )
    warning: UpToADay = Field(default=timedelta(minutes=30), description='a duration up to "1d"')
    notify: Notify = Field(
        default=Notify.BOTH, strict=False, description='"both", "channel" or "direct"'
    )
    overrun: float = Field(default=0.10, ge=0, le=0.5, description="a number from 0 to 0.5")
    offer_expires: AnswerTime = Field(
        default=timedelta(minutes=15), description='a duration from "1m" to "1d"'
    )
    no_show: NoShow = Field(
        default=NoShow.ASK, strict=False, description='"ask", "release" or "off"'
    )
    no_show_after: AnswerTime = Field(
        default=timedelta(minutes=30), description='a duration from "1m" to "1d"'
    )
    extra_time: UpToAnHour = Field(
        default=timedelta(minutes=10), description='a duration up to "1h"; "0m" for none'
    )
    digest: ClockOrOff = Field(
        default=time(9), description='a time of day such as "09:00", or "off"'
    )
    quiet_hours: SpanOrOff = Field(
        default=None,
        description='"off", or two different times of day such as "22:00-07:00"',
        json_schema_extra={"default": _OFF},
    )
    public_calendar: bool = Field(default=False, description="true or false")
    user_quota: QuotaTable = Field(default=QuotaTable(), description="a table of quotas")
    team_quota: QuotaTable = Field(default=QuotaTable(), description="a table of quotas")


class NodeTable(Table):
    """The table `[[nodes]]`."""

    name: Word = Field(description="one word of letters, digits and . _ + - with a letter in it")
    gpus: int = Field(ge=1, le=64, description="a whole number from 1 to 64")
    model: Word = Field(description="one word of letters, digits and . _ + - with a letter in it")


class TeamTable(Table):
    """The table `[[teams]]`."""

    name: Word = Field(description="one word of letters, digits and . _ + - with a letter in it")
    channel: ChannelId = Field(description='a channel id such as "C0VISION" (not its name)')
    color: str = Field(
        default="#64748b", pattern="^#[0-9a-fA-F]{6}$", description='a colour such as "#2563eb"'
    )
    members: tuple[UserId, ...] = Field(
        default=(), strict=False, description='a list of Slack user ids such as "U0ALICE"'
    )
    leads: tuple[UserId, ...] = Field(
        default=(), strict=False, description='a list of Slack user ids such as "U0ALICE"'
    )
    usergroup: str | None = Field(
        default=None,
        pattern=r"^S[A-Z0-9]{2,20}$",
        description='a user group\'s id such as "S0VISION"',
    )
    ldap_group: str | None = Field(
        default=None,
        min_length=3,
        description='a group\'s name such as "cn=vision,ou=groups,dc=lab"',
    )


class RolesTable(Table):
    """The table `[roles]`."""

    admins: tuple[UserId, ...] = Field(
        default=(), strict=False, description='a list of Slack user ids such as "U0ADMIN"'
    )
    urgent: tuple[UserId, ...] = Field(
        default=(), strict=False, description='a list of Slack user ids such as "U0ALICE"'
    )


class ClusterFile(Table):
    """The whole file."""

    cluster: ClusterTable = Field(description="a table")
    policy: PolicyTable = Field(default=PolicyTable(), description="a table")
    nodes: tuple[NodeTable, ...] = Field(
        min_length=1, strict=False, description="one [[nodes]] table for each server"
    )
    teams: tuple[TeamTable, ...] = Field(
        min_length=1, strict=False, description="one [[teams]] table for each team"
    )
    roles: RolesTable = Field(default=RolesTable(), description="a table")


def json_schema() -> dict[str, Any]:
    """The JSON schema of the file, for editors."""
    schema = ClusterFile.model_json_schema(schema_generator=_Schema)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def to_cluster(file: ClusterFile) -> Cluster:
    """The cluster that the file describes."""
    zone = tz.gettz(file.cluster.timezone)
    if zone is None:
        raise ValueError(f"time zone {file.cluster.timezone!r} has gone since it was checked")
    return Cluster(
        name=file.cluster.name,
        zone=zone,
        zone_name=file.cluster.timezone,
        nodes=tuple(Node(node.name, node.gpus, node.model) for node in file.nodes),
        teams=tuple(_team(team) for team in file.teams),
        policy=_policy(file.policy),
        admins=frozenset(file.roles.admins),
        urgent=frozenset(file.roles.urgent),
        language=file.cluster.language,
        ops_channel=file.cluster.ops_channel,
    )


def _team(team: TeamTable) -> Team:
    return Team(
        name=team.name,
        channel=team.channel,
        color=team.color,
        members=frozenset(team.members),
        leads=frozenset(team.leads),
        usergroup=team.usergroup,
        ldap_group=team.ldap_group,
    )


def _policy(policy: PolicyTable) -> Policy:
    longest = policy.max_length
    return Policy(
        slot=policy.slot,
        horizon=policy.horizon,
        max_length={
            Priority.P0: longest.p0,
            Priority.P1: longest.p1,
            Priority.P2: longest.p2,
        },
        warning=policy.warning,
        notify=policy.notify,
        overrun=policy.overrun,
        offer_expires=policy.offer_expires,
        no_show=policy.no_show,
        no_show_after=policy.no_show_after,
        extra_time=policy.extra_time,
        digest=policy.digest,
        quiet_hours=policy.quiet_hours,
        public_calendar=policy.public_calendar,
        user_quota=Quota(**policy.user_quota.model_dump()),
        team_quota=Quota(**policy.team_quota.model_dump()),
    )
