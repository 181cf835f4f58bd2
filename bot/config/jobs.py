"""The tables `[[jobs]]`: what people can have run on their bookings by a name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from bot.config.tables import Table
from bot.config.values import Word, parse_duration
from bot.domain.job import GRACE, PLACES, Job, JobTemplate, Volume, VolumeKind, places_in
from bot.domain.job_rules import (
    KEPT_ELSEWHERE,
    MOST_WORKERS,
    PARAMETER,
    RESERVED_PARAMETERS,
    VARIABLE,
    is_inside,
    is_set_by_gpubot,
    seems_secret,
)
from bot.domain.yolo import SHIPPED

#: `/gpu job list` and `/gpu job B142 none`.
_TAKEN = ("list", "none")
_LONGEST_GRACE = timedelta(minutes=30)
_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh"})
_NFS = re.compile(r"([A-Za-z0-9.:\[\]-]+?):(/.*)")


def _default(value: object) -> str:
    """A parameter's value; numbers and true or false may stand there without quotes."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float):
        raise ValueError("not a value")
    return str(value)


def _grace(value: object) -> timedelta:
    seconds = re.fullmatch(r"([0-9]{1,4})s", value) if isinstance(value, str) else None
    length = timedelta(seconds=int(seconds[1])) if seconds else parse_duration(value)
    if length > _LONGEST_GRACE:
        raise ValueError("out of bounds")
    return length


Grace = Annotated[
    timedelta,
    BeforeValidator(_grace),
    WithJsonSchema({"type": "string", "pattern": "^([0-9]+s|([0-9]+[hm])+)$"}),
]
Value = Annotated[
    str, BeforeValidator(_default), WithJsonSchema({"type": ["string", "number", "boolean"]})
]
ParameterName = Annotated[str, Field(pattern=PARAMETER)]
VariableName = Annotated[str, Field(pattern=VARIABLE)]
SecretName = Annotated[str, Field(pattern=KEPT_ELSEWHERE)]
Folder = Annotated[str, Field(pattern=r"^/")]


class VolumeTable(Table):
    """One of a job's `volumes`: exactly one of `claim`, `host` and `nfs`, and where it goes."""

    claim: str | None = Field(
        default=None, min_length=1, max_length=253, description="a PersistentVolumeClaim's name"
    )
    host: Folder | None = Field(
        default=None, description="a folder of the nodes, in one of policy.host_paths"
    )
    nfs: str | None = Field(
        default=None, pattern=_NFS.pattern, description='an export such as "server:/data"'
    )
    mount: Folder = Field(description="where the job finds it: a path that begins with /")
    read_only: bool = Field(default=False, description="true or false")


class JobTable(Table):
    """The table `[[jobs]]`."""

    name: Word = Field(description="one word of letters, digits and . _ + - with a letter in it")
    summary: str = Field(default="", max_length=100, description="up to 100 characters")
    image: str = Field(default="", max_length=300, description="a container image")
    command: tuple[str, ...] = Field(
        default=(), strict=False, description='a list of words such as ["python", "train.py"]'
    )
    resume: tuple[str, ...] = Field(
        default=(), strict=False, description="a list of words, used where there is a checkpoint"
    )
    parameters: dict[ParameterName, Value] = Field(
        default={}, description='a table of names and their defaults such as { epochs = "100" }'
    )
    required: tuple[ParameterName, ...] = Field(
        default=(), strict=False, description='a list of parameters without a default: ["data"]'
    )
    checkpoints: str = Field(
        default="", max_length=300, description="a folder; in runner.checkpoints if relative"
    )
    checkpoint: str = Field(
        default="", max_length=300, description='a file such as "{checkpoints}/last.pt"'
    )
    env: dict[VariableName, Value] = Field(
        default={}, description='a table of variables such as { OMP_NUM_THREADS = "8" }'
    )
    secrets: dict[VariableName, SecretName] = Field(
        default={},
        description='a table of variables and secrets: { WANDB_API_KEY = "wandb/api-key" }',
    )
    volumes: tuple[VolumeTable, ...] = Field(
        default=(),
        strict=False,
        description='a list such as [{ claim = "data", mount = "/data", read_only = true }]',
    )
    workers: int | None = Field(
        default=None, ge=1, le=MOST_WORKERS, description=f"a whole number from 1 to {MOST_WORKERS}"
    )
    folder: str = Field(default="", max_length=300, description="a folder to start in")
    grace: Grace = Field(
        default=GRACE,
        description='a duration up to "30m" such as "30s"',
        json_schema_extra={"default": "30s"},
    )


def to_templates(tables: Iterable[JobTable]) -> tuple[JobTemplate, ...]:
    """The templates of the file, and behind them those that gpubot brings along."""
    own = tuple(_template(table) for table in tables)
    taken = {template.name.casefold() for template in own}
    return own + tuple(one for one in SHIPPED if one.name.casefold() not in taken)


def _template(table: JobTable) -> JobTemplate:
    return JobTemplate(
        name=table.name,
        summary=table.summary,
        parameters=(
            *((name, None) for name in table.required),
            *((name, value) for name, value in table.parameters.items()),
        ),
        job=Job(
            command=table.command,
            image=table.image,
            resume=table.resume,
            checkpoints=table.checkpoints,
            checkpoint=table.checkpoint,
            env=tuple(table.env.items()),
            secrets=tuple(table.secrets.items()),
            volumes=tuple(_volume(volume) for volume in table.volumes),
            workers=table.workers,
            folder=table.folder,
            grace=table.grace,
        ),
    )


