"""What the pages use of other people's work: fetched when gpubot was installed (vendoring.py)."""

from __future__ import annotations

import json
from pathlib import Path

VENDOR = Path(__file__).parent / "vendor"
DIST = VENDOR / "dist"

HOW = "install npm, then install gpubot again"


def missing_files() -> tuple[str, ...]:
    """The files that the pages need and that are not there; empty when all are."""
    wanted = json.loads((VENDOR / "package.json").read_text(encoding="utf-8"))["gpubot"]["copy"]
    return tuple(name for name in wanted if not (DIST / name).is_file())
