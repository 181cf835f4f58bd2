"""What holds for all tests."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import BOTH, database_of
from hypothesis import HealthCheck, settings
from patience import PATIENCE_S
from postgres import remove_shared_server
from slurm.cluster import SlurmCluster, slurm_cluster

from bot import demo_clock
from bot.logs import JsonLine, OneLine
from bot.slack import clients, lateness
from bot.store import database

# A deadline in seconds, or a bound on the time to make an example, would fail on a slow machine;
# speed is measured in benchmarks. The gate tries the same examples each time, people try new ones.
settings.register_profile(
    "gpubot",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
settings.load_profile("gpubot")

# The same goes for the seconds after which gpubot gives up on Slack, and on what Slack itself has
# given up on, on a lock of the database, and on what is told while the demo's clock jumps. Tests of
# these say how long they are.
clients.INTERACTIVE_TIMEOUT_S = clients.BACKGROUND_TIMEOUT_S = int(PATIENCE_S)
lateness.TOO_LATE_S = PATIENCE_S
database.LOCK_WAIT_MS = int(PATIENCE_S * 1000)
demo_clock.STOP_WAITS_S = demo_clock.JUMP_WAITS_S = PATIENCE_S


def pytest_sessionfinish() -> None:
    """End what was started for all tests."""
    remove_shared_server()


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """What gpubot has been told to log to is closed when a test ends, and threads log on."""
    root = logging.getLogger()
    level = root.level
    yield
    root.setLevel(level)
    for handler in root.handlers[:]:
        if isinstance(handler.formatter, OneLine | JsonLine):
            root.removeHandler(handler)


@pytest.fixture(scope="session")
def slurm() -> Iterator[SlurmCluster]:
    """One Slurm cluster for all tests that need one; each cleans up after itself."""
    with slurm_cluster() as cluster:
        yield cluster


@pytest.fixture(params=BOTH)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database that has every table and no row: once of each kind."""
    with database_of(request.param, tmp_path) as url:
        yield url


@pytest.fixture(scope="module", params=BOTH)
def module_database_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """One database for all tests of a module: once of each kind."""
    with database_of(request.param, tmp_path_factory.mktemp("module")) as url:
        yield url
