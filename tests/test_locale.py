"""The catalogues: everything translated, places that match, and nothing that no longer exists."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Formatter

import builders
import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po
from marked import ROOT, Sentence, marked, unmarked, unmarked_in_script, unmarked_in_template

from bot.domain.window import Window
from bot.locale import FOLDER, SOURCE, catalogue_path, dates, language, translator
from bot.slack.reader import Reader

#: Values that a sentence is given though its English does without them.
ALSO_GIVEN = {"You are {place} of {of} in line.": {"number"}}
#: Sentences whose Chinese does without something that English needs.
LEFT_OUT = {(":white_check_mark: Booked.", ":white_check_mark: Booked, in {n} parts.")}
#: What operators read, in logs, checks and answers to scripts; and names of fonts.
FOR_OPERATORS = (
    "domain/job.py", "pictures/fonts.py", "services/audit.py", "services/audit_watch.py",
    "services/notice.py", "services/only_process.py", "services/replicas.py", "slack/probe.py",
    "slack/scopes.py", "slack/socket.py",
)  # fmt: skip
#: How literals begin that hold commands, which are the same in every language; and an example.
COMMAND = re.compile(
    r"/gpu\b|reserve |wait N |python eval\.py|customer demo|yolo-train data=|tuple\["
    r"|(?:this|last) (?:week|month)$"
)

HAN = r"\u3400-\u9fff"


def catalogue(name: str = "zh_CN") -> Catalog:
    with catalogue_path(name).open("rb") as source:
        return read_po(source, abort_invalid=True)


def entries() -> list[Message]:
    return [entry for entry in catalogue() if entry.id]


def forms(of: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (of,) if isinstance(of, str) else tuple(of)


def places(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


def known_places(entry: Message) -> set[str]:
    given = set().union(*(places(form) for form in forms(entry.id)))
    return given | ALSO_GIVEN.get(str(entry.id), set())


def without_places(sentence: str) -> str:
    return re.sub(r"\{\w*\}", "", sentence)


def chinese(zone: str = "UTC") -> Reader:
    return Reader("U0CHEN", UTC, zone, "zh-CN")


def test_every_marked_sentence_is_translated() -> None:
    translated = {entry.id if isinstance(entry.id, str) else tuple(entry.id) for entry in entries()}
    # gettext finds the form for one as well.
    translated |= {entry.id[0] for entry in entries() if not isinstance(entry.id, str)}
    missing = [f"{where}: {found!r}" for where, found in marked() if found not in translated]
    assert missing == []


def test_every_translated_sentence_stands_in_the_program() -> None:
    said: set[Sentence] = {found for _, found in marked()}
    ids = [entry.id if isinstance(entry.id, str) else tuple(entry.id) for entry in entries()]
    assert [one for one in ids if one not in said] == []


def test_no_sentence_is_translated_twice() -> None:
    text = catalogue_path("zh_CN").read_text(encoding="utf-8")
    ids = re.findall(r'^msgid "(.+)"$', text, re.MULTILINE)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("folder", ["domain", "services", "slack", "pictures"])
def test_no_sentence_goes_unmarked(folder: str) -> None:
    found = [
        f"{path}:{line}: {text!r}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        if not str(path).endswith(FOR_OPERATORS)
        for line, text in unmarked(path.read_text(encoding="utf-8"))
        if not COMMAND.match(text)
    ]
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        'x = "nobody marked this"',
        'button("Book", "book")',
        'modal.form(call, title="Answer")',
        'raise InputError(what="a thing that is wrong")',
        'def f():\n    return f"{n} bookings were lost"',
        'reader.text(N_("{a} b"), a="two words")',
    ],
)
def test_a_sentence_without_a_mark_is_noticed(code: str) -> None:
    assert len(unmarked(code)) == 1


@pytest.mark.parametrize(
    "code",
    [
        '"""A docstring of several words."""',
        'x = N_("everybody marks this")',
        'button(reader.plain("Book"), "book")',
        'log.info("a line for the log")',
        'raise ValueError("a fault for programmers")',
        'verb("reserve", usage=["reserve two words"])',
    ],
)
def test_what_is_marked_or_for_nobody_is_passed_over(code: str) -> None:
    assert unmarked(code) == []


def test_no_word_of_a_page_goes_unmarked() -> None:
    found = {
        path.name: words
        for path in sorted((ROOT / "web" / "templates").rglob("*.html"))
        if (words := unmarked_in_template(path.read_text(encoding="utf-8")))
    }
    assert found == {}


def test_no_sentence_of_a_script_goes_unmarked() -> None:
    found = {
        path.name: sentences
        for path in sorted((ROOT / "web" / "static").glob("*.js"))
        if (sentences := unmarked_in_script(path.read_text(encoding="utf-8")))
    }
    assert found == {}


def test_words_of_pages_and_scripts_without_a_mark_are_noticed() -> None:
    page = """<h1 title="Two words">{{ _("marked") }} Bare {# not shown #}</h1><code>x y</code>"""
    assert unmarked_in_template(page) == ["Bare", "Two words"]
    script = 'say(t("Marked well")); show("Not marked"); const css = "two classes";'
    assert unmarked_in_script(script) == [(1, '"Not marked"')]
    assert len(unmarked_in_script('say(`${n} ${t("Never found")}`);')) == 1


def test_the_marks_of_pages_and_their_scripts_are_known(tmp_path: Path) -> None:
    for folder in ("templates", "static"):
        (tmp_path / "web" / folder).mkdir(parents=True)
    (tmp_path / "web" / "templates" / "page.html").write_text(
        "<h1>{{ _('Calendar') }}</h1>{{ ngettext('one {n}', 'more {n}', 2) }}"
        "{% trans %}Sign in{% endtrans %}",
        encoding="utf-8",
    )
    (tmp_path / "web" / "static" / "page.js").write_text(
        'show(t("Today"), tn("{n} day", "{n} days", days), text("no"));',
        encoding="utf-8",
    )
    (tmp_path / "web" / "page.py").write_text('say = _("Signed out")\n', encoding="utf-8")
    assert [found for _, found in marked(tmp_path)] == [
        "Signed out", "Calendar", ("one {n}", "more {n}"), "Sign in", "Today",
        ("{n} day", "{n} days"),
    ]  # fmt: skip


def test_a_program_without_pages_has_no_marks_in_them(tmp_path: Path) -> None:
    assert list(marked(tmp_path)) == []


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: str(entry.id)[:60])
def test_a_translation_is_there_and_fills_the_same_places(entry: Message) -> None:
    for sentence in forms(entry.string):
        assert sentence.strip()
        assert places(sentence) <= known_places(entry)


