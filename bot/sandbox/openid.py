"""Sign in with Slack: what the workspace knows as an OpenID provider.

Codes and access tokens are kept in memory; the key is made when it is first needed. Times are the
workspace's, as everything that the app is told.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from bot.sandbox.errors import SlackError
from bot.sandbox.records import Json
from bot.sandbox.workspace import Workspace

SCOPES = frozenset({"openid", "profile", "email"})
CODE_LASTS = timedelta(minutes=10)
#: Longer than Slack's five minutes: the workspace's clock may be made to run fast.
TOKEN_LASTS = timedelta(hours=1)


@dataclass(frozen=True)
class Asked:
    """An authorization request that is in order."""

    redirect_uri: str
    state: str
    nonce: str
    scopes: tuple[str, ...]
    #: PKCE, S256; empty: none was sent.
    challenge: str


@dataclass(frozen=True)
class Grant:
    """What a person allowed, until the app has fetched it with the code."""

    asked: Asked
    user: str
    issued: float


class OpenIdProvider:
    """Authorization codes, ID tokens and the keys that sign them."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._grants: dict[str, Grant] = {}
        self._access: dict[str, Grant] = {}

    def read(self, query: Json) -> Asked:
        """An authorization request; raises SlackError where Slack shows an error page."""
        app = self._workspace.app
        if query.get("client_id") != app.client_id:
            raise SlackError("invalid_client_id")
        redirect_uri = str(query.get("redirect_uri", ""))
        if not any(_covers(url, redirect_uri) for url in app.redirect_urls):
            raise SlackError("bad_redirect_uri", redirect_uri)
        if query.get("response_type") != "code":
            raise SlackError("invalid_response_type")
        scopes = tuple(str(query.get("scope", "")).replace(",", " ").split())
        if "openid" not in scopes or not SCOPES.issuperset(scopes):
            raise SlackError("invalid_scope")
        if query.get("team") not in (None, "", self._workspace.team_id):
            raise SlackError("invalid_team_for_non_distributed_app")
        challenge = str(query.get("code_challenge", ""))
        if challenge and query.get("code_challenge_method") != "S256":
            raise SlackError("invalid_request", "code_challenge_method")
        state, nonce = (str(query.get(name, "")) for name in ("state", "nonce"))
        return Asked(redirect_uri, state, nonce, scopes, challenge)

    def allow(self, asked: Asked, user: str) -> str:
        """The code for a person who pressed *Allow*; raises CannotSee for an unknown one."""
        grant = Grant(asked, self._workspace.person(user).id, self._now())
        code = f"{self._workspace.team_id}.{secrets.token_hex(24)}"
        with self._workspace.journal.lock:
            self._grants[code] = grant
        return code

    def token(self, given: Json) -> Json:
        """openid.connect.token: the code for an ID token, once. Raises SlackError."""
        self._check_client(given)
        if given.get("grant_type", "authorization_code") != "authorization_code":
            raise SlackError("unsupported_grant_type")
        with self._workspace.journal.lock:
            grant = self._grants.pop(str(given.get("code", "")), None)
        if grant is None or self._now() - grant.issued > CODE_LASTS.total_seconds():
            raise SlackError("invalid_code")
        if given.get("redirect_uri") != grant.asked.redirect_uri:
            raise SlackError("bad_redirect_uri")
        if not _proves(grant.asked.challenge, str(given.get("code_verifier", ""))):
            raise SlackError("invalid_grant")
        access_token = f"xoxp-{secrets.token_hex(16)}"
        self._access[access_token] = grant
        return {
            "ok": True,
            "access_token": access_token,
            "token_type": "Bearer",
            "id_token": self._id_token(grant),
            "state": grant.asked.state,
        }

    def user_info(self, access_token: str) -> Json:
        """openid.connect.userInfo; raises SlackError for a token that was not given out."""
        grant = self._access.get(access_token)
        if grant is None:
            raise SlackError("invalid_auth")
        return {"ok": True, **self._about(grant)}

    def keys(self) -> Json:
        """The public keys, as a JWK set."""
        return dict(KeySet([self._key]).as_dict(private=False))

    def configuration(self) -> Json:
        """/.well-known/openid-configuration."""
        base = self._workspace.base_url
        return {
            "issuer": base,
            "authorization_endpoint": f"{base}/openid/connect/authorize",
            "token_endpoint": f"{base}/api/openid.connect.token",
            "userinfo_endpoint": f"{base}/api/openid.connect.userInfo",
            "jwks_uri": f"{base}/openid/connect/keys",
            "scopes_supported": sorted(SCOPES),
            "response_types_supported": ["code"],
            "response_modes_supported": ["form_post"],
            "grant_types_supported": ["authorization_code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
            "claims_supported": ["sub", "auth_time", "iss"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        }

    def sign(self, claims: Json) -> str:
        """Claims as an ID token; tests make wrong ones with it."""
        return jwt.encode({"alg": "RS256", "kid": self._key.kid}, claims, self._key)

    def claims(self, grant: Grant) -> Json:
        """What the ID token of a grant says."""
        now = int(self._now())
        return {
            "iss": self._workspace.base_url,
            "aud": self._workspace.app.client_id,
            "iat": now,
            "exp": now + int(TOKEN_LASTS.total_seconds()),
            "auth_time": now,
            "nonce": grant.asked.nonce,
            **self._about(grant),
        }

    @cached_property
    def _key(self) -> RSAKey:
        return RSAKey.generate_key(2048, {"kid": secrets.token_hex(8), "use": "sig"})

    def _id_token(self, grant: Grant) -> str:
        return self.sign(self.claims(grant))

    def _about(self, grant: Grant) -> Json:
        user = self._workspace.person(grant.user)
        about: Json = {
            "sub": user.id,
            "https://slack.com/user_id": user.id,
            "https://slack.com/team_id": self._workspace.team_id,
        }
        if "profile" in grant.asked.scopes:
            given, _, family = user.real_name.partition(" ")
            about |= {"name": user.real_name, "given_name": given, "family_name": family}
            about |= {"locale": user.locale, "https://slack.com/team_name": self._workspace.name}
        if "email" in grant.asked.scopes and user.email:
            about |= {"email": user.email, "email_verified": True}
        return about

    def _check_client(self, given: Json) -> None:
        app = self._workspace.app
        if given.get("client_id") != app.client_id:
            raise SlackError("invalid_client_id")
        secret = str(given.get("client_secret", ""))
        if not hmac.compare_digest(secret.encode(), app.client_secret.encode()):
            raise SlackError("bad_client_secret")

    def _now(self) -> float:
        return self._workspace.clock.now().timestamp()


def _covers(allowed: str, asked: str) -> bool:
    """Slack takes the addresses of the app, and whatever lies below them."""
    return asked == allowed or asked.startswith(allowed.rstrip("/") + "/")


def _proves(challenge: str, verifier: str) -> bool:
    """PKCE (RFC 7636), S256."""
    digest = hashlib.sha256(verifier.encode()).digest()
    made = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return not challenge or hmac.compare_digest(made, challenge)
