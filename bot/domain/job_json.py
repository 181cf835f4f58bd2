"""Job orders as objects that JSON can hold, for tables and the values of buttons."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from bot.domain.job import GRACE, Job, JobOrder, Volume, VolumeKind

#: The most characters of an order that a button holds, which has other things to hold as well.
LONGEST_ORDER = 900


def fits_button(packed: Mapping[str, Any]) -> bool:
    """Whether an order, as an object, is short enough for the value of a button."""
    return len(json.dumps(packed, ensure_ascii=False)) <= LONGEST_ORDER


def order_to_json(order: JobOrder | None) -> str | None:
    """The order as a table keeps it; None where there is none."""
    return None if order is None else json.dumps(pack_order(order), ensure_ascii=False)


def order_from_json(text: str | None) -> JobOrder | None:
    """The order that `order_to_json` wrote."""
    return None if text is None else unpack_order(json.loads(text))


def pack_order(order: JobOrder) -> dict[str, Any]:
    """The order as an object; what is left out has its default."""
    return _kept(
        t=order.template,
        p=dict(order.parameters),
        w=order.workers,
        o=None if order.own is None else _pack_job(order.own),
    )


def unpack_order(fields: Mapping[str, Any]) -> JobOrder:
    """The order in an object. Raises KeyError, TypeError or ValueError when it is none."""
    fields = _table(fields)
    own = fields.get("o")
    return JobOrder(
        template=_text(fields.get("t", "")),
        parameters=_pairs(fields.get("p", {})),
        own=None if own is None else _unpack_job(_table(own)),
        workers=_count(fields.get("w")),
    )


def _pack_job(job: Job) -> dict[str, Any]:
    return _kept(
        command=list(job.command),
        image=job.image,
        resume=list(job.resume),
        checkpoints=job.checkpoints,
        checkpoint=job.checkpoint,
        env=dict(job.env),
        secrets=dict(job.secrets),
        volumes=[_pack_volume(volume) for volume in job.volumes],
        workers=job.workers,
        folder=job.folder,
        grace=None if job.grace == GRACE else job.grace.total_seconds(),
    )


def _unpack_job(fields: Mapping[str, Any]) -> Job:
    return Job(
        command=_words(fields.get("command", [])),
        image=_text(fields.get("image", "")),
        resume=_words(fields.get("resume", [])),
        checkpoints=_text(fields.get("checkpoints", "")),
        checkpoint=_text(fields.get("checkpoint", "")),
        env=_pairs(fields.get("env", {})),
        secrets=_pairs(fields.get("secrets", {})),
        volumes=tuple(_unpack_volume(_table(one)) for one in fields.get("volumes", [])),
        workers=_count(fields.get("workers")),
        folder=_text(fields.get("folder", "")),
        grace=_grace(fields.get("grace", GRACE.total_seconds())),
    )


def _pack_volume(volume: Volume) -> dict[str, Any]:
    return _kept(
        kind=volume.kind.value,
        source=volume.source,
        mount=volume.mount,
        server=volume.server,
        read_only=volume.read_only,
    )


def _unpack_volume(fields: Mapping[str, Any]) -> Volume:
    return Volume(
        kind=VolumeKind(fields["kind"]),
        source=_text(fields["source"]),
        mount=_text(fields["mount"]),
        server=_text(fields.get("server", "")),
        read_only=bool(fields.get("read_only")),
    )


def _kept(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, "", [], {}, False)}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _count(value: object) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise TypeError(value)
    return value


def _grace(value: object) -> timedelta:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 86400:
        raise TypeError(value)
    return timedelta(seconds=value)


def _table(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(value)
    return value


def _words(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(value)
    return tuple(map(_text, value))


def _pairs(value: object) -> tuple[tuple[str, str], ...]:
    return tuple((name, _text(said)) for name, said in _table(value).items())
