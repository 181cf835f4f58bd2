"""How runs are started on this host."""

from __future__ import annotations

from dataclasses import dataclass

#: Runs are their owners' own, by the account of each.
OWNER = "owner"


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """The table `[runner.local]`."""

    #: The nodes of the cluster that are this host; empty: the one named like it, or the only one.
    nodes: tuple[str, ...] = ()
    #: Whose processes runs are: empty: gpubot's own account; "owner"; or an account's name.
    run_as: str = ""
