"""The tables, as SQLModel classes: rows that do nothing.

Instants are aware UTC datetimes, except in `Claim`, which the calendar reads by the hundred
thousand: there they are whole epoch seconds. Lists and objects are JSON text.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, Text, false, text
from sqlmodel import Field, SQLModel


class Node(SQLModel, table=True):
    """A server; rows follow the configuration at each start."""

    name: str = Field(primary_key=True)
    gpus: int
    model: str
    #: Place in the configuration, which is the order people know the nodes in.
    position: int
    #: Raised by every transaction that changes a claim of this node; tells a cache what it missed.
    revision: int = 0
    #: No longer in the configuration; kept for the history.
    retired: bool = False

    __table_args__ = (CheckConstraint("gpus > 0", name="node_has_gpus"),)


class Person(SQLModel, table=True):
    """What gpubot remembers of somebody's Slack profile."""

    user: str = Field(primary_key=True)
    name: str
    zone_name: str
    locale: str
    email: str | None = None
    refreshed_at: datetime
    #: When they last opened the App Home; None: never.
    home_opened_at: datetime | None = None
    #: Their App Home shows something that has changed since.
    home_stale: bool = False


class Booking(SQLModel, table=True):
    """A promise of GPUs; what it holds, and where, stands in its claims."""

    id: int | None = Field(default=None, primary_key=True)
    owner: str
    team: str
    start_at: datetime
    end_at: datetime
    #: GPUs held (or last held) over all nodes.
    gpus: int
    #: What was asked for: narrows a later move.
    asked_node: str | None = None
    asked_model: str | None = None
    spread: bool = False
    #: [["gpu-01", 4], …] in node order.
    shares: str = Field(sa_type=Text)
    priority: int
    preemptible: bool
    purpose: str = Field(default="", sa_type=Text)
    state: str
    created_at: datetime
    created_by: str
    revision: int = 1
    #: [["gpu-01", [0, 1]], …], settled when it becomes active; null before.
    gpu_ids: str | None = Field(default=None, sa_type=Text)
    #: Short work in a gap.
    queued: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    #: The promised end, where end_at lies after it.
    overrun_from: datetime | None = None
    #: The last sign that somebody uses it.
    used_at: datetime | None = None
    #: When its owner was asked whether they still need it; null: not asked, or answered.
    asked_at: datetime | None = None
    #: How often they were asked.
    asked: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    #: The start and the end of which its owner was reminded.
    reminded_start: datetime | None = None
    reminded_end: datetime | None = None
    #: What runs on it; see bot.domain.job_json. It may hold secrets, so it is shown nowhere whole.
    job: str | None = Field(default=None, sa_type=Text)
    #: The booking whose work it goes on with.
    continues: int | None = None

    __table_args__ = (
        CheckConstraint("end_at > start_at", name="booking_window"),
        CheckConstraint("gpus > 0", name="booking_has_gpus"),
        # Somebody's own: found, counted and put in order without a look at the rows.
        Index("booking_owner", "owner", "state", "end_at", "start_at"),
        Index("booking_team", "team", "end_at"),
        # What is due to begin or end.
        Index("booking_state_start", "state", "start_at"),
        Index("booking_state_end", "state", "end_at"),
        # Those that run and are about to be asked, or were asked, whether they are needed. The
        # statements must say `'active'` as it stands here: planners do not look into parameters.
        # `state` leads SQLite's planner past the indexes above.
        Index(
            "booking_silent",
            "state",
            "used_at",
            "start_at",
            sqlite_where=text("state = 'active' AND asked_at IS NULL"),
            postgresql_where=text("state = 'active' AND asked_at IS NULL"),
        ),
        Index(
            "booking_asked",
            "state",
            "asked_at",
            sqlite_where=text("state = 'active' AND asked_at IS NOT NULL"),
            postgresql_where=text("state = 'active' AND asked_at IS NOT NULL"),
        ),
    )


class Claim(SQLModel, table=True):
    """Capacity taken on one node: by a booking, a drain, an offer, or a preemption.

    Rows are only ever added and given up, never edited: a change of a booking gives up its old
    rows and adds new ones. `born` and `gone` are the node's revisions in which that happened, so a
    cache that knows the node at revision r catches up by reading what was born or gone after r.
    """

    id: int | None = Field(default=None, primary_key=True)
    node: str
    #: Epoch seconds, half-open.
    start_s: int = Field(sa_type=BigInteger)
    end_s: int = Field(sa_type=BigInteger)
    gpus: int
    #: "booking", "drain", "offer", or "hold": what a preemptee gets back if the preemptor gives up
    kind: str
    #: The id of the booking, drain, offer or preemption.
    holder: int
    born: int
    #: None: it still counts.
    gone: int | None = None

    __table_args__ = (
        CheckConstraint("end_s > start_s", name="claim_window"),
        CheckConstraint("gpus > 0", name="claim_has_gpus"),
        Index("claim_born", "node", "born"),
        Index("claim_gone", "node", "gone"),
        Index("claim_holder", "kind", "holder"),
        Index(
            "claim_counting",
            "node",
            "end_s",
            "start_s",
            # With it the calendar is loaded from the index alone.
            "gpus",
            sqlite_where=text("gone IS NULL"),
            postgresql_where=text("gone IS NULL"),
        ),
    )


