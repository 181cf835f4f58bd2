"""What the form to reserve holds, as a value: from its fields, and to a request."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.domain.booking import Priority
from bot.domain.errors import N_, BookingError, Missing
from bot.domain.lengths import parse_length
from bot.domain.notes import Note
from bot.domain.request import BookingRequest, build_request
from bot.domain.understood import understood
from bot.domain.window import asked_length
from bot.slack import forms
from bot.slack.context import Call, Values
from bot.slack.ids import BlockId
from bot.slack.job_draft import JobDraft, job_draft, order_of_draft, read_job, worded_job
from bot.slack.wording import cleaned


@dataclass(frozen=True, slots=True)
class Draft:
    """What the form's fields hold; None and "" are fields left alone."""

    gpus: int | None = 1
    model: str = ""
    node: str = ""
    start: datetime | None = None
    length: str = ""
    priority: Priority = Priority.P2
    #: "", "yes" or "no"; "" leaves it to the priority.
    preemptible: str = ""
    team: str = ""
    purpose: str = ""
    spread: bool = False
    job: JobDraft = field(default_factory=JobDraft)
    #: The booking whose work it goes on with; see BookingRequest.
    continues: int | None = None


def first_draft(call: Call, request: BookingRequest | None) -> Draft:
    """The draft to begin with: one GPU for a slot from now, or what `request` asks for."""
    if request is None:
        return Draft(length=compact(call.site.cluster.policy.slot))
    return Draft(
        gpus=request.shape.gpus,
        model=request.shape.model or "",
        node=request.shape.node or "",
        start=request.window.start if request.window.start > call.now else None,
        length=compact(asked_length(request.window, call.site.cluster.grid)),
        priority=request.priority,
        preemptible="yes" if request.preemptible else "no",
        team=request.team or "",
        purpose=request.purpose,
        spread=request.shape.spread,
        job=job_draft(request.job, request.continues),
        continues=request.continues,
    )


def worded_draft(call: Call, text: str) -> Draft:
    """The draft that those words of a command give which can be understood."""
    cluster = call.site.cluster
    said, start, length = understood(
        text,
        now=call.now,
        zone=call.reader.zone,
        cluster=cluster,
        month_first=call.reader.month_first,
    )
    node, team = cluster.node(said.node or ""), cluster.team(said.team or "")
    return Draft(
        gpus=1 if said.gpus is None else said.gpus,
        model=cluster.model(said.model or "") or "",
        node=node.name if node else "",
        start=start,
        length=compact(length or cluster.policy.slot),
        priority=Priority.P2 if said.priority is None else said.priority,
        preemptible={True: "yes", False: "no", None: ""}[said.preemptible],
        team=team.name if team else "",
        purpose=cleaned(said.purpose or ""),
        spread=bool(said.spread),
        job=worded_job(cluster, said.job, said.run, said.parameters),
    )


def compact(length: timedelta) -> str:
    """A length as it is typed: "20h", "90m"."""
    minutes = int(length.total_seconds()) // 60
    return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"


def read_draft(values: Values) -> Draft:
    """The draft that the fields hold."""
    priority = forms.chosen(values, BlockId.PRIORITY)
    return Draft(
        gpus=forms.whole_number(values, BlockId.GPUS),
        model=forms.chosen(values, BlockId.MODEL).removeprefix("="),
        node=forms.chosen(values, BlockId.NODE).removeprefix("="),
        start=forms.picked_moment(values, BlockId.START),
        length=forms.typed(values, BlockId.LENGTH),
        priority=Priority(int(priority)) if priority in {"0", "1", "2"} else Priority.P2,
        preemptible=forms.chosen(values, BlockId.PREEMPTIBLE).removeprefix("="),
        team=forms.chosen(values, BlockId.TEAM),
        purpose=forms.typed(values, BlockId.PURPOSE),
        spread=forms.ticked(values, BlockId.SPREAD),
        job=read_job(values),
    )


def to_request(call: Call, draft: Draft) -> BookingRequest:
    """The request that the draft makes. Raises InputError at the field it belongs to."""
    if draft.gpus is None:
        what = Note(N_("How many GPUs?"))
        raise Missing(what=what, example="4", form_field=BlockId.GPUS)
    return build_request(
        gpus=draft.gpus,
        start=draft.start,
        length=length_of(draft.length),
        node=draft.node or None,
        model=draft.model or None,
        spread=draft.spread,
        priority=draft.priority,
        preemptible={"yes": True, "no": False}.get(draft.preemptible),
        team=draft.team or None,
        purpose=draft.purpose,
        job=order_of_draft(draft.job),
        continues=draft.continues if draft.job != JobDraft() else None,
        now=call.now,
        cluster=call.site.cluster,
    )


def length_of(text: str) -> timedelta:
    """The length typed into a form. Raises InputError at its field."""
    try:
        return parse_length(text)
    except BookingError as error:
        error.form_field = BlockId.LENGTH
        raise
