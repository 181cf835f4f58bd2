"""Text as people type it: folding of spaces and widths, quotes, numbers in words, cleaning."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction

from bot.domain.errors import TextTooLong

#: The longest purpose or reason, in characters.
LONGEST_TEXT = 300

#: Rules match ASCII digits and letters only, so that folding a match's case never fails.
FLAGS = re.ASCII | re.IGNORECASE

#: What must not follow an English word for it to be that word: `fri` is not in `fri-node`.
WORD_END = r"(?![A-Za-z0-9_]|-[A-Za-z0-9_]|['’]s)"

_SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b"
_SPACES += "\u200c\u200d\u200e\u200f\u2028\u2029\u202f\u205f\u2060\u3000\ufeff\t\n\r\x0b\x0c"
#: One character for one, so that places in the folded text are places in the typed one.
_FOLDED = {ord(space): " " for space in _SPACES} | {
    code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)
}

_QUOTES = {
    '"': '"”“',
    "“": '”“"',
    "”": '”"',
    "„": '“”"',
    "«": "»",
    "「": "」",
    "『": "』",
    "‘": "’",
    "'": "'’",
}

#: How Slack sends links, mentions, channels, and `@here`, `@group` or dates.
_TOKEN = re.compile(
    r"<(?:(?P<link>(?:https?://|mailto:|tel:)[^<>|]+)|(?P<sign>[@#])(?P<id>[UWCGD][A-Z0-9]+)"
    r"|!(?P<special>[a-z]+)(?P<more>\^[^<>|]*)?)(?:\|(?P<label>[^<>]*))?>"
)

#: What Slack makes of a word that ends like a domain: `eval.py` (Paraguay), `gpu-01.lab.io`.
_MADE_A_LINK = re.compile(r"<http://([^<>|]+)\|\1>")

_ONE_TO_SIX = ("one", "two", "three", "four", "five", "six")
_SEVEN_TO_TWELVE = ("seven", "eight", "nine", "ten", "eleven", "twelve")
_ENGLISH_NUMBERS = {"a": 1, "an": 1} | {
    word: number for number, word in enumerate((*_ONE_TO_SIX, *_SEVEN_TO_TWELVE), start=1)
}
_CHINESE_DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {
    "〇": 0,
    "两": 2,
    "兩": 2,
}
_CHINESE_TENS = re.compile(r"([一二三四五六七八九])?十([一二三四五六七八九])?")

#: Alternatives for use in patterns; longest first where one begins another.
ENGLISH_NUMBER = "|".join(sorted(_ENGLISH_NUMBERS, key=len, reverse=True))
CHINESE_NUMBER = r"[一二三四五六七八九]?十[一二三四五六七八九]?|[零〇一二两兩三四五六七八九]"


@dataclass(frozen=True, slots=True)
class Text:
    """What was typed, and the same with spaces and full-width characters folded."""

    typed: str
    plain: str

    @classmethod
    def of(cls, sent: str) -> Text:
        """The text of a message as Slack sends it, with `&`, `<` and `>` escaped.

        Words that Slack made links of are taken as they were typed.
        """
        return cls.as_it_is(unescape(_MADE_A_LINK.sub(r"\1", sent)))

    @classmethod
    def as_it_is(cls, typed: str) -> Text:
        """The text without undoing any escaping."""
        return cls(typed, typed.translate(_FOLDED))

    def between(self, start: int, end: int) -> str:
        """The typed characters there, without the spaces around them."""
        return self.typed[start:end].strip()


def unescape(sent: str) -> str:
    """Undo Slack's escaping of the three characters that it escapes."""
    return sent.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def read_quoted(text: Text, at: int) -> tuple[str, int] | None:
    """The text in quotes that opens at `at`, and where it ends; open quotes run to the end."""
    closing = _QUOTES.get(text.typed[at : at + 1])
    if closing is None:
        return None
    places = [p for mark in closing if (p := text.typed.find(mark, at + 1)) > 0]
    end = min(places, default=len(text.typed))
    return text.between(at + 1, end), min(end + 1, len(text.typed))


def number_of(word: str) -> Fraction | int:
    """The number that `word` says: `12`, `1.5`, `1,5`, `two`, `两`, `二十四`."""
    if word.isdecimal():
        return int(word)
    if word[0].isdigit():
        return Fraction(word.replace(",", "."))
    if tens := _CHINESE_TENS.fullmatch(word):
        first, last = (_CHINESE_DIGITS[d] if d else None for d in tens.groups())
        return 10 * (1 if first is None else first) + (last or 0)
    if word in _CHINESE_DIGITS:
        return _CHINESE_DIGITS[word]
    return _ENGLISH_NUMBERS[word.lower()]


def _cleaned(character: str) -> str:
    if character.isspace():
        return " "
    # Cc controls; Cs lone surrogates, which no database stores; the rest reverses what follows.
    if unicodedata.category(character) in ("Cc", "Cs") or character in "\u202a\u202b\u202c\u202d":
        return ""
    return "" if character in "\u202e\u2066\u2067\u2068\u2069" else character


def _as_words(token: re.Match[str]) -> str:
    """What a person reads in place of the token."""
    if link := token["link"]:
        return link.removeprefix("mailto:").removeprefix("tel:")
    if sign := token["sign"]:
        return sign + (token["label"] or token["id"])
    # A group and a date are labelled with what they stand for: `<!subteam^S1|@vision>`.
    return (token["more"] and token["label"]) or f"@{token['special']}"


def unlinked(typed: str) -> str:
    """`typed` without the links and mentions that Slack made of words: `<http://a.py|a.py>`."""
    return _TOKEN.sub(_as_typed, typed)


def _as_typed(token: re.Match[str]) -> str:
    link, label = token["link"], token["label"]
    if link is None or not label:
        return _as_words(token)
    return label if link.endswith(label) else link


def clean_text(typed: str, what: str = "purpose", longest: int = LONGEST_TEXT) -> str:
    """`typed` on one line, without control characters; Slack's tokens become words.

    `<https://a.b|c>` is `https://a.b`, `<#C1|nlp>` is `#nlp`, `<@U1|bob>` is `@bob`, `<!here>` is
    `@here`, because what is kept is escaped where it is shown.

    `what` ("purpose", "reason") names the text and its form field in TextTooLong, which is
    raised when more than `longest` characters are left.
    """
    cleaned = " ".join("".join(map(_cleaned, _TOKEN.sub(_as_words, typed))).split())
    if len(cleaned) > longest:
        raise TextTooLong(what=what, found=len(cleaned), longest=longest, form_field=what)
    return cleaned
