"""What people see of a message: Slack's date tokens in the words they fall back to."""

from __future__ import annotations

import re

from talk import Shown, words

_DATE = re.compile(r"<!date\^\d+\^[^|>]*\|([^>]*)>")


def plainly(where: Shown) -> str:
    """All the text of a message or window, with moments as "Wed 25 Nov 22:00"."""
    return plain(words(where))


def plain(text: str) -> str:
    """`text` with moments as "Wed 25 Nov 22:00"."""
    return _DATE.sub(r"\1", text)
