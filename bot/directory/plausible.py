"""Whether what a directory says can be true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.directory.errors import DirectoryError
from bot.domain.membership import Group

#: So many people may be gone at once.
FEW = 2


def check_plausible(groups: Sequence[Group], people_before: Mapping[str, int]) -> None:
    """Raise DirectoryError when nobody is left in any of the groups that had people.

    A few may leave at once; everybody points to a directory that tells less than it did.
    """
    had = sum(people_before.get(group.name, 0) for group in groups)
    if had > FEW and not any(group.members for group in groups):
        raise DirectoryError(
            f"nobody is left of the {had} people it had in its groups, which cannot be meant; if "
            "it is, take the groups out of the configuration"
        )
