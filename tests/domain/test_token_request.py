"""The words after `/gpu token new` and `/gpu token revoke`."""

from __future__ import annotations

from datetime import timedelta

import pytest
from builders import cluster

from bot.domain.access import Scope
from bot.domain.errors import InputError, Missing, NotUnderstood, TextTooLong, UnknownName
from bot.domain.token_request import (
    DEFAULT_LIFE,
    DEFAULT_SCOPES,
    LONGEST_LIFE,
    TokenRequest,
    TooLongLife,
    parse_new_token,
    parse_token_number,
)

READ, BOOK, AUDIT = Scope.READ, Scope.BOOK, Scope.AUDIT
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("nightly", TokenRequest("nightly", DEFAULT_SCOPES, None, DEFAULT_LIFE)),
        ("nightly read", TokenRequest("nightly", frozenset({READ}), None, DEFAULT_LIFE)),
        ("ci READ, Audit", TokenRequest("ci", frozenset({READ, AUDIT}), None, DEFAULT_LIFE)),
        ("ci team Vision", TokenRequest("ci", DEFAULT_SCOPES, "vision", DEFAULT_LIFE)),
        ("ci for 90d", TokenRequest("ci", DEFAULT_SCOPES, None, 90 * DAY)),
        ("ci for 2 weeks book", TokenRequest("ci", frozenset({BOOK}), None, 14 * DAY)),
        (
            '"my tool &amp; I" read',
            TokenRequest("my tool & I", frozenset({READ}), None, DEFAULT_LIFE),
        ),
        ("“夜间任务” team nlp", TokenRequest("夜间任务", DEFAULT_SCOPES, "nlp", DEFAULT_LIFE)),
        ("read", TokenRequest("read", DEFAULT_SCOPES, None, DEFAULT_LIFE)),
        ("ci for 730d", TokenRequest("ci", DEFAULT_SCOPES, None, LONGEST_LIFE)),
    ],
)
def test_a_new_token_is_read(text: str, read: TokenRequest) -> None:
    assert parse_new_token(text, cluster()) == read


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", Missing),
        ('""', Missing),
        ("ci write", NotUnderstood),
        ("ci feed", NotUnderstood),
        ("ci for ever", NotUnderstood),
        ("ci for", NotUnderstood),
        ("ci team", Missing),
        ("ci team frobnicators", UnknownName),
        ("ci for 731d", TooLongLife),
        ("ci for 99999d", InputError),
        ("ci for 0d", InputError),
        ("x" * 41, TextTooLong),
    ],
)
def test_what_cannot_be_read_says_what_to_type(text: str, error: type[InputError]) -> None:
    with pytest.raises(error) as refused:
        parse_new_token(text, cluster())
    example = refused.value.fields.get("example")
    assert example is None or str(example).startswith("/gpu token ")


@pytest.mark.parametrize("text", ["7", "#7", "token 7", " 7 "])
def test_a_token_is_named_by_its_number(text: str) -> None:
    assert parse_token_number(text) == 7


@pytest.mark.parametrize(
    ("text", "error"), [("", Missing), ("nightly", NotUnderstood), ("7 8", NotUnderstood)]
)
def test_other_words_name_no_token(text: str, error: type[InputError]) -> None:
    with pytest.raises(error):
        parse_token_number(text)
