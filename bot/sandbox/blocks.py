"""The rules of Block Kit as tables, and the check of messages and views against them.

The limits are those of Slack's Block Kit reference. A block or element type that is missing in
the tables is refused, as Slack refuses unknown ones.
"""

import copy
import itertools
import secrets
from collections import Counter
from collections.abc import Iterator

from bot.sandbox.checks import (
    Check,
    Problems,
    Rule,
    anything,
    array,
    boolean,
    by_type,
    integer,
    matching,
    needs_one_of,
    not_both,
    number,
    one_of,
    problem,
    record,
    string,
)
from bot.sandbox.elementrules import ELEMENTS, IMAGE_FIELDS, TEXT_OBJECTS, plain, text
from bot.sandbox.elements import elements_of
from bot.sandbox.errors import SlackError
from bot.sandbox.records import Json

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
TABLE_CHARACTERS = 10_000
VIEW_BYTES = 250_000

_SELECTS = (
    "static_select",
    "external_select",
    "users_select",
    "conversations_select",
    "channels_select",
)
_MULTI_SELECTS = tuple(f"multi_{kind}" for kind in _SELECTS)
_PICKERS = ("datepicker", "timepicker", "checkboxes", "radio_buttons")
_TYPED = ("plain_text_input", "number_input", "email_text_input", "url_text_input")
IN_ACTIONS = ("button", "overflow", "datetimepicker", *_SELECTS, *_PICKERS)
IN_SECTION = ("button", "overflow", "image", *_SELECTS, *_MULTI_SELECTS, *_PICKERS)
IN_INPUT = (
    *_TYPED,
    "rich_text_input",
    "file_input",
    "datetimepicker",
    *_SELECTS,
    *_MULTI_SELECTS,
    *_PICKERS,
)

_CELL = by_type(
    {
        "raw_text": record({"type": anything, "text": string(10_000)}),
        "raw_number": record({"type": anything, "value": number, "text": string(10_000)}),
        "rich_text": anything,
    }
)
_COLUMN = record({}, {"align": one_of("left", "center", "right"), "is_wrapped": boolean})
_ALERT_LEVELS = one_of("default", "info", "warning", "error", "success")


def _rows_are_even(block: Json) -> str | None:
    widths = {len(row) for row in block["rows"]}
    return None if len(widths) <= 1 else "all rows must have the same number of cells"


def _table_fits(block: Json) -> str | None:
    cells = itertools.chain.from_iterable(block["rows"])
    size = sum(len(str(cell.get("text", ""))) for cell in cells)
    return None if size <= TABLE_CHARACTERS else f"no more than {TABLE_CHARACTERS} characters"


def _plain_header(block: Json) -> str | None:
    rich = any(cell.get("type") == "rich_text" for cell in block["rows"][0])
    return "rich_text cannot be used for header cells" if rich else None


def _block(
    required: dict[str, Check],
    optional: dict[str, Check] | None = None,
    rules: tuple[Rule, ...] = (),
) -> Check:
    shared: dict[str, Check] = {"block_id": string(255)}
    return record({"type": anything, **required}, {**shared, **(optional or {})}, rules)


BLOCKS: dict[str, Check] = {
    "section": _block(
        {},
        {
            "text": text(3000),
            "fields": array(text(2000), 1, 10),
            "accessory": by_type(ELEMENTS, IN_SECTION),
            "expand": boolean,
        },
        (needs_one_of("text", "fields"),),
    ),
    "divider": _block({}),
    "header": _block({"text": plain(150)}),
    "context": _block(
        {"elements": array(by_type({**TEXT_OBJECTS, "image": ELEMENTS["image"]}), 1, 10)}
    ),
    "actions": _block({"elements": array(by_type(ELEMENTS, IN_ACTIONS), 1, 25)}),
    "context_actions": _block(
        {"elements": array(by_type(ELEMENTS, ("feedback_buttons", "icon_button")), 1, 5)}
    ),
    "input": _block(
        {"label": plain(2000), "element": by_type(ELEMENTS, IN_INPUT)},
        {"hint": plain(2000), "optional": boolean, "dispatch_action": boolean},
    ),
    "image": _block(
        {"alt_text": string(2000)},
        {**IMAGE_FIELDS, "title": plain(2000)},
        (needs_one_of("image_url", "slack_file"), not_both("image_url", "slack_file")),
    ),
    "markdown": _block({"text": string(12_000)}),
    "rich_text": _block({"elements": array(anything, 0, 100)}),
    "table": _block(
        {"rows": array(array(_CELL, 1, 20), 1, 100)},
        {"column_settings": array(_COLUMN, 0, 20)},
        (_rows_are_even, _table_fits),
    ),
    "data_table": _block(
        {"rows": array(array(_CELL, 1, 20), 2, 101), "caption": string(2000)},
        {"page_size": integer(1, 100), "row_header_column_index": integer(0, 19)},
        (_rows_are_even, _table_fits, _plain_header),
    ),
    "alert": _block({"text": text(3000)}, {"level": _ALERT_LEVELS}),
    "file": _block({"external_id": string(255), "source": one_of("remote")}),
    "video": _block(
        {
            "alt_text": string(2000),
            "title": plain(200),
            "thumbnail_url": matching(r"https?://.+", "a URL"),
            "video_url": matching(r"https://.+", "a URL"),
        },
        {
            "author_name": string(50),
            "description": plain(200),
            "provider_icon_url": string(3000),
            "provider_name": string(50),
            "title_url": string(3000),
        },
    ),
}

