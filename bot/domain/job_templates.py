"""From what somebody orders to the job that runs: templates, parameters, and what is allowed."""

from __future__ import annotations

import difflib
import json
import posixpath
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from bot.domain import policy
from bot.domain.booking import Booking, Shape, Share
from bot.domain.cluster import Cluster
from bot.domain.errors import N_, BadJob, BookingError, UnknownName
from bot.domain.job import (
    PLACES,
    Job,
    JobOrder,
    JobTemplate,
    VolumeKind,
    fill,
    places_in,
)
from bot.domain.job_rules import (
    KEPT_ELSEWHERE,
    MOST_WORKERS,
    VARIABLE,
    is_inside,
    is_set_by_gpubot,
)
from bot.domain.notes import Note
from bot.domain.run import can_share
from bot.domain.run_rules import RunnerKind

#: The longest value of a parameter, and all of them together with their names, in characters:
#: an order has to fit into a button.
LONGEST_VALUE, LONGEST_PARAMETERS = 200, 600

#: What to show for parameters without a default.
_SAMPLES = {"data": "coco.yaml"}

EXAMPLE = "/gpu reserve 4 tomorrow 22:00 20h job yolo-train data=coco.yaml"
NO_JOB_EXAMPLE = "/gpu reserve 4 tomorrow 22:00 20h"
OWN_COMMANDS = N_("On this cluster only the templates of `/gpu job` may be run.")


def check_order(cluster: Cluster, order: JobOrder, shape: Shape) -> JobOrder:
    """The order with its names as the cluster spells them, if it can run on such GPUs.

    Whether it may run is for `check_allowed`. Raises UnknownName or BadJob.
    """
    job = _resolved(cluster, order)
    check_job(cluster, job, shape)
    if order.own is not None:
        return order
    template = known_template(cluster, order.template)
    return replace(order, template=template.name)


def resolve(cluster: Cluster, order: JobOrder) -> Job:
    """The job that is ordered, with its parameters filled in.

    Raises UnknownName for a template that does not exist, BadJob for what is wrong with its
    parameters, and NotAllowed for a job of one's own where only templates are.
    """
    check_allowed(cluster, order)
    return _resolved(cluster, order)


def check_allowed(cluster: Cluster, order: JobOrder) -> None:
    """Raise NotAllowed for a job of one's own where only templates may run."""
    if order.own is not None and not cluster.runs.own_commands:
        raise policy.not_allowed(cluster, OWN_COMMANDS, form_field="job")


def _resolved(cluster: Cluster, order: JobOrder) -> Job:
    if not cluster.runs.is_on:
        said = N_("This cluster starts no jobs: book the GPUs, and start your work yourself.")
        raise BadJob(what=Note(said), example=NO_JOB_EXAMPLE, form_field="job")
    if order.own is not None:
        return _in_checkpoints(cluster, _with_workers(order.own, order.workers))
    template = known_template(cluster, order.template)
    values = _values(template, order)
    job = _with_workers(_filled(template.job, values), order.workers)
    return _in_checkpoints(cluster, job)


def known_template(cluster: Cluster, name: str) -> JobTemplate:
    """The template called `name`; raises UnknownName, with what was probably meant."""
    found = cluster.job(name)
    if found is None:
        known = [template.name for template in cluster.jobs]
        raise UnknownName(
            kind="job",
            name=name,
            known=", ".join(known),
            close=closest(name, known),
            form_field="job",
        )
    return found


def closest(word: str, known: Iterable[str]) -> str:
    """Which of the known names was probably meant; empty: none is like it."""
    spellings = {name.casefold(): name for name in known}
    found = difflib.get_close_matches(word.casefold(), spellings, n=1, cutoff=0.6)
    begins = [name for name in spellings if name.startswith(word.casefold())]
    return spellings[[*found, *begins][0]] if found or begins else ""


def example_for(template: JobTemplate) -> str:
    """Words that order the template: its required parameters, and one other."""
    required = [
        f"{name}={_SAMPLES.get(name, 'VALUE')}"
        for name, value in template.parameters
        if value is None
    ]
    numbers = [f"{name}={value}" for name, value in template.parameters if (value or "").isdigit()]
    return " ".join(["job", template.name, *required, *numbers[:1]])


def _values(template: JobTemplate, order: JobOrder) -> dict[str, str]:
    """The values of all parameters, those given and the others."""
    known = [name for name, _ in template.parameters]
    given: dict[str, str] = {}
    for name, value in order.parameters:
        if name not in known:
            raise _unknown_parameter(template, name, known)
        if name in given:
            what = Note(N_("“{name}” is said twice."), {"name": name})
            raise bad_job(what, template)
        given[name] = _checked_value(template, name, value)
    for name, default in template.parameters:
        if default is None and not given.get(name):
            what = Note(N_("The job {job} needs “{name}”."), {"job": template.name, "name": name})
            raise bad_job(what, template)
    if len(json.dumps(given, ensure_ascii=False)) > LONGEST_PARAMETERS:
        what = Note(
            N_("The parameters are too long: {longest} characters are allowed."),
            {"longest": LONGEST_PARAMETERS},
        )
        raise bad_job(what, template)
    return {**{name: value or "" for name, value in template.parameters}, **given}


