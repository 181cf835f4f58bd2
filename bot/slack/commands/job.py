"""`/gpu job`: the templates; what a booking runs, and changing that until it runs."""

from __future__ import annotations

from bot.domain.booking import Booking, booking_label, parse_booking_id
from bot.domain.cluster import Cluster
from bot.domain.errors import N_, ReasonNeeded
from bot.domain.job import JobOrder, JobTemplate
from bot.domain.job_request import JobChange, parse_job
from bot.domain.job_templates import example_for, known_template
from bot.services.attach_job import attach_job
from bot.services.look import get_booking, may_change
from bot.services.look_runs import runs_its_job
from bot.slack import forms, phrases
from bot.slack.blocks import modal
from bot.slack.blocks.bookings import changed
from bot.slack.blocks.build import actions, button, message, outcome
from bot.slack.blocks.job_fields import job_fields
from bot.slack.blocks.reason import reason_field
from bot.slack.blocks.which import about, booking_of, data_of
from bot.slack.changeable import changeable
from bot.slack.context import Call, Form, FormAnswer, Press, Reply
from bot.slack.ids import ActionId, BlockId, CallbackId
from bot.slack.job_draft import AS_BEFORE, JobDraft, job_draft, order_of_draft, read_job
from bot.slack.payload import pack, unpack_id
from bot.slack.reader import Mrkdwn
from bot.slack.registry import Group, action, submission, verb

#: More would not fit into a message.
SHOWN = 30


@verb(
    "job",
    group=Group.YOURS,
    usage=["job", "job ID", "job ID NAME [key=value …]", "job ID none"],
    summary=N_("what a booking runs by itself; alone it lists the templates"),
    examples=["job", "job B142 yolo-train data=coco.yaml epochs=100", "job B142 none"],
    details=N_(
        "The same words may stand in `reserve`, `wait` and `queue`: `job NAME key=value …`. Quote "
        "values with spaces. A job can be given, changed and taken away until its run has started."
    ),
)
def job(call: Call, text: str) -> Reply | None:
    """List the templates, tell of one, or show or change what a booking runs."""
    word = text.partition(" ")[0]
    if not text or word.casefold() == "list":
        return listed(call)
    if parse_booking_id(word) is None and not word[:1].isdigit():
        return message(_template(call, known_template(call.site.cluster, word)))
    asked = parse_job(text)
    if asked.is_question:
        return _shown(call, get_booking(call.site, asked.booking))
    return _change(call, asked)


@action(ActionId.JOB)
def press_job(press: Press) -> None:
    """Open the form with what the booking runs."""
    open_form(press, unpack_id(press.value))


@action(ActionId.JOB_REMOVE)
def press_remove(press: Press) -> Reply | None:
    """Have nothing run there any more."""
    return _change(press, JobChange(unpack_id(press.value)))


def open_form(call: Call, booking_id: int, draft: JobDraft | None = None) -> None:
    """Ask what is to run, and why where the rules want a reason."""
    reader = call.reader
    booking = changeable(call, booking_id)
    view = modal.form(
        call,
        CallbackId.JOB,
        title=reader.plain("What it runs"),
        submit=reader.plain("Save"),
        data=data_of(booking),
        blocks=[
            about(call, booking, lambda own: not own.is_over(call.now)),
            *job_fields(call, draft or job_draft(booking.job)),
            *reason_field(call, booking),
        ],
    )
    call.open_view(view)


@submission(CallbackId.JOB)
def submitted(form: Form) -> FormAnswer:
    """Have the booking run what the form says."""
    booking_id, draft = booking_of(form), read_job(form.values)
    same = draft.template == AS_BEFORE
    order = get_booking(form.site, booking_id).job if same else order_of_draft(draft)
    reason = forms.typed(form.values, BlockId.REASON)
    return _done(form, _attach(form, booking_id, order, reason))


def _change(call: Call, asked: JobChange) -> Reply | None:
    """Change it; ask for a reason in the form where the rules want one."""
    order = asked.after(get_booking(call.site, asked.booking).job)
    try:
        return _done(call, _attach(call, asked.booking, order, asked.reason))
    except ReasonNeeded:
        open_form(call, asked.booking, job_draft(order))
        return None


