"""Steps of a stop: the order in which containers end, and the removal of volumes.

Must not know who asked for it.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Final

from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.docker import volumes
from gatewayctl.runtimes.docker.database_shell import SERVICES
from gatewayctl.runtimes.docker.docker_cli import DockerCli
from gatewayctl.runtimes.docker.states import Container
from gatewayctl.settings.model import Settings

DATABASES: Final = frozenset({*SERVICES.values(), "redis"})
"""Services that the others need until they have stopped."""


def stop_containers(
    docker: DockerCli, containers: Sequence[Container]
) -> Generator[Progress, None, None]:
    """Stop those that run: services before their databases."""
    # Containers of older settings count as services.
    first = [item for item in containers if item.alive and item.service not in DATABASES]
    last = [item for item in containers if item.alive and item.service in DATABASES]
    for group in (first, last):
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
