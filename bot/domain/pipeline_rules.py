"""Whether what a pipeline is set up to book could be booked at all."""

from __future__ import annotations

from bot.domain import policy
from bot.domain.cluster import Cluster
from bot.domain.errors import TooLong, TooShort
from bot.domain.job_templates import check_order
from bot.domain.pipelines import Trigger
from bot.domain.shape_rules import check_shape


def check_trigger(cluster: Cluster, trigger: Trigger) -> None:
    """Raise the BookingError that every booking for `trigger` would meet, if there is one."""
    policy.team_for(cluster, trigger.user, trigger.team)
    policy.check_priority(cluster, trigger.user, trigger.priority)
    shape = trigger.shape
    check_shape(cluster, shape.gpus, node=shape.node, model=shape.model, spread=shape.spread)
    if trigger.job is not None:
        check_order(cluster, trigger.job, shape)
    longest = cluster.policy.max_length[trigger.priority]
    if trigger.length > longest:
        raise TooLong(length=trigger.length, longest=longest, priority=trigger.priority.name)
    if trigger.length < cluster.policy.slot:
        raise TooShort(length=trigger.length, slot=cluster.policy.slot)
