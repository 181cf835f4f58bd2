"""`python -m bot` is the same program as `gpubot`."""

import sys

from bot.cli import main

sys.exit(main())
