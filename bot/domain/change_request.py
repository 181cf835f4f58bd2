"""What people ask to change: the words after `cancel`, `extend`, `move`, `node drain` and so on."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from bot.domain.booking import parse_booking_id
from bot.domain.cluster import Cluster
from bot.domain.errors import (
    N_,
    InThePast,
    Missing,
    NotUnderstood,
    ReasonNeeded,
    UserId,
)
from bot.domain.lengths import parse_length
from bot.domain.moments import Draft, resolve
from bot.domain.notes import Note
from bot.domain.options import read_count
from bot.domain.scanning import next_word, skip
from bot.domain.shape_rules import known_node
from bot.domain.timephrase import Moment, read_moment
from bot.domain.timevalues import Context
from bot.domain.timewords import read_time
from bot.domain.words import FLAGS, WORD_END, Text, clean_text, read_quoted

MISSING_ID = Note(N_("Say which booking."))
MISSING_NODE = Note(N_("Say which node."))
MISSING_RECEIVER = Note(N_("Say to whom."))

CANCEL_EXAMPLE = "/gpu cancel B142"
DRAIN_EXAMPLE = "/gpu node drain gpu-03 until fri 18:00 broken fan"
EXTEND_EXAMPLE = "/gpu extend B142 4h"
MOVE_EXAMPLE = "/gpu move B142 tomorrow 22:00"
RELEASE_EXAMPLE = "/gpu release B142 2"
TRANSFER_EXAMPLE = "/gpu transfer B142 @bob"

_ID = re.compile(r"(?:#\s*)?(?:b\s*)?#?\d{1,9}(?![\w.:])", FLAGS)
_MENTION = re.compile(r"(?:to\s+)?<@(?P<user>[UW][A-Z0-9]+)(?:\|[^>]*)?>")
_TO = re.compile(rf"(?:to{WORD_END}|到|至)\s*", FLAGS)
_BY = re.compile(rf"(?:(?:by|for){WORD_END}|\+)\s*", FLAGS)
_UNTIL = re.compile(rf"(?:until|till|til){WORD_END}|直到|到|至", FLAGS)


class DrainRequest(NamedTuple):
    """A node to take out of service; `until` None: until it is resumed."""

    node: str
    until: datetime | None
    reason: str


def parse_id_and_rest(text: str, example: str) -> tuple[int, str]:
    """The booking id that `text` begins with, and the rest, still escaped as it was sent.

    Raises Missing when there is nothing, NotUnderstood when it is no id.
    """
    words = Text.as_it_is(text)
    at = skip(words, 0)
    if at == len(words.plain):
        raise Missing(what=MISSING_ID, example=example)
    match = _ID.match(words.plain, at)
    found = parse_booking_id(match[0]) if match else None
    if match is None or found is None:
        raise NotUnderstood(word=next_word(words, at), example=example)
    return found, text[match.end() :].strip()


def parse_extend(text: str) -> tuple[int, timedelta]:
    """Read `ID LENGTH`; the length is as typed, not rounded."""
    booking, rest = parse_id_and_rest(text, EXTEND_EXAMPLE)
    return booking, parse_length(_BY.sub("", rest, count=1), EXTEND_EXAMPLE)


def parse_move(
    text: str, *, now: datetime, zone: tzinfo, month_first: bool = True
) -> tuple[int, Moment]:
    """Read `ID WHEN`: the new start, as typed, not rounded."""
    booking, rest = parse_id_and_rest(text, MOVE_EXAMPLE)
    context = Context(now, zone, month_first, MOVE_EXAMPLE, f"/gpu move {Text.of(text).typed}")
    match = _TO.match(rest)
    return booking, read_moment(rest[match.end() :] if match else rest, context)


def parse_transfer(text: str) -> tuple[int, UserId]:
    """Read `ID @user`; the user has to be a mention, as Slack sends it."""
    booking, rest = parse_id_and_rest(text, TRANSFER_EXAMPLE)
    if not rest:
        raise Missing(what=MISSING_RECEIVER, example=TRANSFER_EXAMPLE, form_field="receiver")
    match = _MENTION.fullmatch(rest)
    if match is None:
        raise NotUnderstood(
            word=Text.of(rest).typed, example=TRANSFER_EXAMPLE, form_field="receiver"
        )
    return booking, UserId(match["user"])


def parse_release(text: str) -> tuple[int, int | None]:
    """Read `ID [N]`; without N all of its GPUs are meant. N is as typed, maybe zero or below."""
    booking, rest = parse_id_and_rest(text, RELEASE_EXAMPLE)
    if not rest:
        return booking, None
    words = Text.of(rest)
    count = read_count(words, 0)
    if count is None or skip(words, count[1]) < len(words.plain):
        raise NotUnderstood(word=words.typed, example=RELEASE_EXAMPLE, form_field="gpus")
    return booking, count[0]


def parse_cancel(text: str) -> tuple[int, str]:
    """Read `ID [reason]`; the reason is empty when none was given."""
    booking, rest = parse_id_and_rest(text, CANCEL_EXAMPLE)
    return booking, _reason(Text.of(rest), 0)


def parse_drain(
    text: str, *, now: datetime, zone: tzinfo, cluster: Cluster, month_first: bool = True
) -> DrainRequest:
    """Read `NAME [until WHEN] reason`.

    Raises UnknownName, ReasonNeeded, InThePast for an `until` that has passed, and what reading
    a moment raises.
    """
    words = Text.of(text)
    command = f"/gpu node drain {words.typed}"
    context = Context(now, zone, month_first, DRAIN_EXAMPLE, command)
    at = skip(words, 0)
    if at == len(words.plain):
        raise Missing(what=MISSING_NODE, example=DRAIN_EXAMPLE, form_field="node")
    name = next_word(words, at)
    node, at = known_node(cluster, name), skip(words, at + len(name))
    until = None
    if match := _UNTIL.match(words.plain, at):
        until, at = _read_until(words, match.end(), context)
    reason = _reason(words, at)
    if not reason:
        raise ReasonNeeded(example=DRAIN_EXAMPLE)
    return DrainRequest(node.name, until, reason)


def _read_until(words: Text, at: int, context: Context) -> tuple[datetime, int]:
    """The moment at `at`, as many words of it as belong together, and where it ends."""
    draft, end = Draft(context.command), skip(words, at)
    while found := read_time(words, end, context):
        values, after = found
        if not draft.take(values, words.between(end, after)):
            break
        end = skip(words, after)
    if not draft.words:
        raise NotUnderstood(word=next_word(words, end) or "until", example=context.example)
    until = resolve(draft, context).instant
    if until <= context.now:
        raise InThePast(start=until, now=context.now)
    return until, end


def _reason(words: Text, at: int) -> str:
    """The rest of the text, without the quotes around it."""
    rest = words.between(skip(words, at), len(words.typed))
    quoted = read_quoted(Text.as_it_is(rest), 0)
    whole = quoted is not None and quoted[1] == len(rest)
    return clean_text(quoted[0] if quoted and whole else rest, "reason")
