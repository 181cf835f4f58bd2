"""Jobs as people type them: `job NAME key=value …`, or `run "COMMAND"` for a command of their own.

Values are taken as they were typed; what Slack made a link of is undone.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.domain.commands import clean_command
from bot.domain.errors import N_, BadJob, Contradiction
from bot.domain.job import Job, JobOrder
from bot.domain.job_json import fits_button, pack_order
from bot.domain.job_rules import MOST_WORKERS, seems_secret
from bot.domain.job_templates import bad_job
from bot.domain.notes import Note
from bot.domain.scanning import next_word
from bot.domain.words import FLAGS, Text, read_quoted, unlinked

_JOB = re.compile(r"(?:(?:job|template)(?::\s*|\s+|$)|(?:任务|任務|作业|作業):?\s*)", FLAGS)
_RUN = re.compile(r"(?:(?:run|command)(?::\s*|\s+)|(?:运行|運行|命令):?\s*)", FLAGS)
_KEY = re.compile(r"([a-z][a-z0-9_-]{0,60})\s*=(?!=)\s*", FLAGS)
#: A value up to the next space; what Slack made a link of may have spaces in its label.
_VALUE = re.compile(r"(?:<[^<>\s|]*(?:\|[^<>]*)?>|\S)+")
_ENDS = ",;、。，；"

#: What only a shell understands; a command without it is run as it is.
_SHELL = re.compile(r"[|&;<>()$`*?\[\]#~\n]|^\s*[A-Za-z_]\w*=")
#: Assignments within a command.
_ASSIGNED = re.compile(r"(?:^|[\s;&|(-])([A-Za-z_][\w-]*)=", FLAGS)
#: What may be said of a command of one's own besides its words.
OWN_KEYS = ("image", "folder", "checkpoints", "checkpoint", "resume")

WHICH_JOB = N_("Say which job: `/gpu job` lists them.")
EXAMPLE_OWN = '/gpu reserve 1 now 2h run "python train.py"'


@dataclass(frozen=True, slots=True)
class Parameter:
    """One `key=value`."""

    name: str
    value: str


def read_parameter(text: Text, at: int) -> tuple[object, int] | None:
    """`epochs=100`, `data="my data.yaml"`."""
    key = _KEY.match(text.plain, at)
    if key is None:
        return None
    name = key[1].lower().replace("-", "_")
    if quoted := read_quoted(text, key.end()):
        return Parameter(name, unlinked(quoted[0])), quoted[1]
    value = _VALUE.match(text.plain, key.end())
    if value is None:
        return Parameter(name, ""), key.end()
    typed = text.between(*value.span()).rstrip(_ENDS)
    return Parameter(name, unlinked(typed)), value.end()


def read_job_name(text: Text, at: int) -> tuple[str, int] | None:
    """`job NAME`: the name, and where it ends. Raises BadJob when there is none."""
    match = _JOB.match(text.plain, at)
    if match is None:
        return None
    if quoted := read_quoted(text, match.end()):
        return quoted
    word = next_word(text, match.end())
    if not word or _KEY.match(text.plain, match.end()):
        raise bad_job(Note(WHICH_JOB))
    return unlinked(word), match.end() + len(word)


def read_run(text: Text, at: int) -> tuple[str, int] | None:
    """`run "COMMAND"`: the command, and where it ends; without quotes it is none."""
    match = _RUN.match(text.plain, at)
    return read_quoted(text, match.end()) if match else None


def order_of(
    job: str | None, command: str | None, parameters: Iterable[tuple[str, str]]
) -> JobOrder | None:
    """What was ordered by these words; None: nothing. Raises BadJob or Contradiction."""
    given = tuple(parameters)
    if job is not None and command is not None:
        first, second = f"job {job}", "run"
        raise Contradiction(first=first, second=second, example=EXAMPLE_OWN, form_field="job")
    if job is not None:
        workers, rest = split_workers(given)
        return JobOrder(job, rest, workers=workers)
    if command is not None:
        return own_order(command, given)
    if given:
        said = N_("“{name}={value}” belongs to a job, and none is named.")
        raise bad_job(Note(said, {"name": given[0][0], "value": given[0][1]}))
    return None


def split_workers(
    given: Sequence[tuple[str, str]],
) -> tuple[int | None, tuple[tuple[str, str], ...]]:
    """How many workers were asked for, and the other parameters. Raises BadJob."""
    workers: int | None = None
    for name, value in given:
        if name != "workers":
            continue
        if not re.fullmatch(r"[0-9]{1,3}", value, re.ASCII) or workers is not None:
            said = N_("A job has 1 to {most} workers.")
            raise bad_job(Note(said, {"most": MOST_WORKERS}))
        workers = int(value)
    return workers, tuple(one for one in given if one[0] != "workers")


def own_order(typed: str, parameters: Sequence[tuple[str, str]] = ()) -> JobOrder:
    """A job of one's own, by the words of its command. Raises BadJob or TextTooLong."""
    workers, given = split_workers(parameters)
    fields = dict(given)
    for name in fields:
        if name not in OWN_KEYS:
            said = N_("A command of your own has no parameter “{name}”. It takes: {known}.")
            known = ", ".join(("workers", *OWN_KEYS))
            raise _bad_own(Note(said, {"name": name, "known": known}))
    resume = fields.get("resume")
    job = Job(
        command=command_words(typed),
        image=fields.get("image", ""),
        resume=command_words(resume) if resume else (),
        checkpoints=fields.get("checkpoints", ""),
        checkpoint=fields.get("checkpoint", ""),
        workers=workers,
        folder=fields.get("folder", ""),
    )
    order = JobOrder(own=job)
    if not fits_button(pack_order(order)):
        raise _bad_own(Note(N_("That is too long to be typed: put it into a script.")))
    return order


def command_words(typed: str) -> tuple[str, ...]:
    """The words of a command; a shell reads it where only a shell can.

    Raises BadJob for one with a secret in it: what is typed here others can read.
    """
    command = clean_command(typed)
    for name in _ASSIGNED.findall(command):
        if seems_secret(name):
            said = N_(
                "“{name}” looks like a secret, and what is typed here others can read. Keep it "
                "where jobs find their `secrets`."
            )
            raise _bad_own(Note(said, {"name": name}))
    try:
        words = tuple(shlex.split(command))
    except ValueError:
        said = N_("A quotation mark in that command is never closed.")
        raise _bad_own(Note(said)) from None
    if not words:
        raise _bad_own(Note(N_("Say what to run.")))
    return ("/bin/sh", "-c", command) if _SHELL.search(command) else words


def _bad_own(what: Note) -> BadJob:
    return BadJob(what=what, example=EXAMPLE_OWN, form_field="job")
