"""Signing in on the page: with Slack, by a link, and what is no sign-in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import at_slack
import builders
import httpx
import pytest
from at_slack import Lab, allow, answered, hidden, query, said
from builders import ALICE, BOB, NOW
from databases import new_database

from bot.sandbox.openid import Grant
from bot.services.links import calendar_link, calendar_path, open_link, seal_link
from bot.services.seals import seal
from bot.services.site import Site
from bot.web.sessions import COOKIE, open_session
from bot.web.sign_in import FLOW_COOKIE, own_path

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def lab_with_slack(module_database_url: str) -> Iterator[Lab]:
    with at_slack.lab(module_database_url) as made:
        yield made


@pytest.fixture(scope="module")
def lab_with_links(module_database_url: str) -> Iterator[Lab]:
    with at_slack.lab(module_database_url, open_id=False) as made:
        yield made


@pytest.fixture
def lab(lab_with_slack: Lab) -> Lab:
    """People sign in with Slack."""
    return lab_with_slack.begin_anew()


@pytest.fixture
def linked(lab_with_links: Lab) -> Lab:
    """People sign in by links."""
    return lab_with_links.begin_anew()


def who(lab: Lab, browser: httpx.Client) -> str | None:
    """Whom the browser's cookie says it is."""
    session = open_session(lab.site, browser.cookies.get(COOKIE, ""), now=lab.now)
    return session.user if session else None


def at_the_form(lab: Lab, browser: httpx.Client, user: str = ALICE, next_path: str = "/") -> dict:
    """Open a link as it stands in Slack; the fields of the form that it shows."""
    link = seal_link(lab.site, user, now=lab.now)
    page = browser.get("/sign-in", params={"link": link, "next": next_path})
    assert page.status_code == 200, page.text
    return hidden(page.text)


def test_slack_signs_in_whoever_allows_it(lab: Lab) -> None:
    with lab.browser() as browser:
        to_slack = browser.get("/sign-in", params={"next": "/?booking=B142"})
        assert to_slack.status_code == 303
        back = allow(to_slack.headers["Location"], BOB)
        answer = browser.get(back)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/?booking=B142")
        assert who(lab, browser) == BOB
    assert lab.welcomed == [BOB]


def test_slack_is_asked_for_a_code_with_everything_that_protects_it(lab: Lab) -> None:
    with lab.browser() as browser:
        to_slack = browser.get("/sign-in").headers["Location"]
    asked = query(to_slack)
    assert to_slack.startswith(f"{lab.slack.url}/openid/connect/authorize?")
    assert asked["redirect_uri"] == f"{lab.address}/sign-in/callback"
    assert (asked["response_type"], asked["scope"]) == ("code", "openid profile")
    assert (asked["code_challenge_method"], asked["team"]) == ("S256", at_slack.TEAM)
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 32


def test_the_session_ends_by_itself(lab: Lab) -> None:
    with lab.browser() as browser:
        browser.get(allow(browser.get("/sign-in").headers["Location"], BOB))
        lab.now += timedelta(hours=11, minutes=59)
        assert who(lab, browser) == BOB
        lab.now += timedelta(minutes=1)
        assert who(lab, browser) is None


def test_who_cancels_at_slack_is_told_so(lab: Lab) -> None:
    with lab.browser() as browser:
        at = browser.get("/sign-in").headers["Location"]
        back = answered(at, cancel="1")
        answer = browser.get(back)
        assert answer.status_code == 403
        assert "did not allow it" in said(answer)
        assert who(lab, browser) is None


def test_another_browser_cannot_finish_what_one_began(lab: Lab) -> None:
    """Login CSRF: Mallory sends Alice the address at the end of his own sign-in."""
    with lab.browser() as mallory, lab.browser() as alice:
        back = allow(mallory.get("/sign-in").headers["Location"], BOB)
        alice.get("/sign-in")
        answer = alice.get(back)
        assert answer.status_code == 403
        assert who(lab, alice) is None


