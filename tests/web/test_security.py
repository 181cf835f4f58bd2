"""What holds for every route: headers, proof that a change is meant, and what the public sees."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import at_slack
import httpx
import pytest
from at_slack import Lab
from builders import ALICE, BOB, NOW, TONIGHT, actor, cluster, request
from databases import new_database
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from bot.domain.access import Scope, TokenKind
from bot.services.reserve import reserve
from bot.services.seals import seal
from bot.services.tokens import create_token
from bot.web.app import build_web
from bot.web.headers import LARGEST_BODY
from bot.web.sessions import COOKIE, Session, new_session, seal_session

#: Unsafe routes that take no session: they prove themselves by a signature of the body, or sign in.
SIGNED_OTHERWISE = {
    "/slack/events", "/hooks/github", "/alerts", "/sign-in", "/api/v1/bookings/1/checkpoint",
}  # fmt: skip
SAFE = {"GET", "HEAD", "OPTIONS"}


@pytest.fixture(scope="module")
def lab(module_database_url: str) -> Iterator[Lab]:
    with at_slack.lab(module_database_url, open_id=False) as made:
        yield made


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab whose calendar everybody may look at."""
    url = new_database(tmp_path_factory.mktemp("public"))
    with at_slack.lab(url, cluster(public_calendar=True), open_id=False) as made:
        yield made


def session_of(lab: Lab, browser: httpx.Client, user: str = ALICE) -> Session:
    """Sign `user` in."""
    session = new_session(user, now=lab.now)
    browser.cookies.set(COOKIE, seal_session(lab.site, session))
    return session


def app_of(lab: Lab) -> FastAPI:
    return build_web(None, list, lab.site, lambda: lab.now)


def routes_of(lab: Lab) -> list[tuple[str, str]]:
    """Every method and path there is, with something in the place of each parameter."""
    return [
        (method, re.sub(r"{[^}]*}", "1", route.path))
        for route in iter_route_contexts(app_of(lab).routes)
        for method in sorted(route.methods or ())
    ]


def test_every_answer_of_every_route_has_the_security_headers(lab: Lab) -> None:
    with lab.browser() as browser:
        session_of(lab, browser)
        paths = [path for method, path in routes_of(lab) if method == "GET"]
        assert len(paths) > 10
        for path in [*paths, "/static/base.css", "/nothing/here"]:
            with browser.stream("GET", path) as answer:
                assert_guarded(answer)


def assert_guarded(answer: httpx.Response) -> None:
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy, answer.url
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy.replace("https:", "http:"), "no other host is named"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in answer.headers, "it is not over https"


def test_even_a_crash_is_answered_with_them(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_arguments: object, **_more: object) -> None:
        raise RuntimeError("a mistake")

    monkeypatch.setattr("bot.web.calendar_page.render", crash)
    with lab.browser() as browser:
        session_of(lab, browser)
        answer = browser.get("/")
        assert answer.status_code == 500
        assert "a mistake" not in answer.text
        assert_guarded(answer)


def test_pages_load_nothing_from_elsewhere_and_run_nothing_inline(public: Lab) -> None:
    with public.browser() as browser:
        session_of(public, browser)
        for page in (browser.get("/").text, browser.get("/sign-in").text):
            assert not re.search(r'(?:src|href|action)="(?:https?:)?//', page)
            assert not re.search(r"<style|<[^>]+\s(?:style|on\w+)=", page)
            for opening in re.findall(r"<script[^>]*>", page):
                assert "src=" in opening or 'type="application/json"' in opening


@pytest.mark.parametrize("said", [None, "", "guessed", "of another session"])
def test_no_change_is_made_without_the_sessions_secret(lab: Lab, said: str | None) -> None:
    """CSRF: the browser sends the cookie along, but another site does not know the secret."""
    unsafe = [(m, p) for m, p in routes_of(lab) if m not in SAFE and p not in SIGNED_OTHERWISE]
    assert len(unsafe) > 5
    if said == "of another session":
        said = new_session(ALICE, now=NOW).csrf
    with lab.browser() as browser:
        session_of(lab, browser)
        headers = {} if said is None else {"X-CSRF-Token": said}
        for method, path in unsafe:
            answer = browser.request(method, path, json={}, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "csrf"), (method, path)


