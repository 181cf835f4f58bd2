"""How single values are written: moments, lengths, and text that somebody typed."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import date, datetime, timedelta
from math import ceil

from bot.domain.errors import N_

Words = Callable[[str], str]

WEEKDAYS = (N_("Mon"), N_("Tue"), N_("Wed"), N_("Thu"), N_("Fri"), N_("Sat"), N_("Sun"))
MONTHS = (
    N_("Jan"), N_("Feb"), N_("Mar"), N_("Apr"), N_("May"), N_("Jun"),
    N_("Jul"), N_("Aug"), N_("Sep"), N_("Oct"), N_("Nov"), N_("Dec"),
)  # fmt: skip
#: A catalogue may use {month_number} instead of {month}.
DAY = N_("{weekday} {day} {month}")

#: Values longer than this are cut where they are shown inside a sentence.
LONGEST_VALUE = 300

#: Zero-width joiner: a format character, but part of ordinary emoji.
JOINER = "\u200d"

#: English-speaking places that write the day first, though their locale is `en-…`.
DAY_FIRST_ENGLISH = frozenset({"GB", "AU", "NZ", "IE", "IN", "ZA"})
MONTH_FIRST_LANGUAGES = frozenset({"en", "zh", "ja", "ko", "hu", "mn"})

_NEUTRAL = str.maketrans({"*": "∗", "~": "∼", "`": "ˋ", "&": "&amp;", "<": "&lt;", ">": "&gt;"})
_NEUTRAL_CODE = str.maketrans({"`": "ˋ", "&": "&amp;", "<": "&lt;", ">": "&gt;"})


def is_month_first(locale: str) -> bool:
    """Whether 12/1 is the first of December in that locale (and not the twelfth of January)."""
    language, _, place = locale.replace("_", "-").partition("-")
    if language.lower() not in MONTH_FIRST_LANGUAGES:
        return False
    return place.upper() not in DAY_FIRST_ENGLISH


def cleaned(text: str) -> str:
    """`text` on one line, without control and direction characters, cut to a bearable length."""
    return cut(" ".join(visible(text).split()), LONGEST_VALUE)


def visible(text: str) -> str:
    """`text` without control and other invisible characters, which a paste may bring along."""
    return "".join(c for c in text if c == JOINER or _is_visible(c))


def _is_visible(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Cn"}


def escape(text: str) -> str:
    """Typed text for mrkdwn: it addresses nobody, links nothing and formats nothing."""
    return _neutral_underscores(text.translate(_NEUTRAL))


def _neutral_underscores(text: str) -> str:
    """Slack formats `_so_` only at the edges of words; inside a word `_` stays as typed."""
    last = len(text) - 1
    return "".join(
        "ˍ" if c == "_" and not (0 < i < last and text[i - 1].isalnum() and text[i + 1].isalnum())
        else c
        for i, c in enumerate(text)
    )  # fmt: skip


def escape_code(text: str) -> str:
    """Typed text for a code span."""
    return text.translate(_NEUTRAL_CODE)


def cut(text: str, longest: int) -> str:
    """`text`, with an ellipsis in place of what is beyond `longest` characters."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def day(of: date, words: Words) -> str:
    """As in "Thu 26 Nov"."""
    return words(DAY).format(
        weekday=words(WEEKDAYS[of.weekday()]),
        day=of.day,
        month=words(MONTHS[of.month - 1]),
        month_number=of.month,
    )


def moment(local: datetime, words: Words) -> str:
    """As in "Thu 26 Nov 22:00", for a moment already in the reader's zone."""
    return f"{day(local.date(), words)} {local:%H:%M}"


def length(span: timedelta, words: Words) -> str:
    """As in "20 h", "1 d 12 h", "90 min", "2 h 30 min".

    A minute that has begun counts, so that lengths agree with times, which show no seconds.
    """
    minutes = max(ceil(span.total_seconds() / 60), 0)
    if minutes < 120 and minutes % 60:
        return words(N_("{n} min")).format(n=minutes)
    days, minutes = divmod(minutes, 24 * 60)
    hours, minutes = divmod(minutes, 60)
    units = ((N_("{n} d"), days), (N_("{n} h"), hours), (N_("{n} min"), minutes))
    shown = [words(unit).format(n=number) for unit, number in units if number]
    return " ".join(shown) or words(N_("{n} min")).format(n=0)
