"""Fonts of the system, and what is drawn without them."""

from __future__ import annotations

import pytest

from bot.pictures import fonts


@pytest.fixture
def bare(monkeypatch):
    """A system without fonts."""
    monkeypatch.setattr(fonts, "european_font", lambda _size: None)
    monkeypatch.setattr(fonts, "chinese_font", lambda _size: None)


def test_what_no_font_has_becomes_a_sign(bare):
    assert fonts.drawable("Zoë 陈 Bob…") == "Zo? ? Bob…"


def test_english_is_drawn_by_pillows_own_font_at_least(bare):
    assert fonts.font_for("gpu-01", 30).getlength("gpu-01") > 50


def test_europeans_keep_their_letters_without_chinese(monkeypatch):
    monkeypatch.setattr(fonts, "european_font", fonts.own_font)
    monkeypatch.setattr(fonts, "chinese_font", lambda _size: None)
    assert fonts.drawable("Zoë 陈") == "Zoë ?"


def test_text_is_cut_to_its_width_with_an_ellipsis():
    whole = fonts.font_for("Alice Martin", 30).getlength("Alice Martin")
    assert fonts.fitted("Alice Martin", 30, whole) == "Alice Martin"
    cut = fonts.fitted("Alice Martin", 30, whole - 1)
    assert cut.endswith("…")
    assert fonts.font_for(cut, 30).getlength(cut) <= whole - 1
    assert fonts.fitted("Alice Martin", 30, 3) == ""


def test_a_language_whose_letters_are_lacking_is_replaced(bare):
    assert fonts.locale_for("zh-CN") == "en"
    assert fonts.locale_for("de-DE") == "de-DE"


def test_a_broken_file_is_passed_over(tmp_path, monkeypatch):
    (tmp_path / "NotoSans-Regular.ttf").write_bytes(b"no font")
    monkeypatch.setattr(fonts, "FOLDERS", (str(tmp_path), str(tmp_path / "missing")))
    wanted = (("NotoSans-Regular.ttf", ""), ("Nothing.ttf", ""))
    assert fonts._first_file.__wrapped__(wanted) is None