def _attach(call: Call, booking_id: int, order: JobOrder | None, reason: str) -> Booking:
    return attach_job(
        call.site, call.actor, booking_id, order, reason=reason, now=call.now, key=call.key
    )


def _done(call: Call, booking: Booking) -> Reply:
    reader, label = call.reader, booking_label(booking.id)
    if booking.job is None:
        said = reader.text(N_("{label} runs nothing by itself."), label=label)
    else:
        said = reader.text(N_("{label} {job}."), label=label, job=phrases.job(reader, booking.job))
    reply = changed(reader, call.site.cluster, said, booking, call.now)
    return outcome(reply, reader.plain("Changed"), said)


def _shown(call: Call, booking: Booking) -> Reply:
    """What the booking runs, and buttons to change that."""
    reader, value = call.reader, pack(booking.id)
    line = phrases.line(reader, call.site.cluster, booking)
    said = reader.text(N_("It runs nothing by itself."))
    if booking.job is not None:
        said = reader.text(N_("It {job}."), job=phrases.job(reader, booking.job))
        said = reader.sentences(said, *_variables(call, booking.job))
    if not _may_change_job(call, booking):
        return message(f"{line}\n{said}", title=phrases.label(booking))
    caption = reader.plain("Change…") if booking.job else reader.plain("Give it a job…")
    buttons = [button(caption, ActionId.JOB, value)]
    if booking.job is not None:
        buttons.append(button(reader.plain("Remove the job"), ActionId.JOB_REMOVE, value))
    return message(f"{line}\n{said}", actions(*buttons), title=phrases.label(booking))


def _may_change_job(call: Call, booking: Booking) -> bool:
    if booking.is_over(call.now) or runs_its_job(call.site, booking.id):
        return False
    return may_change(call.site, call.actor, booking)


def _variables(call: Call, order: JobOrder) -> list[Mrkdwn]:
    """The names of the variables that it sets; their values are nobody's business."""
    job = order.own
    if job is None or not (job.env or job.secrets):
        return []
    names = ", ".join(name for name, _ in (*job.env, *job.secrets))
    return [call.reader.text(N_("It sets {names}."), names=names)]


def listed(call: Call) -> Reply:
    """Every template, with its parameters and an example that works."""
    reader, cluster = call.reader, call.site.cluster
    if not cluster.runs.is_on:
        said = N_("This cluster starts no jobs: book the GPUs, and start your work yourself.")
        return message(reader.text(said), title=reader.plain("Jobs"))
    lines = [_template(call, template) for template in cluster.jobs[:SHOWN]]
    if cluster.runs.own_commands:
        example = '/gpu reserve 1 now 2h run "python train.py"'
        said = N_("You may also run a command of your own: `{example}`")
        lines.append(reader.text(said, example=example))
    heading = _heading(call, cluster)
    return message("\n\n".join([heading, *lines]), title=reader.plain("Jobs"))


def _heading(call: Call, cluster: Cluster) -> Mrkdwn:
    if not cluster.jobs:
        return call.reader.text(N_("There are no templates for jobs here."))
    return call.reader.text(
        N_("*What a booking can run by itself.* It starts with the booking, and ends with it.")
    )


def _template(call: Call, template: JobTemplate) -> Mrkdwn:
    """A template in a few lines."""
    reader = call.reader
    pairs = template.parameters
    required = ", ".join(name for name, value in pairs if value is None)
    others = ", ".join(f"{name}={value}" for name, value in pairs if value is not None)
    summary = reader.plain(template.summary) if template.summary else ""
    lines = [reader.text(N_("*{name}* {summary}"), name=template.name, summary=summary)]
    if required:
        lines.append(reader.text(N_("It needs: {names}"), names=required))
    if others:
        lines.append(reader.text(N_("It takes: {names}"), names=others))
    example = f"/gpu reserve 4 tomorrow 22:00 20h {example_for(template)}"
    lines.append(reader.text("`{example}`", example=example))
    return Mrkdwn("\n".join(lines))
