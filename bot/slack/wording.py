"""How text that somebody typed is shown."""

from __future__ import annotations

import unicodedata

#: Values longer than this are cut where they are shown inside a sentence.
LONGEST_VALUE = 300

#: Zero-width joiner: a format character, but part of ordinary emoji.
JOINER = "\u200d"

_NEUTRAL = str.maketrans({"*": "∗", "~": "∼", "`": "ˋ", "&": "&amp;", "<": "&lt;", ">": "&gt;"})
_NEUTRAL_CODE = str.maketrans({"`": "ˋ", "&": "&amp;", "<": "&lt;", ">": "&gt;"})
#: What means something in mrkdwn. Most text has none of it, and is told by one look.
_MEANING = frozenset("*~`&<>_")


def cleaned(text: str) -> str:
    """`text` on one line, without control and direction characters, cut to a bearable length."""
    return cut(" ".join(visible(text).split()), LONGEST_VALUE)


def visible(text: str) -> str:
    """`text` without control and other invisible characters, which a paste may bring along."""
    if text.isprintable():
        return text
    return "".join(c for c in text if c == JOINER or _is_visible(c))


def _is_visible(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Cn"}


def escape(text: str) -> str:
    """Typed text for mrkdwn: it addresses nobody, links nothing and formats nothing."""
    if _MEANING.isdisjoint(text):
        return text
    return _neutral_underscores(text.translate(_NEUTRAL))


def _neutral_underscores(text: str) -> str:
    """Slack formats `_so_` only at the edges of words; inside a word `_` stays as typed."""
    if "_" not in text:
        return text
    last = len(text) - 1
    return "".join(
        "ˍ" if c == "_" and not (0 < i < last and text[i - 1].isalnum() and text[i + 1].isalnum())
        else c
        for i, c in enumerate(text)
    )  # fmt: skip


def escape_code(text: str) -> str:
    """Typed text for a code span."""
    return text if _MEANING.isdisjoint(text) else text.translate(_NEUTRAL_CODE)


def link(url: str, text: str) -> str:
    """`text` that leads to `url`; neither can end the link early."""
    safe = url.replace("&", "&amp;").replace("<", "%3C").replace(">", "%3E").replace("|", "%7C")
    return f"<{safe}|{escape(text)}>"


def cut(text: str, longest: int) -> str:
    """`text`, with an ellipsis in place of what is beyond `longest` characters."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
