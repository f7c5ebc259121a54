"""What others hold that a start needs: the project's name, and ports of this machine.

Owns the naming of the holder. Must not start or stop anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from gatewayctl.errors import ProjectNameTaken
from gatewayctl.runtimes.docker.docker_cli import DockerCli
from gatewayctl.runtimes.docker.states import Container, parse_container
from gatewayctl.runtimes.ports import Listener, find_listeners, port_taken
from gatewayctl.settings.model import Settings


def check_name(settings: Settings, found: Sequence[Container]) -> None:
    """Refuse containers of a project of this name in another folder that still exists.

    Compose knows projects by name alone: two folders with one name would stop and recreate each
    other's containers. Raises ProjectNameTaken.
    """
    ours = {_real(settings.compose_dir), _real(settings.project_dir)}
    for item in found:
        if item.folder is None or _real(item.folder) in ours or not _there(item.folder):
            continue
        raise ProjectNameTaken(
            f"Containers of a project {settings.project_name!r} exist already, "
            f"made in {item.folder}."
        )


def needed_ports(settings: Settings) -> Mapping[int, tuple[str, str]]:
    """Port → the service that publishes it and the name of the setting."""
    ports = settings.ports
    wanted = {
        ports.litellm: ("litellm", "ports.litellm"),
        ports.phoenix: ("phoenix", "ports.phoenix"),
        ports.phoenix_grpc: ("phoenix", "ports.phoenix_grpc"),
    }
    if settings.profile == "development":
        wanted[ports.postgres_litellm] = ("postgres-litellm", "ports.postgres_litellm")
        wanted[ports.postgres_phoenix] = ("postgres-phoenix", "ports.postgres_phoenix")
    for app in settings.apps:
        wanted |= dict.fromkeys(app.ports, (app.name, f"apps.{app.name}.ports"))
    return wanted


def check_ports(settings: Settings, found: Sequence[Container], docker: DockerCli) -> None:
    """Refuse ports that somebody else holds; raises PortTaken naming each holder."""
    wanted = needed_ports(settings)
    ours = {port for item in found if item.alive for port in item.ports}
    held = find_listeners(settings.bind, [port for port in wanted if port not in ours])
    if held:
        raise port_taken({port: _holder(who, docker) for port, who in held.items()}, wanted)


def _holder(who: Listener, docker: DockerCli) -> str:
    """A container by its name: the process that listens for it is only Docker's proxy."""
    for inspected in docker.containers_publishing(who.port):
        item = parse_container(inspected)
        of = f" of the Compose project {item.project}" if item.project else ""
        return f"the container {item.name}{of}"
    return str(who)


def _there(folder: Path) -> bool:
    try:
        return folder.is_dir()
    except PermissionError:
        # Another user's, in a folder that is closed to us.
        return True


def _real(folder: Path) -> Path:
    return folder.resolve()
