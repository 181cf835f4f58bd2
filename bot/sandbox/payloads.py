"""What Slack sends to an app, in Slack's own shapes."""

import itertools
import secrets

from bot.sandbox.records import Conversation, Json, Message, View
from bot.sandbox.workspace import Workspace

_EVENT_NUMBERS = itertools.count(1)


def slack_message(workspace: Workspace, message: Message) -> Json:
    """A message as the Web API returns it."""
    shape: Json = {
        "type": "message",
        "user": message.user,
        "ts": message.ts,
        "text": message.text,
        "team": workspace.team_id,
    }
    if message.from_bot:
        shape |= {"bot_id": workspace.app.bot_id, "app_id": workspace.app.app_id}
    optional: Json = {
        "blocks": message.blocks,
        "thread_ts": message.thread_ts,
        "metadata": message.metadata,
        "files": message.files,
    }
    if message.edited_ts:
        optional["edited"] = {"user": message.user, "ts": message.edited_ts}
    return shape | {name: value for name, value in optional.items() if value}


def command_payload(
    workspace: Workspace, user: str, conversation: Conversation, command: str, text: str
) -> Json:
    """The form fields of a slash command."""
    return {
        "token": workspace.app.verification_token,
        "team_id": workspace.team_id,
        "team_domain": workspace.domain,
        "channel_id": conversation.id,
        "channel_name": _channel_name(conversation),
        "user_id": user,
        "user_name": workspace.person(user).name,
        "command": command,
        "text": text,
        "api_app_id": workspace.app.app_id,
        "is_enterprise_install": "false",
        "response_url": response_url(workspace, "commands", user, conversation),
        "trigger_id": workspace.triggers.issue(user),
    }


def message_actions(
    workspace: Workspace, user: str, message: Message, actions: list[Json], values: Json
) -> Json:
    """block_actions from a message.

    As in Slack, an ephemeral message does not come along: only its container does.
    """
    conversation = workspace.conversations[message.channel]
    ephemeral = message.ephemeral_to is not None
    payload = _interaction(workspace, user, "block_actions") | {
        "container": {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": message.channel,
            "is_ephemeral": ephemeral,
        },
        "channel": {"id": conversation.id, "name": _channel_name(conversation)},
        "state": {"values": values},
        "response_url": response_url(workspace, "actions", user, conversation, message),
        "actions": actions,
    }
    if message.thread_ts:
        payload["container"]["thread_ts"] = message.thread_ts
    if not ephemeral:
        payload["message"] = slack_message(workspace, message)
    return payload


def view_actions(workspace: Workspace, user: str, view: View, actions: list[Json]) -> Json:
    """block_actions from a modal or the Home tab."""
    return _interaction(workspace, user, "block_actions") | {
        "container": {"type": "view", "view_id": view.id},
        "view": workspace.views.seen(view),
        "actions": actions,
    }


def view_submission(workspace: Workspace, user: str, view: View) -> Json:
    """A modal's submission."""
    return _interaction(workspace, user, "view_submission") | {
        "view": workspace.views.seen(view),
        "response_urls": [],
    }


def view_closed(workspace: Workspace, user: str, view: View, *, cleared: bool) -> Json:
    """A modal was closed without submission; `cleared` with its whole stack."""
    payload = _interaction(workspace, user, "view_closed")
    del payload["trigger_id"]
    return payload | {"view": workspace.views.seen(view), "is_cleared": cleared}


def suggestion(
    workspace: Workspace, user: str, source: Message | View, element: Json, value: str
) -> Json:
    """block_suggestion: the options of an external select are asked for.

    `element` holds action_id and block_id.
    """
    payload = _interaction(workspace, user, "block_suggestion") | element | {"value": value}
    del payload["trigger_id"]
    if isinstance(source, View):
        container = {"type": "view", "view_id": source.id}
        return payload | {"container": container, "view": workspace.views.seen(source)}
    container = {"type": "message", "message_ts": source.ts, "channel_id": source.channel}
    return payload | {"container": container, "message": slack_message(workspace, source)}


def event_callback(workspace: Workspace, event: Json) -> Json:
    """The envelope of an Events API event."""
    stamp = workspace.messages.next_ts()
    bot = {
        "enterprise_id": None,
        "team_id": workspace.team_id,
        "user_id": workspace.app.bot_user_id,
        "is_bot": True,
        "is_enterprise_install": False,
    }
    return {
        "token": workspace.app.verification_token,
        "team_id": workspace.team_id,
        "api_app_id": workspace.app.app_id,
        "event": {**event, "event_ts": stamp},
        "type": "event_callback",
        "event_id": f"Ev{next(_EVENT_NUMBERS):08d}{secrets.token_hex(2).upper()}",
        "event_time": int(float(stamp)),
        "authorizations": [bot],
        "is_ext_shared_channel": False,
    }


def response_url(
    workspace: Workspace,
    kind: str,
    user: str,
    conversation: Conversation,
    source: Message | None = None,
) -> str:
    """An address the app may post to, five times in 30 minutes."""
    key = workspace.response_urls.issue(user, conversation.id, source)
    return f"{workspace.base_url}/{kind}/{workspace.team_id}/{key}"


def _interaction(workspace: Workspace, user: str, kind: str) -> Json:
    name = workspace.person(user).name
    return {
        "type": kind,
        "team": {"id": workspace.team_id, "domain": workspace.domain},
        "user": {"id": user, "username": name, "name": name, "team_id": workspace.team_id},
        "api_app_id": workspace.app.app_id,
        "token": workspace.app.verification_token,
        "trigger_id": workspace.triggers.issue(user),
        "enterprise": None,
        "is_enterprise_install": False,
    }


def _channel_name(conversation: Conversation) -> str:
    if conversation.is_im:
        return "directmessage"
    return "privategroup" if conversation.private else conversation.name
