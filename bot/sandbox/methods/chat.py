"""chat.*: the bot posts, edits and deletes its messages."""

from dataclasses import replace

from bot.sandbox.errors import SlackError
from bot.sandbox.methods.method import Argument, Method, needed
from bot.sandbox.payloads import slack_message
from bot.sandbox.posting import MAX_UPDATED_TEXT, post, read_content
from bot.sandbox.records import Conversation, Json, Message
from bot.sandbox.workspace import Workspace


def post_message(workspace: Workspace, arguments: Json) -> Json:
    """Post to a channel, or to a person by user id."""
    conversation = _writable(workspace, arguments["channel"])
    content = read_content(workspace, arguments)
    thread_ts = _thread(workspace, conversation, arguments.get("thread_ts"))
    message = post(workspace, conversation, content, thread_ts=thread_ts)
    return {
        "channel": conversation.id,
        "ts": message.ts,
        "message": slack_message(workspace, message),
    }


def post_ephemeral(workspace: Workspace, arguments: Json) -> Json:
    """Post something only one member of the channel sees."""
    conversation = reachable(workspace, arguments["channel"])
    if workspace.app.bot_user_id not in conversation.members:
        raise SlackError("not_in_channel")
    if arguments["user"] not in conversation.members:
        raise SlackError("user_not_in_channel")
    content = read_content(workspace, arguments)
    thread_ts = _thread(workspace, conversation, arguments.get("thread_ts"))
    message = post(
        workspace, conversation, content, thread_ts=thread_ts, ephemeral_to=arguments["user"]
    )
    return {"message_ts": message.ts}


def update(workspace: Workspace, arguments: Json) -> Json:
    """Edit one of the bot's own messages.

    Text and blocks are replaced together (text alone takes the blocks away); metadata that is
    not given stays, an empty mapping takes it away.
    """
    with workspace.journal.lock:
        conversation, old = _own(workspace, arguments, "cant_update_message")
        content = read_content(workspace, arguments, MAX_UPDATED_TEXT)
        metadata = old.metadata if content.metadata is None else content.metadata or None
        edited = replace(old, text=content.text, blocks=content.blocks, metadata=metadata)
        edited = workspace.messages.edit(conversation, old.ts, edited)
    return {
        "channel": conversation.id,
        "ts": edited.ts,
        "text": edited.text,
        "message": slack_message(workspace, edited),
    }


def delete(workspace: Workspace, arguments: Json) -> Json:
    """Delete one of the bot's own messages."""
    with workspace.journal.lock:
        conversation, old = _own(workspace, arguments, "cant_delete_message")
        workspace.messages.remove(conversation, old.ts)
    return {"channel": conversation.id, "ts": old.ts}


def permalink(workspace: Workspace, arguments: Json) -> Json:
    """The address of a message."""
    conversation = reachable(workspace, arguments["channel"])
    ts = arguments["message_ts"]
    message = _lasting(workspace, conversation, ts)
    link = f"{workspace.base_url}/archives/{conversation.id}/p{ts.replace('.', '')}"
    if message.thread_ts:
        link += f"?thread_ts={message.thread_ts}&cid={conversation.id}"
    return {"channel": conversation.id, "permalink": link}


def reachable(workspace: Workspace, channel: str) -> Conversation:
    """A conversation the bot knows of: private ones only as a member."""
    if channel in workspace.users:
        return workspace.direct(channel)
    conversation = workspace.conversations.get(channel)
    bot = workspace.app.bot_user_id
    if conversation is None or (conversation.private and bot not in conversation.members):
        raise SlackError("channel_not_found")
    return conversation


def _writable(workspace: Workspace, channel: str) -> Conversation:
    conversation = reachable(workspace, channel)
    inside = workspace.app.bot_user_id in conversation.members
    if not inside and "chat:write.public" not in workspace.app.scopes:
        raise SlackError("not_in_channel")
    return conversation


def _thread(workspace: Workspace, conversation: Conversation, ts: str | None) -> str | None:
    """The parent's ts; raises SlackError thread_not_found."""
    if ts is None:
        return None
    parent = workspace.messages.get(conversation.id, ts)
    if parent is None or parent.ephemeral_to is not None:
        raise SlackError("thread_not_found")
    return parent.thread_ts or parent.ts


def _lasting(workspace: Workspace, conversation: Conversation, ts: str) -> Message:
    # The Web API does not find ephemerals: they can be changed by their response_url only.
    message = workspace.messages.get(conversation.id, ts)
    if message is None or message.ephemeral_to is not None:
        raise SlackError("message_not_found")
    return message


def _own(workspace: Workspace, arguments: Json, error: str) -> tuple[Conversation, Message]:
    # Unlike posting, editing wants the conversation's own id, not the person's.
    if arguments["channel"] in workspace.users:
        raise SlackError("channel_not_found")
    conversation = reachable(workspace, arguments["channel"])
    message = _lasting(workspace, conversation, arguments["ts"])
    if not message.from_bot:
        raise SlackError(error)
    return conversation, message


_CONTENT = (
    Argument("text"),
    Argument("blocks", kind="any"),
    Argument("metadata", kind="any"),
    Argument("attachments", kind="any"),
    Argument("markdown_text"),
)
_WRITE = ("chat:write",)
METHODS = {
    "chat.postMessage": Method(
        post_message, _WRITE, (needed("channel"), Argument("thread_ts"), *_CONTENT)
    ),
    "chat.postEphemeral": Method(
        post_ephemeral,
        _WRITE,
        (needed("channel"), needed("user"), Argument("thread_ts"), *_CONTENT),
    ),
    "chat.update": Method(update, _WRITE, (needed("channel"), needed("ts"), *_CONTENT)),
    "chat.delete": Method(delete, _WRITE, (needed("channel"), needed("ts"))),
    "chat.getPermalink": Method(
        permalink, (), (needed("channel"), needed("message_ts")), takes_json=False
    ),
}
