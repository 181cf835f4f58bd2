"""Reading the configuration file, and saying everything that is wrong with it.

Each problem is one line: file, key, what was found, what is allowed.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from bot.config.edges import Edges, to_edges
from bot.config.file import ClusterFile, to_cluster
from bot.config.jobs import wrong_jobs
from bot.config.settings import ConfigError
from bot.config.values import show_duration
from bot.domain.cluster import Cluster
from bot.domain.errors import BookingError
from bot.domain.pipeline_rules import check_trigger
from bot.domain.run_rules import RunnerKind

Key = tuple[int | str, ...]

#: User and password in an address, which are not repeated.
_PASSWORD = re.compile(r"://[^/@\s]*@")


def load_cluster(path: Path) -> Cluster:
    """The cluster that the file describes; see `load_config`."""
    return load_config(path)[0]


def load_config(path: Path) -> tuple[Cluster, Edges]:
    """Read, check and convert the file: the cluster, and the servers around it.

    Raises ConfigError with every problem of the file at once (with the first only, when it is
    no TOML at all).
    """
    file = read_text(_text_of(path), str(path))
    return to_cluster(file), to_edges(file)


def read_text(text: str, name: str) -> ClusterFile:
    """Check the file's `text`; `name` is what problems call it."""
    tables = _parse(text, name)
    if _learns_nodes(tables):
        tables.setdefault("nodes", [])
    problems = [f"{name}: {_told(problem, tables)}" for problem in _shape_problems(tables)]
    problems += [f"{name}: {problem}" for problem in _repeated_names(tables)]
    if problems:
        raise ConfigError(problems)
    file = ClusterFile.model_validate(tables)
    if problems := [f"{name}: {problem}" for problem in _contradictions(file)]:
        raise ConfigError(problems)
    return file


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        problem = (
            f"{path}: there is no such file. `gpubot config example > {path}` writes one to "
            "begin with; GPUBOT_CONFIG names another place"
        )
    except (OSError, UnicodeDecodeError) as error:
        problem = f"{path}: cannot be read: {error}"
    raise ConfigError([problem])


def _parse(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        shown = f": {text.splitlines()[int(line[1]) - 1].strip()}" if line else ""
        raise ConfigError([f"{name}: not TOML: {error}{shown}"]) from None


def _learns_nodes(tables: Mapping[str, Any]) -> bool:
    """Whether the file may do without nodes, since they are those of a Kubernetes cluster."""
    match tables.get("runner"):
        case {"kind": "kubernetes", "kubernetes": {"nodes": "cluster"}}:
            return True
    return False


def _shape_problems(tables: Mapping[str, Any]) -> Sequence[Any]:
    try:
        ClusterFile.model_validate(tables)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False)
        # A list whose entries are all bad counts as too short as well; that would be no news.
        return [one for one in problems if not (one["type"] == "too_short" and one["input"])]
    return ()


def _told(problem: Mapping[str, Any], tables: Mapping[str, Any]) -> str:
    """One of pydantic's problems in our words."""
    # A name that the file's author chose is followed by this where the name itself is bad.
    key: Key = tuple(part for part in problem["loc"] if part != "[key]")
    where = _shown_key(key, tables)
    if problem["type"] == "extra_forbidden":
        return f"{where} is not known; {_known_keys(key)}"
    allowed = _description(key)
    if problem["type"] == "missing":
        return f"{where} is missing; allowed: {allowed}"
    is_value = "env" in key and "[key]" not in problem["loc"]
    found = "something else" if is_value else _shown_value(problem["input"])
    return f"{where}: found {found}; allowed: {allowed}"


def _shown_key(key: Key, tables: Mapping[str, Any]) -> str:
    """`nodes[2].gpus (gpu-02)`: the place, counted from 1, and the name of what stands there."""
    shown = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in key)
    name = _name_at(key, tables)
    return shown.lstrip(".") + (f" ({name})" if name else "")


def _name_at(key: Key, tables: Mapping[str, Any]) -> str:
    if len(key) < 3 or not isinstance(key[1], int):
        return ""
    name = tables[str(key[0])][key[1]].get("name")
    return name if isinstance(name, str) and key[2] != "name" else ""


