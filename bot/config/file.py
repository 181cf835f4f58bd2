"""The configuration file: its keys, and how it becomes a Cluster.

See the design, section 3, "Config file". What is wrong with a file, and how that is said, stands
in `bot.config.problems`.

The models here are also the JSON schema that `gpubot config schema` prints, so every key's
`description` says what it may hold; messages about bad values quote it.
"""

from __future__ import annotations

from datetime import time, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema
from pydantic.json_schema import GenerateJsonSchema

from bot.config.directory import LdapTable
from bot.config.jobs import Folder, JobTable, ParameterName, Value, to_templates
from bot.config.logs import LogsTable
from bot.config.monitoring import MonitoringTable
from bot.config.runner import RunnerTable, to_run_rules
from bot.config.tables import Table
from bot.config.values import (
    DURATION,
    OFF,
    SLOTS,
    AnswerTime,
    AnswerTimeOrOff,
    ChannelId,
    ClockOrOff,
    Horizon,
    Longest,
    Repository,
    Slot,
    SpanOrOff,
    UpToADay,
    UpToAnHour,
    UserId,
    Word,
    ZoneName,
    bounded,
    show_clock,
    show_duration,
)
from bot.domain.booking import Priority, Shape
from bot.domain.cluster import Cluster, Node, NoShow, Notify, Policy, Quota, Team
from bot.domain.job import JobOrder
from bot.domain.pipelines import Trigger
from bot.domain.zones import zone_named


def _lengths_by_priority(value: object) -> object:
    """`"7d"` holds for every priority; a table is left to be read key by key."""
    if isinstance(value, dict | LongestTable):
        return value
    length = bounded(value, timedelta(minutes=1), timedelta(days=366))
    return LongestTable(p0=length, p1=length, p2=length)


class _Schema(GenerateJsonSchema):
    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, BaseModel):
            return {}
        if isinstance(dft, time):
            return show_clock(dft)
        return show_duration(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


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
            {"anyOf": [DURATION, LongestTable.model_json_schema(schema_generator=_Schema)]}
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
    idle_after: AnswerTimeOrOff = Field(
        default=timedelta(hours=2), description='a duration from "1m" to "1d", or "off"'
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
        json_schema_extra={"default": OFF},
    )
    public_calendar: bool = Field(default=False, description="true or false")
    host_paths: tuple[Folder, ...] = Field(
        default=(), strict=False, description='a list of folders such as "/mnt/data"'
    )
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
    ldap_leads_group: str | None = Field(
        default=None,
        min_length=3,
        description='a group\'s name such as "cn=vision-leads,ou=groups,dc=lab"',
    )


class RolesTable(Table):
    """The table `[roles]`."""

    admins: tuple[UserId, ...] = Field(
        default=(), strict=False, description='a list of Slack user ids such as "U0ADMIN"'
    )
    urgent: tuple[UserId, ...] = Field(
        default=(), strict=False, description='a list of Slack user ids such as "U0ALICE"'
    )


class GithubTable(Table):
    """The table `[[github]]`: GPUs to book when a workflow has succeeded."""

    repository: Repository = Field(description='a repository such as "lab/yolo"')
    workflow: str = Field(
        min_length=1, max_length=200, description='a workflow\'s name or file, such as "train.yml"'
    )
    branch: str | None = Field(
        default=None, min_length=1, max_length=255, description='a branch such as "main"'
    )
    team: Word = Field(description="the name of one of the teams")
    user: UserId = Field(description='a Slack user id such as "U0ALICE"')
    gpus: int = Field(ge=1, description="a whole number of GPUs that the nodes have")
    length: Longest = Field(description='a duration from "1m" to "366d"')
    node: Word | None = Field(default=None, description="the name of one of the nodes")
    model: Word | None = Field(default=None, description="one of the nodes' models")
    spread: bool = Field(default=False, description="true or false")
    priority: Literal["p0", "p1", "p2"] = Field(default="p2", description='"p0", "p1" or "p2"')
    preemptible: bool | None = Field(default=None, description="true or false")
    purpose: str = Field(default="", max_length=150, description="up to 150 characters")
    within: Longest = Field(default=timedelta(days=1), description='a duration such as "24h"')
    job: Word | None = Field(default=None, description="the name of one of the jobs")
    parameters: dict[ParameterName, Value] = Field(
        default={}, description='a table of the job\'s parameters such as { epochs = "100" }'
    )


class ClusterFile(Table):
    """The whole file."""

    cluster: ClusterTable = Field(description="a table")
    policy: PolicyTable = Field(default=PolicyTable(), description="a table")
    nodes: tuple[NodeTable, ...] = Field(
        strict=False, description="one [[nodes]] table for each server"
    )
    teams: tuple[TeamTable, ...] = Field(
        min_length=1, strict=False, description="one [[teams]] table for each team"
    )
    roles: RolesTable = Field(default=RolesTable(), description="a table")
    github: tuple[GithubTable, ...] = Field(
        default=(), strict=False, description="one [[github]] table for each workflow that books"
    )
    runner: RunnerTable = Field(default=RunnerTable(), description="a table")
    jobs: tuple[JobTable, ...] = Field(
        default=(), strict=False, description="one [[jobs]] table for each template"
    )
    monitoring: MonitoringTable | None = Field(default=None, description="a table")
    logs: LogsTable = Field(default=LogsTable(), description="a table")
    ldap: LdapTable | None = Field(default=None, description="a table")


def json_schema() -> dict[str, Any]:
    """The JSON schema of the file, for editors."""
    schema = ClusterFile.model_json_schema(schema_generator=_Schema)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def to_cluster(file: ClusterFile) -> Cluster:
    """The cluster that the file describes."""
    zone = zone_named(file.cluster.timezone)
    if zone is None:
        raise ValueError(f"time zone {file.cluster.timezone!r} has gone since it was checked")
    runs = to_run_rules(file.runner)
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
        github=tuple(_trigger(table) for table in file.github),
        jobs=to_templates(file.jobs) if runs.is_on else (),
        runs=runs,
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
        ldap_leads_group=team.ldap_leads_group,
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
        idle_after=policy.idle_after,
        extra_time=policy.extra_time,
        digest=policy.digest,
        quiet_hours=policy.quiet_hours,
        public_calendar=policy.public_calendar,
        host_paths=policy.host_paths,
        user_quota=Quota(**policy.user_quota.model_dump()),
        team_quota=Quota(**policy.team_quota.model_dump()),
    )


def _order(table: GithubTable) -> JobOrder | None:
    return None if table.job is None else JobOrder(table.job, tuple(table.parameters.items()))


def _trigger(table: GithubTable) -> Trigger:
    return Trigger(
        repository=table.repository,
        workflow=table.workflow,
        branch=table.branch,
        team=table.team,
        user=table.user,
        shape=Shape(table.gpus, table.node, table.model, table.spread),
        length=table.length,
        priority=Priority[table.priority.upper()],
        preemptible=table.preemptible,
        purpose=table.purpose,
        within=table.within,
        job=_order(table),
    )
