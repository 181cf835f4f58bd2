"""The jobs of requests: held against the rules, and what goes on with another booking's work."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain import policy
from bot.domain.actor import Actor
from bot.domain.booking import Shape
from bot.domain.cluster import Cluster
from bot.domain.errors import N_, NotAllowed, UserId
from bot.domain.job import JobOrder
from bot.domain.job_templates import check_allowed, check_order
from bot.domain.notes import Note
from bot.services.change import Change
from bot.services.rows import load_booking


@dataclass(frozen=True, slots=True)
class Work:
    """What a new booking or wish runs."""

    job: JobOrder | None
    #: The first booking of the chain whose work it goes on with; None: it is new work.
    continues: int | None


def work_of(
    change: Change, actor: Actor, job: JobOrder | None, continues: int | None, shape: Shape
) -> Work:
    """The job asked for, if it may run; or that of the booking whose work it goes on with.

    `continues` is any booking of the chain; only who may change it may go on with it. A job that
    is not said anew, because it does not fit into a button or holds what nobody should see there,
    is taken from it. Raises NotAllowed, UnknownName or BadJob.
    """
    first = None
    if continues is not None:
        before = load_booking(change, continues)
        policy.check_may_change(change.cluster, actor, before)
        job, first = job or before.job, before.first
    if job is None:
        return Work(None, None)
    return Work(checked(change.cluster, job, shape), first)


def check_own(actor: Actor, owner: str, job: JobOrder) -> None:
    """Raise NotAllowed for a command that somebody else would run with the owner's rights."""
    if job.own is None or actor.name == owner:
        return
    raise NotAllowed(
        rule=Note(
            N_("A command of one's own runs with the rights of the booking's owner, {owner}."),
            {"owner": UserId(owner)},
        ),
        who=Note(N_("Only they can give it one; you can give it a template.")),
    )


def checked(cluster: Cluster, job: JobOrder, shape: Shape) -> JobOrder:
    """The order, if it may run and could on such GPUs. Buttons may be older than the rules."""
    check_allowed(cluster, job)
    return check_order(cluster, job, shape)