def _shown_value(value: object) -> str:
    """What stands in the file, about as it is written there."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        shown = _PASSWORD.sub("://…@", value)
        return f'"{shown}"' if value else "an empty text"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    return "a table" if isinstance(value, Mapping) else str(value)


def _known_keys(key: Key) -> str:
    known = list(_model_of(key[:-1]).model_fields)
    close = difflib.get_close_matches(str(key[-1]), known, n=1)
    return f"did you mean {close[0]}?" if close else f"allowed: {', '.join(known)}"


def _description(key: Key) -> str:
    """What the key may hold, by the description of its field in the models."""
    while key and isinstance(key[-1], int):
        if len(key) == 2 and key[0] in ("nodes", "teams", "github", "jobs"):
            return "a table"
        key = key[:-1]
    model = _model_of(key[:-1])
    while str(key[-1]) not in model.model_fields:  # A name that the file's author chose.
        key = key[:-1]
        model = _model_of(key[:-1])
    return model.model_fields[str(key[-1])].description or ""


def _model_of(key: Key) -> type[BaseModel]:
    """The table at that place."""
    model: type[BaseModel] = ClusterFile
    for part in key:
        if part in model.model_fields and isinstance(part, str):
            model = _table_in(model.model_fields[part].annotation) or model
    return model


def _table_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _table_in(part))), None)


def _repeated_names(tables: Mapping[str, Any]) -> Iterable[str]:
    """Names are read in any case, so they may not differ by case alone."""
    for kind in ("nodes", "teams", "jobs"):
        names = Counter(name.casefold() for name in _names(tables.get(kind)))
        for name, times in names.items():
            if times > 1:
                yield f'{kind}: found the name "{name}" {times} times; allowed: once'


def _names(entries: object) -> Iterable[str]:
    for entry in entries if isinstance(entries, list) else ():
        name = entry.get("name") if isinstance(entry, dict) else None
        if isinstance(name, str):
            yield name


def _contradictions(file: ClusterFile) -> Iterable[str]:
    """Values that are each allowed and do not go together."""
    spellings: dict[str, str] = {}
    for node in file.nodes:
        first = spellings.setdefault(node.model.casefold(), node.model)
        if first != node.model:
            yield f'nodes: found the models "{first}" and "{node.model}"; allowed: one spelling'
    if not file.nodes and not file.runner.learns_nodes:
        yield "nodes: found a list of 0; allowed: one [[nodes]] table for each server"
    yield from _too_short(file)
    yield from _unknown_nodes(file)
    yield from wrong_jobs(file.jobs, file.policy.host_paths)
    yield from _wrong_workflows(file)
    if file.monitoring is not None and file.monitoring.idle_below > file.monitoring.active_above:
        yield (
            f"monitoring.active_above: found {file.monitoring.active_above:g}; allowed: at least "
            f"idle_below, {file.monitoring.idle_below:g}"
        )


def _unknown_nodes(file: ClusterFile) -> Iterable[str]:
    """Nodes that this server is said to be, and that there are none of."""
    names = [node.name for node in file.nodes]
    if file.runner.kind is not RunnerKind.LOCAL:
        return
    for number, name in enumerate(file.runner.local.nodes, start=1):
        if name not in names:
            yield f'runner.local.nodes[{number}]: found "{name}"; allowed: {", ".join(names)}'


def _too_short(file: ClusterFile) -> Iterable[str]:
    slot = file.policy.slot
    longest = file.policy.max_length
    lengths: dict[str, timedelta] = {"p0": longest.p0, "p1": longest.p1, "p2": longest.p2}
    for priority, length in lengths.items():
        if length < slot:
            yield (
                f'policy.max_length: found "{show_duration(length)}" for {priority}; '
                f"allowed: at least one slot, {show_duration(slot)}"
            )


def _wrong_workflows(file: ClusterFile) -> Iterable[str]:
    """`[[github]]` tables that could never book, by the rules that hold for a booking."""
    cluster = _with_unknown(to_cluster(file))
    if not cluster.nodes:
        # What can be booked will be known once the nodes are.
        return
    for number, trigger in enumerate(cluster.github, start=1):
        try:
            check_trigger(cluster, trigger)
        except BookingError as error:
            yield f"github[{number}] ({trigger.repository}): {error}".replace("`", "")


def _with_unknown(cluster: Cluster) -> Cluster:
    """The cluster with those users of `[[github]]` whom a directory may name, as far as it goes."""
    users = frozenset(trigger.user for trigger in cluster.github)
    teams = tuple(
        replace(team, members=team.members | users) if team.usergroup or team.ldap_group else team
        for team in cluster.teams
    )
    return replace(cluster, teams=teams)
