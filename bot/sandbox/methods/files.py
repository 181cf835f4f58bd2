"""files.*: the three steps of an upload (the second is a plain POST to upload_url)."""

import mimetypes

from bot.sandbox.errors import SlackError
from bot.sandbox.methods.chat import reachable
from bot.sandbox.methods.method import Argument, Method, needed
from bot.sandbox.posting import Content, post
from bot.sandbox.records import Json, StoredFile
from bot.sandbox.workspace import Workspace


def upload_url(workspace: Workspace, arguments: Json) -> Json:
    """Announce a file; its bytes go to upload_url."""
    if arguments["length"] < 1:
        raise SlackError("invalid_arguments", "[ERROR] must be at least 1 [json-pointer:/length]")
    file = workspace.files.announce(arguments["filename"], arguments["length"])
    return {"upload_url": f"{workspace.base_url}/upload/{file.id}", "file_id": file.id}


def complete(workspace: Workspace, arguments: Json) -> Json:
    """Make uploaded files usable, and share them where a channel is named."""
    entries = arguments["files"]
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise SlackError("invalid_arguments", "[ERROR] must be an array [json-pointer:/files]")
    files = [workspace.files.complete(str(e.get("id")), e.get("title")) for e in entries]
    if "channel_id" in arguments:
        conversation = reachable(workspace, arguments["channel_id"])
        if workspace.app.bot_user_id not in conversation.members:
            raise SlackError("not_in_channel")
        content = Content(arguments.get("initial_comment", ""), [], None)
        shared = [shape(workspace, file) for file in files]
        thread_ts = arguments.get("thread_ts")
        post(workspace, conversation, content, thread_ts=thread_ts, files=shared)
    return {"files": [{"id": file.id, "title": file.title} for file in files]}


def shape(workspace: Workspace, file: StoredFile) -> Json:
    """A file as Slack describes it in a message."""
    return {
        "id": file.id,
        "name": file.name,
        "title": file.title,
        "size": file.length,
        "mimetype": mimetypes.guess_type(file.name)[0] or "application/octet-stream",
        "url_private": f"{workspace.base_url}/ui/file/{file.id}",
    }


_WRITE = ("files:write",)
METHODS = {
    "files.getUploadURLExternal": Method(
        upload_url,
        _WRITE,
        (needed("filename"), needed("length", "integer"), Argument("alt_txt")),
        takes_json=False,
    ),
    "files.completeUploadExternal": Method(
        complete,
        _WRITE,
        (
            needed("files", "json"),
            Argument("channel_id"),
            Argument("thread_ts"),
            Argument("initial_comment"),
        ),
    ),
}
