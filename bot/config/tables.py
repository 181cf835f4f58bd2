"""What every table of the configuration file has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """A table of the file: every key is known, and nothing is converted silently."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
