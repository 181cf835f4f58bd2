"""An embedded Slack workspace: Web API, Socket Mode, signed HTTP and a page to use it.

`gpubot demo` runs the unmodified bot against it, tests use it as Slack's double. It knows Slack,
not GPUs, imports nothing of the rest of the bot, and listens on loopback only.
"""

from bot.sandbox.clock import SandboxClock
from bot.sandbox.errors import CannotSee
from bot.sandbox.records import SandboxChannel, SandboxUser, SandboxUsergroup
from bot.sandbox.server import Sandbox

__all__ = [
    "CannotSee",
    "Sandbox",
    "SandboxChannel",
    "SandboxClock",
    "SandboxUser",
    "SandboxUsergroup",
]
