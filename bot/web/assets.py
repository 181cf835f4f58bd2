"""Scripts, styles and pictures of the pages, at `/static/…`.

Pages name them under a version that is made of all their contents. What is asked for under that
version may be kept for ever; a new gpubot has new addresses, and its scripts never mix with old
ones, because they import one another by relative addresses.
"""

from __future__ import annotations

import hashlib
import mimetypes
from functools import lru_cache
from pathlib import Path

from fastapi import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from bot.web.vendored import DIST

STATIC = Path(__file__).parent / "static"
FOR_EVER = "public, max-age=31536000, immutable"
#: Files up to this many bytes stay in memory: a page asks for thirty of them at once.
KEPT_BYTES = 200_000


class Assets(StaticFiles):
    """Own files, and under `vendor/` other people's; with or without a version before them."""

    def __init__(self) -> None:
        super().__init__(directory=STATIC)
        self._vendor = StaticFiles(directory=DIST, check_dir=False)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file; 404 where there is none."""
        first, _, rest = path.partition("/")
        given = first if first.startswith("v-") else ""
        name = rest if given else path
        if given == version() and scope["method"] == "GET" and (kept := _kept(name)) is not None:
            kind = mimetypes.guess_type(name)[0] or "text/plain"
            return Response(kept, media_type=kind, headers={"Cache-Control": FOR_EVER})
        response = await self._find(name, scope)
        response.headers["Cache-Control"] = FOR_EVER if given == version() else "no-cache"
        return response

    async def _find(self, name: str, scope: Scope) -> Response:
        if name.startswith("vendor/"):
            return await self._vendor.get_response(name.removeprefix("vendor/"), scope)
        return await super().get_response(name, scope)


def static_url(name: str) -> str:
    """The address of a file of `static/`, or of `vendor/…`."""
    return f"/static/{version()}/{name}"


@lru_cache(maxsize=1)
def version() -> str:
    """What tells these files from those of another gpubot: `v-` and a digest."""
    digest = hashlib.sha256()
    for name, path in _files().items():
        digest.update(f"{name}\0".encode())
        digest.update(path.read_bytes())
    return f"v-{digest.hexdigest()[:12]}"


@lru_cache(maxsize=1)
def _files() -> dict[str, Path]:
    """What there is, by the name that pages give it."""
    found: dict[str, Path] = {}
    for folder, prefix in ((STATIC, ""), (DIST, "vendor/")):
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            found[prefix + path.relative_to(folder).as_posix()] = path
    return found


@lru_cache(maxsize=256)
def _kept(name: str) -> bytes | None:
    """The contents of a small file; None for a large one, and where there is none."""
    path = _files().get(name)
    if path is None or path.stat().st_size > KEPT_BYTES:
        return None
    return path.read_bytes()
