"""Block Kit from plain values, within Slack's limits by construction.

Nothing outside this package writes block dictionaries, so that no text, however long, can make
Slack refuse a message. Limits are those of Slack's reference.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence

from bot.slack.context import Block, Reply
from bot.slack.wording import cut

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
SECTION_TEXT = 3000
HEADER_TEXT = 150
BUTTON_TEXT = 75
VALUE = 2000
ELEMENTS = 25
CONTEXT_ELEMENTS = 10
OPTION_TEXT = 75
OPTION_VALUE = 150
OVERFLOW_OPTIONS = 5
CONFIRM_TITLE, CONFIRM_TEXT, CONFIRM_BUTTON = 100, 300, 30
IMAGE_TEXT = 2000
#: What the address of a button may hold.
LINK = 3000
#: What a message's `text` may hold; notifications need far less.
FALLBACK_TEXT = 3000

_TOKEN = re.compile(r"<[^<>]*>?$")


def cut_mrkdwn(text: str, longest: int) -> str:
    """`text` cut to `longest` characters, never inside a `<…>` token."""
    if len(text) <= longest:
        return text
    kept = text[: longest - 1]
    if kept.rfind("<") > kept.rfind(">"):
        kept = _TOKEN.sub("", kept)
    return kept.rstrip() + "…"


def plain(text: str, longest: int) -> Block:
    """A plain_text object; Slack refuses empty ones."""
    return {"type": "plain_text", "text": cut(text, longest) or "–", "emoji": False}


def mrkdwn(text: str, longest: int = SECTION_TEXT) -> Block:
    """A mrkdwn object. Its links and dates are written out by us, so Slack adds none."""
    return {"type": "mrkdwn", "text": cut_mrkdwn(text, longest) or "–", "verbatim": True}


def section(text: str, accessory: Block | None = None, block_id: str | None = None) -> Block:
    """A paragraph, maybe with a button at its side."""
    block: Block = {"type": "section", "text": mrkdwn(text)}
    if accessory is not None:
        block["accessory"] = accessory
    if block_id is not None:
        block["block_id"] = block_id
    return block


def sections(lines: Iterable[str]) -> tuple[Block, ...]:
    """Lines as as few sections as hold them, never cutting one in two."""
    packed: list[str] = []
    for line in lines:
        short = cut_mrkdwn(line, SECTION_TEXT)
        if packed and len(packed[-1]) + 1 + len(short) <= SECTION_TEXT:
            packed[-1] += f"\n{short}"
        else:
            packed.append(short)
    return tuple(section(text) for text in packed)


def header(text: str) -> Block:
    """A heading."""
    return {"type": "header", "text": plain(text, HEADER_TEXT)}


def divider() -> Block:
    """A line across."""
    return {"type": "divider"}


def context(*texts: str) -> Block:
    """Small print."""
    elements = [mrkdwn(text) for text in texts[:CONTEXT_ELEMENTS]]
    return {"type": "context", "elements": elements}


def button(
    text: str,
    action_id: str,
    value: str = "",
    *,
    style: str | None = None,
    confirm: Block | None = None,
) -> Block:
    """A button; `value` comes back when it is pressed. A value over the limit is a mistake.

    With `confirm` the client asks before it sends the press.
    """
    if len(value) > VALUE:
        raise ValueError(f"button value of {len(value)} characters: {action_id}")
    made: Block = {"type": "button", "text": plain(text, BUTTON_TEXT), "action_id": action_id}
    if value:
        made["value"] = value
    if style is not None:
        made["style"] = style
    if confirm is not None:
        made["confirm"] = confirm
    return made


def confirm(title: str, text: str, *, yes: str, no: str) -> Block:
    """The question before something that cannot be undone."""
    return {
        "title": plain(title, CONFIRM_TITLE),
        "text": plain(text, CONFIRM_TEXT),
        "confirm": plain(yes, CONFIRM_BUTTON),
        "deny": plain(no, CONFIRM_BUTTON),
        "style": "danger",
    }


def link_button(text: str, action_id: str, url: str) -> Block:
    """A button that opens an address in the browser; the press is reported all the same."""
    if len(url) > LINK:
        raise ValueError(f"button link of {len(url)} characters: {action_id}")
    made = button(text, action_id)
    made["url"] = url
    return made


def image(file_id: str, title: str, alt: str) -> Block:
    """An uploaded picture; Slack refuses the id of a file that it has not looked through yet."""
    return {
        "type": "image",
        "slack_file": {"id": file_id},
        "title": plain(title, IMAGE_TEXT),
        "alt_text": cut(alt, IMAGE_TEXT) or "–",
    }


def option(text: str, value: str) -> Block:
    """One entry of a menu."""
    return {"text": plain(text, OPTION_TEXT), "value": value[:OPTION_VALUE]}


def overflow(action_id: str, options: Sequence[Block]) -> Block:
    """A small menu behind three dots."""
    return {
        "type": "overflow",
        "action_id": action_id,
        "options": list(options[:OVERFLOW_OPTIONS]),
    }


def actions(*elements: Block, block_id: str | None = None) -> Block:
    """A row of buttons."""
    block: Block = {"type": "actions", "elements": list(elements[:ELEMENTS])}
    if block_id is not None:
        block["block_id"] = block_id
    return block


def message(text: str, *blocks: Block, replace: bool = False, title: str = "") -> Reply:
    """A reply that says `text` first, with `blocks` below."""
    return told(text, *sections([text]), *blocks, replace=replace, title=title)


def told(text: str, *blocks: Block, replace: bool = False, title: str = "") -> Reply:
    """A reply of `blocks`; `text` is what notifications show."""
    shown = tuple(block for block in blocks if block.get("elements", True))
    return Reply(cut_mrkdwn(text, FALLBACK_TEXT), shown[:MESSAGE_BLOCKS], replace, title)


def with_line(reply: Reply, line: str) -> Reply:
    """`reply` with a line of small print before its buttons."""
    buttons = [i for i, block in enumerate(reply.blocks) if block["type"] == "actions"]
    at = buttons[0] if buttons else len(reply.blocks)
    blocks = (*reply.blocks[:at], context(line), *reply.blocks[at:])
    return dataclasses.replace(reply, blocks=blocks[:MESSAGE_BLOCKS])


def outcome(reply: Reply, title: str, said: str) -> Reply:
    """`reply` as what came of a press: a window it was pressed in says only `said`."""
    return dataclasses.replace(reply, title=title, short=said)
