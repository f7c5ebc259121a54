"""Conflicts of a start with others: over the project's name, and over ports of this machine.

Must not start or stop anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from gatewayctl.errors import ProjectNameTaken
from gatewayctl.operating_system import real_path
from gatewayctl.rendering.compose import services_of
from gatewayctl.runtimes.docker.database_shell import SERVICES
from gatewayctl.runtimes.docker.docker_cli import DockerCli
from gatewayctl.runtimes.docker.states import FOLDER, SERVICE, Container
from gatewayctl.runtimes.port_owners import (
    find_owner,
    port_taken,
    project_folder,
    stop_command,
)
from gatewayctl.runtimes.ports import find_listeners
from gatewayctl.settings.model import Settings


def check_name(settings: Settings, found: Sequence[Container]) -> None:
    """Refuse containers of a project of this name in another folder that still exists.

    Compose identifies projects by name only: two folders with one name would stop and recreate
    each other's containers. Raises ProjectNameTaken.
    """
    for item in found:
        if item.folder and not _is_ours(settings, item.folder) and _exists(item.folder):
            folder = project_folder(item)
            stop = (
                "stop that project" if folder is None else f"run `{stop_command(folder, 'docker')}`"
            )
            raise ProjectNameTaken(
                f"Containers of a project {settings.project_name!r} exist already, "
                f"created in {item.folder}.",
                hint=f"Choose another project_name in gateway.yaml, or {stop}.",
            )


def is_own(settings: Settings, labels: Mapping[str, str], service: str) -> bool:
    """True if the labels of a container are those of this service of this project.

    One of a folder that does not exist any more is this project's, which was moved.
    """
    folder = labels.get(FOLDER)
    is_other = folder is not None and not _is_ours(settings, folder) and _exists(Path(folder))
    return labels.get(SERVICE) == service and not is_other


def _is_ours(settings: Settings, folder: Path | str) -> bool:
    ours = {real_path(settings.compose_dir), real_path(settings.project_dir)}
    return real_path(Path(folder)) in ours


def needed_ports(settings: Settings) -> Mapping[int, tuple[str, str]]:
    """Port → the service that publishes it and the name of the setting."""
    ports = settings.ports
    wanted: dict[int | None, tuple[str, str]] = {
        ports.litellm: ("litellm", "ports.litellm"),
        ports.phoenix: ("phoenix", "ports.phoenix"),
        ports.phoenix_grpc: ("phoenix", "ports.phoenix_grpc"),
    }
    if settings.profile == "development":
        wanted[ports.postgres_litellm] = ("postgres-litellm", "ports.postgres_litellm")
        wanted[ports.postgres_phoenix] = ("postgres-phoenix", "ports.postgres_phoenix")
    for app in settings.apps:
        wanted |= dict.fromkeys(app.ports, (app.name, f"apps.{app.name}.ports"))
    others = {*SERVICES.values(), "phoenix"}.difference(services_of(settings))
    return {port: who for port, who in wanted.items() if port is not None and who[0] not in others}


def check_ports(settings: Settings, found: Sequence[Container], docker: DockerCli) -> None:
    """Refuse ports that are used by others; raises PortTaken with the owner of each."""
    wanted = needed_ports(settings)
    ours = {port for item in found if item.alive for port in item.ports}
    owners = find_listeners(settings.bind, [port for port in wanted if port not in ours])
    if owners:
        ask = docker.containers_publishing
        raise port_taken({port: find_owner(who, ask) for port, who in owners.items()}, wanted)


def _exists(folder: Path) -> bool:
    try:
        return folder.is_dir()
    except PermissionError:
        # It belongs to another user, in a folder that we may not enter.
        return True