def test_a_translation_leaves_out_only_what_the_language_does_without() -> None:
    left_out = {
        entry.id
        for entry in entries()
        for sentence in forms(entry.string)
        if len(places(sentence)) < len(set().union(*(places(form) for form in forms(entry.id))))
    }
    assert left_out == LEFT_OUT


def test_code_in_a_sentence_is_not_translated() -> None:
    for entry in entries():
        codes = {code for form in forms(entry.id) for code in form.split("`")[1::2]}
        for sentence in forms(entry.string):
            assert set(sentence.split("`")[1::2]) == codes


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: str(entry.id)[:60])
def test_chinese_is_punctuated_and_spaced_as_chinese(entry: Message) -> None:
    for sentence in forms(entry.string):
        text = re.sub(r"`[^`]*`", "`x`", sentence)
        assert not re.search(rf"[{HAN}][,.;:!?()]|[,;!?()][{HAN}]", without_places(text)), sentence
        assert not re.search(rf"[{HAN}][A-Za-z0-9]|[A-Za-z0-9][{HAN}]", _loose(text)), sentence


def _loose(text: str) -> str:
    """Without what is a number in the text itself, as in 2天, which is an example to type."""
    return re.sub(r"2天|\d+小时|天22:00|周五9点", "", without_places(text))


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: str(entry.id)[:60])
def test_signs_that_format_stand_free_so_that_slack_sees_them(entry: Message) -> None:
    for sentence in forms(entry.string):
        for found in re.finditer(r"\*[^*\n]+\*|~[^~\n]+~|`[^`\n]+`", sentence):
            before, after = sentence[: found.start()][-1:], sentence[found.end() :][:1]
            assert before in ("", " ", "\n"), sentence
            assert after in ("", " ", "\n", ","), sentence


