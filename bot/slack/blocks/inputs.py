"""Fields of forms."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.slack.blocks.build import plain
from bot.slack.context import Block
from bot.slack.ids import ActionId, BlockId

LABEL = 2000
PLACEHOLDER = 150
GROUP_LABEL = 75
#: Options of a menu, and of each group of a menu.
OPTIONS = 100


def field(
    block_id: BlockId,
    label: str,
    element: Block,
    *,
    optional: bool = False,
    hint: str = "",
    live: bool = False,
) -> Block:
    """An input with its label; `live` ones report each change while the form is open."""
    block: Block = {
        "type": "input",
        "block_id": block_id,
        "label": plain(label, LABEL),
        "element": {**element, "action_id": _action_of(live=live)},
        "optional": optional,
    }
    if hint:
        block["hint"] = plain(hint, LABEL)
    if live:
        block["dispatch_action"] = True
    return block


def _action_of(*, live: bool) -> ActionId:
    return ActionId.RESERVE_FIELD if live else ActionId.FIELD


def number(initial: int | None, *, lowest: int, highest: int, live: bool = False) -> Block:
    """A whole number between two bounds; where there is nothing to choose, the lowest."""
    highest = max(lowest, highest)
    element: Block = {
        "type": "number_input",
        "is_decimal_allowed": False,
        "min_value": str(lowest),
        "max_value": str(highest),
    }
    if initial is not None:
        element["initial_value"] = str(min(max(initial, lowest), highest))
    return _reporting(element) if live else element


def text(
    initial: str = "",
    *,
    placeholder: str = "",
    longest: int | None = None,
    lines: bool = False,
    live: bool = False,
) -> Block:
    """Typed text, on one line or several."""
    element: Block = {"type": "plain_text_input", "multiline": lines}
    if initial:
        element["initial_value"] = initial
    if placeholder:
        element["placeholder"] = plain(placeholder, PLACEHOLDER)
    # What was typed already stays as it is, also where a form would not let so much be typed.
    if longest is not None and len(initial) <= longest:
        element["max_length"] = longest
    return _reporting(element) if live else element


def _reporting(element: Block) -> Block:
    triggers = ["on_enter_pressed", "on_character_entered"]
    return {**element, "dispatch_action_config": {"trigger_actions_on": triggers}}


def moment(initial: datetime | None = None) -> Block:
    """A date and time, picked in the reader's own zone."""
    element: Block = {"type": "datetimepicker"}
    if initial is not None:
        element["initial_date_time"] = int(initial.timestamp())
    return element


def person(placeholder: str, initial: str | None = None) -> Block:
    """Somebody of the workspace."""
    element: Block = {"type": "users_select", "placeholder": plain(placeholder, PLACEHOLDER)}
    return element if initial is None else {**element, "initial_user": initial}


def select(options: Sequence[Block], initial: str | None = None) -> Block:
    """One of up to a hundred options; `initial` is the value of the one chosen at first."""
    element: Block = {"type": "static_select", "options": list(options[:OPTIONS])}
    return _with_initial(element, options[:OPTIONS], initial)


def grouped_select(
    groups: Sequence[tuple[str, Sequence[Block]]], initial: str | None = None
) -> Block:
    """One option out of labelled groups, for more than a hundred options."""
    split = [
        (label, list(options[start : start + OPTIONS]))
        for label, options in groups
        for start in range(0, len(options), OPTIONS)
    ][:OPTIONS]
    element: Block = {
        "type": "static_select",
        "option_groups": [
            {"label": plain(label, GROUP_LABEL), "options": options} for label, options in split
        ],
    }
    return _with_initial(element, [entry for _, options in split for entry in options], initial)


def _with_initial(element: Block, options: Sequence[Block], initial: str | None) -> Block:
    chosen = next((entry for entry in options if entry["value"] == initial), None)
    return element if chosen is None else {**element, "initial_option": chosen}


def checkbox(option: Block, *, checked: bool) -> Block:
    """A single box to tick."""
    element: Block = {"type": "checkboxes", "options": [option]}
    return {**element, "initial_options": [option]} if checked else element
