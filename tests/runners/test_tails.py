"""The end of a log, fit to be shown, and without secrets."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.runners.redact import HIDDEN, redact, redacted
from bot.runners.tails import LONGEST_LINE, last_lines, read_file, tail

KEY = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----"


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b"", ""),
        (b"one\ntwo\nthree\n", "two\nthree"),
        (b"one\n\n\n", "one"),
        (b"epoch 1\n 10%|#   |\r 50%|##  |\r100%|####|\n", "epoch 1\n100%|####|"),
        (b"epoch 1\n 10%|#   |\r 50%|##  |", "epoch 1\n 50%|##  |"),
        (b"a\r\nb\r\n", "a\nb"),
        (b"\x1b[31mred\x1b[0m \x1b]0;title\x07text\x1b[K\n", "red text"),
        (b"bell\x07 null\x00 \x9b31m\n", "bell null \ufffd31m"),
        ("Übung 训练".encode() + b" \xff\n", "Übung 训练 \ufffd"),
    ],
)
def test_the_last_lines_are_as_a_terminal_shows_them_in_the_end(content: bytes, shown: str) -> None:
    assert last_lines(content, 2) == shown


def test_a_long_line_is_cut() -> None:
    assert last_lines(b"x" * 9999, 1) == "x" * (LONGEST_LINE - 1) + "…"


def test_a_log_that_is_not_there_has_no_last_lines(tmp_path: Path) -> None:
    assert tail(tmp_path / "none.log", 5) == ""


def test_a_huge_log_is_read_from_a_line_near_its_end(tmp_path: Path) -> None:
    path = tmp_path / "worker-0.log"
    path.write_bytes(b"".join(b"line %d\n" % number for number in range(100_000)))
    assert tail(path, 2) == "line 99998\nline 99999"
    assert b"".join(read_file(path, 30)) == b"line 99998\nline 99999\n"
    assert b"".join(read_file(path)) == path.read_bytes()


def test_a_file_that_is_removed_meanwhile_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "worker-0.log"
    path.write_bytes(b"all of it")
    chunks = read_file(path)
    path.unlink()
    assert b"".join(chunks) == b"all of it"


def test_secrets_are_hidden_the_longest_first() -> None:
    text = "password hunter2-and-more, hunter2, 0, abc"
    values = ["hunter2", "hunter2-and-more", "0", "abc", ""]
    assert redact(text, values) == f"password {HIDDEN}, {HIDDEN}, 0, abc"


def test_a_key_of_several_lines_is_hidden_line_by_line_too() -> None:
    shown = redact("config: MIIEvQIBADANBgkq\n" + KEY, [KEY])
    assert shown == f"config: {HIDDEN}\n{HIDDEN}"


def test_a_secret_is_not_shown_by_its_end_where_a_log_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "worker-0.log"
    path.write_bytes(b"the password is hunter2-and-more\ndone\n")
    for last in range(1, 38):
        shown = b"".join(redacted(read_file(path, last), ["hunter2-and-more"]))
        assert b"more" not in shown


@given(st.lists(st.sampled_from([b"hunter2", b"hun", b"ter2", b"x", b"\xff", b"h" * 5])))
def test_secrets_are_hidden_wherever_pieces_end(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    assert b"".join(redacted(pieces, ["hunter2"])) == whole.replace(b"hunter2", HIDDEN.encode())
    assert b"".join(redacted(pieces, [])) == whole


def test_a_secret_that_begins_like_another_is_hidden_whole_wherever_a_piece_ends() -> None:
    whole = b"login hunter2 with hunter2-and-more, hunter2-and-mor\n"
    pieces = [whole[at : at + 7] for at in range(0, len(whole), 7)]
    shown = b"".join(redacted(pieces, ["hunter2", "hunter2-and-more"]))
    assert shown == b"login *** with ***, ***-and-mor\n"
