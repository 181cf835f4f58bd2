"""The words of `/gpu queue`: a few of a booking's, and behind them the command that will run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from bot.domain.booking import Priority
from bot.domain.cluster import Cluster
from bot.domain.commands import clean_command
from bot.domain.errors import Missing, NotUnderstood
from bot.domain.job_words import Parameter
from bot.domain.lengths import MISSING_LENGTH
from bot.domain.options import MISSING_COUNT, Count, Option, Options, option_readers
from bot.domain.queue_request import QUEUE_EXAMPLE, QueueRequest, build_queue
from bot.domain.retelling import retold
from bot.domain.scanning import Piece, Reader, scan
from bot.domain.timevalues import Context
from bot.domain.when import Length, WhenDraft
from bot.domain.words import FLAGS, WORD_END, Text, read_quoted

#: The options that queued work has; what says anything else begins the command.
_OPTIONS = frozenset({"priority", "node", "model", "team", "job", "run"})
#: Those that have no name or text behind them.
_FLAGS = frozenset({"priority", "spread", "preemptible"})

#: Between the options. A dot is not among them: it may begin the command.
_BETWEEN = re.compile(rf"(?:[\s,;、。]|now{WORD_END}|现在|現在)*", FLAGS)
#: What glues a word to what follows: `gpu-01/run.sh` is no node, and `4h.py` no length.
_GLUE = re.compile(r"[./\\:=+*@%&|<>$~^!?(){}\[\]#_-]")

#: No moment is read here; the readers ask for one to know what the zone's offsets are called.
_SOMETIME = datetime(2000, 1, 1, tzinfo=UTC)


def parse_queue(text: str, *, cluster: Cluster) -> QueueRequest:
    """Read `N LENGTH [p0|p1|p2] [on NODE] [model M] [team T] [command…]`.

    What comes before the command may be in any order; the command begins at the first word that
    is none of these, and is kept as it was typed. Raises InputError.
    """
    words = Text.of(text)
    with retold("/gpu queue", lambda _: QUEUE_EXAMPLE):
        context = Context(_SOMETIME, cluster.zone, example=QUEUE_EXAMPLE)
        readers = option_readers(cluster, context)
        said, at = _read_options(words, Options(WhenDraft(context)), readers, cluster)
        rest = words.between(at, len(words.typed))
        if _is_of_a_booking(rest, readers):
            raise NotUnderstood(word=rest, example=QUEUE_EXAMPLE)
        command = _command(rest)
        length = said.when.length
        if said.gpus is None:
            raise Missing(what=MISSING_COUNT, example=_example(said, command), form_field="gpus")
        if length is None:
            raise Missing(what=MISSING_LENGTH, example=_example(said, command), form_field="length")
    return build_queue(
        gpus=said.gpus,
        length=length,
        node=said.node,
        model=said.model,
        priority=Priority.P2 if said.priority is None else said.priority,
        team=said.team,
        command=command,
        job=said.order(command),
        cluster=cluster,
    )


def _example(said: Options, command: str) -> str:
    """What was typed with what is missing; a long command is not repeated."""
    run = command if 0 < len(command) <= 60 and "\n" not in command else "python eval.py"
    return f"/gpu queue {said.gpus or 1} {said.when.length_word or '45m'} {run}"


def _read_options(
    text: Text, said: Options, readers: Sequence[Reader], cluster: Cluster
) -> tuple[Options, int]:
    """What is said before the command, and where that begins."""
    at = _skip(text, 0)
    while found := _option_at(text, at, readers, cluster, of_job=said.names_job):
        value, end = found
        said.add(Piece(value, text.between(at, end)))
        at = _skip(text, end)
    return said, at


def _skip(text: Text, at: int) -> int:
    match = _BETWEEN.match(text.plain, at)
    return match.end() if match else at


def _option_at(
    text: Text, at: int, readers: Sequence[Reader], cluster: Cluster, *, of_job: bool
) -> tuple[object, int] | None:
    """The option that begins at `at`, and where it ends; None: the command does, or nothing."""
    for reader in readers:
        found = None
        # A date that no calendar has is no option, but may well be the beginning of a command.
        with suppress(NotUnderstood):
            found = reader(text, at)
        if found and isinstance(found[0], Parameter):
            # `SEED=1 python eval.py` is a command, unless a job was named before.
            return found if of_job else None
        if found and _is_option(text.plain[at:], found[0], cluster):
            return None if _GLUE.match(text.plain, found[1]) else found
    return None


def _is_option(plain: str, value: object, cluster: Cluster) -> bool:
    if isinstance(value, Count | Length):
        return True
    if not isinstance(value, Option) or value.name not in _OPTIONS:
        return False
    if value.name == "job" and not cluster.jobs:
        return False
    # `node server.js` runs a program.
    program = value.name == "node" and plain[:4].casefold() == "node"
    return not program or cluster.node(str(value.value)) is not None


def _is_of_a_booking(typed: str, readers: Sequence[Reader]) -> bool:
    """Whether it says nothing but what bookings have and queued work has not: `fri`, `spread`."""
    try:
        pieces = [piece.value for piece in scan(Text.as_it_is(typed), readers, QUEUE_EXAMPLE)]
    except NotUnderstood:
        return False
    # What names something takes any word for a name, and a purpose takes all of them.
    return bool(pieces) and not any(
        isinstance(piece, Option) and piece.name not in _FLAGS for piece in pieces
    )


def _command(typed: str) -> str:
    """The command; quotes around all of it are not part of it."""
    quoted = read_quoted(Text.as_it_is(typed), 0)
    whole = quoted is not None and quoted[0] == typed[1:-1].strip()
    return clean_command(quoted[0] if quoted and whole else typed)
