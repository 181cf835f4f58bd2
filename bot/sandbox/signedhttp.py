"""Delivery by signed HTTP requests to the app's request URL."""

import hashlib
import hmac
import json
import time
import urllib.error
import urllib.parse
import urllib.request

from bot.sandbox.acknowledgement import Ack
from bot.sandbox.records import Json

# Straight to the app on this machine, whatever proxy the environment names.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_FORM = "application/x-www-form-urlencoded"


def send(
    url: str,
    secret: str,
    kind: str,
    payload: Json,
    timeout: float,
    headers: dict[str, str] | None = None,
) -> Ack:
    """Post what Slack would post, signed, and read the app's answer.

    `kind` is slash_commands, interactive or events_api; `timeout` is in real seconds.
    """
    body, content_type = _encoded(kind, payload)
    request = urllib.request.Request(  # noqa: S310 - the address is our own setting
        url,
        data=body,
        headers={**signature(secret, body), "Content-Type": content_type, **(headers or {})},
        method="POST",
    )
    try:
        with _OPENER.open(request, timeout=timeout) as response:
            return Ack.accepted(_decoded(response.read().decode()))
    except urllib.error.HTTPError as error:
        error.close()
        side = "http_client_error" if error.code < 500 else "http_service_error"
        return Ack.failed(side)
    except TimeoutError:
        return Ack.failed("operation_timeout")
    except (urllib.error.URLError, OSError):
        return Ack.failed("dispatch_failed")


def signature(secret: str, body: bytes, at: int | None = None) -> dict[str, str]:
    """The two headers that sign a request body; `at` is UNIX seconds, None is the real now.

    Real time, not the workspace's: the app refuses what is older than five real minutes.
    """
    stamp = str(int(time.time()) if at is None else at)
    base = b"v0:" + stamp.encode() + b":" + body
    digest = hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}


def _encoded(kind: str, payload: Json) -> tuple[bytes, str]:
    if kind == "events_api":
        return json.dumps(payload).encode(), "application/json"
    fields = payload if kind == "slash_commands" else {"payload": json.dumps(payload)}
    return urllib.parse.urlencode(fields).encode(), _FORM


def _decoded(body: str) -> Json:
    if not body.strip():
        return {}
    try:
        answer = json.loads(body)
    except ValueError:
        return {"text": body}
    return answer if isinstance(answer, dict) else {"text": body}