class Drain(SQLModel, table=True):
    """A node taken out of service; its claim holds all of the node's GPUs."""

    id: int | None = Field(default=None, primary_key=True)
    node: str
    start_at: datetime
    #: None: until resumed.
    end_at: datetime | None = None
    reason: str = Field(sa_type=Text)
    actor: str
    #: "draining" or "resumed"
    state: str = Field(index=True)


class Transfer(SQLModel, table=True):
    """An offer to hand a booking to somebody else."""

    id: int | None = Field(default=None, primary_key=True)
    booking: int = Field(index=True)
    giver: str
    receiver: str
    reason: str = Field(default="", sa_type=Text)
    created_at: datetime
    expires_at: datetime
    #: "open", "accepted", "declined", "withdrawn" or "expired"
    state: str = "open"

    __table_args__ = (Index("transfer_due", "state", "expires_at"),)


class Preemption(SQLModel, table=True):
    """A booking that gives way to urgent work."""

    id: int | None = Field(default=None, primary_key=True)
    preemptor: int = Field(index=True)
    preemptee: int = Field(index=True)
    reason: str = Field(sa_type=Text)
    created_at: datetime
    asked_start: datetime
    reclaim_at: datetime
    #: What the preemptee had.
    old_start: datetime
    old_end: datetime
    old_shares: str = Field(sa_type=Text)
    #: Where a booking that had not started went.
    new_start: datetime | None = None
    new_end: datetime | None = None
    nudged: bool = False
    extended: bool = False
    kept: bool = False
    again: int | None = None
    #: See bot.domain.preemption_notice.PreemptionState.
    state: str

    __table_args__ = (Index("preemption_due", "state", "reclaim_at"),)


class WaitlistEntry(SQLModel, table=True):
    """A wish for GPUs between two instants, or for a gap."""

    id: int | None = Field(default=None, primary_key=True)
    owner: str
    team: str
    #: "window" or "queue"
    kind: str
    gpus: int
    asked_node: str | None = None
    asked_model: str | None = None
    spread: bool = False
    length_s: int
    earliest_at: datetime
    latest_at: datetime
    #: latest_at less the length.
    last_start_at: datetime
    #: Nothing that starts earlier is offered.
    not_before: datetime
    priority: int
    preemptible: bool
    purpose: str = Field(default="", sa_type=Text)
    #: See bot.domain.waitlist.EntryState.
    state: str
    created_at: datetime
    unanswered: int = 0
    booking: int | None = None
    #: What runs on the booking that comes of it, and whose work that goes on with.
    job: str | None = Field(default=None, sa_type=Text)
    continues: int | None = None

    __table_args__ = (
        CheckConstraint("gpus > 0", name="entry_wants_gpus"),
        Index("entry_order", "state", "priority", "created_at"),
        Index("entry_owner", "owner", "state"),
    )


class Offer(SQLModel, table=True):
    """GPUs held for a waitlist entry until it is answered."""

    id: int | None = Field(default=None, primary_key=True)
    entry: int = Field(index=True)
    owner: str
    team: str
    start_at: datetime
    end_at: datetime
    shares: str = Field(sa_type=Text)
    created_at: datetime
    expires_at: datetime
    #: See bot.domain.waitlist.OfferState.
    state: str
    booking: int | None = None
    answered_by: str | None = None

    __table_args__ = (Index("offer_due", "state", "expires_at"),)


class Memory(SQLModel, table=True):
    """Small facts that outlive a restart, by name."""

    name: str = Field(primary_key=True)
    value: str


class Audit(SQLModel, table=True):
    """One record a change; each carries a hash over itself and the record before."""

    seq: int = Field(primary_key=True)
    at: datetime
    actor: str
    action: str
    booking: int | None = Field(default=None, index=True)
    node: str | None = None
    reason: str = Field(default="", sa_type=Text)
    #: JSON of what it was and what it became; null where there is none.
    before: str | None = Field(default=None, sa_type=Text)
    after: str | None = Field(default=None, sa_type=Text)
    previous_hash: str
    hash: str

    __table_args__ = (Index("audit_at", "at"),)


