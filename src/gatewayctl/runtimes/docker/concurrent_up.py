"""Other processes that run `docker compose up` for the same project.

A gatewayctl that is killed leaves its `docker compose up` running, and two at once break each
other: both create and remove the same containers. Owns finding them and waiting for them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Final

from gatewayctl.errors import RuntimeProblem
from gatewayctl.runtimes.base import Progress

if TYPE_CHECKING:
    from gatewayctl.runtimes.docker.docker_cli import DockerCli

_WAIT_SECONDS: Final = 120.0
_POLL_SECONDS: Final = 0.3


def find_concurrent_ups(project: str) -> tuple[int, ...]:
    """The ids of processes that are starting this Compose project and end when it is up."""
    import psutil

    # A zombie has no command line, and that of another user's process may be hidden.
    return tuple(
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if _starts(process.info["cmdline"] or (), project)
    )


def wait_for_concurrent_ups(
    docker: DockerCli, clock: Callable[[], float], sleep: Callable[[float], None]
) -> Generator[Progress, None, None]:
    """Wait until no other process is starting the project; raises RuntimeProblem after 120 s."""
    until, waited = clock() + _WAIT_SECONDS, False
    while others := docker.find_concurrent_ups():
        if clock() >= until:
            raise RuntimeProblem(
                f"Another `docker compose up` of this project does not end (pid {others[0]}).",
                hint=f"Find out what it waits for, or end it: kill {others[0]}",
            )
        if not waited:
            detail = "waiting for another `docker compose up` of this project"
            yield Progress(subject="docker compose", state="working", detail=detail)
        waited = True
        sleep(_POLL_SECONDS)
    if waited:
        yield Progress(subject="docker compose", state="ready")


def _starts(args: Sequence[str], project: str) -> bool:
    named = ("--project-name", project) in itertools.pairwise(args)
    return named and {"compose", "up", "--detach"} <= set(args) and "--dry-run" not in args