def test_an_answer_of_slack_is_taken_once(lab: Lab) -> None:
    with lab.browser() as browser:
        to_slack = browser.get("/sign-in")
        kept = browser.cookies.get(FLOW_COOKIE)
        back = allow(to_slack.headers["Location"], BOB)
        assert browser.get(back).status_code == 303
        browser.cookies.delete(COOKIE)
        assert browser.get(back).status_code == 403, "the flow's cookie is gone"
        # Even for somebody who kept it: the code is spent.
        browser.cookies.set(FLOW_COOKIE, kept or "", path="/sign-in/callback")
        assert browser.get(back).status_code == 502
        assert who(lab, browser) is None


@pytest.mark.parametrize("changed", ["state", "code"])
def test_a_forged_answer_signs_nobody_in(lab: Lab, changed: str) -> None:
    with lab.browser() as browser:
        back = allow(browser.get("/sign-in").headers["Location"], BOB)
        answer = browser.get(back.replace(f"{changed}=", f"{changed}=x"))
        assert answer.status_code in (403, 502)
        assert who(lab, browser) is None


def test_a_sign_in_that_took_too_long_is_begun_again(lab: Lab) -> None:
    with lab.browser() as browser:
        back = allow(browser.get("/sign-in").headers["Location"], BOB)
        lab.now += timedelta(minutes=31)
        assert browser.get(back).status_code == 403


def test_a_flow_that_was_not_sealed_here_is_none(lab: Lab) -> None:
    with lab.browser() as browser:
        for forged in ("", "x", seal(lab.site, "link", "s", "n", "v", "/", 2**40)):
            browser.cookies.set(FLOW_COOKIE, forged, path="/sign-in/callback")
            assert browser.get("/sign-in/callback?state=s&code=c").status_code == 403
            browser.cookies.clear()


def test_people_of_another_workspace_are_nobody_here(lab: Lab) -> None:
    with lab.browser() as browser:
        at = browser.get("/sign-in").headers["Location"]
        back = allow(at, BOB)
        lab.team = "T0ELSEWHERE"
        answer = browser.get(back)
        assert answer.status_code == 403
        assert "another Slack workspace" in said(answer)
        assert who(lab, browser) is None


