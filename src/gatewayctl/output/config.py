"""Renders `config pull`: what was written into the file and what stays in the database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gatewayctl.operations.config.pull import PullReport


def render_pull(report: PullReport) -> Iterator[str]:
    """One line for each setting, then what to do next."""
    for each in report.written:
        yield f"written  {each.file}: {each.path}"
    for line in report.kept:
        yield f"kept     {line}"
    if not report.changed:
        yield "Nothing to pull: the database adds nothing to the files."
        return
    if report.models:
        names = ", ".join(report.models)
        yield f"The keys of {names} are only in the database, which keeps these models, too."
    yield "next     `gatewayctl up`"