_EVERYWHERE = (
    "section",
    "divider",
    "header",
    "context",
    "actions",
    "input",
    "image",
    "rich_text",
    "video",
)
ALLOWED_BLOCKS = {
    "message": (*_EVERYWHERE, "markdown", "table", "data_table", "file", "context_actions"),
    "modal": (*_EVERYWHERE, "alert"),
    "home": _EVERYWHERE,
}

_VIEW_FIELDS: dict[str, Check] = {
    "private_metadata": string(3000, minimum=0),
    "callback_id": string(255, minimum=0),
    "external_id": string(255, minimum=0),
}
_VIEW_BLOCKS = {
    kind: array(by_type(BLOCKS, ALLOWED_BLOCKS[kind]), 0, VIEW_BLOCKS) for kind in ("modal", "home")
}
VIEWS: dict[str, Check] = {
    "modal": record(
        {"type": anything, "title": plain(24), "blocks": _VIEW_BLOCKS["modal"]},
        {
            **_VIEW_FIELDS,
            "submit": plain(24),
            "close": plain(24),
            "clear_on_close": boolean,
            "notify_on_close": boolean,
            "submit_disabled": boolean,
        },
    ),
    "home": record({"type": anything, "blocks": _VIEW_BLOCKS["home"]}, _VIEW_FIELDS),
}
_MESSAGE = array(by_type(BLOCKS, ALLOWED_BLOCKS["message"]), 0, MESSAGE_BLOCKS)


def checked_blocks(blocks: object) -> list[Json]:
    """The blocks of a message with missing ids filled in.

    Raises SlackError invalid_blocks with what is wrong, or invalid_blocks_format for no list.
    """
    if not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format")
    problems: Problems = []
    _MESSAGE(blocks, "/blocks", problems)
    if not problems:
        problems.extend(_together(blocks, "/blocks"))
        problems.extend(_one_table(blocks))
    if problems:
        raise SlackError("invalid_blocks", *problems, errors=problems)
    return _with_ids(blocks)


def checked_view(view: object, kinds: tuple[str, ...]) -> Json:
    """A view with missing ids filled in; `kinds` are the view types the method takes.

    Raises SlackError invalid_arguments with what is wrong, or view_too_large.
    """
    if len(str(view).encode()) > VIEW_BYTES:
        raise SlackError("view_too_large")
    problems: Problems = []
    by_type(VIEWS, kinds)(view, "/view", problems)
    if problems or not isinstance(view, dict):
        raise SlackError("invalid_arguments", *problems)
    problems.extend(_together(view["blocks"], "/view/blocks"))
    if view["type"] == "modal" and not view.get("submit") and _has_input(view["blocks"]):
        problems.append(problem("`submit` is required when an input block is present", "/view"))
    if problems:
        raise SlackError("invalid_arguments", *problems)
    return {**copy.deepcopy(view), "blocks": _with_ids(view["blocks"])}


def file_ids(blocks: list[Json]) -> Iterator[str]:
    """The ids of uploaded files the blocks show (`slack_file`)."""
    for block in blocks:
        shown = [block, block.get("accessory"), *block.get("elements", [])]
        for part in shown:
            if isinstance(part, dict) and "id" in part.get("slack_file", {}):
                yield part["slack_file"]["id"]


def _has_input(blocks: list[Json]) -> bool:
    return any(block["type"] == "input" for block in blocks)


def _together(blocks: list[Json], pointer: str) -> Problems:
    """Rules over several blocks: ids that may not repeat, one focus."""
    ids = Counter(block["block_id"] for block in blocks if "block_id" in block)
    problems = [
        problem(f"block_id {block_id} already exists", pointer)
        for block_id, count in ids.items()
        if count > 1
    ]
    for index, block in enumerate(blocks):
        actions = Counter(e["action_id"] for e in elements_of(block) if "action_id" in e)
        problems.extend(
            problem(f"action_id {action_id} already exists", f"{pointer}/{index}")
            for action_id, count in actions.items()
            if count > 1
        )
    if sum(e.get("focus_on_load", False) for b in blocks for e in elements_of(b)) > 1:
        problems.append(problem("only one element can have focus_on_load", pointer))
    return problems


def _one_table(blocks: list[Json]) -> Problems:
    tables = sum(block["type"] in ("table", "data_table") for block in blocks)
    return [problem("only one table allowed", "/blocks")] if tables > 1 else []


def _with_ids(blocks: list[Json]) -> list[Json]:
    filled = copy.deepcopy(blocks)
    for block in filled:
        block.setdefault("block_id", secrets.token_urlsafe(4))
        for element in elements_of(block):
            if element["type"] != "image":
                element.setdefault("action_id", secrets.token_urlsafe(4))
    return filled
