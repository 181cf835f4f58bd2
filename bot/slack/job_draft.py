"""Jobs in forms: what their fields hold, and the order that this makes."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from bot.domain.cluster import Cluster
from bot.domain.errors import InputError
from bot.domain.job import Job, JobOrder
from bot.domain.job_request import parse_parameters, write_parameters
from bot.domain.job_words import OWN_KEYS, order_of
from bot.slack import forms
from bot.slack.context import Values
from bot.slack.ids import BlockId

#: The job of the booking whose work is gone on with, which no field can show.
AS_BEFORE = "="


@dataclass(frozen=True, slots=True)
class JobDraft:
    """What the fields hold; "" are fields left alone."""

    #: A template's name, or AS_BEFORE.
    template: str = ""
    parameters: str = ""
    #: A command of one's own.
    command: str = ""


def job_draft(order: JobOrder | None, continues: int | None = None) -> JobDraft:
    """The draft to begin with for that order."""
    if order is None:
        return JobDraft(AS_BEFORE) if continues is not None else JobDraft()
    if order.own is None:
        return JobDraft(order.template, write_parameters(order))
    if _is_typed(order.own):
        return JobDraft("", _own_parameters(order.own), _command(order.own.command))
    return JobDraft(AS_BEFORE)


def _is_typed(job: Job) -> bool:
    """Whether all of it can be said in a form."""
    return bool(job.command) and not (job.env or job.secrets or job.volumes)


def _own_parameters(job: Job) -> str:
    fields = {
        "image": job.image,
        "folder": job.folder,
        "checkpoints": job.checkpoints,
        "checkpoint": job.checkpoint,
        "resume": _command(job.resume),
    }
    said = tuple((name, fields[name]) for name in OWN_KEYS if fields[name])
    return write_parameters(JobOrder(parameters=said, workers=job.workers))


def _command(words: tuple[str, ...]) -> str:
    return words[2] if words[:2] == ("/bin/sh", "-c") and len(words) == 3 else shlex.join(words)


def worded_job(
    cluster: Cluster, job: str | None, command: str | None, given: list[tuple[str, str]]
) -> JobDraft:
    """The draft that those words of a command give which can be understood."""
    template = cluster.job(job or "")
    said = write_parameters(JobOrder(parameters=tuple(given)))
    return JobDraft(template.name if template else "", said, command or "")


def read_job(values: Values) -> JobDraft:
    """The draft that the fields hold."""
    return JobDraft(
        forms.chosen(values, BlockId.JOB).removeprefix("job:"),
        forms.typed(values, BlockId.PARAMETERS),
        forms.typed(values, BlockId.RUN),
    )


def order_of_draft(draft: JobDraft) -> JobOrder | None:
    """The order that the draft makes. Raises InputError at the field it belongs to."""
    if draft.template == AS_BEFORE:
        return None
    try:
        given = parse_parameters(draft.parameters)
    except InputError as error:
        error.form_field = BlockId.PARAMETERS
        raise
    return order_of(draft.template or None, draft.command or None, given)
