"""Who uses a port: another project of gatewayctl, a container, or any other process.

Owns recognizing the projects of gatewayctl, of every runtime, and the command that stops each. Must
not know who needs the port.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatewayctl.errors import PortTaken, RuntimeProblem
from gatewayctl.runtimes.docker import engine
from gatewayctl.runtimes.docker.docker_cli import DockerCli
from gatewayctl.runtimes.docker.states import Container, parse_container
from gatewayctl.runtimes.embedded.orphans import project_of
from gatewayctl.runtimes.kubernetes.forwarding import project as port_forward
from gatewayctl.runtimes.ports import Listener
from gatewayctl.runtimes.runtime_marker import read_runtime
from gatewayctl.settings.model import RuntimeName

Containers = Callable[[int], Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PortOwner:
    """Who uses a port; ``stop`` is the command that stops it, None if gatewayctl cannot.

    ``folder`` is that of a gatewayctl project; None for anything else.
    """

    name: str
    stop: str | None = None
    folder: Path | None = None

    def __str__(self) -> str:
        return self.name


def find_owner(listener: Listener, containers: Containers | None = None) -> PortOwner:
    """Recognize the project or the container behind a listener.

    ``containers`` inspects those that publish a port; by default it asks an engine that answers.
    """
    places: tuple[tuple[RuntimeName, Callable[[int], Path | None]], ...] = (
        ("embedded", project_of),
        ("kubernetes", port_forward.project_of),
    )
    for runtime, find in places:
        folder = None if listener.pid is None else find(listener.pid)
        if folder is not None and folder.is_dir():
            return _project_owner(folder, runtime)
    for inspected in (containers or _find_containers)(listener.port):
        return _container_owner(parse_container(inspected))
    return PortOwner(name=str(listener))


def port_taken(owners: Mapping[int, PortOwner], wanted: Mapping[int, tuple[str, str]]) -> PortTaken:
    """The failure that reports the owner of each port.

    ``wanted`` maps each port to the service that needs it and the name of its setting.
    """
    lines = [
        f"Port {port}, which {wanted[port][0]} needs, is used by {who}."
        for port, who in sorted(owners.items())
    ]
    names = ", ".join(wanted[port][1] for port in sorted(owners))
    found = dict.fromkeys(owner.stop for _, owner in sorted(owners.items()))
    stops = [f"`{stop}`" for stop in found if stop is not None]
    other = ["stop the other process"] if None in found else []
    first = " and ".join([*(["run " + " and ".join(stops)] if stops else []), *other])
    return PortTaken(
        "\n".join(lines),
        hint=f"{first[0].upper()}{first[1:]}, or choose another port: set {names} in gateway.yaml.",
    )


def project_folder(item: Container) -> Path | None:
    """The folder of the gatewayctl project that created a container; None if none did."""
    # Compose is run in the project's compose/, beside the folder of its state.
    if item.folder is None:
        return None
    try:
        return item.folder.parent if (item.folder.parent / ".gatewayctl").is_dir() else None
    except PermissionError:
        return None


def stop_command(folder: Path, runtime: RuntimeName) -> str:
    """The command that stops the stack of a project in a runtime."""
    # `down` takes the runtime that the project used last.
    other = read_runtime(folder / ".gatewayctl") != runtime
    chosen = ["--runtime", runtime] if other else []
    return shlex.join(["gatewayctl", "-C", str(folder), *chosen, "down"])


def _project_owner(folder: Path, runtime: RuntimeName) -> PortOwner:
    name, stop = f"the gatewayctl project {folder}", stop_command(folder, runtime)
    return PortOwner(name=name, stop=stop, folder=folder)


def _container_owner(item: Container) -> PortOwner:
    """A container rather than Docker's proxy, which listens for it."""
    if (folder := project_folder(item)) is not None:
        return _project_owner(folder, "docker")
    of = f" of the Compose project {item.project}" if item.project else ""
    return PortOwner(name=f"the container {item.name}{of}")


def _find_containers(port: int) -> Sequence[Mapping[str, Any]]:
    if engine.probe_engine(engine.endpoint()) != "answers":
        return ()
    # Which containers publish a port does not depend on a project.
    docker = DockerCli(project="", compose_file=Path(), env_file=Path())
    try:
        return docker.containers_publishing(port)
    except RuntimeProblem:
        return ()
