"""`/gpu help`: what gpubot understands, from the registry itself."""

from __future__ import annotations

from bot.domain.errors import N_
from bot.slack.blocks.build import actions, button, message
from bot.slack.context import Block, Call, Reply
from bot.slack.ids import ActionId
from bot.slack.payload import pack_page
from bot.slack.reader import Mrkdwn, Reader
from bot.slack.registry import VERBS, Group, Verb, verb


@verb(
    "help",
    group=Group.LAB,
    usage=["help", "help VERB"],
    summary=N_("this list, or one verb in full"),
    examples=["help reserve"],
)
def help_(call: Call, text: str) -> Reply:
    """All verbs, or the one named."""
    found = VERBS.get(text.strip().casefold())
    return overview(call.reader) if found is None else _details(call.reader, found)


def overview(reader: Reader) -> Reply:
    """Every verb in one line, each an example that works, in groups."""
    lines = [reader.text(N_("*gpubot books GPUs.* Press a button, or type one of these:"))]
    for group in Group:
        lines.append(reader.text(N_("\n*{group}*"), group=reader.text(group)))
        lines += [_line(reader, v) for v in VERBS.values() if v.group is group]
    return message("\n".join(lines), actions(*start_buttons(reader)))


def start_buttons(reader: Reader) -> list[Block]:
    """What most people want."""
    return [
        button(reader.plain("Reserve…"), ActionId.RESERVE, style="primary"),
        button(reader.plain("What is free"), f"{ActionId.RUN}:free", "free"),
        button(reader.plain("Status"), ActionId.STATUS_PAGE, pack_page(0)),
        button(reader.plain("My bookings"), f"{ActionId.RUN}:mine", "mine"),
    ]


def _line(reader: Reader, of: Verb) -> Mrkdwn:
    return reader.text(
        N_("`/gpu {example}` {summary}"), example=of.examples[0], summary=reader.text(of.summary)
    )


def _details(reader: Reader, of: Verb) -> Reply:
    usage = "\n".join(f"/gpu {form}" for form in of.usage)
    lines = [
        reader.text(N_("*{name}*: {summary}"), name=of.name, summary=reader.text(of.summary)),
        Mrkdwn(f"```{usage}```"),
        *([reader.text(of.details)] if of.details else []),
        reader.text(N_("For example:")),
        *(reader.text(N_("• `/gpu {example}`"), example=example) for example in of.examples),
    ]
    back = button(reader.plain("All commands"), ActionId.RUN, "help")
    return message("\n".join(lines), actions(back))