@pytest.mark.parametrize("locale", ["zh-CN", "zh_CN", "zh", "zh-Hans-CN", "zh-TW"])
def test_every_kind_of_chinese_finds_the_catalogue(locale: str) -> None:
    assert translator(locale).gettext("Preempt…") == "抢占…"
    assert language(locale) == "zh_CN"


@pytest.mark.parametrize("locale", ["en-US", "fr-FR", "", "../../zh_CN", "x" * 9])
def test_any_other_language_is_english(locale: str) -> None:
    assert language(locale) == SOURCE
    assert translator(locale).gettext("Preempt…") == "Preempt…"
    assert translator(locale).ngettext("{n} GPU", "{n} GPUs", 2) == "{n} GPUs"


def test_a_sentence_without_a_translation_is_english() -> None:
    assert chinese().text("Nobody has translated this {thing}.", thing="yet") == (
        "Nobody has translated this yet."
    )


def test_a_catalogue_is_read_once() -> None:
    assert translator("zh-CN") is translator("zh")


def test_every_language_has_its_way_of_writing_dates() -> None:
    catalogues = {path.parent.parent.name for path in FOLDER.glob("*/LC_MESSAGES/*.po")}
    assert set(dates.STYLES) == catalogues | {SOURCE}


@pytest.mark.parametrize("locale", ["en-US", "en-GB", "fr-FR"])
def test_english_writes_the_months_in_three_letters_everywhere(locale: str) -> None:
    assert dates.moment(datetime(2026, 9, 1, 9, 5, tzinfo=UTC), locale) == "Tue 1 Sep 09:05"


def test_moments_and_lengths_are_written_as_they_are_in_chinese() -> None:
    reader = chinese()
    start = datetime(2026, 11, 26, 22, 0, tzinfo=UTC)
    assert reader.moment(start) == "11月26日周四 22:00"
    assert reader.length(timedelta(hours=20)) == "20 小时"
    assert reader.length(timedelta(days=1, hours=12)) == "1 天 12 小时"
    assert reader.length(timedelta(minutes=90)) == "90 分钟"
    window = Window(start, start + timedelta(hours=2))
    assert reader.plain("{window}", window=window) == (
        "11月26日周四 22:00 – 11月27日周五 00:00（2 小时）"
    )


def test_a_day_in_the_middle_of_a_sentence_stands_where_the_language_wants_it() -> None:
    today = datetime(2026, 11, 26, 22, 0, tzinfo=UTC)
    tomorrow = today + timedelta(hours=3)
    assert "^{date_short_pretty} {time}|" in chinese().clock(tomorrow, today)
    english = Reader("U0BOB", UTC, "UTC", "en-US")
    assert "^{time} {date_short_pretty}|" in english.clock(tomorrow, today)


@pytest.mark.parametrize("number", [1, 2, 5])
def test_chinese_has_one_form_for_any_number(number: int) -> None:
    assert chinese().many("{n} GPU", "{n} GPUs", number) == f"{number} 块 GPU"


def test_a_channel_reads_the_language_of_its_cluster() -> None:
    reader = Reader.of_channel(builders.cluster())
    assert reader.text("reserved") == "reserved"
