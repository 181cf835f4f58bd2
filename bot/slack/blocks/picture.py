"""Nodes as a picture in text: one line a node, its GPUs as squares, readable on a telephone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.domain.booking import Booking
from bot.domain.errors import N_, UserId
from bot.services.look import NodeStatus
from bot.slack import phrases
from bot.slack.reader import Mrkdwn, Reader
from bot.slack.wording import escape_code

TAKEN, FREE, OUT = "■", "□", "×"

#: Bookings named on a node's line, of those now and those next.
NAMED_NOW = 3


def summary(reader: Reader, nodes: Sequence[NodeStatus], at: datetime | None) -> Mrkdwn:
    """How much is free over all nodes, now or at `at`."""
    free = sum(node.free for node in nodes if not is_out(node, at))
    total = sum(node.node.gpus for node in nodes)
    if at is None:
        return reader.text(N_("*{free} of {total} GPUs are free now.*"), free=free, total=total)
    return reader.text(
        N_("*{free} of {total} GPUs are free, {at}:*"), free=free, total=total, at=at
    )


def node_lines(reader: Reader, nodes: Sequence[NodeStatus], at: datetime) -> list[Mrkdwn]:
    """A line a node, names and models in columns."""
    name = max((len(status.node.name) for status in nodes), default=0)
    model = max((len(status.node.model) for status in nodes), default=0)
    return [
        _node_line(reader, status, at, f"{status.node.name:{name}} {status.node.model:{model}}")
        for status in nodes
    ]


def _node_line(reader: Reader, status: NodeStatus, at: datetime, name: str) -> Mrkdwn:
    """As in "`gpu-01 V100 ■■■□` B1 @alice 3 GPUs until 18:00, P1 · then B7 @bob …"."""
    picture = Mrkdwn(f"`{escape_code(name)} {squares(status, at)}`")
    told = [*_out(reader, status, at), *_now(reader, status, at), *_next(reader, status, at)]
    return Mrkdwn(f"{picture} {phrases.joined(*told)}".rstrip())


def squares(status: NodeStatus, at: datetime) -> str:
    """One sign a GPU: taken, free, or out of service."""
    gpus = status.node.gpus
    held = sum(_on(booking, status.node.name) for booking in status.current)
    taken = min(held, gpus)
    rest = OUT if is_out(status, at) else FREE
    return TAKEN * taken + rest * (gpus - taken)


def legend(reader: Reader) -> Mrkdwn:
    """What the signs mean."""
    return reader.text(
        N_("{taken} taken  {free} free  {out} out of service"), taken=TAKEN, free=FREE, out=OUT
    )


def is_out(status: NodeStatus, at: datetime | None) -> bool:
    """Whether the node takes no work at `at`."""
    return status.drain is not None and (at is None or status.drain.is_active(at))


def _out(reader: Reader, status: NodeStatus, at: datetime) -> list[Mrkdwn]:
    if status.drain is None or not is_out(status, at):
        return []
    end, why = status.drain.end, status.drain.reason_in(reader.plain)
    if end is None:
        return [reader.text(N_("out of service: {why}"), why=why)]
    return [reader.text(N_("out of service until {end}: {why}"), end=end, why=why)]


def _now(reader: Reader, status: NodeStatus, at: datetime) -> list[Mrkdwn]:
    said = [
        reader.text(
            N_("{who} {gpus} until {end}, {priority}"),
            **_holder(reader, status, booking),
            end=reader.clock(booking.window.end, at),
            priority=booking.priority,
        )
        for booking in status.current[:NAMED_NOW]
    ]
    more = len(status.current) - NAMED_NOW
    return [*said, reader.text(N_("and {n} more"), n=more)] if more > 0 else said


def _next(reader: Reader, status: NodeStatus, at: datetime) -> list[Mrkdwn]:
    return [
        reader.text(
            N_("then {who} {gpus} from {start}"),
            **_holder(reader, status, booking),
            start=reader.clock(booking.window.start, at),
        )
        for booking in status.upcoming[:1]
    ]


def _holder(reader: Reader, status: NodeStatus, booking: Booking) -> dict[str, object]:
    """Which booking and whose, and how many of the node's GPUs it holds."""
    owner, label = UserId(booking.owner), phrases.label(booking)
    return {
        "who": reader.text(N_("{label} {owner}"), label=label, owner=owner),
        "gpus": reader.many_plain("{n} GPU", "{n} GPUs", _on(booking, status.node.name)),
    }


def _on(booking: Booking, node: str) -> int:
    """GPUs that the booking holds on that node."""
    return next((share.gpus for share in booking.shares if share.node == node), 0)
