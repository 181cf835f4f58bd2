"""Secrets of runs are files on this host."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.runners.protocol import Refused
from bot.runners.secret_files import known_values, read_secrets


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "vault").mkdir()
    (tmp_path / "vault" / "password").write_text("hunter2\n")
    (tmp_path / "vault" / "key").write_text("-----BEGIN\nabc\n-----END\n")
    (tmp_path / "vault" / "odd").write_bytes(b"\xff\xfe")
    (tmp_path / "vault" / "nul").write_text("a\0b")
    return tmp_path


def test_a_value_is_a_file_without_the_break_at_its_end(folder: Path) -> None:
    found = read_secrets(folder, [("A", "vault/password"), ("B", "vault/key")])
    assert found == {"A": "hunter2", "B": "-----BEGIN\nabc\n-----END"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("vault/nothing", "there is no secret vault/nothing"),
        ("vault/odd", "the secret vault/odd cannot be read"),
        ("vault/nul", "the secret vault/nul cannot be read"),
        ("vault", "is no secret's name"),
        ("../vault/password", "is no secret's name"),
        ("vault/..", "is no secret's name"),
        ("/etc/passwd", "is no secret's name"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(folder: Path, name: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        read_secrets(folder, [("A", name)])


def test_without_a_folder_there_are_no_secrets() -> None:
    assert read_secrets(None, []) == {}
    with pytest.raises(Refused, match="no folder of secrets is configured"):
        read_secrets(None, [("A", "vault/password")])


def test_values_to_hide_are_those_that_are_there(folder: Path) -> None:
    secrets = [("A", "vault/password"), ("B", "vault/nothing"), ("C", "..")]
    assert known_values(folder, secrets) == ("hunter2",)
    assert known_values(None, secrets) == ()
