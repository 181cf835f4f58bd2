"""The fields of the form to reserve.

Those that decide whether it is free report each change; the others are read at the end.
"""

from __future__ import annotations

from bot.domain.cluster import Node, Team
from bot.slack.blocks import inputs
from bot.slack.blocks.build import option
from bot.slack.blocks.job_fields import job_fields
from bot.slack.context import Block, Call
from bot.slack.draft import Draft
from bot.slack.ids import BlockId
from bot.slack.reader import Reader

#: Longest purpose, in characters; the domain refuses more.
LONGEST_PURPOSE = 300


def reserve_fields(call: Call, draft: Draft) -> list[Block]:
    """All fields, filled in from `draft`."""
    return [
        *_what_and_when(call, draft),
        *where_fields(call, draft, live=True),
        *how_fields(call, draft),
    ]


def _what_and_when(call: Call, draft: Draft) -> list[Block]:
    reader, cluster = call.reader, call.site.cluster
    count = inputs.number(draft.gpus, lowest=1, highest=cluster.gpus, live=True)
    length = inputs.text(draft.length, placeholder="20h", longest=40, live=True)
    empty_is_now = reader.plain("Left empty, it starts now.")
    lengths = reader.plain(
        "For example 20h, 1d12h, 2 days; rounded up to {slot} slots.", slot=cluster.policy.slot
    )
    return [
        inputs.field(BlockId.GPUS, reader.plain("How many GPUs"), count, live=True),
        inputs.field(
            BlockId.START,
            reader.plain("Start"),
            inputs.moment(draft.start),
            optional=True,
            hint=empty_is_now,
            live=True,
        ),
        inputs.field(BlockId.LENGTH, reader.plain("Length"), length, hint=lengths, live=True),
    ]


def where_fields(call: Call, draft: Draft, *, live: bool) -> list[Block]:
    """Model, node, and whether the GPUs may lie on any nodes."""
    reader = call.reader
    spread = option(reader.plain("Take them from any nodes"), "spread")
    return [
        model_field(call, draft, live=live),
        node_field(call, draft, live=live),
        inputs.field(
            BlockId.SPREAD,
            reader.plain("Over several nodes"),
            inputs.checkbox(spread, checked=draft.spread),
            optional=True,
            live=live,
        ),
    ]


def model_field(call: Call, draft: Draft, *, live: bool) -> Block:
    """One model, or any."""
    label, menu = call.reader.plain("Model"), _models(call, draft)
    return inputs.field(BlockId.MODEL, label, menu, live=live)


def node_field(call: Call, draft: Draft, *, live: bool) -> Block:
    """One node, or any."""
    return inputs.field(BlockId.NODE, call.reader.plain("Node"), _nodes(call, draft), live=live)


def how_fields(call: Call, draft: Draft) -> list[Block]:
    """Priority, whether it may be evicted, team and purpose."""
    reader = call.reader
    evict = reader.plain("May urgent work evict it?")
    usual = reader.plain("As usual means: P2 may be evicted, P1 and P0 may not.")
    purpose = inputs.text(draft.purpose, longest=LONGEST_PURPOSE)
    return [
        inputs.field(BlockId.PRIORITY, reader.plain("Priority"), _priorities(call, draft)),
        inputs.field(BlockId.PREEMPTIBLE, evict, _firm(call, draft), hint=usual),
        *team_field(call, draft),
        inputs.field(BlockId.PURPOSE, reader.plain("Purpose"), purpose, optional=True),
        *job_fields(call, draft.job),
    ]


def _models(call: Call, draft: Draft) -> Block:
    any_model = option(call.reader.plain("Any model"), "=")
    models = [option(model, f"={model}") for model in call.site.cluster.models]
    return inputs.select([any_model, *models], f"={draft.model}")


def _nodes(call: Call, draft: Draft) -> Block:
    """All nodes under their models, so that even hundreds of them fit."""
    reader, cluster = call.reader, call.site.cluster
    any_node = option(reader.plain("Any node"), "=")
    groups = [
        (model, [option(_node_caption(reader, n), f"={n.name}") for n in cluster.nodes
                 if n.model == model])
        for model in cluster.models
    ]  # fmt: skip
    return inputs.grouped_select([(reader.plain("Any"), [any_node]), *groups], f"={draft.node}")


def _node_caption(reader: Reader, node: Node) -> str:
    gpus = reader.many_plain("{n} GPU", "{n} GPUs", node.gpus)
    return f"{node.name} ({gpus})"


def _priorities(call: Call, draft: Draft) -> Block:
    reader = call.reader
    options = [
        option(reader.plain("P2 research"), "2"),
        option(reader.plain("P1 production"), "1"),
    ]
    if call.actor.name in call.site.cluster.urgent:
        options.append(option(reader.plain("P0 urgent"), "0"))
    return inputs.select(options, str(int(draft.priority)))


def _firm(call: Call, draft: Draft) -> Block:
    reader = call.reader
    options = [
        option(reader.plain("As usual for the priority"), "="),
        option(reader.plain("Yes, it is preemptible"), "=yes"),
        option(reader.plain("No, it is firm"), "=no"),
    ]
    return inputs.select(options, f"={draft.preemptible}")


def team_field(call: Call, draft: Draft) -> list[Block]:
    """The teams one may book for; left out for somebody who is in none."""
    teams: tuple[Team, ...] = call.site.cluster.teams_of(call.actor.name)
    if call.site.cluster.is_admin(call.actor.name):
        teams = tuple(dict.fromkeys([*teams, *call.site.cluster.teams]))
    if not teams:
        return []
    options = [option(team.name, team.name) for team in teams]
    chosen = inputs.select(options, draft.team or teams[0].name)
    return [inputs.field(BlockId.TEAM, call.reader.plain("Team"), chosen)]
