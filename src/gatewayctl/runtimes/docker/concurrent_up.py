"""Starts of a Compose project that are going on beside us.

A gatewayctl that is killed leaves its `docker compose up` at work, and two at once break each
other: the engine refuses to remove or name what the other one does. Owns finding them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence


def find_concurrent_ups(project: str) -> tuple[int, ...]:
    """The ids of processes that start this Compose project in the background, and then end."""
    import psutil

    # A zombie has no command line, and of another user's process it may not be told.
    return tuple(
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if _starts(process.info["cmdline"] or (), project)
    )


def _starts(words: Sequence[str], project: str) -> bool:
    named = ("--project-name", project) in itertools.pairwise(words)
    return named and {"compose", "up", "--detach"} <= set(words) and "--dry-run" not in words
