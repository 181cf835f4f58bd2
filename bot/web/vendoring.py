"""The build step that fetches the pages' JavaScript from npm: setuptools runs it before it copies.

`vendor/package.json` pins the packages and says which of their files are joined into which file of
`vendor/dist`; `package-lock.json` pins their content. No script of any package is run. What is
there already is not fetched again, so that a second build needs neither npm nor a network.

An editable install without npm goes on: the bot works, its pages say what is missing. A wheel
without these files would be broken for good, so building one fails.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from setuptools.command.build_py import build_py
from setuptools.errors import ExecError

# Runs while gpubot is being built, when nothing of it can be imported yet: bot.web.vendored, which
# knows the same paths, included.
VENDOR = Path(__file__).parent / "vendor"
DIST = VENDOR / "dist"
#: Beside what was fetched: the digest of the pins that it was fetched by.
STAMP = "PINS"
PINS = ("package.json", "package-lock.json")
NPM_ENDS_WITHIN_S = 300


class BuildPages(build_py):
    """Copies the Python files, after the pages' files are there."""

    def run(self) -> None:
        """Fetch, then build. Raises ExecError for a wheel that would lack the pages' files."""
        try:
            fetch()
        except (OSError, subprocess.SubprocessError) as error:
            missing = f"the pages' files could not be fetched from npm ({error})"
            if not self.editable_mode:
                raise ExecError(f"{missing}; install Node.js with npm, and build again") from error
            self.warn(f"{missing}; gpubot works without its pages until this is installed again")
        super().run()


def fetch() -> None:
    """Put what the pins name into DIST, unless it is there.

    Raises OSError or SubprocessError when npm is missing or fails.
    """
    if is_fetched():
        return
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError("npm is not installed")
    with TemporaryDirectory(prefix="gpubot-npm-") as name:
        folder = Path(name)
        for pin in PINS:
            shutil.copy(VENDOR / pin, folder)
        _install(npm, folder)
        _copy(folder / "node_modules")


def is_fetched() -> bool:
    """Whether DIST holds what the pins name."""
    stamp = DIST / STAMP
    return stamp.is_file() and stamp.read_text() == digest()


def digest() -> str:
    """What tells one set of pins from another."""
    return hashlib.sha256(b"".join((VENDOR / pin).read_bytes() for pin in PINS)).hexdigest()


def _install(npm: str, folder: Path) -> None:
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    # The user's own npm settings hold: a mirror or proxy is theirs to choose.
    done = subprocess.run(  # noqa: S603 - npm, with arguments of ours
        command, cwd=folder, capture_output=True, text=True, timeout=NPM_ENDS_WITHIN_S, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise subprocess.SubprocessError(f"npm ended with {done.returncode}: {last}")


def _copy(modules: Path) -> None:
    """Join the named files beside DIST and swap it in whole, so that it is never half there."""
    wanted = json.loads((VENDOR / "package.json").read_text())["gpubot"]["copy"]
    made = VENDOR / f"dist.{os.getpid()}"
    shutil.rmtree(made, ignore_errors=True)
    for target, sources in wanted.items():
        path = made / target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\n".join((modules / source).read_bytes() for source in sources))
    (made / STAMP).write_text(digest())
    shutil.rmtree(DIST, ignore_errors=True)
    made.rename(DIST)
