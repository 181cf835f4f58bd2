"""Which web addresses are on this machine: no proxy could reach what is there."""

from __future__ import annotations

from urllib.parse import urlsplit

_HOSTS = ("127.0.0.1", "localhost", "::1")


def is_loopback(address: str) -> bool:
    """Whether a web address is on this machine."""
    return urlsplit(address).hostname in _HOSTS
