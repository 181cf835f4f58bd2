"""A process that has read every module and gives birth to others: that is faster than starting.

Each line of its input is an order for a life; each line of its output says how that life ended:
the number of the signal that killed it, negative, or its exit code.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback

from restart.life import live


def main() -> None:
    gc.freeze()
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            _live_and_die(order)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _live_and_die(order: dict[str, object]) -> None:
    try:
        live(order)
    except BaseException:  # noqa: BLE001 - nothing may outlive this process
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main()
