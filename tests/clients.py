"""HTTP clients of servers on this machine."""

from __future__ import annotations

import ssl
from typing import Any

import httpx

#: They speak no TLS, and reading the world's certificates takes longer than most requests.
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def client(address: str = "", **options: Any) -> httpx.Client:
    """A client of the server at `address`, with any options of httpx.Client."""
    given = {"timeout": 60, "trust_env": False, "verify": NO_CERTIFICATES, **options}
    return httpx.Client(base_url=address, **given)
