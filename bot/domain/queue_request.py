"""What people queue: work shorter than a slot, which runs in gaps (design: "Queue runs").

How the words are read stands in `bot.domain.queue_words`.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from datetime import timedelta

from bot.domain.booking import Priority, Shape
from bot.domain.cluster import Cluster
from bot.domain.errors import BadLength, TextTooLong, TooLongForQueue
from bot.domain.fitting import ROUNDED
from bot.domain.job import JobOrder
from bot.domain.job_templates import check_order
from bot.domain.notes import Note
from bot.domain.retelling import retold
from bot.domain.shape_rules import check_shape, known_team
from bot.domain.words import LONGEST_TEXT, clean_text

QUEUE_EXAMPLE = "/gpu queue 1 45m python eval.py"

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
#: What Slack's tokens begin with, and words; the spaces between them stay as typed.
_CHUNK = re.compile(r"<[@#!hmt][^<>]*>|[^\s<]+|<")


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
        job = None if job is None else check_order(cluster, job, shape)
    if length > cluster.policy.slot - _MINUTE:
        raise _too_long(gpus, length, cluster.policy.slot)
    whole = -(-length // _MINUTE) * _MINUTE
    notes = () if whole == length else (Note(ROUNDED, {"length": whole}),)
    return QueueRequest(shape, whole, priority, known, clean_command(command), notes, job)


def _too_long(gpus: int, length: timedelta, slot: timedelta) -> TooLongForQueue:
    hours = ((length - timedelta.resolution) // slot + 1) * (slot // _HOUR)
    example = f"/gpu reserve {gpus} now {hours}h"
    return TooLongForQueue(length=length, slot=slot, example=example)


def clean_command(typed: str) -> str:
    """The command as it was typed, spaces and line breaks included, with nothing around it.

    Slack's tokens become what was typed for them, as in `clean_text`; control characters and
    what no database stores are left out. Raises TextTooLong.
    """
    command = _CHUNK.sub(lambda chunk: clean_text(chunk[0], "command", sys.maxsize), typed).strip()
    if len(command) > LONGEST_TEXT:
        raise TextTooLong(
            what="command", found=len(command), longest=LONGEST_TEXT, form_field="command"
        )
    return command
