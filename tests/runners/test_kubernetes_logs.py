"""Copies of pods' logs, as far as no cluster is needed for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_S
from runners.waiting import eventually

from bot.runners.kubernetes.api import Denied
from bot.runners.kubernetes.logs import LogCopy


class _Gone:
    """A cluster that has no such pod any more."""

    def stream(self, _path: str, _query: dict[str, str], *, silence_s: float) -> Any:
        assert silence_s > 0
        raise Denied(404, "pods not found")


def test_a_copy_is_whole_although_the_disk_has_no_room_to_write_that_down(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    in_the_way = tmp_path / "..worker-0.place.json.new"
    in_the_way.mkdir()
    copy = LogCopy(_Gone(), "/pods/b1-w0-0", tmp_path / "worker-0.log", lambda: True, limit=1000)
    copy.start()
    eventually(lambda: copy.is_done)
    copy.close(PATIENCE_S)
    (line,) = [one for one in caplog.records if "is not written down" in one.getMessage()]
    assert line.exc_info is None
