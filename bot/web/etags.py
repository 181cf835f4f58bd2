"""Answers that need not be sent again: entity tags (RFC 9110, 8.8.3)."""

from __future__ import annotations

import hashlib


def etag_of(content: bytes) -> str:
    """The tag of what is made of `content`, as it stands in the header."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def is_known(tag: str, if_none_match: str) -> bool:
    """Whether the caller has what `tag` names already, by its `If-None-Match`."""
    known = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return tag in known or "*" in known
