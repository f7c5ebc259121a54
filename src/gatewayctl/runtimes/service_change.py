"""What a start would do to each service, as data; the same for every runtime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PendingAction = Literal["start", "restart", "recreate", "untouched"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingChange:
    """What a start would do to one service, and the names of what differs; no values."""

    service: str
    action: PendingAction
    why: tuple[str, ...] = ()
