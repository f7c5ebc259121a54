"""Run generators to their end, so that a test sees their events and their report."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

import pytest

from gatewayctl.errors import Interrupted
from gatewayctl.generators import drain

Report = TypeVar("Report")


def driven(events: Generator[Any, None, Report]) -> tuple[list[Any], Report]:
    """Run a verb; return everything it yielded, and its report."""
    seen: list[Any] = []
    report = drain(events, seen.append)
    return seen, report


def report_of(events: Generator[Any, None, Report]) -> Report:
    """Run a verb; return its report alone."""
    return driven(events)[1]


def press_control_c(events: Generator[Any, None, Any], *, after: int) -> Interrupted:
    """Run a verb until it has yielded so many events, interrupt it, and return what it tells."""
    for _ in range(after):
        next(events)
    with pytest.raises(Interrupted) as told:
        events.throw(KeyboardInterrupt)
    return told.value
