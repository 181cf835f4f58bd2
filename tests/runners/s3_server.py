"""A server that speaks S3 on this machine: moto's, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from runners.waiting import eventually

from benchmarks.ports import free_port


@contextmanager
def s3_server(folder: Path) -> Iterator[str]:
    """Its address; it keeps what it is given for as long as the block runs."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with (folder / "moto.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ, cwd=folder)
    address = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: _answers(address), (folder / "moto.log").read_text)
        yield address
    finally:
        server.terminate()
        server.wait()


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/moto-api/", trust_env=False).is_success
    except httpx.HTTPError:
        return False
