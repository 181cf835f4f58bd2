"""The words of `/gpu job`: which booking is to run what."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.change_request import parse_id_and_rest
from bot.domain.errors import N_, Contradiction, NotUnderstood
from bot.domain.job import JobOrder
from bot.domain.job_templates import bad_job
from bot.domain.job_words import (
    Parameter,
    order_of,
    read_job_name,
    read_parameter,
    read_run,
    split_workers,
)
from bot.domain.notes import Note
from bot.domain.scanning import next_word, scan
from bot.domain.words import FLAGS, WORD_END, Text, read_quoted, unlinked

JOB_EXAMPLE = "/gpu job B142 yolo-train data=coco.yaml"
ORDER_EXAMPLE = "yolo-train data=coco.yaml"
_NONE = re.compile(rf"(?:none|off|remove|delete|clear){WORD_END}|无|無|删除|移除", FLAGS)


@dataclass(frozen=True, slots=True)
class JobChange:
    """What somebody wants a booking to run."""

    booking: int
    #: Nothing was said of a job: the booking's own is to be shown.
    is_question: bool = False
    #: None: nothing is to run any more.
    order: JobOrder | None = None
    #: Only parameters were said, of the job that the booking has.
    parameters: tuple[tuple[str, str], ...] = ()
    reason: str = ""

    def after(self, before: JobOrder | None) -> JobOrder | None:
        """The order that it makes of the one before. Raises BadJob."""
        if not self.parameters:
            return self.order
        if before is None or before.own is not None:
            return order_of(None, None, self.parameters)
        return with_parameters(before, self.parameters)


def with_parameters(order: JobOrder, given: Sequence[tuple[str, str]]) -> JobOrder:
    """The same template, with some of its parameters said anew. Raises BadJob."""
    workers, rest = split_workers(given)
    merged = {**dict(order.parameters), **dict(rest)}
    return JobOrder(
        order.template, tuple(merged.items()), workers=order.workers if workers is None else workers
    )


def parse_job(text: str) -> JobChange:
    """Read `ID`, `ID none`, `ID NAME key=value …`, `ID run "COMMAND"`, or `ID key=value …`.

    What stands in quotes by itself is the reason. Raises InputError.
    """
    booking, rest = parse_id_and_rest(text, JOB_EXAMPLE)
    words = Text.of(rest)
    if not words.plain.strip():
        return JobChange(booking, is_question=True)
    return _change(booking, *_said(words, JOB_EXAMPLE))


def parse_order(text: str) -> JobOrder | None:
    """Read `NAME key=value …` or `run "COMMAND" …`; None for nothing. Raises InputError."""
    found, given = _said(Text.of(text), ORDER_EXAMPLE)
    if other := found.get("none") or found.get("reason"):
        raise NotUnderstood(word=other, example=ORDER_EXAMPLE)
    return order_of(found.get("job"), found.get("run"), given)


def _said(words: Text, example: str) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """What was said of each kind, and the parameters."""
    found: dict[str, str] = {}
    given: list[tuple[str, str]] = []
    for piece in scan(words, (read_parameter, _read_none, _read_other), example):
        if isinstance(piece.value, Parameter):
            given.append((piece.value.name, piece.value.value))
            continue
        assert isinstance(piece.value, tuple)
        kind, value = piece.value
        if kind in found:
            raise NotUnderstood(word=piece.word, example=example)
        found[kind] = value
    return found, given


def _change(booking: int, found: dict[str, str], given: Sequence[tuple[str, str]]) -> JobChange:
    job, command, reason = found.get("job"), found.get("run"), found.get("reason", "")
    if "none" in found:
        if job or command or given:
            other = job or command or given[0][0]
            raise Contradiction(first=found["none"], second=other, example=JOB_EXAMPLE)
        return JobChange(booking, reason=reason)
    if job is None and command is None:
        if not given:
            raise bad_job(Note(N_("Say which job: `/gpu job` lists them.")))
        return JobChange(booking, parameters=tuple(given), reason=reason)
    return JobChange(booking, order=order_of(job, command, given), reason=reason)


def _read_none(text: Text, at: int) -> tuple[object, int] | None:
    match = _NONE.match(text.plain, at)
    return (("none", match[0]), match.end()) if match else None


def _read_other(text: Text, at: int) -> tuple[object, int] | None:
    """The job, with or without that word before it; or the reason, in quotes."""
    if name := read_job_name(text, at):
        return ("job", name[0]), name[1]
    if command := read_run(text, at):
        return ("run", command[0]), command[1]
    if quoted := read_quoted(text, at):
        return ("reason", quoted[0]), quoted[1]
    word = next_word(text, at)
    return (("job", unlinked(word)), at + len(word)) if word else None


def parse_parameters(typed: str) -> tuple[tuple[str, str], ...]:
    """`key=value` on each line, or several on one. Raises NotUnderstood."""
    found = scan(Text.as_it_is(typed), (read_parameter,), example="data=coco.yaml epochs=100")
    values = (piece.value for piece in found)
    return tuple((one.name, one.value) for one in values if isinstance(one, Parameter))


def write_parameters(order: JobOrder) -> str:
    """The parameters as `parse_parameters` reads them, each on a line of its own."""
    workers = [] if order.workers is None else [("workers", str(order.workers))]
    return "\n".join(f"{name}={_quoted(value)}" for name, value in [*order.parameters, *workers])


def _quoted(value: str) -> str:
    plain = re.fullmatch(r"[^\s\"“”„«»「」『』‘’',;、。，；<>]+", value)
    if plain or '"' in value:
        return value
    return f'"{value}"'
