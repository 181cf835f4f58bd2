"""What people press, choose and type: finding elements in blocks, their values, their checks."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bot.sandbox.errors import CannotSee
from bot.sandbox.records import Json

Choice = Callable[[Json, object], object]


def elements_of(block: Json) -> Iterator[Json]:
    """The elements of a block that a person can use (and images, which cannot be used)."""
    if block["type"] == "section" and "accessory" in block:
        yield block["accessory"]
    elif block["type"] == "input":
        yield block["element"]
    elif block["type"] in ("actions", "context_actions"):
        yield from block["elements"]


def options_of(element: Json) -> list[Json]:
    """All options of a select, radio or checkbox element, grouped or not."""
    grouped = (option for group in element.get("option_groups", []) for option in group["options"])
    return [*element.get("options", []), *grouped]


def _option(element: Json, value: object) -> object:
    if isinstance(value, dict) and element["type"].endswith("external_select"):
        return value
    wanted = value.get("value") if isinstance(value, dict) else value
    for option in options_of(element):
        if option["value"] == wanted:
            return option
    offered = ", ".join(option["value"] for option in options_of(element))
    raise CannotSee(f"{element['action_id']} has no option {wanted!r}; it offers: {offered}")


def _options(element: Json, values: object) -> object:
    if not isinstance(values, list | tuple | set):
        raise TypeError(f"{element['action_id']} takes a list of option values")
    return [_option(element, value) for value in values]


def _as_text(_element: Json, value: object) -> object:
    return None if value is None else str(value)


def _as_is(_element: Json, value: object) -> object:
    return value


def _instant(_element: Json, value: object) -> object:
    return None if value is None else int(str(value))


@dataclass(frozen=True)
class InputKind:
    """How an element type holds its value: in the state, at the beginning, and from a choice."""

    field: str
    initial: str
    choice: Choice


_TYPED = InputKind("value", "initial_value", _as_text)
_ONE_OPTION = InputKind("selected_option", "initial_option", _option)
_SOME_OPTIONS = InputKind("selected_options", "initial_options", _options)
INPUT_KINDS = {
    "plain_text_input": _TYPED,
    "number_input": _TYPED,
    "email_text_input": _TYPED,
    "url_text_input": _TYPED,
    "rich_text_input": InputKind("rich_text_value", "initial_value", _as_is),
    "file_input": InputKind("files", "", _as_is),
    "static_select": _ONE_OPTION,
    "external_select": _ONE_OPTION,
    "radio_buttons": _ONE_OPTION,
    "checkboxes": _SOME_OPTIONS,
    "multi_static_select": _SOME_OPTIONS,
    "multi_external_select": _SOME_OPTIONS,
    "users_select": InputKind("selected_user", "initial_user", _as_text),
    "multi_users_select": InputKind("selected_users", "initial_users", _as_is),
    "conversations_select": InputKind("selected_conversation", "initial_conversation", _as_text),
    "multi_conversations_select": InputKind(
        "selected_conversations", "initial_conversations", _as_is
    ),
    "channels_select": InputKind("selected_channel", "initial_channel", _as_text),
    "multi_channels_select": InputKind("selected_channels", "initial_channels", _as_is),
    "datepicker": InputKind("selected_date", "initial_date", _as_text),
    "timepicker": InputKind("selected_time", "initial_time", _as_text),
    "datetimepicker": InputKind("selected_date_time", "initial_date_time", _instant),
}
# These are empty lists, not null, where nothing was chosen.
_LISTS = ("selected_options", "files")
# An overflow menu is chosen from, but keeps no state.
MENU = InputKind("selected_option", "", _option)


def initial_values(blocks: list[Json]) -> Json:
    """`state.values` before anybody touched anything."""
    values: Json = {}
    for block in blocks:
        for element in elements_of(block):
            kind = INPUT_KINDS.get(element["type"])
            if kind is not None:
                empty: list[Json] | None = [] if kind.field in _LISTS else None
                entry = {"type": element["type"], kind.field: element.get(kind.initial, empty)}
                values.setdefault(block["block_id"], {})[element["action_id"]] = entry
    return values


def kept_values(initial: Json, kept: Json) -> Json:
    """`initial`, with what was entered before where block_id, action_id and type are the same."""
    values: Json = {}
    for block_id, inputs in initial.items():
        for action_id, entry in inputs.items():
            old = kept.get(block_id, {}).get(action_id)
            same = old is not None and old.get("type", entry["type"]) == entry["type"]
            value = {**old, "type": entry["type"]} if same else entry
            values.setdefault(block_id, {})[action_id] = value
    return values


def find_element(
    blocks: list[Json], action_id: str, block_id: str | None = None, value: str | None = None
) -> tuple[Json, Json]:
    """The block and element with an action_id; raises CannotSee unless it is exactly one.

    `value` tells buttons of the same action_id apart.
    """
    found = [
        (block, element)
        for block in blocks
        for element in elements_of(block)
        if element.get("action_id") == action_id
        and block_id in (None, block["block_id"])
        and (value is None or element.get("value") == value)
    ]
    if len(found) == 1:
        return found[0]
    shown = [f"{e['action_id']} {e.get('value', '')}".strip() for b in blocks for e in _usable(b)]
    what = f"{action_id!r}" + (f" with value {value!r}" if value is not None else "")
    count = "more than one" if found else "no"
    raise CannotSee(f"there is {count} element {what}; in sight: {', '.join(shown) or 'none'}")


def choice(element: Json, value: object) -> Json:
    """The value field of an element after a person chose `value`, for instance selected_option.

    Raises CannotSee for an option that is not offered.
    """
    kind = MENU if element["type"] == "overflow" else INPUT_KINDS.get(element["type"])
    if kind is None:
        raise CannotSee(f"{element['action_id']} is a {element['type']}: nothing to choose")
    return {kind.field: kind.choice(element, value)}


def refusals(blocks: list[Json], values: Json) -> dict[str, str]:
    """What Slack's own client refuses before a modal is sent: texts by block_id."""
    errors: dict[str, str] = {}
    for block in blocks:
        if block["type"] != "input":
            continue
        element = block["element"]
        entry = values.get(block["block_id"], {}).get(element["action_id"], {})
        error = _refusal(block, element, entry)
        if error is not None:
            errors[block["block_id"]] = error
    return errors


