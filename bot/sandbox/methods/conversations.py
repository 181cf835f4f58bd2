"""conversations.*: channels and direct messages."""

from bot.sandbox.errors import SlackError
from bot.sandbox.methods.method import PAGING, Argument, Method, needed, page_of
from bot.sandbox.payloads import slack_message
from bot.sandbox.records import Conversation, Json
from bot.sandbox.workspace import Workspace


def open_direct(workspace: Workspace, arguments: Json) -> Json:
    """Open the direct message with one person."""
    if "channel" in arguments:
        conversation = _known(workspace, arguments["channel"])
        if not conversation.is_im:
            raise SlackError("method_not_supported_for_channel_type")
        return {"channel": _shape(workspace, conversation, arguments)}
    people = [user for user in arguments.get("users", "").split(",") if user]
    if not people:
        raise SlackError("users_list_not_supplied")
    if len(people) > 1:
        raise SlackError("missing_scope", needed="mpim:write")
    if people[0] not in workspace.users:
        raise SlackError("user_not_found")
    before = len(workspace.conversations)
    conversation = workspace.direct(people[0])
    already = len(workspace.conversations) == before
    noted = {"no_op": True, "already_open": True} if already else {}
    return {**noted, "channel": _shape(workspace, conversation, arguments)}


def info(workspace: Workspace, arguments: Json) -> Json:
    """One conversation."""
    conversation = _known(workspace, arguments["channel"])
    shape = full_shape(workspace, conversation)
    if arguments.get("include_num_members"):
        shape["num_members"] = len(conversation.members)
    return {"channel": shape}


def list_all(workspace: Workspace, arguments: Json) -> Json:
    """The conversations of the types asked for."""
    types = set(arguments.get("types", "public_channel").split(","))
    unknown = types - {"public_channel", "private_channel", "im", "mpim"}
    if unknown:
        raise SlackError("invalid_types")
    found = [
        full_shape(workspace, conversation)
        for conversation in workspace.conversations.values()
        if _type(conversation) in types and _knows(workspace, conversation)
    ]
    page, cursor = page_of(found, arguments, default=100)
    return {"channels": page, "response_metadata": {"next_cursor": cursor}}


def members(workspace: Workspace, arguments: Json) -> Json:
    """Who is in a conversation."""
    conversation = _known(workspace, arguments["channel"])
    page, cursor = page_of(conversation.members, arguments, default=100)
    return {"members": page, "response_metadata": {"next_cursor": cursor}}


def join(workspace: Workspace, arguments: Json) -> Json:
    """The bot joins a public channel."""
    conversation = _known(workspace, arguments["channel"])
    if conversation.private:
        raise SlackError("method_not_supported_for_channel_type")
    bot = workspace.app.bot_user_id
    already = bot in conversation.members
    workspace.join(conversation, bot)
    answer: Json = {"channel": full_shape(workspace, conversation)}
    if already:
        answer["warning"] = "already_in_channel"
        answer["response_metadata"] = {"warnings": ["already_in_channel"]}
    return answer


def history(workspace: Workspace, arguments: Json) -> Json:
    """Messages of a conversation, newest first; the bot must be a member."""
    conversation = _known(workspace, arguments["channel"])
    if workspace.app.bot_user_id not in conversation.members:
        raise SlackError("not_in_channel")
    oldest, latest = arguments.get("oldest", "0"), arguments.get("latest", "9")
    inside = [
        slack_message(workspace, message)
        for message in reversed(workspace.messages.history(conversation.id))
        if oldest < message.ts < latest and message.thread_ts in (None, message.ts)
    ]
    page, cursor = page_of(inside, arguments, default=100)
    metadata = {"next_cursor": cursor}
    return {"messages": page, "has_more": bool(cursor), "response_metadata": metadata}


def full_shape(workspace: Workspace, conversation: Conversation) -> Json:
    """A conversation as Slack describes it."""
    bot = workspace.app.bot_user_id
    shape: Json = {
        "id": conversation.id,
        "is_im": conversation.is_im,
        "is_mpim": False,
        "is_private": conversation.private,
        "is_archived": False,
        "context_team_id": workspace.team_id,
    }
    if conversation.is_im:
        return shape | {"user": conversation.im_with, "is_open": True}
    return shape | {
        "name": conversation.name,
        "name_normalized": conversation.name,
        "is_channel": not conversation.private,
        "is_group": conversation.private,
        "is_general": False,
        "is_member": bot in conversation.members,
        "topic": {"value": conversation.topic, "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
    }


def _shape(workspace: Workspace, conversation: Conversation, arguments: Json) -> Json:
    if arguments.get("return_im"):
        return full_shape(workspace, conversation)
    return {"id": conversation.id}


def _known(workspace: Workspace, channel: str) -> Conversation:
    conversation = workspace.conversations.get(channel)
    if conversation is None or not _knows(workspace, conversation):
        raise SlackError("channel_not_found")
    return conversation


def _knows(workspace: Workspace, conversation: Conversation) -> bool:
    return not conversation.private or workspace.app.bot_user_id in conversation.members


def _type(conversation: Conversation) -> str:
    if conversation.is_im:
        return "im"
    return "private_channel" if conversation.private else "public_channel"


_READ = ("channels:read", "groups:read", "im:read", "mpim:read")
_HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")
METHODS = {
    "conversations.open": Method(
        open_direct,
        ("im:write",),
        (
            Argument("users"),
            Argument("channel"),
            Argument("return_im", kind="boolean"),
        ),
    ),
    "conversations.info": Method(
        info,
        _READ,
        (needed("channel"), Argument("include_num_members", kind="boolean")),
        takes_json=False,
    ),
    "conversations.list": Method(list_all, _READ, (Argument("types"), *PAGING), takes_json=False),
    "conversations.members": Method(members, _READ, (needed("channel"), *PAGING), takes_json=False),
    "conversations.join": Method(join, ("channels:join",), (needed("channel"),)),
    "conversations.history": Method(
        history,
        _HISTORY,
        (needed("channel"), Argument("oldest"), Argument("latest"), *PAGING),
        takes_json=False,
    ),
}