def _volume(table: VolumeTable) -> Volume:
    kind, source, server = VolumeKind.CLAIM, table.claim or "", ""
    if table.host is not None:
        kind, source = VolumeKind.HOST, table.host
    elif table.nfs is not None and (parts := _NFS.fullmatch(table.nfs)):
        kind, server, source = VolumeKind.NFS, parts[1], parts[2]
    return Volume(kind, source, table.mount, server, table.read_only)


def wrong_jobs(tables: Iterable[JobTable], host_paths: tuple[str, ...]) -> Iterator[str]:
    """What is wrong with single templates, though each of their keys is allowed."""
    for number, table in enumerate(tables, start=1):
        for problem in _wrong(table, host_paths):
            yield f"jobs[{number}]{problem} ({table.name})"


def _wrong(table: JobTable, host_paths: tuple[str, ...]) -> Iterator[str]:
    yield from _wrong_words(table)
    yield from _wrong_scripts(table)
    yield from _wrong_values(table, host_paths)


def _wrong_words(table: JobTable) -> Iterator[str]:
    """Places and parameters that are unknown, unused, or in one another's way."""
    names = [*table.required, *table.parameters]
    texts = _texts(table)
    used = {place for where in texts.values() for text in where for place in places_in(text)}
    for name in dict.fromkeys(names):
        if name in PLACES or name in RESERVED_PARAMETERS:
            yield f'.parameters: found "{name}", which has a meaning of its own; allowed: another'
        elif names.count(name) > 1:
            yield f'.required: found "{name}", which has a default; allowed: one of the two'
        elif seems_secret(name):
            yield f'.parameters: found "{name}", which people would see; allowed: one of secrets'
        elif name not in used:
            yield f'.parameters: found "{name}", which no word uses as {{{name}}}'
    for key, where in texts.items():
        for place in dict.fromkeys(place for text in where for place in places_in(text)):
            if place not in PLACES and place not in names:
                known = ", ".join([*names, *PLACES])
                yield f".{key}: found {{{place}}}; allowed in braces: {known}"


def _wrong_scripts(table: JobTable) -> Iterator[str]:
    """Parameters that a shell would read as a part of its program."""
    typed = {*table.required, *table.parameters}
    if typed.intersection(places_in(table.checkpoints + table.checkpoint)):
        typed |= {"checkpoints", "checkpoint"}
    for key, words in (("command", table.command), ("resume", table.resume)):
        for place in places_in(_script(words)):
            if place in typed:
                allowed = 'a word of its own behind the script, which has it as "$1"'
                yield f".{key}: found {{{place}}} in a shell's script; allowed: {allowed}"


def _script(words: tuple[str, ...]) -> str:
    """What a shell reads as a program, in which a parameter would be one too; empty: nothing."""
    if not words or words[0].rpartition("/")[2] not in _SHELLS:
        return ""
    options = [at for at, word in enumerate(words) if re.fullmatch(r"-[A-Za-z]*c", word)]
    return "".join(words[at + 1] for at in options[:1] if at + 1 < len(words))


def _texts(table: JobTable) -> Mapping[str, tuple[str, ...]]:
    """Every text in which places and parameters are filled in, by its key."""
    return {
        "command": table.command,
        "resume": table.resume,
        "env": tuple(table.env.values()),
        "checkpoints": (table.checkpoints,),
        "checkpoint": (table.checkpoint,),
        "folder": (table.folder,),
    }


def _wrong_values(table: JobTable, host_paths: tuple[str, ...]) -> Iterator[str]:
    if table.name.casefold() in _TAKEN:
        yield ".name: found a word that `/gpu job` has a meaning for; allowed: another"
    if not table.command and not table.image:
        yield ": found neither command nor image; allowed: at least one of them"
    if table.resume and not table.command:
        yield ".resume: found words, but no command; allowed: both"
    if table.resume and not table.checkpoint:
        yield ".resume: found words, but no checkpoint to resume from; allowed: both"
    if "{checkpoints}" in table.checkpoint and not table.checkpoints:
        yield ".checkpoint: found {checkpoints}, but no such folder; allowed: both"
    for name in dict.fromkeys((*table.env, *table.secrets)):
        if is_set_by_gpubot(name):
            yield f".env: found {name}, which gpubot sets itself; allowed: another"
        elif name in table.env and name in table.secrets:
            yield f".secrets: found {name}, which env has too; allowed: one of the two"
    yield from _wrong_volumes(table.volumes, host_paths)


def _wrong_volumes(volumes: tuple[VolumeTable, ...], host_paths: tuple[str, ...]) -> Iterator[str]:
    mounts = [volume.mount.rstrip("/") for volume in volumes]
    for number, volume in enumerate(volumes, start=1):
        where = f".volumes[{number}]"
        given = [kind for kind in ("claim", "host", "nfs") if getattr(volume, kind) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none of them"
            yield f"{where}: found {found}; allowed: one of claim, host and nfs"
        if mounts.count(volume.mount.rstrip("/")) > 1:
            yield f'{where}.mount: found "{volume.mount}" twice; allowed: a path of its own'
        if volume.host is not None and not is_inside(volume.host, host_paths):
            allowed = ", ".join(host_paths) or "none; policy.host_paths says which"
            yield f'{where}.host: found "{volume.host}"; allowed: {allowed}'
