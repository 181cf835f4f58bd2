"""What the app posts: reading its content strictly, and putting it up as the bot's message."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from bot.sandbox.blocks import checked_blocks, file_ids
from bot.sandbox.errors import SlackError
from bot.sandbox.records import Conversation, Json, Message
from bot.sandbox.workspace import Workspace

MAX_TEXT = 40_000
MAX_UPDATED_TEXT = 4_000


@dataclass(frozen=True)
class Content:
    """Text, blocks and metadata of a message, checked.

    `metadata` None means it was not given, an empty mapping that there shall be none.
    """

    text: str
    blocks: list[Json]
    metadata: Json | None


def read_content(
    workspace: Workspace, arguments: Mapping[str, object], max_text: int = MAX_TEXT
) -> Content:
    """The content of a message from the app's arguments.

    Raises SlackError no_text, msg_too_long, invalid_blocks, invalid_metadata_format, and
    invalid_arguments for attachments and markdown_text, which this workspace does not know.
    """
    for name in ("attachments", "markdown_text"):
        if arguments.get(name):
            raise SlackError("invalid_arguments", f"[ERROR] this workspace knows no {name}")
    text = arguments.get("text") or ""
    if not isinstance(text, str):
        raise SlackError("invalid_arguments", "[ERROR] must be a string [json-pointer:/text]")
    if len(text) > max_text:
        raise SlackError("msg_too_long")
    raw_blocks = _decoded(arguments.get("blocks"), "invalid_blocks_format")
    blocks = checked_blocks(raw_blocks) if raw_blocks else []
    if not text and not blocks:
        raise SlackError("no_text")
    check_files(workspace, blocks)
    return Content(text, blocks, _metadata(arguments.get("metadata")))


def post(
    workspace: Workspace,
    conversation: Conversation,
    content: Content,
    *,
    thread_ts: str | None = None,
    ephemeral_to: str | None = None,
    files: list[Json] | None = None,
) -> Message:
    """Put a message of the bot up."""
    with workspace.journal.lock:
        message = Message(
            channel=conversation.id,
            ts=workspace.messages.next_ts(),
            user=workspace.app.bot_user_id,
            text=content.text,
            from_bot=True,
            blocks=content.blocks,
            thread_ts=thread_ts,
            ephemeral_to=ephemeral_to,
            metadata=content.metadata or None,
            files=files or [],
        )
        workspace.messages.add(conversation, message)
        return message


def check_files(workspace: Workspace, blocks: list[Json], error: str = "invalid_blocks") -> None:
    """Raise SlackError for files that cannot be shown, or not yet."""
    unknown = [file_id for file_id in file_ids(blocks) if not workspace.files.usable(file_id)]
    if unknown:
        raise SlackError(error, f"[ERROR] invalid slack file: {', '.join(unknown)}")


def _metadata(raw: object) -> Json | None:
    metadata = _decoded(raw, "invalid_metadata_format")
    if metadata is None or metadata == {}:
        return metadata
    good = isinstance(metadata, dict) and isinstance(metadata.get("event_type"), str)
    if not good or not isinstance(metadata.get("event_payload"), dict):
        raise SlackError("invalid_metadata_format")
    return dict(metadata)


def _decoded(raw: object, error: str) -> Json | None:
    if not isinstance(raw, str):
        return raw  # type: ignore[return-value]  # checked by the callers
    if not raw:
        return None
    try:
        decoded: Json = json.loads(raw)
    except ValueError as problem:
        raise SlackError(error) from problem
    return decoded
