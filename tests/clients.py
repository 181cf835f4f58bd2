"""HTTP clients of servers on this machine."""

from __future__ import annotations

import ssl
from typing import Any

import httpx

#: They speak no TLS, and reading the world's certificates takes longer than most requests.
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
#: Servers close a connection that was idle for five seconds, which is as long as httpx goes on with
#: one: on a slow machine it would now and then be closed just as it is used again.
LIMITS = httpx.Limits(keepalive_expiry=1)


def client(address: str = "", **options: Any) -> httpx.Client:
    """A client of the server at `address`, with any options of httpx.Client."""
    given = {"timeout": 60, "trust_env": False, "verify": NO_CERTIFICATES, "limits": LIMITS}
    return httpx.Client(base_url=address, **{**given, **options})
