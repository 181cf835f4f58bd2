"""Pictures on their way to Slack: drawn, uploaded once, and shown by the id of the file.

Slack looks through an uploaded file before a message may show it, which takes a moment: until then
it refuses the message. So a picture never stands between a person and the text it belongs to.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit
from urllib.request import Request

from slack_sdk import WebClient

from bot.slack.blocks.build import image
from bot.slack.clients import BACKGROUND_TIMEOUT_S, CALL_ERRORS
from bot.slack.context import Block, Picture
from bot.slack.patience import opener

log = logging.getLogger(__name__)

#: How many files are remembered, by what they show.
REMEMBERED = 200
#: What Slack says while it still looks through a file: of messages, and of windows.
NOT_YET = frozenset({"invalid_blocks", "invalid_arguments"})
#: How long to wait before a message with a new picture is sent again, in seconds. A response_url is
#: good for five uses: the text, these tries, and a note that there is no picture.
PAUSES_S = (1.5, 3.0)


class Pictures:
    """Uploads pictures; `client` must be a background one. For all threads."""

    def __init__(self, client: WebClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        #: File ids by a picture's key, and by the hash of its content.
        self._known: OrderedDict[str, str] = OrderedDict()
        self._drawing: dict[str, threading.Lock] = {}

    def known(self, picture: Picture) -> str | None:
        """The file of a picture that has been uploaded; None: it has not."""
        return self._find(f"key:{picture.key}")

    def file(self, picture: Picture) -> str | None:
        """The file that shows `picture`, drawn and uploaded if need be; None: that failed."""
        with self._lock:
            drawing = self._drawing.setdefault(picture.key, threading.Lock())
        # Whoever else wants the same picture meanwhile gets the one that is under way.
        with drawing:
            found = self.known(picture)
            if found is None:
                found = self._make(picture)
        with self._lock:
            self._drawing.pop(picture.key, None)
        return found

    def _make(self, picture: Picture) -> str | None:
        try:
            content = picture.draw()
            digest = f"content:{hashlib.sha256(content).hexdigest()}"
            file = self._find(digest) or self._upload(content, picture)
        except CALL_ERRORS as error:
            log.warning("a picture was not uploaded: %s", error)
            return None
        except Exception:
            log.exception("a picture was not drawn: %s", picture.key)
            return None
        self._remember(digest, file)
        self._remember(f"key:{picture.key}", file)
        return file

    def _upload(self, content: bytes, picture: Picture) -> str:
        """Slack's three steps. Raises one of CALL_ERRORS."""
        opened = self._client.files_getUploadURLExternal(
            filename="calendar.png", length=len(content), alt_txt=picture.alt[:1000]
        )
        url, file = str(opened["upload_url"]), str(opened["file_id"])
        if not is_slacks(url, self._client.base_url):
            raise ValueError(f"the upload goes to {urlsplit(url).hostname}, which is not Slack")
        request = Request(url, content, {"Content-Type": "application/octet-stream"})  # noqa: S310
        opening = opener(self._client.proxy, self._client.ssl)
        with opening.open(request, timeout=BACKGROUND_TIMEOUT_S) as answer:
            if answer.status != 200:
                raise OSError(f"the upload was answered with {answer.status}")
        self._client.files_completeUploadExternal(files=[{"id": file, "title": picture.title}])
        return file

    def _find(self, name: str) -> str | None:
        with self._lock:
            return self._known.get(name)

    def _remember(self, name: str, file: str) -> None:
        with self._lock:
            self._known[name] = file
            self._known.move_to_end(name)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)


def is_slacks(url: str, api_url: str) -> bool:
    """Whether an upload goes to Slack, or to the same server as the configured Web API."""
    address, api = urlsplit(url), urlsplit(api_url)
    host = address.hostname or ""
    if address.scheme == "https" and host.endswith((".slack.com", ".slack-gov.com")):
        return True
    return (address.scheme, address.netloc) == (api.scheme, api.netloc)


def with_picture(blocks: Sequence[Block], picture: Picture, file: str, at: int = 1) -> list[Block]:
    """`blocks` with the picture after the first `at` of them."""
    shown = image(file, picture.title, picture.alt)
    return [*blocks[:at], shown, *blocks[at:]]


def until_taken(send: Callable[[], str], pause: Callable[[float], object]) -> str:
    """Call `send` until Slack takes what it sends, or refuses it for something else.

    `send` returns Slack's error, empty when there was none; so does this.
    """
    error = send()
    for seconds in PAUSES_S:
        if error not in NOT_YET:
            break
        pause(seconds)
        error = send()
    return error
