"""A site on a real SQLite file, as in the tests of services."""

from services.conftest import open_site, site

__all__ = ["open_site", "site"]
