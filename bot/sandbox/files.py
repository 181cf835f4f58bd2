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
        #: So many messages that show a new file are refused, as while Slack looks through it.
        self.refusals = 0
        self._refused: dict[str, int] = {}

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

    def usable(self, file_id: str) -> bool:
        """Whether blocks may show the file; asked once for each message that would."""
        with self._journal.lock:
            if self.shown(file_id) is None:
                return False
            self._refused[file_id] = self._refused.get(file_id, 0) + 1
            return self._refused[file_id] > self.refusals

    def _get(self, file_id: str) -> StoredFile:
        file = self._files.get(file_id)
        if file is None:
            raise SlackError("file_not_found")
        return file
