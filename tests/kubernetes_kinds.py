"""Objects against Kubernetes' own schemas, as its Python client is generated from them.

Names that a kind does not have are found, missing fields, and values of the wrong type.
"""

from __future__ import annotations

import re
from typing import Any

from kubernetes import client

_SIMPLE: dict[str, type | tuple[type, ...]] = {
    "str": str, "int": int, "float": (int, float), "bool": bool, "object": object,
}  # fmt: skip


def check(found: dict[str, Any]) -> None:
    """Raise AssertionError, with the place, unless `found` is an object of its kind."""
    version = found["apiVersion"].rpartition("/")[2]
    kind = f"{version[:1].upper()}{version[1:]}{found['kind']}"
    _check(kind, found, f"{found['kind']} {found['metadata']['name']}")


def _check(kind: str, value: Any, place: str) -> None:
    if many := re.fullmatch(r"list\[(.+)\]", kind):
        assert isinstance(value, list), f"{place}: no list"
        for number, item in enumerate(value):
            _check(many[1], item, f"{place}[{number}]")
    elif mapping := re.fullmatch(r"dict[(\[]str, (.+)[)\]]", kind):
        assert isinstance(value, dict), f"{place}: no map"
        for name, item in value.items():
            _check(mapping[1], item, f"{place}.{name}")
    elif kind in _SIMPLE:
        assert isinstance(value, _SIMPLE[kind]), f"{place}: {value!r} is no {kind}"
        assert kind == "bool" or not isinstance(value, bool), f"{place}: {value!r} is no {kind}"
    else:
        _check_model(getattr(client.models, kind), value, place)


def _check_model(model: Any, value: Any, place: str) -> None:
    assert isinstance(value, dict), f"{place}: no object"
    names = {name: field for field, name in model.attribute_map.items()}
    unknown = set(value) - set(names)
    assert not unknown, f"{place}: does not know {', '.join(sorted(unknown))}"
    for name, item in value.items():
        _check(model.openapi_types[names[name]], item, f"{place}.{name}")
    try:
        model(**{names[name]: item for name, item in value.items()})
    except ValueError as error:
        raise AssertionError(f"{place}: {error}") from error
