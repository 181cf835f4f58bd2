"""What can go wrong with a directory."""

from __future__ import annotations


class DirectoryError(Exception):
    """A directory could not be read, or its answer cannot be true; nobody's rights change.

    The text says what failed, for operators. It is the same each time the same fails.
    """
