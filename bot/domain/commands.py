"""Commands as they were typed, without what Slack made of them."""

from __future__ import annotations

import re
import sys

from bot.domain.errors import TextTooLong
from bot.domain.words import LONGEST_TEXT, clean_text

#: What Slack's tokens begin with, and words; the spaces between them stay as typed.
_CHUNK = re.compile(r"<[@#!hmt][^<>]*>|[^\s<]+|<")


def clean_command(typed: str) -> str:
    """The command as it was typed, spaces and line breaks included, with nothing around it.

    Slack's tokens become what was typed for them, as in `clean_text`; control characters and
    what no database stores are left out. Raises TextTooLong.
    """
    command = _CHUNK.sub(lambda chunk: clean_text(chunk[0], "command", sys.maxsize), typed).strip()
    if len(command) > LONGEST_TEXT:
        raise TextTooLong(
            what="command", found=len(command), longest=LONGEST_TEXT, form_field="command"
        )
    return command