def _unknown_parameter(template: JobTemplate, name: str, known: Sequence[str]) -> BadJob:
    close = closest(name, known)
    fields = {"job": template.name, "name": name, "close": close, "known": ", ".join(known)}
    if not known:
        return bad_job(Note(N_("The job {job} takes no parameters."), fields), template)
    if close:
        said = N_("The job {job} has no parameter “{name}”: did you mean {close}?")
        return bad_job(Note(said, fields), template)
    said = N_("The job {job} has no parameter “{name}”. It takes: {known}.")
    return bad_job(Note(said, fields), template)


def _checked_value(template: JobTemplate, name: str, value: str) -> str:
    """The value, if it is one that a command can be given as data."""
    fields = {"name": name, "longest": LONGEST_VALUE}
    if len(value) > LONGEST_VALUE:
        said = N_("The value of “{name}” is too long: {longest} characters are allowed.")
        raise bad_job(Note(said, fields), template)
    if not is_plain(value):
        said = N_("The value of “{name}” has characters in it that nobody can see.")
        raise bad_job(Note(said, fields), template)
    if any(place in PLACES for place in places_in(value)):
        said = N_("The value of “{name}” has a word in braces that means something to gpubot.")
        raise bad_job(Note(said, fields), template)
    alone = f"{{{name}}}"
    if value.startswith("-") and alone in (*template.job.command, *template.job.resume):
        said = N_("The value of “{name}” begins with a hyphen: it would be taken for an option.")
        raise bad_job(Note(said, fields), template)
    return value


def is_plain(text: str) -> bool:
    """Whether the text is on one line and free of what cannot be seen or stored."""
    return not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in text)


def _filled(job: Job, values: Mapping[str, str]) -> Job:
    return replace(
        job,
        command=_filled_words(job.command, values),
        resume=_filled_words(job.resume, values),
        env=tuple((name, fill(value, values)) for name, value in job.env),
        checkpoints=_filled_path(job.checkpoints, values),
        checkpoint=_filled_path(job.checkpoint, values),
        folder=_filled_path(job.folder, values),
    )


def _filled_path(path: str, values: Mapping[str, str]) -> str:
    """The path filled in; whether it is a relative one is for the template to say."""
    found = fill(path, values)
    return found if path.startswith("/") else found.lstrip("/")


def _filled_words(words: tuple[str, ...], values: Mapping[str, str]) -> tuple[str, ...]:
    """The words filled in; one that is a parameter alone goes when that has no value."""
    empty = {f"{{{name}}}" for name, value in values.items() if not value}
    return tuple(fill(word, values) for word in words if word not in empty)


def _with_workers(job: Job, workers: int | None) -> Job:
    if workers is None or workers == job.workers:
        return job
    if job.workers is not None:
        said = N_("This job always runs with workers={workers}.")
        raise bad_job(Note(said, {"workers": job.workers}))
    return replace(job, workers=workers)


def _in_checkpoints(cluster: Cluster, job: Job) -> Job:
    """The job with a folder for checkpoints that is the same wherever it starts."""
    base = cluster.runs.checkpoints
    if not job.checkpoints or not base or job.checkpoints.startswith("/"):
        return job
    return replace(job, checkpoints=posixpath.join(base, job.checkpoints))


def check_job(cluster: Cluster, job: Job, shape: Shape) -> None:
    """Raise BadJob for a job that could not run on GPUs of that shape, or on this cluster.

    Where they will lie is not known yet: see `check_placed`.
    """
    kind = cluster.runs.kind
    if kind is RunnerKind.KUBERNETES and not job.image:
        raise bad_job(Note(N_("On this cluster a job needs a container image.")))
    if kind is not RunnerKind.KUBERNETES and not job.command:
        raise bad_job(Note(N_("On this cluster a job needs a command.")))
    if job.resume and not (job.command and job.checkpoint):
        said = N_("Words to resume with need a command, and a checkpoint to resume from.")
        raise bad_job(Note(said))
    _check_words(job)
    _check_variables(job)
    check_volumes(cluster, job)
    if job.workers is not None:
        _check_workers(cluster, job.workers, shape)


def _check_words(job: Job) -> None:
    texts = (*job.command, *job.resume, job.image, job.checkpoints, job.checkpoint, job.folder)
    if any("\0" in text for text in texts):
        raise bad_job(Note(N_("The job has characters in it that nobody can see.")))
    for path in (job.checkpoints, job.checkpoint, job.folder):
        if ".." in path.split("/") or not is_plain(path):
            said = N_("“{path}” is no path for a job: it may not lead upwards by “..”.")
            raise bad_job(Note(said, {"path": path}))
    if not is_plain(job.image) or " " in job.image or job.image.startswith("-"):
        raise bad_job(Note(N_("That is no name of a container image.")))


