"""Small disks that fill up."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

KIB = 1024


class SmallDisk:
    """A filesystem of its own, with little room."""

    def __init__(self, at: Path) -> None:
        self.at = at
        self._ballast = at / "ballast"

    def fill(self, *, leave: int = 0) -> None:
        """Leave no more than `leave` bytes of room."""
        self.empty()
        with self._ballast.open("wb", buffering=0) as file, suppress(OSError):
            while (room := os.statvfs(self.at)).f_bavail * room.f_frsize > leave:
                file.write(bytes(4 * KIB))

    def empty(self) -> None:
        """Make room again."""
        self._ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(at: Path, kib: int) -> Iterator[SmallDisk]:
    """A filesystem in memory, mounted at `at`; skips where nothing may be mounted."""
    at.mkdir(parents=True)
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root may mount a small filesystem")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kib}k,mode=777", "tmpfs", str(at)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no filesystem may be mounted here: {done.stderr.strip()}")
    try:
        yield SmallDisk(at)
    finally:
        # At once, also where a test that failed has left a file open.
        subprocess.run(["umount", "--lazy", str(at)], check=True, capture_output=True)
