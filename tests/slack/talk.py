"""A person who talks to the router: types, presses, fills in forms. No network, no Bolt.

Every message and window that comes back is checked against the rules of Block Kit.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import builders

from bot.domain.actor import Actor
from bot.sandbox.blocks import checked_blocks, checked_view
from bot.services.site import Site
from bot.slack import router
from bot.slack.context import Call, Form, FormAnswer, FormErrors, FormUpdate, Message, Press, Reply
from bot.slack.reader import Reader

_keys = itertools.count(1)

Shown = Reply | Message | Mapping[str, Any]


@dataclass
class Talk:
    """One person's conversation. `window` is the modal they see, if any."""

    site: Site
    user: str = builders.ALICE
    now: datetime = builders.NOW
    reader: Reader | None = None
    window: dict[str, Any] | None = None
    said: list[Reply] = field(default_factory=list)

    def types(self, text: str, *, key: str | None = None) -> Reply:
        """`/gpu text`; the reply must be a message."""
        reply = router.run_command(self._call(Call, key=key), text)
        assert reply is not None, f"{text!r} opened a window"
        return self._seen(reply)

    def opens(self, text: str) -> dict[str, Any]:
        """`/gpu text`; the answer must be a window."""
        reply = router.run_command(self._call(Call), text)
        assert reply is None, reply
        assert self.window is not None
        return self.window

    def presses(self, where: Shown, caption: str, *, key: str | None = None) -> Reply | None:
        """Press the button that begins with `caption`."""
        element = find(where, caption)
        return self.acts(where, element["action_id"], element.get("value", ""), key=key)

    def acts(
        self,
        where: Shown,
        action_id: str,
        value: str,
        *,
        key: str | None = None,
    ) -> Reply | None:
        """An action from a message (a Reply, or a Message, which stays) or a window."""
        press = self._call(
            Press,
            key=key,
            action_id=action_id,
            value=value,
            view=where if isinstance(where, Mapping) else None,
            replaceable=isinstance(where, Reply),
            update_view=self._update,
        )
        reply = router.run_action(press)
        return None if reply is None else self._seen(reply)

    def submits(self, **fields: Any) -> FormAnswer:
        """Submit the window, with its fields as they were filled in at first, or as given."""
        assert self.window is not None
        view = {**self.window, "id": "V1", "state": {"values": state(self.window, fields)}}
        answer = router.run_submission(self._call(Form, view=view))
        if isinstance(answer, FormErrors):
            known = {block.get("block_id") for block in view["blocks"]}
            assert set(answer.errors) <= known
            return answer
        self.window = None
        if isinstance(answer, FormUpdate):
            self._open(answer.view)
        if isinstance(answer, Reply):
            self._seen(answer)
        return answer

    def call(self) -> Call:
        """What a typed command brings along."""
        call: Call = self._call(Call)
        return call

    def _call(self, kind: type[Any], *, key: str | None = None, **more: Any) -> Any:
        return kind(
            **{
                "site": self.site,
                "actor": Actor(self.user),
                "reader": self.reader or reader(self.site, self.user),
                "now": self.now,
                "key": key or f"key:{next(_keys)}",
                "open_view": self._open,
                "channel": "C0VISION",
                "response_url": "https://hooks.slack.com/actions/1",
                **more,
            }
        )

    def _open(self, view: dict[str, Any]) -> None:
        self.window = {**checked_view(view, ("modal",)), "id": "V1", "hash": "1"}

    def _update(self, view_id: str, view: dict[str, Any], _hash: str | None) -> None:
        assert view_id == "V1"
        self._open(view)

    def _seen(self, reply: Reply) -> Reply:
        checked_blocks(list(reply.blocks))
        assert reply.text
        self.said.append(reply)
        return reply


def reader(site: Site, user: str) -> Reader:
    """That person, with a profile in the cluster's own zone."""
    cluster = site.cluster
    return Reader(user, cluster.zone, cluster.zone_name, "en-US", name_of=lambda u: u[2:].title())


def blocks_of(where: Shown) -> Sequence[dict[str, Any]]:
    """The blocks of a message or window."""
    return where["blocks"] if isinstance(where, Mapping) else where.blocks


def elements(where: Shown) -> list[dict[str, Any]]:
    """All buttons and menus of a message or window."""
    blocks = blocks_of(where)
    found = [element for block in blocks for element in block.get("elements", ())]
    return [*found, *(block["accessory"] for block in blocks if "accessory" in block)]


def find(where: Shown, caption: str) -> dict[str, Any]:
    """The button that begins with `caption`."""
    for element in elements(where):
        if element["type"] == "button" and element["text"]["text"].startswith(caption):
            return element
    raise AssertionError(f"no button {caption!r} among {captions(where)}")


def captions(where: Shown) -> list[str]:
    """What its buttons say."""
    return [e["text"]["text"] for e in elements(where) if e["type"] == "button"]


def words(where: Shown) -> str:
    """All the text of a message or window."""
    blocks = blocks_of(where)
    shown = []
    for block in blocks:
        if "text" in block:
            shown.append(block["text"]["text"])
        if block["type"] == "context":
            shown += [element["text"] for element in block["elements"]]
    return "\n".join(shown)


def state(view: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """What Slack sends for a form: initial values, and `fields` by block id in their place."""
    values = {}
    for block in view["blocks"]:
        if block["type"] == "input":
            element, name = block["element"], block["block_id"]
            given = fields[name] if name in fields else _initial(element)
            values[name] = {element["action_id"]: _state_of(element, given)}
    return values


def _initial(element: Mapping[str, Any]) -> Any:
    for name in ("initial_value", "initial_date_time", "initial_user"):
        if name in element:
            return element[name]
    if "initial_option" in element:
        return element["initial_option"]["value"]
    return [option["value"] for option in element.get("initial_options", [])] or None


def _state_of(element: Mapping[str, Any], given: Any) -> dict[str, Any]:
    match element["type"]:
        case "static_select":
            chosen = None if given is None else {"value": given}
            return {"type": "static_select", "selected_option": chosen}
        case "checkboxes":
            return {"selected_options": [{"value": value} for value in given or []]}
        case "datetimepicker":
            stamp = int(given.timestamp()) if isinstance(given, datetime) else given
            return {"selected_date_time": stamp}
        case "users_select":
            return {"selected_user": given}
        case _:
            return {"value": None if given is None else str(given)}