def test_nobody_is_let_in_while_the_own_workspace_is_unknown(lab: Lab) -> None:
    lab.team = None
    with lab.browser() as browser:
        back = allow(browser.get("/sign-in").headers["Location"], BOB)
        assert browser.get(back).status_code == 502
        assert who(lab, browser) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"nonce": "of another sign-in"},
        {"nonce": None},
        {"aud": "another-app"},
        {"iss": "https://evil.example"},
        {"exp": int(NOW.timestamp()) - 300},
        {"exp": None},
        {"iat": int(NOW.timestamp()) + 300},
        {"https://slack.com/user_id": None},
        {"https://slack.com/team_id": None},
    ],
    ids=str,
)
def test_an_id_token_that_says_something_else_signs_nobody_in(
    lab: Lab, wrong: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = lab.slack.openid
    right = provider.claims

    def claims(grant: Grant) -> dict:
        said = {**right(grant), **wrong}
        return {name: value for name, value in said.items() if value is not None}

    monkeypatch.setattr(provider, "claims", claims)
    with lab.browser() as browser:
        answer = browser.get(allow(browser.get("/sign-in").headers["Location"], BOB))
        assert answer.status_code == 502
        assert who(lab, browser) is None


def test_an_id_token_signed_by_somebody_else_signs_nobody_in(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = type(lab.slack.openid)(lab.slack.workspace)
    for signed in (other.sign, unsigned):
        monkeypatch.setattr(lab.slack.openid, "sign", signed)
        with lab.browser() as browser:
            answer = browser.get(allow(browser.get("/sign-in").headers["Location"], BOB))
            assert answer.status_code == 502
            assert who(lab, browser) is None


def unsigned(claims: dict) -> str:
    """The claims as a token of the algorithm `none`."""
    import base64
    import json

    parts = ({"alg": "none"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=") for p in parts]
    return b".".join([*encoded, b""]).decode()


def test_slack_being_away_is_a_plain_page(tmp_path: Path) -> None:
    with at_slack.lab(new_database(tmp_path)) as lab, lab.browser() as browser:
        back = allow(browser.get("/sign-in").headers["Location"], BOB)
        lab.slack.stop()
        answer = browser.get(back)
        assert (answer.status_code, "Try again" in said(answer)) == (502, True)


@pytest.mark.parametrize("code", ["invalid_code", "bad_client_secret", "internal_error"])
def test_a_refusal_of_slack_is_a_plain_page(lab: Lab, code: str) -> None:
    lab.slack.faults.add(method="openid.connect.token", kind="error", code=code)
    with lab.browser() as browser:
        answer = browser.get(allow(browser.get("/sign-in").headers["Location"], BOB))
        assert (answer.status_code, "Try again" in said(answer)) == (502, True)


def test_a_link_signs_in_only_when_its_button_is_pressed(linked: Lab) -> None:
    with linked.browser() as browser:
        form = at_the_form(linked, browser, next_path="/?booking=B7")
        assert who(linked, browser) is None
        answer = browser.post("/sign-in", data=form)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/?booking=B7")
        assert who(linked, browser) == ALICE
    assert linked.welcomed == [ALICE]


def test_a_link_of_whoever_is_signed_in_goes_straight_on(linked: Lab) -> None:
    with linked.browser() as browser:
        browser.post("/sign-in", data=at_the_form(linked, browser))
        link = seal_link(linked.site, ALICE, now=linked.now)
        answer = browser.get("/sign-in", params={"link": link, "next": "/?view=month"})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/?view=month")
        at_the_form(linked, browser, BOB)
        assert who(linked, browser) == ALICE, "another's link changes nothing by being opened"


def test_a_link_is_good_for_a_day_and_for_one_person(linked: Lab) -> None:
    link = seal_link(linked.site, ALICE, now=NOW)
    assert open_link(linked.site, link, now=NOW + DAY - timedelta(seconds=1)) == ALICE
    assert open_link(linked.site, link, now=NOW + DAY) is None


@pytest.mark.parametrize("wrong", ["x", "expired", "session", "changed"])
def test_what_is_no_good_link_signs_nobody_in(linked: Lab, wrong: str) -> None:
    good = seal_link(linked.site, ALICE, now=NOW)
    expires = int((NOW + DAY).timestamp())
    link = {
        "x": "x",
        "expired": seal_link(linked.site, ALICE, now=NOW - DAY),
        "session": seal(linked.site, "session", ALICE, expires),
        "changed": good[:-2] + ("A" if good[-2] != "A" else "B") + good[-1],
    }[wrong]
    with linked.browser() as browser:
        form = at_the_form(linked, browser)
        for answer in (
            browser.get("/sign-in", params={"link": link}),
            browser.post("/sign-in", data={**form, "link": link}),
        ):
            assert (answer.status_code, "/gpu calendar" in said(answer)) == (403, True)
        assert who(linked, browser) is None


@pytest.mark.parametrize("form", [None, "", "guessed"])
def test_another_site_cannot_sign_somebody_in_with_its_own_link(
    linked: Lab, form: str | None
) -> None:
    """Login CSRF: a form elsewhere sends a good link of its author."""
    link = seal_link(linked.site, BOB, now=linked.now)
    fields = {"link": link} | ({} if form is None else {"form": form})
    with linked.browser() as browser:
        assert browser.post("/sign-in", data=fields).status_code == 403, "no cookie at all"
        at_the_form(linked, browser)
        assert browser.post("/sign-in", data=fields).status_code == 403
        assert who(linked, browser) is None


def test_without_slack_and_without_a_link_the_way_in_is_told(linked: Lab) -> None:
    with linked.browser() as browser:
        answer = browser.get("/sign-in")
    assert (answer.status_code, "/gpu calendar" in said(answer)) == (401, True)


def test_a_form_that_is_none_of_ours_is_refused(linked: Lab) -> None:
    many = "&".join(f"f{i}=1" for i in range(100))
    with linked.browser() as browser:
        assert browser.post("/sign-in", content=many).status_code == 400
        assert browser.post("/sign-in", content=b"\xff").status_code == 400


def test_signing_out_forgets_the_session_but_only_with_its_secret(linked: Lab) -> None:
    with linked.browser() as browser:
        browser.post("/sign-in", data=at_the_form(linked, browser))
        session = open_session(linked.site, browser.cookies[COOKIE], now=linked.now)
        assert session is not None
        for wrong in ({}, {"csrf": ""}, {"csrf": "x"}):
            assert browser.post("/sign-out", data=wrong).status_code == 403
        assert who(linked, browser) == ALICE
        assert browser.post("/sign-out", data={"csrf": session.csrf}).status_code == 303
        assert who(linked, browser) is None


@pytest.mark.parametrize(
    ("asked", "goes_to"),
    [
        ("/?at=2026-11-25T14:00:00Z&booking=B1#x", "/?at=2026-11-25T14:00:00Z&booking=B1#x"),
        ("/report?team=视觉", "/report?team=%E8%A7%86%E8%A7%89"),
        ("", "/"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/%5Cevil.example/"),
        ("/\t/evil.example/", "/%09/evil.example/"),
        ("\\\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/x\r\nSet-Cookie: a=b", "/x%0D%0ASet-Cookie:%20a=b"),
        ("/sign-in?next=/sign-in", "/"),
    ],
)
def test_afterwards_one_is_led_to_a_page_of_ours_and_nowhere_else(asked: str, goes_to: str) -> None:
    assert own_path(asked) == goes_to


@pytest.mark.parametrize("next_path", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_no_way_in_leads_to_another_host(linked: Lab, next_path: str) -> None:
    with linked.browser() as browser:
        form = at_the_form(linked, browser, next_path=next_path)
        answer = browser.post("/sign-in", data={**form, "next": next_path})
        assert answer.headers["Location"].startswith("/")
        assert not answer.headers["Location"].startswith(("//", "/\\"))


def test_a_link_in_slack_signs_in_where_slack_itself_does_not(linked: Lab) -> None:
    url = calendar_link(linked.site, ALICE, now=NOW, at=builders.TONIGHT, booking=142)
    assert url.startswith(f"{linked.address}/sign-in?")
    asked = query(url)
    assert open_link(linked.site, asked["link"], now=NOW) == ALICE
    assert asked["next"] == "/?at=2026-11-25T14:00:00Z&booking=B142"
    site = linked.site
    opened = Site.open(site.database, site.cluster, site.address, open_id=True)
    assert calendar_link(opened, ALICE, now=NOW, booking=7) == f"{linked.address}/?booking=B7"
    assert calendar_path() == "/"
    nowhere = Site.open(site.database, site.cluster)
    assert calendar_link(nowhere, ALICE, now=NOW) == ""


def test_cookies_cannot_be_read_by_scripts_nor_sent_by_other_sites(linked: Lab) -> None:
    with linked.browser() as browser:
        form = at_the_form(linked, browser)
        given = browser.post("/sign-in", data=form).headers.get_list("Set-Cookie")
        (session,) = [cookie for cookie in given if cookie.startswith(f"{COOKIE}=")]
        assert "HttpOnly" in session
        assert "samesite=lax" in session.lower()
        assert "secure" not in session.lower()


def test_over_https_cookies_are_secure_and_browsers_stay_with_it(linked: Lab) -> None:
    linked.public = "https://gpubot.example.org"
    link = seal_link(linked.site, ALICE, now=NOW)
    with linked.browser() as browser:
        answer = browser.get("/sign-in?" + urlencode({"link": link}))
        assert "secure" in answer.headers["Set-Cookie"].lower()
        assert "max-age=" in answer.headers["Strict-Transport-Security"]
