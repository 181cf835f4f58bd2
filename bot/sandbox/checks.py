"""Small checks from which the rules of Block Kit are put together (see blocks.py).

A check takes a value, its JSON pointer and the list of problems, to which it adds what is wrong
in Slack's words.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from bot.sandbox.records import Json

Problems = list[str]
Check = Callable[[object, str, Problems], None]
Rule = Callable[[Json], str | None]


def problem(text: str, pointer: str) -> str:
    """One line of `response_metadata.messages`."""
    return f"[ERROR] {text} [json-pointer:{pointer}]"


def string(maximum: int, minimum: int = 1) -> Check:
    """A string of `minimum` to `maximum` characters."""

    def check(value: object, pointer: str, problems: Problems) -> None:
        if not isinstance(value, str):
            problems.append(problem("must be a string", pointer))
        elif len(value) < minimum:
            problems.append(problem(f"must be more than {minimum - 1} characters", pointer))
        elif len(value) > maximum:
            problems.append(problem(f"must be less than {maximum + 1} characters", pointer))

    return check


def matching(pattern: str, what: str) -> Check:
    """A string of a certain form, described by `what`."""

    def check(value: object, pointer: str, problems: Problems) -> None:
        if not isinstance(value, str) or re.fullmatch(pattern, value) is None:
            problems.append(problem(f"must be {what}", pointer))

    return check


def boolean(value: object, pointer: str, problems: Problems) -> None:
    """True or false."""
    if not isinstance(value, bool):
        problems.append(problem("must be a boolean", pointer))


def integer(minimum: int, maximum: int) -> Check:
    """A whole number from `minimum` to `maximum`."""

    def check(value: object, pointer: str, problems: Problems) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            problems.append(problem("must be an integer", pointer))
        elif not minimum <= value <= maximum:
            problems.append(problem(f"must be between {minimum} and {maximum}", pointer))

    return check


def number(value: object, pointer: str, problems: Problems) -> None:
    """A JSON number."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        problems.append(problem("must be a number", pointer))


def one_of(*allowed: str) -> Check:
    """One of a few strings."""

    def check(value: object, pointer: str, problems: Problems) -> None:
        if value not in allowed:
            problems.append(problem(f"must be one of: {', '.join(allowed)}", pointer))

    return check


def array(item: Check, minimum: int, maximum: int) -> Check:
    """A list of `minimum` to `maximum` items, each of which passes `item`."""

    def check(value: object, pointer: str, problems: Problems) -> None:
        if not isinstance(value, list):
            problems.append(problem("must be an array", pointer))
            return
        if len(value) < minimum:
            problems.append(problem(f"no fewer than {minimum} items allowed", pointer))
        if len(value) > maximum:
            problems.append(problem(f"no more than {maximum} items allowed", pointer))
        for index, entry in enumerate(value[: maximum + 1]):
            item(entry, f"{pointer}/{index}", problems)

    return check


def record(
    required: Mapping[str, Check],
    optional: Mapping[str, Check] | None = None,
    rules: Sequence[Rule] = (),
) -> Check:
    """An object with these fields and no others; `rules` look at several fields together."""
    fields = {**required, **(optional or {})}

    def check(value: object, pointer: str, problems: Problems) -> None:
        if not isinstance(value, dict):
            problems.append(problem("must be an object", pointer))
            return
        before = len(problems)
        for name in required:
            if name not in value:
                problems.append(problem(f"missing required field: {name}", pointer))
        for name, entry in value.items():
            if name in fields:
                fields[name](entry, f"{pointer}/{name}", problems)
            else:
                problems.append(problem(f"invalid additional property: {name}", pointer))
        if len(problems) == before:
            found = (rule(value) for rule in rules)
            problems.extend(problem(text, pointer) for text in found if text)

    return check


def by_type(table: Mapping[str, Check], allowed: Sequence[str] | None = None) -> Check:
    """An object whose `type` says which check of `table` applies."""
    types = table.keys() if allowed is None else allowed

    def check(value: object, pointer: str, problems: Problems) -> None:
        if not isinstance(value, dict):
            problems.append(problem("must be an object", pointer))
        elif "type" not in value:
            problems.append(problem("missing required field: type", pointer))
        elif value["type"] not in types:
            problems.append(problem(f"unsupported type: {value['type']}", f"{pointer}/type"))
        else:
            table[value["type"]](value, pointer, problems)

    return check


def anything(value: object, pointer: str, problems: Problems) -> None:
    """No check: for parts whose rules nobody here relies on."""


def needs_one_of(*names: str) -> Rule:
    """At least one of several fields."""

    def rule(value: Json) -> str | None:
        if any(name in value for name in names):
            return None
        return f"missing required field: {' or '.join(names)}"

    return rule


def not_both(first: str, second: str) -> Rule:
    """Two fields that exclude each other."""

    def rule(value: Json) -> str | None:
        both = first in value and second in value
        return f"{first} and {second} cannot be used together" if both else None

    return rule