def test_with_it_the_change_is_made_in_ones_own_name(lab: Lab) -> None:
    with lab.browser() as browser:
        headers = {"X-CSRF-Token": session_of(lab, browser).csrf}
        order = {"gpus": 2, "start": TONIGHT.isoformat(), "length": "8h"}
        answer = browser.post("/api/v1/bookings", json=order, headers=headers)
    assert (answer.status_code, answer.json()["owner"]) == (201, ALICE)


def test_a_cookie_that_was_not_sealed_here_is_nobody(lab: Lab) -> None:
    good = seal_session(lab.site, new_session(ALICE, now=NOW))
    until = int(NOW.timestamp()) + 3600
    forged = [
        "x",
        # Not the last character: it says less than six bits, so that another may say the same.
        good[:-2] + ("A" if good[-2] != "A" else "B") + good[-1],
        seal(lab.site, "link", ALICE, until),
        seal(lab.site, "session", ALICE, until),
        seal_session(lab.site, new_session(ALICE, now=NOW.replace(year=2025))),
    ]
    with lab.browser() as browser:
        for cookie in forged:
            browser.cookies.set(COOKIE, cookie)
            assert browser.get("/api/v1/me").status_code == 401, cookie
            browser.cookies.clear()
        browser.cookies.set(COOKIE, good)
        assert browser.get("/api/v1/me").status_code == 200


def test_a_token_needs_no_csrf_secret_and_works_beside_no_cookie(lab: Lab) -> None:
    _, secret = create_token(
        lab.site, actor(BOB), kind=TokenKind.PERSON, name="mine", scopes=[Scope.BOOK], now=NOW
    )
    order = {"gpus": 2, "start": TONIGHT.isoformat(), "length": "8h"}
    with lab.browser() as browser:
        headers = {"Authorization": f"Bearer {secret}"}
        answer = browser.post("/api/v1/bookings", json=order, headers=headers)
    assert (answer.status_code, answer.json()["owner"]) == (201, BOB)


def test_no_body_is_read_beyond_its_bound(lab: Lab) -> None:
    def in_pieces() -> Iterator[bytes]:
        for _ in range(LARGEST_BODY // 1000 + 2):
            yield b"x" * 1000

    with lab.browser() as browser:
        headers = {"X-CSRF-Token": session_of(lab, browser).csrf}
        for path in ("/api/v1/bookings", "/sign-in", "/sign-out", "/hooks/github"):
            whole = browser.post(path, content=b"x" * (LARGEST_BODY + 1), headers=headers)
            assert whole.status_code == 413, path
            assert browser.post(path, content=in_pieces(), headers=headers).status_code == 413, path


def test_the_public_sees_nothing_where_policy_does_not_say_so(lab: Lab) -> None:
    with lab.browser() as browser:
        page = browser.get("/")
        assert "/gpu calendar" in page.text
        assert 'id="board"' not in page.text
        for path in ("calendar", "events", "bookings", "nodes", "audit", "me", "free", "waitlist"):
            assert browser.get(f"/api/v1/{path}").status_code == 401, path


def test_a_public_calendar_shows_windows_but_neither_people_nor_purposes(public: Lab) -> None:
    reserve(public.site, actor(BOB), request(4, purpose="secret plan"), now=NOW)
    with public.browser() as browser:
        shown = browser.get("/api/v1/calendar")
        assert shown.status_code == 200
        (booking,) = shown.json()["bookings"].values()
        assert booking["gpus"] == 4
        assert not re.search(f"secret plan|{BOB}|Bob", json.dumps(shown.json()))
        assert 'id="board"' in browser.get("/").text
        for path in ("bookings", "audit", "me", "waitlist", "notices"):
            assert browser.get(f"/api/v1/{path}").status_code == 401, path
        session_of(public, browser)
        assert "secret plan" in browser.get("/api/v1/calendar").text


def test_pages_that_show_who_is_signed_in_are_kept_by_no_cache(lab: Lab) -> None:
    with lab.browser() as browser:
        session_of(lab, browser)
        for path in ("/", "/sign-in"):
            assert browser.get(path).headers["Cache-Control"] == "no-store"
