"""The progress of verbs that read many calls. Must not know what they do with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gatewayctl.runtimes.base import Progress

STEP: Final = 1000
"""Calls; LiteLLM needs two seconds to send their spend logs."""


def tell_progress(count: int, *, done: bool = False) -> Iterator[Progress]:
    """Tell how many calls were read: after each thousand, and at the end if there were as many."""
    if count >= STEP and (done or count % STEP == 0):
        yield Progress(
            subject="calls", state="ready" if done else "working", detail=f"{count:,} read"
        )
