"""Sending one message to Slack: posted, or edited where it stands already, with its picture."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from http.client import HTTPException
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.services import delivery as box
from bot.services.delivery import Delivery, Place
from bot.services.site import Site
from bot.slack.context import Message
from bot.slack.pictures import NOT_YET, Pictures, with_picture
from bot.slack.verdicts import LONGEST_CODE, Refused, TryLater, judged

#: How often a message is tried with its picture, which Slack looks through first, and the pause.
PICTURE_TRIES, PICTURE_PAUSE = 4, timedelta(seconds=2)

#: The living message is gone, or cannot be edited any more: it is posted anew.
GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})


class Sender:
    """Sends messages. `calling(delivery)` is told before each call of Slack, and may forbid it.

    `client` has a timeout and no retry handlers. Without `pictures` messages have none.
    """

    def __init__(
        self,
        site: Site,
        client: WebClient,
        pictures: Pictures | None,
        calling: Callable[[Delivery], None],
    ) -> None:
        self._site = site
        self._client = client
        self._pictures = pictures
        self._calling = calling

    def send(self, delivery: Delivery, message: Message) -> Place | None:
        """Send a message; return where it stands, if it is a living one.

        Raises TryLater or Refused for everything that can go wrong with Slack.
        """
        if message.living:
            return self._show(delivery, message)
        self._post_with_picture(delivery, message)
        return None

    def _post_with_picture(self, delivery: Delivery, message: Message) -> None:
        """Post a message, with its picture if Slack has it in time; the message comes first."""
        thread, picture = self._thread(delivery, message), message.picture
        file = self._pictures.file(picture) if picture and self._pictures else None
        if picture is None or file is None:
            self._post(delivery, message, thread)
            return
        last = len(message.blocks) - 1
        blocks = with_picture(message.blocks, picture, file, max(last, 1))
        try:
            self._post(delivery, replace(message, blocks=tuple(blocks)), thread)
        except Refused as error:
            if error.code not in NOT_YET:
                raise
            if delivery.attempts < PICTURE_TRIES:
                raise TryLater("Slack does not have the picture yet", PICTURE_PAUSE) from error
            self._post(delivery, message, thread)

    def _show(self, delivery: Delivery, message: Message) -> Place:
        """Bring the living message up to date: edit it, or post it when there is none."""
        place = box.place_of(self._site, delivery.subject, delivery.recipient)
        digest = _digest(message)
        if place is not None and place.digest == digest:
            return place
        if place is not None and self._edit(place, delivery, message):
            return Place(place.channel, place.ts, digest)
        channel, ts = self._post(delivery, message, None)
        return Place(channel, ts, digest)

    def _thread(self, delivery: Delivery, message: Message) -> str | None:
        if message.thread_of is None:
            return None
        place = box.place_of(self._site, message.thread_of, delivery.recipient)
        return None if place is None else place.ts

    def _edit(self, place: Place, delivery: Delivery, message: Message) -> bool:
        """Edit a message; False when it is gone."""
        try:
            self._call(
                delivery,
                self._client.chat_update,
                channel=place.channel,
                ts=place.ts,
                **_content(message),
            )
        except Refused as error:
            if error.code in GONE:
                return False
            raise
        return True

    def _post(self, delivery: Delivery, message: Message, thread: str | None) -> tuple[str, str]:
        """Post a message; return its channel (for a user: the direct message's) and ts."""
        answer = self._call(
            delivery,
            self._client.chat_postMessage,
            channel=delivery.recipient,
            thread_ts=thread,
            unfurl_links=False,
            unfurl_media=False,
            **_content(message),
        )
        channel, ts = answer["channel"], answer["ts"]
        if not isinstance(channel, str) or not isinstance(ts, str):
            raise TryLater("ok without a place")
        return channel, ts

    def _call(self, delivery: Delivery, method: Callable[..., Any], **arguments: Any) -> Any:
        """Call Slack; raise TryLater or Refused for everything that can go wrong."""
        self._calling(delivery)
        try:
            return method(**arguments)
        except SlackApiError as error:
            raise judged(error) from error
        except (SlackClientError, HTTPException, OSError, ValueError) as error:
            raise TryLater(f"{type(error).__name__}: {error}"[:LONGEST_CODE]) from error


def _content(message: Message) -> dict[str, Any]:
    return {"text": message.text, "blocks": list(message.blocks)}


def _digest(message: Message) -> str:
    content = json.dumps(_content(message), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()
