"""A person types: slash commands and plain messages."""

import re

from bot.sandbox.delivery import Delivery
from bot.sandbox.errors import SlackError
from bot.sandbox.payloads import command_payload
from bot.sandbox.posting import post, read_content
from bot.sandbox.records import CommandResult, Conversation, Json, Message, Seen
from bot.sandbox.workspace import Workspace

_SPECIAL = re.compile(
    r"<(?:@[UW]|#C|!subteam\^S)[A-Z0-9]+(?:\|[^<>]*)?>"  # already a mention: left alone
    r"|(?P<link>https?://[^\s<>\"“”]+)"
    r"|(?<!\w)@(?P<user>[\w.-]*\w)"
    r"|(?<!\w)\#(?P<channel>[\w-]+)"
    r"|[&<>]"
)
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def run_command(
    workspace: Workspace, delivery: Delivery, user: str, channel: str, line: str
) -> CommandResult:
    """A person runs a slash command in a channel; `line` is all they typed.

    Raises CannotSee for a channel they do not see.
    """
    conversation = workspace.place(channel, user)
    command, _, text = line.strip().partition(" ")
    known = workspace.app.commands.get(command)
    if known is None:
        return CommandResult(ok=False, error=_unknown_command(command))
    typed = text.strip()
    sent = escaped(workspace, typed) if known.should_escape else typed
    payload = command_payload(workspace, user, conversation, command, sent)
    ack = delivery.deliver("slash_commands", payload)
    if not ack.ok:
        return _failed(workspace, user, command, ack.error or "dispatch_failed")
    return _answered(workspace, user, conversation, command, ack.body)


def say(
    workspace: Workspace,
    delivery: Delivery,
    user: str,
    channel: str,
    text: str,
    thread_ts: str | None = None,
) -> CommandResult:
    """A person sends what they typed: a message, or a slash command if it begins with "/"."""
    if text.startswith("/"):
        if thread_ts is not None:
            command = text.split(maxsplit=1)[0]
            return CommandResult(ok=False, error=f"{command} is not supported in threads. Sorry!")
        return run_command(workspace, delivery, user, channel, text)
    conversation = workspace.place(channel, user)
    if not text.strip():
        return CommandResult(ok=False, error="no_text")
    message = Message(
        channel=conversation.id,
        ts=workspace.messages.next_ts(),
        user=user,
        text=escaped(workspace, text.strip()),
        from_bot=False,
        thread_ts=thread_ts,
    )
    workspace.messages.add(conversation, message)
    return CommandResult(ok=True, messages=[workspace.messages.seen(message)])


def escaped(workspace: Workspace, text: str) -> str:
    """Typed text as Slack passes it on: mentions, channels and links marked, &<> escaped."""
    names = {user.name: user.id for user in workspace.users.values()}
    groups = {group.handle: group.id for group in workspace.usergroups.values()}
    channels = {c.name: c.id for c in workspace.conversations.values() if not c.is_im}

    def mark(match: re.Match[str]) -> str:
        name = match["user"] or match["channel"] or ""
        if match["user"] and name in names:
            return f"<@{names[name]}|{name}>"
        if match["user"] and name in groups:
            return f"<!subteam^{groups[name]}|@{name}>"
        if match["channel"] and name in channels:
            return f"<#{channels[name]}|{name}>"
        if match["link"]:
            return f"<{match['link']}>"
        return _ENTITIES.get(match[0], match[0])

    return _SPECIAL.sub(mark, text)


def _answered(
    workspace: Workspace, user: str, conversation: Conversation, command: str, body: Json
) -> CommandResult:
    """Show what the app answered in the acknowledgement itself."""
    if not body:
        return CommandResult(ok=True)
    try:
        content = read_content(workspace, body)
    except SlackError as error:
        return _failed(workspace, user, command, str(error))
    in_channel = body.get("response_type") == "in_channel"
    answer = post(workspace, conversation, content, ephemeral_to=None if in_channel else user)
    shown: list[Seen] = [workspace.messages.seen(answer)]
    return CommandResult(ok=True, messages=shown)


def _failed(workspace: Workspace, user: str, command: str, error: str) -> CommandResult:
    toast = f"{command} failed with the error “{error}”"
    workspace.journal.report({"type": "toast", "text": toast}, [user])
    return CommandResult(ok=False, error=error)


def _unknown_command(command: str) -> str:
    return (
        f"{command} is not a valid command. In Slack, all messages that start with the “/” "
        "character are interpreted as commands. If you are trying to send a message and not run "
        "a command, try preceding the “/” with an empty space."
    )
