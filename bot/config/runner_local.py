"""The table `[runner.local]`: how runs are started on this host."""

from __future__ import annotations

from pydantic import Field

from bot.config.tables import Table
from bot.config.values import Word
from bot.runners.local.settings import LocalSettings


class LocalTable(Table):
    """The table `[runner.local]`."""

    nodes: tuple[Word, ...] = Field(
        default=(), strict=False, description="a list of names of nodes that are this server"
    )
    run_as: str = Field(
        default="",
        pattern=r"^([a-z_][a-z0-9_.-]{0,31}\$?)?$",
        description='"owner", or an account of this server such as "gpu"',
    )


def to_local_settings(table: LocalTable) -> LocalSettings:
    """How runs are started here."""
    return LocalSettings(table.nodes, table.run_as)
