"""The fields of a form that say what runs on a booking."""

from __future__ import annotations

from bot.domain.job import JobTemplate
from bot.slack.blocks import inputs
from bot.slack.blocks.build import option
from bot.slack.context import Block, Call
from bot.slack.ids import BlockId
from bot.slack.job_draft import AS_BEFORE, JobDraft

#: Longest text of each field, in characters; the domain refuses more.
LONGEST_PARAMETERS, LONGEST_COMMAND = 900, 300


def job_fields(call: Call, draft: JobDraft) -> list[Block]:
    """A template, its parameters, and where that is allowed a command of one's own.

    None where nothing starts jobs.
    """
    cluster, reader = call.site.cluster, call.reader
    if not cluster.runs.is_on or not (cluster.jobs or cluster.runs.own_commands):
        return []
    parameters = inputs.text(
        draft.parameters, placeholder="data=coco.yaml", longest=LONGEST_PARAMETERS, lines=True
    )
    known = " · ".join(f"{one.name}: {_parameters(one)}" for one in cluster.jobs if one.parameters)
    hint = reader.plain("One name=value on each line. {known}", known=known)
    fields = [
        inputs.field(BlockId.JOB, reader.plain("Job"), _jobs(call, draft)),
        inputs.field(
            BlockId.PARAMETERS, reader.plain("Parameters"), parameters, optional=True, hint=hint
        ),
    ]
    if cluster.runs.own_commands:
        typed = inputs.text(draft.command, placeholder="python train.py", longest=LONGEST_COMMAND)
        label = reader.plain("Or a command of your own")
        fields.append(inputs.field(BlockId.RUN, label, typed, optional=True))
    return fields


def _jobs(call: Call, draft: JobDraft) -> Block:
    """The templates, and nothing; values begin with a word, because none may be empty."""
    none = option(call.reader.plain("I start my work myself"), "job:")
    options = [option(template.name, f"job:{template.name}") for template in call.site.cluster.jobs]
    if draft.template == AS_BEFORE:
        options.insert(0, option(call.reader.plain("The same as before"), f"job:{AS_BEFORE}"))
    return inputs.select([none, *options], f"job:{draft.template}")


def _parameters(template: JobTemplate) -> str:
    """`data, epochs=100`: those to be given, and the others with their defaults."""
    return ", ".join(
        name if default is None else f"{name}={default}" for name, default in template.parameters
    )
