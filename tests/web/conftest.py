"""Sites on real databases, as in the tests of services."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from databases import BOTH, database_of
from services.conftest import open_site, site

__all__ = ["module_database_url", "open_site", "site"]


@pytest.fixture(scope="module", params=BOTH)
def module_database_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """One database for all tests of a module: once of each kind."""
    with database_of(request.param, tmp_path_factory.mktemp("module")) as url:
        yield url
