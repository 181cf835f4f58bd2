"""Sign in with Slack in the embedded workspace: what it allows, and what it refuses."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from bot.sandbox import Sandbox

BACK = "https://bot.example.org/sign-in/callback"
VERIFIER = "v" * 64
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
)


@pytest.fixture
def slack(sandbox: Sandbox) -> Iterator[httpx.Client]:
    sandbox.allow_redirect(BACK)
    with httpx.Client(base_url=sandbox.url, trust_env=False, timeout=60) as client:
        yield client


def request_of(sandbox: Sandbox, **changed: str) -> str:
    asked = {
        "client_id": sandbox.client_id,
        "redirect_uri": BACK,
        "response_type": "code",
        "scope": "openid profile email",
        "state": "the state",
        "nonce": "the nonce",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changed,
    }
    return f"/openid/connect/authorize?{urlencode(asked)}"


def code_of(slack: httpx.Client, sandbox: Sandbox, user: str = "U0ALICE") -> str:
    answer = slack.post(request_of(sandbox), data={"user": user, "allow": "1"})
    told = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))
    assert told["state"] == "the state"
    return told["code"]


def exchange(slack: httpx.Client, sandbox: Sandbox, code: str, **changed: str) -> dict:
    given = {
        "client_id": sandbox.client_id,
        "client_secret": sandbox.client_secret,
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": BACK,
        "code_verifier": VERIFIER,
        **changed,
    }
    return slack.post("/api/openid.connect.token", data=given).json()


def test_the_id_token_says_who_allowed_it_and_is_signed_with_a_published_key(
    slack: httpx.Client, sandbox: Sandbox
) -> None:
    answer = exchange(slack, sandbox, code_of(slack, sandbox))
    assert (answer["ok"], answer["token_type"]) == (True, "Bearer")
    found = slack.get("/.well-known/openid-configuration").json()
    keys = KeySet.import_key_set(httpx.get(found["jwks_uri"], trust_env=False, timeout=60).json())
    assert "d" not in keys.as_dict()["keys"][0], "the private part is not published"
    claims = jwt.decode(answer["id_token"], keys, algorithms=["RS256"]).claims
    assert (claims["iss"], claims["aud"]) == (found["issuer"], sandbox.client_id)
    assert (claims["nonce"], claims["email"]) == ("the nonce", "alice@example.org")
    assert claims["https://slack.com/user_id"] == "U0ALICE"
    assert claims["https://slack.com/team_id"] == "T0LAB"


def test_the_access_token_opens_the_same_about_the_person(
    slack: httpx.Client, sandbox: Sandbox
) -> None:
    token = exchange(slack, sandbox, code_of(slack, sandbox, "U0BOB"))["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    told = slack.post("/api/openid.connect.userInfo", headers=headers).json()
    assert (told["sub"], told["name"]) == ("U0BOB", "Bob Li")
    headers = {"Authorization": "Bearer xoxp-guessed"}
    assert slack.post("/api/openid.connect.userInfo", headers=headers).json() == {
        "ok": False,
        "error": "invalid_auth",
    }


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"client_id": "1.2"}, "invalid_client_id"),
        ({"redirect_uri": "https://evil.example/"}, "bad_redirect_uri"),
        ({"redirect_uri": BACK + ".evil.example"}, "bad_redirect_uri"),
        ({"response_type": "token"}, "invalid_response_type"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"scope": "openid chat:write"}, "invalid_scope"),
        ({"team": "T0OTHER"}, "invalid_team_for_non_distributed_app"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
    ],
    ids=str,
)
def test_a_request_that_is_not_in_order_is_answered_on_slacks_own_page(
    slack: httpx.Client, sandbox: Sandbox, changed: dict[str, str], error: str
) -> None:
    at = request_of(sandbox, **changed)
    for answer in (slack.get(at), slack.post(at, data={"user": "U0ALICE", "allow": "1"})):
        assert (answer.status_code, error in answer.text) == (400, True)


def test_who_presses_cancel_is_told_of_as_access_denied(
    slack: httpx.Client, sandbox: Sandbox
) -> None:
    back = slack.post(request_of(sandbox), data={"cancel": "1"}).headers["Location"]
    assert dict(parse_qsl(urlsplit(back).query)) == {
        "error": "access_denied",
        "state": "the state",
    }


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"client_id": "1.2"}, "invalid_client_id"),
        ({"client_secret": "guessed"}, "bad_client_secret"),
        ({"code": "guessed"}, "invalid_code"),
        ({"redirect_uri": BACK + "/x"}, "bad_redirect_uri"),
        ({"code_verifier": "w" * 64}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
    ids=str,
)
def test_what_does_not_prove_itself_gets_no_token(
    slack: httpx.Client, sandbox: Sandbox, changed: dict[str, str], error: str
) -> None:
    code = code_of(slack, sandbox)
    answer = exchange(slack, sandbox, changed.pop("code", code), **changed)
    assert answer == {"ok": False, "error": error}


def test_a_code_is_good_once_and_for_ten_minutes(slack: httpx.Client, sandbox: Sandbox) -> None:
    code = code_of(slack, sandbox)
    assert exchange(slack, sandbox, code)["ok"]
    assert exchange(slack, sandbox, code)["error"] == "invalid_code"
    late = code_of(slack, sandbox)
    sandbox.clock.shift(601)
    assert exchange(slack, sandbox, late)["error"] == "invalid_code"


def test_the_client_may_name_itself_in_the_authorization_header(
    slack: httpx.Client, sandbox: Sandbox
) -> None:
    given = {"code": code_of(slack, sandbox), "redirect_uri": BACK, "code_verifier": VERIFIER}
    auth = (sandbox.client_id, sandbox.client_secret)
    assert slack.post("/api/openid.connect.token", data=given, auth=auth).json()["ok"]
