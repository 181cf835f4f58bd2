"""The calendar page and what pages are made of, as the server gives them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import builders
import pytest
from at_slack import Lab
from at_slack import lab as a_lab
from builders import ALICE, BOB, CHEN, NOW
from databases import new_database

from bot.domain.actor import Person
from bot.services.people import remember_person
from bot.web import assets, calendar_page, vendored, vendoring
from bot.web.sessions import COOKIE, new_session, seal_session


@pytest.fixture(scope="module")
def lab(module_database_url: str) -> Iterator[Lab]:
    """A calendar for those who sign in, by links."""
    with a_lab(module_database_url, open_id=False) as made:
        yield made


def get(lab: Lab, path: str = "/", user: str | None = ALICE, **headers: str) -> Any:
    if user is not None:
        session = new_session(user, now=NOW)
        headers["Cookie"] = f"{COOKIE}={seal_session(lab.site, session)}"
    with lab.browser() as browser:
        return browser.get(path, headers=headers)


def block(page: str, name: str) -> Any:
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page, re.S)
    assert found is not None
    return json.loads(found[1])


def person(user: str, locale: str, zone: str = "Asia/Shanghai") -> Person:
    return Person(user, "Bob <Keller>", zone, locale, None, datetime(2026, 1, 1, tzinfo=UTC))


def test_whoever_may_not_look_is_told_how_to_get_in(lab: Lab) -> None:
    answer = get(lab, user=None)
    assert answer.status_code == 200
    assert "/gpu calendar" in answer.text
    assert "gpu-01" not in answer.text
    assert "calendar.js" not in answer.text


def test_with_slack_configured_the_way_in_is_to_sign_in_there(tmp_path: Path) -> None:
    with a_lab(new_database(tmp_path)) as lab:
        answer = get(lab, "/?booking=B7", user=None)
        assert "Sign in with Slack" in answer.text
        assert 'href="/sign-in?next=%2F%3Fbooking%3DB7"' in answer.text


def test_the_public_sees_the_page_where_policy_says_so_and_may_not_book(tmp_path: Path) -> None:
    with a_lab(new_database(tmp_path), builders.cluster(public_calendar=True)) as lab:
        answer = get(lab, user=None)
        assert "calendar.js" in answer.text
        assert "booking.js" not in answer.text
        assert block(answer.text, "page")["books"] is False
        assert '<meta name="csrf"' not in answer.text


def test_somebody_signed_in_gets_the_page_with_the_secret_that_changes_repeat(lab: Lab) -> None:
    answer = get(lab)
    assert re.search(r'<meta name="csrf" content="[\w-]{10,}">', answer.text)
    assert block(answer.text, "page")["books"] is True
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_page_is_in_the_language_and_zone_of_the_viewers_slack_profile(lab: Lab) -> None:
    remember_person(lab.site, person(CHEN, "zh-CN", "Europe/Berlin"))
    answer = get(lab, user=CHEN, **{"Accept-Language": "en-US"})
    assert '<html lang="zh-CN">' in answer.text
    assert block(answer.text, "page")["viewerZone"] == "Europe/Berlin"
    words = block(answer.text, "words")
    assert words["{n} GPU"][0] == words["{n} GPU"][1] != "{n} GPU"


def test_a_zone_that_only_slack_knows_keeps_nobody_from_the_page(lab: Lab) -> None:
    remember_person(lab.site, person(CHEN, "en-US", "Mars/Olympus"))
    assert get(lab, user=CHEN).status_code == 200


@pytest.mark.parametrize(
    ("accepted", "tag"),
    [("zh-TW,en;q=0.5", "zh-CN"), ("en-GB,zh;q=0.5", "en"), ("fr", "en"), ("", "en")],
)
def test_a_stranger_reads_their_browsers_language(lab: Lab, accepted: str, tag: str) -> None:
    assert f'<html lang="{tag}">' in get(lab, user=None, **{"Accept-Language": accepted}).text


def test_english_pages_carry_no_words_along(lab: Lab) -> None:
    assert block(get(lab).text, "words") == {}


def test_names_are_escaped(lab: Lab) -> None:
    remember_person(lab.site, person(BOB, "en-US"))
    page = get(lab, user=BOB).text
    assert "Bob &lt;Keller&gt;" in page
    assert "<Keller>" not in page


def test_everything_that_the_page_names_is_there_and_may_be_kept_for_ever(lab: Lab) -> None:
    named = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', get(lab).text))
    assert any(name.endswith("/vendor/d3.js") for name in named)
    for name in named:
        answer = get(lab, name, user=None)
        assert answer.status_code == 200, name
        assert "immutable" in answer.headers["Cache-Control"]


def test_every_module_that_a_script_imports_is_there(lab: Lab) -> None:
    for script in assets.STATIC.glob("*.js"):
        for name in re.findall(r'(?:from|import) "\./([\w./-]+)"', script.read_text()):
            assert get(lab, assets.static_url(name), user=None).status_code == 200, name


def test_under_another_version_files_are_asked_for_again(lab: Lab) -> None:
    answer = get(lab, "/static/v-000000000000/theme.js", user=None)
    assert answer.headers["Cache-Control"] == "no-cache"
    again = get(lab, "/static/theme.js", None, **{"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("path", ["../pages.py", "%2e%2e/pages.py", "vendor/..%2fpackage.json"])
def test_nothing_outside_of_the_static_files_is_given(lab: Lab, path: str) -> None:
    assert get(lab, f"/static/{path}", user=None).status_code == 404


def test_an_installation_without_npm_says_what_is_missing(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calendar_page, "missing_files", lambda: ("d3.js",))
    page = get(lab).text
    assert "Missing: d3.js" in page
    assert "calendar.js" not in page


def test_what_the_pins_name_is_there_and_is_what_they_pin() -> None:
    assert vendored.missing_files() == ()
    assert vendoring.is_fetched()


def test_a_file_that_was_not_fetched_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vendored, "DIST", tmp_path)
    (tmp_path / "d3.js").write_text("")
    missing = vendored.missing_files()
    assert "d3.js" not in missing
    assert "swagger-ui/swagger-ui.css" in missing


def test_the_pins_name_no_registry() -> None:
    for name in vendoring.PINS:
        assert "http" not in (vendoring.VENDOR / name).read_text()


def pinned(folder: Path) -> None:
    """Pins of one package with one file, in `folder`."""
    copy = {"one.js": ["a/1.js", "a/2.js"]}
    (folder / "package.json").write_text(json.dumps({"gpubot": {"copy": copy}}))
    (folder / "package-lock.json").write_text("{}")


def test_fetching_joins_the_named_files_and_is_done_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vendoring, "VENDOR", tmp_path)
    monkeypatch.setattr(vendoring, "DIST", tmp_path / "dist")
    monkeypatch.setattr(vendoring.shutil, "which", lambda _name: "npm")
    pinned(tmp_path)
    runs: list[str] = []

    def install(_npm: str, folder: Path) -> None:
        runs.append("npm ci")
        (folder / "node_modules" / "a").mkdir(parents=True)
        (folder / "node_modules" / "a" / "1.js").write_text("1")
        (folder / "node_modules" / "a" / "2.js").write_text("2")

    monkeypatch.setattr(vendoring, "_install", install)
    vendoring.fetch()
    vendoring.fetch()
    assert (tmp_path / "dist" / "one.js").read_text() == "1\n2"
    assert runs == ["npm ci"]
    (tmp_path / "package-lock.json").write_text('{"newer": true}')
    vendoring.fetch()
    assert runs == ["npm ci", "npm ci"]


def test_without_npm_nothing_is_fetched_and_what_is_there_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vendoring, "VENDOR", tmp_path)
    monkeypatch.setattr(vendoring, "DIST", tmp_path / "dist")
    monkeypatch.setattr(vendoring.shutil, "which", lambda _name: None)
    pinned(tmp_path)
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "one.js").write_text("older")
    with pytest.raises(FileNotFoundError):
        vendoring.fetch()
    assert (tmp_path / "dist" / "one.js").read_text() == "older"
