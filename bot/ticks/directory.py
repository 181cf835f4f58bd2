"""Reading the directories by the clock: network first, then one transaction with what it gave.

One process reads, and every process makes known what the store holds, whoever read it. What
was read whole lately is not read again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from slack_sdk import WebClient

from bot.directory.errors import DirectoryError
from bot.directory.plausible import check_plausible
from bot.directory.settings import DirectorySettings
from bot.directory.slack_groups import find_user, read_usergroups
from bot.domain.membership import Configured, Group, Source
from bot.services import directory
from bot.services.site import Site
from bot.ticks.apart import apart
from bot.ticks.scheduler import Tick

log = logging.getLogger(__name__)

#: Addresses a turn; Slack allows about 50 questions a minute, and others ask it as well.
ADDRESSES_AT_ONCE = 8
#: How often addresses are asked about, and others' news made known.
TURN = timedelta(seconds=15)


def _always(_name: str, _every: timedelta) -> bool:
    """There is no other process."""
    return True


@dataclass(frozen=True, slots=True)
class Directories:
    """The directories of one site. `password` is LDAP's; `client` asks Slack.

    `has` says whether it is this process that asks, by the name of a tick and its interval.
    """

    site: Site
    configured: Configured
    settings: DirectorySettings
    client: WebClient
    password: str = field(repr=False)
    now: Callable[[], datetime]
    has: Callable[[str, timedelta], bool] = _always

    def ticks(self) -> tuple[Tick, ...]:
        """What is to run by the clock; nothing where no group of any directory counts."""
        if not self.settings.grants:
            return ()
        return (
            Tick("directories", self.settings.refresh, apart("directories", self._turn)),
            Tick("addresses", TURN, apart("addresses", self.match)),
        )

    def adopt(self) -> bool:
        """Make known what the store holds; whether that was any news."""
        return directory.adopt(self.site, self.configured)

    def refresh(self) -> None:
        """Read what was not read lately. What cannot be read is noted, and changes nothing."""
        for source in Source:
            groups = self.configured.groups(source)
            if groups and not self._is_fresh(source, groups):
                self._read(source, groups)

    def match(self) -> None:
        """Ask Slack whose some of the addresses are, and make known what others have found."""
        if self.has("addresses", TURN):
            self._ask()
        self.adopt()

    def _ask(self) -> None:
        wanted = directory.addresses_to_ask(self.site, now=self.now(), limit=ADDRESSES_AT_ONCE)
        found: dict[str, str | None] = {}
        try:
            for address in wanted:
                found[address] = find_user(self.client, address)
        except DirectoryError as error:
            log.info("%s", error)
        directory.keep_users(self.site, self.configured, found, now=self.now())

    def _turn(self) -> None:
        if self.has("directories", self.settings.refresh):
            self.refresh()
        self.match()

    def _is_fresh(self, source: Source, groups: Sequence[str]) -> bool:
        """Whether a process has read exactly these groups within half the interval."""
        state = directory.source_state(self.site, source)
        if state.read_at is None or state.problem or state.groups != tuple(groups):
            return False
        return self.now() - state.read_at < self.settings.refresh / 2

    def _read(self, source: Source, names: Sequence[str]) -> None:
        try:
            groups = self._groups(source, names)
            check_plausible(groups, directory.people_in(self.site, source))
        except DirectoryError as error:
            directory.keep_problem(self.site, source, str(error), now=self.now())
        else:
            directory.keep_reading(self.site, self.configured, source, groups, now=self.now())

    def _groups(self, source: Source, names: Sequence[str]) -> tuple[Group, ...]:
        if source is Source.USERGROUPS:
            return read_usergroups(self.client, names)
        assert self.settings.ldap is not None, "its groups are named only where it is"
        from bot.directory.ldap import read_groups  # noqa: PLC0415 - most clusters need no ldap3

        return read_groups(self.settings.ldap, self.password, names)
