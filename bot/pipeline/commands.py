"""The command line of pipelines: its options, and how its commands end."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable

from bot.pipeline.booking import Pipeline, Wish, job_key, worded
from bot.pipeline.client import Client, Failed, Json
from bot.pipeline.exits import Exit
from bot.pipeline.showing import as_json, as_lines, failed_as_json, nearest
from bot.pipeline.signals import Interrupted, interruptible


def book(parsed: argparse.Namespace) -> int:
    """`gpubot book`."""
    text = worded(parsed.words, parsed.purpose)
    key = job_key(os.environ, f"{text}\0{parsed.wait or ''}", parsed.key)
    wish = Wish(text, parsed.wait, keep=parsed.keep)
    return _run(parsed, lambda pipeline: pipeline.book(wish, key))


def release(parsed: argparse.Namespace) -> int:
    """`gpubot release`."""
    return _run(parsed, lambda pipeline: pipeline.give_back(_label(parsed), parsed.reason))


def cancel(parsed: argparse.Namespace) -> int:
    """`gpubot cancel`."""
    return _run(parsed, lambda pipeline: pipeline.cancel(_label(parsed), parsed.reason))


def _run(parsed: argparse.Namespace, act: Callable[[Pipeline], Json]) -> int:
    """Do it, print the booking, and return the exit code."""
    try:
        with interruptible():
            booking = _with_client(parsed, act)
    except Failed as error:
        return _failed(parsed, error)
    except Interrupted as interrupted:
        return interrupted.code
    _print(as_json(booking) if parsed.json else as_lines(booking))
    return Exit.DONE


def _with_client(parsed: argparse.Namespace, act: Callable[[Pipeline], Json]) -> Json:
    url = parsed.url or os.environ.get("GPUBOT_URL", "").strip()
    token = parsed.token or os.environ.get("GPUBOT_TOKEN", "").strip()
    client = Client(url, token, patience_s=parsed.patience * 60, tell=_tell)
    try:
        return act(Pipeline(client, _tell))
    finally:
        client.close()


def _failed(parsed: argparse.Namespace, error: Failed) -> int:
    _tell(str(error))
    for line in nearest(error.problem):
        _tell(f"free instead: {line}")
    if parsed.json:
        _print(failed_as_json(error))
    return error.code


def _label(parsed: argparse.Namespace) -> str:
    label = parsed.booking or os.environ.get("GPU_BOOKING", "").strip()
    if not label.removeprefix("B").removeprefix("b").isalnum():
        raise Failed(Exit.USAGE, "say which booking, as in B142, or set GPU_BOOKING")
    return str(label)


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _tell(text: str) -> None:
    sys.stderr.write(f"gpubot: {text}\n")
    sys.stderr.flush()


COMMANDS = {"book": book, "release": release, "cancel": cancel}
