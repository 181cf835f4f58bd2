"""Sites on real databases, as in the tests of services."""

from __future__ import annotations

from services.conftest import open_site, site

__all__ = ["open_site", "site"]