class Outbox(SQLModel, table=True):
    """A message that is to reach Slack, written with the change it tells of."""

    id: int | None = Field(default=None, primary_key=True)
    #: Two rows can never say the same thing twice.
    dedupe_key: str = Field(unique=True)
    #: How it is rendered; see bot.slack.announcements.TOPICS.
    topic: str
    #: A channel or user id; messages to one recipient leave in order of id.
    recipient: str
    #: What it is about: "booking:142", "transfer:7", "drain:3".
    subject: str
    #: JSON with what the renderer needs beside the subject, such as the audit record's number.
    data: str = Field(default="{}", sa_type=Text)
    created_at: datetime
    #: "pending", "sent", "skipped" (no longer true when its turn came) or "failed" (Slack refused)
    state: str = "pending"
    attempts: int = 0
    #: Real (not simulated) time before which it is not tried again; None: at once.
    retry_at: datetime | None = None
    #: Instant by the bot's clock before which it is not sent, such as the end of quiet hours.
    held_until: datetime | None = None
    #: When it was sent, or refused for good, by the bot's clock.
    settled_at: datetime | None = None
    error: str | None = Field(default=None, sa_type=Text)

    __table_args__ = (
        Index("outbox_pending", "state", "recipient", "id"),
        Index("outbox_subject", "subject", "topic"),
    )


class Called(SQLModel, table=True):
    """When Slack was last called about a recipient, by whichever process: it bounds how often."""

    recipient: str = Field(primary_key=True)
    #: Real time.
    at: datetime


class Posted(SQLModel, table=True):
    """Where a living message stands, so that it can be edited instead of posted again."""

    subject: str = Field(primary_key=True)
    recipient: str = Field(primary_key=True)
    channel: str
    ts: str
    #: Hash of what it showed last; an edit that would change nothing is not sent.
    digest: str


class Receipt(SQLModel, table=True):
    """What became of a request, so that its second arrival gets the same answer."""

    key: str = Field(primary_key=True)
    at: datetime = Field(index=True)
    #: JSON: what the service returned, by id.
    result: str = Field(sa_type=Text)


class Token(SQLModel, table=True):
    """A secret by which a program, or a calendar that subscribes, acts for somebody.

    Only the secret's hash is kept.
    """

    id: int | None = Field(default=None, primary_key=True)
    #: See bot.domain.access.TokenKind.
    kind: str
    #: What its owner calls it.
    name: str
    #: On whose behalf it acts.
    user: str
    #: The team it is bound to; null: whatever its owner may.
    team: str | None = None
    #: Names of bot.domain.access.Scope with spaces between.
    scopes: str
    #: What a feed shows: "person:U0ALICE", "team:vision", "node:gpu-01"; null for other kinds.
    target: str | None = None
    #: SHA-256 of the secret, in hexadecimal.
    hash: str = Field(unique=True)
    created_at: datetime
    #: Null: it does not expire.
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    #: When it was last used, to the hour.
    used_at: datetime | None = None

    __table_args__ = (Index("token_user", "user"),)


class Refusal(SQLModel, table=True):
    """A request that could not be granted because the GPUs were taken: demand nobody else sees."""

    id: int | None = Field(default=None, primary_key=True)
    at: datetime
    user: str
    team: str
    gpus: int
    #: The model asked for, by name or by its node; null: any.
    model: str | None = None
    node: str | None = None
    start_at: datetime
    end_at: datetime
    priority: int

    __table_args__ = (Index("refusal_at", "at"),)


class GpuAlert(SQLModel, table=True):
    """Something about GPUs that people are told of, from its beginning to its end."""

    id: int | None = Field(default=None, primary_key=True)
    #: What it is about, the same whoever noticed it: "gpu-01/3/temperature", "silent:gpu-02",
    #: "unbooked:gpu-01:U0BOB", "outage", "alertmanager:1bee20105924c1a2".
    key: str
    #: See bot.domain.gpu_health.Kind.
    kind: str
    severity: str
    node: str | None = None
    #: Indices on the node: [3].
    gpus: str = Field(default="[]", sa_type=Text)
    #: Of the reading that began it, or made it worse.
    value: float | None = None
    #: Whose booking has the GPU now; null: nobody's.
    booking: int | None = None
    #: Who works there without a booking, if known.
    user: str | None = None
    #: JSON of what else is told: Alertmanager's name, summary and labels; why there are no readings
    details: str = Field(default="{}", sa_type=Text)
    #: "pending" (not told yet), "open" or "resolved"
    state: str
    began_at: datetime
    #: When it was last seen to be so, while it is pending.
    seen_at: datetime
    resolved_at: datetime | None = None
    #: Who says that it is so: our queries, and Alertmanager; it is open while either does.
    queried: bool
    notified: bool
    #: When Alertmanager says that it began, and when it last said so.
    notified_start: datetime | None = None
    notified_at: datetime | None = None
    #: It is over, but the GPU goes on showing it, as with the number of the last XID error.
    lingers: bool = False
    #: Tells the versions of its message apart.
    revision: int = 1

    __table_args__ = (
        Index(
            "gpualert_going",
            "key",
            unique=True,
            sqlite_where=text("state != 'resolved'"),
            postgresql_where=text("state != 'resolved'"),
        ),
        Index("gpualert_key", "key", "id"),
        Index("gpualert_state", "state", "kind"),
    )


