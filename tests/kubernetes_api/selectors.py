"""Label and field selectors, as list, watch and delete take them."""

from __future__ import annotations

from typing import Any


def matches(found: dict[str, Any], labels: str, fields: str) -> bool:
    own = found["metadata"].get("labels") or {}
    return all(_label(one, own) for one in _parts(labels)) and all(
        _field(one, found) for one in _parts(fields)
    )


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _label(one: str, own: dict[str, str]) -> bool:
    for sign, wanted in (("!=", False), ("==", True), ("=", True)):
        if sign in one:
            name, _, value = one.partition(sign)
            return (own.get(name.strip()) == value.strip()) is wanted
    return one.lstrip("!") in own if not one.startswith("!") else one[1:] not in own


def _field(one: str, found: dict[str, Any]) -> bool:
    wanted = "!=" not in one
    path, _, value = one.replace("!=", "=").replace("==", "=").partition("=")
    here: Any = found
    for part in path.split("."):
        here = (here or {}).get(part)
    return (str(here or "") == value) is wanted
