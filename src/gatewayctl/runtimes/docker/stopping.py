"""Ending containers: the order of a stop, and temporary ones that outlive their command.

A command that is killed leaves its temporary container on the network of the project, which then
cannot be removed. Owns the names of these containers. Must not know who asks for a stop.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from gatewayctl.errors import RuntimeProblem
from gatewayctl.runtimes import process
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.docker import volumes
from gatewayctl.runtimes.docker.states import ONE_OFF, PROJECT, Container
from gatewayctl.settings.model import Settings

if TYPE_CHECKING:
    from gatewayctl.runtimes.docker.docker_cli import DockerCli

_TEMPORARY: Final = re.compile(r"-check-(\d+)-[0-9a-f]{6}$")
_SECONDS: Final = 30.0


@contextmanager
def name_temporary(program: str, project: str, service: str) -> Iterator[str]:
    """A new name for a temporary container, which is removed if the block fails.

    ``program`` is docker. Those that killed processes left are removed first.
    """
    _remove(program, [name for name in _list_temporary(program, project) if _is_abandoned(name)])
    name = f"{project}-{service}-check-{os.getpid()}-{secrets.token_hex(3)}"
    try:
        yield name
    except BaseException:
        # Only the docker program has ended: its container runs on.
        _remove(program, [name])
        raise


def _list_temporary(program: str, project: str) -> list[str]:
    filters = (f"label={PROJECT}={project}", f"label={ONE_OFF}=True")
    words = [word for one in filters for word in ("--filter", one)]
    argv = [program, "ps", "--all", "--format", "{{.Names}}", *words]
    return process.run(argv, timeout=_SECONDS).stdout.split()


def _is_abandoned(name: str) -> bool:
    """True if the process that created a temporary container does not exist any more."""
    import psutil

    found = _TEMPORARY.search(name)
    return found is not None and not psutil.pid_exists(int(found[1]))


def _remove(program: str, names: Sequence[str]) -> None:
    """Remove containers, whether they run or not; one that is not there is no failure."""
    if names:
        with suppress(RuntimeProblem):
            argv = [program, "container", "rm", "--force", "--volumes", *names]
            process.run(argv, timeout=_SECONDS)


def stop_containers(
    docker: DockerCli, containers: Sequence[Container], *, last: Collection[str]
) -> Generator[Progress, None, None]:
    """Stop those that run; the services ``last`` after those that use them."""
    # Containers of older settings count as services.
    users = [item for item in containers if item.alive and item.service not in last]
    used = [item for item in containers if item.alive and item.service in last]
    for group in (users, used):
        for item in group:
            yield Progress(subject=item.service, state="working", detail="stopping")
        if group:
            docker.stop([item.id for item in group])
        for item in group:
            yield Progress(subject=item.service, state="stopped")


def remove_volumes(docker: DockerCli, settings: Settings) -> None:
    """Remove the volumes and their record, which says at every moment whether they may exist."""
    volumes.begin_removal(settings)
    docker.remove_volumes()
    volumes.forget_volumes(settings)
