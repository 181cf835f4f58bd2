"""The options of `gpubot book`, `release` and `cancel`, and what their help says."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from bot.pipeline.exits import MEANINGS

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001

#: Runs a command; gives its exit code.
Run = Callable[[argparse.Namespace], int]

BOOK = """\
Book GPUs from a pipeline, with the words after `/gpu reserve`:

  gpubot book 4 now 20h on gpu-03 --purpose "yolo nightly" --wait 2h

The booking is printed as NAME=value lines (GPU_BOOKING, GPU_NODES, GPU_IDS,
CUDA_VISIBLE_DEVICES, …), for a shell, $GITHUB_ENV or a dotenv file.
"""
RELEASE = """\
Give a booking back at the end of a pipeline: it is released when it runs, cancelled when it has
not begun, and left alone when it is over.
"""
CANCEL = "Take a booking back that has not begun; nothing else."


def add_options(commands: Commands, run: Callable[[str], Run]) -> None:
    """Add the three commands; `run` gives what runs the one of that name."""
    _add_book(commands, run("book"))
    for name, summary, about in (
        ("release", "from a pipeline: give a booking back", RELEASE),
        ("cancel", "from a pipeline: cancel a booking", CANCEL),
    ):
        parser = _parser(commands, name, summary, about, run(name))
        parser.add_argument("booking", nargs="?", metavar="ID", help="as in B142; else GPU_BOOKING")
        parser.add_argument("--reason", default="", help="why, for whoever reads its history")
        _add_common(parser)


def _add_book(commands: Commands, run: Run) -> None:
    parser = _parser(commands, "book", "from a pipeline: book GPUs over HTTP", BOOK, run)
    parser.add_argument("words", nargs="+", metavar="WORD", help="N WHEN LENGTH [on NODE] …")
    parser.add_argument("--purpose", default="", help="what for; the team's channel shows it")
    parser.add_argument(
        "--wait",
        metavar="LENGTH",
        help="book the first start up to so much later than asked, and stay until it has begun",
    )
    parser.add_argument(
        "--keep", action="store_true", help="keep the booking when this command is interrupted"
    )
    parser.add_argument(
        "--key",
        default="",
        help="tells this step from others with the same words, as in the jobs of a matrix",
    )
    _add_common(parser)


def _parser(
    commands: Commands, name: str, summary: str, about: str, run: Run
) -> argparse.ArgumentParser:
    lines = [f"  {int(code)}  {meaning}" for code, meaning in MEANINGS.items()]
    parser = commands.add_parser(
        name,
        help=summary,
        description=about,
        epilog="\n".join(["exit codes:", *lines, "  130, 143  interrupted by a signal"]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", default="", help="gpubot's address; else GPUBOT_URL")
    parser.add_argument(
        "--token",
        default="",
        help="a token of /gpu token; better GPUBOT_TOKEN, which no list shows",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--patience",
        type=_minutes,
        default=10.0,
        metavar="MINUTES",
        help="how long gpubot may be out of reach (default: 10)",
    )


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = -1.0
    if not 0 <= minutes <= 1440:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of minutes from 0 to 1440")
    return minutes
