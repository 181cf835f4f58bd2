"""Sign in with Slack: OpenID Connect, the authorization code flow.

Slack's addresses follow from the base of its Web API. What stops what:
- state, kept in a signed cookie of the browser that began: nobody can have somebody else finish
  a sign-in that they began themselves, and no answer is taken twice.
- PKCE (S256): whoever catches the code on its way cannot use it, for lack of the verifier.
- nonce: an ID token of another sign-in does not do.
- The ID token's signature by one of Slack's published keys, its issuer, audience and times: it
  comes from Slack, was meant for this app, and is new.
- The team: people of other workspaces can use the same app's id, and are nobody here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
from authlib.common.errors import AuthlibBaseError
from authlib.common.security import generate_token
from authlib.oauth2.client import OAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from bot.loopback import is_loopback
from bot.web.open_id_flow import Flow, ForeignWorkspace, SignInFailed

SCOPES = "openid profile"
USER, TEAM = "https://slack.com/user_id", "https://slack.com/team_id"
#: Somebody waits in front of a browser; Slack usually answers within a second.
TIMEOUT_S = 10
#: How far the clocks of Slack and this machine may be apart, in seconds.
LEEWAY_S = 120

FAILURES = (httpx.HTTPError, AuthlibBaseError, JoseError, ValueError, KeyError, TypeError)


class OpenId:
    """Signs people in with Slack.

    `api_url` is the base of the Web API; `redirect` gives our own callback's address; `team` the
    id of the bot's workspace, None while Slack has not told.
    """

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        api_url: str,
        *,
        redirect: Callable[[], str],
        team: Callable[[], str | None],
    ) -> None:
        self._client_id, self._client_secret, self._api_url = client_id, client_secret, api_url
        self._base = api_url.removesuffix("/").removesuffix("/api")
        self._redirect, self._team = redirect, team

    def begin(self, next_path: str) -> tuple[str, Flow]:
        """Where to send the browser, and what to remember of it; `next_path` is for afterwards."""
        flow = Flow(generate_token(32), generate_token(32), generate_token(64), next_path)
        with self._http() as http:
            url, _ = self._client(http).create_authorization_url(
                f"{self._base}/openid/connect/authorize",
                state=flow.state,
                nonce=flow.nonce,
                code_verifier=flow.verifier,
                # Slack then asks for no workspace, where the person is in several.
                **({"team": team} if (team := self._team()) else {}),
            )
        return str(url), flow

    def finish(self, flow: Flow, code: str, *, now: datetime) -> str:
        """The Slack user id of whoever signed in.

        Raises SignInFailed when Slack does not say so or says something else, ForeignWorkspace
        for people of another workspace.
        """
        try:
            with self._http() as http:
                claims = self._claims(http, self._id_token(http, flow, code), flow, now)
            user, team = str(claims[USER]), str(claims[TEAM])
        except FAILURES as error:
            raise SignInFailed(f"{type(error).__name__}: {error}") from error
        own = self._team()
        if own is None:
            raise SignInFailed("the bot's own workspace is not known yet")
        if team != own:
            raise ForeignWorkspace(f"{user} of {team}, which is not {own}")
        return user

    def _id_token(self, http: httpx.Client, flow: Flow, code: str) -> str:
        answer = self._client(http).fetch_token(
            f"{self._api_url}openid.connect.token",
            grant_type="authorization_code",
            code=code,
            client_id=self._client_id,
            client_secret=self._client_secret,
            code_verifier=flow.verifier,
            # The client's own kinds speak another HTTP library's language; the secret is above.
            auth=httpx.Auth(),
        )
        return str(answer["id_token"])

    def _claims(
        self, http: httpx.Client, id_token: str, flow: Flow, now: datetime
    ) -> dict[str, Any]:
        """What the ID token says, once it is proved; raises JoseError or httpx.HTTPError."""
        answer = http.get(f"{self._base}/openid/connect/keys")
        keys = KeySet.import_key_set(answer.raise_for_status().json())
        token = jwt.decode(id_token, keys, algorithms=["RS256"])
        jwt.JWTClaimsRegistry(
            now=int(now.timestamp()),
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self._base},
            aud={"essential": True, "value": self._client_id},
            nonce={"essential": True, "value": flow.nonce},
            exp={"essential": True},
            iat={"essential": True},
        ).validate(token.claims)
        return token.claims

    def _client(self, http: httpx.Client) -> OAuth2Client:
        return OAuth2Client(
            http,
            self._client_id,
            scope=SCOPES,
            redirect_uri=self._redirect(),
            code_challenge_method="S256",
        )

    def _http(self) -> httpx.Client:
        is_here = is_loopback(self._api_url)
        return httpx.Client(timeout=TIMEOUT_S, trust_env=not is_here, follow_redirects=False)
