"""The catalogues: complete entries, places that match, and nothing that no longer exists."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Formatter

import builders
import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po

import bot
from bot.domain.window import Window
from bot.locale import catalogue_path, translator
from bot.slack.reader import Reader

ROOT = Path(bot.__file__).parent
#: Functions whose first arguments are sentences, and which of them.
MARKS = {"N_": (1,), "text": (1,), "plain": (1,), "many": (1, 2), "many_plain": (1, 2)}


def catalogue() -> Catalog:
    with catalogue_path("zh_CN").open("rb") as source:
        return read_po(source, abort_invalid=True)


def entries() -> list[Message]:
    return [entry for entry in catalogue() if entry.id]


def forms(of: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (of,) if isinstance(of, str) else tuple(of)


def places(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


def sentences_in_the_source() -> Iterator[str]:
    for folder in ("domain", "services", "slack"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for _, found, _, _ in extract_from_file("python", path, keywords=MARKS):
                yield from forms(found)


def chinese(zone: str = "UTC") -> Reader:
    return Reader("U0CHEN", UTC, zone, "zh-CN")


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: str(entry.id)[:60])
def test_a_translation_is_there_and_fills_the_same_places(entry: Message) -> None:
    known = set().union(*(places(form) for form in forms(entry.id)))
    for sentence in forms(entry.string):
        assert sentence.strip()
        assert places(sentence) <= known


def test_a_translation_leaves_out_only_what_the_language_does_without() -> None:
    left_out = {
        entry.id
        for entry in entries()
        for sentence in forms(entry.string)
        if places(sentence) != set().union(*(places(form) for form in forms(entry.id)))
    }
    assert left_out == {(":white_check_mark: Booked.", ":white_check_mark: Booked, in {n} parts.")}


def test_every_translated_sentence_stands_in_the_program() -> None:
    said = set(sentences_in_the_source())
    stale = [form for entry in entries() for form in forms(entry.id) if form not in said]
    assert stale == []


def test_code_in_a_sentence_is_not_translated() -> None:
    for entry in entries():
        codes = {code for form in forms(entry.id) for code in form.split("`")[1::2]}
        for sentence in forms(entry.string):
            assert set(sentence.split("`")[1::2]) == codes


@pytest.mark.parametrize("locale", ["zh-CN", "zh_CN", "zh", "zh-Hans-CN", "zh-TW"])
def test_every_kind_of_chinese_finds_the_catalogue(locale: str) -> None:
    assert translator(locale).gettext("Preempt…") == "抢占…"


@pytest.mark.parametrize("locale", ["en-US", "fr-FR", "", "../../zh_CN", "x" * 9])
def test_any_other_language_is_english(locale: str) -> None:
    assert translator(locale).gettext("Preempt…") == "Preempt…"
    assert translator(locale).ngettext("{n} GPU", "{n} GPUs", 2) == "{n} GPUs"


def test_a_sentence_without_a_translation_is_english() -> None:
    assert chinese().text("Nobody has translated this {thing}.", thing="yet") == (
        "Nobody has translated this yet."
    )


def test_a_catalogue_is_read_once() -> None:
    assert translator("zh-CN") is translator("zh")


def test_moments_and_lengths_are_written_as_they_are_in_chinese() -> None:
    reader = chinese()
    start = datetime(2026, 11, 26, 22, 0, tzinfo=UTC)
    assert reader.moment(start) == "11月26日周四 22:00"
    assert reader.length(timedelta(hours=20)) == "20 小时"
    assert reader.length(timedelta(days=1, hours=12)) == "1 天 12 小时"
    assert reader.length(timedelta(minutes=90)) == "90 分钟"
    window = Window(start, start + timedelta(hours=2))
    assert reader.plain("{window}", window=window) == (
        "11月26日周四 22:00 – 11月27日周五 00:00 (2 小时)"
    )


@pytest.mark.parametrize("number", [1, 2, 5])
def test_chinese_has_one_form_for_any_number(number: int) -> None:
    assert chinese().many("{n} GPU", "{n} GPUs", number) == f"{number} 块 GPU"


def test_a_channel_reads_the_language_of_its_cluster() -> None:
    reader = Reader.of_channel(builders.cluster())
    assert reader.text("reserved") == "reserved"
