"""What people ask of tokens: the words after `/gpu token`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from bot.domain.access import EVERYTHING, Scope
from bot.domain.cluster import Cluster
from bot.domain.errors import N_, InputError, Missing, NotUnderstood
from bot.domain.lengths import read_length
from bot.domain.notes import Note
from bot.domain.retelling import retold
from bot.domain.scanning import next_word, skip
from bot.domain.shape_rules import known_team
from bot.domain.words import FLAGS, WORD_END, Text, clean_text, read_quoted

NEW_EXAMPLE = "/gpu token new nightly read book team vision for 90d"
REVOKE_EXAMPLE = "/gpu token revoke 7"

DEFAULT_SCOPES = frozenset({Scope.READ, Scope.BOOK})
DEFAULT_LIFE = timedelta(days=365)
LONGEST_LIFE = timedelta(days=730)
LONGEST_NAME = 40

_TEAM = re.compile(rf"team{WORD_END}", FLAGS)
_FOR = re.compile(rf"for{WORD_END}", FLAGS)
_NUMBER = re.compile(r"(?:token\s+)?#?(\d{1,9})", FLAGS)


class TooLongLife(InputError):
    """Fields: `length` asked, `longest`."""

    code = "too_long_life"
    template = N_("{length} is too long: a token is good for at most {longest}.")


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A token to make."""

    name: str
    scopes: frozenset[Scope]
    #: Makes it a pipeline's token, which works for that team only; None: a person's own.
    team: str | None
    life: timedelta


def parse_new_token(text: str, cluster: Cluster) -> TokenRequest:
    """Read `NAME [read] [book] [audit] [report] [team T] [for 90d]`; the name may be in quotes."""
    words = Text.of(text)
    name, at = _read_name(words)
    scopes: set[Scope] = set()
    team, life = None, DEFAULT_LIFE
    while at < len(words.plain):
        if match := _TEAM.match(words.plain, at):
            team, at = _read_team(words, match.end(), cluster)
        elif match := _FOR.match(words.plain, at):
            life, at = _read_life(words, match.end())
        else:
            scope, at = _read_scope(words, at)
            scopes.add(scope)
        at = skip(words, at)
    return TokenRequest(name, frozenset(scopes) or DEFAULT_SCOPES, team, life)


def parse_token_number(text: str) -> int:
    """Read `7`, `#7` or `token 7`."""
    words = Text.of(text).plain.strip()
    if not words:
        raise Missing(what=Note(N_("Say which token.")), example=REVOKE_EXAMPLE)
    match = _NUMBER.fullmatch(words)
    if match is None:
        raise NotUnderstood(word=words, example=REVOKE_EXAMPLE)
    return int(match[1])


def _read_name(words: Text) -> tuple[str, int]:
    at = skip(words, 0)
    quoted = read_quoted(words, at)
    typed = quoted[0] if quoted else next_word(words, at)
    name = clean_text(typed, "name", LONGEST_NAME)
    if not name:
        raise Missing(what=Note(N_("Say what the token is for.")), example=NEW_EXAMPLE)
    return name, skip(words, quoted[1] if quoted else at + len(typed))


def _read_team(words: Text, at: int, cluster: Cluster) -> tuple[str, int]:
    at = skip(words, at)
    quoted = read_quoted(words, at)
    name = quoted[0] if quoted else next_word(words, at)
    if not name:
        raise Missing(what=Note(N_("Say which team.")), example=NEW_EXAMPLE, form_field="team")
    return known_team(cluster, name), quoted[1] if quoted else at + len(name)


def _read_life(words: Text, at: int) -> tuple[timedelta, int]:
    at = skip(words, at)
    with retold("/gpu token", lambda _error: NEW_EXAMPLE):
        found = read_length(words, at)
    if found is None:
        raise NotUnderstood(word=next_word(words, at) or "for", example=NEW_EXAMPLE)
    if found[0] > LONGEST_LIFE:
        raise TooLongLife(length=found[0], longest=LONGEST_LIFE)
    return found


def _read_scope(words: Text, at: int) -> tuple[Scope, int]:
    word = next_word(words, at)
    scope = next((one for one in sorted(EVERYTHING) if one == word.casefold().rstrip(",")), None)
    if scope is None:
        raise NotUnderstood(word=word, example=NEW_EXAMPLE)
    return scope, at + len(word)
