"""How what Slack sends has to look, as far as anything here depends on it.

A body that only looks like Slack's is refused before anybody acts on it. Above all it has to come
from a person: `gpubot` is no user id, so nobody can act as gpubot itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

#: What Slack calls people.
USER = re.compile(r"[UW][A-Z0-9]{1,30}")

UserId = Annotated[str, Field(pattern=rf"^{USER.pattern}$")]
Text = str | None


class _Command(BaseModel):
    user_id: UserId
    trigger_id: str
    text: Text = None
    channel_id: Text = None
    response_url: Text = None


class _User(BaseModel):
    id: UserId


class _Option(BaseModel):
    value: str


class _Element(BaseModel):
    """What a field holds, or what was pressed."""

    value: Text = None
    selected_option: _Option | None = None
    selected_options: list[_Option] | None = None
    selected_user: Text = None
    selected_conversation: Text = None
    selected_channel: Text = None
    selected_date: Text = None
    selected_time: Text = None
    selected_date_time: Annotated[int | None, Field(ge=0, le=4_102_444_800)] = None


class _Action(_Element):
    action_id: str


class _State(BaseModel):
    values: dict[str, dict[str, _Element]]


class _Block(BaseModel):
    block_id: str = ""
    type: str


class _View(BaseModel):
    id: str
    type: str
    callback_id: str = ""
    hash: Text = None
    private_metadata: str | None = ""
    state: _State | None = None
    blocks: list[_Block]


class _Container(BaseModel):
    channel_id: Text = None
    message_ts: Text = None
    is_ephemeral: bool = False


class _Edited(BaseModel):
    ts: Text = None


class _Message(BaseModel):
    edited: _Edited | None = None


class _Press(BaseModel):
    type: Literal["block_actions"]
    user: _User
    trigger_id: str
    actions: Annotated[list[_Action], Field(min_length=1)]
    container: _Container
    view: _View | None = None
    message: _Message | None = None
    response_url: Text = None


class _Form(BaseModel):
    type: Literal["view_submission"]
    user: _User
    trigger_id: str
    view: _View


class _HomeOpened(BaseModel):
    type: Literal["app_home_opened"]
    user: UserId
    tab: str = "home"


class _Typed(BaseModel):
    type: str


class _SslCheck(BaseModel):
    """Slack looks now and then whether an address has a good certificate."""

    ssl_check: Literal["1"]


class _Event(BaseModel):
    event: _Typed


#: Of what else Slack sends nothing is read but its type.
KINDS: Mapping[str, type[BaseModel]] = {
    "block_actions": _Press,
    "view_submission": _Form,
    "event_callback": _Event,
}


def what_is_wrong(body: object) -> str:
    """Where a body is not what Slack sends; empty: nowhere. Says nothing of what it holds."""
    if not isinstance(body, dict) or not all(isinstance(name, str) for name in body):
        return "body"
    try:
        _kind_of(body).model_validate(body)
        if isinstance(event := body.get("event"), dict) and event["type"] == "app_home_opened":
            _HomeOpened.model_validate(event)
    except (ValidationError, KeyError) as error:
        return _where(error)
    return ""


def _kind_of(body: Mapping[str, Any]) -> type[BaseModel]:
    if "command" in body:
        return _Command
    if "ssl_check" in body:
        return _SslCheck
    kind = body.get("type")
    return KINDS.get(kind, _Typed) if isinstance(kind, str) else _Typed


def _where(error: ValidationError | KeyError) -> str:
    if isinstance(error, KeyError):
        return "event"
    return ", ".join(".".join(map(str, one["loc"]))[:80] for one in error.errors()[:3])
