"""Jobs as JSON: how they are said, and how they are shown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bot.domain.job import Job, JobOrder, Volume, VolumeKind
from bot.domain.job_shown import job_in_words, shown_words
from bot.web.api.schemas import JobBody, JobVolume
from bot.web.problems import Problem


def read_job(body: JobBody) -> JobOrder:
    """The order in a body. Raises Problem for one that says two things at once."""
    given = body.model_fields_set - {"template", "parameters", "workers", "reason"}
    if body.template is not None:
        if given:
            detail = "Give `template` with `parameters`, or the other fields without it."
            raise Problem(422, "template_alone", detail, field="job")
        parameters = tuple((name, _text(value)) for name, value in body.parameters.items())
        return JobOrder(body.template, parameters, workers=body.workers)
    if body.parameters:
        raise Problem(422, "template_missing", "Say whose `parameters` they are.", field="job")
    return JobOrder(own=_own(body))


def _own(body: JobBody) -> Job:
    return Job(
        command=tuple(body.command),
        image=body.image,
        resume=tuple(body.resume),
        checkpoints=body.checkpoints,
        checkpoint=body.checkpoint,
        env=tuple(body.env.items()),
        secrets=tuple(body.secrets.items()),
        volumes=tuple(_volume(volume) for volume in body.volumes),
        workers=body.workers,
        folder=body.folder,
        grace=timedelta(seconds=body.grace_s),
    )


def _volume(body: JobVolume) -> Volume:
    kinds = [kind for kind in VolumeKind if getattr(body, kind) is not None]
    if len(kinds) != 1:
        detail = "A volume comes from exactly one of `claim`, `host` and `nfs`."
        raise Problem(422, "bad_volume", detail, field="job")
    (kind,) = kinds
    source = str(getattr(body, kind))
    server, _, path = source.partition(":") if kind is VolumeKind.NFS else ("", "", source)
    return Volume(kind, path, body.mount, server, body.read_only)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def job_result(order: JobOrder | None) -> dict[str, Any] | None:
    """The job as anybody may see it: of variables only the names."""
    if order is None:
        return None
    own = order.own or Job()
    return {
        "summary": job_in_words(order),
        "template": order.template or None,
        "parameters": dict(order.parameters),
        "workers": own.workers if order.own else order.workers,
        "image": own.image or None,
        "command": list(shown_words(own)),
        "variables": [name for name, _ in (*own.env, *own.secrets)],
    }


def job_order(order: JobOrder | None) -> dict[str, Any] | None:
    """The body that orders the same template; a job of one's own has to be said again."""
    if order is None or order.own is not None:
        return None
    body = {
        "template": order.template,
        "parameters": dict(order.parameters),
        "workers": order.workers,
    }
    return {name: value for name, value in body.items() if value}
