"""Uploaded files: announced, filled by an upload, completed, then shown."""

import itertools

from bot.sandbox.errors import SlackError
from bot.sandbox.journal import Journal
from bot.sandbox.records import StoredFile


class Files:
    """The files of the workspace, by id."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._ids = itertools.count(1)
        self._files: dict[str, StoredFile] = {}

    def announce(self, name: str, length: int) -> StoredFile:
        """A new file whose content is still to come; `length` is in bytes."""
        with self._journal.lock:
            file = StoredFile(id=f"F{next(self._ids):08d}", name=name, length=length)
            self._files[file.id] = file
            return file

    def receive(self, file_id: str, content: bytes) -> StoredFile:
        """Take the content in; raises SlackError file_not_found or file_update_failed."""
        with self._journal.lock:
            file = self._get(file_id)
            if len(content) != file.length:
                raise SlackError("file_update_failed", "the length is not the one announced")
            file.content = content
            return file

    def complete(self, file_id: str, title: str | None) -> StoredFile:
        """Make a file usable; raises SlackError file_not_found where nothing was uploaded."""
        with self._journal.lock:
            file = self._get(file_id)
            if file.content is None:
                raise SlackError("file_not_found")
            file.title = title or file.name
            file.completed = True
            self._journal.report()
            return file

    def shown(self, file_id: str) -> StoredFile | None:
        """A completed file."""
        with self._journal.lock:
            file = self._files.get(file_id)
            return file if file is not None and file.completed else None

    def _get(self, file_id: str) -> StoredFile:
        file = self._files.get(file_id)
        if file is None:
            raise SlackError("file_not_found")
        return file