def _refusal(block: Json, element: Json, entry: Json) -> str | None:
    value = entry.get(INPUT_KINDS[element["type"]].field)
    if value in (None, "", []):
        return None if block.get("optional") else "Please complete this required field."
    check = _CLIENT_CHECKS.get(element["type"])
    return None if check is None else check(element, value)


def _text_refusal(element: Json, value: str) -> str | None:
    low, high = element.get("min_length", 0), element.get("max_length", 3000)
    if len(value) < low:
        return f"Please use at least {low} characters."
    if len(value) > high:
        return f"Please use at most {high} characters."
    return None


def _number_refusal(element: Json, value: str) -> str | None:
    form = r"-?\d+(\.\d+)?" if element["is_decimal_allowed"] else r"-?\d+"
    if re.fullmatch(form, value) is None:
        return f"Please enter a {'' if element['is_decimal_allowed'] else 'whole '}number."
    low, high = element.get("min_value"), element.get("max_value")
    if low is not None and float(value) < float(low):
        return f"Please enter a number greater than or equal to {low}."
    if high is not None and float(value) > float(high):
        return f"Please enter a number less than or equal to {high}."
    return None


def _form_refusal(pattern: str, text: str) -> Callable[[Json, str], str | None]:
    return lambda _element, value: None if re.fullmatch(pattern, value) else text


_CLIENT_CHECKS: dict[str, Callable[[Json, str], str | None]] = {
    "plain_text_input": _text_refusal,
    "number_input": _number_refusal,
    "email_text_input": _form_refusal(r"[^@\s]+@[^@\s]+\.[^@\s]+", "Enter a valid email address."),
    "url_text_input": _form_refusal(r"https?://\S+", "Enter a valid URL."),
}


def _usable(block: Json) -> Iterator[Json]:
    return (element for element in elements_of(block) if "action_id" in element)
