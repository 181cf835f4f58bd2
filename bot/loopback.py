"""Web addresses: how one is written, and which are on this machine, where no proxy could reach."""

from __future__ import annotations

from urllib.parse import urlsplit

_HOSTS = ("127.0.0.1", "localhost", "::1")


def web_address(host: str, port: int) -> str:
    """The address of what listens there; a host of IPv6 stands in brackets."""
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"


def is_loopback(address: str) -> bool:
    """Whether a web address is on this machine."""
    return urlsplit(address).hostname in _HOSTS
