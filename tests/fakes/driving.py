"""Generators driven to their end, so that a test can look at both halves."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

Report = TypeVar("Report")


def driven(events: Generator[Any, None, Report]) -> tuple[list[Any], Report]:
    """Everything a verb yielded, and the report it returned."""
    seen: list[Any] = []
    while True:
        try:
            seen.append(next(events))
        except StopIteration as done:
            report: Report = done.value
            return seen, report


def report_of(events: Generator[Any, None, Report]) -> Report:
    """The report of a verb, its progress unseen."""
    return driven(events)[1]
