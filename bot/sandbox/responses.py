"""What the app posts to a response_url: answers, replacements, deletions."""

from dataclasses import replace

from bot.sandbox.errors import SlackError
from bot.sandbox.posting import Content, post, read_content
from bot.sandbox.records import Json, Message
from bot.sandbox.triggers import ResponseUrl
from bot.sandbox.workspace import Workspace


def respond(workspace: Workspace, key: str, body: Json) -> None:
    """Do what the app asks for; raises SlackError for a url that is used up, or bad content."""
    url = workspace.response_urls.use(key)
    with workspace.journal.lock:
        source = _source(workspace, url)
        if source is not None and body.get("delete_original"):
            workspace.messages.remove(workspace.conversations[url.channel], source.ts)
            return
        content = read_content(workspace, body)
        if source is not None and body.get("replace_original"):
            _replace(workspace, source, content)
        else:
            _post(workspace, url, content, body)


def _source(workspace: Workspace, url: ResponseUrl) -> Message | None:
    """The message the url came with, as it stands now; None where it is gone."""
    if url.source is None:
        return None
    return workspace.messages.get(url.channel, url.source.ts)


def _replace(workspace: Workspace, source: Message, content: Content) -> None:
    if not source.from_bot:
        raise SlackError("cant_update_message")
    metadata = source.metadata if content.metadata is None else content.metadata or None
    edited = replace(source, text=content.text, blocks=content.blocks, metadata=metadata)
    workspace.messages.edit(workspace.conversations[source.channel], source.ts, edited)


def _post(workspace: Workspace, url: ResponseUrl, content: Content, body: Json) -> None:
    in_channel = body.get("response_type") == "in_channel"
    post(
        workspace,
        workspace.conversations[url.channel],
        content,
        thread_ts=body.get("thread_ts"),
        ephemeral_to=None if in_channel else url.user,
    )
