"""A training to try gpubot with: `python -m bot.demo_training --epochs 60 --checkpoints DIR`.

It learns nothing. It behaves like a program that does: epochs, a checkpoint after each, SIGUSR1
saves one at once, SIGTERM saves one and ends, and `--resume` goes on from the last. It imports
nothing but the standard library, so that it starts at once.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

#: The file to resume from, in the folder of checkpoints.
CHECKPOINT = "last.json"
#: What it ends with after SIGTERM, as shells count: it did what it was asked, and is not done.
STOPPED = 128 + signal.SIGTERM
_HEARD = (signal.SIGUSR1, signal.SIGTERM)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train; the exit status."""
    options = _parser().parse_args(arguments)
    folder = Path(options.checkpoints)
    folder.mkdir(parents=True, exist_ok=True)
    # They wait until they are looked for, so that none comes in the middle of a checkpoint.
    signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    # A handler, though it is never called, shows that SIGUSR1 is welcome here.
    signal.signal(signal.SIGUSR1, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: None)
    done = _epochs_done(folder) if options.resume else 0
    _say(_beginning(done))
    for epoch in range(done + 1, options.epochs + 1):
        if not _train(folder, epoch, options):
            return STOPPED
    _say(f"finished after {options.epochs} epochs")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bot.demo_training", description=__doc__)
    parser.add_argument("--epochs", type=int, default=60, help="how many epochs in all")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long an epoch takes")
    parser.add_argument("--checkpoints", required=True, help="folder for checkpoints")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument("--fail-at", type=int, default=0, help="fail in that epoch")
    return parser


def _beginning(done: int) -> str:
    gpus = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    where = f"GPUs {gpus}" if gpus else "no GPU"
    return f"resumed after epoch {done} on {where}" if done else f"training on {where}"


def _train(folder: Path, epoch: int, options: argparse.Namespace) -> bool:
    """Do one epoch; False: it was asked to end, and has saved what there is."""
    until = time.monotonic() + options.seconds
    while (left := until - time.monotonic()) > 0:
        heard = signal.sigtimedwait(_HEARD, left)
        if heard is None:
            break
        _save(folder, epoch - 1)
        if heard.si_signo == signal.SIGTERM:
            _say(f"asked to end: checkpoint of epoch {epoch - 1} saved")
            return False
        _say(f"warned: checkpoint of epoch {epoch - 1} saved")
    if epoch == options.fail_at:
        raise SystemExit(f"epoch {epoch}: loss is nan")
    _save(folder, epoch)
    _say(f"epoch {epoch}/{options.epochs} loss {_loss(epoch):.4f}")
    return True


def _loss(epoch: int) -> float:
    return 2.5 * math.exp(-epoch / 20) + 0.1


def _save(folder: Path, epoch: int) -> None:
    """Write the checkpoint, whole or not at all."""
    if epoch < 1:
        return
    made = folder / f".{CHECKPOINT}.{os.getpid()}"
    made.write_text(json.dumps({"epoch": epoch, "loss": round(_loss(epoch), 4)}))
    made.replace(folder / CHECKPOINT)


def _epochs_done(folder: Path) -> int:
    try:
        return int(json.loads((folder / CHECKPOINT).read_text())["epoch"])
    except FileNotFoundError:
        return 0


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