class GpuWatch(SQLModel, table=True):
    """How the GPUs of an active booking were seen last."""

    booking: int = Field(primary_key=True)
    #: When any of them last had a reading.
    at: datetime
    #: Since when all of them have been idle without a gap in the readings; null: they are not.
    idle_since: datetime | None = None


class GpuUse(SQLModel, table=True):
    """How much a booking's GPUs worked within an hour, as far as that was measured."""

    booking: int = Field(primary_key=True)
    #: When the hour begins.
    hour_at: datetime = Field(primary_key=True)
    #: GPU-seconds with a reading, and those of them with work.
    watched_s: int
    busy_s: int

    __table_args__ = (Index("gpuuse_hour", "hour_at"),)


class DirectorySource(SQLModel, table=True):
    """A directory that people's teams are read from, and how reading it went."""

    __tablename__ = "directory_source"

    #: See bot.domain.membership.Source.
    source: str = Field(primary_key=True)
    #: JSON list of the groups that were read last.
    read_groups: str = Field(default="[]", sa_type=Text)
    #: When they were read whole last; null: never.
    read_at: datetime | None = None
    #: What keeps it from being read; null: nothing.
    problem: str | None = Field(default=None, sa_type=Text)
    #: Since when; the last time, where there is no problem now.
    problem_since: datetime | None = None
    #: How often it could not be read, each outage counted once.
    outages: int = 0


class DirectoryMember(SQLModel, table=True):
    """Somebody in a group, by one of their addresses."""

    __tablename__ = "directory_member"

    source: str = Field(primary_key=True)
    group_name: str = Field(primary_key=True)
    #: A distinguished name, or a Slack user id.
    member: str = Field(primary_key=True)
    #: An e-mail address in lower case; empty where `member` is a Slack user id.
    address: str = Field(primary_key=True)
    name: str


class DirectoryAddress(SQLModel, table=True):
    """Whose an e-mail address is in Slack."""

    __tablename__ = "directory_address"

    #: In lower case.
    address: str = Field(primary_key=True)
    #: Null: nobody's, as far as is known.
    user: str | None = None
    asked_at: datetime


class Run(SQLModel, table=True):
    """What was started, or is to be started, for a booking."""

    id: int | None = Field(default=None, primary_key=True)
    #: Names everything that the runner makes for it; see bot.domain.run.run_key.
    key: str = Field(unique=True)
    booking: int = Field(index=True)
    number: int
    #: See bot.domain.run.RunState.
    state: str
    created_at: datetime
    note: str = Field(default="", sa_type=Text)
    is_trouble: bool = False
    exit_code: int | None = None
    submitted_at: datetime | None = None
    #: What it runs, as JSON; see Booking.job. The booking may have another job by now.
    job: str | None = Field(default=None, sa_type=Text)
    started_at: datetime | None = None
    ended_at: datetime | None = None
    stop_asked_at: datetime | None = None
    warned_for: datetime | None = None
    warned_at: datetime | None = None
    checkpoint: str | None = Field(default=None, sa_type=Text)
    checkpoint_at: datetime | None = None
    saved_at: datetime | None = None
    answered_at: datetime | None = None
    missing_since: datetime | None = None
    log: str = Field(default="", sa_type=Text)
    #: Null: the reconciler still has something to do about it.
    settled_at: datetime | None = None

    __table_args__ = (Index("run_open", "settled_at"),)


class TickClaim(SQLModel, table=True):
    """Which process does a tick that need be done by one; see bot.services.tick_claims."""

    __tablename__ = "tick_claim"

    name: str = Field(primary_key=True)
    #: A process, by a name that it made up at its start.
    holder: str
    #: Real time until which no other process may take it.
    until: datetime
