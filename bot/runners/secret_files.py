"""Secrets that runs use, kept as files on this host: `<folder>/<secret>/<key>`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from bot.runners.protocol import Refused

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


def read_secrets(folder: Path | None, secrets: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The values of a job's secrets by variable; `folder` None: there are none.

    A line break at the end of a file is no part of the secret. Raises Refused, naming the secret
    and never its value.
    """
    return {variable: _read(folder, name) for variable, name in secrets}


def known_values(folder: Path | None, secrets: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The values of a job's secrets that are there still, to hide them in what it has written."""
    found = []
    for _, name in secrets:
        with suppress(Refused):
            found.append(_read(folder, name))
    return tuple(found)


def _read(folder: Path | None, name: str) -> str:
    parts = name.split("/")
    if len(parts) != 2 or not all(_NAME.fullmatch(part) for part in parts):
        raise Refused(f"“{name}” is no secret's name; one looks like vault/password")
    if folder is None:
        raise Refused(f"there is no secret {name}: no folder of secrets is configured")
    try:
        value = (folder / parts[0] / parts[1]).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Refused(f"there is no secret {name}") from None
    except (OSError, UnicodeDecodeError):
        raise Refused(f"the secret {name} cannot be read") from None
    value = value.removesuffix("\n")
    if "\0" in value:
        raise Refused(f"the secret {name} cannot be read")
    return value
