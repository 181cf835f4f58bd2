"""How a cluster runs jobs, as far as the rules need to know; the rest is the runner's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

#: What every Unix takes for a user's name; nothing else is ever given to a server.
_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}")


class RunnerKind(StrEnum):
    """What starts the jobs of bookings."""

    #: Processes of the host that gpubot runs on.
    LOCAL = "local"
    SLURM = "slurm"
    KUBERNETES = "kubernetes"
    #: Nothing does: people start their work themselves.
    OFF = "off"


@dataclass(frozen=True, slots=True)
class RunRules:
    """What people may run, and as whom."""

    kind: RunnerKind = RunnerKind.LOCAL
    #: Whether people may run commands of their own, besides the templates.
    own_commands: bool = False
    #: Accounts on the servers, by Slack user.
    users: Mapping[str, str] = field(default_factory=dict)
    #: Where jobs keep checkpoints that name no absolute folder; empty: where they start.
    checkpoints: str = ""

    @property
    def is_on(self) -> bool:
        """Whether there is anything that starts jobs."""
        return self.kind is not RunnerKind.OFF

    def account(self, user: str, email: str | None = None) -> str:
        """The account of `user` on the servers; empty: unknown.

        Without one in the configuration it is the local part of their e-mail address, if that is
        a name that a server could have.
        """
        if user in self.users:
            return self.users[user]
        name = (email or "").partition("@")[0].lower()
        return name if is_account(name) else ""


def is_account(name: str) -> bool:
    """Whether `name` could be a person's account; root is nobody's."""
    return bool(_ACCOUNT.fullmatch(name)) and name != "root"
