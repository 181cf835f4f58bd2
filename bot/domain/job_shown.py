"""Jobs in a few words, for people and for the audit: never with what is in an environment."""

from __future__ import annotations

import re
import shlex

from bot.domain.job import Job, JobOrder
from bot.domain.job_rules import seems_secret

#: The longest that is shown of a command or of all parameters, in characters.
LONGEST_SHOWN = 120
HIDDEN = "…"
#: What is given to a name within a script: `KEY=x`, `--key x`; and a password in an address.
_GIVEN = re.compile(
    r"((?<![\w-])(?:-{0,2}([A-Za-z_][\w-]*)\s*=\s*|--?([A-Za-z_][\w-]*)\s+))"
    r"(?:\"[^\"]*\"|'[^']*'|[^\s\"';|&]+)"
)
_ADDRESS = re.compile(r"(://[^/\s:@]*:)[^/\s@]+@")
_ASSIGNMENT = re.compile(r"(-{0,2}[A-Za-z_][\w-]*)=(.+)", re.DOTALL)


def job_name(order: JobOrder) -> str:
    """The template's name, or the words of somebody's own command, or else its image."""
    return order.template if order.own is None else _own_words(order.own)


def job_parameters(order: JobOrder) -> str:
    """What was given to it: `data=coco.yaml, epochs=100`; empty: nothing was."""
    said = [f"{name}={value}" for name, value in order.parameters]
    if order.workers is not None:
        said.append(f"workers={order.workers}")
    return _short(", ".join(said))


def job_in_words(order: JobOrder) -> str:
    """`yolo-train (data=coco.yaml, epochs=100)`."""
    parameters = job_parameters(order)
    return f"{job_name(order)} ({parameters})" if parameters else job_name(order)


def shown_words(job: Job) -> tuple[str, ...]:
    """The words of a command, without what looks like a secret in them."""
    words = [_hidden(word) for word in job.command]
    for at, option in enumerate(job.command[:-1]):
        if option.startswith("-") and seems_secret(option.lstrip("-")):
            words[at + 1] = HIDDEN
    return tuple(words)


def _own_words(job: Job) -> str:
    words = shown_words(job)
    if words[:2] == ("/bin/sh", "-c") and len(words) == 3:
        return _short(words[2])
    return _short(shlex.join(words)) or job.image


def _hidden(word: str) -> str:
    """The word, without what looks like a secret in it: `--token=…`, also in a script."""
    found = _ASSIGNMENT.fullmatch(word)
    if found and seems_secret(found[1].lstrip("-")):
        return f"{found[1]}={HIDDEN}"
    return _GIVEN.sub(_without, _ADDRESS.sub(rf"\1{HIDDEN}@", word))


def _without(found: re.Match[str]) -> str:
    return f"{found[1]}{HIDDEN}" if seems_secret(found[2] or found[3]) else found[0]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_SHOWN else f"{line[: LONGEST_SHOWN - 1]}…"
