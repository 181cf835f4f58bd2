"""Small texts that only this installation can have written: signed, not encrypted.

What is sealed for one purpose opens for no other.
"""

from __future__ import annotations

from typing import Any

from itsdangerous import BadData, URLSafeSerializer

from bot.services.secret import site_secret
from bot.services.site import Site

#: The fact in models.Memory that everything is signed with.
SECRET = "session_secret"  # noqa: S105 - its name, not the secret


def seal(site: Site, purpose: str, *content: str | int) -> str:
    """The content as a text that may stand in an address or a cookie."""
    return _signer(site, purpose).dumps(list(content))


def unseal(site: Site, purpose: str, text: str) -> list[Any] | None:
    """The content of a sealed text; None when it was not sealed here for that purpose."""
    try:
        content = _signer(site, purpose).loads(text)
    except (BadData, ValueError):
        return None
    return content if isinstance(content, list) else None


def _signer(site: Site, purpose: str) -> URLSafeSerializer:
    return URLSafeSerializer(site_secret(site, SECRET), salt=f"gpubot.{purpose}")