def _check_variables(job: Job) -> None:
    names = [name for name, _ in (*job.env, *job.secrets)]
    for name in names:
        fields = {"name": name}
        if not re.fullmatch(VARIABLE, name):
            raise bad_job(Note(N_("“{name}” is no name of an environment variable."), fields))
        if is_set_by_gpubot(name):
            raise bad_job(Note(N_("gpubot itself sets the variable “{name}”."), fields))
        if names.count(name) > 1:
            raise bad_job(Note(N_("“{name}” is said twice."), fields))
    # The value is what is wrong, and is not shown.
    for name, value in job.env:
        if "\0" in value:
            said = N_("The value of “{name}” has characters in it that nobody can see.")
            raise bad_job(Note(said, {"name": name}))
    for name, secret in job.secrets:
        if not re.fullmatch(KEPT_ELSEWHERE, secret):
            said = N_("“{name}” needs a secret and its key, such as wandb/api-key.")
            raise bad_job(Note(said, {"name": name}))


def check_volumes(cluster: Cluster, job: Job) -> None:
    """Raise BadJob for data that it may not use, or that could not be there."""
    mounts: set[str] = set()
    for volume in job.volumes:
        mount = posixpath.normpath(volume.mount)
        fields = {"mount": volume.mount, "source": volume.source}
        if not volume.mount.startswith("/") or mount.strip("/") == "":
            said = N_("“{mount}” is no place for a volume: it has to begin with /.")
            raise bad_job(Note(said, fields))
        if mount in mounts:
            raise bad_job(Note(N_("Two volumes have the same place, “{mount}”."), fields))
        mounts.add(mount)
        if volume.kind is VolumeKind.HOST:
            _check_host_path(cluster, volume.source)
        elif not volume.source or (volume.kind is VolumeKind.NFS and not volume.server):
            raise bad_job(Note(N_("The volume at “{mount}” says not where it comes from."), fields))


def _check_host_path(cluster: Cluster, path: str) -> None:
    allowed = cluster.policy.host_paths
    if is_inside(path, allowed):
        return
    fields = {"path": path, "allowed": ", ".join(allowed)}
    if not allowed:
        said = N_("“{path}” cannot be used: jobs may use no folders of the nodes here.")
        raise bad_job(Note(said, fields))
    said = N_("“{path}” cannot be used: of the nodes' folders jobs may use {allowed}.")
    raise bad_job(Note(said, fields))


def _check_workers(cluster: Cluster, workers: int, shape: Shape) -> None:
    """Whether each worker can have as many GPUs as the others, on one node."""
    fields = {"workers": workers, "gpus": shape.gpus}
    if not 1 <= workers <= MOST_WORKERS:
        said = N_("A job has 1 to {most} workers.")
        raise bad_job(Note(said, {"most": MOST_WORKERS}))
    each, rest = divmod(shape.gpus, workers)
    if rest or not each:
        said = N_("{gpus} GPUs cannot be shared out evenly among {workers} workers.")
        raise bad_job(Note(said, fields))
    sizes = [
        node.gpus
        for node in cluster.nodes
        if shape.node in (None, node.name) and shape.model in (None, node.model)
    ]
    whole = shape.gpus > max(sizes, default=0) and not shape.spread
    if not any(each <= size and (not whole or size % each == 0) for size in sizes):
        raise _not_on_nodes(fields, each)


def check_placed(cluster: Cluster, booking: Booking) -> None:
    """Raise BadJob when the job's workers cannot each have their GPUs on one of its nodes."""
    check_place(cluster, booking.job, booking.shares)


def check_place(cluster: Cluster, order: JobOrder | None, shares: Sequence[Share]) -> None:
    """The same before it is booked."""
    if order is None:
        return
    job = resolve(cluster, order)
    if job.workers is not None and not can_share(shares, job.workers):
        gpus = sum(share.gpus for share in shares)
        raise _not_on_nodes({"workers": job.workers, "gpus": gpus}, gpus // job.workers)


def suits(cluster: Cluster, order: JobOrder | None, shares: Iterable[Share]) -> bool:
    """Whether the job could run on these GPUs, as far as it can be told."""
    try:
        job = None if order is None else resolve(cluster, order)
    except BookingError:
        return True  # Whatever is wrong with it is said when it is to start.
    return job is None or job.workers is None or can_share(shares, job.workers)


def _not_on_nodes(fields: Mapping[str, object], each: int) -> BadJob:
    if fields["workers"] == 1:
        said = N_("This job runs on one node, and {gpus} GPUs are more than one node can give it.")
        return bad_job(Note(said, fields))
    said = N_(
        "{workers} workers with {each} GPUs each do not fit on the nodes: a worker's GPUs lie on "
        "one node."
    )
    return bad_job(Note(said, {**fields, "each": each}))


def bad_job(what: Note, template: JobTemplate | None = None) -> BadJob:
    """What is wrong with a job, with an example of one that is right."""
    example = EXAMPLE if template is None else _whole_example(template)
    return BadJob(what=what, example=example, form_field="job")


def _whole_example(template: JobTemplate) -> str:
    return f"/gpu reserve 4 tomorrow 22:00 20h {example_for(template)}"
