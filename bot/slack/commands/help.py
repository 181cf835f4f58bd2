"""`/gpu help`: what gpubot understands, from the registry itself."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.errors import N_
from bot.slack.blocks.build import VALUE, actions, button, message
from bot.slack.context import Block, Call, Reply
from bot.slack.ids import ActionId
from bot.slack.payload import pack_page
from bot.slack.reader import Mrkdwn, Reader
from bot.slack.registry import VERBS, Group, Verb, verb, verbs_like


@verb(
    "help",
    group=Group.LAB,
    usage=["help", "help VERB"],
    summary=N_("this list, or one verb in full"),
    examples=["help reserve"],
)
def help_(call: Call, text: str) -> Reply:
    """All verbs, or the one named."""
    word = text.strip().casefold()
    if not word:
        return overview(call.reader)
    if word in VERBS:
        return _details(call.reader, VERBS[word])
    return unknown(call.reader, text.strip(), [f"help {name}" for name in verbs_like(word)])


def unknown(reader: Reader, word: str, commands: Sequence[str]) -> Reply:
    """As in "Did you mean …", with a button for each of `commands`, or all of the help."""
    title = reader.plain("Unknown word")
    if not commands:
        show = button(reader.plain("Show help"), ActionId.RUN, "help")
        said = reader.text(N_("I do not know “{word}”. Here is what I can do:"), word=word)
        return message(said, actions(show), title=title)
    if any(len(command) > VALUE for command in commands):
        verbs = [reader.text("`/gpu {verb}`", verb=c.partition(" ")[0]) for c in commands]
        said = reader.text(
            N_("I do not know “{word}”. Did you mean {verbs}?"),
            word=word,
            verbs=Mrkdwn(", ".join(verbs)),
        )
        return message(said, title=title)
    buttons = [
        button(f"/gpu {command}", f"{ActionId.RUN}:{i}", command)
        for i, command in enumerate(commands)
    ]
    said = reader.text(N_("I do not know “{word}”. Did you mean one of these?"), word=word)
    return message(said, actions(*buttons), title=title)


def overview(reader: Reader) -> Reply:
    """Every verb in one line, each an example that works, in groups."""
    lines = [reader.text(N_("*gpubot books GPUs.* Press a button, or type one of these:"))]
    for group in Group:
        lines.append(reader.text(N_("\n*{group}*"), group=reader.text(group)))
        lines += [_line(reader, v) for v in VERBS.values() if v.group is group]
    said = "\n".join(lines)
    return message(said, actions(*start_buttons(reader)), title=reader.plain("Help"))


def start_buttons(reader: Reader) -> list[Block]:
    """What most people want."""
    return [
        button(reader.plain("Reserve…"), ActionId.RESERVE, style="primary"),
        button(reader.plain("What is free"), f"{ActionId.RUN}:free", "free"),
        button(reader.plain("Status"), ActionId.STATUS_PAGE, pack_page(0)),
        button(reader.plain("My bookings"), f"{ActionId.RUN}:mine", "mine"),
        button(reader.plain("Calendar"), f"{ActionId.RUN}:calendar", "calendar"),
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
    return message("\n".join(lines), actions(back), title=reader.plain("Help"))
