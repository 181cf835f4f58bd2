"""What jobs, their parameters, variables and volumes may look like, wherever they come from."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable

#: A parameter's name, a variable's, and a secret's with its key.
PARAMETER = r"^[a-z][a-z0-9_]{0,39}$"
VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]{0,99}$"
KEPT_ELSEWHERE = r"^[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?/[A-Za-z0-9_-][A-Za-z0-9._-]{0,250}$"
#: What stands among the parameters and is none.
RESERVED_PARAMETERS = frozenset({"workers"})
MOST_WORKERS = 64

_SECRET = re.compile(
    r"(?:^|_)(?:password|passwd|passphrase|secret|token|api_?key|access_?key|credentials?)$"
)

_OURS = frozenset({"CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "NODE_RANK", "NNODES"})


def seems_secret(name: str) -> bool:
    """Whether what stands behind that name is nothing to be shown or kept in the open."""
    return bool(_SECRET.search(name.lower().replace("-", "_")))


def is_set_by_gpubot(variable: str) -> bool:
    """Whether gpubot or its runner gives that variable its value."""
    return variable in _OURS or variable.startswith("GPUBOT_")


def is_inside(path: str, folders: Iterable[str]) -> bool:
    """Whether the absolute `path` is one of `folders` or lies in one; `..` deceives nobody."""
    if not path.startswith("/"):
        return False
    found = posixpath.normpath(path).lstrip("/")
    wanted = (posixpath.normpath(folder).lstrip("/") for folder in folders)
    return any(found == folder or not folder or found.startswith(f"{folder}/") for folder in wanted)
