"""What a start would do to a service, for every runtime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ServiceAction = Literal["start", "restart", "recreate", "roll_out", "update", "untouched"]
"""``roll_out`` replaces it without an interruption, ``update`` leaves what runs of it alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceChange:
    """What a start would do to one service; ``why`` holds names of what differs, no values."""

    service: str
    action: ServiceAction
    why: tuple[str, ...] = ()
