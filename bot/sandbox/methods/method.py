"""What a Web API method is: its rights, its arguments, its function."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from bot.sandbox.errors import SlackError
from bot.sandbox.records import Json
from bot.sandbox.workspace import Workspace

T = TypeVar("T")
Kind = Literal["string", "boolean", "integer", "json", "any"]
_TRUE, _FALSE = ("1", "true", "True"), ("", "0", "false", "False")


@dataclass(frozen=True)
class Argument:
    """One argument; `kind` json is decoded when it comes as a string, any is left as it is."""

    name: str
    required: bool = False
    kind: Kind = "string"


def needed(name: str, kind: Kind = "string") -> Argument:
    """A required argument."""
    return Argument(name, required=True, kind=kind)


@dataclass(frozen=True)
class Method:
    """A Web API method.

    `scopes`: any one of them suffices; empty needs none. `takes_json`: whether a JSON body is
    read. `token` is the kind of token it wants.
    """

    run: Callable[[Workspace, Json], Json]
    scopes: tuple[str, ...] = ()
    arguments: tuple[Argument, ...] = ()
    takes_json: bool = True
    token: Literal["bot", "app"] = "bot"  # noqa: S105 - a kind of token, no secret

    def check(self, arguments: Json) -> Json:
        """The arguments with their types settled; raises SlackError invalid_arguments."""
        checked = dict(arguments)
        for argument in self.arguments:
            value = arguments.get(argument.name)
            if value is None or value == "":
                if argument.required:
                    raise _invalid(f"missing required field: {argument.name}")
                checked.pop(argument.name, None)
            else:
                checked[argument.name] = _settled(argument, value)
        return checked


def _settled(argument: Argument, value: object) -> object:
    if argument.kind == "any":
        return value
    if argument.kind == "json":
        return _decoded(argument.name, value)
    if argument.kind == "boolean":
        return _boolean(argument.name, value)
    if argument.kind == "integer":
        return _integer(argument.name, value)
    if not isinstance(value, str):
        raise _invalid(f"must be a string [json-pointer:/{argument.name}]")
    return value


def _decoded(name: str, value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise _invalid(f"must be valid JSON [json-pointer:/{name}]") from error


def _boolean(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    if str(value) not in (*_TRUE, *_FALSE):
        raise _invalid(f"must be a boolean [json-pointer:/{name}]")
    return str(value) in _TRUE


def _integer(name: str, value: object) -> int:
    try:
        return int(str(value))
    except ValueError as error:
        raise _invalid(f"must be an integer [json-pointer:/{name}]") from error


def _invalid(text: str) -> SlackError:
    return SlackError("invalid_arguments", f"[ERROR] {text}")


def page_of(items: list[T], arguments: Json, default: int) -> tuple[list[T], str]:
    """One page of a list and the cursor to the next ("" at the end); raises invalid_cursor."""
    limit = arguments.get("limit") or default
    cursor = arguments.get("cursor") or "0"
    if not cursor.isdecimal():
        raise SlackError("invalid_cursor")
    start = int(cursor)
    following = str(start + limit) if start + limit < len(items) else ""
    return items[start : start + limit], following


PAGING = (Argument("limit", kind="integer"), Argument("cursor"))
