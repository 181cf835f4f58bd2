"""What people queue: work shorter than a slot, which runs in gaps (design: "Queue runs").

How the words are read stands in `bot.domain.queue_words`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from bot.domain.booking import Priority, Shape
from bot.domain.cluster import Cluster
from bot.domain.commands import clean_command
from bot.domain.errors import BadLength, TooLongForQueue
from bot.domain.fitting import ROUNDED
from bot.domain.job import JobOrder
from bot.domain.job_templates import check_order
from bot.domain.job_words import own_order
from bot.domain.notes import Note
from bot.domain.retelling import retold
from bot.domain.run_rules import RunnerKind
from bot.domain.shape_rules import check_shape, known_team

QUEUE_EXAMPLE = "/gpu queue 1 45m python eval.py"

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class QueueRequest:
    """Short work for a gap: less than one slot."""

    shape: Shape
    #: Whole minutes, at least one.
    length: timedelta
    priority: Priority
    #: None: the asker's own team, when there is exactly one.
    team: str | None
    #: What will run, as typed; empty when the asker starts it by hand.
    command: str
    #: How the length was rounded, for the asker; no part of what is asked.
    notes: tuple[Note, ...] = field(default=(), compare=False)
    #: What runs in the gap; None: nothing by itself.
    job: JobOrder | None = None


def build_queue(
    *,
    gpus: int,
    length: timedelta,
    cluster: Cluster,
    node: str | None = None,
    model: str | None = None,
    priority: Priority = Priority.P2,
    team: str | None = None,
    command: str = "",
    job: JobOrder | None = None,
) -> QueueRequest:
    """Queued work with every bound and name checked; text, forms and the API come through here.

    The length is rounded up to whole minutes. Raises InputError.
    """
    with retold("/gpu queue", lambda _: QUEUE_EXAMPLE):
        shape = check_shape(cluster, gpus, node=node, model=model)
        known = known_team(cluster, team) if team else None
        if length <= timedelta():
            raise BadLength(word=length, example=QUEUE_EXAMPLE)
        command = clean_command(command)
        job = job or _own_job(cluster, command)
        job = None if job is None else check_order(cluster, job, shape)
    if length > cluster.policy.slot - _MINUTE:
        raise _too_long(gpus, length, cluster.policy.slot)
    whole = -(-length // _MINUTE) * _MINUTE
    notes = () if whole == length else (Note(ROUNDED, {"length": whole}),)
    return QueueRequest(shape, whole, priority, known, command, notes, job)


def _own_job(cluster: Cluster, command: str) -> JobOrder | None:
    """The command as a job, where people may run their own; else its owner starts it.

    On Kubernetes there would be no image to run it in.
    """
    runs = cluster.runs
    may_run = runs.is_on and runs.own_commands and runs.kind is not RunnerKind.KUBERNETES
    return own_order(command) if command and may_run else None


def _too_long(gpus: int, length: timedelta, slot: timedelta) -> TooLongForQueue:
    hours = ((length - timedelta.resolution) // slot + 1) * (slot // _HOUR)
    example = f"/gpu reserve {gpus} now {hours}h"
    return TooLongForQueue(length=length, slot=slot, example=example)
