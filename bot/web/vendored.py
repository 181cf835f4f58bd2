"""What the pages use of other people's work: fetched when gpubot was installed (vendoring.py)."""

from __future__ import annotations

import json
from pathlib import Path

VENDOR = Path(__file__).parent / "vendor"
DIST = VENDOR / "dist"

HOW = "install npm, then install gpubot again"


def wanted_files(folder: Path) -> dict[str, list[str]]:
    """The files that the pages need, each with those of packages that it is joined from.

    By the `package.json` in `folder`.
    """
    package = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    found: dict[str, list[str]] = package["gpubot"]["copy"]
    return found


def missing_files() -> tuple[str, ...]:
    """The files that the pages need and that are not there; empty when all are."""
    return tuple(name for name in wanted_files(VENDOR) if not (DIST / name).is_file())
