"""Lengths of time in words: `20h`, `1d12h`, `1.5 days`, `半小时`, `一天半`."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from fractions import Fraction
from functools import lru_cache

from bot.domain.errors import N_, BadLength, Missing, NotUnderstood
from bot.domain.notes import Note
from bot.domain.words import CHINESE_NUMBER, ENGLISH_NUMBER, FLAGS, Text, number_of

#: Lengths up to here can be added to any date; what may be booked is bounded elsewhere.
LONGEST = timedelta(days=3650)

MISSING_LENGTH = Note(N_("Say for how long."))

_SECONDS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}
#: A week is not the `周` of `周五`, and an hour is not the `h` of `H100` (see `_ends`).
_UNITS = (
    r"(?:(?P<w>w(?:(?:ee)?ks?)?(?![a-z_])|(?:个|個)?(?:周|週|星期|礼拜|禮拜)(?![一二三四五六日天末]))"
    r"|(?P<d>d(?:ays?)?(?![a-z_]|\s+after\s)|天)"
    r"|(?P<h>h(?:(?:ou)?rs?)?(?![a-z_])|(?:个|個)?(?:小时|小時|钟头|鐘頭))"
    r"|(?P<m>m(?:in(?:ute)?s?)?(?![a-z_])|分钟|分鐘|分))"
)
_HALF = re.compile(rf"(?:half\s+an?\s+|half[\s-]+|半(?:个|個)?){_UNITS}", FLAGS)
_PART = re.compile(
    rf"(?P<number>\d{{1,6}}(?:[.,]\d{{1,4}})?|(?:{ENGLISH_NUMBER})(?=\s)|{CHINESE_NUMBER})"
    rf"(?P<space>\s*)(?P<half>and\s+a\s+half\s+|(?:个|個)?半)?{_UNITS}",
    FLAGS,
)
_AND_HALF = re.compile(r"半|\s+and\s+a\s+half(?![a-z0-9_])", FLAGS)
_JOIN = re.compile(r"\s*(?:and\s+|零|又)?", FLAGS)
#: The minutes of `1h30`.
_MINUTES = re.compile(r"(\d\d)(?![a-z0-9_.:分])", FLAGS)
_NEGATIVE = re.compile(r"[-−]\s?(?=[\d.])")
_WORD = re.compile(r"\S+")
_WORD_GOES_ON = re.compile(r"[A-Za-z0-9_]")


def _unit(match: re.Match[str]) -> str:
    return next(unit for unit in _SECONDS if match[unit])


#: Seconds, exactly.
_Seconds = Fraction | int


def _read_half(text: str, at: int) -> tuple[_Seconds, int] | None:
    match = _HALF.match(text, at)
    return (Fraction(_SECONDS[_unit(match)], 2), match.end()) if match else None


def _read_parts(text: str, at: int) -> tuple[_Seconds, int] | None:
    """Parts in falling units: `1d12h`, `1 day and 12 hours`, `1小时30分`."""
    match = _PART.match(text, at)
    if match is None:
        return None
    total: _Seconds = 0
    end, smallest = at, math.inf
    while match and (size := _SECONDS[_unit(match)]) < smallest:
        number = number_of(match["number"]) + (Fraction(1, 2) if match["half"] else 0)
        extra, end = _read_extra(text, match.end(), size, spaced=bool(match["space"]))
        total, smallest = total + number * size + extra, size
        match = _PART.match(text, _skip_join(text, end))
    return (total, end) if end > at else None


def _skip_join(text: str, at: int) -> int:
    match = _JOIN.match(text, at)
    return match.end() if match else at


def _read_extra(text: str, at: int, size: int, *, spaced: bool) -> tuple[_Seconds, int]:
    """What may follow a unit: the half of `一天半`, the minutes of `1h30`."""
    if match := _AND_HALF.match(text, at):
        return Fraction(size, 2), match.end()
    if size == _SECONDS["h"] and not spaced and (match := _MINUTES.match(text, at)):
        return int(match[1]) * 60, match.end()
    return 0, at


# A place is asked twice, for `3h from now` and for `3h`.
@lru_cache(maxsize=8)
def _read_unsigned(text: str, at: int) -> tuple[_Seconds, int] | None:
    found = _read_half(text, at) or _read_parts(text, at)
    return found if found and _ends(text, found[1]) else None


def _ends(text: str, at: int) -> bool:
    """Whether no letter or digit follows: `4 h` does not end in `4 h100`."""
    return _WORD_GOES_ON.match(text, at) is None


def read_length(text: Text, at: int) -> tuple[timedelta, int] | None:
    """The length that begins at `at`, to whole seconds, and where it ends; None: there is none.

    Raises BadLength for lengths of zero or below, or over LONGEST.
    """
    sign = _NEGATIVE.match(text.plain, at)
    begin = sign.end() if sign else at
    if (found := _read_unsigned(text.plain, begin)) is None:
        return None
    length, end = timedelta(seconds=round(found[0])), found[1]
    if sign or not timedelta() < length <= LONGEST:
        raise BadLength(word=text.between(at, end), example="20h")
    return length, end


def parse_length(text: str, example: str = "20h") -> timedelta:
    """The length that all of `text` says, to whole seconds.

    Raises Missing, NotUnderstood, and BadLength for lengths of zero or below, or over LONGEST.
    """
    words = Text.of(text)
    begin = len(words.plain) - len(words.plain.lstrip())
    if begin == len(words.plain):
        raise Missing(what=MISSING_LENGTH, example=example, form_field="length")
    length, end = read_length(words, begin) or (timedelta(0), begin)
    if rest := _WORD.search(words.plain, end):
        word = words.between(*rest.span())
        raise NotUnderstood(word=word, example=example, form_field="length")
    return length
