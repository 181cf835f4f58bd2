"""A program that behaves as tests want, for labs whose runs are real processes.

It takes its orders from a folder: `FOLDER ordinary|stubborn|simple`. See `Played`.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path


def main() -> None:
    """Run until told otherwise."""
    folder, behaviour = Path(sys.argv[1]), sys.argv[2]
    worker = os.environ["GPUBOT_WORKER"]
    if behaviour == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, lambda *_: _end("saved", 0))
    if behaviour != "simple":
        signal.signal(signal.SIGUSR1, lambda *_: _say("warned"))
    (folder / f"environ-{worker}").write_bytes(Path("/proc/self/environ").read_bytes())
    with (folder / f"started-{worker}").open("a") as file:
        file.write(f"{os.getpid()}\n")
    _say(f"worker {worker} is here")
    said = 0
    while True:
        told = _read(folder / f"say-{worker}")[said:]
        said += len(told)
        sys.stdout.write(told)
        sys.stdout.flush()
        if code := _read(folder / f"finish-{worker}"):
            sys.exit(int(code))
        time.sleep(0.02)


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def _end(text: str, code: int) -> None:
    _say(text)
    os._exit(code)


if __name__ == "__main__":
    main()
